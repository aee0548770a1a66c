package fs

import (
	"context"
	"io"
	"syscall"

	"cosfs/cosapi"
)

// linkNode is a symbolic link: an object whose body is the target.
type linkNode struct {
	leaf
	// Guarded by leaf.mu: the target, and the version it was read from.
	target   string
	targetOf cosapi.Version
}

func newLink(f *FS) *linkNode {
	n := &linkNode{}
	n.init(f, n, syscall.S_IFLNK, f.newIno())
	return n
}

const maxTarget = 4096 // PATH_MAX: what a symbolic link may hold on Linux

// Readlink reads the target once per version.
func (n *linkNode) Readlink(context.Context) ([]byte, syscall.Errno) {
	n.mu.Lock()
	version, target, known := n.info.Version, n.target, n.targetOf == n.info.Version
	n.mu.Unlock()
	if known {
		return []byte(target), 0
	}
	target, err := n.fs.readTarget(version)
	if err != nil {
		return nil, n.fs.fail("readlink", version.Key, err)
	}
	n.mu.Lock()
	n.target, n.targetOf = target, version
	n.mu.Unlock()
	return []byte(target), 0
}

func (f *FS) readTarget(v cosapi.Version) (string, error) {
	if v.Size > maxTarget {
		return "", syscall.ENAMETOOLONG
	}
	r, err := f.bucket.Get(f.ctx, v, cosapi.Range{Len: -1})
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	return string(text), err
}

// specialNode is a fifo, a socket or a device: an empty object whose mode
// says so. The kernel does the rest.
type specialNode struct{ leaf }

func newSpecial(f *FS, typ uint32) *specialNode {
	n := &specialNode{}
	n.init(f, n, typ, f.newIno())
	return n
}
