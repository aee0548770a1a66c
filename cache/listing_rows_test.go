package cache

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
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
	// Some names are beginnings of others, and go behind these.
	name := func() string { return strings.TrimSuffix(fmt.Sprintf("%04d-%d", r.IntN(3000), r.IntN(3)), "-0") }
	check := func() {
		want := slices.SortedFunc(maps.Keys(model), InOrder)
		got, more := s.page("", "", true, len(want)+1)
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
		if InOrder(from, end) > 0 {
			from, end = end, from
		}
		wanted := slices.DeleteFunc(slices.Clone(want), func(b string) bool { return InOrder(b, from) <= 0 || InOrder(b, end) > 0 })
		limit := 1 + r.IntN(3000)
		page, more := s.page(from, end+"/", false, limit)
		require.Len(t, page, min(limit, len(wanted)))
		require.Equal(t, len(wanted) > limit, more)
		for i := range page {
			require.Equal(t, wanted[i], page[i].base())
		}
	}
	for range 30 {
		switch r.IntN(3) {
		case 0:
			page := map[string]int64{}
			for range 1000 {
				page[name()] = r.Int64()
			}
			var rows []row
			for _, base := range slices.SortedFunc(maps.Keys(page), InOrder) {
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
		maps.DeleteFunc(model, func(base string, _ int64) bool { return InOrder(base, last) <= 0 })
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

func TestInOrder(t *testing.T) {
	names := []string{"a", "a-", "a-b", "a.", "a0", "ab", "b", "a\xff", "\xff", "-", "0", "a\x01"}
	for _, a := range names {
		require.Negative(t, InOrder("", a))
		require.Positive(t, InOrder(a, ""))
		for _, b := range names {
			require.Equal(t, strings.Compare(a+"/", b+"/"), InOrder(a, b), "%q %q", a, b)
		}
	}
	require.Zero(t, InOrder("", ""))
}
