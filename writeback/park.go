package writeback

import (
	"fmt"
	"io"
	"os"
)

// A file that waits for its upload needs no descriptor: thousands may be owed.
// Its data file is parked, which means closed, once everything in it is
// durable, and opened again by whoever needs it next.

// openLocked opens the data file. It makes one only if there never was one:
// in place of one that is gone a new one would be zeros.
func (f *File) openLocked() error {
	if f.data != nil {
		return nil
	}
	flags := os.O_RDWR
	if !f.parked {
		flags |= os.O_CREATE
	}
	data, err := os.OpenFile(f.dataPath(), flags, 0o600)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	f.data, f.parked = data, false
	return nil
}

// park closes the data file. The caller holds disk, so that no sync is under
// way; all else that uses the descriptor holds mu.
func (f *File) park() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.data == nil {
		return nil
	}
	data := f.data
	f.data, f.parked = nil, true
	if err := data.Close(); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return nil
}

// rlock takes mu for reading with the data file open, if there is one. It
// holds the lock only if it returns nil.
func (f *File) rlock() error {
	for {
		f.mu.RLock()
		if !f.parked {
			return nil
		}
		f.mu.RUnlock()
		f.mu.Lock()
		err := error(nil)
		if f.parked {
			err = f.openLocked()
		}
		f.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// section is a range of the data file, as a body that can be sent again.
func (f *File) section(off, n int64) *io.SectionReader {
	return io.NewSectionReader(zeroTail{f}, off, n)
}

// zeroTail reads zeros beyond the end: the file may be truncated while a part
// is sent, which must not look like a failure. Such a part is sent again.
type zeroTail struct{ file *File }

func (z zeroTail) ReadAt(p []byte, off int64) (int, error) {
	if err := z.file.rlock(); err != nil {
		return 0, err
	}
	defer z.file.mu.RUnlock()
	if z.file.closed || z.file.data == nil {
		return 0, os.ErrClosed
	}
	n, err := z.file.data.ReadAt(p, off)
	if err == io.EOF {
		clear(p[n:])
		return len(p), nil
	}
	return n, err
}
