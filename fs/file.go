package fs

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"cosfs/cache"
	"cosfs/cosapi"
	"cosfs/writeback"
)

// fileNode is a regular file. Its invariant:
//
//	staged == nil: the truth is the version info, in the bucket.
//	staged != nil: the truth is the staged file.
//
// It is staged from the first change until COS has everything and the last
// writable handle is closed.
type fileNode struct {
	leaf

	// superseded: the bucket has another version under this name, which is
	// another node. Handles read on, new opens are sent to the other.
	superseded atomic.Bool

	// Guarded by leaf.mu.
	staged           *writeback.File
	ending           chan struct{} // closed when the end of staged is over; nil when it is not under way
	pin              *pin          // the version that reads use while staged is nil
	handles, writers int
	gone             bool // it has no name (any more): nothing is stored
	linkable         bool // it never had one, and may be given one (O_TMPFILE)
	written          bool // the times are those of a write, nobody has set them
	replacing        replacing
	displaced        *writeback.ConflictError // somebody else has the name (lost); what every close says then
	// timeless is the staged file that was told to send no times: see changed.
	timeless *writeback.File
}

// pin keeps a version in the cache while it is read. It is closed when it is
// no longer the node's and its last reader is done.
type pin struct {
	object  *cache.Object
	readers int // guarded by the node's mu
	stale   bool
}

func newFile(f *FS) *fileNode {
	n := &fileNode{}
	n.init(f, n, syscall.S_IFREG, f.newIno())
	return n
}

// putOptionsLocked is what an upload of the file sends beside its bytes.
func (n *fileNode) putOptionsLocked() cosapi.PutOptions {
	o := cosapi.PutOptions{Attrs: withAttr(n.info.Attrs, n.attr), ACL: n.fs.cfg.ACL}
	n.extras.into(&o)
	if n.written && n.sizeLocked() > n.fs.stage.PutLimit() {
		dropTimes(o.Meta)
	}
	return o
}

func (n *fileNode) getattr(out *fuse.Attr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attr.fill(out, n.ino, n.sizeLocked())
	if n.gone {
		out.Nlink = 0
	}
}

// refresh leaves a file alone that was staged since the bucket was asked.
func (n *fileNode) refresh(o cosapi.Object, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.staged == nil {
		n.setInfoLocked(o, at)
	}
}

// matches: a staged file is what its name means, whatever the bucket says.
func (n *fileNode) matches(o cosapi.Object, dir bool) bool {
	n.mu.Lock()
	staged := n.staged != nil
	n.mu.Unlock()
	return staged || n.leaf.matches(o, dir)
}

func (n *fileNode) sizeLocked() int64 {
	if n.staged != nil {
		return n.staged.Size()
	}
	return n.info.Size
}

// Open pins nothing yet: the first read or write does.
func (n *fileNode) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	if n.superseded.Load() {
		return nil, 0, syscall.ESTALE // the kernel looks the path up again and finds the new node
	}
	if writable(flags) && n.fs.cfg.ReadOnly {
		return nil, 0, syscall.EROFS
	}
	if flags&syscall.O_TRUNC != 0 && writable(flags) {
		if err := n.truncate(ctx, 0); err != nil {
			return nil, 0, n.fail("open", err)
		}
		n.wasCut()
	}
	h := n.newHandle(ctx, flags)
	return h, h.fuseFlags(), 0
}

func writable(flags uint32) bool { return flags&syscall.O_ACCMODE != syscall.O_RDONLY }

// label names the file in messages.
func (n *node) label() string {
	if key, ok := n.key(); ok {
		return key
	}
	return "(removed) " + n.name
}

// stage gives the staged file, and makes it from the stored version if there
// is none.
func (n *fileNode) stage() (*writeback.File, error) {
	if err := n.learn(); err != nil { // its headers are to be sent again
		return nil, err
	}
	n.fs.tree.RLock() // so that no rename moves the name away meanwhile
	n.mu.Lock()
	for n.ending != nil {
		n.fs.tree.RUnlock()
		n.waitUnlock()
		n.fs.tree.RLock()
		n.mu.Lock()
	}
	defer n.fs.tree.RUnlock()
	defer n.mu.Unlock()
	if n.staged != nil {
		return n.staged, nil
	}
	staged, err := n.fs.stage.Edit(n.info, n.putOptionsLocked())
	if err != nil {
		return nil, err
	}
	staged.Checked(n.confirmed)
	n.staged = staged
	n.unpinLocked()
	if dir, ok := n.dirKeyLocked(); ok && !n.superseded.Load() {
		n.fs.overlay.set(dir, n.name, n)
	}
	return staged, nil
}

// dirKeyLocked is the key of the directory the node hangs in. The caller holds
// fs.tree.
func (n *node) dirKeyLocked() (string, bool) {
	if n.parent == nil {
		return "", false
	}
	return n.parent.keyLocked()
}

// read reads from wherever the truth is. The truth may move while a read is
// under way, from the stage into the cache; then it is read again.
func (n *fileNode) read(p []byte, off int64) (int, error) {
	for {
		staged, pin, first, err := n.acquire()
		if err != nil {
			return 0, err
		}
		if first {
			n.readAhead()
		}
		if pin != nil {
			count, err := pin.object.ReadAt(n.fs.ctx, p, off)
			n.release(pin)
			return count, err
		}
		count, err := staged.ReadAt(n.fs.ctx, p, off)
		if errors.Is(err, os.ErrClosed) && n.stagedNow() != staged {
			continue
		}
		return count, err
	}
}

// stagedNow gives the staged file, nil if there is none, and waits for the end
// of one that is ending. The caller holds no lock.
func (n *fileNode) stagedNow() *writeback.File {
	n.lock()
	defer n.mu.Unlock()
	return n.staged
}

// lock locks n.mu when no staged file is ending. The caller holds no lock.
func (n *fileNode) lock() {
	n.mu.Lock()
	for n.ending != nil {
		n.waitUnlock()
		n.mu.Lock()
	}
}

// waitUnlock unlocks n.mu and waits for the end of the staged file.
func (n *fileNode) waitUnlock() {
	ended := n.ending
	n.mu.Unlock()
	<-ended
}

// acquire gives the staged file, or else the pinned version, to be given back
// with release; first says that it was pinned for this read.
func (n *fileNode) acquire() (staged *writeback.File, p *pin, first bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.staged != nil {
		return n.staged, nil, false, nil
	}
	if n.pin == nil {
		object, err := n.fs.blocks.Get(n.info.Version)
		if err != nil {
			return nil, nil, false, err
		}
		n.pin, first = &pin{object: object}, true
	}
	n.pin.readers++
	return nil, n.pin, first, nil
}

func (n *fileNode) release(p *pin) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p.readers--
	p.closeLocked()
}

// unpinLocked lets go of the version that reads used so far.
func (n *fileNode) unpinLocked() {
	if n.pin != nil {
		n.pin.stale = true
		n.pin.closeLocked()
		n.pin = nil
	}
}

func (p *pin) closeLocked() {
	if p.stale && p.readers == 0 {
		p.object.Close()
	}
}

// truncate changes the size of the staged content.
func (n *fileNode) truncate(ctx context.Context, size int64) error {
	for {
		staged, err := n.stage()
		if err != nil {
			return err
		}
		err = staged.Truncate(n.fs.ctx, size)
		if errors.Is(err, os.ErrClosed) {
			continue // it has just become the stored version
		}
		if err == nil {
			n.changed(ctx, staged)
		}
		return err
	}
}

// changed records in the attributes that a program changed the content. The
// headers of a large file are sent when its upload begins, long before its last
// write: its times are then those of the object, unless a program sets others.
func (n *fileNode) changed(ctx context.Context, staged *writeback.File) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.attr.mtime = n.fs.now()
	n.attr.ctime = n.attr.mtime
	n.written = true
	if n.timeless != staged && staged.Size() > n.fs.stage.PutLimit() {
		n.timeless = staged
		staged.SetOptions(n.putOptionsLocked())
	}
	if caller, ok := fuse.FromContext(ctx); ok && caller.Uid != 0 {
		n.attr.dropPrivileges()
	}
}
