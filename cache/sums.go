package cache

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"golang.org/x/sys/unix"
)

// A seal is what a complete file is checked by when it is read after a
// remount: CRC32C sums in an extended attribute of the file itself, so that it
// goes where the file goes and is as durable as the file's other metadata.
// CRC32C, because processors compute it some fifteen times as fast as the
// CRC64 of COS: checking must not be what reading waits for.
//
// The attribute is the magic, the CRC32C of what follows it, the length of the
// file and a sum per sealSpan, all little-endian. The sum of a span is taken
// over the sums of its blocks, so nothing is read twice to make it.
const (
	sealAttr  = "user.cosfs.sums"
	sealMagic = "cfs1"
	sealHead  = len(sealMagic) + 4 + 8
	// maxSums keeps the attribute within the 4 KiB that ext4 has for all
	// attributes of a file.
	maxSums = 768
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealSpan is how many bytes of a file one sum stands for: a block, or for
// files over 768 MiB the least double of it that is enough.
func sealSpan(size int64) int64 {
	n := int64(BlockSize)
	for ceilDiv(size, n) > maxSums {
		n *= 2
	}
	return n
}

// foldSums makes the sums of a seal from those of the blocks.
func foldSums(size int64, blocks []uint32) []uint32 {
	per := sealSpan(size) / BlockSize
	sums := make([]uint32, 0, ceilDiv(size, sealSpan(size)))
	for i := int64(0); i < int64(len(blocks)); i += per {
		sums = append(sums, foldSpan(blocks[i:min(i+per, int64(len(blocks)))]))
	}
	return sums
}

func foldSpan(blocks []uint32) (sum uint32) {
	for _, crc := range blocks {
		var raw [4]byte
		binary.LittleEndian.PutUint32(raw[:], crc)
		sum = crc32.Update(sum, castagnoli, raw[:])
	}
	return sum
}

func encodeSeal(size int64, sums []uint32) []byte {
	raw := append(make([]byte, 0, sealHead+4*len(sums)), sealMagic...)
	raw = append(raw, 0, 0, 0, 0)
	raw = binary.LittleEndian.AppendUint64(raw, uint64(size))
	for _, s := range sums {
		raw = binary.LittleEndian.AppendUint32(raw, s)
	}
	at := len(sealMagic)
	binary.LittleEndian.PutUint32(raw[at:], crc32.Checksum(raw[at+4:], castagnoli))
	return raw
}

func decodeSeal(raw []byte, size int64) ([]uint32, error) {
	want := ceilDiv(size, sealSpan(size))
	if int64(len(raw)) != int64(sealHead)+4*want || string(raw[:len(sealMagic)]) != sealMagic {
		return nil, fmt.Errorf("its checksums: %w", errDamaged)
	}
	body := raw[len(sealMagic)+4:]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(raw[len(sealMagic):]) ||
		binary.LittleEndian.Uint64(body) != uint64(size) {
		return nil, fmt.Errorf("its checksums: %w", errDamaged)
	}
	sums := make([]uint32, 0, want)
	for at := 8; at < len(body); at += 4 {
		sums = append(sums, binary.LittleEndian.Uint32(body[at:]))
	}
	return sums, nil
}

// seal writes the attribute. Where the file system has no room or support for
// it, the file is unsealed: it is then believed as it is. A seal of older
// content must not stay.
func (d diskStore) seal(raw []byte) {
	d.control(func(fd int) error {
		if err := unix.Fsetxattr(fd, sealAttr, raw, 0); err != nil {
			return unix.Fremovexattr(fd, sealAttr)
		}
		return nil
	})
}

// sums reads the seal of a file of size bytes; nil without an error if it has
// none.
func (d diskStore) sums(size int64) (sums []uint32, err error) {
	raw := make([]byte, sealHead+4*maxSums+1)
	var n int
	err = d.control(func(fd int) (err error) {
		n, err = unix.Fgetxattr(fd, sealAttr, raw)
		return err
	})
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("its checksums: %w: %w", errDamaged, err)
	}
	return decodeSeal(raw[:n], size)
}

// blockSums reads all of r and gives the CRC32C of each block.
func blockSums(r io.ReaderAt, s span, chunk []byte) ([]uint32, error) {
	sums := make([]uint32, 0, ceilDiv(s.len(), BlockSize))
	for s.off < s.end {
		end := min(alignDown(s.off, BlockSize)+BlockSize, s.end)
		sum := uint32(0)
		for s.off < end {
			p := chunk[:min(int64(len(chunk)), end-s.off)]
			if n, err := r.ReadAt(p, s.off); n < len(p) {
				return nil, err
			}
			sum = crc32.Update(sum, castagnoli, p)
			s.off += int64(len(p))
		}
		sums = append(sums, sum)
	}
	return sums, nil
}

// unprovenLocked says whether s touches spans that have not been checked
// since Open.
func (b *blob) unprovenLocked(s span) bool {
	if b.seal == nil {
		return false
	}
	by := sealSpan(b.size)
	for i := s.off / by; i*by < s.end; i++ {
		if !b.proven.has(i) {
			return true
		}
	}
	return false
}

// prove checks the spans of the file that s touches against the seal. A
// reader that finds them checked by another goes on at once.
func (b *blob) prove(got view, s span) error {
	by := sealSpan(b.size)
	chunk := b.c.chunks.Get().(*[chunkSize]byte)
	defer b.c.chunks.Put(chunk)
	for i := s.off / by; i*by < s.end; i++ {
		want, todo := b.sumToProve(got, i)
		if !todo {
			continue
		}
		if b.c.ctx.Err() != nil {
			return errClosed("check")
		}
		whole := span{i * by, min((i+1)*by, b.size)}
		sums, err := blockSums(got.store, whole, chunk[:])
		if err != nil {
			return err
		}
		if foldSpan(sums) != want {
			return fmt.Errorf("its bytes [%d,%d): %w", whole.off, whole.end, errDamaged)
		}
		b.markProven(got, i)
	}
	return nil
}

func (b *blob) sumToProve(got view, i int64) (want uint32, todo bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gen.Load() != got.gen || b.seal == nil || b.proven.has(i) {
		return 0, false
	}
	return b.seal[i], true
}

func (b *blob) markProven(got view, i int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gen.Load() != got.gen || b.seal == nil {
		return
	}
	b.proven.set(i)
	if b.proven.count() == int64(len(b.seal)) {
		b.unsealLocked()
	}
}

// unsealLocked ends the checking: all is proven, or is not ours to check.
func (b *blob) unsealLocked() { b.unproven, b.seal, b.proven = false, nil, nil }

// loadSealLocked prepares the checking of a file of an earlier mount.
func (b *blob) loadSealLocked(d diskStore) error {
	if !b.unproven {
		return nil
	}
	sums, err := d.sums(b.size)
	if err != nil {
		return err
	}
	if len(sums) == 0 {
		b.unsealLocked()
		return nil
	}
	b.seal = sums
	if b.proven == nil {
		b.proven = newBitmap(int64(len(sums)))
	}
	return nil
}

// proveAll has the whole file checked before its descriptor is given away; a
// large one in the background, and then the answer is no for now.
func (b *blob) proveAll() bool {
	got, busy := b.unprovenView()
	switch {
	case !got.unproven:
		return true
	case b.size <= maxGet:
		return b.proveWhole(got)
	case !busy:
		b.c.background(b, func() { b.proveWhole(got) })
	}
	return false
}

// unprovenView is the file if it is to be checked; busy says that it is being
// checked, and if not, from now on it counts as that.
func (b *blob) unprovenView() (got view, busy bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store == nil || b.seal == nil {
		return view{}, false
	}
	busy, b.proving = b.proving, true
	return view{b.store, b.gen.Load(), true}, busy
}

// proveWhole checks all that is unchecked, and drops bytes that are wrong.
func (b *blob) proveWhole(got view) bool {
	err := b.prove(got, span{0, b.size})
	if err != nil {
		b.unreadable(got, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.proving = false
	return err == nil
}

// proveUnopened is proveAll, at once, of a pinned blob that need not be open.
func (b *blob) proveUnopened() bool {
	b.mu.Lock()
	t, err := b.openLocked()
	b.mu.Unlock()
	t.empty(b.c)
	if err != nil {
		return false
	}
	got, _ := b.unprovenView()
	return !got.unproven || b.proveWhole(got)
}

// background runs a task that has b pinned, few of them at once.
func (c *Cache) background(b *blob, do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	b.refs++ // pinned already, by the caller's Object
	c.startLocked(func() {
		defer b.release()
		if c.finishes.Acquire(c.ctx, 1) == nil {
			do()
			c.finishes.Release(1)
		}
	})
}
