package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"cosfs/cosapi"
)

// Object reads one version and pins it in the cache. It is safe for
// concurrent use. Close it once, after its reads have returned.
type Object struct {
	b *blob

	ahead  readahead // guarded by blob.mu
	closed bool      // guarded by blob.mu
}

// Get pins a version, known or not. It sends no request: what is missing is
// fetched when it is read. v must have an ETag.
func (c *Cache) Get(v cosapi.Version) (*Object, error) {
	if v.ETag == "" || v.Size < 0 {
		return nil, fmt.Errorf("cache: %q: a version needs an ETag and a size: %w", v.Key, cosapi.Invalid)
	}
	b, stale, err := c.acquire(v)
	if err != nil {
		return nil, err
	}
	stale.empty(c)
	o := &Object{b: b}
	o.ahead.window = max(firstGet, min(maxWindow, c.Size()/4))
	t, kind, err := o.attach(v)
	t.empty(c)
	var disk *diskError
	if errors.As(err, &disk) {
		c.diskFailed(v, disk.error)
		b.release()
		o.b = c.apart(v)
		_, kind, err = o.attach(v) // has no file to fail with
	}
	if err != nil {
		c.cfg.Log.Warn("a cached file is unusable and is fetched again", "key", v.Key, "error", err)
		c.tell(Event{Kind: Corrupted, Version: v, Err: err})
	}
	c.tell(Event{Kind: kind, Version: v, Bytes: v.Size})
	return o, nil
}

// acquire finds or makes the blob of v and pins it. A file of an earlier
// mount whose length is not the version's is thrown out.
func (c *Cache) acquire(v cosapi.Version) (*blob, trash, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, trash{}, errClosed("get")
	}
	b := c.table[idOf(v)]
	var t trash
	if b != nil && b.size != v.Size {
		t = c.displaceLocked(b)
		b = nil
	}
	if b == nil {
		b = c.newBlob(v)
		c.table[b.id] = b
	}
	c.pinLocked(b)
	return b, t, nil
}

// apart is a pinned blob in memory for one Object, beside the table's: what
// is on the disk cannot be opened now, but may be good.
func (c *Cache) apart(v cosapi.Version) *blob {
	b := c.newBlob(v)
	b.pool, b.gone = &c.memory, true
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pinLocked(b)
	return b
}

// attach opens the blob's file for this Object. With a *diskError it has done
// nothing.
func (o *Object) attach(v cosapi.Version) (trash, EventKind, error) {
	b := o.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.v.ETag == "" {
		b.v = v
	}
	t, err := b.openLocked()
	var disk *diskError
	if errors.As(err, &disk) {
		return t, 0, err
	}
	if b.objects == nil {
		b.objects = make(map[*Object]struct{}, 1)
	}
	b.objects[o] = struct{}{}
	if b.size == 0 && !b.complete {
		b.emptyLocked()
	}
	if !b.complete {
		return t, Missed, err
	}
	b.touched = b.touch()
	return t, Opened, err
}

// touch notes the use of a complete file that is still the cache's.
func (b *blob) touch() time.Time {
	b.c.mu.Lock()
	path, gone := b.path, b.gone
	b.c.mu.Unlock()
	if gone {
		return b.touched
	}
	return b.c.dir.touch(path, b.touched)
}

// Version is what the Object reads; Rekey changes its key and ETag.
func (o *Object) Version() cosapi.Version {
	o.b.mu.Lock()
	defer o.b.mu.Unlock()
	return o.b.v
}

// Complete says that the whole version is a verified file of the cache.
func (o *Object) Complete() bool {
	o.b.mu.Lock()
	defer o.b.mu.Unlock()
	return o.b.complete
}

// File opens the file of a complete version read-only, for passthrough. From
// then on its blocks are not given up while an Object is open. The caller
// closes it. False: not complete, or taken out of the cache, or of an earlier
// mount and too large to be checked at once: that is done in the background.
func (o *Object) File() (*os.File, bool) {
	b := o.b
	if !b.proveAll() {
		return nil, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	d, ok := b.store.(diskStore)
	if !ok || !b.complete || b.unproven || o.closed || b.goneNow() {
		return nil, false
	}
	// By descriptor: a new description of the very inode we read.
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", d.Fd()))
	if err != nil {
		return nil, false
	}
	b.lent = true
	return f, true
}

// Close gives the pin back. Fetches that nobody else waits for are ended,
// unless they are nearly done.
func (o *Object) Close() error {
	b := o.b
	if !o.detach() {
		return errClosed("close")
	}
	b.release()
	return nil
}

func (o *Object) detach() bool {
	b := o.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if o.closed {
		return false
	}
	o.closed = true
	delete(b.objects, o)
	if len(b.objects) == 0 {
		b.lent = false
		for _, f := range b.fetches {
			if f.end-f.done > BlockSize {
				f.cancel()
			}
		}
	}
	return true
}

// ReadAt reads as io.ReaderAt says: n < len(p) comes with io.EOF or an error.
// It waits for the bytes of p, not for the GETs that bring them. Errors are
// those of Source (cosapi.Changed as it is), ctx.Err(), or os.ErrClosed; a
// failing disk is none. When ctx ends, only this reader gives up.
func (o *Object) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	size := o.b.size
	if off < 0 {
		return 0, fmt.Errorf("cache: read at %d: %w", off, os.ErrInvalid)
	}
	if off >= size {
		return 0, io.EOF
	}
	var end error
	if int64(len(p)) > size-off {
		p, end = p[:size-off], io.EOF
	}
	for n < len(p) {
		m, err := o.readPiece(ctx, p[n:min(len(p), n+BlockSize)], off+int64(n))
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, end
}

// readPiece reads all of p, at most a block, so that what a reader waits for
// is little against what the cache holds.
func (o *Object) readPiece(ctx context.Context, p []byte, off int64) (int, error) {
	b := o.b
	for {
		got, err := o.await(ctx, span{off, off + int64(len(p))}, true)
		if err != nil {
			return 0, err
		}
		n := 0
		if got.unproven {
			err = b.prove(got, span{off, off + int64(len(p))})
		}
		if err == nil {
			n, err = got.store.ReadAt(p, off)
		}
		if got.gen != b.gen.Load() {
			continue // blocks were given up meanwhile: zeros may have been read
		}
		if err == nil || n == len(p) {
			return n, nil
		}
		if err := b.unreadable(got, err); err != nil {
			return n, err
		}
	}
}

// view is a store whose bytes count while the blob's gen is the same.
type view struct {
	store    store
	gen      uint64
	unproven bool // to be checked against the seal first
}

// await waits until the bytes of s are in the store; ahead lets the
// read-ahead see the read. It sees it again after a GET that was refused: what
// that was for is then asked for as a whole, not in pieces of a read.
func (o *Object) await(ctx context.Context, s span, ahead bool) (view, error) {
	for show := ahead; ; {
		got, w, err := o.look(s, show)
		show = false
		if err != nil || w == nil {
			return got, err
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			return view{}, ctx.Err()
		}
		switch {
		case errors.Is(w.err, errRetry):
			show = ahead
		case w.err != nil:
			return view{}, w.err
		}
	}
}

// look says that s is in the store, or gives what to wait for, having started
// it.
func (o *Object) look(s span, ahead bool) (view, *waiter, error) {
	b := o.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if o.closed {
		return view{}, nil, errClosed("read")
	}
	if ahead && !b.wholeLocked() && b.refused == nil {
		if err := b.fetchLocked(o.ahead.read(s, b.size), s); err != nil {
			return view{}, nil, err
		}
	}
	pos, f := b.missingLocked(s)
	if pos >= s.end {
		if b.store == nil {
			return view{}, nil, errClosed("read")
		}
		return view{b.store, b.gen.Load(), b.unprovenLocked(s)}, nil, nil
	}
	if f == nil {
		if b.refused != nil {
			return view{}, nil, b.refused
		}
		if err := b.fetchLocked(span{pos, s.end}, s); err != nil {
			return view{}, nil, err
		}
		_, f = b.missingLocked(s)
	}
	return view{}, f.waitLocked(min(s.end, f.end)), nil
}

// missingLocked gives the first byte of s that is not in the store, and the
// fetch that will bring it, if there is one.
func (b *blob) missingLocked(s span) (int64, *fetch) {
	pos := s.off
	for pos < s.end {
		unit := pos / unitSize
		if b.presentLocked(unit) {
			pos = (unit + 1) * unitSize
			continue
		}
		f := b.fetchOfLocked(pos)
		if f == nil || f.done <= pos {
			return pos, f
		}
		pos = f.done
	}
	return pos, nil
}

// fetchOfLocked is the fetch under way that covers pos.
func (b *blob) fetchOfLocked(pos int64) *fetch {
	for _, f := range b.fetches {
		if f.off <= pos && pos < f.end {
			return f
		}
	}
	return nil
}
