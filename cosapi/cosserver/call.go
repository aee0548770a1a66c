package cosserver

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// call is one request on its way through the server.
type call struct {
	s *Server
	w http.ResponseWriter
	r *http.Request
	q query
	target
	op       operation
	v4       bool     // signed as S3 signs
	chunked  bool     // the body comes in aws-chunked encoding
	encoding []string // Content-Encoding as it was sent, if chunked
	// bodyLength is the length of the content, -1 when unknown.
	bodyLength int64
	// rate is the bytes per second of a body, 0 for no limit: the server's
	// bandwidth, or less when the request asks for less.
	rate    int64
	id      string
	account *Account // nil: anonymous
	fault   *Fault   // nil: nothing goes wrong
	begun   bool     // the answer's header is on its way
}

// begin sends the header.
func (c *call) begin(status int) {
	c.begun = true
	if c.v4 {
		writeS3Names(c.w.Header())
	}
	c.w.WriteHeader(status)
}

// empty answers without a body.
func (c *call) empty(status int) error {
	if status == http.StatusOK {
		c.w.Header().Set("Content-Length", "0")
	}
	c.begin(status)
	return nil
}

// xml answers with a document.
func (c *call) xml(status int, x *xmlWriter) error {
	h := c.w.Header()
	h.Set("Content-Type", cmp.Or(x.mime, "application/xml"))
	h.Set("Content-Length", strconv.Itoa(len(x.buf)))
	c.begin(status)
	_, err := c.w.Write(x.buf)
	return err
}

// writeError answers with an error document; HEAD and 304 have none.
func (c *call) writeError(e *apiError) {
	h := c.w.Header()
	h.Set("x-cos-trace-id", c.id)
	if e.deleteMarker {
		h.Set("x-cos-delete-marker", "true")
	}
	if e.status == http.StatusNotModified || c.r.Method == http.MethodHead {
		c.begin(e.status)
		return
	}
	x := newXML()
	x.open("Error")
	x.text("Code", e.code)
	x.text("Message", e.message)
	for _, pair := range e.extra {
		x.text(pair[0], pair[1])
	}
	x.text("Resource", c.r.Host+c.path)
	x.text("RequestId", c.id)
	x.text("TraceId", c.id)
	x.close("Error")
	c.xml(e.status, x) // whoever is gone needs no answer
}

// setETag answers an ETag in the quotes of the wire.
func (c *call) setETag(etag string) { c.w.Header().Set("ETag", quote(etag)) }

// setCRC answers a checksum, a wrong one when a fault asks for it.
func (c *call) setCRC(crc uint64) {
	if c.fault != nil && c.fault.WrongCRC {
		crc++
	}
	c.w.Header().Set("x-cos-hash-crc64ecma", strconv.FormatUint(crc, 10))
}

func (c *call) setVersion(id string) {
	if id != "" {
		c.w.Header().Set("x-cos-version-id", id)
	}
}

func quote(etag string) string { return `"` + etag + `"` }

func unquote(etag string) string { return strings.Trim(strings.TrimSpace(etag), `"`) }

// Time formats of cos-api.md 3.0.3.
const (
	listTime = "2006-01-02T15:04:05.000Z"
	copyTime = "2006-01-02T15:04:05Z"
)

func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
