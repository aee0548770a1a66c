package writeback

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// spot is where a File is in the queue.
type spot uint8

const (
	nowhere    spot = iota // nothing to do
	background             // to be stored some time soon
	urgent                 // somebody waits for it
	later                  // after a failure, at a time
	busy                   // being stored
)

// queue orders the uploads: those that are waited for, then the others, first
// come first served, and those that failed when their time has come. A File
// is in it at most once as far as its spot says; entries that the spot does
// not agree with are left-overs and skipped. Guarded by Stage.mu.
type queue struct {
	urgent, background []*File
	later              dueFiles
	busy, limit        int // files being stored, and how many at most
	wake               chan struct{}
	moved              chan struct{} // closed and replaced when a file leaves busy, or the stage
}

func (q *queue) init(limit int) {
	q.limit, q.wake, q.moved = limit, make(chan struct{}, 1), make(chan struct{})
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// put moves a file. Being stored, it is looked at again when that has ended.
func (q *queue) put(f *File, to spot) {
	if f.spot == busy || f.spot == urgent || f.spot == to || f.spot == later && to == background {
		return
	}
	f.spot = to
	if to == urgent {
		q.urgent = append(q.urgent, f)
	} else {
		q.background = append(q.background, f)
	}
	q.poke()
}

// leave takes a file out of busy.
func (q *queue) leave(f *File, to spot, pause time.Duration) {
	q.busy--
	f.spot = nowhere
	switch to {
	case later:
		f.spot = later
		heap.Push(&q.later, dueFile{f, time.Now().Add(pause)})
	case urgent, background:
		q.put(f, to)
	}
	q.announce()
	q.poke()
}

// announce tells Drain that something may have changed.
func (q *queue) announce() {
	close(q.moved)
	q.moved = make(chan struct{})
}

// next takes the next file, or tells how long there is none (0: until poked).
func (q *queue) next(now time.Time) (*File, time.Duration) {
	if q.busy >= q.limit {
		return nil, 0
	}
	f := pop(&q.urgent, urgent)
	if f == nil && q.busy >= q.limit-q.limit/4 { // the rest is for those that are waited for
		return nil, 0
	}
	if f == nil {
		f = pop(&q.background, background)
	}
	for f == nil && len(q.later) > 0 {
		if wait := q.later[0].due.Sub(now); wait > 0 {
			return nil, wait
		}
		if d := heap.Pop(&q.later).(dueFile); d.file.spot == later {
			f = d.file
		}
	}
	if f != nil {
		q.busy++
		f.spot = busy
	}
	return f, 0
}

// pop takes the first file of a list that still belongs there.
func pop(list *[]*File, where spot) *File {
	for len(*list) > 0 {
		f := (*list)[0]
		(*list)[0] = nil
		*list = (*list)[1:]
		if f.spot == where {
			return f
		}
	}
	*list = nil
	return nil
}

// dueFiles is a heap by time.
type dueFiles []dueFile

type dueFile struct {
	file *File
	due  time.Time
}

func (d dueFiles) Len() int           { return len(d) }
func (d dueFiles) Less(i, j int) bool { return d[i].due.Before(d[j].due) }
func (d dueFiles) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dueFiles) Push(x any)        { *d = append(*d, x.(dueFile)) }
func (d *dueFiles) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// pause is how long to wait after so many failures in a row: between a half
// and the whole of the step, so that files do not come back all at once.
func (b Backoff) pause(failures int) time.Duration {
	step := b.Cap
	if failures <= 30 {
		step = min(b.Base<<(failures-1), b.Cap)
	}
	return step/2 + rand.N(step/2+1)
}

// dispatch starts uploads until the stage closes.
func (s *Stage) dispatch() {
	for {
		s.mu.Lock()
		f, wait := s.queue.next(time.Now())
		s.mu.Unlock()
		if f != nil {
			s.goDo(func() { f.run(s.ctx) })
			continue
		}
		if !s.idle(s.queue.wake, wait) {
			return
		}
	}
}

// idle waits for work; false: the stage closes.
func (s *Stage) idle(wake <-chan struct{}, wait time.Duration) bool {
	var due <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-wake:
	case <-due:
	case <-s.ctx.Done():
		return false
	}
	return s.ctx.Err() == nil
}

// enqueue asks for an upload of f, whose mu is held.
func (s *Stage) enqueue(f *File, to spot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.queue.put(f, to)
	}
}
