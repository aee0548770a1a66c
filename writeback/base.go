package writeback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"cosfs/cosapi"
)

// baseRef is an open base with its users counted, because a commit replaces
// the base while reads of it go on. Its fields are guarded by File.mu.
type baseRef struct {
	base    Base
	version cosapi.Version
	users   int
	dropped bool // the last user closes it
}

// borrow opens the base, if it is not open, and counts a user.
func (f *File) borrow() (*baseRef, error) {
	for {
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			return nil, os.ErrClosed
		}
		if r := f.reader; r != nil {
			r.users++
			f.mu.Unlock()
			return r, nil
		}
		v := f.base.Version
		f.mu.Unlock()
		b, err := f.stage.cfg.OpenBase(v)
		if err != nil {
			return nil, fmt.Errorf("stage: base of %q: %w", v.Key, err)
		}
		f.mu.Lock()
		if f.reader == nil && !f.closed && f.base.Version == v {
			f.reader = &baseRef{base: b, version: v, users: 1}
			f.mu.Unlock()
			return f.reader, nil
		}
		f.mu.Unlock()
		if err := b.Close(); err != nil {
			return nil, err
		}
	}
}

func (f *File) giveBack(r *baseRef) {
	f.mu.Lock()
	r.users--
	last := r.users == 0 && r.dropped
	f.mu.Unlock()
	if last {
		f.closeBase(r)
	}
}

// dropBaseLocked forgets the open base. Its result is to be closed once the
// lock is given back; nil if there is nothing to close yet.
func (f *File) dropBaseLocked() *baseRef {
	r := f.reader
	if r == nil {
		return nil
	}
	f.reader, r.dropped = nil, true
	if r.users > 0 {
		return nil
	}
	return r
}

func (f *File) closeBase(r *baseRef) {
	if r == nil {
		return
	}
	if err := r.base.Close(); err != nil {
		f.stage.cfg.Log.Warn("stage: close a base", "key", r.version.Key, "err", err)
	}
}

// readFull reads all of p: a base that ends early is broken, not short.
func (r *baseRef) readFull(ctx context.Context, p []byte, off int64) error {
	n, err := r.base.ReadAt(ctx, p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at %d of %q: %w", len(p), off, r.version.Key, err)
}
