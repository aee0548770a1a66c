package cosapi

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// GetOptions are the rarer choices of a read. The zero value is a plain one.
type GetOptions struct {
	HeadOptions
	// The headers that the answer shall have instead of the stored ones.
	ResponseContentType, ResponseContentLanguage, ResponseExpires             string
	ResponseCacheControl, ResponseContentDisposition, ResponseContentEncoding string
	TrafficLimit                                                              int64 // bit/s, 0: none
}

// Reader is the content of a Get (the seeds' StreamBody, and what its
// get_raw_stream gives). It is for one goroutine, and must be
// closed. A body that breaks off is continued by a further request for the
// same version; when the whole object was asked for, the end is reported as
// io.EOF only if the CRC64 of COS agrees, and as Corrupt otherwise.
type Reader struct {
	Object Object // what the answer's header said

	c        *Client
	ctx      context.Context
	opts     GetOptions
	body     io.ReadCloser // nil between a failure and the next request
	off, end int64         // what is left: [off, end) of the object
	crc      hash.Hash64   // nil when only a part is read, or COS gave no checksum
	failures int           // one after another, without progress between
	gained   int64         // bytes since the last failure
	err      error         // final
}

// progress is how many bytes a body must bring before it breaks off to count
// as working: one that brings less would be asked for again without end.
const progress = 64 << 10

// Get reads a range of a version. With v.ETag set, COS is asked for that
// version only, and another one is Changed, before the first byte; empty means
// any. Range{0, -1} is the whole object. A range that begins at or beyond the
// end is OutOfRange, one that reaches over the end is shortened.
//
// Attempts, errors and waiting are those of every call; ctx holds until the
// Reader is closed.
func (c *Client) Get(ctx context.Context, v Version, r Range) (*Reader, error) {
	return c.GetWith(ctx, v, r, GetOptions{})
}

// GetWith is Get with conditions and choices. o.IfMatch gives way to v.ETag.
// The seeds call it get_object.
func (c *Client) GetWith(ctx context.Context, v Version, r Range, o GetOptions) (*Reader, error) {
	if err := CheckKey(v.Key); err != nil {
		return nil, err
	}
	if r.Off < 0 {
		return nil, invalid("GetObject", v.Key, "the range begins at %d", r.Off)
	}
	if v.ETag != "" {
		o.IfMatch = v.ETag
	}
	rd := &Reader{c: c, ctx: ctx, opts: o, off: r.Off, end: -1}
	if r.Len >= 0 {
		rd.end = r.Off + r.Len
	}
	if r.Len == 0 {
		if err := rd.headOnly(v.Key); err != nil {
			return nil, err
		}
		return rd, nil
	}
	// An empty object has no range at all (cos-api.md 3.4.3).
	empty := v.ETag != "" && v.Size == 0 && r.Off == 0
	if err := rd.open(v, !empty && (r.Off > 0 || r.Len > 0)); err != nil {
		return nil, err
	}
	if rd.Object.HasCRC64 && r.Off == 0 && rd.end == rd.Object.Size {
		rd.crc = NewCRC64()
	}
	return rd, nil
}

// headOnly answers a read of no bytes, for which HTTP has no range.
func (r *Reader) headOnly(key string) error {
	r.err = io.EOF
	object, err := r.c.HeadWith(r.ctx, key, r.opts.HeadOptions)
	r.Object = object
	return err
}

// open sends the request for [off, end) and takes over its body.
func (r *Reader) open(v Version, ranged bool) error {
	req := &request{op: "GetObject", method: http.MethodGet, key: v.Key}
	req.setConditions(r.opts.HeadOptions)
	req.setResponse(r.opts)
	if ranged {
		req.set("Range", rangeHeader(r.off, r.end))
	}
	req.accept = func(a *answer) error {
		object, end, err := r.checkAnswer(a, v, ranged)
		if err != nil {
			return err
		}
		r.Object, r.end, r.body = object, end, a.body
		a.keep()
		return nil
	}
	return r.c.run(r.ctx, req)
}

func (r *request) setResponse(o GetOptions) {
	r.param("response-content-type", o.ResponseContentType)
	r.param("response-content-language", o.ResponseContentLanguage)
	r.param("response-expires", o.ResponseExpires)
	r.param("response-cache-control", o.ResponseCacheControl)
	r.param("response-content-disposition", o.ResponseContentDisposition)
	r.param("response-content-encoding", o.ResponseContentEncoding)
	r.setTrafficLimit(o.TrafficLimit)
}

// rangeHeader writes [off, end); end < 0 is open.
func rangeHeader(off, end int64) string {
	if end < 0 {
		return fmt.Sprintf("bytes=%d-", off)
	}
	return fmt.Sprintf("bytes=%d-%d", off, end-1)
}

// checkAnswer makes sure that the body to come is the piece of the version
// that was asked for, and gives its end.
func (r *Reader) checkAnswer(a *answer, v Version, ranged bool) (Object, int64, error) {
	broken := func(format string, args ...any) error {
		return &Error{Op: "GetObject", Key: v.Key, Kind: Unsupported, Status: a.status,
			Message: fmt.Sprintf(format, args...), RequestID: a.header.Get("x-cos-request-id")}
	}
	first, last, size := int64(0), a.length, a.length
	if a.status == http.StatusPartialContent {
		var ok bool
		if first, last, size, ok = contentRange(a.header.Get("Content-Range")); !ok {
			return Object{}, 0, broken("the Content-Range %q is not one", a.header.Get("Content-Range"))
		}
	} else if ranged && r.off != 0 {
		return Object{}, 0, broken("the endpoint ignores Range")
	}
	if size < 0 {
		return Object{}, 0, broken("the answer has no length")
	}
	if first != r.off {
		return Object{}, 0, broken("bytes from %d were asked for, from %d came", r.off, first)
	}
	object := readObject(v.Key, size, a.header)
	if v.ETag != "" && (object.ETag != v.ETag || v.Size > 0 && size != v.Size) {
		return Object{}, 0, &Error{Op: "GetObject", Key: v.Key, Kind: Changed, Status: a.status,
			Message:   fmt.Sprintf("ETag %s of %d bytes was asked for, %s of %d came", v.ETag, v.Size, object.ETag, size),
			RequestID: a.header.Get("x-cos-request-id")}
	}
	if r.end >= 0 && r.end < last {
		last = r.end
	}
	return object, last, nil
}

// contentRange reads "bytes a-b/size" and gives [a, b+1).
func contentRange(s string) (first, end, size int64, ok bool) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	if !ok {
		return 0, 0, 0, false
	}
	span, total, _ := strings.Cut(rest, "/")
	from, to, _ := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	size, err3 := strconv.ParseInt(total, 10, 64)
	ok = errors.Join(err1, err2, err3) == nil && 0 <= first && first <= last && last < size
	return first, last + 1, size, ok
}

// Read gives the next bytes. Its errors are *Error values, or io.EOF.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	for r.off < r.end {
		n, err := r.readSome(p[:min(int64(len(p)), r.end-r.off)])
		if n > 0 {
			return n, r.err
		}
		if r.err = r.resume(err); r.err != nil {
			return 0, r.err
		}
	}
	r.err = io.EOF
	return 0, r.err
}

// readSome reads from the present body, if there is one. The last bytes are
// withheld when the checksum does not agree, so that no caller who counts
// bytes instead of waiting for io.EOF takes them for good.
func (r *Reader) readSome(p []byte) (int, error) {
	if r.body == nil {
		return 0, nil
	}
	n, err := r.body.Read(p)
	if n == 0 {
		return 0, err
	}
	r.off += int64(n)
	if r.gained += int64(n); r.gained >= progress {
		r.failures = 0
	}
	if r.crc == nil {
		return n, nil
	}
	r.crc.Write(p[:n])
	if sum := r.crc.Sum64(); r.off == r.end && sum != r.Object.CRC64 {
		r.err = &Error{Op: "GetObject", Key: r.Object.Key, Kind: Corrupt,
			Message: fmt.Sprintf("CRC64 %d is stored, %d came", r.Object.CRC64, sum)}
		return 0, r.err
	}
	return n, nil
}

// resume continues a body that broke off with cause, for the same version.
func (r *Reader) resume(cause error) error {
	if r.err != nil {
		return r.err
	}
	if r.body != nil {
		r.body.Close()
		r.body = nil
	}
	broken := &Error{Op: "GetObject", Key: r.Object.Key, Kind: Unavailable,
		Message: fmt.Sprintf("the body broke off at byte %d of %d", r.off, r.Object.Size), Err: cause}
	if r.ctx.Err() != nil {
		return r.c.contextError(r.ctx, &request{op: broken.Op, key: broken.Key}, broken)
	}
	r.failures++
	r.gained = 0
	if r.failures >= r.c.cfg.MaxAttempts || r.Object.ETag == "" {
		return broken
	}
	if err := sleep(r.ctx, r.resumeDelay()); err != nil {
		return r.c.contextError(r.ctx, &request{op: broken.Op, key: broken.Key}, broken)
	}
	// Other conditions were met by the first answer and may be wrong by now.
	v := r.Object.Version
	r.opts.HeadOptions = HeadOptions{VersionID: r.opts.VersionID, CustomerKey: r.opts.CustomerKey, IfMatch: v.ETag}
	return r.open(v, true)
}

// resumeDelay: the first continuation comes at once, a body that broke off
// after progress says nothing bad of the service.
func (r *Reader) resumeDelay() time.Duration {
	if r.failures <= 1 {
		return 0
	}
	return r.c.retry.delay(r.failures-1, 0)
}

// Close releases the connection. It gives no error: all that matters was said
// by Read.
func (r *Reader) Close() error {
	if r.body != nil {
		r.body.Close()
		r.body = nil
	}
	if r.err == nil {
		r.err = errors.New("cosapi: read of a closed Reader")
	}
	return nil
}
