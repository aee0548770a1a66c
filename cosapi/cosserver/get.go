package cosserver

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// overrides are the parameters of GET that replace headers of the answer.
var overrides = []string{
	"cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires",
}

// headObject is HEAD Object. A Range on it is ignored.
func (c *call) headObject() error {
	o, _, err := c.readable()
	if err != nil {
		return err
	}
	c.describe(o)
	if status := evaluate(readConditions(c.r.Header, ""), o); status != 0 {
		return c.empty(status)
	}
	c.w.Header().Set("Content-Length", strconv.FormatInt(o.Size, 10))
	c.begin(http.StatusOK)
	return nil
}

// getObject is GET Object (cos-api.md 3.4.2, 3.4.3).
func (c *call) getObject() error {
	for {
		o, raw, err := c.readable()
		if err != nil {
			return err
		}
		if archived(o, c.s.cfg.Now()) {
			return failure("InvalidObjectState")
		}
		switch evaluate(readConditions(c.r.Header, ""), o) {
		case http.StatusNotModified:
			c.describe(o)
			return c.empty(http.StatusNotModified)
		case http.StatusPreconditionFailed:
			return failure("PreconditionFailed")
		}
		piece, partial, err := parseRange(c.r.Header.Get("Range"), o.Size)
		if err != nil {
			c.w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", o.Size))
			return err
		}
		segs := slice(o.Segments, piece)
		release, ok, err := c.s.store.pin(segs, func() (bool, error) {
			return c.s.store.unchanged(c.bucket, c.key, c.q.get("versionId"), raw)
		})
		if err != nil {
			return err
		}
		if !ok {
			continue // overwritten in this moment: answer with the new one
		}
		defer release()
		return c.sendObject(o, segs, piece, partial)
	}
}

// sendObject answers with bytes.
func (c *call) sendObject(o *objectRecord, segs []segment, piece span, partial bool) error {
	c.describe(o)
	h := c.w.Header()
	for _, name := range overrides {
		if v := c.q.get("response-" + name); v != "" {
			h.Set(name, v)
		}
	}
	h.Set("Content-Length", strconv.FormatInt(piece.len, 10))
	status := http.StatusOK
	if partial {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", piece.off, piece.off+piece.len-1, o.Size))
		status = http.StatusPartialContent
	}
	// The first blob is opened before the header goes, so that a damaged store
	// is an error and not a broken body.
	r := c.s.store.reader(segs)
	defer r.Close()
	if err := r.open(); err != nil {
		return err
	}
	c.begin(status)
	n, err := r.WriteTo(c.bodyWriter())
	c.s.bytesOut.Add(n)
	return err
}

// readable looks up the version that is asked for and checks that it may be
// read with the keys that came along.
func (c *call) readable() (*objectRecord, []byte, error) {
	o, raw, err := c.asked()
	if err != nil {
		return nil, nil, err
	}
	if err := o.SSE.needKey(c.r.Header, sseCustomer); err != nil {
		return nil, nil, err
	}
	return o, raw, c.announceExpiration(o)
}

// asked looks up the version that the request names. A delete marker is
// nothing that can be read.
func (c *call) asked() (*objectRecord, []byte, error) {
	o, raw, err := c.s.store.lookup(c.bucket, c.key, c.q.get("versionId"))
	if err != nil {
		return nil, nil, err
	}
	if o.DeleteMarker {
		c.setVersion(o.VersionID)
		e := failure("NoSuchKey")
		e.deleteMarker = true
		return nil, nil, e
	}
	return o, raw, nil
}

// describe writes the headers of an object.
func (c *call) describe(o *objectRecord) {
	h := c.w.Header()
	for name, value := range o.Headers {
		h.Set(name, value)
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Last-Modified", httpTime(o.Modified))
	c.setETag(o.ETag)
	c.setCRC(o.CRC64)
	c.setVersion(o.VersionID)
	if o.StorageClass != "" {
		h.Set("x-cos-storage-class", o.StorageClass)
	}
	if o.Type != "" {
		h.Set("x-cos-object-type", o.Type)
		h.Set("x-cos-next-append-position", strconv.FormatInt(o.Size, 10))
	}
	if len(o.Tags) > 0 {
		h.Set("x-cos-tagging-count", strconv.Itoa(len(o.Tags)))
	}
	o.SSE.answer(h)
	describeRestore(h, o, c.s.cfg.Now())
}

// span is a run of bytes of an object.
type span struct{ off, len int64 }

// parseRange understands one range of bytes. What it does not understand is
// ignored; what lies beyond the object is an error (cos-api.md 3.4.3).
func parseRange(header string, size int64) (piece span, partial bool, err error) {
	whole := span{0, size}
	spec, ok := strings.CutPrefix(header, "bytes=")
	if !ok {
		return whole, false, nil
	}
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok {
		return whole, false, nil
	}
	if first == "" {
		n, err := offset(last)
		if err != nil {
			return whole, false, nil
		}
		if n == 0 || size == 0 {
			return whole, false, failure("InvalidRange")
		}
		n = min(n, size)
		return span{size - n, n}, true, nil
	}
	from, err := offset(first)
	if err != nil {
		return whole, false, nil
	}
	to := size - 1
	if last != "" {
		n, err := offset(last)
		if err != nil || n < from {
			return whole, false, nil
		}
		to = min(to, n)
	}
	if from >= size {
		return whole, false, failure("InvalidRange")
	}
	return span{from, to - from + 1}, true, nil
}

// offset reads a position of a range: digits and nothing else, so no sign
// (RFC 9110, 14.1.1).
func offset(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err
}
