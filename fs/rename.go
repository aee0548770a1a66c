package fs

import (
	"context"
	"errors"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// move is one rename(2): plan fills it in, the requests are made with the
// keys claimed, commit changes the tree.
type move struct {
	fs               *FS
	node, target     inode // target is nil when the new name is free
	from, to         *dirNode
	fromName, toName string
	flags            uint32
	oldKey, newKey   string // once claimed
	unseen           bool   // node is another one than the kernel knows under the old name
}

// Rename renames a file or a directory. EXCHANGE cannot be had: COS has no
// way to swap two objects.
func (d *dirNode) Rename(_ context.Context, name string, newParent fusefs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := newParent.(*dirNode)
	if !ok {
		return syscall.ENOTDIR
	}
	m := &move{fs: d.fs, from: d, to: to, fromName: name, toName: newName, flags: flags}
	if err := m.run(); err != nil {
		return d.fs.fail("rename", d.keyOf(name), err)
	}
	if m.unseen { // and takes for renamed
		to.notify(newName)
	}
	return 0
}

func (m *move) run() error {
	if m.flags&^unix.RENAME_NOREPLACE != 0 {
		return syscall.EINVAL
	}
	if err := m.plan(); err != nil || m.node == m.target {
		return err
	}
	if err := m.from.keep(); err != nil {
		return err
	}
	release, err := m.claim()
	if err != nil {
		return err
	}
	defer release()
	if err := m.settle(); err != nil {
		return err
	}
	if dir, ok := m.node.(*dirNode); ok {
		return m.renameDir(dir)
	}
	return m.renameLeaf()
}

// plan finds what is renamed and what stands in the way.
func (m *move) plan() error {
	if m.fs.cfg.ReadOnly {
		return syscall.EROFS
	}
	known := m.from.kid(m.fromName)
	var err error
	if m.node, _, err = m.from.child(m.fromName); err != nil {
		return err
	}
	m.unseen = known != nil && known != m.node
	m.target, _, err = m.to.child(m.toName)
	switch {
	case errors.Is(err, cosapi.NotFound):
		m.target = nil
		return nil
	case err != nil:
		return err
	case m.flags&unix.RENAME_NOREPLACE != 0:
		return syscall.EEXIST
	}
	targetDir := m.target.base().typ == syscall.S_IFDIR
	switch {
	case m.isDir() && !targetDir:
		return syscall.ENOTDIR
	case !m.isDir() && targetDir:
		return syscall.EISDIR
	}
	return nil
}

func (m *move) isDir() bool { return m.node.base().typ == syscall.S_IFDIR }

// claim claims both keys, of a directory both subtrees, and sees that the node
// is still under the old name.
func (m *move) claim() (release func(), err error) {
	_, release, err = m.fs.own(func() ([]string, error) {
		dir, name, ok := m.node.base().place()
		if !ok || dir != m.from || name != m.fromName {
			return nil, errNoName // another rename was quicker
		}
		slash := 0
		if m.isDir() {
			slash = 1
		}
		to, err := m.to.mayMake(m.toName, slash)
		if err != nil {
			return nil, err
		}
		m.oldKey, _ = m.node.base().key()
		m.newKey = join(to, m.toName)
		if m.isDir() {
			return []string{prefixOf(m.oldKey), prefixOf(m.newKey)}, nil
		}
		return []string{m.oldKey, m.newKey}, nil
	})
	return release, err
}

// settle has what is deferred in both places carried out first: the copies are
// made of what the bucket has.
func (m *move) settle() error {
	for _, key := range []string{m.oldKey, m.newKey} {
		if m.isDir() {
			key = prefixOf(key)
		}
		if err := m.fs.settle(key); err != nil {
			return err
		}
	}
	return nil
}

// renameLeaf renames anything but a directory: a copy and a removal, or
// nothing at all when COS has never had it.
func (m *move) renameLeaf() error {
	resume := func() {}
	target, _ := m.target.(*fileNode)
	if target != nil {
		var err error
		if resume, err = target.giveWay(); err != nil {
			return err
		}
	}
	var err error
	if file, ok := m.node.(*fileNode); ok {
		err = m.renameFile(file)
	} else {
		err = m.renameObject(leafOf(m.node), func(info cosapi.Object) { leafOf(m.node).rekeyed(info) })
	}
	if err != nil {
		resume()
		return err
	}
	if target != nil {
		target.orphan()
	}
	return nil
}

// renameFile renames a file that may be staged.
func (m *move) renameFile(n *fileNode) error {
	if m.target == nil {
		done, err := m.renameStaged(n)
		if done || err != nil {
			return err
		}
	}
	if err := n.storeClaimed(m.oldKey); err != nil {
		return err
	}
	return m.renameObject(&n.leaf, n.rekey)
}

// renameStaged gives a file that COS has never had another key, if this is
// one.
func (m *move) renameStaged(n *fileNode) (done bool, err error) {
	staged := n.stagedNow()
	if staged == nil {
		return false, nil
	}
	release, err := staged.Hold(m.fs.ctx) // no upload begins while it is looked at
	if err != nil {
		return false, err
	}
	defer release()
	if n.mayExist() {
		return false, nil
	}
	n.mu.Lock()
	n.info.ContentType, _ = retype(n.info.ContentType, m.fromName, m.toName)
	staged.SetOptions(n.putOptionsLocked())
	n.mu.Unlock()
	if err := staged.Rename(m.newKey); err != nil {
		return false, err
	}
	m.commit()
	return true, nil
}

// renameObject renames what COS has: the object is copied, the node is told,
// so that open handles read on from the copy, and then the original goes. The
// record of it has the next mount remove one of two names that a crash leaves.
func (m *move) renameObject(l *leaf, rekey func(cosapi.Object)) error {
	record, err := m.fs.stage.BeginMove(m.oldKey, m.newKey, l.object().Version)
	if err != nil {
		return err
	}
	info, err := m.copyLeaf(l)
	if errors.Is(err, cosapi.Changed) || errors.Is(err, cosapi.NotFound) {
		m.fs.names.Forget(m.oldKey) // somebody else's doing: the kernel looks the path up again upon ESTALE
	}
	if err != nil { // the program is told so: it must not happen later
		return errors.Join(err, record.Done())
	}
	was := l.object()
	rekey(info)
	err = m.fs.delete(m.oldKey)
	if m.target == nil && refused(err) { // without an answer the original may be gone
		rekey(was)
		return errors.Join(err, m.fs.delete(m.newKey), record.Done())
	}
	m.commit()
	if err != nil { // the original, or what was under the new name, is gone: no way back
		m.fs.names.Forget(m.oldKey)
		m.fs.log.Error("renamed, but the old name could not be removed; it is tried again", "key", m.oldKey, "to", m.newKey, "err", err)
		err = m.fs.removeLater(m.oldKey, was)
	}
	if err = errors.Join(err, record.Done()); err != nil {
		m.fs.log.Error("renamed; the next mount looks at the old name again", "key", m.oldKey, "to", m.newKey, "err", err)
	}
	return nil
}

// copyLeaf copies the object to the new key.
func (m *move) copyLeaf(l *leaf) (cosapi.Object, error) {
	if err := errors.Join(l.learn(), l.learnAccess(m.oldKey)); err != nil {
		return cosapi.Object{}, err
	}
	l.mu.Lock()
	was := l.info
	var o cosapi.CopyOptions
	l.extras.acl.into(&o.PutOptions)
	l.mu.Unlock()
	o.ForbidOverwrite = m.flags&unix.RENAME_NOREPLACE != 0
	if t, changed := retype(was.ContentType, m.fromName, m.toName); changed {
		o.Replace, o.Attrs = true, was.Attrs
		o.ContentType = t
	}
	return m.fs.copyObject(was, m.newKey, o)
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
		f.overlay.drop(toKey, m.toName, m.target.base())
	}
	if _, staged := f.overlay.get(fromKey, m.fromName); staged {
		f.overlay.drop(fromKey, m.fromName, base)
		f.overlay.set(toKey, m.toName, m.node)
	}
	if m.isDir() {
		f.overlay.move(m.oldKey, m.newKey)
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
