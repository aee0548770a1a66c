package fs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// A bucket has no size. What is shown is large enough for any program that
// checks for room first: 1 PiB and a billion files, all free.
const (
	statfsBlock  = 4096 // bytes
	statfsBlocks = 1 << 50 / statfsBlock
	statfsFiles  = 1 << 30
)

// Statfs shows the same for every node of the mount.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	*out = fuse.StatfsOut{
		Bsize: statfsBlock, Frsize: statfsBlock, NameLen: maxName,
		Blocks: statfsBlocks, Bfree: statfsBlocks, Bavail: statfsBlocks,
		Files: statfsFiles, Ffree: statfsFiles,
	}
	return 0
}
