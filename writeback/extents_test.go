package writeback

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExtentsAdd(t *testing.T) {
	for _, c := range []struct {
		name     string
		set      Extents
		off, end int64
		want     Extents
	}{
		{"into nothing", nil, 3, 5, Extents{{3, 5}}},
		{"nothing", Extents{{3, 5}}, 4, 4, Extents{{3, 5}}},
		{"append", Extents{{0, 4}}, 4, 8, Extents{{0, 8}}},
		{"append with a gap", Extents{{0, 4}}, 6, 8, Extents{{0, 4}, {6, 8}}},
		{"before", Extents{{6, 8}}, 0, 4, Extents{{0, 4}, {6, 8}}},
		{"touching on the right", Extents{{6, 8}}, 4, 6, Extents{{4, 8}}},
		{"inside", Extents{{0, 9}}, 4, 6, Extents{{0, 9}}},
		{"bridge", Extents{{0, 4}, {6, 8}}, 4, 6, Extents{{0, 8}}},
		{"swallow", Extents{{1, 2}, {3, 4}, {5, 6}, {9, 10}}, 0, 7, Extents{{0, 7}, {9, 10}}},
		{"overlap both", Extents{{0, 4}, {6, 9}, {12, 13}}, 3, 7, Extents{{0, 9}, {12, 13}}},
		{"between", Extents{{0, 1}, {8, 9}}, 4, 5, Extents{{0, 1}, {4, 5}, {8, 9}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := c.set.Clone()
			x.Add(c.off, c.end)
			require.Equal(t, c.want, x)
		})
	}
}

func TestExtentsCut(t *testing.T) {
	for _, c := range []struct {
		name     string
		set      Extents
		off, end int64
		want     Extents
	}{
		{"from nothing", nil, 3, 5, Extents{}},
		{"middle", Extents{{0, 9}}, 3, 5, Extents{{0, 3}, {5, 9}}},
		{"head", Extents{{2, 9}}, 0, 5, Extents{{5, 9}}},
		{"tail", Extents{{2, 9}}, 5, 1 << 62, Extents{{2, 5}}},
		{"all", Extents{{2, 9}, {11, 12}}, 0, 20, Extents{}},
		{"across", Extents{{0, 4}, {5, 6}, {7, 10}}, 2, 8, Extents{{0, 2}, {8, 10}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := c.set.Clone()
			x.Cut(c.off, c.end)
			require.ElementsMatch(t, c.want, x)
			require.True(t, x.valid(1<<62))
		})
	}
}

// bits is the set as a slice of booleans: the model.
type bits [256]bool

func (b *bits) set(off, end int64, to bool) {
	for i := off; i < end; i++ {
		b[i] = to
	}
}

// ranges are the maximal runs of have in [off, end).
func (b *bits) ranges(off, end int64, have bool) (out Extents) {
	for i := off; i < end; i++ {
		if b[i] == have {
			out.Add(i, i+1)
		}
	}
	return out
}

// checkExtents runs operations, three bytes each, on a set and on the model.
func checkExtents(t *testing.T, ops []byte) {
	var x Extents
	var model bits
	for ; len(ops) >= 3; ops = ops[3:] {
		off, end := int64(ops[1]), int64(ops[2])
		switch ops[0] % 4 {
		case 0, 1:
			x.Add(off, end)
			model.set(off, end, true)
		case 2:
			x.Cut(off, end)
			model.set(off, end, false)
		case 3: // only asks, below
		}
		require.True(t, x.valid(256), "%v", x)
		require.Equal(t, model.ranges(off, end, true), x.Within(off, end))
		require.Equal(t, model.ranges(off, end, false), x.Missing(off, end))
		require.Equal(t, len(model.ranges(off, end, false)) == 0, x.Covers(off, end))
		require.Equal(t, len(model.ranges(off, end, true)) > 0, x.Meets(off, end))
	}
	all := model.ranges(0, 256, true)
	require.ElementsMatch(t, all, x)
	require.Equal(t, all.Bytes(), x.Bytes())
	require.Equal(t, all.End(), x.End())
}

func TestExtentsAgainstModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		ops := make([]byte, 300)
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		checkExtents(t, ops)
	}
}

func FuzzExtents(f *testing.F) {
	f.Add([]byte{0, 1, 9, 2, 3, 5, 0, 4, 200})
	f.Fuzz(checkExtents)
}

func TestExtentsCloneSharesNothing(t *testing.T) {
	x := Extents{{0, 4}, {6, 8}}
	y := x.Clone()
	y.Add(4, 6)
	require.Equal(t, Extents{{0, 4}, {6, 8}}, x)
}
