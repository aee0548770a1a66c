package cache

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

func (e *bed) local(p []byte) string {
	path := filepath.Join(e.cfg.Dir, fmt.Sprintf("local-%d", len(p)))
	require.NoError(e.t, os.WriteFile(path, p, 0o600))
	return path
}

func TestBytesSurviveRemount(t *testing.T) {
	e := newBed(t, nil)
	whole, p := e.put("whole", 9*mib+1)
	part, q := e.put("part", 30*mib)
	o := e.get(whole.Version)
	e.fill(o)
	require.NoError(t, o.Close())
	o = e.get(part.Version)
	e.requireRead(o, q, 0, 4096)
	require.NoError(t, o.Close())
	e.reopen()
	e.server.ResetCounts()

	require.EqualValues(t, 9*mib+1, e.cache.Stats().Bytes, "the partial file is gone")
	o = e.get(whole.Version)
	require.True(t, o.Complete())
	require.True(t, bytes.Equal(p, e.readAll(o, mib)))
	require.Zero(t, e.gets())
	e.requireRead(e.get(part.Version), q, 0, 4096)
	require.EqualValues(t, 1, e.gets())
}

func TestPartialFilesLastUntilRemount(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 30*mib)
	o := e.get(obj.Version)
	e.requireRead(o, p, 20*mib, 4096)
	e.requireRead(o, p, 10*mib, 4096)
	require.NoError(t, o.Close())
	e.settle()
	before := e.gets()
	o = e.get(obj.Version)
	e.requireRead(o, p, 20*mib, 4096)
	e.requireRead(o, p, 10*mib, 4096)
	require.Equal(t, before, e.gets())
}

func TestEvictsLeastRecentlyUsed(t *testing.T) {
	e := newBed(t, func(c *Config) { c.Size = 10 * mib })
	var vs []cosapi.Version
	for i := range 4 {
		obj, _ := e.put(fmt.Sprintf("f%d", i), 3*mib)
		vs = append(vs, obj.Version)
	}
	read := func(v cosapi.Version) {
		o, err := e.cache.Get(v)
		require.NoError(t, err)
		e.fill(o)
		require.NoError(t, o.Close())
		e.settle()
	}
	read(vs[0])
	read(vs[1])
	read(vs[2])
	read(vs[0]) // now the most recent
	read(vs[3])
	require.NotNil(t, e.cache.table[idOf(vs[0])])
	require.Nil(t, e.cache.table[idOf(vs[1])])
	require.EqualValues(t, 9*mib, e.cache.Stats().Bytes)
	require.EqualValues(t, 3*mib, e.cache.Stats().Evicted)

	// The order outlives a remount, by the files' times.
	old := e.cache.dir.final(idOf(vs[0]))
	info, err := os.Stat(old)
	require.NoError(t, err)
	require.NoError(t, os.Chtimes(old, info.ModTime(), info.ModTime().Add(-3e12)))
	e.reopen()
	read(vs[1])
	require.Nil(t, e.cache.table[idOf(vs[0])])
	require.NotNil(t, e.cache.table[idOf(vs[3])])
}

func TestSmallerCacheTrimsAtOpen(t *testing.T) {
	e := newBed(t, nil)
	for i := range 3 {
		obj, _ := e.put(fmt.Sprintf("f%d", i), 3*mib)
		o := e.get(obj.Version)
		e.fill(o)
		require.NoError(t, o.Close())
	}
	e.cfg.Size = 4 * mib
	e.reopen()
	require.EqualValues(t, 3*mib, e.cache.Stats().Bytes)
}

// diskUse is what the files of the cache occupy.
func (e *bed) diskUse() (n int64) {
	files, err := filepath.Glob(filepath.Join(e.cfg.Dir, "?", "*"))
	require.NoError(e.t, err)
	for _, f := range files {
		n += allocated(e.t, f)
	}
	return n
}

func TestObjectLargerThanTheCache(t *testing.T) {
	e := newBed(t, func(c *Config) { c.Size = 32 * mib })
	obj, p := e.put("f", 64*mib)
	o := e.get(obj.Version)
	buf := make([]byte, mib)
	for off := int64(0); off < obj.Size; off += mib {
		_, err := o.ReadAt(context.Background(), buf, off)
		require.NoError(t, err)
		require.True(t, bytes.Equal(p[off:off+mib], buf))
		require.LessOrEqual(t, e.cache.Stats().Bytes, int64(32*mib))
		require.LessOrEqual(t, e.diskUse(), int64(32*mib+maxGet), "holes are real")
	}
	require.LessOrEqual(t, e.gets(), int64(64/8+2))
	require.ErrorIs(t, o.Fill(context.Background()), ErrTooLarge)
	e.requireRead(o, p, 0, 2*mib)
}

func TestPinnedCompleteFileGivesWay(t *testing.T) {
	e := newBed(t, func(c *Config) { c.Size = 20 * mib })
	first, p := e.put("a", 16*mib)
	o := e.get(first.Version)
	e.fill(o)
	second, q := e.put("bb", 16*mib)
	other := e.get(second.Version)
	require.True(t, bytes.Equal(q, e.readAll(other, 128<<10)))
	require.False(t, o.Complete(), "its blocks were needed")
	require.True(t, bytes.Equal(p, e.readAll(o, 128<<10)))
	require.LessOrEqual(t, e.cache.Stats().Bytes, int64(20*mib))
}

func TestLentFileIsNeverPunched(t *testing.T) {
	e := newBed(t, func(c *Config) { c.Size = 20 * mib })
	first, p := e.put("a", 16*mib)
	o := e.get(first.Version)
	_, ok := o.File()
	require.False(t, ok, "not complete yet")
	e.fill(o)
	f, ok := o.File()
	require.True(t, ok)
	defer f.Close()
	_, err := f.WriteAt([]byte("x"), 0)
	require.Error(t, err, "read-only")

	second, q := e.put("bb", 16*mib)
	require.True(t, bytes.Equal(q, e.readAll(e.get(second.Version), 128<<10)))
	require.True(t, o.Complete())
	all, err := io.ReadAll(f)
	require.NoError(t, err)
	require.True(t, bytes.Equal(p, all))

	// The last Object takes the promise with it.
	require.NoError(t, o.Close())
	o = e.get(first.Version)
	require.True(t, o.Complete())
	third, r := e.put("ccc", 16*mib)
	require.True(t, bytes.Equal(r, e.readAll(e.get(third.Version), 128<<10)))
	require.False(t, o.Complete())
}

func TestCompleteFileHasNoWriter(t *testing.T) {
	e := newBed(t, nil)
	obj, _ := e.put("f", 2*mib)
	o := e.get(obj.Version)
	e.fill(o)
	f, ok := o.File()
	require.True(t, ok)
	defer f.Close()
	requireLease(t, f)
}

func TestAdopt(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 5*mib)
	path := e.local(p)
	require.NoError(t, e.cache.Adopt(obj, path))
	require.NoFileExists(t, path)
	o := e.get(obj.Version)
	require.True(t, o.Complete())
	require.True(t, bytes.Equal(p, e.readAll(o, mib)))
	require.Zero(t, e.gets())
	e.settle()
	require.NoError(t, e.cache.Check())
}

func TestAdoptRefuses(t *testing.T) {
	e := newBed(t, func(c *Config) { c.Size = 4 * mib })
	obj, p := e.put("f", 3*mib)
	path := e.local(p[:mib])
	require.ErrorIs(t, e.cache.Adopt(obj, path), cosapi.Corrupt)
	require.FileExists(t, path)
	require.NoError(t, os.Remove(path))
	big, q := e.put("gg", 5*mib)
	path = e.local(q)
	require.NoError(t, e.cache.Adopt(big, path))
	require.NoFileExists(t, path, "does not fit, so it is not kept")
	require.Zero(t, e.cache.Stats().Files)
	require.ErrorIs(t, e.cache.Adopt(cosapi.Object{}, path), cosapi.Invalid)
}

func TestAdoptOverReaders(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 20*mib)
	reader := e.get(obj.Version)
	e.requireRead(reader, p, 15*mib, 4096)
	require.NoError(t, e.cache.Adopt(obj, e.local(p)))
	o := e.get(obj.Version)
	require.True(t, o.Complete())
	require.False(t, reader.Complete())
	require.True(t, bytes.Equal(p, e.readAll(reader, mib)), "the old reader goes on")
	e.fill(reader)
	require.NoError(t, reader.Close())
	e.settle()
	require.NoError(t, e.cache.Check())
	require.True(t, bytes.Equal(p, e.readAll(o, mib)))
}

func TestTake(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 3*mib)
	path := filepath.Join(e.cfg.Dir, "taken")
	taken, err := e.cache.Take(obj.Version, path)
	require.NoError(t, err)
	require.False(t, taken, "unknown")
	o := e.get(obj.Version)
	e.requireRead(o, p, 0, 1)
	e.fill(o)
	taken, err = e.cache.Take(obj.Version, path)
	require.NoError(t, err)
	require.True(t, taken)
	require.NoError(t, e.cache.Check())
	require.Zero(t, e.cache.Stats().Bytes)

	// A writer changes it: who has it open sees that, as POSIX asks.
	copy(p[mib:], "written")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("written"), mib)
	require.NoError(t, err)
	e.requireRead(o, p, 0, 3*mib)
	require.NoError(t, f.Truncate(mib))
	require.NoError(t, f.Close())
	n, err := o.ReadAt(context.Background(), make([]byte, 2*mib), 0)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, mib, n)
	_, ok := o.File()
	require.False(t, ok, "not ours any more")
	require.NoError(t, o.Close())
	require.FileExists(t, path)

	taken, err = e.cache.Take(obj.Version, path)
	require.NoError(t, err)
	require.False(t, taken)
}

func TestTakeErrorKeepsTheFile(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", mib)
	o := e.get(obj.Version)
	e.fill(o)
	_, err := e.cache.Take(obj.Version, filepath.Join(e.cfg.Dir, "no", "such", "directory"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.True(t, o.Complete())
	e.requireRead(o, p, 0, mib)
}

func TestRekey(t *testing.T) {
	for name, whole := range map[string]bool{"complete": true, "partial": false} {
		t.Run(name, func(t *testing.T) {
			e := newBed(t, nil)
			ctx := context.Background()
			obj, p := e.put("old", 10*mib)
			o := e.get(obj.Version)
			e.requireRead(o, p, 0, 4096)
			if whole {
				e.fill(o)
			}
			moved, err := e.client.Copy(ctx, obj.Version, "new", cosapi.CopyOptions{})
			require.NoError(t, err)
			require.NoError(t, e.client.Delete(ctx, "old"))
			to := cosapi.Version{Key: "new", ETag: moved.ETag, Size: obj.Size}
			require.NoError(t, e.cache.Rekey(obj.Version, to))
			require.Equal(t, to, o.Version())
			require.True(t, bytes.Equal(p, e.readAll(o, 128<<10)), "open readers go on under the new key")
			e.fill(o)
			require.NoError(t, o.Close())
			e.reopen()
			o = e.get(to)
			require.True(t, o.Complete())
			require.True(t, bytes.Equal(p, e.readAll(o, mib)))
		})
	}
}

func TestRekeyOntoKnownVersion(t *testing.T) {
	e := newBed(t, nil)
	a, p := e.put("a", 2*mib)
	b, err := e.client.Copy(context.Background(), a.Version, "b", cosapi.CopyOptions{})
	require.NoError(t, err)
	to := cosapi.Version{Key: "b", ETag: b.ETag, Size: a.Size}
	oa, ob := e.get(a.Version), e.get(to)
	e.fill(oa)
	e.fill(ob)
	require.NoError(t, e.cache.Rekey(a.Version, to))
	require.NoError(t, e.cache.Check())
	e.requireRead(oa, p, 0, 2*mib)
	e.requireRead(ob, p, 0, 2*mib)
	require.NoError(t, e.cache.Rekey(a.Version, to), "unknown by now")
	require.ErrorIs(t, e.cache.Rekey(to, cosapi.Version{Key: "c", ETag: "x", Size: 1}), cosapi.Invalid)
}

// TestDisplacedUnderReaders is for the race detector: a version is forgotten,
// adopted, renamed and taken while others open and read it.
func TestDisplacedUnderReaders(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("k", 300_000)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			buf := make([]byte, 10)
			for {
				select {
				case <-stop:
					return
				default:
				}
				o, err := e.cache.Get(obj.Version)
				if err != nil {
					t.Error(err)
					return
				}
				if f, ok := o.File(); ok {
					f.Close()
				}
				if _, err := o.ReadAt(context.Background(), buf, 5); err != nil || !bytes.Equal(p[5:15], buf) {
					t.Error("wrong bytes", err)
				}
				o.Close()
			}
		})
	}
	for i := range 100 {
		switch i % 3 {
		case 0:
			require.NoError(t, e.cache.Adopt(obj, e.local(p)))
		case 1:
			e.cache.Forget(obj.Version)
		case 2:
			_, err := e.cache.Take(obj.Version, filepath.Join(e.cfg.Dir, "taken"))
			require.NoError(t, err)
		}
		if i%10 == 0 {
			o := e.get(obj.Version)
			e.fill(o)
			require.NoError(t, o.Close())
		}
	}
	close(stop)
	readers.Wait()
}

func TestForgetVersion(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 20*mib)
	o := e.get(obj.Version)
	e.requireRead(o, p, 0, 4096)
	e.cache.Forget(obj.Version)
	require.Zero(t, e.cache.Stats().Files)
	e.requireRead(o, p, 0, 20*mib)
	e.fill(o)
	require.False(t, o.Complete())
	require.NoError(t, o.Close())
	e.settle()
	require.Zero(t, e.diskUse())
	require.Zero(t, e.cache.Stats().Bytes)
	e.cache.Forget(obj.Version)
}
