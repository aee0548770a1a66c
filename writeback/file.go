package writeback

import (
	"context"
	"maps"
	"os"
	"reflect"
	"sync"
	"time"

	"cosfs/cosapi"
)

// File is the content of one inode as far as the bucket does not have it: the
// bytes written here over a base version, if there is one. All methods may be
// called at once from many goroutines. The end of a File is Finish or Discard;
// closing the Stage leaves it as it is on the disk.
type File struct {
	stage *Stage
	id    string

	disk sync.Mutex // serialises changes of the record and of the data file's length; before mu
	// Guarded by disk:
	onDisk     State  // of the record in the directory; empty: there is none
	durableGen uint64 // the owed record promises this generation, through a power cut
	torn       error  // of a sync of the data that failed

	mu sync.RWMutex // guards the fields below

	key      string
	opts     cosapi.PutOptions
	base     cosapi.Object // the last version stored, or edited
	hasBase  bool
	checked  time.Time // when the base was last known to be current
	reader   *baseRef  // of the base; nil until needed
	modified time.Time

	size    int64
	baseLen int64   // base bytes that show through where local has nothing; ≤ size
	local   Extents // what the data file has; all of [baseLen, size)
	fresh   Extents // what may differ from the base, in whole cells
	since   Extents // what may differ from the last snapshot, in whole cells
	low     int64   // smallest size since the last snapshot
	snapGen uint64  // generation of the last snapshot

	gen     uint64 // of the last change
	attrGen uint64 // of the last change of opts
	stored  uint64 // generation that COS has: clean if equal to gen
	wanted  uint64 // generation that somebody wants stored

	data     *os.File // nil before the first write, and while parked
	parked   bool     // there is a data file, and it is closed
	recorded bool     // there is a record and, where needed, a data file
	closed   bool     // finished or discarded
	orphan   bool     // its name was removed: needs no record and gets none

	attempt attempt
	front   front
	upload  *upload       // parts sent, for an upload that goes on
	sent    []print       // contents of requests whose outcome is unknown; changed with disk held
	unnoted bool          // an owed record does not have all of sent; changed with disk held
	unsure  bool          // recovered; the bucket may have the content, under no print
	looking chan struct{} // not nil: somebody finds out, and closes it
	damage  damage        // a broken copy of ours
	beside  string        // key for ours in a conflict that is not settled
	over    cosapi.Object // what an upload of a new name may overwrite: see claim
	overAt  time.Time
	thaw    chan struct{} // not nil: writers wait until it is closed
	holds   int           // while positive no upload starts
	waiters []waiter
	hurry   bool   // try once more without waiting for the back-off
	failed  int    // attempts in a row
	lastErr error  // of the last attempt
	reason  string // why it was given up, for the record

	spot spot // in the stage's queue; guarded by Stage.mu
}

// Key is where the content goes.
func (f *File) Key() string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.key
}

// Size is in bytes.
func (f *File) Size() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.size
}

// Dirty says that COS does not have the last change.
func (f *File) Dirty() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.gen != f.stored
}

// Object is the last version stored, or the one edited; false if there is none.
func (f *File) Object() (cosapi.Object, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.base, f.hasBase
}

// MayExist says that the bucket may have an object under Key because of this
// File: one was stored, or a request was sent and its outcome is unknown. Who
// removes or renames the name has something to remove there.
func (f *File) MayExist() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.hasBase || f.attempt.exposed
}

// Modified is when the content last changed.
func (f *File) Modified() time.Time {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.modified
}

// Options are what the next upload will carry.
func (f *File) Options() cosapi.PutOptions {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return cloneOptions(f.opts)
}

// SetOptions replaces what the next upload carries. A difference is a change:
// the file becomes dirty.
func (f *File) SetOptions(o cosapi.PutOptions) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if reflect.DeepEqual(f.opts, cloneOptions(o)) {
		return
	}
	f.opts = cloneOptions(o)
	f.gen++
	f.attrGen = f.gen
}

// Checked tells when the base was last known to be the bucket's version.
func (f *File) Checked(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checked = at
}

// change waits until writers may go on and makes sure that a record names the
// data file, and what the bucket may have of the content before the change. It returns with mu held, unless it fails.
func (f *File) change(ctx context.Context) error {
	for {
		f.mu.Lock()
		thaw := f.thaw
		switch {
		case f.closed:
			f.mu.Unlock()
			return os.ErrClosed
		case thaw != nil:
			f.mu.Unlock()
			select {
			case <-thaw:
			case <-ctx.Done():
				return ctx.Err()
			}
		case f.unsure:
			f.mu.Unlock()
			if err := f.look(ctx); err != nil {
				return err
			}
		case f.unnoted:
			f.mu.Unlock()
			if err := f.note(); err != nil {
				return err
			}
		case !f.recorded || f.parked:
			f.mu.Unlock()
			if err := f.recordOpen(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// touchLocked notes that [off, end) changed.
func (f *File) touchLocked(off, end int64) {
	f.gen++
	f.modified = time.Now()
	if off >= end {
		return
	}
	// Uploads and copies go by whole cells, and so the sets stay small.
	off, end = off-off%minPart, roundUp(end, minPart)
	f.fresh.Add(off, end)
	f.since.Add(off, end)
	if f.upload != nil {
		f.upload.touched.Add(off, end)
	}
}

// cloneOptions shares no map, and has nil for an empty one.
func cloneOptions(o cosapi.PutOptions) cosapi.PutOptions {
	o.Meta, o.Header = maps.Clone(o.Meta), o.Header.Clone()
	if len(o.Meta) == 0 {
		o.Meta = nil
	}
	if len(o.Header) == 0 {
		o.Header = nil
	}
	return o
}
