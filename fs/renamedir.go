package fs

import (
	"errors"
	"syscall"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// renameDir renames a directory: every object below it is copied, then the
// old ones are deleted in batches. Nothing else may change either tree
// meanwhile, and no upload below it may run. Until the first deletion a failure
// undoes the copies; after it the new tree is the right one, and what could not
// be deleted of the old one is deleted later.
func (m *move) renameDir(dir *dirNode) error {
	if m.target != nil {
		if err := m.fs.checkEmpty(m.newKey); err != nil {
			return err
		}
	} else if len(m.fs.overlay.below(m.newKey)) > 0 {
		return syscall.ENOTEMPTY
	}
	resume, err := m.holdBelow()
	defer resume()
	if err != nil {
		return err
	}
	if err := dir.keepClaimed(m.oldKey); err != nil {
		return err
	}
	t := newTreeCopy(m.fs, prefixOf(m.oldKey), prefixOf(m.newKey))
	t.replaces = m.target != nil
	return m.renameTree(dir, t)
}

// renameTree makes the requests, under a record that outlives a crash.
func (m *move) renameTree(dir *dirNode, t *treeCopy) error {
	record, err := m.fs.stage.BeginRename(t.from, t.to, m.target != nil)
	if err != nil {
		return err
	}
	if err := t.run(); err != nil {
		return errors.Join(err, m.undo(t, record))
	}
	if err := record.Deleting(t.newest); err != nil {
		return errors.Join(err, m.undo(t, record))
	}
	dir.rekeyBelow(t) // readers go on with the copies while the originals go
	err = t.sweep(m.fs.ctx)
	if refused(err) && t.deleted == 0 {
		return errors.Join(err, m.turnBack(dir, t, record))
	}
	m.commitDir(dir, t)
	if err == nil {
		err = record.Done()
	}
	if err != nil {
		m.fs.log.Error("renamed, but the old name could not be removed yet; it goes on in the background",
			"key", m.oldKey, "to", m.newKey, "removed", t.deleted, "err", err)
		t.pages = nil // what has changed since is for programs to see
		m.fs.completeLater(&resumption{t, record})
	}
	return nil
}

// turnBack leaves the old tree, of which nothing could be deleted.
func (m *move) turnBack(dir *dirNode, t *treeCopy, record *writeback.Rename) error {
	t.swap()
	dir.rekeyBelow(t)
	t.swap()
	if err := record.Copying(); err != nil { // the next mount tries to delete once more
		return err
	}
	return m.undo(t, record)
}

// refused says that COS has answered, and has not done what it was asked to.
// After any other error it may have.
func refused(err error) bool {
	var e *cosapi.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case cosapi.Throttled, cosapi.Unavailable, cosapi.Timeout, cosapi.Canceled, cosapi.Corrupt:
		return false
	}
	return true
}

// holdBelow brings COS into line with the staged files below that it has had
// before, and lets no upload of any of them run until resume is called: those
// that are only local get another key at the commit.
func (m *move) holdBelow() (resume func(), err error) {
	var held []func()
	resume = func() {
		for _, release := range held {
			release()
		}
	}
	for _, n := range m.fs.stagedBelow(m.oldKey) {
		if key, ok := n.key(); ok && n.mayExist() {
			if err := n.storeClaimed(key); err != nil {
				return resume, err
			}
		}
		staged := n.stagedNow()
		if staged == nil {
			continue
		}
		release, err := staged.Hold(m.fs.ctx)
		if err != nil {
			return resume, err
		}
		held = append(held, release)
	}
	return resume, nil
}

// stagedBelow finds the staged files in a subtree. They are all in the overlay.
func (f *FS) stagedBelow(key string) []*fileNode {
	var files []*fileNode
	for _, n := range f.overlay.below(key) {
		if file, ok := n.(*fileNode); ok && file.stagedNow() != nil {
			files = append(files, file)
		}
	}
	return files
}

// undo removes the copies that were made, and gives an empty directory that
// was there its marker back. If it fails, the record stays for the next mount.
func (m *move) undo(t *treeCopy, record *writeback.Rename) error {
	err := t.undoCopies(m.fs.ctx, record.At)
	m.fs.names.ForgetTree(m.newKey)
	if target, ok := m.target.(*dirNode); ok && target.marked() {
		err = errors.Join(err, target.putMarker(m.newKey, false))
	}
	if err != nil {
		return err
	}
	return record.Done()
}

// commitDir moves the directory in the tree and tells what is only local of
// its new keys.
func (m *move) commitDir(dir *dirNode, t *treeCopy) {
	m.commit()
	m.fs.names.ForgetTree(m.oldKey)
	m.fs.names.ForgetNames(m.newKey) // which were seen while it grew
	if c, ok := t.told[t.from]; ok {
		dir.refresh(c.is, m.fs.now())
		m.fs.learnAgain(c.is)
	}
	for _, n := range m.fs.stagedBelow(m.newKey) {
		n.followDir()
	}
}

// learnAgain tells Names of an object whose name it was told to forget.
func (f *FS) learnAgain(o cosapi.Object) {
	acl, known := f.names.ACLOf(o)
	f.names.Learn(o)
	if known {
		f.names.LearnACL(o, acl)
	}
}

// followDir gives a file that COS has never had the key of its new place.
func (n *fileNode) followDir() {
	key, ok := n.key()
	staged := n.stagedNow()
	if !ok || staged == nil || staged.Key() == key {
		return
	}
	if err := staged.Rename(key); err != nil {
		n.fs.log.Error("staged file does not follow the rename of its directory", "key", key, "err", err)
	}
}
