package cache

import (
	"container/list"
	"errors"
	"fmt"
	"os"
	"slices"

	"cosfs/cosapi"
)

// pool is a bounded amount of room: the disk's, or memory's. Cache.mu guards
// it.
type pool struct {
	limit int64     // bytes; constant
	used  int64     // present units of all blobs, and what fetches have reserved
	idle  list.List // of *blob without pins, most recently used first
}

// reserve books room for a fetch. What nobody has open goes first, then blocks
// of open objects that no reader is about to need; for a reader that waits,
// any block. A waiting reader is never refused for the limit's sake: then the
// bound is exceeded, by no more than the GETs under way.
func (c *Cache) reserve(f *fetch) error {
	for _, spare := range []bool{true, false} {
		ok, err := c.book(f)
		if ok || err != nil {
			return err
		}
		c.squeeze(f.pool, f.len(), spare)
		if ok, err := c.book(f); ok || err != nil {
			return err
		}
		if !f.demand {
			return errNoRoom
		}
	}
	short, err := c.short(f.pool)
	if err != nil {
		return err
	}
	if short > 0 {
		return &diskError{fmt.Errorf("the disk has %d bytes less free than it shall keep", short)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f.pool.used += f.len()
	return nil
}

// book takes the room if idle blobs make place for it.
func (c *Cache) book(f *fetch) (bool, error) {
	n := f.len()
	short, err := c.short(f.pool)
	if err != nil {
		return false, err
	}
	if short += n; short < 0 || f.pool == &c.memory {
		short = 0
	}
	ok, victims := c.makeRoom(f.pool, n, short)
	c.bury(victims)
	return ok, nil
}

// short is how many bytes are missing to the free space of the disk that is
// to be kept; negative if there are more.
func (c *Cache) short(p *pool) (int64, error) {
	if p != &c.disk {
		return 0, nil
	}
	free, err := c.dir.free()
	if err != nil {
		return 0, &diskError{err}
	}
	return c.dir.floor - free, nil
}

// victim is an evicted blob and what to do about it without the lock.
type victim struct {
	v     cosapi.Version
	bytes int64
	trash trash
}

// makeRoom evicts idle blobs, least recently used first, until n more bytes
// fit below the limit and short bytes have been freed; if so it books n.
func (c *Cache) makeRoom(p *pool, n, short int64) (ok bool, victims []victim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	freed := int64(0)
	for p.used+n > p.limit || freed < short || len(c.table) > maxFiles {
		last := p.idle.Back()
		if last == nil {
			break
		}
		v := c.evictLocked(last.Value.(*blob))
		freed += v.bytes
		victims = append(victims, v)
	}
	if p.used+n > p.limit || freed < short {
		return false, victims
	}
	p.used += n
	return true, victims
}

// MakeRoom deletes what nobody has open, least recently used first, until n
// bytes of the disk are free that were not, for others who keep files there.
// False: there is not that much, and nothing was deleted.
func (c *Cache) MakeRoom(n int64) bool {
	if n <= 0 {
		return true
	}
	victims, ok := c.evictIdle(n)
	c.bury(victims)
	return ok
}

func (c *Cache) evictIdle(n int64) (victims []victim, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	enough := int64(0)
	for e := c.disk.idle.Front(); e != nil && enough < n; e = e.Next() {
		enough += e.Value.(*blob).used
	}
	if enough < n {
		return nil, false
	}
	for freed := int64(0); freed < n; {
		v := c.evictLocked(c.disk.idle.Back().Value.(*blob))
		freed += v.bytes
		victims = append(victims, v)
	}
	return victims, true
}

// evictLocked: Cache.mu is held.
func (c *Cache) evictLocked(b *blob) victim {
	v := victim{v: b.v, bytes: b.used}
	v.trash = c.forgetLocked(b)
	return v
}

func (c *Cache) bury(victims []victim) {
	for _, v := range victims {
		v.trash.empty(c)
		c.tell(Event{Kind: Evicted, Version: v.v, Bytes: v.bytes})
	}
}

// trim brings the disk below its limits.
func (c *Cache) trim() {
	short, err := c.short(&c.disk)
	if err != nil {
		c.cfg.Log.Warn("cannot tell the free space of the cache directory", "error", err)
	}
	_, victims := c.makeRoom(&c.disk, 0, max(short, 0))
	c.bury(victims)
}

// squeeze gives up blocks of open objects, of unfinished files first, until
// need bytes are free; with spare, none that a reader is about to need.
func (c *Cache) squeeze(p *pool, need int64, spare bool) {
	c.mu.Lock()
	var partial, complete []*blob
	for b := range c.pinned {
		switch {
		case b.pool != p:
			continue
		case b.complete:
			complete = append(complete, b)
		default:
			partial = append(partial, b)
		}
		c.pinLocked(b) // or it might be evicted under our hands
	}
	c.mu.Unlock()
	for _, b := range slices.Concat(partial, complete) {
		if need > 0 {
			need -= b.punch(need, spare)
		}
		b.release()
	}
}

// punch gives up blocks of a pinned blob, at least need bytes if it has them,
// and returns how many. The spans are covered by fetches until the room is
// given back, so nobody reads or writes them meanwhile.
func (b *blob) punch(need int64, spare bool) int64 {
	st, holes, freed, t := b.chooseHoles(need, spare)
	t.empty(b.c)
	if freed == 0 {
		return 0
	}
	var err error
	for _, h := range holes {
		if e := st.punch(h.span); e != nil {
			err = e
		}
	}
	b.mu.Lock()
	v := b.v
	b.fetches = slices.DeleteFunc(b.fetches, func(f *fetch) bool { return slices.Contains(holes, f) })
	for _, h := range holes {
		h.wakeLocked(h.end, errRetry)
	}
	b.mu.Unlock()
	if err != nil && !errors.Is(err, os.ErrClosed) {
		b.c.cfg.Log.Warn("the cache directory's file system gives no room back before a file is closed", "error", err)
	}
	b.c.tell(Event{Kind: Evicted, Version: v, Bytes: freed})
	return freed
}

// chooseHoles marks blocks as absent, going round the file like a clock, and
// covers them.
func (b *blob) chooseHoles(need int64, spare bool) (st store, holes []*fetch, freed int64, t trash) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store == nil || b.lent || b.finished != nil || b.complete && b.goneNow() {
		return nil, nil, 0, trash{}
	}
	if b.complete && b.unproven {
		// Its blocks could not be told from rotten ones any more.
		freed = b.size
		return nil, nil, freed, b.resetLocked()
	}
	if b.complete {
		var ok bool
		if t, ok = b.demoteLocked(); !ok {
			return nil, nil, 0, t
		}
	}
	for range b.blocks() {
		if freed >= need {
			break
		}
		s := span{b.hand * BlockSize, min((b.hand+1)*BlockSize, b.size)}
		b.hand = (b.hand + 1) % b.blocks()
		if b.busyLocked(s, spare) {
			continue
		}
		if n := b.clearLocked(s); n > 0 {
			freed += n
			holes = append(holes, &fetch{span: s, punching: true, done: s.off, cancel: func() {}})
		}
	}
	if len(holes) == 0 {
		return nil, nil, 0, t
	}
	b.gen.Add(1)
	b.verified = false
	b.fetches = append(b.fetches, holes...)
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	b.used -= freed
	b.pool.used -= freed
	return b.store, holes, freed, t
}

// busyLocked says that a span is being written, or, with spare, that a reader
// is about to need it.
func (b *blob) busyLocked(s span, spare bool) bool {
	for _, f := range b.fetches {
		if f.overlaps(s) {
			return true
		}
	}
	if !spare {
		return false
	}
	for o := range b.objects {
		if o.ahead.keeps(s) {
			return true
		}
	}
	return false
}

// clearLocked marks the units of s as absent and gives the bytes they had.
func (b *blob) clearLocked(s span) (freed int64) {
	for unit := s.off / unitSize; unit*unitSize < s.end; unit++ {
		if b.present.has(unit) {
			b.present.clear(unit)
			b.have--
			freed += b.unitSpan(unit).len()
		}
	}
	b.known.clear(s.off / BlockSize)
	return freed
}

// demoteLocked makes a complete file a partial one, so that blocks of it can
// be given up: its final name would promise all of them.
func (b *blob) demoteLocked() (trash, bool) {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	if b.gone {
		return trash{}, false
	}
	st, err := openPart(b.path)
	if err != nil {
		return trash{}, false
	}
	b.asideLocked()
	if b.path == "" {
		return trash{store: st}, false
	}
	old := b.store
	b.gen.Add(1)
	b.store, b.complete, b.verified = st, false, false
	b.unsealLocked()
	b.allocLocked()
	b.have = b.units()
	for unit := range b.have {
		b.present.set(unit)
	}
	return trash{store: old}, true
}
