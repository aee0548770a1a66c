package writeback

import (
	"context"
	"errors"
	"fmt"
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// Truncate sets the size. Growing adds zeros, without using disk space.
func (f *File) Truncate(ctx context.Context, size int64) error {
	if size < 0 {
		return syscall.EINVAL
	}
	if size > maxSize {
		return syscall.EFBIG
	}
	if f.Size() == size {
		return nil
	}
	return f.changeLength(ctx, func() error { return f.truncateLocked(size) })
}

// changeLength calls do with disk and mu held and writers not kept waiting.
func (f *File) changeLength(ctx context.Context, do func() error) error {
	f.disk.Lock()
	defer f.disk.Unlock()
	for {
		// change may need disk itself.
		f.disk.Unlock()
		err := f.change(ctx)
		if err == nil {
			f.mu.Unlock()
		}
		f.disk.Lock()
		if err != nil {
			return err
		}
		f.mu.Lock()
		if !f.closed && f.thaw == nil && !f.unnoted && f.recorded && !f.parked {
			break
		}
		f.mu.Unlock()
	}
	defer f.mu.Unlock()
	return do()
}

func (f *File) truncateLocked(size int64) error {
	old := f.size
	if size < old {
		if err := f.shortenRecordLocked(size); err != nil {
			return err
		}
	}
	if err := f.data.Truncate(size); err != nil {
		return errors.Join(fmt.Errorf("stage: %w", err), f.restoreRecordLocked())
	}
	f.size = size
	f.retreatLocked(size)
	if size == 0 {
		f.torn = nil
	}
	if size < old {
		f.local.Cut(size, math.MaxInt64)
		f.baseLen, f.low = min(f.baseLen, size), min(f.low, size)
	} else {
		f.local.Add(old, size)
	}
	f.touchLocked(min(old, size), max(old, size))
	return nil
}

// shortenRecordLocked makes an owed record stop promising bytes that are about
// to go: the other order could leave a record whose bytes are nowhere. What it
// promises of the rest may have been written since it was durable.
func (f *File) shortenRecordLocked(size int64) error {
	if f.onDisk != StateOwed {
		return nil
	}
	if f.durableGen > 0 && size > 0 {
		if err := f.syncData(f.data); err != nil {
			return err
		}
	}
	r := f.recordLocked(StateOwed)
	r.Size, r.BaseLen = size, min(r.BaseLen, size)
	r.Local.Cut(size, math.MaxInt64)
	return f.stage.writeRecord(r, true, f.durableGen > 0)
}

// restoreRecordLocked makes an owed record promise the whole file again, which
// could not be cut.
func (f *File) restoreRecordLocked() error {
	if f.onDisk != StateOwed {
		return nil
	}
	err := f.stage.writeRecord(f.recordLocked(StateOwed), true, f.durableGen > 0)
	if err != nil {
		f.gen++ // the next promise writes it
	}
	return err
}

const (
	keepSize  = unix.FALLOC_FL_KEEP_SIZE
	punchHole = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
)

// Allocate is fallocate(2): mode 0 and FALLOC_FL_KEEP_SIZE reserve local disk
// space, mode 0 may also grow the file; FALLOC_FL_PUNCH_HOLE with KEEP_SIZE
// zeroes a range. Other modes give EOPNOTSUPP.
func (f *File) Allocate(ctx context.Context, off, n int64, mode uint32) error {
	if off < 0 || n <= 0 {
		return syscall.EINVAL
	}
	if off > maxSize-n {
		return syscall.EFBIG
	}
	switch mode {
	case punchHole:
		return f.changeLength(ctx, func() error { return f.punchLocked(off, off+n) })
	case 0, keepSize:
		if err := f.stage.space.reserve(n); err != nil {
			return err
		}
		return f.changeLength(ctx, func() error { return f.reserveLocked(off, n, mode) })
	}
	return syscall.EOPNOTSUPP
}

func (f *File) punchLocked(off, end int64) error {
	end = min(end, f.size)
	if off >= end {
		return nil
	}
	if err := unix.Fallocate(int(f.data.Fd()), punchHole, off, end-off); err != nil {
		return fmt.Errorf("stage: punch a hole: %w", err)
	}
	st, err := f.data.Stat()
	if err == nil && st.Size() < end { // so far the base had these bytes
		err = f.data.Truncate(end)
	}
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	f.local.Add(off, end)
	f.touchLocked(off, end)
	return nil
}

func (f *File) reserveLocked(off, n int64, mode uint32) error {
	// The length of the data file is changed by the truncate below only.
	if err := unix.Fallocate(int(f.data.Fd()), keepSize, off, n); err != nil {
		return fmt.Errorf("stage: allocate: %w", err)
	}
	if mode == 0 && off+n > f.size {
		return f.truncateLocked(off + n)
	}
	return nil
}
