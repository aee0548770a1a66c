package cosserver

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The two dialects name their headers alike but for a prefix.
const (
	amzPrefix = "X-Amz-"
	cosPrefix = "X-Cos-"
)

// readS3Names lets a request's x-amz-* headers stand for x-cos-* ones that
// were not given, and unwraps a body that comes in signed chunks.
func (c *call) readS3Names() {
	h := c.r.Header
	for name, values := range h {
		if rest, ok := strings.CutPrefix(name, amzPrefix); ok && h[cosPrefix+rest] == nil {
			h[cosPrefix+rest] = values
		}
	}
	if !c.q.has("x-cos-security-token") && c.q.has("X-Amz-Security-Token") {
		h.Set("x-cos-security-token", c.q.get("X-Amz-Security-Token"))
	}
	if !strings.HasPrefix(h.Get(amzSHA256), "STREAMING-") {
		return
	}
	c.chunked, c.encoding = true, h["Content-Encoding"]
	c.bodyLength = -1
	if n, err := strconv.ParseInt(h.Get("X-Amz-Decoded-Content-Length"), 10, 64); err == nil {
		c.bodyLength = n
	}
	if rest := strings.Trim(strings.Replace(h.Get("Content-Encoding"), "aws-chunked", "", 1), ", "); rest != "" {
		h.Set("Content-Encoding", rest)
	} else {
		h.Del("Content-Encoding")
	}
}

// writeS3Names repeats an answer's x-cos-* headers under x-amz-* names.
func writeS3Names(h http.Header) {
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		if rest, ok := strings.CutPrefix(name, cosPrefix); ok {
			h[amzPrefix+rest] = values
		}
	}
}

// chunkedBody takes the bytes out of the aws-chunked encoding. The signatures
// of the chunks are not checked, only their framing; the request's own is.
type chunkedBody struct {
	r    *bufio.Reader
	left int64 // of the chunk
	err  error
}

func newChunkedBody(r io.Reader) *chunkedBody { return &chunkedBody{r: bufio.NewReader(r)} }

func (b *chunkedBody) Read(p []byte) (int, error) {
	for b.left == 0 && b.err == nil {
		b.err = b.next()
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err == nil && b.left == 0 {
		_, err = b.r.Discard(len("\r\n"))
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return n, nil
}

// next reads the line in front of a chunk; the empty chunk is the end, and
// what follows it are trailers nobody needs.
func (b *chunkedBody) next() error {
	line, err := b.r.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("chunk header: %w", io.ErrUnexpectedEOF)
	}
	size, _, _ := strings.Cut(strings.TrimSpace(string(line)), ";")
	if b.left, err = strconv.ParseInt(size, 16, 64); err != nil || b.left < 0 {
		return failure("InvalidRequest").because("the aws-chunked encoding is damaged")
	}
	if b.left > 0 {
		return nil
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(b.r, maxDocument)); err != nil {
		return err
	}
	return io.EOF
}
