package fs

import (
	"errors"
	"os"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// claim claims the file's key, wherever a rename may have moved it by the time
// the claim is granted. ok is false when the file has no name any more.
func (n *node) claim() (key string, release func(), ok bool, err error) {
	for {
		key, ok := n.key()
		if !ok {
			return "", nil, false, nil
		}
		release, err := n.fs.claims.acquire(n.fs.ctx, key)
		if err != nil {
			return key, nil, true, err
		}
		if now, ok := n.key(); ok && now == key {
			return key, release, true, nil
		}
		release()
	}
}

// store returns when COS has what was written. It is what close(2) and
// fsync(2) wait for. A file without a name has nowhere to be stored.
func (n *fileNode) store() error {
	key, release, ok, err := n.claim()
	if err != nil || !ok {
		return err
	}
	defer release()
	return n.storeClaimed(key)
}

// storeClaimed is store for a caller who holds the claim of the key.
func (n *fileNode) storeClaimed(key string) error {
	n.mu.Lock()
	staged := n.staged
	n.mu.Unlock()
	if staged == nil || !staged.Dirty() {
		return nil
	}
	if err := n.learnAccess(key); err != nil {
		return err
	}
	n.mu.Lock()
	staged.SetOptions(n.putOptionsLocked())
	n.mu.Unlock()

	info, err := staged.Store(n.fs.ctx)
	if err != nil {
		return err
	}
	n.settle(staged, info)
	return nil
}

// settle takes over a version that COS has acknowledged and, when nobody
// writes any more, turns the staged file into the cached one.
func (n *fileNode) settle(staged *writeback.File, info cosapi.Object) {
	n.fs.tree.RLock()
	defer n.fs.tree.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.staged != staged || n.gone {
		return
	}
	n.info = info
	n.fs.names.Learn(info)
	if n.writers == 0 {
		n.finishLocked()
	}
}

// finishLocked ends the staged state of a file that nobody writes; if COS does
// not have everything yet, the stage goes on storing it. The caller holds
// fs.tree and n.mu.
func (n *fileNode) finishLocked() {
	staged := n.staged
	err := staged.Finish(n.fs.blocks.Adopt)
	switch {
	case errors.Is(err, writeback.ErrDirty):
		staged.SetOptions(n.putOptionsLocked())
		n.storeLater(staged)
		return
	case err != nil: // COS has the bytes; only the copy for the cache is lost
		n.fs.log.Warn("stored file not kept in the cache", "key", n.info.Key, "err", err)
	}
	n.staged = nil
	if dir, ok := n.dirKeyLocked(); ok {
		n.fs.overlay.drop(dir, n.name, &n.node)
	}
}

// storeLater leaves the storing of a closed file to the stage.
func (n *fileNode) storeLater(staged *writeback.File) {
	n.fs.later.Add(1)
	err := staged.StoreLater(func(info cosapi.Object, err error) {
		defer n.fs.later.Done()
		n.storedLater(staged, info, err)
	})
	if errors.Is(err, os.ErrClosed) { // nobody will be told
		n.fs.later.Done()
	}
	if err != nil { // it will be tried all the same, but a crash may lose it
		n.fs.log.Error("file to be stored later is not safe on the local disk", "key", staged.Key(), "err", err)
	}
}

// storedLater is called by the stage for a file that was closed before COS
// had it.
func (n *fileNode) storedLater(staged *writeback.File, info cosapi.Object, err error) {
	if err != nil {
		n.fs.log.Error("file not stored; it stays in the stage for the next mount", "key", n.label(), "err", err)
		return
	}
	n.settle(staged, info)
}
