package fs

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"cosfs/cache"
	"cosfs/cosapi"
)

// dirNode is a directory: a prefix, with or without a marker object.
type dirNode struct {
	node

	listed   atomic.Bool  // some program has read its entries
	served   atomic.Bool  // the kernel has been given a name in it
	compared atomic.Int64 // Until of the listing last compared with the kernel's names, ns since 1970

	mu     sync.Mutex // guards what follows; after fs.tree, before a leaf's mu
	attr   attr
	info   cosapi.Object // the marker, if marker is set
	marker bool
	extras extras // the marker's
	// kids are the nodes handed to the kernel below this directory. There is
	// one per name, so that all opens of a file meet in one node.
	kids map[string]inode
}

func newDir(f *FS) *dirNode {
	d := &dirNode{kids: make(map[string]inode)}
	d.init(f, d, syscall.S_IFDIR, f.newIno())
	return d
}

func newRoot(f *FS) *dirNode {
	d := &dirNode{kids: make(map[string]inode)}
	d.init(f, d, syscall.S_IFDIR, rootIno)
	d.attr = attrOf(cosapi.Object{Modified: f.now()}, syscall.S_IFDIR, f.defaults)
	if f.cfg.RootMode != 0 {
		d.attr.mode = syscall.S_IFDIR | f.cfg.RootMode
	}
	return d
}

func (d *dirNode) getattr(out *fuse.Attr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attr.fill(out, d.ino, 4096)
}

func (d *dirNode) matches(_ cosapi.Object, dir bool) bool { return dir }

// refresh takes over a marker's attributes; an implied directory keeps what
// it has.
func (d *dirNode) refresh(o cosapi.Object, _ time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o.ETag == "" || d.marker && o.Version == d.info.Version && o.Modified.Equal(d.info.Modified) {
		return // no marker, or nothing new: keep times that changes here have set
	}
	d.info, d.marker = o, true
	d.attr = attrOf(o, syscall.S_IFDIR, d.fs.defaults)
}

// touch records that an entry was made or removed.
func (d *dirNode) touch() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attr.mtime = d.fs.now()
	d.attr.ctime = d.attr.mtime
}

func (d *dirNode) kid(name string) inode {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kids[name]
}

func (d *dirNode) hasKids() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.kids) > 0
}

func (d *dirNode) setKid(name string, n inode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kids[name] = n
}

// dropKid removes the entry of a node, unless another has taken its place.
func (d *dirNode) dropKid(name string, n *node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if k := d.kids[name]; k != nil && k.base() == n {
		delete(d.kids, name)
	}
}

// OnForget keeps the node while something below it is not done: the places of
// staged files hang on the nodes of their directories.
func (d *dirNode) OnForget() {
	if key, ok := d.key(); ok && (d.hasKids() || d.fs.overlay.holds(key)) {
		return
	}
	d.node.OnForget()
}

// Lookup answers from the overlay, else from what the bucket says.
func (d *dirNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	n, ttl, err := d.child(name)
	if err != nil {
		return nil, d.fs.fail("lookup", d.keyOf(name), err)
	}
	if n.base().typ != syscall.S_IFDIR && d.listed.Load() {
		d.fs.habits.ask(d.fs.now())
	}
	return d.enter(ctx, n, ttl, out), 0
}

// enter gives the kernel a node.
func (d *dirNode) enter(ctx context.Context, n inode, ttl time.Duration, out *fuse.EntryOut) *fusefs.Inode {
	n.base().forgotten.Store(false)
	n.getattr(&out.Attr)
	setTimeouts(out, ttl)
	d.served.Store(true)
	return d.NewInode(ctx, n, n.base().stable())
}

// keyOf is the key of a name here, for messages and for checks that do not
// depend on whether the directory still has a name.
func (d *dirNode) keyOf(name string) string {
	key, _ := d.key()
	return join(key, name)
}

// child finds the node of a name and how long it may be believed.
func (d *dirNode) child(name string) (inode, time.Duration, error) {
	f := d.fs
	key, ok := d.key()
	if !ok {
		return nil, 0, cosapi.NotFound
	}
	if len(name) > maxName || len(join(key, name)) > maxKey {
		return nil, 0, syscall.ENAMETOOLONG
	}
	if n, ok := f.overlay.get(key, name); ok {
		d.setKid(name, n)
		return n, f.cfg.AttrTTL, nil
	}
	if f.overlay.hidden(key, name) {
		return nil, 0, cosapi.NotFound
	}
	said, err := f.names.Lookup(f.ctx, join(key, name))
	if err != nil {
		return nil, 0, err
	}
	if old := d.kid(name); old != nil && !old.matches(said.Object, said.Dir) {
		return d.superseding(name)
	}
	return d.adopt(name, &said), said.Until.Sub(f.now()), nil
}

// superseding gives the node of a name of which the bucket seems to have
// another version than the node there is. It may be ours, just made: the
// operation that made it has claimed the key, so it is over once the claim is
// granted, and the question is asked again.
func (d *dirNode) superseding(name string) (inode, time.Duration, error) {
	f := d.fs
	owned, release, err := f.own(func() ([]string, error) { // a rename may have moved the directory meanwhile
		dir, ok := d.key()
		if !ok {
			return nil, errNoName
		}
		return []string{join(dir, name)}, nil
	})
	if err != nil {
		return nil, 0, err
	}
	defer release()
	dir, _ := split(owned[0])
	if n, ok := f.overlay.get(dir, name); ok {
		return n, f.cfg.AttrTTL, nil
	}
	said, err := f.names.Lookup(f.ctx, owned[0])
	if err != nil {
		return nil, 0, err
	}
	return d.adopt(name, &said), said.Until.Sub(f.now()), nil
}

// adopt gives the node for what the bucket says of a name: the one there is,
// or, when the bucket has something else by now, a new one (promise 4).
func (d *dirNode) adopt(name string, said *cache.Name) inode {
	old := d.kid(name)
	if old != nil && d.fs.confirms(old, said) {
		return old
	}
	return d.replace(name, old, said)
}

// adoptRow is adopt for a row of a listing. It gives nil when the bucket seems
// to have something else than the node there is: Lookup knows what to do.
func (d *dirNode) adoptRow(name string, said *cache.Name) inode {
	old := d.kid(name)
	switch {
	case old == nil:
		return d.replace(name, nil, said)
	case d.fs.confirms(old, said):
		return old
	}
	return nil
}

// confirms says whether a node stands for what the bucket says, and if so has
// it take over what changed.
func (f *FS) confirms(n inode, said *cache.Name) bool {
	if !n.matches(said.Object, said.Dir) {
		return false
	}
	n.refresh(said.Object, f.saidAt(said))
	return true
}

// saidAt is when the bucket said it.
func (f *FS) saidAt(said *cache.Name) time.Time { return said.Until.Add(-f.cfg.AttrTTL) }

// replace makes the node of a name in the place of the one there was, if
// another lookup is not quicker.
func (d *dirNode) replace(name string, old inode, said *cache.Name) inode {
	n := d.fs.newNode(said)
	d.fs.tree.RLock() // no rename comes in between; nobody else knows n
	defer d.fs.tree.RUnlock()
	n.base().parent, n.base().name = d, name
	d.mu.Lock()
	defer d.mu.Unlock()
	if k := d.kids[name]; k != nil && k != old {
		return k
	}
	d.kids[name] = n
	if file, ok := old.(*fileNode); ok {
		file.superseded.Store(true)
	}
	return n
}

// typeOf is the type that the bucket says a name has.
func (f *FS) typeOf(said *cache.Name) uint32 {
	switch {
	case said.Dir:
		return syscall.S_IFDIR
	case len(said.Object.Meta) == 0:
		return syscall.S_IFREG
	}
	return attrOf(said.Object, syscall.S_IFREG, f.defaults).typ()
}

// newNode makes a node of the type that the bucket says a name has.
func (f *FS) newNode(said *cache.Name) inode {
	at := f.saidAt(said)
	if said.Dir {
		d := newDir(f)
		d.attr = attrOf(said.Object, syscall.S_IFDIR, f.defaults)
		d.info, d.marker = said.Object, said.Marker
		if !said.Marker { // an implied directory has no time of its own
			d.attr.mtime = f.now()
			d.attr.ctime, d.attr.atime = d.attr.mtime, d.attr.mtime
		}
		return d
	}
	switch typ := f.typeOf(said); typ {
	case syscall.S_IFREG:
		n := newFile(f)
		n.refresh(said.Object, at)
		return n
	case syscall.S_IFLNK:
		n := newLink(f)
		n.refresh(said.Object, at)
		return n
	default:
		n := newSpecial(f, typ)
		n.refresh(said.Object, at)
		return n
	}
}
