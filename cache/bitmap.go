package cache

import "math/bits"

// BlockSize is the unit of checksums and of eviction inside a file, in bytes.
const BlockSize = 1 << 20

// unitSize is the unit of presence, in bytes: what a small random read
// fetches. A block is a whole number of units.
const unitSize = 128 << 10

// bitmap is a set of small integers.
type bitmap []uint64

func newBitmap(n int64) bitmap { return make(bitmap, (n+63)/64) }

func (b bitmap) has(i int64) bool { return b[i/64]&(1<<(i%64)) != 0 }
func (b bitmap) set(i int64)      { b[i/64] |= 1 << (i % 64) }
func (b bitmap) clear(i int64)    { b[i/64] &^= 1 << (i % 64) }

func (b bitmap) count() (n int64) {
	for _, w := range b {
		n += int64(bits.OnesCount64(w))
	}
	return n
}

// span is the bytes [off, end) of an object.
type span struct{ off, end int64 }

func (s span) len() int64           { return s.end - s.off }
func (s span) overlaps(t span) bool { return s.off < t.end && t.off < s.end }

func ceilDiv(n, by int64) int64   { return (n + by - 1) / by }
func alignDown(n, to int64) int64 { return n - n%to }
func alignUp(n, to int64) int64   { return ceilDiv(n, to) * to }
