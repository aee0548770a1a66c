package cache

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Adopted files are settled in the background: sealed, synced, and only then
// given the final name. Until then they have a name that is believed only by
// the boot that wrote it: what a killed process leaves is in the page cache,
// and its successor settles it; after a power cut the boot is another, and the
// file is deleted.
//
// That is not done before the kernel has written the pages by itself: a sync of
// a thousand small files that were just stored takes as long as storing them.
// Close does not hurry it, for the next mount goes on.
const (
	settleDelay    = 40 * time.Second // vm.dirty_expire_centisecs (30 s), and rounds of 5 s: kernel Documentation/admin-guide/sysctl/vm.rst
	settleRetry    = 5 * time.Second
	settleBatch    = 256 // files between two looks at the queue
	settleParallel = 4   // syncs at once
	maxWaste       = 256 // files that wait for their deletion
)

// queueLocked has a fresh file settled. Cache.mu is held. The queue is a part
// of the table, so it is bounded like that.
func (c *Cache) queueLocked(b *blob) {
	b.fresh, b.queued = c.fresh.PushBack(b), time.Now()
	if c.settling || c.closed {
		return
	}
	c.settling = true
	age := c.settleDelay
	c.tasks.Go(func() {
		for wait := age; c.pause(wait); {
			if wait = c.settleDue(age); wait == 0 {
				return
			}
		}
	})
}

// unqueueLocked: the file is settled, or not the cache's any more. Cache.mu is
// held.
func (c *Cache) unqueueLocked(b *blob) {
	if b.fresh != nil {
		c.fresh.Remove(b.fresh)
		b.fresh = nil
	}
}

// pause is false when the cache is being closed.
func (c *Cache) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// settleDue settles what has waited that long, and says how long the next has
// to wait; 0: the queue is empty, and nobody looks at it any more.
func (c *Cache) settleDue(age time.Duration) time.Duration {
	for c.ctx.Err() == nil {
		files, wait := c.dueFiles(age)
		if len(files) == 0 {
			return wait
		}
		if !c.settleRound(files) {
			return settleRetry
		}
	}
	return settleRetry
}

// freshFile is a file as it was found in the queue.
type freshFile struct {
	b    *blob
	path string
}

// settleRound is false when some could not be opened, which is no reason to
// drop them.
func (c *Cache) settleRound(files []freshFile) bool {
	var group errgroup.Group
	group.SetLimit(settleParallel)
	for _, f := range files {
		group.Go(func() error { return c.settle(f) })
	}
	return group.Wait() == nil
}

// dueFiles are the first files of the queue if they are that old; else it gives
// how long the oldest has to wait.
func (c *Cache) dueFiles(age time.Duration) (due []freshFile, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.fresh.Front(); e != nil && len(due) < settleBatch; e = e.Next() {
		b := e.Value.(*blob)
		if wait := age - time.Since(b.queued); wait > 0 {
			return due, wait
		}
		due = append(due, freshFile{b, b.path})
	}
	c.settling = len(due) > 0
	return due, 0
}

// settle returns an error if it is to be tried again.
func (c *Cache) settle(f freshFile) error {
	file, err := os.Open(f.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil {
		defer file.Close()
		err = c.makeDurable(diskStore{file}, f.b.size)
	}
	t, err := f.conclude(err)
	t.empty(c)
	if err != nil {
		c.cfg.Log.Warn("a stored file cannot be made durable in the cache; it is dropped", "path", f.path, "error", err)
	}
	return nil
}

// makeDurable seals and syncs a whole file.
func (c *Cache) makeDurable(d diskStore, size int64) error {
	chunk := c.chunks.Get().(*[chunkSize]byte)
	defer c.chunks.Put(chunk)
	sums, err := blockSums(d, span{0, size}, chunk[:])
	if err != nil {
		return err
	}
	d.seal(encodeSeal(size, foldSums(size, sums)))
	return c.dir.sync(d)
}

// conclude gives a durable file its final name. A file that was renamed
// meanwhile is still in the queue, if it is the cache's at all. One that
// cannot be made durable must not be read either: after a failed write-back
// the page cache may lose what the disk never got.
func (f freshFile) conclude(err error) (trash, error) {
	b, c := f.b, f.b.c
	b.mu.Lock()
	defer b.mu.Unlock()
	c.mu.Lock()
	if b.fresh == nil || b.path != f.path {
		c.mu.Unlock()
		return trash{}, nil
	}
	if err == nil {
		err = renameToFanOut(b.path, c.dir.final(b.id))
	}
	switch {
	case err == nil:
		b.path = c.dir.final(b.id)
		c.unqueueLocked(b)
		c.mu.Unlock()
		return trash{}, nil
	case b.refs == 0:
		t := c.forgetLocked(b)
		c.mu.Unlock()
		return t, err
	}
	c.mu.Unlock()
	return b.resetLocked(), err // still pinned: that takes b.mu to change
}

// later deletes files and keeps the bounds in the background, so that Adopt
// costs no more than a rename. It is bounded: what is too much is done at once.
// Check knows the files by waste until they are gone.
func (c *Cache) later(t trash) {
	c.mu.Lock()
	if c.closed || len(c.waste) >= maxWaste {
		c.mu.Unlock()
		t.empty(c)
		return
	}
	c.waste = append(c.waste, t)
	if !c.sweeping {
		c.sweeping = true
		c.startLocked(c.sweep)
	}
	c.mu.Unlock()
}

func (c *Cache) sweep() {
	for {
		c.mu.Lock()
		waste := c.waste
		c.sweeping = len(waste) > 0
		c.mu.Unlock()
		if len(waste) == 0 {
			return
		}
		for _, t := range waste {
			t.empty(c)
		}
		c.mu.Lock()
		c.waste = slices.Clone(c.waste[len(waste):])
		c.mu.Unlock()
		c.trim()
	}
}
