package fs

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"cosfs/cosapi"
)

// inode is one node of any type.
type inode interface {
	fusefs.InodeEmbedder
	base() *node
	// getattr fills in what stat(2) shows.
	getattr(out *fuse.Attr)
	// matches says whether the node stands for what the bucket has under its
	// name; if it does, refresh takes over attributes that changed, as the
	// bucket gave them at a time.
	matches(o cosapi.Object, dir bool) bool
	// differs says whether the kernel should ask for the name again.
	differs(o cosapi.Object, dir bool) bool
	refresh(o cosapi.Object, at time.Time)
}

// node is what all types share: a number, never used twice, and a place.
type node struct {
	fusefs.Inode
	fs   *FS
	self inode // the whole node that this is the base of
	ino  uint64
	typ  uint32 // S_IFDIR, S_IFREG, …
	// forgotten: the kernel does not know the node any more, and it is kept
	// only because it is staged.
	forgotten atomic.Bool

	// Guarded by fs.tree. parent is nil for the root, and once the name is
	// removed. go-fuse's own tree follows only after a rename has returned,
	// and invents names for what has none.
	parent *dirNode
	name   string
}

func (n *node) init(f *FS, self inode, typ uint32, ino uint64) {
	n.fs, n.self, n.typ, n.ino = f, self, typ, ino
}

func (n *node) base() *node { return n }

// Getattr answers from the node: an open file is one version, and lookups are
// what asks the bucket again.
func (n *node) Getattr(_ context.Context, _ fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.self.getattr(&out.Attr)
	out.SetTimeout(n.fs.cfg.AttrTTL)
	return 0
}

func (n *node) stable() fusefs.StableAttr { return fusefs.StableAttr{Mode: n.typ, Ino: n.ino} }

// place gives the node's directory and name; ok is false when it has none.
func (n *node) place() (dir *dirNode, name string, ok bool) {
	n.fs.tree.RLock()
	defer n.fs.tree.RUnlock()
	return n.parent, n.name, n.parent != nil
}

// key is the node's key in the bucket, of a directory without the slash; ok is
// false when the node, or a directory above it, has no name any more.
func (n *node) key() (key string, ok bool) {
	n.fs.tree.RLock()
	defer n.fs.tree.RUnlock()
	return n.keyLocked()
}

func (n *node) keyLocked() (string, bool) {
	if n == &n.fs.root.node {
		return strings.TrimSuffix(n.fs.cfg.Prefix, "/"), true
	}
	if n.parent == nil {
		return "", false
	}
	dir, ok := n.parent.keyLocked()
	return join(dir, n.name), ok
}

// OnForget takes the node out of its directory when the kernel has forgotten
// it, unless it is staged: then lookups must find this very node again.
func (n *node) OnForget() {
	dir, name, ok := n.place()
	if !ok {
		return
	}
	key, _ := dir.key()
	if staged, ok := n.fs.overlay.get(key, name); ok && staged.base() == n {
		n.forgotten.Store(true)
		return
	}
	dir.dropKid(name, n)
}

// join gives the key of a name in a directory.
func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// prefixOf gives the prefix of the keys in a directory.
func prefixOf(dir string) string {
	if dir == "" {
		return ""
	}
	return dir + "/"
}

const (
	maxName = 255 // bytes of one path component, as on local file systems
	maxKey  = 850 // bytes of a key (cos-api.md 1.3)
)

// checkName says whether a new name can be a key: slash is 1 for directories,
// whose markers need one byte more.
func (f *FS) checkName(dir, name string, slash int) error {
	if len(name) > maxName || len(join(dir, name))+slash > maxKey {
		return syscall.ENAMETOOLONG
	}
	if !utf8.ValidString(name) {
		return syscall.EILSEQ // keys are UTF-8
	}
	if f.names.Reserved(join(dir, name)) {
		return syscall.EPERM // of cosfs itself, and never seen again
	}
	return cosapi.CheckKey(join(dir, name))
}

// leaf is what files, links and specials share: an object.
type leaf struct {
	node

	mu        sync.Mutex    // guards what follows; between fs.tree and writeback's locks
	info      cosapi.Object // the version in the bucket; without ETag there is none yet
	confirmed time.Time     // when the bucket last said so
	attr      attr
	extras    extras
}

func (l *leaf) getattr(out *fuse.Attr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attr.fill(out, l.ino, l.info.Size)
}

func (l *leaf) matches(o cosapi.Object, dir bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !dir && sameContent(l.info, o) && attrOf(o, syscall.S_IFREG, l.fs.defaults).typ() == l.typ
}

func (l *leaf) refresh(o cosapi.Object, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setInfoLocked(o, at)
}

// setInfoLocked takes over what the bucket says of the object.
func (l *leaf) setInfoLocked(o cosapi.Object, at time.Time) {
	l.confirmed = at
	if l.info.Version == o.Version && !o.HasCRC64 {
		o.CRC64, o.HasCRC64 = l.info.CRC64, l.info.HasCRC64
	}
	l.info = o
	l.attr = attrOf(o, syscall.S_IFREG, l.fs.defaults)
}

// sameContent says whether two versions hold the same bytes.
func sameContent(a, b cosapi.Object) bool { return a.Version == b.Version }

// setTimeouts tells the kernel how long it may believe an entry.
func setTimeouts(out *fuse.EntryOut, d time.Duration) {
	d = max(d, 0)
	out.SetEntryTimeout(d)
	out.SetAttrTimeout(d)
}
