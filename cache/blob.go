package cache

import (
	"container/list"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"cosfs/cosapi"
)

// blob is the shared state of one version. It is reachable by Cache.table
// until it is gone, and by its pins.
//
// Between two looks under mu a store may be replaced and blocks may be given
// up: whoever reads the store without mu compares gen before and after.
type blob struct {
	c    *Cache
	size int64
	gen  atomic.Uint64 // counts what makes reads of the store void; written under mu

	mu       sync.Mutex           // before Cache.mu
	v        cosapi.Version       // zero until the first Get after a remount
	store    store                // nil: not open
	taken    bool                 // the file is the stage's: read it as it is
	lent     bool                 // File gave a descriptor away: never punched
	present  bitmap               // units; nil when complete
	have     int64                // units present
	sums     []blockSum           // of the blocks in known
	known    bitmap               //
	crc      uint64               // of the whole, as COS says; valid if hasCRC
	hasCRC   bool                 //
	fetches  []*fetch             // under way, disjoint
	objects  map[*Object]struct{} // open
	hand     int64                // block where the next punch begins to look
	finished chan struct{}        // not nil while the whole is verified and made durable; then closed
	verified bool                 // the whole is there and right
	spoiled  int                  // times that the bytes were wrong
	unread   int                  // times that the disk failed to give bytes back
	refused  error                // given up
	touched  time.Time            // recency as the file has it
	unproven bool                 // the file is of an earlier mount, and not checked whole yet
	seal     []uint32             // what it is checked by; nil: by nothing, or not open
	proven   bitmap               // spans of seal that are checked
	proving  bool                 // a task checks the whole

	// The following are written with mu and Cache.mu held, so either lock is
	// enough to read them. With refs == 0 Cache.mu guards all of a blob.
	id       id
	pool     *pool
	complete bool // verified and whole; path is the fresh or the final name unless gone

	// Cache.mu guards the following: a pinned blob may be displaced by who
	// does not hold its mu.
	path   string        // of the file; empty: none
	gone   bool          // not in the table; its file is deleted with the last pin
	refs   int           // pins
	idle   *list.Element // in pool.idle while refs == 0
	fresh  *list.Element // in Cache.fresh while complete and not settled
	queued time.Time     // since when it is there
	used   int64         // bytes in pool.used for present units
}

func (c *Cache) newBlob(v cosapi.Version) *blob {
	b := &blob{c: c, id: idOf(v), v: v, size: v.Size, pool: &c.disk}
	if c.dir == nil {
		b.pool = &c.memory
	}
	return b
}

func (b *blob) units() int64  { return ceilDiv(b.size, unitSize) }
func (b *blob) blocks() int64 { return ceilDiv(b.size, BlockSize) }

// wholeLocked says that every byte is in the store.
func (b *blob) wholeLocked() bool { return b.complete || b.have == b.units() }

func (b *blob) presentLocked(unit int64) bool {
	return b.complete || b.present != nil && b.present.has(unit)
}

// unitSpan is the bytes of a unit.
func (b *blob) unitSpan(unit int64) span {
	return span{unit * unitSize, min((unit+1)*unitSize, b.size)}
}

// pin finds the blob of v, or nil, and holds it.
func (c *Cache) pin(v cosapi.Version) *blob {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.table[idOf(v)]
	if b != nil {
		c.pinLocked(b)
	}
	return b
}

func (c *Cache) pinLocked(b *blob) {
	if b.idle != nil {
		b.pool.idle.Remove(b.idle)
		b.idle = nil
	}
	b.refs++
	c.pinned[b] = true
}

// openLocked readies the store of a file that has been closed while nobody
// had it pinned. A file that has gone, or is not what was written, is
// forgotten: its bytes can be fetched again. Any other error is a *diskError,
// and the file stays: it may be good, and the shortage a passing one.
func (b *blob) openLocked() (trash, error) {
	if b.store != nil {
		return trash{}, nil
	}
	st, err := b.openFileLocked()
	if err == nil {
		b.store = st
		return trash{}, nil
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errDamaged) {
		return b.resetLocked(), err
	}
	return trash{}, &diskError{err}
}

// openFileLocked opens under Cache.mu, lest the file be renamed meanwhile.
func (b *blob) openFileLocked() (store, error) {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	switch {
	case b.path == "":
		return nil, nil
	case !b.complete:
		return openPart(b.path)
	}
	d, err := openDisk(b.path, b.size)
	if err != nil {
		return nil, err
	}
	if err := b.loadSealLocked(d); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// goneNow asks whether the blob has been displaced.
func (b *blob) goneNow() bool {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	return b.gone
}

func openPart(path string) (store, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return diskStore{f}, nil
}

// allocLocked makes the bookkeeping of a partial blob.
func (b *blob) allocLocked() {
	if b.present == nil {
		b.present = newBitmap(b.units())
		b.known = newBitmap(b.blocks())
		b.sums = make([]blockSum, b.blocks())
	}
}

// trash is what is left to do when the locks are given back.
type trash struct {
	store store
	paths []string
}

func (t trash) empty(c *Cache) {
	closeStore(t.store)
	if err := drop(t.paths); err != nil {
		c.cfg.Log.Warn("cannot delete a cache file", "error", err)
	}
}

func closeStore(st store) {
	if st != nil {
		st.Close() // nothing was promised of its content
	}
}

// resetLocked forgets every byte. Fetches under way notice it by their store.
func (b *blob) resetLocked() trash {
	t := trash{store: b.store}
	for _, f := range b.fetches {
		f.done = f.off
	}
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	b.gen.Add(1)
	b.store, b.present, b.known, b.sums = nil, nil, nil, nil
	b.have, b.verified = 0, false
	b.unsealLocked()
	b.pool.used -= b.used
	b.used = 0
	t.paths = b.leaveLocked()
	b.complete = false
	return t
}

// asideLocked takes the believed name from a complete blob's file. Cache.mu is
// held: the name is free for another blob at once, and deleting, which may
// take long, is done without the lock.
func (b *blob) asideLocked() {
	if b.path == "" || !b.complete {
		return
	}
	b.c.unqueueLocked(b)
	aside := b.c.dir.part(b.id)
	if err := renameToFanOut(b.path, aside); err != nil {
		// Gone already, or the directory is beyond us: nothing to delete.
		aside = ""
	}
	b.path = aside
}

// leaveLocked gives up the file; Cache.mu is held.
func (b *blob) leaveLocked() (paths []string) {
	b.asideLocked()
	if b.path != "" {
		paths = []string{b.path}
	}
	b.path = ""
	return paths
}

// release gives a pin back. The last one closes the file, and makes the blob
// the most recently used of those that may be evicted.
func (b *blob) release() {
	t := b.unpin()
	t.empty(b.c)
}

func (b *blob) unpin() (t trash) {
	c := b.c
	b.mu.Lock()
	defer b.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	b.refs--
	if b.refs > 0 {
		return trash{}
	}
	delete(c.pinned, b)
	if b.gone || b.have == 0 && !b.complete {
		return c.forgetLocked(b)
	}
	if b.pool == &c.disk {
		t.store, b.store, b.seal = b.store, nil, nil
	}
	b.idle = b.pool.idle.PushFront(b)
	return t
}

// forgetLocked takes a blob that nobody has pinned out of the cache. Its
// Cache.mu is held.
func (c *Cache) forgetLocked(b *blob) trash {
	c.orphanLocked(b)
	if b.idle != nil {
		b.pool.idle.Remove(b.idle)
		b.idle = nil
	}
	b.pool.used -= b.used
	b.used = 0
	t := trash{store: b.store, paths: b.leaveLocked()}
	b.store = nil
	return t
}

// orphanLocked takes a blob out of the table, and its file out of the way of
// the next one of that name; who has it pinned goes on.
func (c *Cache) orphanLocked(b *blob) {
	if b.gone {
		return
	}
	delete(c.table, b.id)
	b.asideLocked()
	b.gone = true
}
