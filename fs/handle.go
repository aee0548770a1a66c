package fs

import (
	"context"
	"io"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"cosfs/writeback"
)

// fileHandle is one open of a file. It holds no state of the content: all
// handles of a file see the same bytes.
type fileHandle struct {
	node  *fileNode
	flags uint32
}

func (n *fileNode) newHandle(flags uint32) *fileHandle {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handles++
	if writable(flags) {
		n.writers++
	}
	return &fileHandle{node: n, flags: flags}
}

// fuseFlags: the kernel's pages of a node stay right across opens, because a
// version that was made elsewhere is another node.
func (h *fileHandle) fuseFlags() uint32 {
	if h.flags&syscall.O_DIRECT != 0 {
		return fuse.FOPEN_DIRECT_IO
	}
	return fuse.FOPEN_KEEP_CACHE
}

func (h *fileHandle) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	count, err := h.node.read(dest, off)
	if err != nil && err != io.EOF {
		return nil, h.node.fail("read", err)
	}
	return fuse.ReadResultData(dest[:count]), 0
}

func (h *fileHandle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	n := h.node
	staged, err := n.stage()
	if err != nil {
		return 0, n.fail("write", err)
	}
	count, err := staged.WriteAt(n.fs.ctx, data, off)
	if count > 0 {
		n.changed(ctx, staged)
	}
	if err != nil {
		return uint32(count), n.fail("write", err)
	}
	return uint32(count), 0
}

// Flush is close(2), once per duplicate of the descriptor: it returns when COS
// has what was written, or says why not.
func (h *fileHandle) Flush(context.Context) syscall.Errno {
	if !writable(h.flags) {
		return 0
	}
	return h.node.fail("close", h.node.store())
}

func (h *fileHandle) Fsync(context.Context, uint32) syscall.Errno {
	return h.node.fail("fsync", h.node.store())
}

// Release ends the handle. It comes after the last close, asynchronously, so
// nobody hears of an error: what a mapping has written since is stored in the
// background.
func (h *fileHandle) Release(context.Context) syscall.Errno {
	if orphan := h.node.closed(writable(h.flags)); orphan != nil {
		h.node.discard(orphan)
	}
	return 0
}

// closed counts a handle off. The last of a file without a name leaves its
// staged content to the caller to discard.
func (n *fileNode) closed(writer bool) (orphan *writeback.File) {
	n.fs.tree.RLock()
	defer n.fs.tree.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handles--
	if writer {
		n.writers--
	}
	if n.handles == 0 {
		n.unpinLocked()
	}
	switch {
	case n.staged == nil:
	case n.gone && n.handles == 0:
		orphan, n.staged = n.staged, nil
	case !n.gone && n.writers == 0:
		n.finishLocked()
	}
	return orphan
}

// discard drops the staged content of a file without a name.
func (n *fileNode) discard(staged *writeback.File) {
	if err := staged.Discard(); err != nil {
		n.fs.log.Warn("staged data of a removed file not deleted", "name", n.name, "err", err)
	}
}

// Allocate reserves or zeroes a range of the staged content.
func (h *fileHandle) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	n := h.node
	staged, err := n.stage()
	if err == nil {
		err = staged.Allocate(n.fs.ctx, int64(off), int64(size), mode)
	}
	if err != nil {
		return n.fail("fallocate", err)
	}
	n.changed(ctx, staged)
	return 0
}

// Lseek finds data and holes. A stored version has no holes that COS would
// tell of: it is data from end to end.
func (h *fileHandle) Lseek(_ context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	n := h.node
	n.mu.Lock()
	staged, size := n.staged, n.sizeLocked()
	n.mu.Unlock()
	if int64(off) >= size || int64(off) < 0 {
		return 0, syscall.ENXIO
	}
	var at int64
	var err error
	switch {
	case whence == unix.SEEK_DATA && staged != nil:
		at, err = staged.SeekData(int64(off))
	case whence == unix.SEEK_HOLE && staged != nil:
		at, err = staged.SeekHole(int64(off))
	case whence == unix.SEEK_DATA:
		at = int64(off)
	case whence == unix.SEEK_HOLE:
		at = size
	default:
		return 0, syscall.EINVAL
	}
	return uint64(at), n.fail("lseek", err)
}
