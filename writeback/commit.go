package writeback

import (
	"time"

	"cosfs/cosapi"
)

// receipt says what an upload has made.
type receipt struct {
	object   cosapi.Object
	gen      uint64 // of the content
	attrGen  uint64 // of the attributes that content was snapped with
	sentAttr uint64 // of the attributes that were sent
	plain    bool   // found with other attributes than ours
	conflict *ConflictError
	sent     int64 // bytes
	took     time.Duration
}

// storedGen is the last generation that COS has all of.
func (r receipt) storedGen() uint64 {
	if r.sentAttr < r.attrGen || r.plain {
		return max(r.attrGen, 1) - 1
	}
	return r.gen
}

// commit makes the object the file's base and forgets what is not needed any
// more.
func (f *File) commit(r receipt) {
	f.disk.Lock()
	f.mu.Lock()
	meant := f.key
	if r.conflict != nil {
		meant = r.conflict.Kept
	}
	if f.closed || r.object.Key != meant {
		f.endLocked() // discarded, or renamed meanwhile
		f.mu.Unlock()
		f.disk.Unlock()
		return
	}
	old := f.rebaseLocked(r)
	told := f.takeWaitersLocked(func(w waiter) bool { return w.gen <= f.stored })
	clean := f.gen == f.stored
	if clean {
		f.torn = nil
		f.recorded = false // the next change writes a new record first
	}
	f.endLocked()
	object, stored := f.base, f.stored
	f.mu.Unlock()
	f.closeBase(old)
	if err := f.updateRecord(clean, stored); err != nil {
		// COS has the content. A record that stays is found out at the next
		// mount, where the bucket's object turns out to be ours.
		f.stage.cfg.Log.Warn("stage: the record of a stored file", "key", object.Key, "err", err)
	}
	f.disk.Unlock()
	f.announce(r, told, object)
}

// rebaseLocked takes the object as base. It returns the old one to be closed.
func (f *File) rebaseLocked(r receipt) *baseRef {
	old := f.dropBaseLocked()
	if r.gen == f.snapGen {
		f.fresh, f.baseLen = f.since.Clone(), min(r.object.Size, f.low)
	} else {
		// An earlier request turned out to have succeeded. What has changed
		// since is not known; below baseLen the base has not.
		f.fresh = Extents{{0, roundUp(max(f.size, 1), minPart)}}
	}
	f.base, f.hasBase, f.checked = r.object, true, time.Now()
	if r.conflict != nil {
		f.key = r.object.Key
	}
	f.stored = max(f.stored, r.storedGen())
	f.forgetSentLocked()
	f.upload = nil
	f.failed, f.lastErr, f.reason = 0, nil, ""
	return old
}

// forgetSentLocked ends all doubt about what was sent. The caller holds disk,
// too.
func (f *File) forgetSentLocked() {
	f.attempt.exposed, f.unsure, f.unnoted = false, false, false
	f.sent, f.damage, f.beside = nil, damage{}, ""
}

// updateRecord removes the record of a clean file. Otherwise what it promised,
// if anything, still is: or COS has it, and what came after is only open.
func (f *File) updateRecord(clean bool, stored uint64) error {
	switch {
	case clean:
		return f.unrecord()
	case f.onDisk == "":
		return nil
	case f.durableGen > stored:
		return f.save(StateOwed, true)
	}
	return f.save(StateOpen, false)
}

func (f *File) announce(r receipt, told []waiter, o cosapi.Object) {
	e := Event{Kind: Stored, Key: o.Key, Size: o.Size, Sent: r.sent, Duration: r.took}
	var err error
	if r.conflict != nil {
		err = r.conflict
		e.Kind, e.Err = Conflicted, err
		f.stage.cfg.Log.Warn("conflict: both versions are kept", "key", r.conflict.Key, "ours", r.conflict.Kept)
	}
	f.stage.cfg.Observe(e)
	tell(told, o, err)
}
