package cosserver

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"strconv"
	"sync/atomic"
	"time"
)

// blobs keeps runs of bytes that never change once written, each under an id.
// Which of them mean something is known to the index alone: a blob is written
// first, committed by the index, and settled; it is removed after the index
// has forgotten it.
type blobs interface {
	// create starts a blob. size is what is expected, -1 when unknown.
	create(size int64) (blobWriter, error)
	// settle tells that the index holds the blob now.
	settle(id string) error
	// unsettled lists what was written and not settled, after a crash.
	unsettled() ([]string, error)
	open(id string) (blob, error)
	remove(id string) error // an unknown id is no error
}

// A blobWriter takes the bytes of one blob; finish or abort ends it.
type blobWriter interface {
	io.Writer
	finish() (id string, err error)
	abort()
}

// A blob is open for reading. It stays whole while it is open, removed or not.
type blob interface {
	// writeTo copies n bytes from off to w, in the fastest way w allows.
	writeTo(w io.Writer, off, n int64) (int64, error)
	io.Closer
}

// idSource makes blob ids: a part that grows with time, so that the index is
// written at its end, and a random part, so that no clock can repeat an id.
type idSource struct{ last atomic.Int64 }

const idLength = 16 + 8

func (s *idSource) next() string {
	now := time.Now().UnixNano()
	for {
		last := s.last.Load()
		now = max(now, last+1)
		if s.last.CompareAndSwap(last, now) {
			break
		}
	}
	var random [4]byte
	rand.Read(random[:]) // never fails
	b := make([]byte, 0, idLength)
	t := strconv.FormatInt(now, 16)
	for range 16 - len(t) {
		b = append(b, '0')
	}
	return string(hex.AppendEncode(append(b, t...), random[:]))
}
