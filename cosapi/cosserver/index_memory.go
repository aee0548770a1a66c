package cosserver

import (
	"bytes"
	"math/rand/v2"
	"sync"
)

// memoryIndex keeps each table in a skip list: ordered, with seeks and
// changes in logarithmic time, and short enough to read in one go.
type memoryIndex struct {
	// mu guards the tables: shared by views, exclusive for an update.
	mu     sync.RWMutex
	tables [tableCount]skipList
	closed bool
}

var _ index = (*memoryIndex)(nil)

func newMemoryIndex() *memoryIndex { return &memoryIndex{} }

func (m *memoryIndex) view(fn func(txn) error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return fn(&memoryTxn{m: m})
}

func (m *memoryIndex) update(fn func(txn) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errClosed
	}
	t := &memoryTxn{m: m}
	err := fn(t)
	if err != nil {
		t.rollback()
	}
	return err
}

func (m *memoryIndex) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// memoryTxn remembers what it overwrote.
type memoryTxn struct {
	m    *memoryIndex
	undo []undo
}

// undo is the state of a key before a change; a nil value means absent.
type undo struct {
	t          table
	key, value []byte
}

func (t *memoryTxn) get(tb table, key []byte) []byte {
	if n := t.m.tables[tb].seek(key, nil); n != nil && bytes.Equal(n.key, key) {
		return n.value
	}
	return nil
}

func (t *memoryTxn) put(tb table, key, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	t.undo = append(t.undo, undo{tb, key, t.get(tb, key)})
	t.m.tables[tb].put(key, value)
	return nil
}

func (t *memoryTxn) del(tb table, key []byte) error {
	t.undo = append(t.undo, undo{tb, key, t.get(tb, key)})
	t.m.tables[tb].del(key)
	return nil
}

func (t *memoryTxn) rollback() {
	for i := len(t.undo) - 1; i >= 0; i-- {
		u := t.undo[i]
		if u.value == nil {
			t.m.tables[u.t].del(u.key)
		} else {
			t.m.tables[u.t].put(u.key, u.value)
		}
	}
}

func (t *memoryTxn) seek(tb table, key []byte) cursor {
	c := &memoryCursor{l: &t.m.tables[tb]}
	c.seek(key)
	return c
}

type memoryCursor struct {
	l *skipList
	n *skipNode
}

func (c *memoryCursor) key() []byte {
	if c.n == nil {
		return nil
	}
	return c.n.key
}

func (c *memoryCursor) value() []byte   { return c.n.value }
func (c *memoryCursor) next()           { c.n = c.n.next[0] }
func (c *memoryCursor) seek(key []byte) { c.n = c.l.seek(key, nil) }

// skipLevels is enough for 4^12 keys at one level in four.
const skipLevels = 12

// skipList is an ordered map. The zero value is empty.
type skipList struct{ head [skipLevels]*skipNode }

type skipNode struct {
	key, value []byte
	next       []*skipNode // one per level the node takes part in
}

// seek finds the first node not less than key. When before is given it is
// filled with the links that lead to that place, one per level.
func (l *skipList) seek(key []byte, before *[skipLevels]**skipNode) *skipNode {
	links := l.head[:]
	for level := skipLevels - 1; ; level-- {
		for links[level] != nil && bytes.Compare(links[level].key, key) < 0 {
			links = links[level].next
		}
		if before != nil {
			before[level] = &links[level]
		}
		if level == 0 {
			return links[0]
		}
	}
}

func (l *skipList) put(key, value []byte) {
	var before [skipLevels]**skipNode
	if n := l.seek(key, &before); n != nil && bytes.Equal(n.key, key) {
		n.value = value
		return
	}
	levels := 1
	for levels < skipLevels && rand.Uint32()&3 == 0 {
		levels++
	}
	n := &skipNode{key: key, value: value, next: make([]*skipNode, levels)}
	for i := range levels {
		n.next[i] = *before[i]
		*before[i] = n
	}
}

func (l *skipList) del(key []byte) {
	var before [skipLevels]**skipNode
	n := l.seek(key, &before)
	if n == nil || !bytes.Equal(n.key, key) {
		return
	}
	for i := range n.next {
		*before[i] = n.next[i]
	}
}
