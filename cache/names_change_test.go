package cache

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// written is the answer to a write of ours: like COS, with the Date of the
// answer in whole seconds.
func written(b *fakeBucket, key, etag string) cosapi.Object {
	o := b.put(key, etag)
	o.Modified = o.Modified.Truncate(time.Second)
	return o
}

func TestLearnedVersionsCostNoRequest(t *testing.T) {
	for _, isExact := range []bool{false, true} {
		b := newFakeBucket("d/sub/x")
		n := newTestNames(t, b, attrsExact(isExact))
		readAll(t, n, "d")
		b.counts()
		for i := range 50 {
			key := fmt.Sprintf("d/%02d", i)
			_, err := n.Lookup(t.Context(), key)
			require.ErrorIs(t, err, cosapi.NotFound)
			n.Learn(written(b, key, "v1"))
			name, err := n.Lookup(t.Context(), key)
			require.NoError(t, err)
			require.False(t, name.Object.Listed)
			require.Equal(t, key, name.Object.Meta["of"])
		}
		heads, lists := b.counts()
		require.Zero(t, heads+lists)
		require.True(t, n.Listed("d"))

		b.advance(time.Hour)
		require.Len(t, readAll(t, n, "d"), 51)
		heads, lists = b.counts()
		require.Equal(t, 1, lists)
		require.LessOrEqual(t, heads, 1, "the directory; the files are known by the first listing")
	}
}

func TestLearnWithoutAListing(t *testing.T) {
	b := newFakeBucket()
	n := newTestNames(t, b)
	for _, key := range []string{"a/b/f", "a/b", "a"} {
		_, err := n.Lookup(t.Context(), key)
		require.ErrorIs(t, err, cosapi.NotFound)
	}
	b.counts()
	n.Learn(written(b, "a/b/f", "v"))
	name, err := n.Lookup(t.Context(), "a/b/f")
	require.NoError(t, err)
	require.Equal(t, "v", name.Object.ETag)
	heads, lists := b.counts()
	require.Zero(t, heads+lists)
	for _, dir := range []string{"a/b", "a"} {
		name, err := n.Lookup(t.Context(), dir)
		require.NoError(t, err, "what was absent a moment ago")
		require.True(t, name.Dir)
	}
}

func TestLearnWithoutAttributes(t *testing.T) {
	for _, isExact := range []bool{false, true} {
		b := newFakeBucket()
		n := newTestNames(t, b, attrsExact(isExact))
		obj := written(b, "d/copy", "v")
		obj.Attrs, obj.Listed = cosapi.Attrs{}, true
		n.Learn(obj)
		name, err := n.Lookup(t.Context(), "d/copy")
		require.NoError(t, err)
		require.Equal(t, !isExact, name.Object.Listed, "unknown, not empty")
		if isExact {
			require.Equal(t, "d/copy", name.Object.Meta["of"])
		}
	}
}

func TestLearnedMarkers(t *testing.T) {
	b := newFakeBucket("d/f")
	n := newTestNames(t, b, exact)
	readAll(t, n, "d")
	readAll(t, n, "d/new")
	b.counts()
	n.Learn(written(b, "d/new/", "m"))
	name, err := n.Lookup(t.Context(), "d/new")
	require.NoError(t, err)
	require.True(t, name.Dir && name.Marker)
	require.Equal(t, "d/new/", name.Object.Meta["of"])
	require.Equal(t, []string{"f", "new"}, bases(readAll(t, n, "d")))

	b.remove("d/new/")
	n.Removed("d/new/")
	_, err = n.Lookup(t.Context(), "d/new")
	require.ErrorIs(t, err, cosapi.NotFound, "its listing was empty")
	require.Equal(t, []string{"f"}, bases(readAll(t, n, "d")))
	heads, lists := b.counts()
	require.Zero(t, heads+lists)
}

func TestRemovedMarkerOfADirectoryNotListed(t *testing.T) {
	b := newFakeBucket("d/sub/", "d/sub/x", "d/gone/")
	n := newTestNames(t, b)
	readAll(t, n, "d")
	b.remove("d/sub/")
	n.Removed("d/sub/")
	b.remove("d/gone/")
	n.Removed("d/gone/")
	require.Equal(t, []string{"sub"}, bases(readAll(t, n, "d")), "asked again: children keep a directory")
}

func TestRemovedFiles(t *testing.T) {
	b := newFakeBucket(numbered("d/%04d", 100)...)
	n := newTestNames(t, b)
	readAll(t, n, "d")
	b.counts()
	for _, key := range numbered("d/%04d", 100) {
		b.remove(key)
		n.Removed(key)
		_, err := n.Lookup(t.Context(), key)
		require.ErrorIs(t, err, cosapi.NotFound)
	}
	require.Empty(t, readAll(t, n, "d"))
	heads, lists := b.counts()
	require.Zero(t, heads+lists)
	b.put("d/0001", "back")
	b.advance(10 * time.Second)
	require.Len(t, readAll(t, n, "d"), 1)
}

// A change that overtakes a question on its way must not be undone by the
// question's answer, which is older.
func TestChangesOvertakeQuestions(t *testing.T) {
	b := newFakeBucket("d/old", "d/kept", "d/stays")
	n := newTestNames(t, b)
	asked, release := make(chan struct{}, 10), make(chan struct{})
	hold := func(string, string) { asked <- struct{}{}; <-release }

	b.setHold(hold)
	listed := make(chan []Row)
	go func() { rows, _, _ := n.Rows(t.Context(), "d", ""); listed <- rows }()
	<-asked
	b.setHold(nil)
	n.Learn(written(b, "d/new", "v"))
	n.Learn(written(b, "d/kept", "v2"))
	n.Learn(written(b, "d/sub/deep", "v"))
	b.remove("d/old")
	n.Removed("d/old")
	close(release)
	require.Equal(t, []string{"kept", "new", "stays", "sub"}, bases(<-listed))
	rows := readAll(t, n, "d")
	require.Equal(t, []string{"kept", "new", "stays", "sub"}, bases(rows))
	require.Equal(t, "v2", rows[0].Object.ETag)
	_, lists := b.counts()
	require.Equal(t, 1, lists)

	release = make(chan struct{})
	b.setHold(hold)
	single := make(chan error)
	go func() { _, err := n.Lookup(t.Context(), "e/f"); single <- err }()
	<-asked
	<-asked
	b.setHold(nil)
	n.Learn(written(b, "e/f", "v"))
	close(release)
	require.ErrorIs(t, <-single, cosapi.NotFound, "it asked before")
	_, err := n.Lookup(t.Context(), "e/f")
	require.NoError(t, err)
	require.False(t, n.answers.Contains("e") || !n.answers.Contains("e/f"))
}

// COS does not promise that a listing shows a write that came before it.
func TestListingsBehindOurOwnWrites(t *testing.T) {
	b := newFakeBucket("d/gone", "d/over", "d/theirs", "d/back")
	n := newTestNames(t, b)
	n.Learn(cosapi.Object{Version: cosapi.Version{Key: "d/new", ETag: "v1", Size: 2}, Modified: b.now()})
	n.Learn(cosapi.Object{Version: cosapi.Version{Key: "d/over", ETag: "v2", Size: 2}, Modified: b.now()})
	n.Learn(cosapi.Object{Version: cosapi.Version{Key: "d/theirs", ETag: "v2", Size: 2}, Modified: b.now()})
	n.Removed("d/gone")
	n.Removed("d/back")
	b.advance(time.Second)
	b.put("d/theirs", "v3")
	b.put("d/back", "v4")
	b.advance(time.Second)
	rows := readAll(t, n, "d")
	require.Equal(t, []string{"back", "new", "over", "theirs"}, bases(rows))
	require.Equal(t, "v4", rows[0].Object.ETag, "made by another host after we removed it")
	require.Equal(t, "v2", rows[2].Object.ETag, "ours is newer than what is listed")
	require.Equal(t, "v3", rows[3].Object.ETag, "theirs is newer than ours")
	b.advance(10 * time.Second)
	require.Equal(t, []string{"back", "gone", "over", "theirs"}, bases(readAll(t, n, "d")), "the bucket's word after the TTL")
}

func TestForget(t *testing.T) {
	b := newFakeBucket("d/f", "d/sub/x", "e/f")
	n := newTestNames(t, b)
	for _, dir := range []string{"", "d", "d/sub", "e"} {
		readAll(t, n, dir)
	}
	n.Learn(b.objects["d/f"])
	n.Forget("d/f")
	require.False(t, n.Listed("d"))
	require.True(t, n.Listed("d/sub") && n.Listed("") && n.Listed("e"))
	name, err := n.Lookup(t.Context(), "d/f")
	require.NoError(t, err)
	require.False(t, name.Object.Listed)
	heads, _ := b.counts()
	require.Equal(t, 1, heads)

	n.Forget("d/sub")
	require.False(t, n.Listed("d/sub"))
	readAll(t, n, "d/sub")
	readAll(t, n, "d")
	n.ForgetTree("d")
	require.False(t, n.Listed("d") || n.Listed("d/sub") || n.Listed(""))
	require.True(t, n.Listed("e"))
	n.ForgetTree("")
	require.False(t, n.Listed("e"))
}

func TestForgetOvertakesQuestions(t *testing.T) {
	for _, forget := range []func(*Names){
		func(n *Names) { n.Forget("d/f") },
		func(n *Names) { n.ForgetTree("d") },
	} {
		b := newFakeBucket("d/f")
		n := newTestNames(t, b)
		asked, release := make(chan struct{}, 10), make(chan struct{})
		b.setHold(func(string, string) { asked <- struct{}{}; <-release })
		found := make(chan Name)
		go func() { name, _ := n.Lookup(t.Context(), "d/f"); found <- name }()
		<-asked
		<-asked
		b.setHold(nil)
		b.put("d/f", "v2")
		forget(n)
		close(release)
		require.Equal(t, "v1", (<-found).Object.ETag)
		name, err := n.Lookup(t.Context(), "d/f")
		require.NoError(t, err)
		require.Equal(t, "v2", name.Object.ETag)
	}
}

func TestRecentChangesAreBounded(t *testing.T) {
	b := newFakeBucket()
	n := newTestNames(t, b)
	for i := range maxRecent + 100 {
		n.Removed(fmt.Sprintf("d/%06d", i))
	}
	d, _ := n.dirs.Peek("d")
	require.Len(t, d.recent, maxRecent)
	require.NotContains(t, d.recent, "000099")
	b.advance(9 * time.Second)
	n.Removed("d/000200")
	b.advance(time.Second)
	n.Removed("e/last")
	require.Len(t, d.recent, 1, "the change of a second ago")
	require.Contains(t, d.recent, "000200")
	b.advance(time.Minute)
	n.Removed("e/last")
	require.Empty(t, d.recent)
	require.Len(t, n.changes, 1)
}

// cp -r makes a directory and then looks for each file before it makes it.
func TestANewDirectoryIsKnownToBeEmpty(t *testing.T) {
	b := newFakeBucket("d/f")
	n := newTestNames(t, b)
	for _, listed := range []bool{false, true} {
		if listed {
			b.advance(time.Minute)
			readAll(t, n, "d")
		}
		dir := fmt.Sprintf("d/new-%v", listed)
		_, err := n.Lookup(t.Context(), dir)
		require.ErrorIs(t, err, cosapi.NotFound)
		b.counts()
		n.Learn(written(b, dir+"/", "m"))
		require.True(t, n.Listed(dir))
		for i := range 20 {
			key := fmt.Sprintf("%s/%d", dir, i)
			_, err := n.Lookup(t.Context(), key)
			require.ErrorIs(t, err, cosapi.NotFound)
			n.Learn(written(b, key, "v"))
		}
		require.Len(t, readAll(t, n, dir), 20)
		heads, lists := b.counts()
		require.Zero(t, heads+lists)
	}
	_, err := n.Lookup(t.Context(), "d/f")
	require.NoError(t, err)
	n.Learn(written(b, "other/", "m"))
	require.False(t, n.Listed("other"), "nobody had asked whether it was there")
}
