package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cosfs/cosapi"
)

// Adopt makes the local file at path the complete cached file of obj, by a
// rename within the file system. It waits for no sync and no deletion: the
// file is made durable in the background, and until then a power cut, but no
// crash of the process, makes the cache forget it. The caller vouches that it
// has exactly the object's bytes and that nobody can write to it any more. A
// file that does not fit the cache, or has no disk to be kept on, is deleted.
// On an error the file is still at path.
func (c *Cache) Adopt(obj cosapi.Object, path string) error {
	if obj.ETag == "" {
		return fmt.Errorf("cache: adopt %q: the object has no ETag: %w", obj.Key, cosapi.Invalid)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("cache: adopt: %w", err)
	}
	if info.Size() != obj.Size {
		return fmt.Errorf("cache: adopt %q: the file has %d bytes, the object %d: %w", obj.Key, info.Size(), obj.Size, cosapi.Corrupt)
	}
	if c.dir == nil {
		return os.Remove(path)
	}
	if obj.Size > c.disk.limit {
		return c.discard(obj.Version, path)
	}
	now := time.Now()
	if err := os.Chtimes(path, time.Time{}, now); err != nil {
		return fmt.Errorf("cache: adopt: %w", err)
	}
	t, err := c.install(obj.Version, path, now)
	c.later(t)
	if err != nil {
		return fmt.Errorf("cache: adopt: %w", err)
	}
	c.tell(Event{Kind: Completed, Version: obj.Version, Bytes: obj.Size})
	return nil
}

// discard deletes the file at path in the background.
func (c *Cache) discard(v cosapi.Version, path string) error {
	part := c.dir.part(idOf(v))
	if err := renameToFanOut(path, part); err != nil {
		return fmt.Errorf("cache: adopt: %w", err)
	}
	c.later(trash{paths: []string{part}})
	return nil
}

// install puts the file at path into the table. What the cache had of the
// version is left to those who read it: the new file may be the one that the
// kernel has open, so it must be the one that later openers get.
func (c *Cache) install(v cosapi.Version, path string, touched time.Time) (t trash, err error) {
	b := c.newBlob(v)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return trash{}, errClosed("adopt")
	}
	if old := c.table[b.id]; old != nil {
		t = c.displaceLocked(old)
	}
	b.path, b.complete, b.touched = c.dir.fresh(b.id), true, touched
	if err := renameToFanOut(path, b.path); err != nil {
		return t, err
	}
	c.enterLocked(b)
	c.queueLocked(b)
	return t, nil
}

// enterLocked puts a complete blob that nobody has pinned into the table.
func (c *Cache) enterLocked(b *blob) {
	b.used = b.size
	b.pool.used += b.used
	c.table[b.id] = b
	b.idle = b.pool.idle.PushFront(b)
}

// displaceLocked forgets a blob, at once or with its last pin.
func (c *Cache) displaceLocked(b *blob) trash {
	if b.refs == 0 {
		return c.forgetLocked(b)
	}
	c.orphanLocked(b)
	return trash{}
}

// Take moves the complete file of v out of the cache, to path in the same
// file system, for a writer to change it. The old name is durably gone when
// Take returns, or a power cut could leave it vouching for what was written.
// Objects that are open go on reading that file by its descriptor: they are
// this machine's readers of the file that is now written, and POSIX has them
// see that. False: the version is not complete here, or the error says why it
// is not any more.
func (c *Cache) Take(v cosapi.Version, path string) (bool, error) {
	b := c.pin(v)
	if b == nil {
		return false, nil
	}
	defer b.release()
	if !b.proveUnopened() {
		return false, nil // a writer must not build on wrong bytes
	}
	from, err := b.take(path)
	if err != nil || from == "" {
		return false, err
	}
	if err := syncDir(filepath.Dir(from)); err != nil {
		os.Remove(path)
		return false, fmt.Errorf("cache: take %q: %w", v.Key, err)
	}
	return true, nil
}

// take renames the file, and gives the name it had; empty if it is not here.
func (b *blob) take(path string) (from string, err error) {
	c := b.c
	b.mu.Lock()
	defer b.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !b.complete || b.gone {
		return "", nil
	}
	// A file that somebody shortened behind our back is left to Get.
	if info, err := os.Lstat(b.path); err != nil || info.Size() != b.size {
		return "", nil
	}
	if err := os.Rename(b.path, path); err != nil {
		return "", fmt.Errorf("cache: take %q: %w", b.v.Key, err)
	}
	from, b.path, b.taken = b.path, "", true
	b.unsealLocked()
	c.unqueueLocked(b)
	c.orphanLocked(b)
	b.pool.used -= b.used
	b.used = 0
	return from, nil
}

// syncDir makes what happened to the names of a directory durable.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Rekey says that the bytes of from are now those of to: a rename or a
// metadata copy of our own. Objects open on from read on as to.
func (c *Cache) Rekey(from, to cosapi.Version) error {
	if from.Size != to.Size || to.ETag == "" {
		return fmt.Errorf("cache: rekey %q to %q: not the same content: %w", from.Key, to.Key, cosapi.Invalid)
	}
	if from == to {
		return nil
	}
	var errs []error
	for _, b := range c.pinAll(idOf(from)) {
		t, err := b.rekey(to)
		b.release()
		t.empty(c)
		if err != nil {
			errs = append(errs, fmt.Errorf("cache: rekey %q to %q: %w", from.Key, to.Key, err))
		}
	}
	return errors.Join(errs...)
}

// pinAll pins the blob of the table and those that it has displaced.
func (c *Cache) pinAll(i id) (all []*blob) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for b := range c.pinned {
		if b.id == i && b.gone {
			all = append(all, b)
		}
	}
	if b := c.table[i]; b != nil {
		all = append(all, b)
	}
	for _, b := range all {
		c.pinLocked(b)
	}
	return all
}

func (b *blob) rekey(to cosapi.Version) (t trash, err error) {
	c := b.c
	b.mu.Lock()
	defer b.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	target := idOf(to)
	b.v = to
	if b.gone {
		b.id = target
		return trash{}, nil
	}
	if old := c.table[target]; old != nil {
		t = c.displaceLocked(old)
	}
	if b.complete {
		name := c.dir.final(target)
		if b.fresh != nil {
			name = c.dir.fresh(target)
		}
		if err := renameToFanOut(b.path, name); err != nil {
			c.orphanLocked(b)
			return t, err
		}
		b.path = name
	}
	delete(c.table, b.id)
	b.id = target
	c.table[target] = b
	return t, nil
}

// Forget drops what is known of v. Objects that are open read on.
func (c *Cache) Forget(v cosapi.Version) {
	c.mu.Lock()
	var t trash
	if b := c.table[idOf(v)]; b != nil {
		t = c.displaceLocked(b)
	}
	c.mu.Unlock()
	t.empty(c)
}

// scan takes over the whole files of an earlier mount.
func (c *Cache) scan() error {
	files, err := c.dir.list()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range files {
		b := &blob{c: c, id: f.id, size: f.size, pool: &c.disk, complete: true, touched: f.used,
			path: f.path, unproven: !f.fresh}
		if old := c.table[b.id]; old != nil {
			c.forgetLocked(old).empty(c) // both have the version's bytes
		}
		c.enterLocked(b)
		if f.fresh {
			c.queueLocked(b)
		}
	}
	return nil
}
