package fs

import (
	"context"
	"fmt"
	"strings"
	"testing"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"cosfs/cache"
	"cosfs/cosapi"
	"cosfs/cosapi/costest"
	"cosfs/writeback"
)

// BenchmarkReadDirPlus answers what `ls -l` of a directory of 10,000 objects
// asks, cold, without the kernel, the program and the server: the time is that
// of names, nodes and replies.
func BenchmarkReadDirPlus(b *testing.B) {
	client := costest.NewServer(b).Client(b)
	var g errgroup.Group
	g.SetLimit(8)
	for i := range 10_000 {
		g.Go(func() error {
			_, err := client.Put(b.Context(), fmt.Sprintf("file-%05d.txt", i), strings.NewReader(""), cosapi.PutOptions{})
			return err
		})
	}
	require.NoError(b, g.Wait())
	pages := &keptPages{Client: client, pages: map[string]cosapi.Page{}}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		f := benchFS(b, client, pages)
		bridge := fusefs.NewNodeFS(f.root, f.nodeOptions())
		b.StartTimer()
		require.Equal(b, 10_000+dots, readPlus(b, bridge))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/entry")
}

// keptPages is a bucket that has been listed before, so that a page is there
// at once.
type keptPages struct {
	*cosapi.Client
	pages map[string]cosapi.Page
}

func (k *keptPages) List(ctx context.Context, o cosapi.ListOptions) (cosapi.Page, error) {
	asked := fmt.Sprint(o)
	if page, ok := k.pages[asked]; ok {
		return page, nil
	}
	page, err := k.Client.List(ctx, o)
	k.pages[asked] = page
	return page, err
}

// benchFS is a file system that is not mounted.
func benchFS(b *testing.B, client *cosapi.Client, bucket cache.Bucket) *FS {
	blocks, err := cache.Open(cache.Config{Dir: b.TempDir(), Source: client})
	require.NoError(b, err)
	names := cache.NewNames(cache.NamesConfig{Bucket: bucket, Attrs: cache.AttrsList})
	stage, err := writeback.Open(writeback.Config{
		Dir: b.TempDir(), Store: client,
		OpenBase: func(v cosapi.Version) (writeback.Base, error) { return blocks.Get(v) },
	})
	require.NoError(b, err)
	f, err := New(Config{Bucket: client, Cache: blocks, Names: names, Stage: stage})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, f.Close(context.Background()))
		require.NoError(b, stage.Close())
		names.Close()
		require.NoError(b, blocks.Close())
	})
	return f
}

// readPlus reads the root as the kernel does, and counts the entries.
func readPlus(b *testing.B, bridge fuse.RawFileSystem) (count int) {
	header := fuse.InHeader{NodeId: 1}
	var open fuse.OpenOut
	require.Equal(b, fuse.OK, bridge.OpenDir(nil, &fuse.OpenIn{InHeader: header}, &open))
	buf := make([]byte, 1<<17)
	for off := uint64(0); ; {
		list := fuse.NewDirEntryList(buf, off)
		require.Equal(b, fuse.OK, bridge.ReadDirPlus(nil, &fuse.ReadIn{InHeader: header, Fh: open.Fh, Offset: off, Size: uint32(len(buf))}, list))
		entries, _, err := fuse.ParseDirLookupEntries(list.Bytes())
		require.NoError(b, err)
		if len(entries) == 0 {
			return count
		}
		count, off = count+len(entries), list.Offset
	}
}
