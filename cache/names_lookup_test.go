package cache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

func TestLookupOfOneName(t *testing.T) {
	keys := []string{"f", "dir/", "dir/x", "implied/x", "both", "both/x", "odd//x"}
	for _, tc := range []struct {
		key         string
		dir, marker bool
		object      string // its key; "": absent
		listed      bool   // attributes unknown unless exact
	}{
		{key: "f", object: "f"},
		{key: "dir", dir: true, marker: true, object: "dir/", listed: true},
		{key: "dir/x", object: "dir/x"},
		{key: "implied", dir: true, object: "implied/"},
		{key: "both", dir: true, object: "both/"},
		{key: "odd", dir: true, object: "odd/"},
		{key: "absent"},
		{key: "f/x"},
		{key: "di"},
		{key: strings.Repeat("k/", 424) + "xy"}, // 850 bytes: no directory fits
		{key: "\xff"},
	} {
		for _, isExact := range []bool{false, true} {
			t.Run(fmt.Sprintf("%.20s exact=%v", tc.key, isExact), func(t *testing.T) {
				b := newFakeBucket(keys...)
				n := newTestNames(t, b, attrsExact(isExact))
				for range 2 {
					name, err := n.Lookup(t.Context(), tc.key)
					if tc.object == "" {
						require.ErrorIs(t, err, cosapi.NotFound)
						require.True(t, name.Until.After(b.now()))
						continue
					}
					require.NoError(t, err)
					require.Equal(t, tc.object, name.Object.Key)
					require.Equal(t, tc.dir, name.Dir)
					require.Equal(t, tc.marker, name.Marker)
					require.Equal(t, tc.listed && !isExact, name.Object.Listed)
					require.Equal(t, b.now().Add(10*time.Second), name.Until)
					if !tc.dir || tc.marker && isExact {
						require.Equal(t, tc.object, name.Object.Meta["of"])
					}
				}
				heads, lists := b.counts()
				require.LessOrEqual(t, lists, 1)
				require.LessOrEqual(t, heads, map[bool]int{true: 2, false: 1}[tc.listed && isExact])
			})
		}
	}
}

func TestLookupOfTheRoot(t *testing.T) {
	b := newFakeBucket()
	name, err := newTestNames(t, b).Lookup(t.Context(), "")
	require.NoError(t, err)
	require.True(t, name.Dir)
	require.True(t, name.Until.After(b.now()))
	heads, lists := b.counts()
	require.Zero(t, heads+lists)
}

func TestLookupOfATooLongKey(t *testing.T) {
	_, err := newTestNames(t, newFakeBucket()).Lookup(t.Context(), strings.Repeat("k/", 425)+"x")
	require.ErrorIs(t, err, cosapi.NameTooLong)
}

func TestAnswersHoldForTheirTime(t *testing.T) {
	b := newFakeBucket("a/f")
	n := newTestNames(t, b)
	look := func(key string) (heads, lists int, err error) {
		_, err = n.Lookup(t.Context(), key)
		heads, lists = b.counts()
		return heads, lists, err
	}
	heads, lists, err := look("a/f")
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{heads, lists})
	b.advance(9 * time.Second)
	heads, lists, err = look("a/f")
	require.NoError(t, err)
	require.Zero(t, heads+lists)
	b.advance(time.Second)
	b.remove("a/f")
	heads, _, err = look("a/f")
	require.ErrorIs(t, err, cosapi.NotFound)
	require.Equal(t, 1, heads)
	b.put("a/f", "v2")
	b.advance(1999 * time.Millisecond)
	heads, lists, err = look("a/f")
	require.ErrorIs(t, err, cosapi.NotFound, "absence holds for the negative TTL")
	require.Zero(t, heads+lists)
	b.advance(time.Millisecond)
	_, _, err = look("a/f")
	require.NoError(t, err)
}

func TestTheSecondQuestionListsTheDirectory(t *testing.T) {
	b := newFakeBucket(numbered("d/%04d", 1500)...)
	n := newTestNames(t, b)
	_, err := n.Lookup(t.Context(), "d/0000")
	require.NoError(t, err)
	heads, lists := b.counts()
	require.Equal(t, []int{1, 1}, []int{heads, lists})
	_, err = n.Lookup(t.Context(), "d/0001")
	require.NoError(t, err)
	_, err = n.Lookup(t.Context(), "d/0001x")
	require.ErrorIs(t, err, cosapi.NotFound)
	heads, lists = b.counts()
	require.Equal(t, []int{0, 1}, []int{heads, lists}, "one page answers for what it covers")
	_, err = n.Lookup(t.Context(), "d/1499")
	require.NoError(t, err)
	name, err := n.Lookup(t.Context(), "d/absent")
	require.ErrorIs(t, err, cosapi.NotFound)
	require.Equal(t, b.now().Add(2*time.Second), name.Until)
	require.True(t, n.Listed("d"))
	heads, lists = b.counts()
	require.Equal(t, []int{0, 1}, []int{heads, lists})

	b.advance(time.Minute)
	for range 3 {
		_, err = n.Lookup(t.Context(), "d/0000")
		require.NoError(t, err)
		b.advance(11 * time.Second)
	}
	heads, lists = b.counts()
	require.Equal(t, []int{3, 3}, []int{heads, lists}, "questions far apart do not list")
}

func TestALargeDirectoryIsNotListedForAName(t *testing.T) {
	b := newFakeBucket(numbered("d/%04d", 5000)...)
	n := newTestNames(t, b)
	for i := 4990; i < 5000; i++ {
		_, err := n.Lookup(t.Context(), fmt.Sprintf("d/%d", i))
		require.NoError(t, err)
	}
	heads, lists := b.counts()
	require.Equal(t, []int{10, 10 + 4}, []int{heads, lists})
	_, err := n.Lookup(t.Context(), "d/3000")
	require.NoError(t, err)
	heads, lists = b.counts()
	require.Zero(t, heads+lists, "what the four pages cover is known")
	b.advance(11 * time.Second)
	readAll(t, n, "d")
	_, lists = b.counts()
	require.Equal(t, 5, lists)
	_, err = n.Lookup(t.Context(), "d/4999")
	require.NoError(t, err)
	heads, lists = b.counts()
	require.Zero(t, heads+lists, "a reader has listed it")
}

func TestLookupsDoNotDisturbAReaderOfALargeDirectory(t *testing.T) {
	b := newFakeBucket(numbered("d/%05d", 7000)...)
	n := newTestNames(t, b)
	after := "04500"
	for range 2 {
		rows, _, err := n.Rows(t.Context(), "d", after)
		require.NoError(t, err)
		after = rows[len(rows)-1].Base
		for i := range 3 {
			_, err = n.Lookup(t.Context(), fmt.Sprintf("d/0000%d", i))
			require.NoError(t, err)
		}
	}
	n.Close()
	heads, lists := b.counts()
	require.Equal(t, 3, heads)
	require.Equal(t, 3+3, lists, "three pages and the last three names' questions")
}

func TestAListedParentAnswersWithoutRequests(t *testing.T) {
	b := newFakeBucket("d/f", "d/sub/x", "d/-")
	for _, isExact := range []bool{false, true} {
		n := newTestNames(t, b, attrsExact(isExact))
		readAll(t, n, "d")
		readAll(t, n, "d/sub")
		b.counts()
		f, err := n.Lookup(t.Context(), "d/f")
		require.NoError(t, err)
		require.Equal(t, !isExact, f.Object.Listed)
		sub, err := n.Lookup(t.Context(), "d/sub")
		require.NoError(t, err)
		require.True(t, sub.Dir)
		require.False(t, sub.Object.Listed, "its listing shows no marker")
		_, err = n.Lookup(t.Context(), "d/g")
		require.ErrorIs(t, err, cosapi.NotFound)
		heads, lists := b.counts()
		require.Zero(t, heads+lists)
	}
}

// leastAllocs is the least of some measurements: the count is that of the whole
// process, and on a busy machine something else may run in between.
func leastAllocs(f func()) float64 {
	least := testing.AllocsPerRun(100, f)
	for range 4 {
		least = min(least, testing.AllocsPerRun(100, f))
	}
	return least
}

// Fresh listings are the hot path of every walk.
func TestListedAnswersDoNotAllocate(t *testing.T) {
	b := newFakeBucket(numbered("d/%05d", 3000)...)
	n := newTestNames(t, b)
	readAll(t, n, "d")
	ctx := t.Context()
	require.Zero(t, leastAllocs(func() {
		if _, err := n.Lookup(ctx, "d/02345"); err != nil {
			t.Error(err)
		}
		if _, err := n.Lookup(ctx, "d/absent"); err == nil {
			t.Error("found")
		}
	}))
	require.LessOrEqual(t, leastAllocs(func() {
		if _, _, err := n.Rows(ctx, "d", "00500"); err != nil {
			t.Error(err)
		}
	}), 4.0, "the rows, not each row")
}

func TestConcurrentAskersShareAQuestion(t *testing.T) {
	b := newFakeBucket("f")
	asked, release := make(chan struct{}, 100), make(chan struct{})
	b.setHold(func(string, string) { asked <- struct{}{}; <-release })
	n := newTestNames(t, b)
	n.dirs.Add("", &directory{large: b.now().Add(time.Hour)}) // names one by one

	first, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() { _, err := n.Lookup(first, "f"); gaveUp <- err }()
	<-asked
	<-asked
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, err := n.Lookup(t.Context(), "f"); err != nil {
				t.Error(err)
			}
		})
	}
	cancel()
	require.ErrorIs(t, <-gaveUp, cosapi.Canceled, "the first asker gives up alone")
	late, stop := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer stop()
	_, err := n.Lookup(late, "f")
	require.ErrorIs(t, err, cosapi.Timeout)
	close(release)
	wg.Wait()
	heads, lists := b.counts()
	require.Equal(t, []int{1, 1}, []int{heads, lists})
}

func TestErrorsAreNotKept(t *testing.T) {
	b := newFakeBucket("f", "d/x")
	refused := &cosapi.Error{Op: "HeadObject", Kind: cosapi.Denied}
	b.refuse(refused, "f", "d", "x/")
	n := newTestNames(t, b)
	n.dirs.Add("", &directory{large: b.now().Add(time.Hour)})
	_, err := n.Lookup(t.Context(), "f")
	require.ErrorIs(t, err, cosapi.Denied)
	name, err := n.Lookup(t.Context(), "d")
	require.NoError(t, err, "the LIST proves the directory")
	require.True(t, name.Dir)
	_, err = n.Lookup(t.Context(), "x")
	require.ErrorIs(t, err, cosapi.Denied)
	b.refuse(nil, "f")
	_, err = n.Lookup(t.Context(), "f")
	require.NoError(t, err)
}

func TestExactLookupSeesAnotherVersion(t *testing.T) {
	b := newFakeBucket("d/f")
	n := newTestNames(t, b, exact)
	n.attrs = AttrsList // a listing without HEADs
	readAll(t, n, "d")
	n.attrs = AttrsExact
	b.put("d/f", "v22")
	name, err := n.Lookup(t.Context(), "d/f")
	require.NoError(t, err)
	require.Equal(t, "v22", name.Object.ETag)
	rows := readAll(t, n, "d")
	require.Equal(t, "v22", rows[0].Object.ETag, "the listing has learnt it")
	heads, _ := b.counts()
	require.Equal(t, 1, heads)
}

func TestCloseEndsQuestions(t *testing.T) {
	b := newFakeBucket("f")
	asked := make(chan struct{}, 2)
	n := newTestNames(t, b)
	b.setHold(func(string, string) { asked <- struct{}{}; <-n.ctx.Done() })
	failed := make(chan error)
	go func() { _, err := n.Lookup(t.Context(), "f"); failed <- err }()
	<-asked
	n.Close()
	require.ErrorIs(t, <-failed, cosapi.Canceled)
	_, err := n.Lookup(t.Context(), "f")
	require.ErrorIs(t, err, cosapi.Canceled)
	_, _, err = n.Rows(t.Context(), "", "")
	require.ErrorIs(t, err, cosapi.Canceled)
}
