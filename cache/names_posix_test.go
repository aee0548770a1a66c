package cache

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

func TestAutoAsksForAttributesOnceTheMarkIsThere(t *testing.T) {
	b := newFakeBucket("p/d/a", "p/d/b", "p/e/c")
	n := newTestNames(t, b, auto, func(c *NamesConfig) { c.Prefix = "p/" })
	rows := readAll(t, n, "p/d")
	require.True(t, rows[0].Object.Listed, "no mark: the listing must do")
	require.Equal(t, []string{"p/.cosfs/posix"}, b.heads)
	b.counts()
	readAll(t, n, "p/d")
	_, err := n.Lookup(t.Context(), "p/d/a")
	require.NoError(t, err)
	heads, lists := b.counts()
	require.Equal(t, [2]int{0, 0}, [2]int{heads, lists}, "the mark is looked for once per TTL")

	b.put("p/.cosfs/posix", "")
	b.advance(10 * time.Second)
	rows = readAll(t, n, "p/d")
	require.Equal(t, "p/d/a", rows[0].Object.Meta["of"])
	heads, _ = b.counts()
	require.Equal(t, 3, heads, "the mark and two objects")
	b.advance(time.Hour)
	b.remove("p/.cosfs/posix")
	require.False(t, readAll(t, n, "p/e")[0].Object.Listed)
	heads, _ = b.counts()
	require.Equal(t, 1, heads, "what was once seen is not asked for again")
}

func TestTheMarkIsLookedForBesideTheListing(t *testing.T) {
	b := newFakeBucket("d/a")
	n := newTestNames(t, b, auto)
	both := sync.WaitGroup{}
	both.Add(2)
	b.setHold(func(string, string) { both.Done(); both.Wait() }) // hangs unless they overlap
	require.True(t, readAll(t, n, "d")[0].Object.Listed)
}

func TestWhatTheMarkCannotTell(t *testing.T) {
	down := &cosapi.Error{Op: "HeadObject", Kind: cosapi.Unavailable, Status: 503}
	b := newFakeBucket("d/a", ".cosfs/posix")
	n := newTestNames(t, b, auto)
	b.refuse(down, ".cosfs/posix")
	_, _, err := n.Rows(t.Context(), "d", "")
	require.ErrorIs(t, err, cosapi.Unavailable, "attributes are not guessed")
	b.refuse(cosapi.Denied, ".cosfs/posix")
	require.True(t, readAll(t, n, "d")[0].Object.Listed)
	b.advance(10 * time.Second)
	b.refuse(down, ".cosfs/posix")
	require.True(t, readAll(t, n, "d")[0].Object.Listed, "an outage changes nothing")
	b.refuse(nil, ".cosfs/posix")
	require.False(t, readAll(t, n, "d")[0].Object.Listed, "and is not believed for a TTL")
}

func TestMarkPosix(t *testing.T) {
	b := newFakeBucket("p/d/a")
	prefixed := func(c *NamesConfig) { c.Prefix = "p/" }
	n := newTestNames(t, b, auto, prefixed)
	b.refuse(cosapi.Denied, "PUT p/.cosfs/posix")
	require.ErrorIs(t, n.MarkPosix(t.Context()), cosapi.Denied)
	require.True(t, readAll(t, n, "p/d")[0].Object.Listed)
	b.refuse(nil, "PUT p/.cosfs/posix")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := n.MarkPosix(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Len(t, b.puts, 2, "once, and the one refused")
	require.Zero(t, b.objects["p/.cosfs/posix"].Size)
	require.False(t, readAll(t, n, "p/d")[0].Object.Listed, "this mount asks, too")

	other := newTestNames(t, b, exact, prefixed)
	require.NoError(t, other.MarkPosix(t.Context()), "it is there: as good as put")
	other.Close()
	late := newTestNames(t, b, prefixed)
	late.Close()
	require.ErrorIs(t, late.MarkPosix(t.Context()), cosapi.Canceled)
}

func TestTheReservedDirectoryIsNotShown(t *testing.T) {
	b := newFakeBucket("p/.cosfs/posix", "p/.cosfs", "p/.cosfs-2", "p/d/.cosfs/x", "p/a", ".cosfs/posix")
	b.pageMax = 1
	n := newTestNames(t, b, func(c *NamesConfig) { c.Prefix = "p/" })
	require.Equal(t, []string{".cosfs-2", "a", "d"}, bases(readAll(t, n, "p")))
	require.Equal(t, []string{".cosfs"}, bases(readAll(t, n, "p/d")), "only at the root of the mount")
	b.counts()
	for _, key := range []string{"p/.cosfs", "p/.cosfs/posix"} {
		name, err := n.Lookup(t.Context(), key)
		require.True(t, errors.Is(err, cosapi.NotFound) && name.Until.After(b.now()), key)
		require.True(t, n.Reserved(key))
	}
	require.Empty(t, readAll(t, n, "p/.cosfs"))
	heads, lists := b.counts()
	require.Zero(t, heads+lists)
	for _, key := range []string{"p", "p/", "p/.cosfs-2", "p/d/.cosfs", ".cosfs", ""} {
		require.False(t, n.Reserved(key), key)
	}
	require.Zero(t, n.Hidden(), "not a key that somebody would miss")
}

func TestFullAsksInAnyMode(t *testing.T) {
	b := newFakeBucket("d/a", "d/sub/")
	n := newTestNames(t, b)
	for _, row := range readAll(t, n, "d") {
		o := row.Object
		if row.Dir {
			o.Key = "d/sub/"
			o.Listed = true
		}
		full, err := n.Full(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, o.Key, full.Meta["of"])
		_, err = n.Full(t.Context(), full)
		require.NoError(t, err)
	}
	heads, _ := b.counts()
	require.Equal(t, 2, heads)
	b.advance(time.Hour)
	b.remove("d/a")
	_, err := n.Full(t.Context(), cosapi.Object{Version: cosapi.Version{Key: "d/a", ETag: "old"}, Listed: true})
	require.ErrorIs(t, err, cosapi.NotFound)
}
