package writeback

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"cosfs/cosapi"
)

// waiter is somebody who wants to know when a generation is stored. The
// patient ones are not told of failures that are retried.
type waiter struct {
	gen     uint64
	patient bool
	done    func(cosapi.Object, error)
}

// attempt is the upload in flight. Guarded by File.mu.
type attempt struct {
	cancel  context.CancelCauseFunc
	ended   chan struct{} // closed at its end; nil: there is none
	decided bool          // a request is out that makes the object: past recall
	exposed bool          // such a request was sent, and its outcome is unknown
	// Of an attempt that sends ahead (convoy), else nil: stop makes it one for
	// the whole file, poke tells it that the frontier has moved. Neither blocks.
	stop, poke func()
}

// errRecalled ends an upload that has to be done otherwise.
const errRecalled = sentinel("upload called back")

// Store brings the content of this moment to the bucket and returns when COS
// has it, or something later. Nothing changed: no request. A failure, after
// the client's own retries, is returned; the content is then owed and durable,
// and the stage goes on trying in the background. ctx ends only the waiting.
// Somebody else's version under the key gives *ConflictError and the object
// that ours has become.
func (f *File) Store(ctx context.Context) (cosapi.Object, error) {
	type answer struct {
		object cosapi.Object
		err    error
	}
	answers := make(chan answer, 1)
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return cosapi.Object{}, os.ErrClosed
	}
	if f.gen == f.stored {
		defer f.mu.Unlock()
		return f.base, nil
	}
	if f.orphan {
		f.mu.Unlock()
		return cosapi.Object{}, f.errOrphan()
	}
	f.wanted = f.gen
	f.waiters = append(f.waiters, waiter{gen: f.gen, done: func(o cosapi.Object, err error) { answers <- answer{o, err} }})
	f.askLocked(urgent)
	f.mu.Unlock()
	select {
	case a := <-answers:
		return a.object, a.err
	case <-ctx.Done():
		return cosapi.Object{}, ctx.Err()
	}
}

// StoreLater queues the content of this moment, a change of nothing but
// attributes for after a while, so that more of them share its request. When it
// returns nil, the content is owed and durable; otherwise nothing is promised,
// but it is tried all the same. done (which may be nil) is called once from another goroutine
// and without locks: when stored, or with an error when given up, by a
// conflict that could not be kept, a refusal (ErrRefused), Discard or Close.
// After os.ErrClosed it is not called.
func (f *File) StoreLater(done func(cosapi.Object, error)) error {
	if done == nil {
		done = func(cosapi.Object, error) {}
	}
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return os.ErrClosed
	}
	if f.gen == f.stored {
		object := f.base
		f.mu.Unlock()
		f.stage.spawn(func() { done(object, nil) })
		return nil
	}
	if f.orphan {
		f.mu.Unlock()
		return f.errOrphan()
	}
	var told atomic.Bool
	f.wanted = f.gen
	f.waiters = append(f.waiters, waiter{gen: f.gen, patient: true, done: func(o cosapi.Object, err error) {
		if told.CompareAndSwap(false, true) {
			done(o, err)
		}
	}})
	f.mu.Unlock()
	err := f.promise()
	if errors.Is(err, os.ErrClosed) && !told.CompareAndSwap(false, true) {
		return nil // ended meanwhile, and done knows how
	}
	f.mu.Lock()
	f.askSoonLocked()
	f.mu.Unlock()
	return err
}

// Promise makes the content of this moment owed and durable, and asks for no
// upload now: the next Store or StoreLater does, Drain, or the next mount.
func (f *File) Promise() error {
	f.mu.Lock()
	if !f.closed && !f.orphan {
		f.wanted = max(f.wanted, f.gen)
	}
	f.mu.Unlock()
	return f.promise()
}

// askLocked has the file stored, be it by an attempt that sends ahead already.
func (f *File) askLocked(to spot) {
	if f.attempt.stop != nil {
		f.attempt.stop()
	}
	f.stage.enqueue(f, to)
}

// Sync makes the content of this moment and its record durable on the local
// disk. It promises no upload that was not promised before.
func (f *File) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.disk.Lock()
	defer f.disk.Unlock()
	f.mu.RLock()
	clean, owed, closed := f.gen == f.stored || f.orphan, f.wanted > f.stored, f.closed
	f.mu.RUnlock()
	switch {
	case closed:
		return os.ErrClosed
	case clean:
		return nil
	case owed || f.onDisk == StateOwed:
		return f.save(StateOwed, true)
	}
	return f.save(StateOpen, true)
}

// run is one attempt, in a goroutine of the stage, to store the file or to send
// parts of it ahead.
func (f *File) run(parent context.Context) {
	defer f.leave()
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	if parent.Err() != nil || !f.beginAttempt(cancel) {
		return
	}
	flights, ground := context.WithCancel(ctx)
	defer ground()
	c := &convoy{f: f, landed: make(chan struct{}, 1)}
	c.ahead(flights)
	if !f.asked() {
		ground()
		c.wg.Wait()
		f.endAttempt()
		return
	}
	start := time.Now()
	var r receipt
	cl, err := f.stage.claim(ctx, f.Key())
	if err == nil {
		defer func() { cl.end(r, err) }()
		f.heed(cl)
		r, err = f.deliver(ctx)
	}
	ground() // parts that turned out to be of no use
	c.wg.Wait()
	r.took = time.Since(start)
	f.conclude(parent, ctx, r, err)
}

// beginAttempt is false when there is nothing to do.
func (f *File) beginAttempt(cancel context.CancelCauseFunc) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.orphan || f.holds > 0 || f.stored >= f.wanted && !f.aheadDueLocked() {
		return false
	}
	f.attempt.cancel, f.attempt.ended, f.attempt.decided = cancel, make(chan struct{}), false
	f.hurry = false
	return true
}

// asked says that somebody wants the file stored.
func (f *File) asked() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.stored < f.wanted
}

// conclude commits what an attempt has come to.
func (f *File) conclude(parent, ctx context.Context, r receipt, err error) {
	lost := new(ConflictError)
	switch {
	case err == nil:
		f.commit(r)
	case parent.Err() != nil || errors.Is(context.Cause(ctx), errRecalled):
		f.endAttempt()
	case f.refuse(err, r):
	case errors.As(err, &lost):
		f.giveUp(lost)
	default:
		f.fail(err, r)
	}
}

// endLocked tells those who wait for the attempt's end. It also lets writers
// go on, whatever happened.
func (f *File) endLocked() {
	f.thawLocked()
	if f.attempt.ended != nil {
		close(f.attempt.ended)
	}
	f.attempt.ended, f.attempt.cancel, f.attempt.decided = nil, nil, false
}

func (f *File) endAttempt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.endLocked()
}

// fail keeps what could not be stored, durably, and tells who waits.
func (f *File) fail(err error, r receipt) {
	f.mu.Lock()
	f.failed++
	f.lastErr = err
	failed, key, size := f.failed, f.key, f.size
	told := f.takeWaitersLocked(func(w waiter) bool { return !w.patient })
	f.endLocked()
	closed := f.closed
	f.mu.Unlock()
	if !closed {
		if promise := f.promise(); promise != nil && !errors.Is(promise, os.ErrClosed) {
			f.stage.cfg.Log.Error("stage: what could not be stored could not be made durable either", "key", key, "err", promise)
			err = errors.Join(err, promise)
		}
	}
	f.stage.cfg.Log.Warn("store failed; the bytes are kept in the stage and tried again", "key", key, "bytes", size, "attempt", failed, "err", err)
	f.stage.cfg.Observe(Event{Kind: Failed, Key: key, Size: size, Sent: r.sent, Duration: r.took, Err: err})
	tell(told, cosapi.Object{}, err)
}

// giveUp stops trying: the base that unwritten ranges need does not exist any
// more. The record stays, as one that Kept lists.
func (f *File) giveUp(lost *ConflictError) {
	f.disk.Lock()
	f.mu.Lock()
	lost.Key, lost.Path = f.key, f.dataPath()
	f.lastErr, f.reason, f.wanted = lost, lost.Error(), f.stored
	told := f.takeWaitersLocked(func(waiter) bool { return true })
	f.endLocked()
	closed := f.closed
	f.mu.Unlock()
	err := error(lost)
	if !closed {
		err = errors.Join(lost, f.save(StateOpen, true))
	}
	f.disk.Unlock()
	f.stage.cfg.Log.Error("store given up", "key", lost.Key, "kept", lost.Path, "err", err)
	f.stage.cfg.Observe(Event{Kind: Conflicted, Key: lost.Key, Err: err})
	tell(told, cosapi.Object{}, err)
}

// takeWaitersLocked removes and returns the waiters that match.
func (f *File) takeWaitersLocked(match func(waiter) bool) []waiter {
	var taken, left []waiter
	for _, w := range f.waiters {
		if match(w) {
			taken = append(taken, w)
		} else {
			left = append(left, w)
		}
	}
	f.waiters = left
	return taken
}

func tell(told []waiter, o cosapi.Object, err error) {
	for _, w := range told {
		w.done(o, err)
	}
}

// leave gives the queue back its worker. What is to be done next is decided
// with both locks held, so that no Store in between is overlooked.
func (f *File) leave() {
	s := f.stage
	f.mu.Lock()
	defer f.mu.Unlock()
	to, pause := background, s.cfg.Retry.pause(max(f.failed, 1))
	switch waited := f.hurry || f.impatientLocked(); {
	case f.closed || f.orphan || f.holds > 0 || f.stored >= f.wanted && !f.aheadDueLocked():
		to = nowhere
	case f.stored >= f.wanted: // parts to be sent ahead
	case waited:
		to = urgent
	case f.failed > 0:
		to = later
	case f.onlyAttrsLocked(): // set while others were sent
		to, pause = later, attrsDelay
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		to = nowhere
	}
	s.queue.leave(f, to, pause)
}

func (f *File) impatientLocked() bool {
	for _, w := range f.waiters {
		if !w.patient {
			return true
		}
	}
	return false
}
