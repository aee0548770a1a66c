package fs

import (
	"context"
	"errors"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// move is one rename(2): plan fills it in, act makes the requests, commit
// changes the tree.
type move struct {
	fs               *FS
	node, target     inode // target is nil when the new name is free
	from, to         *dirNode
	fromName, toName string
	oldKey, newKey   string
}

// Rename renames a file or a directory. EXCHANGE cannot be had: COS has no
// way to swap two objects.
func (d *dirNode) Rename(_ context.Context, name string, newParent fusefs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := newParent.(*dirNode)
	if !ok {
		return syscall.ENOTDIR
	}
	if err := d.rename(name, to, newName, flags); err != nil {
		return d.fs.fail("rename", d.keyOf(name), err)
	}
	return 0
}

func (d *dirNode) rename(name string, to *dirNode, newName string, flags uint32) error {
	if flags&^unix.RENAME_NOREPLACE != 0 {
		return syscall.EINVAL
	}
	m := &move{fs: d.fs, from: d, to: to, fromName: name, toName: newName}
	if err := m.plan(flags); err != nil || m.node == m.target {
		return err
	}
	if err := d.keep(); err != nil {
		return err
	}
	if dir, ok := m.node.(*dirNode); ok {
		return m.renameDir(dir)
	}
	return m.renameLeaf()
}

// plan finds what is renamed and what stands in the way.
func (m *move) plan(flags uint32) error {
	if m.fs.cfg.ReadOnly {
		return syscall.EROFS
	}
	var err error
	if m.node, _, err = m.from.child(m.fromName); err != nil {
		return err
	}
	isDir := m.node.base().typ == syscall.S_IFDIR
	slash := 0
	if isDir {
		slash = 1
	}
	dir, err := m.to.mayMake(m.toName, slash)
	if err != nil {
		return err
	}
	m.newKey = join(dir, m.toName)
	m.target, _, err = m.to.child(m.toName)
	switch {
	case errors.Is(err, cosapi.NotFound):
		m.target = nil
		return nil
	case err != nil:
		return err
	case flags&unix.RENAME_NOREPLACE != 0:
		return syscall.EEXIST
	}
	targetDir := m.target.base().typ == syscall.S_IFDIR
	switch {
	case isDir && !targetDir:
		return syscall.ENOTDIR
	case !isDir && targetDir:
		return syscall.EISDIR
	}
	return nil
}

// renameLeaf renames anything but a directory: a copy and a removal, or
// nothing at all when COS has never had it.
func (m *move) renameLeaf() error {
	l := leafOf(m.node)
	oldKey, ok := l.key()
	if !ok {
		return cosapi.NotFound
	}
	release, err := m.fs.claims.acquire(m.fs.ctx, oldKey, m.newKey)
	if err != nil {
		return err
	}
	defer release()
	if now, ok := l.key(); !ok || now != oldKey {
		return cosapi.NotFound // another rename was quicker
	}
	m.oldKey = oldKey
	resume := func() {}
	if target, ok := m.target.(*fileNode); ok {
		if resume, err = target.giveWay(); err != nil {
			return err
		}
	}
	if file, ok := m.node.(*fileNode); ok {
		err = m.renameFile(file)
	} else {
		err = m.renameObject(l)
	}
	if err != nil {
		resume()
		return err
	}
	if target, ok := m.target.(*fileNode); ok {
		target.orphan()
	}
	return nil
}

// renameObject renames a link or a special file.
func (m *move) renameObject(l *leaf) error {
	info, err := m.copyLeaf(l)
	if err != nil {
		return err
	}
	m.commit()
	l.mu.Lock()
	l.info = info
	l.mu.Unlock()
	return nil
}

// renameFile renames a file that may be staged.
func (m *move) renameFile(n *fileNode) error {
	if m.target == nil && !n.mayExist() {
		return m.renameStaged(n)
	}
	if err := n.storeClaimed(m.oldKey); err != nil {
		return err
	}
	info, err := m.copyLeaf(&n.leaf)
	if err != nil {
		return err
	}
	m.commit()
	return n.rekey(info)
}

// renameStaged gives a file that COS has never had another key.
func (m *move) renameStaged(n *fileNode) error {
	n.mu.Lock()
	n.info.ContentType, _ = retype(n.info.ContentType, m.fromName, m.toName)
	n.staged.SetOptions(n.putOptionsLocked())
	err := n.staged.Rename(m.newKey)
	n.mu.Unlock()
	if err != nil {
		return err
	}
	m.commit()
	return nil
}

// rekey follows the file's object to another key.
func (n *fileNode) rekey(info cosapi.Object) error {
	n.mu.Lock()
	was := n.info
	err := n.rebaseLocked(info)
	n.info = info
	n.mu.Unlock()
	n.fs.replaced(was, info)
	return err
}

// copyLeaf copies the object to the new key and removes the old one.
func (m *move) copyLeaf(l *leaf) (cosapi.Object, error) {
	if err := l.learnAccess(m.oldKey); err != nil {
		return cosapi.Object{}, err
	}
	l.mu.Lock()
	was := l.info
	var o cosapi.CopyOptions
	l.acl.into(&o.PutOptions)
	l.mu.Unlock()
	if t, changed := retype(was.ContentType, m.fromName, m.toName); changed {
		o.Replace, o.Attrs = true, was.Attrs
		o.ContentType = t
	}
	info, err := m.fs.copyObject(was, m.newKey, o)
	if err != nil {
		return cosapi.Object{}, err
	}
	return info, m.fs.delete(m.oldKey)
}

// commit gives the node its new place, in one step for everybody who looks.
func (m *move) commit() {
	f := m.fs
	f.tree.Lock()
	fromKey, _ := m.from.keyLocked()
	toKey, _ := m.to.keyLocked()
	base := m.node.base()
	base.parent, base.name = m.to, m.toName
	if m.target != nil {
		m.target.base().parent = nil
	}
	if m.target != nil {
		f.overlay.drop(toKey, m.toName, m.target.base())
	}
	if _, staged := f.overlay.get(fromKey, m.fromName); staged {
		f.overlay.drop(fromKey, m.fromName, base)
		f.overlay.set(toKey, m.toName, m.node)
	}
	f.tree.Unlock()

	m.from.dropKid(m.fromName, base)
	m.to.setKid(m.toName, m.node)
	m.from.touch()
	m.to.touch()
}

func leafOf(n inode) *leaf {
	switch n := n.(type) {
	case *fileNode:
		return &n.leaf
	case *linkNode:
		return &n.leaf
	case *specialNode:
		return &n.leaf
	}
	return nil
}
