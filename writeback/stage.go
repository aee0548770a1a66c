package writeback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"cosfs/cosapi"
)

// Store is the bucket as a Stage needs it; *cosapi.Client is one.
type Store interface {
	Head(ctx context.Context, key string) (cosapi.Object, error)
	Put(ctx context.Context, key string, body io.ReadSeeker, o cosapi.PutOptions) (cosapi.Object, error)
	StartUpload(ctx context.Context, key string, o cosapi.PutOptions) (string, error)
	UploadPartWith(ctx context.Context, key, uploadID string, number int, body io.ReadSeeker, o cosapi.PartOptions) (cosapi.Part, error)
	CopyPart(ctx context.Context, key, uploadID string, number int, src cosapi.Version, r cosapi.Range) (cosapi.Part, error)
	CompleteUpload(ctx context.Context, key, uploadID string, parts []cosapi.Part) (cosapi.Object, error)
	CompleteExclusive(ctx context.Context, key, uploadID string, parts []cosapi.Part) (cosapi.Object, error)
	AbortUpload(ctx context.Context, key, uploadID string) error
	Parts(ctx context.Context, key, uploadID string) ([]cosapi.Part, error)
	Copy(ctx context.Context, src cosapi.Version, dst string, o cosapi.CopyOptions) (cosapi.Object, error)
	CopyLarge(ctx context.Context, src cosapi.Version, dst string, o cosapi.CopyLargeOptions) (cosapi.Object, error)
	Delete(ctx context.Context, key string) error
	DeleteMulti(ctx context.Context, keys []string) ([]cosapi.DeleteFailure, error)
}

// Base gives the bytes of one version in the bucket; *cache.Object is one.
// ReadAt follows io.ReaderAt.
type Base interface {
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
	Close() error
}

// Config says what a Stage is. The zero value of what is not marked needed
// means the default.
type Config struct {
	Dir      string                               // needed; made if missing, mode 0700
	Store    Store                                // needed
	OpenBase func(v cosapi.Version) (Base, error) // needed
	PartSize int64                                // bytes of a part; 8 MiB, at least 1 MiB
	Parallel int                                  // transfers at once for the whole stage, and as many intents; 8
	// FreeFloor is how many bytes the disk keeps free: a write that would
	// leave less fails with ENOSPC. 256 MiB; negative: none.
	FreeFloor int64
	// MakeRoom is called, without locks, before a write fails so: to free that
	// many bytes of the same disk, if it can. The block cache is who can.
	MakeRoom func(bytes int64)
	// MaxOwed (8 GiB) and MaxOwedFiles (20,000) are what may wait for COS
	// before Behind says so.
	MaxOwed      int64
	MaxOwedFiles int
	// BaseTTL is how long a base counts as current without a HEAD; 10 s.
	BaseTTL time.Duration
	Host    string // in names of conflict files; the host name
	Retry   Backoff
	Log     *slog.Logger // discards
	Observe func(Event)  // called with finished facts, without locks
}

// Backoff spaces the attempts to store what is owed: the first pause is about
// Base (1 s), each one twice the last, none longer than Cap (60 s).
type Backoff struct{ Base, Cap time.Duration }

// Event is a finished fact, for Config.Observe.
type Event struct {
	Kind     EventKind
	Key      string
	Size     int64 // bytes of the content
	Sent     int64 // bytes sent, all attempts of this upload
	Duration time.Duration
	Err      error
}

// EventKind says what has happened.
type EventKind string

// The kinds of events.
const (
	Stored     EventKind = "stored"
	Failed     EventKind = "failed"     // an attempt, of an upload or an intent; it is repeated with back-off
	Conflicted EventKind = "conflicted" // stored under another name, or kept in the stage
	Carried    EventKind = "carried"    // an intent
	Refused    EventKind = "refused"    // an intent, for good, or dropped because COS has another version
)

// idLen is the number of hex digits in the id of a staged file.
const idLen = 16

const (
	defaultPart = 8 << 20
	// DefaultFreeFloor is Config.FreeFloor when that is 0, in bytes.
	DefaultFreeFloor = 256 << 20
	defaultOwed      = 8 << 30
)

// fill replaces zero values and refuses what cannot work.
func (c *Config) fill() error {
	if c.Dir == "" || c.Store == nil || c.OpenBase == nil {
		return errors.New("writeback: Config needs Dir, Store and OpenBase")
	}
	if c.PartSize == 0 {
		c.PartSize = defaultPart
	}
	if c.PartSize < minPart || c.PartSize > maxPart {
		return fmt.Errorf("part size %d: COS takes parts of %d to %d bytes", c.PartSize, minPart, int64(maxPart))
	}
	if c.Parallel <= 0 {
		c.Parallel = 8
	}
	if c.FreeFloor == 0 {
		c.FreeFloor = DefaultFreeFloor
	}
	if c.MaxOwed == 0 {
		c.MaxOwed = defaultOwed
	}
	if c.MaxOwedFiles == 0 {
		c.MaxOwedFiles = 20_000
	}
	if c.BaseTTL == 0 {
		c.BaseTTL = 10 * time.Second
	}
	if c.Host == "" {
		c.Host, _ = os.Hostname()
	}
	if c.Retry.Base <= 0 {
		c.Retry.Base = time.Second
	}
	if c.Retry.Cap <= 0 {
		c.Retry.Cap = 60 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	return nil
}

// Stage is a locked directory of staged files and the uploads that empty it.
type Stage struct {
	cfg       Config
	lock      *os.File
	space     space
	transfers *semaphore.Weighted
	aheads    *semaphore.Weighted // those of them that may be of parts sent ahead
	buffers   sync.Pool           // of *[fillStep]byte
	// noForbid is set once the endpoint has refused x-cos-forbid-overwrite.
	noForbid atomic.Bool
	// noBatch is set once the endpoint has refused to delete keys together.
	noBatch atomic.Bool
	nextID  atomic.Uint64
	spares  spares

	ctx    context.Context // of all uploads; ended by Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	recovered []*File
	kept      []Record
	intents   book

	mu      sync.Mutex // guards the fields below
	files   map[*File]struct{}
	queue   queue
	renames map[*Rename]struct{}
	closed  bool
	behind  bool      // see Behind
	counted time.Time // when that was found out
}

// Open locks and scans the directory. A directory in use gives *LockedError.
func Open(c Config) (*Stage, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	lock, err := lockDir(c.Dir)
	if err != nil {
		return nil, err
	}
	s := &Stage{cfg: c, lock: lock, transfers: semaphore.NewWeighted(int64(c.Parallel)),
		aheads: semaphore.NewWeighted(max(1, int64(c.Parallel)*3/4)),
		files:  map[*File]struct{}{}, renames: map[*Rename]struct{}{}}
	s.space = space{dir: c.Dir, floor: c.FreeFloor, makeRoom: c.MakeRoom}
	s.buffers.New = func() any { return new([fillStep]byte) }
	s.queue.init(4 * c.Parallel)
	s.intents.init(c.Parallel)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	left, err := s.scan()
	if err != nil {
		s.cancel()
		return nil, errors.Join(err, lock.Close())
	}
	s.goDo(s.dispatch)
	s.goDo(s.carry)
	s.goDo(func() { s.abortLeft(left) })
	return s, nil
}

// goDo runs work in a goroutine that Close waits for.
func (s *Stage) goDo(work func()) {
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		work()
	}()
}

// Recovered are the files owed by an earlier run. Nothing is sent for them
// before their StoreLater or Store is called.
func (s *Stage) Recovered() []*File { return s.recovered }

// Kept are the records of files whose close was never answered, or which the
// Reason says cannot be stored: their base is gone, or the disk has lost some
// of their bytes. Found at Open, not uploaded, theirs to take who wrote them.
func (s *Stage) Kept() []Record { return s.kept }

// Create stages a new and empty file for a key that has no object.
func (s *Stage) Create(key string, o cosapi.PutOptions) (*File, error) {
	f := s.newFile(key, o)
	f.gen = 1 // an empty file, too, is to be stored
	return f, s.register(f)
}

// Edit stages changes of an existing object. No bytes are moved, and nothing
// is written locally before the first change. The base counts as checked now;
// Checked says otherwise.
func (s *Stage) Edit(base cosapi.Object, o cosapi.PutOptions) (*File, error) {
	f := s.newFile(base.Key, o)
	f.base, f.hasBase, f.checked = base, true, time.Now()
	f.size, f.baseLen, f.modified, f.front.end = base.Size, base.Size, base.Modified, base.Size
	return f, s.register(f)
}

func (s *Stage) newFile(key string, o cosapi.PutOptions) *File {
	return &File{stage: s, id: s.newID(), key: key, opts: cloneOptions(o), modified: time.Now()}
}

func (s *Stage) newID() string { return fmt.Sprintf("%0*x", idLen, s.nextID.Add(1)) }

// register makes the stage know the file, and refuses it once closed.
func (s *Stage) register(f *File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("stage %s: %w", s.cfg.Dir, os.ErrClosed)
	}
	s.files[f] = struct{}{}
	return nil
}

func (s *Stage) path(name string) string { return filepath.Join(s.cfg.Dir, name) }

// Close ends the uploads and waits for them. What was to be stored and is not
// yet is owed: durable, and recovered by the next Open. So are intents.
func (s *Stage) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	files := make([]*File, 0, len(s.files))
	for f := range s.files {
		files = append(files, f)
	}
	s.mu.Unlock()
	s.intents.shut()
	s.cancel()
	s.wg.Wait()
	s.intents.abandon()
	var errs []error
	for _, f := range files {
		errs = append(errs, f.shut())
	}
	s.dropSpares()
	return errors.Join(append(errs, s.lock.Close())...)
}
