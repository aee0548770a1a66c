package writeback

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"cosfs/cosapi"
)

// Hold calls back the upload in flight and lets none begin until release is
// called. A request that makes the object cannot be called back once it is
// sent: its end is waited for, and ctx bounds that. Rename and Rebase of a
// file that may be uploading, and whatever the caller does to the key in the
// bucket meanwhile, go between.
func (f *File) Hold(ctx context.Context) (release func(), err error) {
	f.mu.Lock()
	f.holds++
	f.recallLocked()
	ended := f.attempt.ended
	f.mu.Unlock()
	if ended != nil {
		select {
		case <-ended:
		case <-ctx.Done():
			f.release()
			return nil, ctx.Err()
		}
	}
	return f.release, nil
}

func (f *File) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holds--
	if f.holds > 0 || f.closed || f.orphan || f.wanted <= f.stored {
		return
	}
	to := background
	if f.impatientLocked() {
		to = urgent
	}
	f.stage.enqueue(f, to)
}

// recallLocked stops the upload in flight, unless it is too late (false).
func (f *File) recallLocked() bool {
	if f.attempt.ended == nil {
		return true
	}
	if f.attempt.decided {
		return false
	}
	f.attempt.cancel(errRecalled)
	return true
}

// Rename gives a file that was never stored another key, at no request; an
// upload that was begun starts again. ErrBusy means that the object may be
// coming into being under the old key: Hold first, and see MayExist before
// the key is forgotten here. A stored file is copied by the caller, who then
// calls Rebase. After an error nothing has changed.
func (f *File) Rename(key string) error {
	return f.rekey(func() error {
		f.key = key
		return nil
	})
}

// Rebase tells of our own rename or metadata copy: the same base bytes are now
// this object. What was written here stays written. Errors as in Rename.
func (f *File) Rebase(obj cosapi.Object) error {
	return f.rekey(func() error {
		if obj.Size < f.baseLen {
			return fmt.Errorf("rebase %q: an object of %d bytes in place of %d: %w", obj.Key, obj.Size, f.baseLen, syscall.EINVAL)
		}
		if !f.hasBase {
			f.fresh.Add(0, roundUp(max(f.size, 1), minPart))
		}
		f.key, f.base, f.hasBase, f.checked = obj.Key, obj, true, time.Now()
		return nil
	})
}

// identity is what rekey changes of a file.
type identity struct {
	key             string
	base            cosapi.Object
	hasBase         bool
	checked         time.Time
	exposed, unsure bool
	sent            []print
	damage          damage
	beside          string
}

func (f *File) identityLocked() identity {
	return identity{f.key, f.base, f.hasBase, f.checked, f.attempt.exposed, f.unsure, f.sent, f.damage, f.beside}
}

func (f *File) identifyLocked(i identity) *baseRef {
	f.key, f.base, f.hasBase, f.checked = i.key, i.base, i.hasBase, i.checked
	f.attempt.exposed, f.unsure, f.sent, f.damage, f.beside = i.exposed, i.unsure, i.sent, i.damage, i.beside
	f.unnoted = len(f.sent) > 0
	return f.dropBaseLocked()
}

// rekey changes what the file is in the bucket, in memory and in the record,
// or nowhere. With disk held no upload passes the point of no return.
func (f *File) rekey(change func() error) error {
	f.disk.Lock()
	defer f.disk.Unlock()
	f.mu.Lock()
	err := f.rekeyLocked()
	was := f.identityLocked()
	if err == nil {
		err = change()
	}
	if err != nil {
		f.mu.Unlock()
		return err
	}
	var old *baseRef
	if f.base.Version != was.base.Version {
		old = f.dropBaseLocked()
	}
	// Whatever is there under the new key, it is none of our doing.
	f.forgetSentLocked()
	f.mu.Unlock()
	f.closeBase(old)
	if f.onDisk == "" {
		return nil
	}
	if err = f.save(f.onDisk, f.durableGen > 0); err != nil {
		f.mu.Lock()
		f.recallLocked() // what has begun since is for the new key
		old = f.identifyLocked(was)
		f.mu.Unlock()
		f.closeBase(old)
	}
	return err
}

// rekeyLocked makes sure that no request for the old key makes an object.
func (f *File) rekeyLocked() error {
	if f.closed {
		return os.ErrClosed
	}
	if !f.recallLocked() {
		return fmt.Errorf("rename %q: %w", f.key, ErrBusy)
	}
	return nil
}

// Finish ends a clean file. If its data file holds all bytes of the stored
// object, it is handed to adopt, which takes it over by renaming it; else, or
// if adopt fails, it is deleted: COS has everything. A dirty file gives
// ErrDirty and goes on.
func (f *File) Finish(adopt func(obj cosapi.Object, path string) error) error {
	f.disk.Lock()
	defer f.disk.Unlock()
	f.mu.Lock()
	switch {
	case f.closed:
		f.mu.Unlock()
		return os.ErrClosed
	case f.gen != f.stored:
		f.mu.Unlock()
		return fmt.Errorf("%q: %w", f.key, ErrDirty)
	}
	data, made, object := f.data, f.data != nil || f.parked, f.base
	whole := made && f.size > 0 && f.size == object.Size && f.local.Covers(0, f.size)
	old := f.closeLocked()
	f.mu.Unlock()
	f.closeBase(old)
	f.stage.unregister(f)
	err := f.unrecord()
	if !made {
		return err
	}
	if data != nil {
		err = errors.Join(err, data.Close())
	}
	if whole && adopt != nil {
		adopted := adopt(object, f.dataPath())
		if adopted == nil {
			return err
		}
		f.stage.cfg.Log.Warn("stage: a stored file was not adopted; its local copy is deleted", "key", object.Key, "err", adopted)
	}
	return errors.Join(err, ignoreMissing(os.Remove(f.dataPath())))
}

// lastWord bounds how long Close may have to wait for an upload to be aborted.
const lastWord = 5 * time.Second

// abandonForGood aborts an upload that no record names any more: closing the
// stage does not cut it short.
func (f *File) abandonForGood() {
	f.abandon(context.WithoutCancel(f.stage.ctx))
}

// closeLocked makes all later calls fail.
func (f *File) closeLocked() *baseRef {
	f.closed, f.data, f.parked, f.recorded = true, nil, false, false
	f.thawLocked()
	return f.dropBaseLocked()
}

func (s *Stage) unregister(f *File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, f)
	s.queue.announce()
}

// Discard ends a file whose name was removed: bytes and record go, an upload
// in flight is cancelled and waited for. Whether the bucket may have got an
// object all the same is what MayExist says afterwards.
func (f *File) Discard() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return os.ErrClosed
	}
	data, made, ended := f.data, f.data != nil || f.parked, f.attempt.ended
	old := f.closeLocked()
	if ended != nil {
		f.attempt.cancel(errRecalled)
	}
	told := f.takeWaitersLocked(func(waiter) bool { return true })
	f.mu.Unlock()
	if ended != nil {
		<-ended
	}
	f.closeBase(old)
	f.stage.unregister(f)
	f.disk.Lock()
	err := f.unrecord()
	if data != nil {
		err = errors.Join(err, data.Close())
	}
	if made {
		err = errors.Join(err, ignoreMissing(os.Remove(f.dataPath())))
	}
	f.disk.Unlock()
	f.mu.RLock()
	begun := f.upload != nil
	f.mu.RUnlock()
	if begun {
		f.stage.spawn(f.abandonForGood)
	}
	tell(told, cosapi.Object{}, os.ErrClosed)
	return err
}
