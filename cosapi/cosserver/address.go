package cosserver

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of names (cos-api.md 1.2, 1.3).
const (
	maxKeyBytes  = 850
	maxHostBytes = 60
)

// target is what a request addresses.
type target struct {
	bucket, key string // key empty: the bucket itself; bucket empty: the service
	// path is the decoded path as sent, which is what is signed. inBucket is
	// the same without the bucket's segment, which some clients sign in path
	// style (cos-api.md 2.2); it equals path in virtual-host style.
	path, inBucket string
}

// address finds bucket and key in a request. The path is taken as it came over
// the wire and decoded once: "//", "." and ".." are part of the key.
func address(r *http.Request, domains []string) (target, error) {
	raw := r.RequestURI
	if i := strings.IndexByte(raw, '?'); i >= 0 {
		raw = raw[:i]
	}
	// A proxy's absolute form names the host again.
	if i := strings.Index(raw, "://"); i > 0 && !strings.HasPrefix(raw, "/") {
		_, raw, _ = strings.Cut(raw[i+3:], "/")
		raw = "/" + raw
	}
	path, err := url.PathUnescape(raw)
	if err != nil || !strings.HasPrefix(path, "/") {
		return target{}, failure("InvalidURI")
	}
	t := target{path: path, inBucket: path}
	if bucket, ok := bucketOfHost(r.Host, domains); ok {
		t.bucket, t.key = bucket, path[1:]
	} else {
		t.bucket, t.key, _ = strings.Cut(path[1:], "/")
		t.inBucket = "/" + t.key
	}
	return t, t.check()
}

// bucketOfHost gives the label in front of a base domain.
func bucketOfHost(host string, domains []string) (string, bool) {
	host = strings.ToLower(hostname(host))
	if net.ParseIP(host) != nil {
		return "", false
	}
	for _, d := range domains {
		label, ok := strings.CutSuffix(host, "."+d)
		if ok && !strings.Contains(label, ".") {
			return label, true
		}
	}
	return "", false
}

// hostname is a Host header without its port and brackets.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

func (t *target) check() error {
	switch {
	case len(t.key) > maxKeyBytes:
		return failure("KeyTooLong")
	case !utf8.ValidString(t.key), strings.ContainsAny(t.key, "\x18\x19\x1a\x1b"):
		return failure("InvalidURI").because("the key is not UTF-8 or holds one of the control characters 24 to 27")
	}
	return nil
}

// bucketPattern is <name>-<APPID>.
var bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*-[0-9]+$`)

// checkBucketName tells whether a new bucket may have this name.
func checkBucketName(name, region string) error {
	if !bucketPattern.MatchString(name) {
		return failure("InvalidBucketName").because("a bucket name is lower-case letters, digits and hyphens, and ends with a hyphen and the APPID, such as test-1250000000")
	}
	if len(name)+len(".cos."+region+".myqcloud.com") > maxHostBytes {
		return failure("BucketNameTooLong")
	}
	return nil
}

// appID is the account's number at the end of a bucket name.
func appID(bucket string) string { return bucket[strings.LastIndexByte(bucket, '-')+1:] }
