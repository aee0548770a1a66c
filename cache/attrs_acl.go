package cache

import (
	"time"

	"cosfs/cosapi"
)

// ACL is what a write sends so that an object has the access it had before:
// copies and overwrites reset it (cos-api.md 3.4.5), and no HEAD shows it. The
// zero value is the bucket's default.
type ACL struct {
	Canned string
	Grants cosapi.Grants
}

// ACLOf is the ACL of o as LearnACL was told, also by earlier mounts. It does
// not notice when somebody else sets an ACL, which makes no new version.
func (n *Names) ACLOf(o cosapi.Object) (acl ACL, known bool) {
	e := n.memory.entry(&o, n.now())
	if e == nil || e.acl == nil {
		return ACL{}, false
	}
	return *e.acl, true
}

// LearnACL takes the ACL of o: what GET acl said, or what was sent with the
// write that made o, after Learn.
func (n *Names) LearnACL(o cosapi.Object, acl ACL) {
	e := n.memory.entry(&o, n.now()) // brings it into memory
	if e == nil && o.Modified.IsZero() {
		return // nothing tells this version from the next
	}
	n.memory.learnACL(&o, acl, n.now())
}

// entry is what is remembered of exactly o, or nil. It may wait for the disk.
func (m *attrMemory) entry(o *cosapi.Object, now time.Time) *attrEntry {
	m.mu.Lock()
	e, known := m.lru.Get(o.Key)
	m.mu.Unlock()
	if !known && m.store != nil {
		m.recall([]string{o.Key}, func() { e, known = m.lru.Get(o.Key) })
	}
	if !known || !e.describes(o) || !e.holds(now, m.ttl) {
		return nil
	}
	return e
}

// learnACL adds the ACL to what is remembered of o, or remembers it alone.
func (m *attrMemory) learnACL(o *cosapi.Object, acl ACL, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := &attrEntry{object: *o, asked: now, settled: now.Sub(o.Modified) >= settle}
	e.object.Listed = true
	if old, known := m.lru.Peek(o.Key); known && old.describes(o) {
		*e = *old
	}
	e.acl = &acl
	m.rememberLocked(e)
}
