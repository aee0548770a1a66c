package fs

import (
	"context"
	"syscall"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// Unlink removes the name of anything but a directory.
func (d *dirNode) Unlink(_ context.Context, name string) syscall.Errno {
	if err := d.unlink(name); err != nil {
		return d.fs.fail("unlink", d.keyOf(name), err)
	}
	return 0
}

func (d *dirNode) unlink(name string) error {
	if d.fs.cfg.ReadOnly {
		return syscall.EROFS
	}
	n, _, err := d.child(name)
	if err != nil {
		return err
	}
	if n.base().typ == syscall.S_IFDIR {
		return syscall.EISDIR
	}
	if err := d.keep(); err != nil {
		return err
	}
	hurry := func() {}
	if file, ok := n.(*fileNode); ok {
		hurry = file.callBack
	}
	key, release, ok, err := n.base().claimOver(hurry)
	if err != nil {
		return err
	}
	if !ok {
		return errNoName
	}
	defer release()
	if file, ok := n.(*fileNode); ok {
		return file.unlink(key)
	}
	if err := d.fs.remove(key, leafOf(n).object()); err != nil {
		return err
	}
	n.base().unhang(nil)
	return nil
}

// object is the object as the node knows it.
func (l *leaf) object() cosapi.Object {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.info
}

// delete removes an object, and tells Names that it is gone.
func (f *FS) delete(key string) error {
	if err := f.bucket.Delete(f.ctx, key); err != nil {
		return err
	}
	f.names.Removed(key)
	return nil
}

// unlink removes a file's object and name. Handles that are open go on with
// what they have: the rest of the content is fetched before it is gone.
func (n *fileNode) unlink(key string) error {
	resume, err := n.giveWay()
	if err != nil {
		return err
	}
	if n.mayExist() {
		if err := n.fs.remove(key, n.sureObject()); err != nil {
			resume()
			return err
		}
	}
	n.orphan()
	return nil
}

// callBack ends the upload that a close(2) waits for, which has claimed the key:
// the file is about to be removed. The close claims again, behind the removal,
// and finds that nothing is to be stored any more.
func (n *fileNode) callBack() {
	n.mu.Lock() // and not lock: who ends it may be who has claimed the key
	staged := n.staged
	n.mu.Unlock()
	if staged != nil {
		staged.CallBack()
	}
}

// sureObject is what COS has of the file, nothing if an upload may have
// changed it since.
func (n *fileNode) sureObject() cosapi.Object {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.staged == nil {
		return n.info
	}
	if n.staged.Dirty() && !n.staged.OnlyAttrs() {
		return cosapi.Object{}
	}
	stored, _ := n.staged.Object()
	return stored
}

// mayExist says whether COS may have an object of the file.
func (n *fileNode) mayExist() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.info.ETag != "" || n.staged != nil && n.staged.MayExist()
}

// giveWay prepares a file for losing its name: open handles keep its content,
// and no upload of it is under way or begins before resume is called, which is
// for when the name stays after all. The caller holds the claim of its key.
func (n *fileNode) giveWay() (resume func(), err error) {
	n.retain()
	staged := n.stagedNow()
	if staged == nil {
		return func() {}, nil
	}
	return staged.Hold(n.fs.ctx)
}

// orphan takes the name from a file, after COS has: nothing of it is stored
// any more, and its last handle takes the staged content with it.
func (n *fileNode) orphan() {
	n.waitEnding()
	var staged *writeback.File
	n.unhang(func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.gone = true
		n.attr.ctime = n.fs.now()
		staged = n.staged
		if n.handles == 0 {
			n.staged = nil
		}
	})
	switch {
	case staged == nil:
	case n.stagedNow() == nil:
		n.discard(staged)
	default: // an earlier fsync or failed store may have promised it
		if err := staged.Orphan(); err != nil {
			n.fs.log.Warn("record of a removed file not deleted; a crash now may bring the file back", "name", n.name, "err", err)
		}
	}
}

// waitEnding waits for the end of a staged file that is ending.
func (n *fileNode) waitEnding() {
	n.lock()
	n.mu.Unlock()
}

// retain makes sure that open handles can read all of a version which is about
// to be removed or replaced. It does so for what fits the cache well; of the
// rest, and of what cannot be had, a reader gets ESTALE for what it has not
// read.
func (n *fileNode) retain() {
	n.mu.Lock()
	open, info := n.handles > 0 && n.info.ETag != "", n.info
	n.mu.Unlock()
	if !open || info.Size > n.fs.blocks.Size()/4 {
		return
	}
	object, err := n.fs.blocks.Get(info.Version)
	if err == nil {
		err = object.Fill(n.fs.ctx)
	}
	if err != nil {
		n.fs.log.Warn("an open file loses its name before all of it was read", "key", info.Key, "err", err)
	}
	if object == nil {
		return
	}
	n.mu.Lock()
	keep := n.handles > 0 && n.staged == nil && n.pin == nil && n.info.Version == info.Version
	if keep {
		n.pin = &pin{object: object}
	}
	n.mu.Unlock()
	if !keep {
		object.Close()
	}
}

// unhang takes a node's name away, after COS has; also, if given, happens in
// the same step, under fs.tree.
func (n *node) unhang(also func()) {
	f := n.fs
	f.tree.Lock()
	dir, name := n.parent, n.name
	parent, named := n.dirKeyLocked()
	n.parent = nil
	if named {
		f.overlay.drop(parent, name, n)
	}
	if also != nil {
		also()
	}
	f.tree.Unlock()
	if dir != nil {
		dir.dropKid(name, n)
		dir.touch()
	}
}

// Rmdir removes an empty directory.
func (d *dirNode) Rmdir(_ context.Context, name string) syscall.Errno {
	if err := d.rmdir(name); err != nil {
		return d.fs.fail("rmdir", d.keyOf(name), err)
	}
	return 0
}

func (d *dirNode) rmdir(name string) error {
	if d.fs.cfg.ReadOnly {
		return syscall.EROFS
	}
	n, _, err := d.child(name)
	if err != nil {
		return err
	}
	dir, ok := n.(*dirNode)
	if !ok {
		return syscall.ENOTDIR
	}
	if err := d.keep(); err != nil {
		return err
	}
	var key string
	_, release, err := d.fs.own(func() ([]string, error) {
		var ok bool
		if key, ok = dir.key(); !ok {
			return nil, errNoName
		}
		return []string{prefixOf(key)}, nil
	})
	if err != nil {
		return err
	}
	defer release()
	if err := d.fs.checkEmpty(key); err != nil {
		return err
	}
	if err := d.fs.remove(prefixOf(key), dir.object()); err != nil {
		return err
	}
	dir.unhang(nil)
	return nil
}

// object is the directory's marker, as the node knows it.
func (d *dirNode) object() cosapi.Object {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.marker {
		return cosapi.Object{}
	}
	return d.info
}

// checkEmpty asks the overlay for what COS does not have yet, and what is known
// of the directory. If that is not fresh it asks COS itself, after what was
// removed here has gone, for another host may have put something there.
func (f *FS) checkEmpty(dir string) error {
	if len(f.overlay.below(dir)) > 0 {
		return syscall.ENOTEMPTY
	}
	if f.names.Listed(dir) && !f.names.HidesBelow(dir) {
		rows, more, err := f.names.Rows(f.ctx, dir, "")
		switch {
		case err != nil:
			return err
		case len(f.overlay.visible(dir, rows)) > 0:
			return syscall.ENOTEMPTY
		case !more:
			return nil
		}
	}
	prefix := prefixOf(dir)
	if err := f.settle(prefix); err != nil {
		return err
	}
	page, err := f.bucket.List(f.ctx, cosapi.ListOptions{Prefix: prefix, Delimiter: "/", Max: 2})
	if err != nil {
		return err
	}
	for _, e := range page.Entries {
		if e.Key != prefix {
			return syscall.ENOTEMPTY
		}
	}
	return nil
}
