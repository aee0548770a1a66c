package cosserver

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	// commitBatch bounds the updates of one commit, and with it the work that
	// is repeated when one of them fails half-way.
	commitBatch = 256
	// lockWait is how long open waits for another process to let go of the
	// index before it reports it.
	lockWait = time.Second
)

// errClosed answers a request that comes after Close.
var errClosed = errors.New("the store is closed")

// boltIndex keeps the index in one bbolt file. Commits are grouped: one
// goroutine owns all writing, and everything that waits when it gets to work
// goes into one bbolt transaction with one sync of the disk. A lone writer
// waits for nobody.
type boltIndex struct {
	db      *bbolt.DB
	queue   chan *pendingUpdate
	stopped chan struct{} // closed when the writer has gone

	// mu is held shared while sending on queue and exclusively to close it.
	mu     sync.RWMutex
	closed bool
}

// pendingUpdate is an update on its way to the writer.
type pendingUpdate struct {
	fn   func(txn) error
	done chan error
}

var _ index = (*boltIndex)(nil)

func openBoltIndex(path string, sync bool) (*boltIndex, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockWait, FreelistType: bbolt.FreelistMapType, NoSync: !sync,
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("index %s is in use by another process: stop it, or choose another directory", path)
	}
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range tableNames {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("index %s: %w", path, err), db.Close())
	}
	b := &boltIndex{db: db, queue: make(chan *pendingUpdate, commitBatch), stopped: make(chan struct{})}
	go b.write()
	return b, nil
}

func (b *boltIndex) view(fn func(txn) error) error {
	return b.db.View(func(tx *bbolt.Tx) error { return fn(newBoltTxn(tx)) })
}

func (b *boltIndex) update(fn func(txn) error) error {
	u := &pendingUpdate{fn: fn, done: make(chan error, 1)}
	if err := b.send(u); err != nil {
		return err
	}
	return <-u.done
}

func (b *boltIndex) send(u *pendingUpdate) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return errClosed
	}
	b.queue <- u
	return nil
}

// close lets the updates that were accepted finish.
func (b *boltIndex) close() error {
	b.mu.Lock()
	already := b.closed
	b.closed = true
	if !already {
		close(b.queue)
	}
	b.mu.Unlock()
	<-b.stopped
	if already {
		return nil
	}
	return b.db.Close()
}

// write is the one writer.
func (b *boltIndex) write() {
	defer close(b.stopped)
	for u := range b.queue {
		b.commit(b.gather(u))
	}
}

// gather takes what else waits already.
func (b *boltIndex) gather(first *pendingUpdate) []*pendingUpdate {
	batch := []*pendingUpdate{first}
	for len(batch) < commitBatch {
		select {
		case u, open := <-b.queue:
			if !open {
				return batch
			}
			batch = append(batch, u)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction. An update that refuses before it
// wrote anything leaves the others alone; one that fails after it wrote spoils
// the transaction, and the others are run again without it.
func (b *boltIndex) commit(batch []*pendingUpdate) {
	for len(batch) > 0 {
		results := make([]error, len(batch))
		spoiler := -1
		err := b.db.Update(func(tx *bbolt.Tx) error {
			t := newBoltTxn(tx)
			for i, u := range batch {
				t.dirty = false
				results[i] = u.fn(t)
				if results[i] != nil && t.dirty {
					spoiler = i
					return results[i]
				}
			}
			return nil
		})
		if spoiler >= 0 {
			batch[spoiler].done <- results[spoiler]
			batch = append(batch[:spoiler:spoiler], batch[spoiler+1:]...)
			continue
		}
		for i, u := range batch {
			if err != nil && results[i] == nil {
				results[i] = fmt.Errorf("commit of the index: %w", err)
			}
			u.done <- results[i]
		}
		return
	}
}

// boltTxn is a txn over a bbolt transaction.
type boltTxn struct {
	tables [tableCount]*bbolt.Bucket
	dirty  bool // something was written since it was last set false
}

func newBoltTxn(tx *bbolt.Tx) *boltTxn {
	t := &boltTxn{}
	for i, name := range tableNames {
		t.tables[i] = tx.Bucket([]byte(name))
	}
	return t
}

func (t *boltTxn) get(tb table, key []byte) []byte { return t.tables[tb].Get(key) }

func (t *boltTxn) put(tb table, key, value []byte) error {
	t.dirty = true
	return t.tables[tb].Put(key, value)
}

func (t *boltTxn) del(tb table, key []byte) error {
	t.dirty = true
	return t.tables[tb].Delete(key)
}

func (t *boltTxn) seek(tb table, key []byte) cursor {
	c := &boltCursor{c: t.tables[tb].Cursor()}
	c.seek(key)
	return c
}

type boltCursor struct {
	c    *bbolt.Cursor
	k, v []byte
}

func (c *boltCursor) key() []byte     { return c.k }
func (c *boltCursor) value() []byte   { return c.v }
func (c *boltCursor) next()           { c.k, c.v = c.c.Next() }
func (c *boltCursor) seek(key []byte) { c.k, c.v = c.c.Seek(key) }
