package writeback

import (
	"container/heap"
	"errors"
	"time"

	"cosfs/cosapi"
)

// Bounds of one request for deletes: COS's own, and one on the bytes of keys
// that keeps the document below 2 MiB (cos-api.md 3.2.13) even where XML makes
// five bytes of one.
const (
	maxBatch     = cosapi.MaxListPage
	maxBatchKeys = 350_000
)

// next takes what may go now: one intent, or deletes that share a request. Or
// it tells how long there is nothing (0: until poked).
func (b *book) next(now time.Time) ([]*todo, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.jobs >= b.limit {
		return nil, 0
	}
	if len(b.deletes) >= maxBatch {
		return b.batchLocked(nil), 0
	}
	for len(b.due) > 0 {
		first := b.due[0]
		if first.turn != first.todo.turn {
			heap.Pop(&b.due)
			continue
		}
		if wait := first.at.Sub(now); wait > 0 {
			return nil, wait
		}
		heap.Pop(&b.due)
		if first.Kind == IntentDelete {
			if at := b.gatherLocked(first.todo); at.After(now) {
				heap.Push(&b.due, dueTodo{first.todo, first.turn, at})
				continue
			}
			return b.batchLocked(first.todo), 0
		}
		b.jobs++
		b.takeLocked(first.todo)
		return []*todo{first.todo}, 0
	}
	return nil, 0
}

// gatherLocked says until when a delete that is due waits for those that still
// come: a program that removes file after file makes one request of many.
func (b *book) gatherLocked(t *todo) time.Time {
	if t.hurried || t.failed > 0 {
		return time.Time{}
	}
	until := b.lastDelete.Add(gatherPause)
	if end := t.due.Add(maxGather); until.After(end) {
		return end
	}
	return until
}

func (b *book) takeLocked(t *todo) {
	b.withdrawLocked(t)
	t.running, t.sent = true, true
}

// batchLocked takes deletes for one request, first among them if it is given.
func (b *book) batchLocked(first *todo) []*todo {
	b.jobs++
	var batch []*todo
	size := 0
	if first != nil {
		b.takeLocked(first)
		batch, size = append(batch, first), len(first.Key)
	}
	for t := range b.deletes {
		if len(batch) == maxBatch || size+len(t.Key) > maxBatchKeys {
			break
		}
		b.takeLocked(t)
		batch, size = append(batch, t), size+len(t.Key)
	}
	return batch
}

func (b *book) jobDone() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs--
	b.poke()
}

// carry starts jobs until the stage closes.
func (s *Stage) carry() {
	for {
		job, wait := s.intents.next(time.Now())
		if len(job) > 0 {
			s.goDo(func() {
				defer s.intents.jobDone()
				s.carryOut(job)
			})
			continue
		}
		if !s.idle(s.intents.wake, wait) {
			return
		}
	}
}

// final says that COS has refused: the same request will not do better.
func final(err error) bool {
	var e *cosapi.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case cosapi.Throttled, cosapi.Unavailable, cosapi.Timeout, cosapi.Canceled, cosapi.Corrupt, cosapi.Skewed, cosapi.NoUpload:
		return false
	}
	return true
}

// conclude takes the answer to an intent: object is what COS has now.
func (s *Stage) conclude(t *todo, object cosapi.Object, err error) {
	switch {
	case err == nil || final(err):
		s.finish(t, object, err)
	case s.ctx.Err() != nil:
		s.intents.stop(t)
	default:
		s.cfg.Log.Warn("a change of names failed; it is kept in the stage and tried again", "kind", t.Kind, "key", t.Key, "err", err)
		s.retry(t, err)
	}
}

// stop leaves an intent to the next run.
func (b *book) stop(t *todo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.running = false
}

// retry puts an intent back that could not be carried out for now.
func (s *Stage) retry(t *todo, err error) {
	b := &s.intents
	b.mu.Lock()
	t.running, t.line.lastErr = false, err
	t.line.failures++
	t.failed++
	t.doubt = t.doubt || t.Kind == IntentPut
	t.due = time.Now().Add(s.cfg.Retry.pause(t.failed))
	b.offerLocked(t.line)
	b.announceLocked()
	b.mu.Unlock()
	s.cfg.Observe(Event{Kind: Failed, Key: t.Key, Duration: time.Since(t.At), Err: err})
}

// finish ends an intent: who waits is told first, so that what they do about
// it comes before the next one of the same key. Then the next is adapted to
// what COS has, before the record goes: a crash in between finds both.
func (s *Stage) finish(t *todo, object cosapi.Object, err error) {
	s.report(t, err)
	b := &s.intents
	b.mu.Lock()
	told := t.takeWaitersLocked()
	b.mu.Unlock()
	answer(told, object, err)

	t.line.disk.Lock()
	settled := s.adapt(t.line, 1, t.Intent, object, err)
	s.forget(t)
	b.mu.Lock()
	t.running, t.line.lastErr = false, nil
	b.dropLocked(t, err)
	t.line.leaveLocked(t.Kind, object, err)
	b.offerLocked(t.line)
	b.tidyLocked(t.line)
	b.mu.Unlock()
	t.line.disk.Unlock()
	settled()
}

// leaveLocked notes what the key has after our own intent.
func (l *line) leaveLocked(kind IntentKind, object cosapi.Object, err error) {
	l.left, l.leftAt = cosapi.Object{}, time.Now()
	if err == nil && kind != IntentDelete {
		l.left = object
	}
}

// adapt adapts the intents of a line, from index at on, to the end of the one
// before them. Those of which nothing is left go, and settled tells who waits
// for them. The caller holds the line's disk.
func (s *Stage) adapt(l *line, at int, first Intent, object cosapi.Object, err error) (settled func()) {
	b := &s.intents
	settled = func() {}
	for t := b.nth(l, at); t != nil; t = b.nth(l, at) {
		left, over, failed := succeed(first, object, err, t.Intent)
		if !over {
			s.amend(t, left)
			break
		}
		s.forget(t)
		told, before := b.drop(t, failed), settled
		settled = func() {
			before()
			answer(told, cosapi.Object{}, failed)
		}
	}
	return settled
}

func (b *book) nth(l *line, n int) *todo {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n >= len(l.list) {
		return nil
	}
	return l.list[n]
}

// amend replaces an intent that waits behind another, on the disk too.
func (s *Stage) amend(t *todo, in Intent) {
	if in.Base.Version != t.Base.Version {
		in.At = time.Now()
		if err := s.writeIntent(in); err != nil {
			s.cfg.Log.Error("stage: the record of a change of names", "key", in.Key, "err", err)
		}
	}
	s.intents.mu.Lock()
	defer s.intents.mu.Unlock()
	t.Intent = in
}

// forget removes a record. One that stays is carried out again by the next
// run, which changes nothing.
func (s *Stage) forget(t *todo) {
	if err := s.removeIntent(t.Intent); err != nil {
		s.cfg.Log.Warn("stage: the record of a change of names that was carried out", "key", t.Key, "err", err)
	}
}

// report tells of an intent that has ended.
func (s *Stage) report(t *todo, err error) {
	e := Event{Kind: Carried, Key: t.Key, Duration: time.Since(t.At), Err: err}
	if err != nil {
		e.Kind = Refused
		s.intents.mu.Lock()
		s.intents.refused++
		s.intents.mu.Unlock()
		s.cfg.Log.Error("a change of names was refused and is undone", "kind", t.Kind, "key", t.Key, "err", err)
	}
	s.cfg.Observe(e)
}
