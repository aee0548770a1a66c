package fs

import (
	"errors"
	"os"
	"sync"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// store returns when COS has what was written. It is what close(2) and
// fsync(2) wait for. A file that was removed has nowhere to be stored.
func (n *fileNode) store() error {
	for {
		err := n.storeOnce()
		if !errors.Is(err, writeback.ErrCalledBack) { // by a removal that is next in line for the key
			return err
		}
	}
}

func (n *fileNode) storeOnce() error {
	key, release, ok, err := n.claim()
	if err != nil {
		return err
	}
	if !ok {
		return n.storeBeside()
	}
	defer release()
	return n.tryStore(key)
}

// storeBeside stores what was written after somebody else has taken the name
// (lost): it goes where the rest of ours is. The program hears that this is not
// the file it has opened, also if the stage has found out and not this call.
func (n *fileNode) storeBeside() error {
	n.lock()
	staged, kept, displaced := n.staged, n.keptLocked(), n.displaced
	n.mu.Unlock()
	if displaced == nil {
		return nil
	}
	if kept {
		info, err := staged.Store(n.fs.ctx)
		if err != nil {
			return err
		}
		n.fs.names.Learn(info)
	}
	return displaced
}

// storeClaimed is store for a caller who holds the claim of the key, and does
// not let go of it before others have waited.
func (n *fileNode) storeClaimed(key string) error {
	for {
		if err := n.tryStore(key); !errors.Is(err, writeback.ErrCalledBack) {
			return err
		}
	}
}

// tryStore is storeClaimed, unless a removal calls it back.
func (n *fileNode) tryStore(key string) error {
	staged := n.stagedNow()
	if staged == nil {
		return nil
	}
	if !staged.Dirty() { // stored by the stage itself, and perhaps not entered yet
		if info, ok := staged.Object(); ok {
			n.settle(staged, info)
		}
		return nil
	}
	if err := n.learnAccess(key); err != nil {
		return err
	}
	n.mu.Lock()
	a := n.attr
	staged.SetOptions(n.putOptionsLocked())
	n.mu.Unlock()
	n.fs.markPosix(a)

	info, err := staged.Store(n.fs.ctx)
	conflict := new(writeback.ConflictError)
	switch {
	case errors.As(err, &conflict):
		n.lost(staged, info, conflict)
	case errors.Is(err, writeback.ErrRefused):
		n.attrsRefused(staged, info, err)
	}
	if err != nil {
		return err
	}
	n.settle(staged, info)
	return nil
}

// settle takes over a version that COS has acknowledged and, when nobody
// writes any more, turns the staged file into the cached one.
func (n *fileNode) settle(staged *writeback.File, info cosapi.Object) {
	n.mu.Lock()
	if n.staged != staged || n.gone {
		n.mu.Unlock()
		return
	}
	sent := staged.Options() // with what was changed while it was sent
	info.Attrs = sent.Attrs
	was := n.info
	n.info, n.confirmed = info, n.fs.now()
	n.replacing = replacing{}
	n.fs.written(info, sent)
	if was.HasCRC64 && was.CRC64 == info.CRC64 && was.Size == info.Size { // only its attributes are new
		n.fs.replaced(was, info)
	}
	if _, ok := sent.Meta[metaMtime]; !ok && !staged.Dirty() { // it has the times of the object: see putOptionsLocked
		n.attr.mtime, n.attr.ctime = info.Modified, info.Modified
	}
	n.mu.Unlock()
	n.finish()
}

// finish ends the staged state of a file that nobody writes. If COS does not
// have everything yet, the stage goes on storing it. Handing the data file
// over takes time on the disk, so it is done without locks: who needs the
// staged file meanwhile waits for n.ending.
func (n *fileNode) finish() {
	n.mu.Lock()
	if n.staged == nil || n.writers > 0 || n.gone || n.ending != nil {
		n.mu.Unlock()
		return
	}
	staged, ended := n.staged, make(chan struct{})
	n.ending = ended
	n.mu.Unlock()

	err := staged.Finish(n.fs.blocks.Adopt)
	dirty := errors.Is(err, writeback.ErrDirty)
	if err != nil && !dirty { // COS has the bytes; only the copy for the cache is lost
		n.fs.log.Warn("stored file not kept in the cache", "key", n.label(), "err", err)
	}

	n.fs.tree.RLock()
	n.mu.Lock()
	n.ending = nil
	if dirty {
		staged.SetOptions(n.putOptionsLocked())
	} else {
		n.staged = nil
		n.leaveOverlayLocked()
	}
	n.mu.Unlock()
	n.fs.tree.RUnlock()
	close(ended)
	if dirty {
		n.leave(staged)
	}
}

// leaveOverlayLocked takes the file out of the overlay: COS has it. The caller
// holds fs.tree.
func (n *fileNode) leaveOverlayLocked() {
	dir, ok := n.dirKeyLocked()
	if !ok {
		return
	}
	n.fs.overlay.reveal(dir, n.name)
	n.fs.overlay.drop(dir, n.name, &n.node)
	if n.forgotten.Load() { // nothing but the overlay has kept it
		n.parent.dropKid(n.name, &n.node)
	}
}

// storeLater leaves the storing of a file to the stage. Unless it says why not,
// the content is safe on the local disk; it is tried to be stored all the same.
func (n *fileNode) storeLater(staged *writeback.File) error {
	n.fs.later.Add(1)
	told := sync.OnceFunc(n.fs.later.Done)
	err := staged.StoreLater(func(info cosapi.Object, err error) {
		defer told()
		n.storedLater(staged, info, err)
	})
	if errors.Is(err, os.ErrClosed) { // removed meanwhile, perhaps before anybody could be told
		told()
		return nil
	}
	return err
}

// leave is storeLater where there is nobody to hear of an error.
func (n *fileNode) leave(staged *writeback.File) {
	if err := n.storeLater(staged); err != nil {
		n.fs.log.Error("file to be stored later is not safe on the local disk", "key", staged.Key(), "err", err)
	}
}

// storedLater is called by the stage for a file that was closed before COS
// had it.
func (n *fileNode) storedLater(staged *writeback.File, info cosapi.Object, err error) {
	conflict := new(writeback.ConflictError)
	switch {
	case err == nil:
		n.settle(staged, info)
	case errors.Is(err, os.ErrClosed): // removed, or the stage is closing
	case errors.Is(err, writeback.ErrRefused):
		n.attrsRefused(staged, info, err)
	case errors.As(err, &conflict):
		n.lost(staged, info, conflict)
		n.fs.log.Error("somebody else has stored this name meanwhile; both are kept", "key", n.name, "err", err)
	default:
		n.fs.log.Error("file not stored; it stays in the stage for the next mount", "key", n.label(), "err", err)
	}
}

// lost takes the name from a file that somebody else has stored under it
// meanwhile: it is theirs, the next lookup finds it. Open handles go on with
// ours, which is in the bucket under another key, info, or else stays in the
// stage.
func (n *fileNode) lost(staged *writeback.File, info cosapi.Object, conflict *writeback.ConflictError) {
	key, named := n.key()
	dir, name, placed := n.place()
	n.fs.tree.Lock()
	n.mu.Lock()
	if dir, ok := n.dirKeyLocked(); ok {
		n.fs.overlay.drop(dir, n.name, &n.node)
		n.parent.dropKid(n.name, &n.node)
		n.parent = nil
	}
	n.superseded.Store(true)
	n.gone = true
	n.displaced = conflict
	var orphan *writeback.File
	if n.handles == 0 && n.ending == nil && info.ETag != "" {
		orphan, n.staged = n.staged, nil
	}
	n.mu.Unlock()
	n.fs.tree.Unlock()
	if named {
		n.fs.names.Forget(key)
	}
	if info.ETag != "" {
		n.fs.names.Learn(info)
	}
	if placed {
		dir.notify(name)
		_, kept := split(info.Key)
		dir.notify(kept) // the kernel may know that there is none; "" compares all
	}
	if orphan != nil {
		n.discard(orphan)
	}
}
