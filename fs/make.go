package fs

import (
	"context"
	"errors"
	"strings"
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
		return "", errNoName // the directory itself was removed
	}
	return dir, d.fs.checkName(dir, name, slash)
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
	n := newFile(f)
	n.attr = d.newAttr(ctx, syscall.S_IFREG|mode&07777)
	n.info.ContentType = contentType(name)
	n.info.StorageClass, n.info.Encryption = f.cfg.StorageClass, f.cfg.Encryption
	n.extras = f.newExtras()
	err := d.settleMarker(name)
	if err == nil {
		err = d.hangStaged(name, n)
	}
	if err != nil {
		return nil, nil, 0, f.fail("create", d.keyOf(name), err)
	}
	h := n.newHandle(ctx, flags)
	return d.enter(ctx, n, f.cfg.AttrTTL, out), h, h.fuseFlags(), 0
}

// hangStaged stages a new file and gives it its place in one step, so that no
// rename of the directory comes between its key and its entry.
func (d *dirNode) hangStaged(name string, n *fileNode) error {
	f := d.fs
	f.tree.Lock()
	defer f.tree.Unlock()
	if f.cfg.ReadOnly {
		return syscall.EROFS
	}
	dir, ok := d.keyLocked()
	if !ok {
		return errNoName
	}
	if err := f.checkName(dir, name, 0); err != nil {
		return err
	}
	staged, err := f.stage.Create(join(dir, name), n.putOptionsLocked())
	if err != nil {
		return err
	}
	n.staged, n.parent, n.name = staged, d, name
	f.overlay.set(dir, name, n)
	d.setKid(name, n)
	d.touch()
	return nil
}

// Mkdir puts a directory's marker.
func (d *dirNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	n := newDir(d.fs)
	n.attr = d.newAttr(ctx, syscall.S_IFDIR|mode&07777)
	if err := d.mkdir(name, n); err != nil {
		return nil, d.fs.fail("mkdir", d.keyOf(name), err)
	}
	return d.enter(ctx, n, d.fs.cfg.AttrTTL, out), 0
}

func (d *dirNode) mkdir(name string, n *dirNode) error {
	key, release, err := d.ownName(name, 1)
	if err != nil {
		return err
	}
	defer release()
	if err := n.putMarker(key, true); err != nil {
		return err
	}
	n.extras = d.fs.newExtras()
	d.hang(name, n)
	return nil
}

// ownName checks a new name, claims its key, and waits for what is still to be
// deleted under it.
func (d *dirNode) ownName(name string, slash int) (key string, release func(), err error) {
	owned, release, err := d.fs.own(func() ([]string, error) {
		dir, err := d.mayMake(name, slash)
		return []string{join(dir, name)}, err
	})
	if err != nil {
		return "", nil, err
	}
	if err := d.fs.settle(owned[0]); err != nil {
		release()
		return "", nil, err
	}
	return owned[0], release, nil
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
	key, release, err := d.ownName(name, 0)
	if err != nil {
		return err
	}
	defer release()
	o := cosapi.PutOptions{ACL: f.cfg.ACL}
	o.Attrs = withAttr(cosapi.Attrs{ContentType: defaultContentType, StorageClass: f.cfg.StorageClass, Encryption: f.cfg.Encryption}, l.attr)
	f.markPosix(l.attr)
	info, err := f.putNew(key, body, o)
	if err != nil {
		return err
	}
	l.info, l.extras, l.confirmed = info, f.newExtras(), f.now()
	d.hang(name, n)
	return nil
}

// putNew stores a small object under a key that must be free, as far as the
// endpoint can see to that.
func (f *FS) putNew(key, body string, o cosapi.PutOptions) (cosapi.Object, error) {
	o.ForbidOverwrite = true
	info, err := f.put(key, body, o)
	if errors.Is(err, cosapi.Unsupported) {
		o.ForbidOverwrite = false
		info, err = f.put(key, body, o)
	}
	return info, err
}

// put stores a small object, and tells Names of it.
func (f *FS) put(key, body string, o cosapi.PutOptions) (cosapi.Object, error) {
	info, err := f.bucket.Put(f.ctx, key, strings.NewReader(body), o)
	if err != nil {
		return cosapi.Object{}, err
	}
	info.Attrs = o.Attrs
	f.written(info, o)
	return info, nil
}

// putMarker stores the directory's attributes in its marker object; one that
// is new must not be there yet. The caller holds the claim of key.
func (d *dirNode) putMarker(key string, isNew bool) error {
	d.mu.Lock()
	o := cosapi.PutOptions{Attrs: withAttr(d.info.Attrs, d.attr), ACL: d.fs.cfg.ACL}
	d.extras.into(&o)
	a := d.attr
	d.mu.Unlock()
	d.fs.markPosix(a)
	if o.ContentType == "" {
		o.ContentType = dirContentType
	}
	put := d.fs.put
	if isNew {
		o.Encryption = d.fs.cfg.Encryption
		put = d.fs.putNew
	}
	info, err := put(prefixOf(key), "", o)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.info, d.marker = info, true
	return nil
}

// keep puts the marker of a directory that is only implied by the keys below
// it, so that it does not vanish with the last of them.
func (d *dirNode) keep() error {
	if d == d.fs.root || d.marked() {
		return nil
	}
	key, release, ok, err := d.claim()
	if err != nil || !ok {
		return err
	}
	defer release()
	return d.keepClaimed(key)
}

// keepClaimed is keep for a caller that holds the claim of key.
func (d *dirNode) keepClaimed(key string) error {
	if d.marked() {
		return nil
	}
	err := d.putMarker(key, true)
	if errors.Is(err, cosapi.Exists) {
		return nil // another host was quicker
	}
	return err
}

func (d *dirNode) marked() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.marker
}
