package cache

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// benchBucket lists one directory of n files without work of its own, so that
// what is measured is Names.
type benchBucket struct {
	Bucket
	pages map[string]cosapi.Page
}

func newBenchBucket(n int) *benchBucket {
	b := &benchBucket{pages: map[string]cosapi.Page{}}
	keys, marker := numbered("d/img-%07d.jpg", n), ""
	for len(keys) > 0 {
		page := cosapi.Page{}
		for _, key := range keys[:min(pageRows, len(keys))] {
			o := cosapi.Object{Version: cosapi.Version{Key: key, ETag: "d41d8cd98f00b204e9800998ecf8427e", Size: 9}, Listed: true}
			page.Entries = append(page.Entries, cosapi.Entry{Object: o})
		}
		if keys = keys[len(page.Entries):]; len(keys) > 0 {
			page.Next = page.Entries[len(page.Entries)-1].Key
		}
		b.pages[marker], marker = page, page.Next
	}
	return b
}

func (b *benchBucket) List(_ context.Context, o cosapi.ListOptions) (cosapi.Page, error) {
	if o.Delimiter == "" {
		return cosapi.Page{}, nil
	}
	return b.pages[o.Marker], nil
}

func BenchmarkLookupListed(b *testing.B) {
	n := NewNames(NamesConfig{Bucket: newBenchBucket(100_000), Attrs: AttrsList})
	defer n.Close()
	readBench(b, n)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := n.Lookup(b.Context(), "d/img-0055555.jpg"); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkRows reads 100,000 rows, from the bucket and from memory.
func BenchmarkRows(b *testing.B) {
	bucket := newBenchBucket(100_000)
	for name, fresh := range map[string]bool{"listed": false, "cold": true} {
		b.Run(name, func(b *testing.B) {
			n := NewNames(NamesConfig{Bucket: bucket, Attrs: AttrsList})
			defer n.Close()
			readBench(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if fresh {
					n.ForgetTree("")
				}
				readBench(b, n)
			}
		})
	}
}

func readBench(b *testing.B, n *Names) (count int) {
	for after, more := "", true; more; {
		rows, m, err := n.Rows(b.Context(), "d", after)
		require.NoError(b, err)
		count += len(rows)
		after, more = rows[len(rows)-1].Base, m
	}
	return count
}

// BenchmarkListingMemory reports the bytes that a kept row costs.
func BenchmarkListingMemory(b *testing.B) {
	const rows = 500_000
	bucket := newBenchBucket(rows)
	for b.Loop() {
		n := NewNames(NamesConfig{Bucket: bucket, Attrs: AttrsList})
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		require.Equal(b, rows, readBench(b, n))
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/rows, "B/row")
		n.Close()
	}
}
