package cache

import (
	"context"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"time"

	"cosfs/cosapi"
)

// fetch is one ranged GET under way, or, with punching, room being given
// back. It owns its span: nothing else writes those units meanwhile.
type fetch struct {
	span          // off is on a unit, end too or at the end of the object
	demand   bool // somebody waited from the start; otherwise read-ahead
	punching bool //
	ctx      context.Context
	cancel   context.CancelFunc
	queued   context.Context    // ends when somebody waits for the fetch
	promote  context.CancelFunc // ends it

	// guarded by blob.mu
	done    int64 // [off, done) is in the store
	waiters []*waiter

	// of the fetch's goroutine alone
	v      cosapi.Version // asked for
	store  store          // written to
	pool   *pool          // where len() bytes are reserved; nil: none yet
	stored int64          // bytes of units that became present
	hash   hash.Hash64    // of the block that is passing by
	rest   uint32         // the same, for the seal
	sums   []passedBlock  // the blocks that went by whole
	begun  time.Time
}

// blockSum is what is known of the bytes of a block.
type blockSum struct {
	cos  uint64 // CRC64, to be compared with COS's
	rest uint32 // CRC32C, for the seal
}

type passedBlock struct {
	block int64
	sum   blockSum
}

// waiter is one reader that needs the bytes before need.
type waiter struct {
	need  int64
	ready chan struct{}
	err   error // written before ready is closed
}

// waitLocked joins a fetch. The blob's mu is held.
func (f *fetch) waitLocked(need int64) *waiter {
	w := &waiter{need: need, ready: make(chan struct{})}
	if f.promote != nil {
		f.promote()
	}
	f.waiters = append(f.waiters, w)
	return w
}

// wakeLocked tells those whose bytes have come, or all of them at the end.
func (f *fetch) wakeLocked(upTo int64, err error) {
	f.waiters = slices.DeleteFunc(f.waiters, func(w *waiter) bool {
		if w.need > upTo {
			return false
		}
		w.err = err
		close(w.ready)
		return true
	})
}

// fetchLocked starts GETs for what of s is neither present nor under way. It
// is demand where a reader waits for it.
func (b *blob) fetchLocked(s, need span) error {
	for pos := alignDown(s.off, unitSize); pos < s.end; {
		if b.presentLocked(pos / unitSize) {
			pos += unitSize
			continue
		}
		if f := b.fetchOfLocked(pos); f != nil {
			pos = f.end
			continue
		}
		run := b.absentLocked(pos, s.end)
		if err := b.startLocked(run, run.overlaps(need)); err != nil {
			return err
		}
		pos = run.end
	}
	return nil
}

// absentLocked is the run of absent units from pos on, at most one GET long.
func (b *blob) absentLocked(pos, end int64) span {
	run := span{pos, pos}
	for run.end < min(end, pos+maxGet) && !b.presentLocked(run.end/unitSize) && b.fetchOfLocked(run.end) == nil {
		run.end += unitSize
	}
	run.end = min(run.end, b.size)
	return run
}

func (b *blob) startLocked(s span, demand bool) error {
	f := &fetch{span: s, demand: demand, done: s.off, hash: cosapi.NewCRC64()}
	f.ctx, f.cancel = context.WithCancel(b.c.ctx)
	f.queued, f.promote = context.WithCancel(f.ctx)
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	if b.c.closed {
		f.cancel()
		return errClosed("fetch")
	}
	b.refs++ // pinned already, by who needs the bytes
	b.fetches = append(b.fetches, f)
	b.c.startLocked(func() { b.run(f) })
	return nil
}

// run is the life of a fetch. The slot is held until the file, if this GET
// made it whole, is about to be synced: a slow disk slows the fetching down,
// and does not pile up open files.
func (b *blob) run(f *fetch) {
	defer b.release()
	defer f.cancel()
	done, err := b.c.slot(f)
	if err == nil {
		err = b.transfer(f)
	}
	last := b.land(f, err)
	if last {
		last = b.c.finishes.Acquire(b.c.ctx, 1) == nil
	}
	done()
	if last {
		b.finish()
		b.c.finishes.Release(1)
	}
}

// slot waits for the right to send a GET. Read-ahead for which a reader comes
// to wait while it is queued becomes demand, lest the reader queue behind what
// nobody waits for.
func (c *Cache) slot(f *fetch) (done func(), err error) {
	ahead := false
	if !f.demand {
		ahead = c.aheads.Acquire(f.queued, 1) == nil
		f.demand = !ahead
	}
	err = c.slots.Acquire(f.ctx, 1)
	return func() {
		if err == nil {
			c.slots.Release(1)
		}
		if ahead {
			c.aheads.Release(1)
		}
	}, err
}

// transfer brings the bytes of f into the store.
func (b *blob) transfer(f *fetch) error {
	f.begun = time.Now()
	if err := b.ready(f); err != nil {
		return err
	}
	r := cosapi.Range{Off: f.off, Len: f.len()}
	if f.len() == b.size {
		r = cosapi.Range{Off: 0, Len: -1} // the client checks whole objects, and need not say Range
	}
	body, err := b.c.cfg.Source.Get(f.ctx, f.v, r)
	if err != nil {
		return err
	}
	defer body.Close()
	if body.Object.HasCRC64 {
		b.mu.Lock()
		b.crc, b.hasCRC = body.Object.CRC64, true
		b.mu.Unlock()
	}
	return b.pour(f, body)
}

// ready reserves room for f and opens its store.
func (b *blob) ready(f *fetch) error {
	b.mu.Lock()
	f.pool = b.pool
	b.mu.Unlock()
	if err := b.c.reserve(f); err != nil {
		f.pool = nil
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pool != f.pool {
		return errRetry // the disk failed just now
	}
	if b.store == nil {
		if err := b.createLocked(); err != nil {
			return &diskError{err}
		}
	}
	b.allocLocked()
	f.v, f.store = b.v, b.store
	return nil
}

// createLocked makes the blob's store.
func (b *blob) createLocked() error {
	if b.pool == &b.c.memory {
		b.store = newMemoryStore(b.size, &b.c.units)
		return nil
	}
	path := b.c.dir.part(b.id)
	st, err := b.c.dir.create(path, b.size)
	if err != nil {
		return err
	}
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	b.store, b.path = st, path
	return nil
}

// diskError marks an error of the local disk, which is never the reader's.
type diskError struct{ error }

func (e *diskError) Unwrap() error { return e.error }

// pour copies the body, announcing every piece as it comes.
func (b *blob) pour(f *fetch, body io.Reader) error {
	chunk := b.c.chunks.Get().(*[chunkSize]byte)
	defer b.c.chunks.Put(chunk)
	for pos := f.off; pos < f.end; {
		n, err := body.Read(chunk[:min(chunkSize, f.end-pos)])
		if n > 0 {
			if _, err := f.store.WriteAt(chunk[:n], pos); err != nil {
				return &diskError{err}
			}
			f.check(chunk[:n], pos, b.size)
			pos += int64(n)
			if !b.arrived(f, pos) {
				return errRetry
			}
		}
		if err != nil && pos < f.end {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// check feeds the checksums of the blocks that pass by from their beginning.
func (f *fetch) check(p []byte, pos, size int64) {
	for len(p) > 0 {
		if pos%BlockSize == 0 {
			f.hash.Reset()
			f.rest = 0
		}
		n := min(int64(len(p)), BlockSize-pos%BlockSize)
		first := alignDown(pos, BlockSize)
		if first >= f.off {
			f.hash.Write(p[:n])
			f.rest = crc32.Update(f.rest, castagnoli, p[:n])
		}
		pos, p = pos+n, p[n:]
		if first >= f.off && (pos == first+BlockSize || pos == size) {
			f.sums = append(f.sums, passedBlock{first / BlockSize, blockSum{f.hash.Sum64(), f.rest}})
		}
	}
}

// arrived announces that f's bytes up to pos are in its store; false if the
// blob has another store by now.
func (b *blob) arrived(f *fetch, pos int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store != f.store {
		return false
	}
	for unit := f.done / unitSize; unit < b.units() && b.unitSpan(unit).end <= pos; unit++ {
		b.present.set(unit)
		b.have++
		f.stored += b.unitSpan(unit).len()
	}
	f.done = pos
	f.wakeLocked(pos, nil)
	return true
}

// land ends a fetch: room is settled, waiters get their answer. It returns
// whether this fetch made the blob whole, and finish is to be called.
func (b *blob) land(f *fetch, err error) bool {
	stored, t, err := b.settle(f, err)
	t.empty(b.c)
	if f.store != nil {
		b.c.tell(Event{Kind: Fetched, Version: f.v, Off: f.off, Bytes: stored, Duration: time.Since(f.begun), Err: err})
	}
	var disk *diskError
	switch {
	case errors.As(err, &disk):
		b.c.diskFailed(f.v, disk.error)
	case errors.Is(err, cosapi.Corrupt):
		b.c.tell(Event{Kind: Corrupted, Version: f.v, Err: err})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return err == nil && b.claimFinishLocked()
}

// settle is land under the locks.
func (b *blob) settle(f *fetch, err error) (stored int64, t trash, cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	same := f.store != nil && f.store == b.store
	b.bookLocked(f, same)
	b.fetches = slices.DeleteFunc(b.fetches, func(g *fetch) bool { return g == f })
	if same {
		stored = f.stored
		for _, s := range f.sums {
			b.sums[s.block] = s.sum
			b.known.set(s.block)
		}
	}
	t, answer := b.judgeLocked(f, err, same)
	f.wakeLocked(math.MaxInt64, answer)
	return stored, t, err
}

// bookLocked turns the reservation of f into what it stored.
func (b *blob) bookLocked(f *fetch, same bool) {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	if f.pool == nil {
		return
	}
	f.pool.used -= f.len()
	if same {
		b.pool.used += f.stored
		b.used += f.stored
	}
}

// judgeLocked decides what the waiters of a fetch are told, and acts on it.
func (b *blob) judgeLocked(f *fetch, err error, same bool) (trash, error) {
	var disk *diskError
	switch {
	case err == nil:
		return trash{}, nil
	case errors.As(err, &disk):
		if f.store != nil && !same {
			return trash{}, errRetry
		}
		return b.spillLocked(), errRetry
	case errors.Is(err, cosapi.Corrupt):
		if !same {
			return trash{}, errRetry
		}
		return b.spoilLocked(err), errRetry
	case f.v != (cosapi.Version{}) && f.v != b.v, // our own rename overtook it
		f.ctx.Err() != nil && b.c.ctx.Err() == nil, // ended by Close, and somebody came back
		errors.Is(err, errNoRoom), errors.Is(err, errRetry):
		return trash{}, errRetry
	case b.c.ctx.Err() != nil:
		return trash{}, errClosed("fetch")
	}
	return trash{}, err
}
