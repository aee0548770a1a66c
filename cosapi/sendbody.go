package cosapi

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// sendBody is the caller's body during one attempt. It counts and checksums
// what is sent, and it can be detached: net/http may go on reading a body
// after it has returned the answer, but the caller's body must rest before it
// is rewound or handed back.
type sendBody struct {
	src  io.ReadSeeker
	size int64
	kick func() // called before each read: the attempt makes progress

	mu       sync.Mutex // guards what follows; held while src is read
	detached bool
	sent     int64
	crc      uint64
	err      error // of src, not of the network
}

var errDetached = errors.New("the attempt is over")

// newSendBody measures body, which is sent from its beginning. Nil is empty.
func newSendBody(op, key string, body io.ReadSeeker) (*sendBody, error) {
	if body == nil {
		return &sendBody{}, nil
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, &Error{Op: op, Key: key, Kind: Other, Message: "the body cannot be measured", Err: err}
	}
	if size > MaxPutSize {
		return nil, &Error{Op: op, Key: key, Kind: TooLarge,
			Message: fmt.Sprintf("%d bytes in one request; COS takes 5 GiB, more needs a multipart upload", size)}
	}
	return &sendBody{src: body, size: size}, nil
}

// rewind prepares the next attempt.
func (b *sendBody) rewind(kick func()) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kick, b.detached, b.sent, b.crc, b.err = kick, false, 0, 0, nil
	if b.src == nil {
		return nil
	}
	_, err := b.src.Seek(0, io.SeekStart)
	return err
}

// Read is called by net/http.
func (b *sendBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.detached {
		return 0, errDetached
	}
	b.kick()
	if rest := b.size - b.sent; rest == 0 {
		return 0, io.EOF
	} else if int64(len(p)) > rest {
		p = p[:rest]
	}
	n, err := b.src.Read(p)
	b.crc = updateCRC64(b.crc, p[:n])
	b.sent += int64(n)
	if err == io.EOF && b.sent < b.size {
		err = fmt.Errorf("the body ended after %d of %d bytes: it was cut while it was sent", b.sent, b.size)
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// Close is called by net/http; the caller's body stays open.
func (b *sendBody) Close() error { return nil }

// detach ends the attempt: when it returns, nobody reads the source. It gives
// what was sent and the error of the source, if any.
func (b *sendBody) detach() (sent int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.detached = true
	return b.sent, b.err
}

// checksum is the CRC64 of the whole body. It reads the body again if the
// last attempt did not get to its end.
func (b *sendBody) checksum() (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sent == b.size {
		return b.crc, nil
	}
	if _, err := b.src.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	h := NewCRC64()
	if _, err := io.CopyN(h, b.src, b.size); err != nil {
		return 0, err
	}
	return h.Sum64(), nil
}
