package cache

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

func TestRowsOfOneDirectory(t *testing.T) {
	b := newFakeBucket("d/", "d/a", "d/sub/x", "d/sub/y/z", "d/ü", "e")
	n := newTestNames(t, b)
	rows, more, err := n.Rows(t.Context(), "d", "")
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, []string{"a", "sub", "ü"}, bases(rows))
	require.Equal(t, "d/a", rows[0].Object.Key)
	require.Equal(t, int64(2), rows[0].Object.Size)
	require.Equal(t, "STANDARD", rows[0].Object.StorageClass)
	require.True(t, rows[0].Object.Listed)
	require.True(t, rows[0].Object.Modified.Equal(b.objects["d/a"].Modified))
	require.Equal(t, b.now().Add(10*time.Second), rows[0].Until)
	require.True(t, rows[1].Dir)
	require.Equal(t, "d/sub/", rows[1].Object.Key)
	require.True(t, n.Listed("d"))
	require.False(t, n.Listed("d/sub"))

	rows, more, err = n.Rows(t.Context(), "d", "sub")
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, []string{"ü"}, bases(rows))
	rows, more, err = n.Rows(t.Context(), "d", "ü")
	require.NoError(t, err)
	require.False(t, more)
	require.Empty(t, rows)
	_, lists := b.counts()
	require.Equal(t, 1, lists, "all from one listing")

	b.advance(10 * time.Second)
	require.False(t, n.Listed("d"))
	require.Len(t, readAll(t, n, "d"), 3)
	_, lists = b.counts()
	require.Equal(t, 1, lists, "asked again when its time is over")
	require.Empty(t, readAll(t, n, "absent"))
}

// The directory "a" is listed as "a/", behind "a-b" and "a.b", the file "a"
// before them. Any keys, any page size, any window.
func TestRowsAreInOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		b := newFakeBucket("d/a")
		want := map[string]bool{"a": false} // base → is a directory
		for range 1 + r.IntN(60) {
			base := make([]byte, 1+r.IntN(5))
			for i := range base {
				base[i] = "a-.b0~\x01"[r.IntN(7)]
			}
			name := string(base)
			isDir := r.IntN(3) == 0
			switch {
			case isDir && r.IntN(2) == 0:
				b.put("d/"+name+"/", "v")
			case isDir:
				b.put("d/"+name+"/child", "v")
			default:
				b.put("d/"+name, "v")
			}
			if isName(name) {
				want[name] = want[name] || isDir
			}
		}
		b.pageMax = 1 + r.IntN(8)
		n := newTestNames(t, b)
		rows := readAll(t, n, "d")
		require.Equal(t, slices.SortedFunc(maps.Keys(want), InOrder), bases(rows), "page size %d", b.pageMax)
		for _, row := range rows {
			require.Equal(t, want[row.Base], row.Dir, row.Base)
		}
		require.True(t, n.Listed("d"))
		for name, isDir := range want {
			got, err := n.Lookup(t.Context(), "d/"+name)
			require.NoError(t, err)
			require.Equal(t, isDir, got.Dir)
		}
		from := slices.SortedFunc(maps.Keys(want), InOrder)[r.IntN(len(want))]
		window := newTestNames(t, b)
		after := []string{}
		for at, more := from, true; more; {
			var page []Row
			var err error
			page, more, err = window.Rows(t.Context(), "d", at)
			require.NoError(t, err)
			if len(page) > 0 {
				at = page[len(page)-1].Base
			}
			after = append(after, bases(page)...)
		}
		i := slices.Index(bases(rows), from)
		require.Equal(t, bases(rows)[i+1:], after, "begun after %q", from)
	}
}

func TestRowsCostOneListPerPage(t *testing.T) {
	for _, format := range []string{"d/%05d", "d/f-%05d.txt"} {
		b := newFakeBucket(numbered(format, 3500)...)
		n := newTestNames(t, b)
		require.Len(t, readAll(t, n, "d"), 3500)
		heads, lists := b.counts()
		require.Equal(t, 0, heads)
		require.Equal(t, 4, lists, format)
		require.Len(t, readAll(t, n, "d"), 3500)
		_, lists = b.counts()
		require.Equal(t, 0, lists, "again within the TTL")
	}
}

// A directory larger than MaxRows passes through a window. Its names all
// begin with "img-", so the file "img" has to wait for all of them.
func TestRowsOfAHugeDirectory(t *testing.T) {
	for _, sibling := range []string{"zz", "img/x", "img"} {
		b := newFakeBucket(numbered("d/img-%06d.jpg", 14_000)...)
		b.put("d/"+sibling, "v")
		n := newTestNames(t, b, func(c *NamesConfig) { c.MaxRows = 4000 })
		most := 0
		var got []string
		for after, more := "", true; more; {
			rows, m, err := n.Rows(t.Context(), "d", after)
			require.NoError(t, err)
			n.mu.Lock()
			most = max(most, n.rows)
			n.mu.Unlock()
			got = append(got, bases(rows)...)
			after, more = got[len(got)-1], m
		}
		require.Len(t, got, 14_001)
		require.True(t, slices.IsSortedFunc(got, InOrder))
		require.Contains(t, got, strings.TrimSuffix(sibling, "/x"))
		require.LessOrEqual(t, most, 4000)
		require.False(t, n.Listed("d"), "it never was in memory as a whole")
		_, lists := b.counts()
		require.Equal(t, 15, lists, "a page each")
	}
}

func TestAReaderLeftBehindTheWindow(t *testing.T) {
	b := newFakeBucket(numbered("d/%05d", 9000)...)
	n := newTestNames(t, b, func(c *NamesConfig) { c.MaxRows = 4000 })
	n.mu.Lock()
	l := n.listingLocked("d", "", b.now())
	n.mu.Unlock()
	require.Len(t, readAll(t, n, "d"), 9000)
	require.NotEmpty(t, l.start, "the other reader has moved the window")
	s, err := n.nextRows(t.Context(), l, "", b.now())
	require.NoError(t, err)
	require.True(t, s.more)
	require.Equal(t, "00000", s.rows[0].base())
	require.NotSame(t, l, s.of)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got := bases(readAll(t, n, "d")); len(got) != 9000 || !slices.IsSortedFunc(got, InOrder) {
				t.Errorf("%d rows", len(got))
			}
		})
	}
	wg.Wait()
}

func TestRowsSurviveTheEndOfTheirTime(t *testing.T) {
	b := newFakeBucket(numbered("d/%05d", 5000)...)
	n := newTestNames(t, b)
	var got []string
	for after, more := "", true; more; {
		rows, m, err := n.Rows(t.Context(), "d", after)
		require.NoError(t, err)
		got = append(got, bases(rows)...)
		after, more = got[len(got)-1], m
		b.advance(11 * time.Second)
	}
	require.Equal(t, 5000, len(got))
	require.True(t, slices.IsSortedFunc(got, InOrder))
}

func TestOldListingsMakeRoom(t *testing.T) {
	b := newFakeBucket()
	for d := range 10 {
		for _, key := range numbered(fmt.Sprintf("d%d/", d)+"%04d", 900) {
			b.put(key, "v")
		}
	}
	n := newTestNames(t, b, func(c *NamesConfig) { c.MaxRows = 4000 })
	for d := range 10 {
		require.Len(t, readAll(t, n, fmt.Sprintf("d%d", d)), 900)
	}
	require.True(t, n.Listed("d9"))
	require.False(t, n.Listed("d0"))
	n.mu.Lock()
	require.Equal(t, 3600, n.rows)
	n.mu.Unlock()
	n.ForgetTree("")
	n.mu.Lock()
	defer n.mu.Unlock()
	require.Zero(t, n.rows)
}

func TestHiddenKeys(t *testing.T) {
	long := strings.Repeat("n", 256)
	b := newFakeBucket("d/ok", "d//below", "d/.", "d/..", "d/../up", "d/nul\x00", "d/"+long, "d/both", "d/both/x")
	n := newTestNames(t, b)
	require.Equal(t, []string{"both", "ok"}, bases(readAll(t, n, "d")))
	require.Equal(t, 7, n.Hidden(), "//, ., .., ../, NUL, too long, shadowed")
	b.advance(time.Minute)
	readAll(t, n, "d")
	require.Equal(t, 7, n.Hidden(), "each key once")
	for _, base := range []string{"", ".", "..", "nul\x00", long} {
		_, err := n.Lookup(t.Context(), "d/"+base)
		require.ErrorIs(t, err, cosapi.NotFound, base)
	}
}

func TestRowsExact(t *testing.T) {
	b := newFakeBucket("d/sub/", "d/sub/x", "d/implied/x")
	for _, key := range numbered("d/f%03d", 100) {
		b.put(key, "v")
	}
	b.advance(time.Hour)
	var now, most atomic.Int32
	b.setHold(func(op, _ string) {
		if op == "HEAD" {
			most.Store(max(most.Load(), now.Add(1)))
			runtime.Gosched() // let the others in
			now.Add(-1)
		}
	})
	n := newTestNames(t, b, exact, func(c *NamesConfig) { c.Parallel = 4 })
	rows := readAll(t, n, "d")
	require.Len(t, rows, 102)
	for _, row := range rows {
		require.False(t, row.Object.Listed, row.Base)
		if row.Base != "implied" {
			require.Equal(t, row.Object.Key, row.Object.Meta["of"])
		}
		require.Equal(t, row.Base == "sub", row.Marker)
	}
	require.LessOrEqual(t, most.Load(), int32(4))
	heads, lists := b.counts()
	require.Equal(t, 102, heads)
	require.Equal(t, 1, lists)
	readAll(t, n, "d")
	heads, _ = b.counts()
	require.Equal(t, 0, heads, "again within the TTL")
	b.advance(time.Minute)
	readAll(t, n, "d")
	heads, lists = b.counts()
	require.Equal(t, []int{2, 1}, []int{heads, lists}, "the listing proves files, not directories")
}

func TestRowsExactWhenHeadsFail(t *testing.T) {
	b := newFakeBucket("d/denied", "d/gone", "d/ok")
	b.refuse(&cosapi.Error{Op: "HeadObject", Kind: cosapi.Denied}, "d/denied")
	b.refuse(&cosapi.Error{Op: "HeadObject", Kind: cosapi.NotFound}, "d/gone")
	n := newTestNames(t, b, exact)
	rows := readAll(t, n, "d")
	require.Equal(t, []string{"denied", "ok"}, bases(rows))
	require.True(t, rows[0].Object.Listed, "known only as listed")
	require.False(t, rows[1].Object.Listed)
	b.counts()
	_, err := n.Lookup(t.Context(), "d/gone")
	require.ErrorIs(t, err, cosapi.NotFound)
	heads, lists := b.counts()
	require.Zero(t, heads+lists, "the listing has learnt that it is gone")

	b.put("d/new", "v")
	b.refuse(&cosapi.Error{Op: "HeadObject", Kind: cosapi.Unavailable}, "d/new")
	b.advance(time.Minute)
	_, _, err = n.Rows(t.Context(), "d", "")
	require.ErrorIs(t, err, cosapi.Unavailable)
	b.refuse(&cosapi.Error{Op: "ListObjects", Kind: cosapi.Denied}, "d/")
	b.advance(time.Minute)
	_, _, err = n.Rows(t.Context(), "d", "")
	require.ErrorIs(t, err, cosapi.Denied)
	b.refuse(nil, "d/")
	b.refuse(nil, "d/new")
	require.Equal(t, []string{"denied", "new", "ok"}, bases(readAll(t, n, "d")), "errors are not kept")
}

func TestRowsThatAllVanish(t *testing.T) {
	b := newFakeBucket("d/a", "d/b")
	b.refuse(cosapi.NotFound, "d/a", "d/b")
	n := newTestNames(t, b, exact)
	require.Empty(t, readAll(t, n, "d"))
}

func TestConcurrentReadersShareTheListing(t *testing.T) {
	b := newFakeBucket(numbered("d/%05d", 3000)...)
	n := newTestNames(t, b)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if len(readAll(t, n, "d")) != 3000 {
				t.Error("incomplete")
			}
		})
	}
	wg.Wait()
	_, lists := b.counts()
	require.Equal(t, 3, lists)
}

func TestAnEndpointThatRepeatsItsMarker(t *testing.T) {
	n := NewNames(NamesConfig{Bucket: stuckBucket{}, Attrs: AttrsList})
	defer n.Close()
	_, _, err := n.Rows(t.Context(), "d", "")
	require.ErrorIs(t, err, cosapi.Unavailable)
	require.ErrorContains(t, err, "does not advance")
}

// stuckBucket answers every page alike.
type stuckBucket struct{ Bucket }

func (stuckBucket) List(context.Context, cosapi.ListOptions) (cosapi.Page, error) {
	return cosapi.Page{
		Entries: []cosapi.Entry{{Object: cosapi.Object{Version: cosapi.Version{Key: "d/a"}}}},
		Next:    "d/a",
	}, nil
}
