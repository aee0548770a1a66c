package fs

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Flush is close(2), once per duplicate of the descriptor: it returns when COS
// has what was written, or says why not. With Config.Async the local disk is
// enough.
//
// While the process that opened the file has another descriptor of it, its last
// close is still to come, and nothing is sent: "for i in 1 2 3; do /bin/echo x;
// done > f" closes five times [measured]. What the others have written is owed
// and durable all the same.
func (h *fileHandle) Flush(ctx context.Context) syscall.Errno {
	if !writable(h.flags) {
		return 0
	}
	n := h.node
	if err := n.lacking(); err != nil {
		return n.fail("close", err)
	}
	switch {
	case h.closesAgain(ctx):
		return n.fail("close", n.promise())
	case n.fs.cfg.Async && !n.fs.stage.Behind():
		return n.fail("close", n.fs.wait(ctx, n.storeSoon))
	}
	return n.fail("close", n.fs.wait(ctx, n.store))
}

// Fsync waits for COS in either mode.
func (h *fileHandle) Fsync(ctx context.Context, _ uint32) syscall.Errno {
	if err := h.node.lacking(); err != nil {
		return h.node.fail("fsync", err)
	}
	return h.node.fail("fsync", h.node.fs.wait(ctx, h.node.store))
}

// promise makes what was written owed and durable on the local disk.
func (n *fileNode) promise() error {
	staged := n.stagedNow()
	if staged == nil || n.nameless() {
		return nil
	}
	err := staged.Promise()
	if errors.Is(err, os.ErrClosed) { // stored or removed meanwhile
		return nil
	}
	return err
}

func (n *fileNode) nameless() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone
}

// storeSoon returns when what was written is durable on the local disk, and
// leaves the rest to the stage.
func (n *fileNode) storeSoon() error {
	key, release, ok, err := n.claim()
	if err != nil {
		return err
	}
	if !ok {
		return n.storeBeside()
	}
	defer release()
	staged := n.stagedNow()
	if staged == nil || !staged.Dirty() {
		return nil
	}
	if err := n.learnAccess(key); err != nil {
		return err
	}
	n.mu.Lock()
	staged.SetOptions(n.putOptionsLocked())
	n.mu.Unlock()
	return n.storeLater(staged)
}

// closesAgain says that the process that opened the handle has the file open
// by another descriptor. It is asked about closes by other processes, and about
// an empty file: a shell that redirects closes the descriptor that it has just
// made a duplicate of.
func (h *fileHandle) closesAgain(ctx context.Context) bool {
	caller, ok := fuse.FromContext(ctx)
	if !ok || h.opener == 0 || caller.Pid == h.opener && h.node.size() > 0 {
		return false
	}
	return hasOpen(h.opener, h.node.fs.device.Load(), h.node.ino)
}

func (n *fileNode) size() int64 {
	n.lock()
	defer n.mu.Unlock()
	return n.sizeLocked()
}

// wait waits for work of the mount's own, unless a signal ends the waiting; the
// work goes on. Anything but EINTR is its result.
func (f *FS) wait(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	f.later.Add(1)
	go func() {
		defer f.later.Done()
		done <- work()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return waitInterrupted(ctx, done)
	}
}
