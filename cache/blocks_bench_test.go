package cache

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// BenchmarkWarmReadAt is a read of a complete file: a lock and a pread, no
// allocation.
func BenchmarkWarmReadAt(b *testing.B) {
	e := newBed(b, nil)
	obj, _ := e.put("f", 64*mib)
	o := e.get(obj.Version)
	e.fill(o)
	buf := make([]byte, 128<<10)
	ctx := context.Background()
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for off := int64(0); b.Loop(); off = (off + int64(len(buf))) % obj.Size {
		if _, err := o.ReadAt(ctx, buf, off); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkColdRead compares a sequential read through an empty cache with
// the bare client's whole GET, which checks the CRC64 too but keeps nothing.
func BenchmarkColdRead(b *testing.B) {
	e := newBed(b, nil)
	obj, err := e.client.Put(context.Background(), "f", bytes.NewReader(content(1, 256*mib)), cosapi.PutOptions{})
	require.NoError(b, err)
	b.Run("cache", func(b *testing.B) {
		b.SetBytes(obj.Size)
		for b.Loop() {
			o, err := e.cache.Get(obj.Version)
			require.NoError(b, err)
			buf := make([]byte, 128<<10)
			for off := int64(0); off < obj.Size; off += int64(len(buf)) {
				if _, err := o.ReadAt(context.Background(), buf, off); err != nil {
					b.Fatal(err)
				}
			}
			e.cache.Forget(obj.Version)
			require.NoError(b, o.Close())
		}
	})
	b.Run("client", func(b *testing.B) {
		b.SetBytes(obj.Size)
		for b.Loop() {
			r, err := e.client.Get(context.Background(), obj.Version, cosapi.Range{Len: -1})
			require.NoError(b, err)
			_, err = io.Copy(io.Discard, r)
			require.NoError(b, err)
			r.Close()
		}
	})
}

// TestWarmReadAllocatesNothing keeps the benchmark honest.
func TestWarmReadAllocatesNothing(t *testing.T) {
	e := newBed(t, nil)
	obj, _ := e.put("f", mib)
	o := e.get(obj.Version)
	e.fill(o)
	e.settle()
	buf := make([]byte, 64<<10)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := o.ReadAt(context.Background(), buf, 4096); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, allocs)
}
