package fs

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"cosfs/writeback"
)

// fileHandle is one open of a file. It holds no state of the content: all
// handles of a file see the same bytes.
type fileHandle struct {
	node   *fileNode
	flags  uint32
	opener uint32 // the thread that opened it; 0 if unknown
}

func (n *fileNode) newHandle(ctx context.Context, flags uint32) *fileHandle {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.handles++
	if writable(flags) {
		n.writers++
	}
	return &fileHandle{node: n, flags: flags, opener: caller(ctx)}
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
	if count > 0 { // what there was room for is written; the next write is told why there is no more (write(2))
		n.changed(ctx, staged)
		n.wrote(off, int64(count))
		return uint32(count), 0
	}
	n.refused(off, err)
	return 0, n.fail("write", err)
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
	n.lock()
	n.handles--
	if writer {
		n.writers--
	}
	if n.handles == 0 {
		n.unpinLocked()
	}
	if n.gone && n.handles == 0 && !n.keptLocked() {
		orphan, n.staged = n.staged, nil
	}
	half := n.replacing.lacks && n.handles == 0
	n.mu.Unlock()
	if half {
		n.giveBack()
	} else {
		n.finish()
	}
	return orphan
}

// keptLocked says that a file without a name is not to be discarded: somebody
// else's took its name, and ours could not be stored beside it.
func (n *fileNode) keptLocked() bool {
	return n.superseded.Load() && n.staged != nil && n.staged.Dirty()
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

// Lseek finds data and holes.
func (h *fileHandle) Lseek(_ context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	for {
		at, err := h.node.seek(int64(off), whence)
		if errors.Is(err, os.ErrClosed) {
			continue // the staged file has just become the stored one
		}
		return uint64(at), h.node.fail("lseek", err)
	}
}

// seek finds the next data or hole. A stored version has no holes that COS
// would tell of: it is data from end to end.
func (n *fileNode) seek(off int64, whence uint32) (int64, error) {
	n.lock()
	staged, size := n.staged, n.sizeLocked()
	n.mu.Unlock()
	switch {
	case off < 0 || off >= size:
		return 0, syscall.ENXIO
	case whence == unix.SEEK_DATA && staged != nil:
		return staged.SeekData(off)
	case whence == unix.SEEK_HOLE && staged != nil:
		return staged.SeekHole(off)
	case whence == unix.SEEK_DATA:
		return off, nil
	case whence == unix.SEEK_HOLE:
		return size, nil
	}
	return 0, syscall.EINVAL
}
