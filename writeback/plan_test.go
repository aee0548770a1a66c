package writeback

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

const mib = 1 << 20

func sends(sizes ...int64) (parts []planPart) {
	var off int64
	for i, n := range sizes {
		parts = append(parts, planPart{Number: i + 1, Off: off, Len: n})
		off += n
	}
	return parts
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name string
		c    content
		want []planPart
	}{
		{"empty", content{}, nil},
		{"new, less than a part", content{size: 5}, sends(5)},
		{"new, whole parts", content{size: 16 * mib}, sends(8*mib, 8*mib)},
		{"new, a byte more", content{size: 16*mib + 1}, sends(8*mib, 8*mib, 1)},
		{"untouched", content{size: 20 * mib, base: 20 * mib}, []planPart{{1, 0, 20 * mib, true}}},
		{"untouched and odd", content{size: 20*mib + 7, base: 20*mib + 7}, []planPart{{1, 0, 20*mib + 7, true}}},
		{"a change in the middle", content{size: 1 << 30, base: 1 << 30, fresh: Extents{{100 * mib, 101 * mib}}},
			[]planPart{{1, 0, 100 * mib, true}, {2, 100 * mib, mib, false}, {3, 101 * mib, 1<<30 - 101*mib, true}}},
		{"an append", content{size: 1<<30 + 5, base: 1 << 30, fresh: Extents{{1 << 30, 1<<30 + mib}}},
			[]planPart{{1, 0, 1 << 30, true}, {2, 1 << 30, 5, false}}},
		{"an append to an odd end", content{size: 30*mib + 9, base: 29*mib + 5, fresh: Extents{{29 * mib, 31 * mib}}},
			[]planPart{{1, 0, 29 * mib, true}, {2, 29 * mib, mib + 9, false}}},
		{"a change at the start", content{size: 9 * mib, base: 9 * mib, fresh: Extents{{0, mib}}},
			[]planPart{{1, 0, mib, false}, {2, mib, 8 * mib, true}}},
		{"a short untouched tail is sent", content{size: 9*mib + 5, base: 9*mib + 5, fresh: Extents{{8 * mib, 9 * mib}}},
			[]planPart{{1, 0, 8 * mib, true}, {2, 8 * mib, mib + 5, false}}},
		{"truncated", content{size: 9*mib + 5, base: 9*mib + 5, fresh: Extents{{9 * mib, 40 * mib}}},
			[]planPart{{1, 0, 9 * mib, true}, {2, 9 * mib, 5, false}}},
		{"changed all over", content{size: 20 * mib, base: 20 * mib, fresh: Extents{{0, 20 * mib}}}, sends(8*mib, 8*mib, 4*mib)},
		{"copies of more than 5 GiB", content{size: 5<<30 + 5, base: 5<<30 + 5},
			[]planPart{{1, 0, 5<<30 - mib, true}, {2, 5<<30 - mib, mib + 5, true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := plan(c.c, 8*mib)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			checkPlan(t, c.c, got)
		})
	}
}

// The largest object needs fewer than 10,000 parts of at most 5 GiB; a small
// change in it does not send all of it.
func TestPlanOfTheLargestObjects(t *testing.T) {
	for _, c := range []struct {
		name     string
		c        content
		maxSent  int64
		maxParts int
	}{
		{"48.82 TB, new", content{size: maxSize}, maxSize, 10000},
		{"48.82 TB, 4 KiB changed", content{size: maxSize, base: maxSize, fresh: Extents{{1 << 40, 1<<40 + mib}}}, 2 * mib, 10000},
		{"80 GiB at the default part", content{size: 80_000 * mib}, 80_000 * mib, 10000},
		{"80 GiB and a byte", content{size: 80_000*mib + 1}, 80_000*mib + 1, 10000},
		{"100,000 changes in 4 TiB", content{size: 4 << 40, base: 4 << 40, fresh: every(4<<40, 42*mib, mib)}, 4 << 40, 10000},
		{"changes in each second MiB of 12 GiB", content{size: 12 << 30, base: 12 << 30, fresh: every(12<<30, 2*mib, mib)}, 12 << 30, 10000},
	} {
		t.Run(c.name, func(t *testing.T) {
			parts, err := plan(c.c, 8*mib)
			require.NoError(t, err)
			checkPlan(t, c.c, parts)
			require.LessOrEqual(t, len(parts), c.maxParts)
			require.LessOrEqual(t, sentBytes(parts), c.maxSent)
		})
	}
	_, err := plan(content{size: maxParts*maxPart + 1}, 8*mib)
	require.ErrorIs(t, err, cosapi.TooLarge)
}

func every(size, step, n int64) (x Extents) {
	for off := int64(0); off < size; off += step {
		x = append(x, Extent{off, off + n})
	}
	return x
}

func sentBytes(parts []planPart) (n int64) {
	for _, p := range parts {
		if !p.Copy {
			n += p.Len
		}
	}
	return n
}

// checkPlan holds a plan to the limits of COS, and to the one property that
// matters: what is copied is what the base has, everything else is sent.
func checkPlan(t *testing.T, c content, parts []planPart) {
	t.Helper()
	var at int64
	for i, p := range parts {
		if p.Number != i+1 || p.Off != at || p.Len <= 0 || p.Len > maxPart || p.Len < minPart && i < len(parts)-1 {
			require.Fail(t, "a part out of bounds", "%+v after %d", p, at)
		}
		if p.Copy && (p.end() > c.base || p.Len < minPart || c.fresh.Meets(p.Off, p.end())) {
			require.Fail(t, "a part that cannot be copied", "%+v", p)
		}
		at = p.end()
	}
	require.Equal(t, c.size, at)
}

// checkApplied applies a plan to a base and compares with the writes.
func checkApplied(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	base := random(r.IntN(6 * mib))
	file := append([]byte(nil), base...)
	baseLen, fresh := int64(len(base)), Extents(nil)
	for range r.IntN(6) {
		off := r.IntN(len(file) + mib)
		if r.IntN(4) == 0 && off < len(file) { // truncate
			file, baseLen = file[:off], min(baseLen, int64(off))
			continue
		}
		p := random(1 + r.IntN(mib))
		from := min(off, len(file))
		if grow := off + len(p) - len(file); grow > 0 {
			file = append(file, make([]byte, grow)...)
			clear(file[from:off])
		}
		copy(file[off:], p)
		fresh.Add(int64(from)/mib*mib, roundUp(int64(off+len(p)), mib))
	}
	c := content{size: int64(len(file)), base: baseLen, fresh: fresh}
	parts, err := plan(c, 2*mib)
	require.NoError(t, err)
	checkPlan(t, c, parts)
	for _, p := range parts {
		if p.Copy {
			require.True(t, bytes.Equal(base[p.Off:p.end()], file[p.Off:p.end()]), "seed %d", seed)
		}
	}
}

func TestPlanAppliedGivesTheWrites(t *testing.T) {
	for seed := range uint64(12) {
		checkApplied(t, seed)
	}
}

func FuzzPlan(f *testing.F) {
	f.Add(int64(20*mib), int64(10*mib), int64(3*mib), int64(4*mib), int64(9*mib), int64(10*mib))
	f.Fuzz(func(t *testing.T, size, base, a, b, c, d int64) {
		for _, n := range []int64{size, base, a, b, c, d} {
			if n < 0 || n > maxSize {
				t.Skip("not an offset in a file")
			}
		}
		var fresh Extents
		fresh.Add(a, b)
		fresh.Add(c, d)
		content := content{size: size, base: min(base, size), fresh: fresh}
		parts, err := plan(content, 8*mib)
		require.NoError(t, err)
		checkPlan(t, content, parts)
		require.LessOrEqual(t, len(parts), maxParts)
	})
}
