package fs

import (
	"context"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// unnamed is the key of staged files without a name, below the prefix. It is
// one that no program can see or make, and nothing is ever stored under it.
const unnamed = ".cosfs/unnamed"

// Tmpfile makes a file that is in no directory (open(2) with O_TMPFILE). It is
// staged like any new file, and goes with its last handle unless Link gives it
// a name.
func (d *dirNode) Tmpfile(ctx context.Context, flags, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	f := d.fs
	if f.cfg.ReadOnly {
		return nil, nil, 0, syscall.EROFS
	}
	n := newFile(f)
	n.attr = d.newAttr(ctx, syscall.S_IFREG|mode&07777)
	n.info.StorageClass, n.info.Encryption = f.cfg.StorageClass, f.cfg.Encryption
	n.extras = f.newExtras()
	n.gone, n.linkable = true, flags&syscall.O_EXCL == 0
	var err error
	if n.staged, err = f.stage.Create(f.cfg.Prefix+unnamed, n.putOptionsLocked()); err != nil {
		return nil, nil, 0, f.fail("tmpfile", d.keyOf(""), err)
	}
	h := n.newHandle(ctx, flags)
	return d.enter(ctx, n, f.cfg.AttrTTL, out), h, h.fuseFlags(), 0
}

// Link gives a name to a file that was made without one. It refuses hard
// links: two keys cannot share one object.
func (d *dirNode) Link(ctx context.Context, target fusefs.InodeEmbedder, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	n, ok := target.(*fileNode)
	if !ok {
		return nil, syscall.EPERM
	}
	err := d.settleMarker(name)
	if err == nil {
		err = d.name(n, name)
	}
	if err != nil {
		return nil, d.fs.fail("link", d.keyOf(name), err)
	}
	return d.enter(ctx, n, d.fs.cfg.AttrTTL, out), 0
}

// name gives a file without a name its place and key in one step.
func (d *dirNode) name(n *fileNode, name string) error {
	f := d.fs
	f.tree.Lock()
	defer f.tree.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.linkable {
		return syscall.EPERM
	}
	dir, ok := d.keyLocked()
	if !ok {
		return errNoName
	}
	if err := f.checkName(dir, name, 0); err != nil {
		return err
	}
	n.info.ContentType = contentType(name)
	n.staged.SetOptions(n.putOptionsLocked())
	if err := n.staged.Rename(join(dir, name)); err != nil {
		return err
	}
	n.gone, n.linkable = false, false
	n.parent, n.name = d, name
	f.overlay.set(dir, name, n)
	d.setKid(name, n)
	d.touch()
	return nil
}
