package cache

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

func TestWalkersSeeTheTree(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	for round := range 200 {
		b, keys := randomTree(r)
		tree := treeOf(keys)
		dirs := slices.Sorted(maps.Keys(tree))
		n := newTestNames(t, b, func(c *NamesConfig) {
			if r.IntN(4) == 0 {
				c.Prefix = "d/"
			}
		})
		open := func(dir string) []Row {
			rows := readAll(t, n, dir)
			require.Equal(t, append([]string{}, slices.SortedFunc(maps.Keys(tree[dir]), InOrder)...), bases(rows), "round %d, page %d: %q of %q", round, b.pageMax, dir, keys)
			for _, row := range rows {
				require.Equal(t, tree[dir][row.Base], row.Dir)
				if !row.Dir {
					require.Equal(t, prefixOf(dir)+row.Base, row.Object.Key)
				}
				name, err := n.Lookup(t.Context(), prefixOf(dir)+row.Base)
				require.NoError(t, err)
				require.Equal(t, row.Dir, name.Dir)
			}
			if r.IntN(10) == 0 {
				b.advance(time.Duration(r.IntN(11)) * time.Second)
			}
			return rows
		}
		for _, walk := range []walker{depthFirst(""), breadthFirst(""), erratic(r, dirs)} {
			b.advance(time.Minute)
			walk(open)
		}
		for _, dir := range dirs[1:] {
			name, err := n.Lookup(t.Context(), dir)
			require.NoError(t, err)
			if name.Marker || !name.Object.Listed { // else it is not known
				require.Equal(t, keys[dir+"/"], name.Marker, dir)
			}
		}
		n.Close()
		require.LessOrEqual(t, n.rows, 2*len(keys)*4)
	}
}

// What this mount changes while a walk is under way is seen by it: no page
// that was asked for before brings it back.
func TestWalkersSeeOurOwnChanges(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 4))
	for round := range 100 {
		b, keys := randomTree(r)
		n := newTestNames(t, b)
		var inFlight sync.Mutex
		b.setHold(func(string, string) { // between a page and its arrival
			inFlight.Lock()
			defer inFlight.Unlock()
			if r.IntN(2) == 0 {
				changeSomething(r, b, n, keys)
			}
		})
		depthFirst("")(func(dir string) []Row {
			rows := readAll(t, n, dir)
			inFlight.Lock()
			defer inFlight.Unlock()
			want := treeOf(keys)[dir]
			for _, row := range readKept(t, n, dir) {
				_, there := want[row.Base]
				require.True(t, there, "round %d: %q shows %q, which was removed", round, dir, row.Base)
			}
			return rows
		})
		b.setHold(nil)
		n.Close()
	}
}

// readKept is what memory says of a directory.
func readKept(t *testing.T, n *Names, dir string) []Row {
	if !n.Listed(dir) {
		return nil
	}
	return readAll(t, n, dir)
}

// changeSomething makes or removes a file at the end of a directory that stays.
func changeSomething(r *rand.Rand, b *fakeBucket, n *Names, keys map[string]bool) {
	all := slices.Sorted(maps.Keys(keys))
	if len(all) == 0 { // a random tree can be
		return
	}
	key := all[r.IntN(len(all))]
	if strings.HasSuffix(key, "/") || strings.HasSuffix(key, "kept") || strings.Contains("/"+key, "//") {
		return
	}
	if r.IntN(2) == 0 {
		o := b.put(key, fmt.Sprint("w", r.Uint32()))
		n.Learn(o)
		return
	}
	dir, _ := splitKey(key)
	if sibling := prefixOf(dir) + "kept"; !keys[sibling] {
		keys[sibling] = true
		n.Learn(b.put(sibling, "v"))
	}
	delete(keys, key)
	b.remove(key)
	n.Removed(key)
}

func TestAWalkCostsOneListPerThousand(t *testing.T) {
	two := numbered("%05d", 10_000)
	for i := range two {
		two[i] = fmt.Sprintf("t/d%03d/%s", i/50, two[i])
	}
	marked := append(slices.Clone(two), numbered("t/d%03d/", 200)...)
	deep := numbered("%05d", 10_000)
	for i, s := range deep {
		deep[i] = fmt.Sprintf("t/%c/%c/%c/%s", s[1], s[2], s[3], s)
	}
	files := append(slices.Clone(two), numbered("t/file-%05d", 5000)...)
	mixed := append(slices.Clone(two), numbered("t/d100-big/%05d", 5000)...)
	for _, tc := range []struct {
		name string
		keys []string
		dirs int
		walk func(root string) walker
		max  int
	}{
		{"200 directories", two, 201, depthFirst, 12},
		{"200 directories, breadth first", two, 201, breadthFirst, 12},
		{"200 directories with markers", marked, 201, depthFirst, 13},
		{"three levels", deep, 1 + 10 + 100 + 1000, depthFirst, 10 + 11},
		{"three levels, breadth first", deep, 1 + 10 + 100 + 1000, breadthFirst, 10 + 11},
		{"many files beside the directories", files, 201, depthFirst, 15 + 3},
		{"a large directory among them", mixed, 202, depthFirst, 15 + 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newFakeBucket(tc.keys...)
			n := newTestNames(t, b)
			dirs, names := 0, 0
			tc.walk("t")(func(dir string) []Row {
				rows := readAll(t, n, dir)
				dirs, names = dirs+1, names+len(rows)
				if dirs%10 == 0 {
					_, err := n.Lookup(t.Context(), dir)
					require.NoError(t, err)
				}
				return rows
			})
			n.Close()
			require.Equal(t, tc.dirs, dirs)
			asked := b.lists
			heads, lists := b.counts()
			require.Zero(t, heads)
			require.LessOrEqual(t, lists, tc.max, "%q", asked)
			t.Logf("%d lists", lists)
		})
	}
}

// A directory with a large tree below it does not hold up who only lists it.
func TestAHugeSubtreeDoesNotStallItsReader(t *testing.T) {
	keys := []string{"t/a/x", "t/b/x", "t/c/z"}
	keys = append(keys, numbered("t/c/huge/%06d", 20_000)...)
	b := newFakeBucket(keys...)
	n := newTestNames(t, b)
	for _, dir := range []string{"t", "t/a", "t/b"} {
		readAll(t, n, dir)
	}
	b.counts()
	require.Equal(t, []string{"huge", "z"}, bases(readAll(t, n, "t/c")))
	_, lists := b.counts()
	require.LessOrEqual(t, lists, walkPatience+walkAhead+1)
	require.Len(t, readAll(t, n, "t/c/huge"), 20_000)
	_, lists = b.counts()
	require.LessOrEqual(t, lists, 21)
}

func TestAJumpingReaderIsNotTakenForAWalker(t *testing.T) {
	b := newFakeBucket()
	for i := range 200 {
		for j := range 50 {
			b.put(fmt.Sprintf("t/d%03d/s/%02d", i, j), "v")
		}
	}
	n := newTestNames(t, b)
	readAll(t, n, "t")
	b.counts()
	r := rand.New(rand.NewPCG(1, 2))
	order := r.Perm(200)
	for _, i := range order {
		readAll(t, n, fmt.Sprintf("t/d%03d", i))
	}
	n.Close()
	_, lists := b.counts()
	require.LessOrEqual(t, lists, 215)
}

func TestAWalkThatIsLeftReadsNoFurther(t *testing.T) {
	b := newFakeBucket(numbered("t/d%05d/x", 20_000)...)
	n := newTestNames(t, b)
	for i, r := range readAll(t, n, "t") {
		if i > 3 {
			break
		}
		readAll(t, n, "t/"+r.Base)
	}
	n.Close()
	_, lists := b.counts()
	require.LessOrEqual(t, lists, 20+1+walkAhead+1)
}

func TestAWalkThatFailsLeavesItToTheReader(t *testing.T) {
	b := newFakeBucket("t/a/x", "t/b/x", "t/c/x", "t/d/x")
	n := newTestNames(t, b)
	readAll(t, n, "t")
	b.refuse(cosapi.Denied, "t/") // rights are given by prefix
	for _, dir := range []string{"t/a", "t/b", "t/c"} {
		require.Equal(t, []string{"x"}, bases(readAll(t, n, dir)))
	}
	b.refuse(cosapi.Denied, "t/d/")
	_, _, err := n.Rows(t.Context(), "t/d", "")
	require.ErrorIs(t, err, cosapi.Denied)
}

func TestWalksAtOnce(t *testing.T) {
	b := newFakeBucket()
	for i := range 12 {
		for j := range 40 {
			for k := range 5 {
				b.put(fmt.Sprintf("w%02d/d%02d/%d", i, j, k), "v")
			}
		}
	}
	b.pageMax = 50
	n := newTestNames(t, b, func(c *NamesConfig) { c.MaxRows = minMaxRows })
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			count := 0
			walk := depthFirst
			if i%2 == 0 {
				walk = breadthFirst
			}
			walk(fmt.Sprintf("w%02d", i%12))(func(dir string) []Row {
				rows := readAll(t, n, dir)
				count += len(rows)
				return rows
			})
			if count != 40+200 {
				t.Errorf("walker %d saw %d names", i, count)
			}
		})
	}
	all.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	require.LessOrEqual(t, len(n.walks), maxWalks)
	counted := 0
	for _, d := range n.dirs.Values() {
		if d.list != nil {
			counted += d.list.rows.count
		}
	}
	require.Equal(t, counted, n.rows)
}

// emptyPages answers every other page of a flat listing with none of its rows.
type emptyPages struct {
	*fakeBucket
	odd bool
}

func (b *emptyPages) List(ctx context.Context, o cosapi.ListOptions) (cosapi.Page, error) {
	if b.odd = !b.odd; b.odd && o.Delimiter == "" {
		return cosapi.Page{Next: o.Marker + "\x00"}, nil
	}
	return b.fakeBucket.List(ctx, o)
}

func TestAWalkOverEmptyPages(t *testing.T) {
	var keys []string
	for i := range 300 {
		keys = append(keys, fmt.Sprintf("t/d%02d/%03d", i/10, i))
	}
	b := newFakeBucket(keys...)
	b.pageMax = 15
	n := newTestNames(t, b, func(c *NamesConfig) { c.Bucket = &emptyPages{fakeBucket: b} })
	count := 0
	depthFirst("t")(func(dir string) []Row {
		rows := readAll(t, n, dir)
		count += len(rows)
		return rows
	})
	require.Equal(t, 330, count)
}
