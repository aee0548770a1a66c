package cosserver

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// store gives the index and the blobs the meaning of COS. Every operation is
// one transaction of the index, so it happens wholly or not at all, whatever
// runs beside it and wherever the process dies.
type store struct {
	index index
	blobs blobs
	now   func() time.Time
	log   *slog.Logger

	// mu guards the fields below. It is innermost: nothing is called under it
	// but blobs.remove.
	mu     sync.Mutex
	pinned map[string]int      // blobs being read, by number of readers
	doomed map[string]struct{} // pinned blobs to remove when the last reader goes
	reaped []string            // removed blobs whose line in tableTrash is still there
}

func newStore(ix index, bl blobs, now func() time.Time, log *slog.Logger) *store {
	return &store{index: ix, blobs: bl, now: now, log: log, pinned: map[string]int{}, doomed: map[string]struct{}{}}
}

func newMemoryStore(now func() time.Time, log *slog.Logger) *store {
	return newStore(newMemoryIndex(), newMemoryBlobs(), now, log)
}

const indexFile = "index.db"

// openDirStore opens or makes the store under root and finishes what a crash
// left unfinished.
func openDirStore(root string, sync Sync, now func() time.Time, log *slog.Logger) (*store, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("object store: %w", err)
	}
	ix, err := openBoltIndex(filepath.Join(root, indexFile), sync != SyncNone)
	if err != nil {
		return nil, fmt.Errorf("object store: %w", err)
	}
	bl, err := openDirBlobs(root, sync == SyncAll)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("object store: %w", err), ix.close())
	}
	st := newStore(ix, bl, now, log)
	if err := st.recover(); err != nil {
		return nil, errors.Join(fmt.Errorf("object store %s: %w", root, err), ix.close())
	}
	return st, nil
}

func (st *store) close() error { return st.index.close() }

// recover settles blobs that were committed, removes those that never were,
// and removes those that the index gave up. It looks only at blobs that were
// on their way when the process ended.
func (st *store) recover() error {
	ids, err := st.blobs.unsettled()
	if err != nil {
		return err
	}
	var committed, orphans, trash []string
	err = st.index.view(func(tx txn) error {
		for _, id := range ids {
			if tx.get(tableBlobs, []byte(id)) != nil {
				committed = append(committed, id)
			} else {
				orphans = append(orphans, id)
			}
		}
		for c := tx.seek(tableTrash, nil); c.key() != nil; c.next() {
			trash = append(trash, string(c.key()))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range committed {
		if err := st.blobs.settle(id); err != nil {
			return err
		}
	}
	st.reap(trash)
	for _, id := range orphans {
		if err := st.blobs.remove(id); err != nil {
			return err
		}
	}
	if len(ids)+len(trash) > 0 {
		st.log.Info("object store recovered", "settled", len(committed), "orphans", len(orphans), "removed", len(trash))
	}
	return nil
}

// change is a transaction with the references to blobs that it drops and takes.
type change struct {
	txn
	retained []string // blobs that were not in the index before
	released []string // blobs that nothing refers to any more
}

// update runs fn as one transaction and then brings the blobs in line with it.
func (st *store) update(fn func(*change) error) error {
	done := st.takeReaped()
	var c *change
	err := st.index.update(func(tx txn) error {
		c = &change{txn: tx}
		if err := fn(c); err != nil {
			return err
		}
		for _, id := range done {
			if err := tx.del(tableTrash, []byte(id)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		st.giveReaped(done)
		return err
	}
	for _, id := range c.retained {
		if err := st.blobs.settle(id); err != nil {
			st.log.Error("blob keeps its temporary name", "blob", id, "err", err)
		}
	}
	st.reap(c.released)
	return nil
}

func (st *store) takeReaped() []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	done := st.reaped
	st.reaped = nil
	return done
}

func (st *store) giveReaped(ids []string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.reaped = append(st.reaped, ids...)
}

// reap removes blobs that the index no longer refers to, those being read
// when their last reader goes.
func (st *store) reap(ids []string) {
	if len(ids) == 0 {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, id := range ids {
		if st.pinned[id] > 0 {
			st.doomed[id] = struct{}{}
		} else {
			st.removeLocked(id)
		}
	}
}

// removeLocked needs mu. A blob that cannot be removed stays in the trash and
// is tried again when the store is next opened.
func (st *store) removeLocked(id string) {
	if err := st.blobs.remove(id); err != nil {
		st.log.Error("blob not removed", "blob", id, "err", err)
		return
	}
	st.reaped = append(st.reaped, id)
}

// pin keeps the blobs of segs readable until the release func is called,
// provided that current still holds when they are pinned: whoever drops the
// reference later finds the pin.
func (st *store) pin(segs []segment, current func() (bool, error)) (release func(), ok bool, err error) {
	st.mu.Lock()
	for _, s := range segs {
		st.pinned[s.Blob]++
	}
	st.mu.Unlock()
	release = func() { st.unpin(segs) }
	if ok, err = current(); !ok || err != nil {
		release()
		return nil, false, err
	}
	return release, true, nil
}

func (st *store) unpin(segs []segment) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, s := range segs {
		st.pinned[s.Blob]--
		if st.pinned[s.Blob] > 0 {
			continue
		}
		delete(st.pinned, s.Blob)
		if _, doomed := st.doomed[s.Blob]; doomed {
			delete(st.doomed, s.Blob)
			st.removeLocked(s.Blob)
		}
	}
}

// retain counts one more reference to each segment's blob.
func (c *change) retain(segs []segment) error {
	for _, s := range segs {
		n, known := c.references(s.Blob)
		if !known {
			c.retained = append(c.retained, s.Blob)
		}
		if err := c.put(tableBlobs, []byte(s.Blob), binary.AppendUvarint(nil, n+1)); err != nil {
			return err
		}
	}
	return nil
}

// release counts one reference less. A blob without references moves to the
// trash in the same transaction, so that no crash can lose track of its file.
func (c *change) release(segs []segment) error {
	for _, s := range segs {
		if n, _ := c.references(s.Blob); n > 1 {
			if err := c.put(tableBlobs, []byte(s.Blob), binary.AppendUvarint(nil, n-1)); err != nil {
				return err
			}
			continue
		}
		if err := c.del(tableBlobs, []byte(s.Blob)); err != nil {
			return err
		}
		if err := c.put(tableTrash, []byte(s.Blob), []byte{}); err != nil {
			return err
		}
		c.released = append(c.released, s.Blob)
		c.retained = slices.DeleteFunc(c.retained, func(id string) bool { return id == s.Blob })
	}
	return nil
}

func (c *change) references(id string) (n uint64, known bool) {
	b := c.get(tableBlobs, []byte(id))
	if b == nil {
		return 0, false
	}
	n, _ = binary.Uvarint(b)
	return n, true
}

// putJSON stores v; the records that are not listed by the thousand are JSON.
func putJSON(tx txn, t table, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.put(t, key, b)
}
