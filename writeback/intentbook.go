package writeback

import (
	"container/heap"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"cosfs/cosapi"
)

// book is what is known of all pending intents.
type book struct {
	limit int // jobs at a time

	mu      sync.Mutex // guards the fields below and those of lines and todos; with nothing after it
	lines   map[string]*line
	pending int                // todos, those about to be recorded included
	jobs    int                // under way
	due     dueTodos           // those that may go, and when they must
	deletes map[*todo]struct{} // those of them that may share a request
	refused int                // since Open
	// lastDelete is when the newest delete was recorded.
	lastDelete time.Time
	closed     bool
	wake       chan struct{}
	moved      chan struct{} // closed and replaced whenever a todo has ended or failed
}

// line is the intents of one key, in order. There is one while anybody needs
// it.
type line struct {
	key string

	// disk serialises what is done to the records of the line; before book.mu.
	disk sync.Mutex

	// Guarded by book.mu:
	users  int
	list   []*todo
	upload bool // a File is being stored under the key; the list waits
	// failures counts the attempts of the line that failed for the moment,
	// lastErr is why the last one did.
	failures int
	lastErr  error
	// left is what our last intent of the line has left in COS, if known.
	left   cosapi.Object
	leftAt time.Time
}

// todo is a pending intent. Guarded by book.mu.
type todo struct {
	Intent
	line     *line
	waiters  []func(cosapi.Object, error)
	due      time.Time
	turn     int  // entries of book.due of another turn are left-overs
	changing bool // its record is being replaced, under line.disk
	running  bool // a job has it
	sent     bool // COS may have seen it: nothing can be merged with it
	doubt    bool // COS may have carried it out, or something may have come between
	held     bool // an upload is about to take its place
	told     bool // who waited for it knows
	failed   int  // attempts in a row
	hurried  bool // somebody waits for it
	ended    bool
	err      error // once ended
}

func (b *book) init(limit int) {
	b.limit, b.lines, b.deletes = limit, map[string]*line{}, map[*todo]struct{}{}
	b.wake, b.moved = make(chan struct{}, 1), make(chan struct{})
}

func (b *book) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *book) announceLocked() {
	close(b.moved)
	b.moved = make(chan struct{})
}

// enter gives the line of a key to somebody who may add an intent, once there
// is room for one. Close waits until leave.
func (s *Stage) enter(ctx context.Context, key string) (*line, error) {
	b := &s.intents
	for {
		b.mu.Lock()
		if b.closed {
			b.mu.Unlock()
			return nil, fmt.Errorf("stage %s: %w", s.cfg.Dir, os.ErrClosed)
		}
		if b.pending < maxIntents {
			b.pending++
			l := b.lineLocked(key)
			s.wg.Add(1)
			b.mu.Unlock()
			return l, nil
		}
		moved := b.moved
		b.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, fmt.Errorf("%d changes of names are waiting for COS: %w", maxIntents, ctx.Err())
		case <-s.ctx.Done():
			return nil, ErrStageClosed
		}
	}
}

// leave undoes enter, but for the count of intents.
func (s *Stage) leave(l *line) {
	s.intents.release(l)
	s.wg.Done()
}

// lineLocked counts a user of the key's line.
func (b *book) lineLocked(key string) *line {
	l := b.lines[key]
	if l == nil {
		l = &line{key: key}
		b.lines[key] = l
	}
	l.users++
	return l
}

// release undoes lineLocked.
func (b *book) release(l *line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.users--
	b.tidyLocked(l)
}

func (b *book) tidyLocked(l *line) {
	if l.users == 0 && len(l.list) == 0 && b.lines[l.key] == l {
		delete(b.lines, l.key)
	}
}

// busy says that intents are pending whose outcome a new one can build on.
func (b *book) busy(l *line) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(l.list) > 0 || l.upload
}

// reopen takes the last intent of a line out of the queue, so that another can
// be merged with it; nil if COS may have seen it. The caller holds l.disk.
func (b *book) reopen(l *line) *todo {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(l.list) == 0 {
		return nil
	}
	t := l.list[len(l.list)-1]
	if t.running || t.sent || t.held {
		return nil
	}
	b.withdrawLocked(t)
	t.changing = true
	return t
}

// withdrawLocked takes a todo out of the queue.
func (b *book) withdrawLocked(t *todo) {
	t.turn++
	delete(b.deletes, t)
}

// offerLocked lets the first of a line go, unless an upload is before it.
func (b *book) offerLocked(l *line) {
	if len(l.list) == 0 || l.upload || l.list[0].running || l.list[0].changing {
		return
	}
	t := l.list[0]
	b.withdrawLocked(t)
	heap.Push(&b.due, dueTodo{t, t.turn, t.due})
	if t.Kind == IntentDelete && t.failed == 0 {
		b.deletes[t] = struct{}{}
	}
	b.poke()
}

// add appends a todo to its line. enter has counted it.
func (b *book) add(t *todo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.line.list = append(t.line.list, t)
	if t.Kind == IntentDelete {
		b.lastDelete = time.Now()
	}
	b.offerLocked(t.line)
}

// dropLocked takes a todo off its line and off the book, and gives those who
// are to be told.
func (b *book) dropLocked(t *todo, err error) []func(cosapi.Object, error) {
	b.withdrawLocked(t)
	t.line.list = slices.DeleteFunc(t.line.list, func(other *todo) bool { return other == t })
	b.pending--
	t.ended, t.err = true, err
	b.announceLocked()
	return t.takeWaitersLocked()
}

func (t *todo) takeWaitersLocked() []func(cosapi.Object, error) {
	told := t.waiters
	t.told, t.waiters = true, nil
	return told
}

// answer tells who waited for an intent. The caller holds no lock.
func answer(told []func(cosapi.Object, error), o cosapi.Object, err error) {
	for _, done := range told {
		done(o, err)
	}
}

// each visits all todos.
func (b *book) each(visit func(*todo)) { b.census(new(int), visit) }

// census is each, with how many are counted at that very moment.
func (b *book) census(counted *int, visit func(*todo)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*counted = b.pending
	for _, l := range b.lines {
		for _, t := range l.list {
			visit(t)
		}
	}
}

func (b *book) follow(in Intent, done func(cosapi.Object, error)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[in.Key]
	if l == nil {
		return false
	}
	for _, t := range l.list {
		if t.id == in.id && !t.told {
			t.waiters = append(t.waiters, done)
			return true
		}
	}
	return false
}

// dueTodos is a heap by time, and by age for those of the same time.
type dueTodos []dueTodo

type dueTodo struct {
	*todo
	turn int
	at   time.Time
}

func (d dueTodos) Len() int { return len(d) }
func (d dueTodos) Less(i, j int) bool {
	if !d[i].at.Equal(d[j].at) {
		return d[i].at.Before(d[j].at)
	}
	return d[i].id < d[j].id
}
func (d dueTodos) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *dueTodos) Push(x any)   { *d = append(*d, x.(dueTodo)) }
func (d *dueTodos) Pop() any {
	last := (*d)[len(*d)-1]
	(*d)[len(*d)-1] = dueTodo{}
	*d = (*d)[:len(*d)-1]
	return last
}
