package cache

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

func TestCut(t *testing.T) {
	page := func(next string, keys ...string) cosapi.Page {
		p := cosapi.Page{Next: next}
		for _, key := range keys {
			p.Entries = append(p.Entries, cosapi.Entry{Object: cosapi.Object{Version: cosapi.Version{Key: key, ETag: "e"}, Listed: true}})
		}
		return p
	}
	for _, tc := range []struct {
		name, root, inside string
		page               cosapi.Page
		pieces             []string
		hidden             []string
	}{
		{"an empty last page ends all", "t", "t/a/b", page(""), []string{"t [] end", "t/a [] end", "t/a/b [] end"}, nil},
		{
			"a directory sorts behind names that begin like it", "", "", page("d/x", "d", "d-1/x", "d/", "d/x"),
			[]string{"[d-1/ d/] at d/", "d-1 [x] begin end", "d [x] begin marker at x inner"}, []string{"d"},
		},
		{
			"it goes on where it was", "t", "t/a/b", page("t/a/c/e", "t/a/b/z", "t/a/c/d", "t/a/c/e"),
			[]string{"t [] at a/", "t/a [c/] at c/", "t/a/b [z] end", "t/a/c [d e] begin at e inner"}, nil,
		},
		{
			"what is no name is hidden once", "t", "t", page("t/a//z", "t/./x", "t/a//x", "t/a//y", "t/a//z"),
			[]string{"t [a/] at a/", "t/a [] begin at /"}, []string{"t/./", "t/a//"},
		},
		{"foreign keys", "t", "t", page("", "s", "t/a"), []string{"t [a] end"}, []string{"s"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pieces, hidden := cut(tc.page, tc.root, tc.inside)
			var got []string
			for i := range pieces {
				got = append(got, describePiece(&pieces[i]))
			}
			require.Equal(t, tc.pieces, got)
			require.Equal(t, tc.hidden, hidden)
		})
	}
}

func describePiece(p *piece) string {
	bases := []string{}
	for _, r := range p.rows {
		bases = append(bases, r.key[r.skip:])
	}
	s := strings.TrimSpace(fmt.Sprint(p.dir, " ", bases))
	for _, part := range []struct {
		on   bool
		text string
	}{{p.begins, " begin"}, {p.marker != nil, " marker"}, {p.ends, " end"}, {!p.ends, " at " + p.last}, {p.inner, " inner"}} {
		if part.on {
			s += part.text
		}
	}
	return s
}

func TestNextDir(t *testing.T) {
	var s rowSet
	for _, base := range []string{"a", "d", "d-1", "d-1-x", "d.x", "e", "z"} {
		s.put(row{key: base + "/", dir: true})
	}
	for _, file := range []string{"b", "dd", "y"} {
		s.put(row{key: file})
	}
	order := []string{"a", "d-1-x", "d-1", "d.x", "d", "e", "z", ""}
	last := ""
	for _, want := range order {
		require.Equal(t, want, s.nextDir(last), "behind %q", last)
		last = want + "/\U0010FFFF"
	}
	require.Equal(t, "d-1-x", s.nextDir("b"))
	require.Equal(t, "d", s.nextDir("d.y"))
}

func TestWalksOfDeepAndLongNames(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat(strings.Repeat("n", 200)+"/", 4), "/") // 803 bytes
	keys := []string{"t/a/x", "t/b/" + strings.Repeat("k/", 3*maxWalkDepth) + "x", "t/c/x"}
	for _, c := range "abcdef" {
		keys = append(keys, long+"/"+strings.Repeat(string(c), 42)+"/x") // a marker before it would be too long
	}
	want := treeOf(toSet(keys))
	b := newFakeBucket(keys...)
	n := newTestNames(t, b)
	seen := 0
	depthFirst("")(func(dir string) []Row {
		rows := readAll(t, n, dir)
		require.Len(t, rows, len(want[dir]), dir)
		seen++
		return rows
	})
	require.Len(t, want, seen)
}

func toSet(keys []string) map[string]bool {
	set := map[string]bool{}
	for _, key := range keys {
		set[key] = true
	}
	return set
}
