package cosserver

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// segment is a run of bytes of a blob. An object is a list of them: one for a
// plain PUT, one per part after a multipart upload, and a copy has the
// segments of its source.
type segment struct {
	Blob string `json:"b"`
	Off  int64  `json:"o,omitempty"`
	Len  int64  `json:"n"`
}

// objectHead is what a listing shows of an object.
type objectHead struct {
	Modified     time.Time // millisecond resolution, UTC
	Size         int64     // bytes
	ETag         string    // without quotes
	StorageClass string    // empty: STANDARD
	VersionID    string    // empty: written while the bucket was never versioned
	Seq          uint64    // order of the versions of a key; greater is newer
	DeleteMarker bool
}

// objectRecord is a version of an object, or a delete marker.
type objectRecord struct {
	objectHead
	objectDetail
}

// objectDetail is what only the object's own requests show.
type objectDetail struct {
	Segments []segment         `json:"-"` // encoded apart: there may be tens of thousands
	CRC64    uint64            `json:"crc64"`
	Headers  map[string]string `json:"headers,omitempty"` // lower-case names, as stored and answered
	ACL      aclRecord         `json:"acl,omitzero"`
	Owner    string            `json:"owner,omitempty"`
	Tags     []tag             `json:"tags,omitempty"`
	SSE      encryption        `json:"sse,omitzero"`
	Type     string            `json:"type,omitempty"` // "appendable", or empty
	Restore  restoreRecord     `json:"restore,omitzero"`
}

// tag is one pair of a tag set.
type tag struct {
	Key   string `xml:"Key" json:"k"`
	Value string `xml:"Value" json:"v"`
}

// restoreRecord is the state of an archived object's temporary copy.
type restoreRecord struct {
	Requested time.Time `json:"requested,omitzero"`
	Ready     time.Time `json:"ready,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`
	Tier      string    `json:"tier,omitempty"`
}

// partRecord is a stored part of an upload.
type partRecord struct {
	Number   int       `json:"number"`
	Segments []segment `json:"segments,omitempty"`
	Size     int64     `json:"size"`
	ETag     string    `json:"etag"` // hex MD5 of the part's bytes
	CRC64    uint64    `json:"crc64"`
	Modified time.Time `json:"modified"`
}

// uploadRecord is an unfinished multipart upload: what the object will be
// given when it is completed.
type uploadRecord struct {
	ID        string       `json:"id"`
	Initiated time.Time    `json:"initiated"`
	Class     string       `json:"class,omitempty"`
	Object    objectDetail `json:"object"`
}

// bucketRecord is a bucket. Configs holds bodies as they were sent, by
// sub-resource name.
type bucketRecord struct {
	Created    time.Time         `json:"created"`
	Owner      string            `json:"owner"`
	ACL        aclRecord         `json:"acl,omitzero"`
	Versioning string            `json:"versioning,omitempty"` // "", "Enabled" or "Suspended"
	MultiAZ    bool              `json:"multi_az,omitempty"`   // said at creation; it changes nothing here
	Configs    map[string][]byte `json:"configs,omitempty"`
}

const (
	recordFormat   = 1
	markerFlag     = 1
	defaultClass   = "STANDARD"
	appendableType = "appendable"
	nullVersion    = "null"
)

var errBadRecord = errors.New("damaged record in the index")

// encode writes the head in a form that listings decode in well under a
// microsecond, the segments in one that a GET of a huge object decodes in well
// under a millisecond, and the rest as JSON behind them.
func (o *objectRecord) encode() ([]byte, error) {
	detail, err := json.Marshal(&o.objectDetail)
	if err != nil {
		return nil, err
	}
	var flags byte
	if o.DeleteMarker {
		flags = markerFlag
	}
	b := make([]byte, 0, 96+len(detail)+len(o.Segments)*(idLength+8))
	b = append(b, recordFormat, flags)
	b = binary.AppendVarint(b, o.Modified.UnixMilli())
	b = binary.AppendVarint(b, o.Size)
	b = binary.AppendUvarint(b, o.Seq)
	for _, s := range []string{o.ETag, o.StorageClass, o.VersionID} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(len(o.Segments)))
	for _, s := range o.Segments {
		b = binary.AppendUvarint(b, uint64(len(s.Blob)))
		b = append(b, s.Blob...)
		b = binary.AppendUvarint(b, uint64(s.Off))
		b = binary.AppendUvarint(b, uint64(s.Len))
	}
	return append(b, detail...), nil
}

// decodeHead reads the head and gives the rest.
func decodeHead(b []byte) (objectHead, []byte, error) {
	r := recordReader{b: b}
	var h objectHead
	if r.byte() != recordFormat {
		return h, nil, errBadRecord
	}
	h.DeleteMarker = r.byte()&markerFlag != 0
	h.Modified = time.UnixMilli(r.varint()).UTC()
	h.Size = r.varint()
	h.Seq = r.uvarint()
	h.ETag, h.StorageClass, h.VersionID = r.text(), r.text(), r.text()
	if r.bad {
		return h, nil, errBadRecord
	}
	return h, r.b, nil
}

func decodeObject(b []byte) (*objectRecord, error) {
	head, rest, err := decodeHead(b)
	if err != nil {
		return nil, err
	}
	r := recordReader{b: rest}
	segs := r.segments()
	if r.bad {
		return nil, errBadRecord
	}
	o := &objectRecord{objectHead: head}
	err = decodeJSON(r.b, &o.objectDetail)
	o.Segments = segs
	return o, err
}

// segments reads a list of segments. A segment takes at least three bytes,
// which bounds what a damaged count can ask for.
func (r *recordReader) segments() []segment {
	n := r.uvarint()
	if n > uint64(len(r.b)/3) {
		r.bad = true
	}
	if n == 0 || r.bad {
		return nil
	}
	segs := make([]segment, n)
	all := string(r.b) // one allocation for all the ids
	for i := range segs {
		size := r.uvarint()
		at := len(all) - len(r.b)
		if size > uint64(len(r.b)) {
			r.bad = true
			return nil
		}
		r.take(int(size))
		segs[i] = segment{Blob: all[at : at+int(size)], Off: int64(r.uvarint()), Len: int64(r.uvarint())}
	}
	return segs
}

func decodeJSON(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", errBadRecord, err)
	}
	return nil
}

// recordReader takes fields off the front of b; after a field that does not
// fit it gives zeros and bad is set.
type recordReader struct {
	b   []byte
	bad bool
}

func (r *recordReader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *recordReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *recordReader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *recordReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *recordReader) skip(n int) {
	if n <= 0 {
		r.bad = true
	}
	r.take(n)
}

func (r *recordReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return ""
	}
	return string(r.take(int(n)))
}
