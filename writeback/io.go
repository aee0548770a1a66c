package writeback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReadAt reads as io.ReaderAt does: bytes written here from the data file, the
// others from the base. ctx bounds requests for the latter.
func (f *File) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	for {
		n, gaps, err := f.readLocal(p, off)
		if len(gaps) == 0 {
			return n, err
		}
		again, gapErr := f.readGaps(ctx, p, off, gaps)
		if gapErr != nil {
			return int(gaps[0].Off - off), gapErr
		}
		if !again {
			return n, err
		}
	}
}

// readLocal reads what the data file has and tells what is left to the base.
// n and the error are those of the whole read.
func (f *File) readLocal(p []byte, off int64) (n int, gaps Extents, err error) {
	if err := f.rlock(); err != nil {
		return 0, nil, err
	}
	defer f.mu.RUnlock()
	if f.closed {
		return 0, nil, os.ErrClosed
	}
	end := min(off+int64(len(p)), f.size)
	if end < off+int64(len(p)) {
		err = io.EOF
	}
	if off >= end {
		return 0, nil, err
	}
	for _, e := range f.local.Within(off, end) {
		if n, err := f.data.ReadAt(p[e.Off-off:e.End-off], e.Off); err != nil {
			return int(e.Off-off) + n, nil, fmt.Errorf("stage: %w", err)
		}
	}
	return int(end - off), f.local.Missing(off, end), err
}

// readGaps reads ranges of the base. again means that they are not to be had
// because the base or what is left to it has changed meanwhile.
func (f *File) readGaps(ctx context.Context, p []byte, off int64, gaps Extents) (again bool, err error) {
	r, err := f.borrow()
	if err == nil {
		defer f.giveBack(r)
		for _, e := range gaps {
			if err = r.readFull(ctx, p[e.Off-off:e.End-off], e.Off); err != nil {
				break
			}
		}
	}
	if err != nil && f.outdated(r, gaps) {
		return true, nil
	}
	return false, err
}

// outdated forgives a base that nobody reads any more: a version that our own
// upload has overwritten may be gone, and one that came after the gaps were
// found may be too short for them.
func (f *File) outdated(r *baseRef, gaps Extents) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return false
	}
	for _, e := range gaps {
		if e.End > f.baseLen || f.local.Meets(e.Off, e.End) {
			return true
		}
	}
	return r != nil && r.dropped
}

// WriteAt writes into the data file. ENOSPC is given before the disk is full
// (Config.FreeFloor). ctx bounds the waiting for an upload that needs the
// content to stand still.
func (f *File) WriteAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off > maxSize-int64(len(p)) {
		return 0, syscall.EFBIG
	}
	if err := f.stage.space.reserve(int64(len(p))); err != nil {
		return 0, err
	}
	if err := f.change(ctx); err != nil {
		return 0, err
	}
	defer f.mu.Unlock()
	n, err := writeAt(f.data, p, off)
	if n > 0 {
		f.wroteLocked(off, off+int64(n))
	}
	if err != nil {
		return n, fmt.Errorf("stage: %w", err)
	}
	return n, nil
}

// writeAt is file.WriteAt, which says 0 of a write that was made in part before
// the disk was full. What is in the data file and not known to be there would
// show through a later hole.
func writeAt(file *os.File, p []byte, off int64) (n int, err error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	ctlErr := conn.Control(func(fd uintptr) {
		for n < len(p) && err == nil {
			var m int
			m, err = unix.Pwrite(int(fd), p[n:], off+int64(n))
			n += max(m, 0)
			if m == 0 {
				err = io.ErrShortWrite
			}
			if errors.Is(err, unix.EINTR) {
				err = nil
			}
		}
	})
	return n, errors.Join(err, ctlErr)
}

// maxSize is the largest object (cos-api.md 3.0.5: 50,000 GB), bytes.
const maxSize = 50_000 * 1_000_000_000

// wroteLocked notes bytes that the data file has got.
func (f *File) wroteLocked(off, end int64) {
	from := off
	if off > f.size { // a hole, of which the data file has the zeros
		from = f.size
	}
	f.local.Add(from, end)
	f.size = max(f.size, end)
	f.touchLocked(from, end)
	f.advanceLocked(off, end)
}

// fillStep is how many bytes of a base are in memory at once, per filler.
const fillStep = 1 << 20

// fill copies what [off, end) lacks from the base into the data file. That
// changes where bytes are, not what they are.
func (f *File) fill(ctx context.Context, off, end int64) error {
	f.mu.RLock()
	missing := f.local.Missing(off, min(end, f.baseLen))
	f.mu.RUnlock()
	if len(missing) == 0 {
		return nil
	}
	if err := f.recordOpen(); err != nil {
		return err
	}
	r, err := f.borrow()
	if err != nil {
		return err
	}
	defer f.giveBack(r)
	buf := f.stage.buffers.Get().(*[fillStep]byte)
	defer f.stage.buffers.Put(buf)
	for _, e := range missing {
		for at := e.Off; at < e.End; at += fillStep {
			p := buf[:min(fillStep, e.End-at)]
			if err := f.stage.space.reserve(int64(len(p))); err != nil {
				return err
			}
			if err := r.readFull(ctx, p, at); err != nil {
				return &baseError{err}
			}
			if err := f.keep(r, p, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep writes bytes of the base where the data file still has none.
func (f *File) keep(r *baseRef, p []byte, off int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return os.ErrClosed
	}
	if r.dropped {
		return errReplaced
	}
	if err := f.openLocked(); err != nil {
		return err
	}
	for _, e := range f.local.Missing(off, min(off+int64(len(p)), f.baseLen)) {
		if _, err := f.data.WriteAt(p[e.Off-off:e.End-off], e.Off); err != nil {
			return fmt.Errorf("stage: %w", err)
		}
		f.local.Add(e.Off, e.End)
	}
	return nil
}

// baseError is a failure to read the base, as against one to write ours.
type baseError struct{ error }

func (e *baseError) Unwrap() error { return e.error }

const errReplaced = sentinel("the base was replaced")
