package cosserver

import (
	"fmt"
	"io"
	iofs "io/fs"
	"sync"
)

// memoryBlobs keeps blobs in memory.
type memoryBlobs struct {
	ids idSource

	// mu guards m. The slices in it never change.
	mu sync.RWMutex
	m  map[string][]byte
}

var _ blobs = (*memoryBlobs)(nil)

// memoryReserve bounds what is set aside on the word of a Content-Length.
const memoryReserve = 8 << 20

func newMemoryBlobs() *memoryBlobs { return &memoryBlobs{m: map[string][]byte{}} }

func (s *memoryBlobs) create(size int64) (blobWriter, error) {
	return &memoryBlobWriter{s: s, b: make([]byte, 0, max(0, min(size, memoryReserve)))}, nil
}

func (s *memoryBlobs) settle(string) error          { return nil }
func (s *memoryBlobs) unsettled() ([]string, error) { return nil, nil }

func (s *memoryBlobs) open(id string) (blob, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, ok := s.m[id]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", id, iofs.ErrNotExist)
	}
	return memoryBlob(b), nil
}

func (s *memoryBlobs) remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, id)
	return nil
}

type memoryBlobWriter struct {
	s *memoryBlobs
	b []byte
}

func (w *memoryBlobWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}

func (w *memoryBlobWriter) finish() (string, error) {
	id := w.s.ids.next()
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.m[id] = w.b
	return id, nil
}

func (w *memoryBlobWriter) abort() {}

type memoryBlob []byte

func (b memoryBlob) writeTo(w io.Writer, off, n int64) (int64, error) {
	if off+n > int64(len(b)) {
		return 0, io.ErrUnexpectedEOF
	}
	written, err := w.Write(b[off : off+n])
	return int64(written), err
}

func (b memoryBlob) Close() error { return nil }
