package cache

import (
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

const (
	// storedAttrs bounds the entries of the file, about 300 bytes each.
	storedAttrs = 800_000
	// maxPending bounds the entries that wait to be written. What comes
	// meanwhile is not stored, and asked for again by the next mount.
	maxPending = 1 << 16
	// storeDelay is how long the first of a batch waits for others: each
	// batch costs an fsync.
	storeDelay = 500 * time.Millisecond
	storeBatch = 1 << 13 // entries that are written without waiting
)

// attrStore keeps attributes across mounts, in a file of their own. Nothing
// depends on it: if the file cannot be used, the mount works without.
type attrStore struct {
	path  string
	log   *slog.Logger
	db    *bbolt.DB
	limit int // entries of one generation

	wake   chan struct{} // something is pending
	full   chan struct{} // a whole batch is
	once   sync.Once
	finish chan struct{} // closed by close
	done   chan struct{} // closed when run has ended

	mu       sync.Mutex // a leaf, after attrMemory.mu; guards the fields below
	pending  changeSet
	flushing changeSet // being written; still to be read from here
	broken   bool
}

// changeSet is what is to be written: entries by key, nil to delete one,
// and trees whose stored entries go first.
type changeSet struct {
	entries map[string]*attrEntry
	trees   []string
}

// find is what the set says of key, if anything.
func (c *changeSet) find(key string) (e *attrEntry, found bool) {
	if e, found := c.entries[key]; found {
		return e, true
	}
	for _, dir := range c.trees {
		if within(key, dir) {
			return nil, true
		}
	}
	return nil, false
}

// openAttrStore opens or makes the file, or gives nil and says why in the log.
// A file that is not a store of ours is made anew.
func openAttrStore(path string, log *slog.Logger) *attrStore {
	db, err := openAttrFile(path, log)
	if err != nil {
		log.Warn("attributes are not kept across mounts: the file cannot be used", "file", path, "err", err)
		return nil
	}
	s := &attrStore{
		path: path, log: log, db: db, limit: storedAttrs / generations,
		wake: make(chan struct{}, 1), full: make(chan struct{}, 1),
		finish: make(chan struct{}), done: make(chan struct{}),
		pending: changeSet{entries: map[string]*attrEntry{}},
	}
	go s.run()
	return s
}

// put has e stored in a while. It replaces what is stored under its key.
func (s *attrStore) put(e *attrEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := e.object.Key
	if _, replaces := s.pending.entries[key]; !replaces && len(s.pending.entries) >= maxPending {
		return
	}
	s.pending.entries[key] = e
	s.notifyLocked()
}

// forget has the entry of key deleted in a while; until then it is not found.
func (s *attrStore) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending.entries) >= 2*maxPending {
		s.forgetTreeLocked("") // a deletion may not be dropped, so take all
		return
	}
	s.pending.entries[key] = nil
	s.notifyLocked()
}

// forgetTree is forget for all keys of dir.
func (s *attrStore) forgetTree(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetTreeLocked(dir)
}

func (s *attrStore) forgetTreeLocked(dir string) {
	if len(s.pending.trees) > 100 {
		dir = ""
	}
	maps.DeleteFunc(s.pending.entries, func(key string, _ *attrEntry) bool { return within(key, dir) })
	s.pending.trees = append(slices.DeleteFunc(s.pending.trees, func(t string) bool { return within(t, dir) }), dir)
	s.notifyLocked()
}

func (s *attrStore) notifyLocked() {
	signal(s.wake)
	if len(s.pending.entries) >= storeBatch {
		signal(s.full)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// load reads the entries of keys; what is not stored is left out. It waits for
// the disk.
func (s *attrStore) load(keys []string) map[string]*attrEntry {
	found := make(map[string]*attrEntry, len(keys))
	s.mu.Lock()
	missing := make([]string, 0, len(keys))
	for _, key := range keys {
		e, known := s.pending.find(key)
		if !known {
			e, known = s.flushing.find(key)
		}
		if !known {
			missing = append(missing, key)
		} else if e != nil {
			found[key] = e
		}
	}
	broken := s.broken
	s.mu.Unlock()
	if broken || len(missing) == 0 {
		return found
	}
	err := guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { return s.read(tx, missing, found) })
	})
	if err != nil {
		s.fail(err)
	}
	return found
}

// run writes what is pending until close, and then once more.
func (s *attrStore) run() {
	defer close(s.done)
	timer := time.NewTimer(0)
	<-timer.C
	for closing := false; !closing; {
		select {
		case <-s.wake:
		case <-s.finish:
			closing = true
		}
		if !closing {
			timer.Reset(storeDelay)
			select {
			case <-timer.C:
			case <-s.full:
			case <-s.finish:
				closing = true
			}
		}
		s.flush()
	}
}

// flush writes what is pending now.
func (s *attrStore) flush() {
	s.mu.Lock()
	batch := s.pending
	if s.broken || len(batch.entries)+len(batch.trees) == 0 {
		s.pending = changeSet{entries: map[string]*attrEntry{}}
		s.mu.Unlock()
		return
	}
	s.flushing, s.pending = batch, changeSet{entries: map[string]*attrEntry{}}
	s.mu.Unlock()
	err := guard(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error { return s.write(tx, batch) })
	})
	if err != nil {
		s.fail(err)
	}
	s.mu.Lock()
	s.flushing = changeSet{}
	s.mu.Unlock()
}

// fail goes on without the file. What it holds may be older than what could
// not be written, so close deletes it.
func (s *attrStore) fail(err error) {
	s.mu.Lock()
	first := !s.broken
	s.broken = true
	s.mu.Unlock()
	if first {
		s.log.Warn("attributes are no longer kept across mounts: the file failed", "file", s.path, "err", err)
	}
}

// close writes what is pending and closes the file.
func (s *attrStore) close() { s.once.Do(s.closeOnce) }

func (s *attrStore) closeOnce() {
	close(s.finish)
	<-s.done
	s.mu.Lock()
	broken := s.broken
	s.broken = true // for those who still ask
	s.mu.Unlock()
	err := guard(s.db.Close)
	if broken {
		err = removeAttrFile(s.path)
	}
	if err != nil {
		s.log.Warn("the file of attributes could not be closed", "file", s.path, "err", err)
	}
}

// guard turns the panics of bbolt over a damaged file into errors, those of
// reading pages that are no longer there included.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
	}()
	return do()
}
