package fs

import (
	"errors"
	"syscall"
)

// A program that replaces a file (O_TRUNC) and finds the local disk full has
// written half of the new content. Storing that would lose the old one, which
// COS still has. So close and fsync answer ENOSPC, nothing is stored, and with
// the last handle what was staged is dropped: the name means the old version
// again. A program that waits for room and writes what was refused is like any
// other.

// replacing is the state of such a file. Guarded by leaf.mu.
type replacing struct {
	// cut: an open has truncated a stored version, and COS has nothing newer.
	cut bool
	// lacks: the write at the offset lackAt was refused for lack of room.
	lacks  bool
	lackAt int64
}

// wasCut notes that an open has truncated the file.
func (n *fileNode) wasCut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.replacing = replacing{cut: n.info.ETag != ""}
}

// refused notes a write that failed.
func (n *fileNode) refused(off int64, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.replacing.cut && !n.replacing.lacks && errors.Is(err, syscall.ENOSPC) {
		n.replacing.lacks, n.replacing.lackAt = true, off
	}
}

// wrote notes a write, perhaps of what there was no room for before.
func (n *fileNode) wrote(off, count int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := &n.replacing; off <= r.lackAt && r.lackAt < off+count {
		r.lacks = false
	}
}

// lacking is why nothing is to be stored.
func (n *fileNode) lacking() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.replacing.lacks {
		return halfError{}
	}
	return nil
}

// halfError is ENOSPC with what it means here.
type halfError struct{}

func (halfError) Error() string {
	return "the disk of the cache directory has no room for the new content; the old one stays"
}

func (halfError) Unwrap() error { return syscall.ENOSPC }

// giveBack drops the half that was written of a new content, once no handle is
// left. The inode goes with it: the next program is sent to the old version.
func (n *fileNode) giveBack() {
	n.waitEnding()
	n.fs.tree.Lock()
	n.mu.Lock()
	staged := n.staged
	if n.handles > 0 || !n.replacing.lacks || n.gone || staged == nil || n.ending != nil {
		n.mu.Unlock()
		n.fs.tree.Unlock()
		return
	}
	n.staged, n.replacing = nil, replacing{}
	n.superseded.Store(true)
	n.gone = true
	parent := n.parent
	if dir, ok := n.dirKeyLocked(); ok {
		n.fs.overlay.drop(dir, n.name, &n.node)
		parent.dropKid(n.name, &n.node)
		n.parent = nil
	}
	n.mu.Unlock()
	n.fs.tree.Unlock()
	if parent != nil {
		parent.notify(n.name)
	}
	n.discard(staged)
}
