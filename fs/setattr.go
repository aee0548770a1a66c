package fs

import (
	"context"
	"errors"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"cosfs/cosapi"
)

// Setattr of a directory is a new marker.
func (d *dirNode) Setattr(_ context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if err := d.setAttr(in); err != nil {
		return d.fail("setattr", err)
	}
	d.getattr(&out.Attr)
	out.SetTimeout(d.fs.cfg.AttrTTL)
	return 0
}

func (d *dirNode) setAttr(in *fuse.SetAttrIn) error {
	return tidy(d.changeAttr(func(a *attr, _ *cosapi.Attrs) error { return a.apply(in, d.fs.now()) }))
}

func (d *dirNode) changeAttr(change amend) error {
	if d.fs.cfg.ReadOnly {
		return syscall.EROFS
	}
	if d == d.fs.root {
		return syscall.EPERM // the root of a bucket has no object to keep attributes in
	}
	key, release, ok, err := d.claim()
	if err != nil || !ok {
		return err
	}
	defer release()
	if err := errors.Join(d.learn(), d.learnAccess(key)); err != nil {
		return err
	}
	d.mu.Lock()
	a, attrs := d.attr, d.info.Attrs
	err = change(&d.attr, &d.info.Attrs)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	if err := d.putMarker(key, false); err != nil {
		d.mu.Lock()
		d.attr, d.info.Attrs = a, attrs
		d.mu.Unlock()
		return err
	}
	return nil
}

// Setattr of a link or special file.
func (l *leaf) Setattr(_ context.Context, _ fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if l.fs.cfg.ReadOnly {
		return syscall.EROFS
	}
	err := l.changeAttr(func(a *attr, _ *cosapi.Attrs) error { return a.apply(in, l.fs.now()) })
	if err := tidy(err); err != nil {
		return l.fail("setattr", err)
	}
	l.getattr(&out.Attr)
	out.SetTimeout(l.fs.cfg.AttrTTL)
	return 0
}

// Setattr of a file changes the size first: an attribute that is set together
// with it must not be lost to the times that the change of size sets.
func (n *fileNode) Setattr(ctx context.Context, h fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if err := n.setAttr(ctx, h, in); err != nil {
		return n.fail("setattr", err)
	}
	n.getattr(&out.Attr)
	out.SetTimeout(n.fs.cfg.AttrTTL)
	return 0
}

func (n *fileNode) setAttr(ctx context.Context, h fusefs.FileHandle, in *fuse.SetAttrIn) error {
	if n.fs.cfg.ReadOnly {
		return syscall.EROFS
	}
	if n.superseded.Load() {
		return syscall.ESTALE
	}
	if size, ok := in.GetSize(); ok {
		if err := n.truncate(ctx, int64(size)); err != nil {
			return err
		}
	}
	if _, ok := in.GetMTime(); ok {
		n.timesAreSet()
	}
	err := n.changeAttr(func(a *attr, _ *cosapi.Attrs) error { return a.apply(in, n.fs.now()) })
	if err := tidy(err); err != nil {
		return err
	}
	if _, ok := in.GetSize(); ok && h == nil {
		// truncate(2) by path: no close will follow. That there are writers
		// says nothing, for RELEASE comes some time after close(2).
		return n.storeNow(ctx)
	}
	return nil
}

// timesAreSet notes that the times are a program's own, to be kept as they are.
func (n *fileNode) timesAreSet() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.written = false
}

// storeNow stores a change for which no handle is open that would.
func (n *fileNode) storeNow(ctx context.Context) error {
	return n.fs.wait(ctx, func() error {
		err := n.store()
		n.finish()
		return err
	})
}

// amend changes attributes of an inode, those of POSIX and those of COS, or
// says why it does not; errNoChange is no failure. It may be called twice.
type amend func(a *attr, c *cosapi.Attrs) error

var errNoChange = errors.New("nothing to change")

// tidy makes a success of errNoChange.
func tidy(err error) error {
	if errors.Is(err, errNoChange) {
		return nil
	}
	return err
}

// rebaseLocked follows our own copy of the file's version: same bytes, other
// ETag or key.
func (n *fileNode) rebaseLocked(info cosapi.Object) error {
	if n.info.Version != info.Version {
		n.unpinLocked()
	}
	if n.staged == nil {
		return nil
	}
	return n.staged.Rebase(info) // a write came while the copy was made
}

func (l *leaf) changeAttr(change amend) error { return l.copyAttr(change, nil) }

// copyAttr changes attributes by copying the object onto itself, with
// everything else kept as it is. rebased, if given, is told of the result
// under l.mu.
func (l *leaf) copyAttr(change amend, rebased func(cosapi.Object) error) error {
	key, release, ok, err := l.claim()
	if err != nil || !ok {
		return err
	}
	defer release()
	if err := l.learn(); err != nil {
		return err
	}

	l.mu.Lock()
	was, a, attrs := l.info, l.attr, l.info.Attrs
	l.mu.Unlock()
	if err := change(&a, &attrs); err != nil {
		return err
	}
	l.fs.markPosix(a)
	info, err := l.copySelf(key, was, withAttr(attrs, a))
	if err != nil {
		l.fs.stored(key, false)
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	again := was.Attrs
	if err := change(&l.attr, &again); err != nil { // and not l.attr = a: a write may have changed the times
		return err
	}
	if rebased != nil {
		err = rebased(info)
	}
	l.info = info
	l.fs.replaced(was, info)
	return err
}

// copySelf gives an object new attributes. The caller holds the claim of key.
func (l *leaf) copySelf(key string, was cosapi.Object, attrs cosapi.Attrs) (cosapi.Object, error) {
	if err := l.learnAccess(key); err != nil {
		return cosapi.Object{}, err
	}
	o := cosapi.CopyOptions{Replace: true}
	o.Attrs = attrs
	l.mu.Lock()
	l.extras.acl.into(&o.PutOptions)
	l.mu.Unlock()
	return l.fs.copyObject(was, key, o)
}

// replaced tells the cache that our own copy has made the same bytes another
// version.
func (f *FS) replaced(was, is cosapi.Object) {
	if was.Version == is.Version {
		return
	}
	if err := f.blocks.Rekey(was.Version, is.Version); err != nil {
		f.log.Warn("cached bytes not kept across a copy", "key", is.Key, "err", err)
	}
}
