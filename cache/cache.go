package cache

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"cosfs/cosapi"
)

// Source is where missing bytes come from; *cosapi.Client is one.
type Source interface {
	Get(ctx context.Context, v cosapi.Version, r cosapi.Range) (*cosapi.Reader, error)
}

// Config says where and how much a Cache keeps. Zero means the default.
type Config struct {
	// Dir is made if it is missing, and belongs to one Cache at a time.
	// Empty: bytes are kept in memory only, up to Memory.
	Dir  string
	Size int64 // bytes on the disk; 0: 10 GiB
	// FreeFloor is how much the file system of Dir keeps free, in bytes;
	// 0: 1 GiB or 5 % of it, whichever is less.
	FreeFloor int64
	Source    Source
	Parallel  int   // GETs at once, for all readers; 0: 8
	Memory    int64 // bytes of memory for transfers, and for blocks that have no disk; 0: 64 MiB
	Log       *slog.Logger
	// Observe is called with finished facts, from any goroutine, without
	// locks. It should be quick.
	Observe func(Event)
}

const (
	defaultSize     = 10 << 30
	defaultMemory   = 64 << 20
	defaultParallel = 8
	chunkSize       = 256 << 10 // of a transfer
	maxFiles        = 1 << 18   // versions known; bounds the table's memory to about 100 MiB
	maxFinishing    = 32        // files being synced: enough for the journal to join their commits
)

// Cache keeps the bytes of immutable versions. See the package comment.
type Cache struct {
	cfg         Config
	observe     func(Event)
	dir         *dir // nil without a directory
	ctx         context.Context
	cancel      context.CancelFunc
	tasks       sync.WaitGroup      // fetches and what goes on in the background; Add under mu while !closed
	slots       *semaphore.Weighted // GETs
	aheads      *semaphore.Weighted // of these, read-ahead: demand is never locked out
	finishes    *semaphore.Weighted
	chunks      sync.Pool // *[chunkSize]byte
	units       sync.Pool // *[unitSize]byte
	stats       counters
	settleDelay time.Duration
	diskDown    atomic.Bool // the last file that could not be kept was logged

	// mu is the innermost lock. It is held over renames inside the cache's
	// file system, so that table and directory agree, and over nothing slower.
	mu     sync.Mutex
	closed bool           // guarded by mu
	table  map[id]*blob   // by version; guarded by mu
	pinned map[*blob]bool // refs > 0, also those no longer in table; guarded by mu
	disk   pool           // guarded by mu
	memory pool           // guarded by mu

	fresh    list.List // *blob, complete but not settled; guarded by mu
	settling bool      // a task looks at fresh; guarded by mu
	waste    []trash   // at most maxWaste; guarded by mu
	sweeping bool      // a task looks at waste; guarded by mu
	busy     int       // tasks under way, but for the one that settles; guarded by mu
}

type counters struct {
	gets, fetched, hits, misses, evicted, corrupted, diskFailures atomic.Int64
}

// Open makes or reopens a cache. It fails if another process has Config.Dir,
// or if the directory cannot be made or read.
func Open(cfg Config) (*Cache, error) {
	if cfg.Source == nil {
		return nil, fmt.Errorf("cache: no source to fetch from")
	}
	c := &Cache{cfg: cfg.filled(), table: make(map[id]*blob), pinned: make(map[*blob]bool)}
	c.observe = c.cfg.Observe
	c.settleDelay = settleDelay
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.chunks.New = func() any { return new([chunkSize]byte) }
	c.units.New = func() any { return new([unitSize]byte) }
	parallel := int64(c.cfg.Parallel)
	c.slots = semaphore.NewWeighted(parallel)
	c.aheads = semaphore.NewWeighted(max(1, parallel*3/4))
	c.finishes = semaphore.NewWeighted(maxFinishing)
	c.memory.limit = max(c.cfg.Memory-parallel*chunkSize, maxGet)
	if cfg.Dir != "" {
		var err error
		if c.dir, err = openDir(c.cfg.Dir, c.cfg.FreeFloor); err != nil {
			c.cancel()
			return nil, err
		}
		c.disk.limit = c.cfg.Size
		if err := c.scan(); err != nil {
			c.cancel()
			c.dir.close()
			return nil, err
		}
		c.trim()
	}
	return c, nil
}

func (cfg Config) filled() Config {
	cfg.Size = cmp.Or(cfg.Size, defaultSize)
	cfg.Memory = cmp.Or(cfg.Memory, defaultMemory)
	cfg.Parallel = cmp.Or(cfg.Parallel, defaultParallel)
	cfg.Parallel = int(max(1, min(int64(cfg.Parallel), cfg.Memory/chunkSize)))
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(Event) {}
	}
	return cfg
}

// Close ends all fetches, waits for them, makes adopted files durable and
// gives the directory back.
// Objects that are still open fail from then on with os.ErrClosed.
func (c *Cache) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.tasks.Wait()
	for _, b := range c.blobs() {
		b.mu.Lock()
		st := b.store
		b.store = nil
		b.mu.Unlock()
		closeStore(st)
	}
	if c.dir == nil {
		return nil
	}
	return c.dir.close()
}

// startLocked runs a task that Close waits for; Cache.mu is held, and the
// cache not closed.
func (c *Cache) startLocked(task func()) {
	c.busy++
	c.tasks.Go(func() {
		task()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy--
	})
}

// blobs are all that exist: the table's and the pinned ones no longer in it.
func (c *Cache) blobs() []*blob {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*blob, 0, len(c.table))
	for _, b := range c.table {
		all = append(all, b)
	}
	for b := range c.pinned {
		if b.gone {
			all = append(all, b)
		}
	}
	return all
}

// Size is the most that the cache holds, in bytes.
func (c *Cache) Size() int64 {
	if c.dir == nil {
		return c.memory.limit
	}
	return c.disk.limit
}

// Stats is a snapshot.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	s := Stats{
		Files: len(c.table), Pinned: len(c.pinned), Tasks: c.busy,
		Bytes: c.disk.used, Limit: c.disk.limit,
		MemoryBytes: c.memory.used, MemoryLimit: c.memory.limit,
	}
	c.mu.Unlock()
	n := &c.stats
	s.Gets, s.Fetched, s.Evicted = n.gets.Load(), n.fetched.Load(), n.evicted.Load()
	s.Hits, s.Misses = n.hits.Load(), n.misses.Load()
	s.Corrupted, s.DiskFailures = n.corrupted.Load(), n.diskFailures.Load()
	return s
}

// tell counts an event and passes it on. No lock may be held.
func (c *Cache) tell(e Event) {
	n := &c.stats
	switch e.Kind {
	case Opened:
		n.hits.Add(1)
	case Missed:
		n.misses.Add(1)
	case Fetched:
		n.gets.Add(1)
		n.fetched.Add(e.Bytes)
	case Evicted:
		n.evicted.Add(e.Bytes)
	case Corrupted:
		n.corrupted.Add(1)
	case DiskFailed:
		n.diskFailures.Add(1)
	}
	c.observe(e)
}

// errClosed is os.ErrClosed with the name of what is closed.
func errClosed(what string) error { return fmt.Errorf("cache: %s: %w", what, os.ErrClosed) }
