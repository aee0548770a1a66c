package writeback

import (
	"context"
	"slices"
	"time"

	"cosfs/cosapi"
)

// claim is an upload's place among the intents of its key. Those in flight
// came before it; those only recorded are not carried out while it goes on,
// and never once it has succeeded, for its object stands in their place. Their
// records stay until then: without the upload, a delete is still meant.
type claim struct {
	stage *Stage
	line  *line
	// over is what our own intents have left under the key, or meant to
	// replace: the upload may overwrite that, and nothing else. at is when
	// that was known.
	over cosapi.Object
	at   time.Time
}

// claim waits for the intents of a key that COS may have seen.
func (s *Stage) claim(ctx context.Context, key string) (*claim, error) {
	b := &s.intents
	b.mu.Lock()
	l := b.lineLocked(key)
	b.mu.Unlock()
	for first := true; ; first = false {
		l.disk.Lock()
		c, moved := s.tryClaim(l, first)
		l.disk.Unlock()
		if c != nil {
			return c, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			b.release(l)
			return nil, context.Cause(ctx)
		}
	}
}

// tryClaim claims a line, or gives what to wait for, which is not to wait for
// its back-off if hurry is set. The caller holds l.disk.
func (s *Stage) tryClaim(l *line, hurry bool) (*claim, <-chan struct{}) {
	b := &s.intents
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(l.list) > 0 && l.list[0].sent {
		if hurry {
			l.list[0].due, l.list[0].hurried = time.Now(), true
			b.offerLocked(l)
		}
		return nil, b.moved
	}
	if l.upload {
		return nil, b.moved
	}
	c := &claim{stage: s, line: l, over: l.left, at: l.leftAt}
	l.upload = true
	for i, t := range l.list {
		b.withdrawLocked(t)
		t.held = true
		if i == 0 {
			c.over, c.at = t.Base, t.At
		}
	}
	return c, nil
}

// heed tells a file what an upload may overwrite.
func (f *File) heed(c *claim) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over, f.overAt = c.over, c.at
}

// end gives the key back, after those who wait for the upload were told of its
// end. One that was stored beside somebody else's object has left the key to
// that.
func (c *claim) end(r receipt, err error) {
	s, l, b := c.stage, c.line, &c.stage.intents
	object := r.object
	if err == nil && r.conflict != nil {
		err = r.conflict
	}
	var overtaken []func(cosapi.Object, error)
	settled := func() {}
	l.disk.Lock()
	if err == nil {
		overtaken = c.takePlace()
		settled = s.adapt(l, 0, Intent{Kind: IntentPut, Key: l.key}, object, nil)
	}
	b.mu.Lock()
	l.upload = false
	l.leaveLocked(IntentPut, object, err)
	for _, t := range l.list {
		// The upload may have made an object all the same.
		t.held, t.doubt = false, t.doubt || t.held
	}
	b.offerLocked(l)
	b.announceLocked()
	b.mu.Unlock()
	l.disk.Unlock()
	b.release(l)
	answer(overtaken, cosapi.Object{}, ErrOvertaken)
	settled()
}

// takePlace ends the intents that were there before the upload. The caller
// holds the line's disk.
func (c *claim) takePlace() (overtaken []func(cosapi.Object, error)) {
	b := &c.stage.intents
	b.mu.Lock()
	list := slices.Clone(c.line.list)
	b.mu.Unlock()
	for _, t := range list {
		if t.held {
			c.stage.forget(t)
			overtaken = append(overtaken, b.drop(t, ErrOvertaken)...)
		}
	}
	return overtaken
}
