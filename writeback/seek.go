package writeback

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// SeekData is the first offset from off on that is not in a hole. ENXIO: there
// is none. What the base has counts as data.
func (f *File) SeekData(off int64) (int64, error) { return f.seek(off, unix.SEEK_DATA) }

// SeekHole is the first offset from off on that is in a hole; the end of the
// file is one. ENXIO: off is beyond it.
func (f *File) SeekHole(off int64) (int64, error) { return f.seek(off, unix.SEEK_HOLE) }

func (f *File) seek(off int64, whence int) (int64, error) {
	if err := f.rlock(); err != nil {
		return 0, err
	}
	defer f.mu.RUnlock()
	switch {
	case f.closed:
		return 0, os.ErrClosed
	case off < 0 || off >= f.size:
		return 0, syscall.ENXIO
	}
	for at := off; at < f.size; {
		here := f.local.Within(at, f.size)
		if len(here) == 0 || here[0].Off > at { // the base has this
			if whence == unix.SEEK_DATA {
				return at, nil
			}
			if len(here) == 0 {
				return f.size, nil
			}
			at = here[0].Off
		}
		to, err := f.seekLocal(at, here[0].End, whence)
		if err != nil || to < here[0].End {
			return to, err
		}
		at = to
	}
	if whence == unix.SEEK_HOLE {
		return f.size, nil
	}
	return 0, syscall.ENXIO
}

// seekLocal asks the data file about [off, end). The answer end means that
// there is nothing of the kind.
func (f *File) seekLocal(off, end int64, whence int) (int64, error) {
	to, err := f.data.Seek(off, whence)
	if errors.Is(err, syscall.ENXIO) {
		return end, nil // the rest of the data file is a hole
	}
	if err != nil {
		return 0, fmt.Errorf("stage: %w", err)
	}
	return min(to, end), nil
}
