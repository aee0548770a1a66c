package cache

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"cosfs/cosapi"
)

// Defaults and bounds of Names.
const (
	defaultTTL         = 10 * time.Second
	defaultNegativeTTL = 2 * time.Second
	defaultHeads       = 16
	defaultMaxRows     = 500_000
	minMaxRows         = 4 * pageRows // below this a reader could outrun its own window

	maxAnswers     = 1 << 15 // kept answers about single paths
	maxDirectories = 1 << 15 // directories something is remembered about
	maxHiddenKeys  = 1000    // hidden keys told apart, for the log and the count
)

// Bucket is what Names asks: a *cosapi.Client.
type Bucket interface {
	Head(ctx context.Context, key string) (cosapi.Object, error)
	List(ctx context.Context, o cosapi.ListOptions) (cosapi.Page, error)
	// Put is for MarkPosix.
	Put(ctx context.Context, key string, body io.ReadSeeker, o cosapi.PutOptions) (cosapi.Object, error)
}

// NamesConfig says how long answers hold and how much of them is kept.
type NamesConfig struct {
	Bucket Bucket
	// Prefix is what is mounted: "", or a key prefix that ends in "/".
	Prefix string
	// TTL is how long a name or a listing is believed; 0 means 10 s.
	TTL time.Duration
	// NegativeTTL is the same for the absence of a single name; 0 means 2 s.
	NegativeTTL time.Duration
	// Attrs says when a HEAD is spent on the attributes that a listing does
	// not show.
	Attrs    AttrMode
	Parallel int // HEADs for attributes at once; 0 means 16
	// AttrFile keeps attributes across mounts; one mount may use it at a time,
	// and it belongs to one bucket. "" is none. If it cannot be used, the log
	// says why and the mount goes on without.
	AttrFile string
	MaxRows  int // rows of listings kept in all, at least 4000; 0 means 500,000
	Now      func() time.Time
	Log      *slog.Logger
}

// Names knows what the bucket said about names. Its methods may be called
// from many goroutines. Questions go out in goroutines of its own, so that an
// asker that gives up fails nobody else; Close waits for them.
type Names struct {
	bucket           Bucket
	ttl, negativeTTL time.Duration
	prefix           string
	attrs            AttrMode
	parallel         int
	maxRows          int
	now              func() time.Time
	log              *slog.Logger
	memory           *attrMemory
	heads            chan struct{} // one token per HEAD for attributes

	edits atomic.Uint64 // see Edits

	ctx    context.Context // of the questions; ended by Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // the questions

	// mu guards the fields below, the directories and the listings they hold.
	mu      sync.Mutex
	closed  bool
	flights map[question]*flight
	answers *simplelru.LRU[string, *answer]
	dirs    *simplelru.LRU[string, *directory]
	rows    int       // of all listings in dirs
	changes []changed // where the recent changes are, oldest first
	hidden  map[string]struct{}
	posix   posixState
	walks   []*walk // at most maxWalks, oldest first
}

// Name is what the bucket says about one path. Paths are keys without a
// trailing slash; "" is the bucket's root.
type Name struct {
	// Object is the object. Of a directory it is the marker, if there is one;
	// otherwise only its Key is set, with the trailing slash. Object.Listed
	// says that attributes are unknown: of a directory, whether it has a
	// marker is then unknown too. Names shares Meta: do not change it.
	Object cosapi.Object
	Dir    bool
	Marker bool // a directory's marker object exists, and Object describes it
	// Until is how long this may be believed.
	Until time.Time
}

// answer is a kept answer about one path: a Name, or its absence.
type answer struct {
	Name
	absent bool
}

// directory is what is remembered about one directory.
type directory struct {
	asked  time.Time         // the last question about a single name in it
	large  time.Time         // until then too large to be listed for a single name
	list   *listing          // the newest listing, or nil
	recent map[string]change // our own changes to its children, by base
	marked *change           // our own last change of its marker

	// The directory among its children that a reader began with last, how many
	// of these came in order before it, and how many of that make a walk.
	opened         string
	openedAt       time.Time
	inRow, penalty int
}

// NewNames starts with nothing known.
func NewNames(c NamesConfig) *Names {
	n := &Names{
		bucket: c.Bucket, prefix: c.Prefix, ttl: c.TTL, negativeTTL: c.NegativeTTL, attrs: c.Attrs,
		parallel: c.Parallel, maxRows: c.MaxRows, now: c.Now, log: c.Log,
		flights: map[question]*flight{}, hidden: map[string]struct{}{},
	}
	if n.ttl <= 0 {
		n.ttl = defaultTTL
	}
	if n.negativeTTL <= 0 {
		n.negativeTTL = defaultNegativeTTL
	}
	if n.parallel <= 0 {
		n.parallel = defaultHeads
	}
	if n.maxRows == 0 {
		n.maxRows = defaultMaxRows
	}
	n.maxRows = max(n.maxRows, minMaxRows)
	if n.now == nil {
		n.now = time.Now
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	var store *attrStore
	if c.AttrFile != "" {
		store = openAttrStore(c.AttrFile, n.log)
	}
	n.memory = newAttrMemory(n.ttl, store)
	n.posix.stored = n.memory.stores(n.prefix + posixMark)
	n.heads = make(chan struct{}, n.parallel)
	n.answers = newLRU[string, *answer](maxAnswers, nil)
	n.dirs = newLRU(maxDirectories, func(_ string, d *directory) { n.detachLocked(d) })
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n
}

// newLRU is simplelru.NewLRU for the sizes of this package, which are never
// the one it refuses (0 or less).
func newLRU[K comparable, V any](size int, evicted func(K, V)) *simplelru.LRU[K, V] {
	l, err := simplelru.NewLRU(size, evicted)
	if err != nil {
		panic(err)
	}
	return l
}

// Close ends the questions under way, which fail with cosapi.Canceled, and
// waits for them, and for the attributes to be stored. What is asked afterwards fails the same way unless it is
// still known.
func (n *Names) Close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.cancel()
	n.wg.Wait()
	n.memory.close()
}

// Hidden counts the keys met so far that cannot be shown as names; it stops
// at a thousand.
func (n *Names) Hidden() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.hidden)
}

// HidesBelow says whether dir may hold keys that were met and cannot be shown,
// so that a listing without rows is not an empty directory.
func (n *Names) HidesBelow(dir string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.hidden) >= maxHiddenKeys { // others may be forgotten
		return true
	}
	for key := range n.hidden {
		if strings.HasPrefix(key, prefixOf(dir)) {
			return true
		}
	}
	return false
}

// directoryLocked finds what is remembered about dir, or begins it.
func (n *Names) directoryLocked(dir string) *directory {
	d, ok := n.dirs.Get(dir)
	if !ok {
		d = &directory{}
		n.dirs.Add(dir, d)
	}
	return d
}

// hide counts keys that cannot be shown, and logs each once.
func (n *Names) hide(keys []string) {
	for _, key := range keys {
		n.mu.Lock()
		isNew := n.hideLocked(key)
		n.mu.Unlock()
		if isNew {
			n.log.Warn("this key cannot be shown as a file name; rename the object with another tool to see it", "key", key)
		}
	}
}

// hideLocked counts a key and says whether it is new.
func (n *Names) hideLocked(key string) bool {
	if _, known := n.hidden[key]; known || len(n.hidden) >= maxHiddenKeys {
		return false
	}
	n.hidden[key] = struct{}{}
	return true
}
