package cache

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"cosfs/cosapi"
)

// lazySync: files up to this size, in bytes, are synced some at a time after
// they came, like adopted ones. A sync each would cost more than its GET.
const lazySync = 1 << 20

// claimFinishLocked says once that the blob is whole and needs finish.
func (b *blob) claimFinishLocked() bool {
	if b.complete || b.verified || b.finished != nil || !b.wholeLocked() || len(b.fetches) > 0 {
		return false
	}
	b.finished = make(chan struct{})
	return true
}

// finish verifies a whole blob and gives its file the final name. The caller
// has claimed it and holds a pin.
func (b *blob) finish() {
	b.mu.Lock()
	got := view{store: b.store, gen: b.gen.Load()}
	v, want, check := b.v, b.crc, b.hasCRC
	b.mu.Unlock()

	var bad error
	var sum uint64
	var blocks []uint32
	err := error(os.ErrClosed)
	if got.store != nil {
		sum, blocks, err = b.checksum(got)
	}
	if err == nil && check && sum != want {
		bad = &cosapi.Error{Op: "GetObject", Key: v.Key, Kind: cosapi.Corrupt,
			Message: fmt.Sprintf("the CRC64 of what came is %d, COS has %d", sum, want)}
	}
	if err == nil && bad == nil && b.size > lazySync {
		got.store.seal(encodeSeal(b.size, foldSums(b.size, blocks)))
		err = got.store.sync()
	}
	t, done, err := b.conclude(got, bad, err)
	t.empty(b.c)
	switch {
	case bad != nil:
		b.c.cfg.Log.Warn("an object arrived with wrong bytes; what the cache had of it is dropped", "key", v.Key, "error", bad)
		b.c.tell(Event{Kind: Corrupted, Version: v, Err: bad})
	case err != nil && !errors.Is(err, errRetry):
		b.c.diskFailed(v, err)
	case done:
		b.c.diskDown.Store(false)
		b.c.tell(Event{Kind: Completed, Version: v, Bytes: b.size})
	}
}

// checksum combines the checksums of the blocks to COS's of the whole, and
// gives those for the seal; blocks that came in pieces are read back.
func (b *blob) checksum(got view) (whole uint64, blocks []uint32, err error) {
	chunk := b.c.chunks.Get().(*[chunkSize]byte)
	defer b.c.chunks.Put(chunk)
	for block := range b.blocks() {
		s := span{block * BlockSize, min((block+1)*BlockSize, b.size)}
		sum, known, err := b.blockSum(got, block)
		if err == nil && !known {
			sum, err = sumOf(got.store, s, chunk[:])
		}
		if err != nil {
			return 0, nil, err
		}
		whole = cosapi.CombineCRC64(whole, sum.cos, s.len())
		blocks = append(blocks, sum.rest)
	}
	return whole, blocks, nil
}

func (b *blob) blockSum(got view, block int64) (sum blockSum, known bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gen.Load() != got.gen {
		return sum, false, errRetry
	}
	if b.known == nil {
		return sum, false, nil
	}
	return b.sums[block], b.known.has(block), nil
}

func sumOf(r io.ReaderAt, s span, chunk []byte) (blockSum, error) {
	cos, rest := cosapi.NewCRC64(), crc32.New(castagnoli)
	_, err := io.CopyBuffer(io.MultiWriter(cos, rest), io.NewSectionReader(r, s.off, s.len()), chunk)
	return blockSum{cos.Sum64(), rest.Sum32()}, err
}

// conclude commits what finish found, unless the blob has changed meanwhile.
func (b *blob) conclude(got view, bad, err error) (t trash, done bool, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() {
		close(b.finished)
		b.finished = nil
	}()
	switch {
	case b.gen.Load() != got.gen || b.store == nil:
		return trash{}, false, errRetry
	case bad != nil:
		return b.spoilLocked(bad), false, nil
	case err != nil && b.pool == &b.c.disk:
		return b.spillLocked(), false, err
	}
	b.verified = true
	if b.pool != &b.c.disk {
		return trash{}, false, nil
	}
	t, err = b.promoteLocked()
	return t, err == nil && b.complete, err
}

// promoteLocked gives the file its final name, a small one that of this boot,
// and goes on with a descriptor that cannot write. When that fails the blob stays whole and
// readable; it just does not survive a remount.
func (b *blob) promoteLocked() (trash, error) {
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	if b.gone {
		return trash{}, nil
	}
	st, err := openDisk(b.path, b.size)
	if err != nil {
		return trash{}, err
	}
	name := b.c.dir.final(b.id)
	if b.size <= lazySync {
		name = b.c.dir.fresh(b.id)
	}
	if err := renameToFanOut(b.path, name); err != nil {
		return trash{store: st}, err
	}
	old := b.store
	b.gen.Add(1)
	b.store, b.path, b.complete = st, name, true
	b.present, b.known, b.sums = nil, nil, nil
	if b.size <= lazySync {
		b.c.queueLocked(b)
	}
	return trash{store: old}, nil
}

// emptyLocked completes a version of no bytes, which needs no fetch.
func (b *blob) emptyLocked() {
	b.verified = true
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	if b.pool != &b.c.disk || b.gone {
		return
	}
	final := b.c.dir.final(b.id)
	f, err := openInFanOut(final, os.O_RDONLY|os.O_CREATE)
	if err != nil {
		return // readable all the same
	}
	b.store, b.path, b.complete = diskStore{f}, final, true
}

// spoilLocked drops bytes that turned out wrong. They are fetched again once;
// the second time the blob is given up, and the next opener gets a new one.
func (b *blob) spoilLocked(err error) trash {
	t := b.resetLocked()
	b.spoiled++
	if b.spoiled > 1 {
		b.refused = err
		b.c.mu.Lock()
		defer b.c.mu.Unlock()
		b.c.orphanLocked(b)
	}
	return t
}

// spillLocked goes on without the disk.
func (b *blob) spillLocked() trash {
	if b.pool == &b.c.memory {
		return trash{}
	}
	t := b.resetLocked()
	b.c.mu.Lock()
	defer b.c.mu.Unlock()
	b.pool = &b.c.memory
	return t
}

// unreadable handles a failed read of the store: the bytes are dropped and
// fetched again, the second time without the disk. An error is returned when
// there is nothing to fall back to.
func (b *blob) unreadable(got view, err error) error {
	t, v, dropped := b.abandon(got, err)
	t.empty(b.c)
	if !dropped {
		return err
	}
	if v != (cosapi.Version{}) {
		b.c.cfg.Log.Warn("a cache file cannot be read; its object is fetched again", "key", v.Key, "error", err)
		b.c.tell(Event{Kind: Corrupted, Version: v, Err: err})
	}
	return nil
}

// abandon drops the bytes, if they are still those of got; v is zero if
// somebody else has done so.
func (b *blob) abandon(got view, err error) (t trash, v cosapi.Version, dropped bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.gen.Load() != got.gen:
		return trash{}, v, true
	case b.taken, b.pool != &b.c.disk, errors.Is(err, os.ErrClosed):
		return trash{}, v, false // the file is not ours any more, or there is no other place
	}
	b.unread++
	if b.unread > 1 {
		return b.spillLocked(), b.v, true
	}
	return b.resetLocked(), b.v, true
}

// diskFailed reports that a version is kept in memory, once until the disk
// works again.
func (c *Cache) diskFailed(v cosapi.Version, err error) {
	if !c.diskDown.Swap(true) {
		c.cfg.Log.Error("the cache directory cannot be written; reading goes on without it, more slowly. Free space on it, or choose another with --cache-dir",
			"dir", c.cfg.Dir, "error", err)
	}
	c.tell(Event{Kind: DiskFailed, Version: v, Err: err})
}
