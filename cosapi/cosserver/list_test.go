package cosserver

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// modelList is the listing of cos-api.md 3.2.4, written for clearness.
func modelList(keys []string, q listQuery) (rows []string, more bool) {
	slices.Sort(keys)
	for _, key := range keys {
		if !strings.HasPrefix(key, q.prefix) {
			continue
		}
		name := key
		if q.delimiter != "" {
			if i := strings.Index(key[len(q.prefix):], q.delimiter); i >= 0 {
				name = key[:len(q.prefix)+i+len(q.delimiter)]
			}
		}
		if name <= q.marker || slices.Contains(rows, name) {
			continue
		}
		rows = append(rows, name)
	}
	if len(rows) > q.max {
		return rows[:q.max], q.max > 0
	}
	return rows, false
}

func TestListEqualsTheModel(t *testing.T) {
	both(t, func(s *site) {
		const alphabet = "a/b.\x00"
		word := func(n int) string {
			var b strings.Builder
			for range rand.IntN(n) {
				b.WriteByte(alphabet[rand.IntN(len(alphabet))])
			}
			return b.String()
		}
		var keys []string
		for range 150 {
			key := word(8) + "k"
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
				require.NoError(s, s.store.put(put{bucket: testBucket, key: key, object: &objectRecord{}}))
			}
		}
		require.NoError(s, s.CreateBucket("test-12500000000"), "a bucket whose name begins like ours")
		require.NoError(s, s.store.put(put{bucket: "test-12500000000", key: "a", object: &objectRecord{}}))
		for range 3000 {
			q := listQuery{prefix: word(4), marker: word(6), max: rand.IntN(6)}
			if rand.IntN(2) == 0 {
				q.delimiter = "/"
			}
			rows, more, err := s.store.list(testBucket, q)
			require.NoError(s, err)
			var got []string
			for _, row := range rows {
				got = append(got, row.name)
			}
			want, wantMore := modelList(keys, q)
			if len(want) == 0 {
				want = nil
			}
			require.Equal(s, want, got, "%+q", q)
			require.Equal(s, wantMore, more, "%+q", q)
		}
	})
}

func TestListDocument(t *testing.T) {
	at := time.Date(2023, 11, 14, 22, 13, 20, 123e6, time.UTC)
	s := newSite(t, func(c *Config) { c.Now = func() time.Time { return at } })
	s.must("PUT", "/p%20q/", "")
	s.must("PUT", "/p%20q/a%2Bb.txt", "hello world", "x-cos-storage-class: STANDARD_IA")
	s.must("PUT", "/p%20q/sub/x", "")
	s.must("PUT", "/p%20q/z", "")
	a := s.must("GET", "/?prefix=p%20q/&delimiter=/&max-keys=3&encoding-type=url", "")
	require.Equal(t, "application/xml", a.header.Get("Content-Type"))
	require.Equal(t, "ap-guangzhou", a.header.Get("x-cos-bucket-region"))
	owner := "<Owner><ID>1250000000</ID><DisplayName>1250000000</DisplayName></Owner>"
	want := "<?xml version='1.0' encoding='utf-8' ?>\n<ListBucketResult><Name>" + testBucket + "</Name><EncodingType>url</EncodingType>" +
		"<Prefix>p%20q/</Prefix><MaxKeys>3</MaxKeys><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated><Marker/>" +
		"<NextMarker>p%20q/sub/</NextMarker><CommonPrefixes><Prefix>p%20q/sub/</Prefix></CommonPrefixes>" +
		"<Contents><Key>p%20q/</Key><LastModified>2023-11-14T22:13:20.123Z</LastModified><ETag>&#34;d41d8cd98f00b204e9800998ecf8427e&#34;</ETag>" +
		"<Size>0</Size>" + owner + "<StorageClass>STANDARD</StorageClass></Contents>" +
		"<Contents><Key>p%20q/a%2Bb.txt</Key><LastModified>2023-11-14T22:13:20.123Z</LastModified>" +
		"<ETag>&#34;5eb63bbbe01eeed093cb22bb8f5acdc3&#34;</ETag><Size>11</Size>" + owner +
		"<StorageClass>STANDARD_IA</StorageClass></Contents></ListBucketResult>"
	require.Equal(t, want, a.body)
}

func TestListParameters(t *testing.T) {
	s := newSite(t, nil)
	for i := range 3 {
		s.must("PUT", fmt.Sprintf("/k%d", i), "")
	}
	require.Contains(t, s.must("GET", "/?max-keys=2000", "").body, "<MaxKeys>1000</MaxKeys>")
	require.Contains(t, s.must("GET", "/?max-keys=0", "").body, "<IsTruncated>false</IsTruncated>")
	require.Contains(t, s.must("GET", "/?MAX-KEYS=1&Prefix=k", "").body, "<NextMarker>k0</NextMarker>")
	require.Contains(t, s.must("GET", "/?prefix=&marker=&delimiter=&max-keys=&encoding-type=", "").body, "<Key>k2</Key>")
	s.refuses(400, "InvalidArgument", "GET", "/?max-keys=-1", "")
	s.refuses(400, "InvalidArgument", "GET", "/?max-keys=x", "")
	s.refuses(400, "InvalidArgument", "GET", "/?encoding-type=base64", "")
}

func TestEncodeName(t *testing.T) {
	for range 2000 {
		b := make([]byte, rand.IntN(20))
		for i := range b {
			b[i] = byte(rand.IntN(256))
		}
		e := encodeName(string(b))
		require.NotContains(t, e, "+")
		back, err := url.QueryUnescape(e)
		require.NoError(t, err)
		require.Equal(t, string(b), back)
	}
	require.Equal(t, "a%20b/c%2Bd~-._%25%E6%96%87", encodeName("a b/c+d~-._%文"))
}

func TestUploadListing(t *testing.T) {
	both(t, func(s *site) {
		for _, key := range []string{"/a", "/a", "/b/x", "/b/y", "/c"} {
			s.must("POST", key+"?uploads", "")
		}
		// Walk it one row at a time, by the markers given.
		var seen []string
		marker, idMarker := "", ""
		for range 10 {
			rows, more, err := s.store.uploads(testBucket, listQuery{delimiter: "/", marker: marker, max: 1}, idMarker)
			require.NoError(s, err)
			for _, row := range rows {
				seen = append(seen, row.key)
				marker, idMarker = row.key, row.id
			}
			if !more {
				break
			}
		}
		require.Equal(s, []string{"a", "a", "b/", "c"}, seen)
		rows, _, err := s.store.uploads(testBucket, listQuery{marker: "a", max: 10}, "")
		require.NoError(s, err)
		require.Len(s, rows, 3, "without an id marker the marker's key is left out")
		require.Contains(s, s.must("GET", "/?uploads&prefix=b&max-uploads=1", "").body, "<NextKeyMarker>b/x</NextKeyMarker>")
	})
}
