package fs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cosfs/cache"
	"cosfs/cosapi"
	"cosfs/writeback"
)

// Config says what is mounted and how it looks. The parts it names belong to
// the caller, who closes them after FS.Close: Names and Cache, then Stage.
type Config struct {
	Bucket *cosapi.Client
	Prefix string // "" for the whole bucket, else a key prefix ending in "/"
	Cache  *cache.Cache
	Names  *cache.Names
	Stage  *writeback.Stage

	AttrTTL     time.Duration // how long an answer of the bucket is believed; 0: 10 s
	NegativeTTL time.Duration // the same for absent names; 0: 2 s

	// Owner and permission bits of objects that carry none; modes of 0 mean
	// 0644 and 0755.
	UID, GID          uint32
	FileMode, DirMode uint32

	StorageClass string            // of new objects; empty: COS's default
	ACL          string            // canned ACL of new objects; empty: the bucket's default
	Encryption   cosapi.Encryption // of new objects; zero: the bucket's default
	RootMode     uint32            // permission bits of the mount's root; 0: DirMode
	ReadOnly     bool
	Parallel     int              // copies at once in the rename of a directory; 0: 8
	Async        bool             // close(2) waits for the local disk, not for COS
	SyncNames    bool             // removals wait for COS, all of them (--names=sync)
	Log          *slog.Logger     // nil: discard
	Now          func() time.Time // nil: time.Now
}

// FS is what all nodes of one mount share.
type FS struct {
	cfg      Config
	bucket   *cosapi.Client
	names    *cache.Names
	blocks   *cache.Cache
	stage    *writeback.Stage
	log      *slog.Logger
	defaults defaults
	root     *dirNode
	lastIno  atomic.Uint64
	overlay  overlay
	trusted  trust // to delete
	accepted trust // to take objects
	claims   claims
	repeats  repeats
	ahead    ahead
	habits   habits
	notices  notifier

	// ctx is the life of the mount. Requests run under it and not under the
	// kernel's context of a call, which any signal to the caller cancels
	// (Go programs get SIGURG all the time): no stat(2) and no read(2) of a
	// file may fail with EINTR. cosapi bounds every request in time.
	ctx    context.Context
	cancel context.CancelFunc
	// later counts the files that the stage is to tell of once it has stored
	// them.
	later sync.WaitGroup
	// tasks counts the goroutine that puts renames of an earlier run right,
	// and the one that tells the kernel of changes.
	tasks sync.WaitGroup

	// device is the number of the mount's, for hasOpen; 0 until it is known.
	device atomic.Uint64

	// tree guards parent and name of every node. It is the outermost lock;
	// only the commit of a rename or removal takes it for writing.
	tree sync.RWMutex
}

const (
	defaultAttrTTL     = 10 * time.Second
	defaultNegativeTTL = 2 * time.Second
	rootIno            = 1
)

// New makes the file system and enters what the stage recovered from an
// earlier run, so that it is visible before the mount answers.
func New(cfg Config) (*FS, error) {
	if cfg.Prefix != "" && !strings.HasSuffix(cfg.Prefix, "/") {
		return nil, fmt.Errorf("prefix %q does not end in /", cfg.Prefix)
	}
	if cfg.Bucket == nil || cfg.Cache == nil || cfg.Names == nil || cfg.Stage == nil {
		return nil, errors.New("fs.Config needs Bucket, Cache, Names and Stage")
	}
	cfg.fillDefaults()
	f := &FS{
		cfg: cfg, bucket: cfg.Bucket, names: cfg.Names, blocks: cfg.Cache, stage: cfg.Stage, log: cfg.Log,
		defaults: defaults{uid: cfg.UID, gid: cfg.GID, fileMode: cfg.FileMode, dirMode: cfg.DirMode},
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.lastIno.Store(rootIno)
	f.notices.queue = make(chan notice, maxNotices)
	f.root = newRoot(f)
	f.recover()
	f.recoverIntents()
	f.tasks.Go(f.tell)
	return f, nil
}

func (c *Config) fillDefaults() {
	if c.Parallel <= 0 {
		c.Parallel = 8
	}
	if c.AttrTTL == 0 {
		c.AttrTTL = defaultAttrTTL
	}
	if c.NegativeTTL == 0 {
		c.NegativeTTL = defaultNegativeTTL
	}
	if c.FileMode == 0 {
		c.FileMode = 0o644
	}
	if c.DirMode == 0 {
		c.DirMode = 0o755
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func (f *FS) now() time.Time { return f.cfg.Now() }

// edits counts what was changed here: a listing read at another count may not
// show it.
func (f *FS) edits() uint64 { return f.overlay.edits.Load() + f.names.Edits() }

func (f *FS) newIno() uint64 { return f.lastIno.Add(1) }

// Close waits, as long as ctx lasts, until COS has everything that was
// written, and then ends the file system's own work. What it could not store
// stays in the stage for the next mount; the error says how much.
func (f *FS) Close(ctx context.Context) error {
	defer f.tasks.Wait()
	defer f.cancel()
	if err := f.stage.Drain(ctx); err != nil {
		return err
	}
	f.later.Wait() // the last of them are being told
	return nil
}
