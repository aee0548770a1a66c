package cosserver

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"strings"
	"sync"

	"cosfs/cosapi"
)

// Limits of bodies (cos-api.md 3.0.5).
const (
	maxPutSize    = 5 << 30 // bytes of a PUT, a part, an append or a simple copy
	maxDocument   = 2 << 20 // bytes of a request's XML or JSON
	minPartSize   = 1 << 20 // bytes of a part that is not the last
	maxPartNumber = 10000
	copyBuffer    = 256 << 10
)

// content is a body that was received and stored, not yet committed.
type content struct {
	segments []segment // none when it is empty
	size     int64
	md5      []byte
	crc64    uint64
}

// buffers hands out copy buffers; a server needs one per body in flight.
type buffers struct{ pool sync.Pool }

func (b *buffers) get() *[]byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return p
	}
	p := make([]byte, copyBuffer)
	return &p
}

// receive streams the request's body into a blob, computing its checksums on
// the way, and compares it with those the request announces. The blob belongs
// to the caller: commit it or drop it.
func (c *call) receive() (content, error) {
	if c.bodyLength > maxPutSize {
		return content{}, failure("EntityTooLarge")
	}
	check, err := c.bodyCheck()
	if err != nil {
		return content{}, err
	}
	w, err := c.s.store.blobs.create(c.bodyLength)
	if err != nil {
		return content{}, err
	}
	sums := []hash.Hash{md5.New(), cosapi.NewCRC64()}
	sums = append(sums, check.more...)
	size, err := c.copyBody(w, sums)
	if err == nil {
		err = check.compare(sums)
	}
	if err == nil && c.bodyLength >= 0 && size != c.bodyLength {
		err = failure("IncompleteBody")
	}
	if err != nil || size == 0 {
		w.abort()
		return emptyContent(), err
	}
	id, err := w.finish()
	if err != nil {
		return content{}, err
	}
	return content{
		segments: []segment{{Blob: id, Len: size}}, size: size,
		md5: sums[0].Sum(nil), crc64: sums[1].(hash.Hash64).Sum64(),
	}, nil
}

func emptyContent() content {
	sum := md5.Sum(nil)
	return content{md5: sum[:]}
}

// copyBody reads the body to its end.
func (c *call) copyBody(w io.Writer, sums []hash.Hash) (size int64, err error) {
	buf := c.s.buffers.get()
	defer c.s.buffers.pool.Put(buf)
	body := c.limited(c.body())
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			size += int64(n)
			c.s.bytesIn.Add(int64(n))
			if size > maxPutSize {
				return size, failure("EntityTooLarge")
			}
			for _, h := range sums {
				h.Write((*buf)[:n])
			}
			if _, err := w.Write((*buf)[:n]); err != nil {
				return size, err
			}
		}
		if err == io.EOF {
			return size, nil
		}
		if err != nil {
			return size, err
		}
	}
}

// drop gives up a body that was received and not committed.
func (s *Server) drop(body content) {
	for _, seg := range body.segments {
		if err := s.store.blobs.remove(seg.Blob); err != nil {
			s.cfg.Log.Warn("blob not removed; it goes when the store is next opened", "blob", seg.Blob, "err", err)
		}
	}
}

// body is the content, out of whatever it is wrapped in.
func (c *call) body() io.Reader {
	if c.chunked {
		return newChunkedBody(c.r.Body)
	}
	return c.r.Body
}

// bodyCheck holds the digests a request announces.
type bodyCheck struct {
	md5 []byte // nil: not given
	// more are further digests to compute, with what they must give and the
	// code of the answer when they do not.
	more  []hash.Hash
	want  [][]byte
	codes []string
}

func (c *call) bodyCheck() (check bodyCheck, err error) {
	if v := c.r.Header.Get("Content-MD5"); v != "" {
		check.md5, err = base64.StdEncoding.DecodeString(v)
		if err != nil || len(check.md5) != md5.Size {
			return check, failure("InvalidDigest")
		}
	}
	if v := c.r.Header.Get("x-cos-content-sha1"); v != "" {
		if err := check.add(sha1.New(), v, "InvalidSHA1Digest"); err != nil {
			return check, err
		}
	}
	if v := c.r.Header.Get(amzSHA256); c.v4 && len(v) == 2*sha256.Size {
		return check, check.add(sha256.New(), v, "XAmzContentSHA256Mismatch")
	}
	return check, nil
}

// add asks for one more digest, given in hex.
func (b *bodyCheck) add(h hash.Hash, hexSum, code string) error {
	sum, err := hex.DecodeString(strings.ToLower(hexSum))
	if err != nil || len(sum) != h.Size() {
		return failure(code)
	}
	b.more, b.want, b.codes = append(b.more, h), append(b.want, sum), append(b.codes, code)
	return nil
}

// compare expects the sums in the order md5, crc64, and then more.
func (b bodyCheck) compare(sums []hash.Hash) error {
	if b.md5 != nil && !bytes.Equal(b.md5, sums[0].Sum(nil)) {
		return failure("BadDigest")
	}
	for i, want := range b.want {
		if !bytes.Equal(want, b.more[i].Sum(nil)) {
			return failure(b.codes[i])
		}
	}
	return nil
}

// document reads a request's XML or JSON and checks its digest.
func (c *call) document() ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(c.body(), maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxDocument {
		return nil, failure("XMLSizeLimit")
	}
	check, err := c.bodyCheck()
	if err != nil {
		return nil, err
	}
	sums := append([]hash.Hash{md5.New(), cosapi.NewCRC64()}, check.more...)
	for _, h := range sums {
		h.Write(b)
	}
	return b, check.compare(sums)
}

// needLength refuses a body of unknown length.
func (c *call) needLength(chunkedToo bool) error {
	if c.r.ContentLength < 0 && !chunkedToo ||
		c.r.ContentLength == 0 && c.r.Header.Get("Content-Length") == "" && len(c.r.TransferEncoding) == 0 {
		return failure("MissingContentLength")
	}
	return nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
