package fs

import (
	"bytes"
	"context"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"cosfs/cosapi"
)

// newAttr gives a new inode its attributes: mode as the kernel sends it (the
// umask is taken off already), owner of the caller, group of the directory
// when that is setgid.
func (d *dirNode) newAttr(ctx context.Context, mode uint32) attr {
	now := d.fs.now()
	a := attr{mode: mode, mtime: now, ctime: now, atime: now}
	if caller, ok := fuse.FromContext(ctx); ok {
		a.uid, a.gid = caller.Uid, caller.Gid
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.attr.mode&syscall.S_ISGID != 0 {
		a.gid = d.attr.gid
		if a.typ() == syscall.S_IFDIR {
			a.mode |= syscall.S_ISGID
		}
	}
	return a
}

// mayMake checks what holds for every new name and gives its directory's key.
func (d *dirNode) mayMake(name string, slash int) (dir string, err error) {
	if d.fs.cfg.ReadOnly {
		return "", syscall.EROFS
	}
	dir, ok := d.key()
	if !ok {
		return "", cosapi.NotFound // the directory itself was removed
	}
	return dir, checkName(dir, name, slash)
}

// hang gives a new node its place.
func (d *dirNode) hang(name string, n inode) {
	d.fs.tree.Lock()
	n.base().parent, n.base().name = d, name
	d.fs.tree.Unlock()
	d.setKid(name, n)
	d.touch()
}

// Create makes a file which is only local until it is flushed: nothing is
// sent for it here.
func (d *dirNode) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	f := d.fs
	dir, err := d.mayMake(name, 0)
	if err != nil {
		return nil, nil, 0, f.fail("create", join(dir, name), err)
	}
	n := newFile(f)
	n.attr = d.newAttr(ctx, syscall.S_IFREG|mode&07777)
	n.info.ContentType = contentType(name)
	n.info.StorageClass = f.cfg.StorageClass
	n.acl = access{known: true, canned: f.cfg.ACL}
	n.staged, err = f.stage.Create(join(dir, name), n.putOptionsLocked())
	if err != nil {
		return nil, nil, 0, f.fail("create", join(dir, name), err)
	}
	d.hang(name, n)
	f.overlay.set(dir, name, n)
	h := n.newHandle(flags)
	return d.enter(ctx, n, f.cfg.AttrTTL, out), h, h.fuseFlags(), 0
}

// Mkdir puts a directory's marker.
func (d *dirNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	f := d.fs
	dir, err := d.mayMake(name, 1)
	if err != nil {
		return nil, f.fail("mkdir", join(dir, name), err)
	}
	n := newDir(f)
	n.attr = d.newAttr(ctx, syscall.S_IFDIR|mode&07777)
	key := join(dir, name)
	release, err := f.claims.acquire(f.ctx, key)
	if err != nil {
		return nil, f.fail("mkdir", key, err)
	}
	defer release()
	if err := n.putMarker(key); err != nil {
		return nil, f.fail("mkdir", key, err)
	}
	d.hang(name, n)
	return d.enter(ctx, n, f.cfg.AttrTTL, out), 0
}

// Symlink puts an object whose body is the target, as Tencent's cosfs writes
// links (field.md 2.4).
func (d *dirNode) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	n := newLink(d.fs)
	n.attr = d.newAttr(ctx, syscall.S_IFLNK|0o777)
	if err := d.putLeaf(name, &n.leaf, n, target); err != nil {
		return nil, d.fs.fail("symlink", d.keyOf(name), err)
	}
	n.target, n.targetOf = target, n.info.Version
	return d.enter(ctx, n, d.fs.cfg.AttrTTL, out), 0
}

// Mknod puts an empty object whose mode says what it is; an ordinary file
// made this way is like one that was created and closed.
func (d *dirNode) Mknod(ctx context.Context, name string, mode, dev uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	a := d.newAttr(ctx, mode)
	a.rdev = dev
	var n inode
	var l *leaf
	if typ := a.typ(); typ == syscall.S_IFREG {
		file := newFile(d.fs)
		n, l = file, &file.leaf
	} else {
		special := newSpecial(d.fs, typ)
		n, l = special, &special.leaf
	}
	l.attr = a
	if err := d.putLeaf(name, l, n, ""); err != nil {
		return nil, d.fs.fail("mknod", d.keyOf(name), err)
	}
	return d.enter(ctx, n, d.fs.cfg.AttrTTL, out), 0
}

// putLeaf stores a new object with its body at once and hangs its node.
func (d *dirNode) putLeaf(name string, l *leaf, n inode, body string) error {
	f := d.fs
	dir, err := d.mayMake(name, 0)
	if err != nil {
		return err
	}
	key := join(dir, name)
	release, err := f.claims.acquire(f.ctx, key)
	if err != nil {
		return err
	}
	defer release()
	o := cosapi.PutOptions{ACL: f.cfg.ACL, ForbidOverwrite: true}
	o.Attrs = withAttr(cosapi.Attrs{ContentType: defaultContentType, StorageClass: f.cfg.StorageClass}, l.attr)
	info, err := f.bucket.Put(f.ctx, key, bytes.NewReader([]byte(body)), o)
	if err != nil {
		return err
	}
	info.Attrs = o.Attrs
	l.info, l.acl = info, access{known: true, canned: f.cfg.ACL}
	f.names.Learn(info)
	d.hang(name, n)
	return nil
}

// putMarker stores the directory's attributes in its marker object. The
// caller holds the claim of key.
func (d *dirNode) putMarker(key string) error {
	d.mu.Lock()
	o := cosapi.PutOptions{Attrs: withAttr(d.info.Attrs, d.attr), ACL: d.fs.cfg.ACL}
	d.mu.Unlock()
	o.ContentType = dirContentType
	info, err := d.fs.bucket.Put(d.fs.ctx, prefixOf(key), bytes.NewReader(nil), o)
	if err != nil {
		return err
	}
	info.Attrs = o.Attrs
	d.mu.Lock()
	d.info, d.marker = info, true
	d.mu.Unlock()
	d.fs.names.Learn(info)
	return nil
}

// keep puts the marker of a directory that is only implied by the keys below
// it, so that it does not vanish with the last of them.
func (d *dirNode) keep() error {
	d.mu.Lock()
	marked := d.marker
	d.mu.Unlock()
	key, ok := d.key()
	if marked || !ok || d == d.fs.root {
		return nil
	}
	release, err := d.fs.claims.acquire(d.fs.ctx, key)
	if err != nil {
		return err
	}
	defer release()
	return d.putMarker(key)
}

// Link refuses: two keys cannot share one object.
func (d *dirNode) Link(context.Context, fusefs.InodeEmbedder, string, *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}
