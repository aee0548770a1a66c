package cache

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func fileRow(base string, size int64) row { return row{key: "d/" + base, skip: 2, size: size} }

// A rowSet does what a sorted map would do.
func TestRowSetAgainstAMap(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	var s rowSet
	model := map[string]int64{}
	name := func() string { return fmt.Sprintf("%05d", r.IntN(9000)) }
	check := func() {
		want := slices.Sorted(maps.Keys(model))
		got, more := s.page("", "", len(want)+1)
		require.False(t, more)
		require.Equal(t, len(want), s.count)
		for i := range want {
			require.Equal(t, fileRow(want[i], model[want[i]]), got[i])
		}
		for _, c := range s.chunks {
			require.NotEmpty(t, c)
			require.LessOrEqual(t, len(c), chunkRows)
		}
		from, end := name(), name()
		if from > end {
			from, end = end, from
		}
		wanted := slices.DeleteFunc(slices.Clone(want), func(b string) bool { return b <= from || b >= end })
		limit := 1 + r.IntN(3000)
		page, more := s.page(from, end, limit)
		require.Len(t, page, min(limit, len(wanted)))
		require.Equal(t, len(wanted) > limit, more)
		for i := range page {
			require.Equal(t, wanted[i], page[i].base())
		}
		i, _ := slices.BinarySearch(want, from)
		require.Equal(t, len(want)-i, s.from(from))
	}
	for range 30 {
		switch r.IntN(3) {
		case 0:
			page := map[string]int64{}
			for range 1000 {
				page[name()] = r.Int64()
			}
			var rows []row
			for _, base := range slices.Sorted(maps.Keys(page)) {
				rows = append(rows, fileRow(base, page[base]))
			}
			s.add(rows)
			maps.Copy(model, page)
		case 1:
			for range 1500 {
				base := name()
				s.put(fileRow(base, 1))
				model[base] = 1
			}
		default:
			for range 2500 {
				base := name()
				s.drop(base)
				delete(model, base)
			}
		}
		check()
	}
	for len(s.chunks) > 0 {
		last := s.shed()
		maps.DeleteFunc(model, func(base string, _ int64) bool { return base <= last })
		check()
	}
}

func TestSlashedAtMost(t *testing.T) {
	all := []string{"a", "a-", "a-/", "a/", "a0", "a0/", "ab", "b", "a-b", "a.", "", "a\xff", "\xff"}
	for _, base := range []string{"a", "a-", "ab", "b", "a0", "\xff"} {
		for _, last := range all {
			require.Equal(t, base+"/" <= last, slashedAtMost(base, last), "%q %q", base, last)
		}
	}
}
