package cosserver

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// fill makes n objects in dirs directories, straight in the index.
func fill(tb testing.TB, s *Server, n, dirs int) {
	const chunk = 10_000
	for from := 0; from < n; from += chunk {
		require.NoError(tb, s.store.update(func(c *change) error {
			for i := from; i < min(n, from+chunk); i++ {
				o := &objectRecord{objectHead: objectHead{Size: 1, ETag: "d41d8cd98f00b204e9800998ecf8427e"}}
				key := fmt.Sprintf("d%06d/file-%08d", i*dirs/n, i)
				if err := s.store.putIn(c, put{bucket: testBucket, key: key, object: o}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// BenchmarkListPage reads one page of 1000 rows from the middle of buckets of
// different sizes, flat and folded: the size must not matter.
func BenchmarkListPage(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		s, err := New(Config{Root: b.TempDir(), Anonymous: true})
		require.NoError(b, err)
		require.NoError(b, s.CreateBucket(testBucket))
		fill(b, s, n, n/4)
		for _, q := range []string{"", "&delimiter=/"} {
			b.Run(fmt.Sprintf("keys=%d%s", n, q), func(b *testing.B) {
				target := fmt.Sprintf("/%s/?encoding-type=url&marker=d%06d/%s", testBucket, n/8, q)
				for b.Loop() {
					w := httptest.NewRecorder()
					s.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
					require.Equal(b, 200, w.Code)
					require.Contains(b, w.Body.String(), "<IsTruncated>true</IsTruncated>")
				}
			})
		}
		require.NoError(b, s.Close())
	}
}

// BenchmarkPut writes small objects through HTTP, one after the other and
// from several clients at once, which share commits.
func BenchmarkPut(b *testing.B) {
	h, url := benchServer(b)
	for _, clients := range []int{1, 16} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			b.SetParallelism(clients / 2)
			body := make([]byte, 4096)
			b.SetBytes(int64(len(body)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					req, err := http.NewRequest("PUT", url+"/"+rand.Text(), bytes.NewReader(body))
					if err != nil {
						b.Fatal(err)
					}
					benchDo(b, h.Client(), req)
				}
			})
		})
	}
}

// BenchmarkGet reads a large object.
func BenchmarkGet(b *testing.B) {
	h, url := benchServer(b)
	body := make([]byte, 64<<20)
	req, err := http.NewRequest("PUT", url+"/large", bytes.NewReader(body))
	require.NoError(b, err)
	benchDo(b, h.Client(), req)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		req, err := http.NewRequest("GET", url+"/large", nil)
		require.NoError(b, err)
		benchDo(b, h.Client(), req)
	}
}

// BenchmarkManyParts reads a byte of an object of 10,000 parts: what it costs
// is the decoding of its record.
func BenchmarkManyParts(b *testing.B) {
	o := &objectRecord{}
	for i := range maxPartNumber {
		o.Segments = append(o.Segments, segment{Blob: fmt.Sprintf("%024d", i), Len: minPartSize})
	}
	raw, err := o.encode()
	require.NoError(b, err)
	for b.Loop() {
		_, err := decodeObject(raw)
		require.NoError(b, err)
	}
}

// BenchmarkPutLarge writes a large object.
func BenchmarkPutLarge(b *testing.B) {
	h, url := benchServer(b)
	body := make([]byte, 64<<20)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		req, err := http.NewRequest("PUT", url+"/large", bytes.NewReader(body))
		require.NoError(b, err)
		benchDo(b, h.Client(), req)
	}
}

func benchServer(b *testing.B) (*httptest.Server, string) {
	s, err := New(Config{Root: b.TempDir(), Anonymous: true})
	require.NoError(b, err)
	require.NoError(b, s.CreateBucket(testBucket))
	h := httptest.NewServer(s)
	b.Cleanup(func() {
		h.Close()
		require.NoError(b, s.Close())
	})
	return h, h.URL + "/" + testBucket
}

func benchDo(b *testing.B, c *http.Client, req *http.Request) {
	resp, err := c.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode >= 300 {
		b.Fatal(resp.Status, err)
	}
}
