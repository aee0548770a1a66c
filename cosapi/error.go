package cosapi

import (
	"fmt"
	"strings"
	"time"
)

// Kind is what a caller acts on: the class of an error, independent of COS's
// many codes. A Kind is itself an error so that errors.Is(err, NotFound) works.
type Kind uint8

// The kinds. The table from COS's codes is in kinds.go.
const (
	Other       Kind = iota // no better class
	NotFound                // no such key, version or copy source
	NoBucket                // the bucket itself does not exist
	NoUpload                // the multipart upload is unknown, aborted or completed
	NotSet                  // a configuration that was never set
	Denied                  // no permission, bad key or signature, expired request
	Skewed                  // the clock differs too much from COS's
	Exists                  // refused because the key or bucket exists
	NotEmpty                // the bucket is not empty
	Changed                 // another version than the one named
	Invalid                 // the request is wrong
	NameTooLong             // key or bucket name too long
	TooLarge                // beyond a size limit of COS
	NoSpace                 // beyond a count limit of COS (ACL, policies, buckets)
	OutOfRange              // beyond the end of the object
	Archived                // in an archive and not restored
	InProgress              // a restore is already running
	Locked                  // object lock forbids it
	Unsupported             // COS, or this endpoint, does not offer it
	Throttled               // too many requests; retried already
	Unavailable             // no answer, a broken answer or a server error; retried already
	Timeout                 // the deadline passed
	Canceled                // the caller's context was cancelled
	Corrupt                 // bytes and checksum do not agree
	NotModified             // the caller has this version already (If-None-Match, If-Modified-Since)
)

var kindNames = [...]string{
	"error", "not found", "bucket not found", "upload not found", "not set", "access denied", "clock skew", "already exists",
	"bucket not empty", "changed", "invalid request", "name too long", "too large", "limit reached", "range not satisfiable",
	"archived", "in progress", "locked", "not supported", "throttled", "unavailable", "timed out", "cancelled", "corrupt", "not modified",
}

// Error is the name of the class.
func (k Kind) Error() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Error is the one error type of this package: both of the seeds'
// CosClientError (Status 0) and CosServiceError, whose get_digest_msg it is.
// Match it by Kind:
// errors.Is(err, cosapi.NotFound).
type Error struct {
	Op, Key string
	Kind    Kind
	Status  int    // HTTP status (get_status_code); 0 when there was no answer
	Code    string // COS's error code (get_error_code), or the fallback for the status (cos-api.md 4.1)
	Message string // get_error_msg
	// Resource, RequestID and TraceID are COS's, for its support
	// (get_resource_location, get_request_id, get_trace_id).
	Resource, RequestID, TraceID string
	Raw                          []byte // the answer's body, at most 64 KiB (get_origin_msg)
	Err                          error  // the cause below, if any

	hint hint // for the retry loop
}

// hint is what an answer says about repeating the request.
type hint struct {
	after     time.Duration // Retry-After; 0 if it has none
	date      time.Time     // the service's clock; zero if unknown
	permanent bool          // repeating cannot help, whatever the Kind
}

// Is matches a Kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// Unwrap gives the cause below.
func (e *Error) Unwrap() error { return e.Err }

// Error names the call, the key, the cause and what may help; it never has a
// secret in it.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Key != "" {
		fmt.Fprintf(&b, " %q", e.Key)
	}
	b.WriteString(": ")
	b.WriteString(e.Kind.Error())
	if e.Code != "" {
		fmt.Fprintf(&b, ": %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, " (%s)", e.Message)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ", status %d", e.Status)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, ", request %s", e.RequestID)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// configError is a Config that cannot work.
func configError(format string, args ...any) error {
	return &Error{Op: "New", Kind: Invalid, Message: fmt.Sprintf(format, args...)}
}

// invalid is a call that is not sent because its arguments cannot be right.
func invalid(op, key, format string, args ...any) *Error {
	return &Error{Op: op, Key: key, Kind: Invalid, Message: fmt.Sprintf(format, args...)}
}
