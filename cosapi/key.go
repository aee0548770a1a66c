package cosapi

import (
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of COS (cos-api.md 3.0.5).
const (
	MaxKeyLen     = 850     // bytes of UTF-8
	MaxPutSize    = 5 << 30 // bytes of one put, part, append or simple copy
	MinPartSize   = 1 << 20 // bytes of every part but the last
	MaxParts      = 10_000  // parts of one upload
	MaxMetaSize   = 2 << 10 // bytes of user metadata, names and values
	MaxListPage   = 1000    // rows of a listing, keys of a DeleteMulti batch
	maxHostLength = 60      // characters of a host generated from a bucket name
)

// CheckKey says whether key can be sent (cos-api.md 1.3): NameTooLong beyond
// MaxKeyLen, Invalid for what COS refuses and for keys that a hop merging
// paths would turn into the bucket itself.
func CheckKey(key string) error {
	fault := ""
	switch {
	case len(key) > MaxKeyLen:
		return &Error{Op: "CheckKey", Key: key, Kind: NameTooLong, Message: "keys have at most 850 bytes"}
	case key == "":
		fault = "the key is empty"
	case key[0] == '/' || key[0] == '\\':
		fault = "keys do not begin with a slash"
	case !utf8.ValidString(key):
		fault = "keys are UTF-8"
	case strings.ContainsAny(key, "\x18\x19\x1a\x1b"):
		fault = "the control characters 24 to 27 are not allowed in keys"
	case path.Clean("/"+key) == "/":
		fault = "the key means the root of the bucket once dots and slashes are merged"
	}
	if fault == "" {
		return nil
	}
	return &Error{Op: "CheckKey", Key: key, Kind: Invalid, Message: fault}
}

// bucketName is name-APPID (cos-api.md 1.2).
var bucketName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?-[0-9]+$`)

// CheckBucket says whether name can be a bucket's.
func CheckBucket(name string) error {
	if bucketName.MatchString(name) {
		return nil
	}
	return &Error{Op: "CheckBucket", Key: name, Kind: Invalid,
		Message: "bucket names are <name>-<APPID>: lower-case letters, digits and hyphens, then the account's number"}
}
