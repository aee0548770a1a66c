package cache

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"cosfs/cosapi"
)

const (
	maxAttrs = 200_000 // versions whose attributes are remembered
	// settle is the age below which a version may still be replaced by one
	// with the same ETag, size and Last-Modified but other attributes:
	// HEAD shows whole seconds (design.md 9.5).
	settle = 3 * time.Second
	// drift is how far the Date of a write's answer and the Last-Modified
	// that a listing shows of it may lie apart.
	drift = 2 * time.Second
)

// attrMemory remembers what only a HEAD shows of an object, under exactly
// (key, ETag, Last-Modified, size). Of one key it remembers one version.
type attrMemory struct {
	ttl   time.Duration
	store *attrStore // what was remembered by earlier mounts, or nil

	mu  sync.Mutex // before attrStore.mu; guards the fields below
	lru *simplelru.LRU[string, *attrEntry]
	// forgets counts the calls that made something unknown: what was read
	// from the store before one is not remembered after it.
	forgets uint64
}

// attrEntry is never changed once it is in the memory or in the store.
type attrEntry struct {
	// object is what the bucket said; with Listed set, only acl is known of it.
	object cosapi.Object
	asked  time.Time // when the bucket said so
	// written: object is a write of our own whose Modified is the Date of the
	// answer. The first listed row with its ETag and size binds it.
	written bool
	settled bool // no successor can look like it: it holds for good
	acl     *ACL // nil: not known
}

func newAttrMemory(ttl time.Duration, store *attrStore) *attrMemory {
	return &attrMemory{ttl: ttl, store: store, lru: newLRU[string, *attrEntry](maxAttrs, nil)}
}

// put remembers what a HEAD or, with written, a write of our own said.
func (m *attrMemory) put(o cosapi.Object, asked time.Time, written bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := &attrEntry{
		object: o, asked: asked, written: written,
		settled: written || asked.Sub(o.Modified) >= settle,
	}
	if old, ok := m.lru.Peek(o.Key); ok && !written && old.describes(&o) {
		e.acl = old.acl // a HEAD does not show it
	}
	m.rememberLocked(e)
}

// rememberLocked replaces what is known under e's key.
func (m *attrMemory) rememberLocked(e *attrEntry) {
	m.lru.Add(e.object.Key, e)
	if m.store != nil && e.storable() {
		m.store.put(e)
	}
}

func (m *attrMemory) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgets++
	m.lru.Remove(key)
	if m.store != nil {
		m.store.forget(key)
	}
}

// forgetTree forgets dir's marker and everything below it.
func (m *attrMemory) forgetTree(dir string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgets++
	for _, key := range m.lru.Keys() {
		if within(key, dir) {
			m.lru.Remove(key)
		}
	}
	if m.store != nil {
		m.store.forgetTree(dir)
	}
}

func (m *attrMemory) close() {
	if m.store != nil {
		m.store.close()
	}
}

// fill completes a listed object if its very version is remembered, and says
// whether it is complete. It may wait for the disk.
func (m *attrMemory) fill(o *cosapi.Object, now time.Time) bool {
	if !o.Listed {
		return true
	}
	m.mu.Lock()
	done, known := m.fillLocked(o, now)
	m.mu.Unlock()
	if !done && !known && m.store != nil {
		m.recall([]string{o.Key}, func() { done, _ = m.fillLocked(o, now) })
	}
	return done
}

// stores says whether anything is remembered under one of keys, by a memory
// that lasts. It may wait for the disk.
func (m *attrMemory) stores(keys ...string) (known bool) {
	if m.store == nil {
		return false
	}
	m.recall(keys, func() {
		for _, key := range keys {
			known = known || m.lru.Contains(key)
		}
	})
	return known
}

// fillRows is fill for a page, and says whether all of it is complete.
func (m *attrMemory) fillRows(rows []Row, now time.Time) bool {
	complete := true
	var unknown []string
	m.mu.Lock()
	for i := range rows {
		o := &rows[i].Object
		if !o.Listed {
			continue
		}
		done, known := m.fillLocked(o, now)
		complete = complete && done
		if !done && !known && m.store != nil {
			unknown = append(unknown, o.Key)
		}
	}
	m.mu.Unlock()
	if len(unknown) == 0 {
		return complete
	}
	complete = true
	m.recall(unknown, func() {
		for i := range rows {
			if o := &rows[i].Object; o.Listed {
				done, _ := m.fillLocked(o, now)
				complete = complete && done
			}
		}
	})
	return complete
}

// recall brings what is stored under keys into memory, and has it used under mu.
func (m *attrMemory) recall(keys []string, use func()) {
	m.mu.Lock()
	forgets := m.forgets
	m.mu.Unlock()
	found := m.store.load(keys)
	m.mu.Lock()
	defer m.mu.Unlock()
	if forgets == m.forgets {
		for key, e := range found {
			if !m.lru.Contains(key) {
				m.lru.Add(key, e)
			}
		}
	}
	use()
}

// fillLocked completes o, and says whether it could and whether anything is in
// memory under its key.
func (m *attrMemory) fillLocked(o *cosapi.Object, now time.Time) (done, known bool) {
	e, known := m.lru.Get(o.Key)
	if !known || e.object.Listed || !e.describes(o) || !e.holds(now, m.ttl) {
		return false, known
	}
	if e.written {
		m.bindLocked(e, o.Modified)
	}
	modified, class := o.Modified, o.StorageClass
	*o = e.object
	o.Modified = modified
	if class != "" { // a lifecycle rule moves objects without a new version
		o.StorageClass = class
	}
	return true, true
}

// bind gives writes of our own the Last-Modified under which a listing shows
// them.
func (m *attrMemory) bind(rows []cosapi.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range rows {
		o := &rows[i].Object
		if e, ok := m.lru.Peek(o.Key); ok && e.written && e.describes(o) {
			m.bindLocked(e, o.Modified)
		}
	}
}

func (m *attrMemory) bindLocked(e *attrEntry, modified time.Time) {
	bound := *e
	bound.object.Modified, bound.written = modified, false
	m.rememberLocked(&bound)
}

// describes says whether e is about the version o of the same key.
func (e *attrEntry) describes(o *cosapi.Object) bool {
	if e.object.ETag != o.ETag || e.object.Size != o.Size {
		return false
	}
	if e.written {
		return o.Modified.Sub(e.object.Modified).Abs() <= drift
	}
	return e.object.Modified.Unix() == o.Modified.Unix()
}

// holds says whether e can be believed: for good, unless the version was so
// young when asked about that it may have had a successor within its second.
func (e *attrEntry) holds(now time.Time, ttl time.Duration) bool {
	return e.settled || now.Sub(e.asked) < ttl
}
