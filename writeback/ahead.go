package writeback

import (
	"context"
	"sync"
	"time"
)

// Parts of a large file are sent ahead: behind the write frontier, while it is
// still being written, so that who stores it waits for the tail only. It is an
// attempt like others (run), which makes no object and is turned into one that
// does when somebody wants the file stored.

// aheadSlack is how far behind the frontier a part must be, bytes: writes of
// one program arrive a little out of order.
const aheadSlack = 4 << 20

// front is how far a file has been written in order.
type front struct {
	end    int64     // everything before was written, in order and by writes
	due    int64     // where end must be for a part to be complete
	pause  time.Time // none is sent before, after a failure
	failed int       // failures in a row
}

// advanceLocked moves the frontier: by writes that go on from it, not by those
// somewhere else, which say nothing of what is in between.
func (f *File) advanceLocked(off, end int64) {
	if off > f.front.end+aheadSlack || end <= f.front.end {
		return
	}
	f.front.end = end
	switch {
	case end < f.front.due:
	case f.attempt.poke != nil:
		f.attempt.poke()
	case f.attempt.ended == nil && f.aheadDueLocked():
		f.stage.enqueue(f, background)
	}
}

// retreatLocked is for a file that is cut. What was sent of the rest is of no
// use to anybody.
func (f *File) retreatLocked(size int64) {
	if size < f.front.end {
		f.front.end, f.front.due = size, 0
	}
	if f.attempt.poke != nil && f.upload != nil && f.upload.reaches(size) {
		f.recallLocked()
	}
}

// firstAhead is where the frontier must be for the first part to be sent: well
// into what one put cannot hold.
func (s *Stage) firstAhead(baseLen int64) int64 {
	return max(s.PutLimit(), baseLen) + s.cfg.PartSize + aheadSlack
}

// aheadDueLocked says that a part may be complete.
func (f *File) aheadDueLocked() bool {
	return f.front.end >= max(f.front.due, f.stage.firstAhead(f.baseLen)) && !f.closed && !f.orphan && f.holds == 0 && f.thaw == nil &&
		f.stored >= f.wanted && time.Now().After(f.front.pause)
}

// convoy is the parts in flight of an attempt that sends ahead.
type convoy struct {
	f      *File
	wg     sync.WaitGroup
	landed chan struct{} // has room for one; something has landed, or the frontier has moved
	failed bool          // guarded by File.mu
}

func (c *convoy) poke() {
	select {
	case c.landed <- struct{}{}:
	default:
	}
}

// ahead sends parts as they become complete, until there is nothing to do for
// the moment, or somebody wants the file stored: then parts may still be in
// flight, and go on to their ends.
func (c *convoy) ahead(ctx context.Context) {
	until, stop := context.WithCancel(ctx)
	defer stop()
	if !c.open(stop) {
		return
	}
	defer c.close()
	for until.Err() == nil {
		p, any := c.peek()
		switch {
		case p == nil && !any:
			return
		case p == nil:
			select {
			case <-c.landed:
			case <-until.Done():
			}
		default:
			c.launch(ctx, until)
		}
	}
}

// open makes the attempt one that can be asked for the whole file by stop.
func (c *convoy) open(stop func()) bool {
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stored < f.wanted {
		return false
	}
	f.attempt.stop, f.attempt.poke = stop, c.poke
	return true
}

func (c *convoy) close() {
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempt.stop, f.attempt.poke = nil, nil
	if c.failed {
		f.front.failed++
		f.front.pause = time.Now().Add(f.stage.cfg.Retry.pause(f.front.failed))
	}
}

// peek gives the next part to be sent; any: something is in flight.
func (c *convoy) peek() (p *planPart, any bool) {
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if !c.failed {
		p = f.nextAheadLocked()
	}
	if p == nil {
		f.front.due = f.front.end + aheadSlack
	}
	return p, f.upload != nil && len(f.upload.flying) > 0
}

// nextAheadLocked is the first part that is complete, of which nothing has to
// come from a base, and which is not sent. One that was changed after it had
// been sent is left for the end, and so is all of a file to which that happens
// often: its writer goes to and fro.
func (f *File) nextAheadLocked() *planPart {
	s := &f.stage.cfg
	if f.front.end < f.stage.firstAhead(f.baseLen) {
		return nil
	}
	up := f.upload
	if up != nil && up.key != f.key { // renamed: all begins anew
		up = nil
	}
	if up != nil {
		up.reconcile()
		if up.found || up.begun() && !f.usableLocked(f.key) || len(up.spoiled) > 4+len(up.done)/8 {
			return nil
		}
	}
	parts, err := plan(f.contentLocked(f.copiesLocked()), s.PartSize)
	if err != nil {
		return nil
	}
	for _, p := range parts {
		if p.Copy || p.Off < f.baseLen {
			continue
		}
		if p.end() > min(f.front.end-aheadSlack, f.size-1) {
			return nil
		}
		if up == nil || !up.has(p) && up.flying[p.Number] == nil && !up.spoiled[p.Number] {
			return &p
		}
	}
	return nil
}

// launch waits for its turn and sends the next part. A quarter of the
// transfers is not for parts sent ahead: somebody may wait for a small file.
func (c *convoy) launch(ctx, until context.Context) {
	s := c.f.stage
	if s.aheads.Acquire(until, 1) != nil {
		return
	}
	if s.transfers.Acquire(until, 1) != nil {
		s.aheads.Release(1)
		return
	}
	free := func() { s.transfers.Release(1); s.aheads.Release(1) }
	up, fl, err := c.takeOff(ctx)
	if err != nil || fl == nil {
		free()
		c.note(err)
		return
	}
	c.wg.Go(func() {
		defer free()
		part, err := c.f.sendPart(ctx, up, fl.planPart)
		c.f.land(up, fl, part, err)
		c.note(err)
		c.poke()
	})
}

// takeOff picks the part, now that it can be sent, and begins the upload with
// the first. nil: there is none any more.
func (c *convoy) takeOff(ctx context.Context) (*upload, *flight, error) {
	f := c.f
	f.mu.Lock()
	good, key := f.usableLocked(f.key), f.key
	f.mu.Unlock()
	if !good {
		f.abandon(ctx)
		if _, err := f.startUpload(ctx, key, false); err != nil {
			return nil, nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.nextAheadLocked()
	if p == nil || f.upload == nil {
		return nil, nil, nil
	}
	return f.upload, f.upload.fly(*p), nil
}

// note remembers that something went wrong: whoever stores the file will find
// out what, if it goes on.
func (c *convoy) note(err error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	if err == nil {
		c.f.front.failed = 0
		return
	}
	c.failed = true
	c.f.stage.cfg.Log.Debug("a part was not sent ahead; it is sent when the file is stored", "key", c.f.key, "err", err)
}

// reaches says that something of the file beyond an offset is sent.
func (u *upload) reaches(off int64) bool {
	for _, p := range u.done {
		if p.end() > off {
			return true
		}
	}
	for _, fl := range u.flying {
		if fl.end() > off {
			return true
		}
	}
	return false
}
