package cache_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cache"
	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// serve fills a server's bucket and gives what the tests below need.
func serve(t *testing.T, keys ...string) (*costest.Server, *cosapi.Client) {
	t.Helper()
	s := costest.NewServer(t)
	client := s.Client(t)
	for _, key := range keys {
		store(t, client, key, "0644")
	}
	s.ResetCounts()
	return s, client
}

func store(t *testing.T, client *cosapi.Client, key, mode string) cosapi.Object {
	t.Helper()
	attrs := cosapi.Attrs{ContentType: "text/plain", Meta: map[string]string{"mode": mode}}
	obj, err := client.Put(t.Context(), key, bytes.NewReader([]byte(mode+" content of "+key)), cosapi.PutOptions{Attrs: attrs})
	require.NoError(t, err)
	return obj
}

// requests gives and resets the server's HEADs and LISTs.
func requests(s *costest.Server) [2]int64 {
	c := s.Counts()
	s.ResetCounts()
	return [2]int64{c["HeadObject"], c["ListObjects"]}
}

func TestNamesAgainstTheServer(t *testing.T) {
	s, client := serve(t, "d/", "d/f", "d/f-1", "d/f/below", "d/子 +%#?~", "d/sub/x", "d/.dot", "other")
	n := cache.NewNames(cache.NamesConfig{Bucket: client, Attrs: cache.AttrsList})
	defer n.Close()

	name, err := n.Lookup(t.Context(), "other")
	require.NoError(t, err)
	require.Equal(t, "0644", name.Object.Meta["mode"])
	require.Equal(t, [2]int64{1, 1}, requests(s), "one round trip for a cold name")
	_, err = n.Lookup(t.Context(), "other")
	require.NoError(t, err)
	require.Equal(t, [2]int64{0, 0}, requests(s))

	rows, more, err := n.Rows(t.Context(), "d", "")
	require.NoError(t, err)
	require.False(t, more)
	var shown []string
	for _, r := range rows {
		shown = append(shown, fmt.Sprint(r.Base, " ", r.Dir))
	}
	require.Equal(t, []string{".dot false", "f-1 false", "f true", "sub true", "子 +%#?~ false"}, shown)
	require.Equal(t, [2]int64{0, 1}, requests(s))

	_, err = n.Lookup(t.Context(), "d/absent")
	require.ErrorIs(t, err, cosapi.NotFound)
	name, err = n.Lookup(t.Context(), "d/子 +%#?~")
	require.NoError(t, err)
	require.Equal(t, int64(len("0644 content of d/子 +%#?~")), name.Object.Size)
	require.Equal(t, [2]int64{0, 0}, requests(s), "a listed parent answers")
	require.Equal(t, 1, n.Hidden(), "the file f behind the directory f")
}

func TestPagesAgainstTheServer(t *testing.T) {
	var keys, want []string
	for i := range 1100 {
		keys = append(keys, fmt.Sprintf("d/f-%04d.txt", i))
		want = append(want, fmt.Sprintf("f-%04d.txt", i))
	}
	s, client := serve(t, append(keys, "d/f/below", "d/f-0500/below")...)
	want = append(append([]string{"f"}, want...), "f-0500")
	slices.SortFunc(want, cache.InOrder)
	for from := range 3 {
		from *= 501 // f-0500 and f-0500.txt are neighbours here
		n := cache.NewNames(cache.NamesConfig{Bucket: client, Attrs: cache.AttrsList})
		after, got := "", []string{}
		if from > 0 {
			after = want[from-1]
		}
		for more := true; more; {
			rows, m, err := n.Rows(t.Context(), "d", after)
			require.NoError(t, err)
			for _, r := range rows {
				got = append(got, r.Base)
			}
			more, after = m, got[len(got)-1]
		}
		n.Close()
		require.Equal(t, want[from:], got)
		// Begun in the middle, it asks for the files that may wait there: f, and
		// f-0500 or f-1000.
		require.Equal(t, [2]int64{0, []int64{2, 3, 3}[from/501]}, requests(s))
	}
}

func TestExactNamesAgainstTheServer(t *testing.T) {
	var keys []string
	for i := range 30 {
		keys = append(keys, fmt.Sprintf("d/%02d", i))
	}
	s, client := serve(t, keys...)
	later := func() time.Time { return time.Now().Add(time.Minute) } // what is stored above has settled
	n := cache.NewNames(cache.NamesConfig{Bucket: client, Attrs: cache.AttrsExact, TTL: time.Nanosecond, Now: later})
	defer n.Close()
	for _, want := range [][2]int64{{30, 1}, {0, 1}} {
		rows, _, err := n.Rows(t.Context(), "d", "")
		require.NoError(t, err)
		require.Len(t, rows, 30)
		for _, r := range rows {
			require.Equal(t, "0644", r.Object.Meta["mode"])
			require.Equal(t, "text/plain", r.Object.ContentType)
			require.True(t, r.Object.HasCRC64)
		}
		require.Equal(t, want, requests(s), "the same versions are proved by the listing alone")
	}
	store(t, client, "d/07", "0600")
	_, err := client.Copy(t.Context(), cosapi.Version{Key: "d/07"}, "d/08", cosapi.CopyOptions{})
	require.NoError(t, err)
	requests(s)
	rows, _, err := n.Rows(t.Context(), "d", "")
	require.NoError(t, err)
	require.Equal(t, "0600", rows[7].Object.Meta["mode"])
	require.Equal(t, "0600", rows[8].Object.Meta["mode"])
}

func TestLearnAgainstTheServer(t *testing.T) {
	s, client := serve(t, "d/0")
	n := cache.NewNames(cache.NamesConfig{Bucket: client, Attrs: cache.AttrsExact, TTL: time.Hour})
	defer n.Close()
	_, _, err := n.Rows(t.Context(), "d", "")
	require.NoError(t, err)
	for i := range 20 {
		obj := store(t, client, fmt.Sprintf("d/new-%02d", i), "0640")
		obj.Attrs = cosapi.Attrs{ContentType: "text/plain", Meta: map[string]string{"mode": "0640"}}
		n.Learn(obj)
	}
	requests(s)
	n.Forget("d/absent") // drops the listing, not the attributes
	rows, _, err := n.Rows(t.Context(), "d", "")
	require.NoError(t, err)
	require.Len(t, rows, 21)
	for _, r := range rows[1:] {
		require.Equal(t, "0640", r.Object.Meta["mode"], r.Base)
	}
	require.Equal(t, [2]int64{0, 1}, requests(s), "the first listing shows the versions just written")

	require.NoError(t, client.Delete(t.Context(), "d/new-03"))
	n.Removed("d/new-03")
	requests(s)
	_, err = n.Lookup(t.Context(), "d/new-03")
	require.ErrorIs(t, err, cosapi.NotFound)
	require.Equal(t, [2]int64{0, 0}, requests(s))
}

func TestServerErrorsReachTheAsker(t *testing.T) {
	s, client := serve(t, "d/f")
	n := cache.NewNames(cache.NamesConfig{Bucket: client, Attrs: cache.AttrsList})
	defer n.Close()
	s.Faults.Add(costest.Fault{Op: "ListObjects", Times: 1, Status: 403, Code: "AccessDenied"})
	_, _, err := n.Rows(t.Context(), "d", "")
	require.ErrorIs(t, err, cosapi.Denied)
	rows, _, err := n.Rows(t.Context(), "d", "")
	require.NoError(t, err)
	require.Len(t, rows, 1)
	s.Faults.Add(costest.Fault{Op: "HeadObject", Times: 1, Status: 403})
	_, err = n.Lookup(t.Context(), "e")
	require.ErrorIs(t, err, cosapi.Denied)
}
