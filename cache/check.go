package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Check verifies the invariants of the cache: the sums of pools, the pins,
// and that the directory holds what the table says. Fetches may be under way;
// it is for tests and for fsck, and reads every directory.
func (c *Cache) Check() error {
	var errs []error
	for _, b := range c.blobs() {
		if err := b.check(); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, c.checkPools(), c.checkFiles())
	return errors.Join(errs...)
}

// check looks at one blob by itself.
func (b *blob) check() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%q (%x): %s", b.v.Key, b.id[:4], fmt.Sprintf(format, args...))
	}
	switch {
	case (b.refs == 0) != (b.idle != nil) && !b.gone:
		return wrong("%d pins, idle %t, gone %t", b.refs, b.idle != nil, b.gone)
	case b.refs == 0 && (len(b.objects) > 0 || len(b.fetches) > 0):
		return wrong("%d objects and %d fetches without a pin", len(b.objects), len(b.fetches))
	case b.v.ETag != "" && !b.gone && idOf(b.v) != b.id:
		return wrong("filed under another version")
	case b.gone:
		return nil
	}
	if b.complete {
		return b.checkComplete(wrong)
	}
	if b.present != nil && b.present.count() != b.have {
		return wrong("%d units are marked, %d counted", b.present.count(), b.have)
	}
	bytes := int64(0)
	for unit := range b.units() {
		if b.presentLocked(unit) && !b.underWayLocked(unit) {
			bytes += b.unitSpan(unit).len()
		}
	}
	if bytes != b.used {
		return wrong("%d bytes are booked, %d present", b.used, bytes)
	}
	return nil
}

// underWayLocked: such units are still booked by their fetch.
func (b *blob) underWayLocked(unit int64) bool {
	return b.fetchOfLocked(unit*unitSize) != nil
}

func (b *blob) checkComplete(wrong func(string, ...any) error) error {
	if b.used != b.size {
		return wrong("%d bytes are booked for a complete file of %d", b.used, b.size)
	}
	if want := map[bool]string{false: b.c.dir.final(b.id), true: b.c.dir.fresh(b.id)}[b.fresh != nil]; b.path != want {
		return wrong("complete, but at %s", b.path)
	}
	info, err := os.Lstat(b.path)
	if err != nil {
		return wrong("complete, but: %v", err)
	}
	if info.Size() != b.size {
		return wrong("complete with %d of %d bytes", info.Size(), b.size)
	}
	return nil
}

// checkPools adds up what is booked. It sees one moment, of which fetches
// that have not settled account for a part.
func (c *Cache) checkPools() error {
	blobs := c.blobs()
	for _, b := range blobs {
		b.mu.Lock()
		busy := len(b.fetches) > 0
		b.mu.Unlock()
		if busy {
			return nil
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sums := map[*pool]int64{&c.disk: 0, &c.memory: 0}
	for _, b := range blobs {
		sums[b.pool] += b.used
	}
	for p, sum := range sums {
		if p.used != sum && len(blobs) == len(c.table) {
			return fmt.Errorf("a pool books %d bytes, its blobs %d", p.used, sum)
		}
	}
	return nil
}

// checkFiles looks for files that nobody answers for.
func (c *Cache) checkFiles() error {
	if c.dir == nil {
		return nil
	}
	names, err := filepath.Glob(filepath.Join(c.dir.path, "[0-9a-f][0-9a-f]", "*"))
	if err != nil {
		return err
	}
	known := make(map[string]bool)
	for _, b := range c.blobs() {
		b.mu.Lock()
		c.mu.Lock()
		known[b.path] = true
		c.mu.Unlock()
		b.mu.Unlock()
	}
	c.mu.Lock()
	for _, t := range c.waste {
		for _, path := range t.paths {
			known[path] = true
		}
	}
	c.mu.Unlock()
	var errs []error
	for _, name := range names {
		// One that was made or deleted since the glob is none.
		if _, err := os.Lstat(name); err == nil && !known[name] {
			errs = append(errs, fmt.Errorf("%s belongs to no version", name))
		}
	}
	return errors.Join(errs...)
}
