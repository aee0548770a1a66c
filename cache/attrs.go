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
	ttl time.Duration

	mu  sync.Mutex // a leaf; guards lru and the entries
	lru *simplelru.LRU[string, *attrEntry]
}

type attrEntry struct {
	object cosapi.Object
	asked  time.Time // when the bucket said so
	// written: object is a write of our own whose Modified is the Date of the
	// answer. The first listed row with its ETag and size binds it.
	written bool
	settled bool // no successor can look like it: it holds for good
}

func newAttrMemory(ttl time.Duration) *attrMemory {
	return &attrMemory{ttl: ttl, lru: newLRU[string, *attrEntry](maxAttrs, nil)}
}

// put remembers what a HEAD or, with written, a write of our own said.
func (m *attrMemory) put(o cosapi.Object, asked time.Time, written bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lru.Add(o.Key, &attrEntry{
		object: o, asked: asked, written: written,
		settled: written || asked.Sub(o.Modified) >= settle,
	})
}

func (m *attrMemory) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lru.Remove(key)
}

// forgetTree forgets dir's marker and everything below it.
func (m *attrMemory) forgetTree(dir string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range m.lru.Keys() {
		if within(key, dir) {
			m.lru.Remove(key)
		}
	}
}

// fill completes a listed object if its very version is remembered, and says
// whether it is complete.
func (m *attrMemory) fill(o *cosapi.Object, now time.Time) bool {
	if !o.Listed {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fillLocked(o, now)
}

// fillRows is fill for a page, and says whether all of it is complete.
func (m *attrMemory) fillRows(rows []Row, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	complete := true
	for i := range rows {
		if o := &rows[i].Object; o.Listed && !m.fillLocked(o, now) {
			complete = false
		}
	}
	return complete
}

func (m *attrMemory) fillLocked(o *cosapi.Object, now time.Time) bool {
	e, ok := m.lru.Get(o.Key)
	if !ok || !e.describes(o) || !e.holds(now, m.ttl) {
		return false
	}
	modified, class := o.Modified, o.StorageClass
	*o = e.object
	o.Modified = modified
	if class != "" { // a lifecycle rule moves objects without a new version
		o.StorageClass = class
	}
	return true
}

// bind gives writes of our own the Last-Modified under which a listing shows
// them.
func (m *attrMemory) bind(rows []cosapi.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range rows {
		o := &rows[i].Object
		e, ok := m.lru.Peek(o.Key)
		if ok && e.written && e.describes(o) {
			e.object.Modified, e.written = o.Modified, false
		}
	}
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
