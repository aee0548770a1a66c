package cosserver

import (
	"net/http"
	"strings"
	"time"
)

// conditions are the four If-* headers of a request.
type conditions struct {
	match, noneMatch                     string
	modifiedSince, unmodifiedSince       time.Time
	hasModifiedSince, hasUnmodifiedSince bool
}

// readConditions takes them from the headers with prefix in front, which is
// x-cos-copy-source- for those on the source of a copy. A time that is none is
// ignored.
func readConditions(h http.Header, prefix string) conditions {
	c := conditions{match: h.Get(prefix + "If-Match"), noneMatch: h.Get(prefix + "If-None-Match")}
	if t, err := http.ParseTime(h.Get(prefix + "If-Modified-Since")); err == nil {
		c.modifiedSince, c.hasModifiedSince = t, true
	}
	if t, err := http.ParseTime(h.Get(prefix + "If-Unmodified-Since")); err == nil {
		c.unmodifiedSince, c.hasUnmodifiedSince = t, true
	}
	return c
}

// evaluate gives the status that the conditions lead to, 0 when they hold, in
// the order of RFC 7232 section 6.
func evaluate(c conditions, o *objectRecord) int {
	modified := o.Modified.Truncate(time.Second)
	switch {
	case c.match != "":
		if !matches(c.match, o.ETag) {
			return http.StatusPreconditionFailed
		}
	case c.hasUnmodifiedSince && modified.After(c.unmodifiedSince):
		return http.StatusPreconditionFailed
	}
	switch {
	case c.noneMatch != "":
		if matches(c.noneMatch, o.ETag) {
			return http.StatusNotModified
		}
	case c.hasModifiedSince && !modified.After(c.modifiedSince):
		return http.StatusNotModified
	}
	return 0
}

// matches compares an ETag with a list of them, quoted or not; * matches any.
func matches(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimPrefix(strings.TrimSpace(item), "W/"); item == "*" || unquote(item) == etag {
			return true
		}
	}
	return false
}
