package cosapi

import (
	"net/http"
	"time"
)

// Version is the immutable identity of one content: a key holds many over
// time, a Version means one of them. It is comparable, and the name under
// which caches keep bytes.
type Version struct {
	Key  string
	ETag string // without the quotes of the wire; opaque
	Size int64  // bytes
}

// Range is a piece of an object, in bytes. Len < 0 reaches to the end.
type Range struct{ Off, Len int64 }

// Attrs are the attributes that a writer of an object chooses and that COS
// gives back as they were (cos-api.md 3.0.7). A copy with Replace set stores
// exactly the Attrs it is given: what is left empty is lost.
type Attrs struct {
	ContentType        string // empty: COS stores application/octet-stream
	CacheControl       string
	ContentDisposition string
	ContentEncoding    string
	ContentLanguage    string
	Expires            string
	// Meta is the user metadata, names lower-case and without the
	// x-cos-meta- prefix. Values are printable ASCII; at most 2 KB in all.
	Meta         map[string]string
	StorageClass string // empty: STANDARD
	Encryption   Encryption
}

// Encryption asks for server-side encryption (cos-api.md 3.0.9).
type Encryption struct {
	Algorithm string // "", "AES256" (SSE-COS) or "cos/kms"
	KMSKeyID  string
	Context   string // base64 JSON, KMS only
	// CustomerKey is the 32-byte key of SSE-C. It excludes the others and is
	// needed again on every read.
	CustomerKey []byte
}

// Object is what COS says of one object.
type Object struct {
	Version
	Attrs
	Modified  time.Time // second resolution from HEAD and GET, milliseconds from a listing
	CRC64     uint64    // of the whole content; valid if HasCRC64
	HasCRC64  bool
	VersionID string // empty in buckets that were never versioned
	Type      string // "appendable", or empty for normal objects
	Restore   string // x-cos-restore as sent, archived objects only
	// Expiration is x-cos-expiration as sent: when a lifecycle rule of the
	// bucket removes the object, and which; empty if none does.
	Expiration string
	// Location is the object's URL as CompleteUpload tells it; empty otherwise.
	Location string
	// Listed says that this came from a listing: Attrs holds only the
	// storage class, the rest is unknown rather than empty.
	Listed bool
}

// Entry is a row of a listing: an object, or a common prefix. Of a prefix
// only Key is set, and it ends with the delimiter.
type Entry struct {
	Object
	Owner  Owner
	Prefix bool
}

// ListOptions selects the rows of a listing. Keys come in ascending order of
// their UTF-8 bytes.
type ListOptions struct {
	Prefix    string
	Delimiter string // "" or "/"
	Marker    string // rows strictly after this one; only values got from Page.Next
	Max       int    // rows per page, 1 to 1000; 0 means 1000
}

// Page is one answer of a listing, objects and prefixes merged in key order.
type Page struct {
	Entries []Entry
	Next    string // marker of the next page (NextMarker); empty on the last, where IsTruncated is false
	Asked   Echo
}

// PutOptions are the choices of a write of content.
type PutOptions struct {
	Attrs
	ACL    string // canned ACL, or empty for the bucket's default
	Grants Grants
	// ForbidOverwrite makes the write fail with Exists when the key exists
	// (best effort on COS, see cos-api.md 3.4.1).
	ForbidOverwrite bool
	// ContentMD5 makes COS compare the body with its MD5 before it stores it.
	// It costs a pass over the body; the CRC64 of the answer is compared in
	// any case. Used by Put only.
	ContentMD5 bool
	// TrafficLimit slows the transfer down, in bit/s between 819 200 and
	// 838 860 800; 0 is no limit.
	TrafficLimit int64
	Tags         []Tag // at most 10
	// Header is sent as it is, beside what the options above produce.
	Header http.Header
}

// Grants are the explicit permissions of an ACL, each a list such as
// id="qcs::cam::uin/100000000001:uin/100000000001",id="…".
type Grants struct{ FullControl, Read, Write, ReadACP, WriteACP string }

// CopyOptions are the choices of a server-side copy.
type CopyOptions struct {
	// Replace stores Attrs in place of the source's; a copy onto the same
	// key needs it. Without it the source's attributes are kept, but storage
	// class, ACL and encryption are COS's defaults unless given here
	// (cos-api.md 3.4.5): StorageClass and Encryption are sent either way.
	Replace bool
	PutOptions
	CopySource
}

// Part is one stored part of a multipart upload. Numbers run from 1.
type Part struct {
	Number   int
	ETag     string // MD5 of the part, without quotes
	Size     int64
	CRC64    uint64 // of the bytes sent or answered; not known for parts of a listing
	HasCRC64 bool
	// Modified is when it was stored: of parts of a listing and of copies.
	Modified time.Time
	// SourceVersionID is the version a CopyPart read; empty if the source's
	// bucket was never versioned.
	SourceVersionID string
}

// Call is one finished attempt of a request, for Config.Observe.
type Call struct {
	Op        string // "PutObject", "ListObjects", … as the server counts them
	Key       string
	Attempt   int // from 1
	Status    int // 0 when there was no answer
	Err       error
	RequestID string
	Sent      int64 // body bytes
	Received  int64 // body bytes that the answer announced, -1 if it did not say
	Duration  time.Duration
}
