package writeback

import (
	"container/heap"
	"errors"
	"fmt"
	"time"

	"cosfs/cosapi"
)

// Attributes of a stored file change one after the other: tar, rsync and cp -a
// call chmod, chown and utimens in a row. So StoreLater of a file of which
// nothing else has changed waits for more (attrsDelay), and one copy of the
// object onto itself says it all. COS may refuse that, and there is nothing
// that could be kept for the user: the file is then as it was.

// OnlyAttrs says that COS has all bytes of the file, as far as is known, and
// may at most miss attributes.
func (f *File) OnlyAttrs() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.onlyAttrsLocked()
}

func (f *File) onlyAttrsLocked() bool {
	return f.hasBase && f.base.ETag != "" && f.base.Key == f.key && !f.damagedLocked(f.key) &&
		len(f.fresh) == 0 && f.size == f.base.Size
}

// gone is the refusal of a change of attributes whose object is not there any
// more, or is somebody else's; nil if there is more to store than attributes.
func (f *File) gone(a aim) error {
	if !a.conflict && !a.baseGone || !f.OnlyAttrs() {
		return nil
	}
	var cause error = changed("CopyObject", a.key)
	if !a.conflict {
		cause = &cosapi.Error{Op: "CopyObject", Key: a.key, Kind: cosapi.NotFound, Message: "somebody else has removed it"}
	}
	return fmt.Errorf("attributes of %q: %w: %w", a.key, ErrRefused, cause)
}

// refuse undoes a change of attributes that COS does not take. It is false if
// it does nothing, because the refusal is not for good, or because bytes have
// been written, too, which are kept.
func (f *File) refuse(err error, r receipt) bool {
	if !final(err) {
		return false
	}
	f.disk.Lock()
	f.mu.Lock()
	if f.closed || f.orphan || !f.onlyAttrsLocked() {
		f.mu.Unlock()
		f.disk.Unlock()
		return false
	}
	f.stored = f.gen
	f.forgetSentLocked()
	f.failed, f.lastErr, f.recorded = 0, nil, false
	told, object, begun := f.takeWaitersLocked(func(waiter) bool { return true }), f.base, f.upload != nil
	f.endLocked()
	f.mu.Unlock()
	if left := f.unrecord(); left != nil { // the next mount is refused, too
		f.stage.cfg.Log.Warn("stage: the record of a change of attributes that was refused", "key", object.Key, "err", left)
	}
	f.disk.Unlock()
	if begun {
		f.stage.spawn(f.abandonForGood)
	}
	if !errors.Is(err, ErrRefused) {
		err = fmt.Errorf("attributes of %q: %w: %w", object.Key, ErrRefused, err)
	}
	f.stage.cfg.Observe(Event{Kind: Refused, Key: object.Key, Size: object.Size, Duration: r.took, Err: err})
	tell(told, object, err)
	return true
}

// askSoonLocked is askLocked, in a while for a file of which only attributes
// have changed.
func (f *File) askSoonLocked() {
	if !f.onlyAttrsLocked() {
		f.askLocked(background)
		return
	}
	f.stage.mu.Lock()
	defer f.stage.mu.Unlock()
	if !f.stage.closed {
		f.stage.queue.postpone(f, attrsDelay)
	}
}

// postpone puts a file that is nowhere in the queue, for a time to come.
func (q *queue) postpone(f *File, pause time.Duration) {
	if f.spot != nowhere {
		return
	}
	f.spot = later
	heap.Push(&q.later, dueFile{f, time.Now().Add(pause)})
	q.poke()
}

// CallBack ends the upload in flight, unless it is too late, and the waiting
// of those who wait for it, with ErrCalledBack. It is for who is about to
// remove the file, and cannot before those have let go of its name.
func (f *File) CallBack() {
	f.mu.Lock()
	if f.attempt.ended == nil || !f.recallLocked() {
		f.mu.Unlock()
		return
	}
	told := f.takeWaitersLocked(func(w waiter) bool { return !w.patient })
	f.mu.Unlock()
	tell(told, cosapi.Object{}, ErrCalledBack)
}
