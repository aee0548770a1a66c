package cache

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// plan runs reads through a fresh readahead and gives what each asks for.
func plan(size int64, reads ...span) (asked []span) {
	r := readahead{window: maxWindow}
	for _, s := range reads {
		asked = append(asked, r.read(s, size))
	}
	return asked
}

func at(off, n int64) span { return span{off, off + n} }

func TestReadaheadPlans(t *testing.T) {
	const kib, big = 1 << 10, 10 << 30
	for name, c := range map[string]struct {
		size  int64
		reads []span
		last  span
	}{
		"a small file at once":       {5*mib + 1, []span{at(0, 4*kib)}, span{0, 5*mib + 1}},
		"a small file, out of order": {5 * mib, []span{at(128*kib, 128*kib)}, span{0, 5 * mib}},
		"first byte of a big file":   {big, []span{at(0, 1)}, span{0, mib}},
		"first read is long":         {big, []span{at(0, 3*mib)}, span{0, 3 * mib}},
		"second in sequence":         {big, []span{at(0, 128*kib), at(128*kib, 128*kib)}, span{128 * kib, 4 * mib}},
		"random":                     {big, []span{at(700*mib+5, 4*kib)}, span{700 * mib, 700*mib + 128*kib}},
		"random over a boundary":     {big, []span{at(700*mib-5, 10)}, span{700*mib - 128*kib, 700*mib + 128*kib}},
		"random near the end":        {big + 7, []span{at(big, 7)}, span{big, big + 7}},
		"backward":                   {big, []span{at(9*mib, 128*kib), at(8*mib, 128*kib)}, span{8 * mib, 8*mib + 128*kib}},
		"sequential from the middle": {big, []span{at(512*mib, 128*kib), at(512*mib+128*kib, 128*kib)},
			span{512*mib + 128*kib, 515 * mib}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := plan(c.size, c.reads...)
			require.Equal(t, c.last, asked[len(asked)-1])
		})
	}
}

// TestReadaheadBudget runs whole sequential reads: the GETs for what is asked
// for beyond what was asked for before stay within the budget, every read is
// covered, and nothing is asked for further ahead than allowed.
func TestReadaheadBudget(t *testing.T) {
	for _, size := range []int64{8*mib + 1, 9 * mib, 64 * mib, 100*mib + 4097, 1 << 30} {
		for _, step := range []int64{60_000, 128 << 10, 1 << 20} {
			r := readahead{window: maxWindow}
			var gets, ahead, furthest int64
			for off := int64(0); off < size; off += step {
				s := span{off, min(off+step, size)}
				want := r.read(s, size)
				if want.off > s.off || want.end < s.end {
					t.Fatalf("a read of %v asks for %v", s, want)
				}
				furthest = max(furthest, want.end-s.end)
				if want.end > ahead {
					gets += ceilDiv(want.end-ahead, maxGet)
					ahead = want.end
				}
			}
			require.LessOrEqual(t, gets, ceilDiv(size, maxGet)+2, "size %d, step %d", size, step)
			require.LessOrEqual(t, furthest, int64(maxWindow+maxGet))
		}
	}
}

func TestReadaheadToleratesDisorder(t *testing.T) {
	r := readahead{window: maxWindow}
	const step = 128 << 10
	order := []int64{1, 0, 2, 4, 3, 5, 7, 6}
	for _, i := range order {
		r.read(at(i*step, step), 1<<30)
	}
	used := 0
	for _, st := range r.streams {
		if st.run > 0 {
			used++
		}
	}
	require.Equal(t, 1, used, "one reader, not several")
}

func TestReadaheadKeeps(t *testing.T) {
	r := readahead{window: maxWindow}
	r.read(at(0, 128<<10), 1<<30)
	require.True(t, r.keeps(at(0, BlockSize)))
	require.False(t, r.keeps(at(8*mib, BlockSize)))
	for off := int64(128 << 10); off < 30*mib; off += 128 << 10 {
		r.read(at(off, 128<<10), 1<<30)
	}
	require.False(t, r.keeps(at(0, BlockSize)), "far behind")
	require.True(t, r.keeps(at(31*mib, BlockSize)))
}

func TestBitmap(t *testing.T) {
	b := newBitmap(130)
	require.Len(t, b, 3)
	for _, i := range []int64{0, 63, 64, 129} {
		require.False(t, b.has(i))
		b.set(i)
		require.True(t, b.has(i))
	}
	require.EqualValues(t, 4, b.count())
	b.clear(64)
	require.False(t, b.has(64))
	require.EqualValues(t, 3, b.count())
}
