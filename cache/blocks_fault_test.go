package cache

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// faultyStore is a disk that fails when told to.
type faultyStore struct {
	store
	fail *atomic.Int64 // writes that still succeed; below zero: all
	read *atomic.Int64 // reads that still succeed; below zero: all
}

func spend(left *atomic.Int64, err error) error {
	if left.Load() >= 0 && left.Add(-1) < 0 {
		left.Store(0)
		return err
	}
	return nil
}

func (f faultyStore) WriteAt(p []byte, off int64) (int, error) {
	if err := spend(f.fail, syscall.ENOSPC); err != nil {
		return 0, err
	}
	return f.store.WriteAt(p, off)
}

func (f faultyStore) ReadAt(p []byte, off int64) (int, error) {
	if err := spend(f.read, syscall.EIO); err != nil {
		return 0, err
	}
	return f.store.ReadAt(p, off)
}

// breakDisk lets every new file of the cache fail after so many writes and
// reads; below zero is never.
func (e *bed) breakDisk(writes, reads int64) {
	var w, r atomic.Int64
	w.Store(writes)
	r.Store(reads)
	e.cache.dir.create = func(path string, size int64) (store, error) {
		st, err := createDisk(path, size)
		if err != nil {
			return nil, err
		}
		return faultyStore{st, &w, &r}, nil
	}
}

func TestFullDiskDoesNotFailReads(t *testing.T) {
	for name, writes := range map[string]int64{"at once": 0, "later": 20} {
		t.Run(name, func(t *testing.T) {
			var log syncBuffer
			e := newBed(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			e.breakDisk(writes, -1)
			for _, key := range []string{"a", "bc"} {
				obj, p := e.put(key, 9*mib+5)
				o := e.get(obj.Version)
				require.True(t, bytes.Equal(p, e.readAll(o, 128<<10)))
				require.False(t, o.Complete())
				_, ok := o.File()
				require.False(t, ok)
				require.NoError(t, o.Close())
			}
			require.LessOrEqual(t, e.cache.Stats().MemoryBytes, e.cache.Stats().MemoryLimit)
			require.Equal(t, 1, strings.Count(log.String(), "cannot be written"), log.String())
			require.LessOrEqual(t, e.gets(), int64(2*(5+10)), "still read-ahead, not a GET per read")
		})
	}
}

// syncBuffer is a log that may be written from any goroutine.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestDirectoryThatVanishedDoesNotFailReads(t *testing.T) {
	e := newBed(t, nil)
	require.NoError(t, os.RemoveAll(e.cfg.Dir))
	obj, p := e.put("f", 3*mib)
	o := e.get(obj.Version)
	require.True(t, bytes.Equal(p, e.readAll(o, 128<<10)))
	require.NoError(t, os.MkdirAll(e.cfg.Dir, 0o700)) // for the test's own cleaning up
}

func TestFreeFloorIsKept(t *testing.T) {
	e := newBed(t, func(c *Config) { c.FreeFloor = 100 * mib })
	var free atomic.Int64
	free.Store(1 << 40)
	e.cache.dir.free = func() (int64, error) { return free.Load(), nil }
	first, p1 := e.put("a", 4*mib)
	o := e.get(first.Version)
	e.fill(o)
	require.NoError(t, o.Close())

	// 2 MiB may be written; the idle file makes place for the rest.
	free.Store(102 * mib)
	second, p2 := e.put("bb", 5*mib)
	o = e.get(second.Version)
	e.fill(o)
	require.True(t, o.Complete())
	require.Equal(t, 1, e.count(Evicted))

	// Nothing is left to give: memory carries on.
	free.Store(50 * mib)
	o = e.get(first.Version)
	require.True(t, bytes.Equal(p1, e.readAll(o, 128<<10)))
	require.False(t, o.Complete())
	e.requireRead(e.get(second.Version), p2, 0, 5*mib)
}

func TestUnreadableFileIsFetchedAgain(t *testing.T) {
	e := newBed(t, nil)
	e.breakDisk(-1, 3)
	obj, p := e.put("f", 3*mib)
	o := e.get(obj.Version)
	require.True(t, bytes.Equal(p, e.readAll(o, 128<<10)))
	require.True(t, bytes.Equal(p, e.readAll(o, 128<<10)))
	require.GreaterOrEqual(t, e.gets(), int64(2))
}

func TestTruncatedFileIsFetchedAgain(t *testing.T) {
	for name, remount := range map[string]bool{"while closed": false, "before a mount": true} {
		t.Run(name, func(t *testing.T) {
			e := newBed(t, nil)
			obj, p := e.put("f", 3*mib)
			o := e.get(obj.Version)
			e.fill(o)
			require.NoError(t, o.Close())
			path := e.cache.dir.final(idOf(obj.Version))
			if remount {
				require.NoError(t, e.cache.Close())
			}
			require.NoError(t, os.Truncate(path, mib))
			if remount {
				e.open()
			}
			o = e.get(obj.Version)
			require.True(t, bytes.Equal(p, e.readAll(o, 128<<10)))
			e.fill(o)
			require.True(t, o.Complete())
		})
	}
}

func TestTruncatedWhileOpenIsFetchedAgain(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 3*mib)
	o := e.get(obj.Version)
	e.fill(o)
	require.NoError(t, os.Truncate(e.cache.dir.final(idOf(obj.Version)), mib))
	e.requireRead(o, p, 2*mib, mib)
	e.fill(o)
	require.True(t, o.Complete())
}

func TestWrongBytesAreFetchedOnceMore(t *testing.T) {
	for name, size := range map[string]int64{"one GET": 5 * mib, "several": 10 * mib} {
		t.Run(name, func(t *testing.T) {
			e := newBed(t, nil)
			obj, p := e.put("f", size)
			e.server.Faults.Add(costest.Fault{Op: "GetObject", Times: 1, Corrupt: true, CorruptAt: mib + 3})
			o := e.get(obj.Version)
			e.fill(o)
			require.True(t, o.Complete())
			e.requireRead(o, p, 0, size)
			e.settle()
			require.Equal(t, 1, e.count(Corrupted))
		})
	}
}

func TestWrongBytesTwiceAreCorrupt(t *testing.T) {
	for name, size := range map[string]int64{"one GET": 5 * mib, "several": 10 * mib} {
		t.Run(name, func(t *testing.T) {
			e := newBed(t, nil)
			obj, p := e.put("f", size)
			e.server.Faults.Add(costest.Fault{Op: "GetObject", Corrupt: true, CorruptAt: 1000})
			o := e.get(obj.Version)
			require.ErrorIs(t, o.Fill(context.Background()), cosapi.Corrupt)
			_, err := o.ReadAt(context.Background(), make([]byte, 10), 0)
			require.ErrorIs(t, err, cosapi.Corrupt)
			require.False(t, o.Complete())

			// Given up for those who have it open; the next opener tries anew.
			require.NoError(t, o.Close())
			e.server.Faults.Clear()
			e.requireRead(e.get(obj.Version), p, 0, size)
		})
	}
}

func TestWrongBytesOfPieces(t *testing.T) {
	e := newBed(t, nil)
	obj, p := e.put("f", 3*mib)
	// In units, out of order: no block passes by whole, so all are read back.
	e.server.Faults.Add(costest.Fault{Op: "GetObject", Skip: 1, Times: 1, Corrupt: true, CorruptAt: 10})
	o := e.get(obj.Version)
	o.ahead.tick = 1 // not the first read
	for unit := obj.Size/unitSize - 1; unit >= 0; unit-- {
		_, err := o.ReadAt(context.Background(), make([]byte, 10), unit*unitSize)
		require.NoError(t, err)
	}
	e.fill(o)
	require.True(t, o.Complete())
	e.requireRead(o, p, 0, obj.Size)
	e.settle()
	require.Equal(t, 1, e.count(Corrupted))
}

func TestDirectoryIsUsedByOne(t *testing.T) {
	e := newBed(t, nil)
	_, err := Open(e.cfg)
	require.ErrorContains(t, err, "in use by another mount")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Open(Config{Dir: file, Source: e.client})
	require.ErrorIs(t, err, syscall.ENOTDIR)
	require.ErrorContains(t, err, "--cache-dir")
	_, err = Open(Config{})
	require.Error(t, err)
}

func TestCheckSees(t *testing.T) {
	for name, breakIt := range map[string]func(e *bed, v cosapi.Version) (undo func()){
		"a stray file": func(e *bed, v cosapi.Version) func() {
			stray := filepath.Join(e.cfg.Dir, "00", "stray")
			require.NoError(t, os.MkdirAll(filepath.Dir(stray), 0o700))
			require.NoError(t, os.WriteFile(stray, nil, 0o600))
			return func() { require.NoError(t, os.Remove(stray)) }
		},
		"a shortened file": func(e *bed, v cosapi.Version) func() {
			path := e.cache.dir.final(idOf(v))
			require.NoError(t, os.Truncate(path, 1))
			return func() { require.NoError(t, os.Truncate(path, v.Size)) }
		},
		"a missing file": func(e *bed, v cosapi.Version) func() {
			path := e.cache.dir.final(idOf(v))
			require.NoError(t, os.Rename(path, path+"x"))
			return func() { require.NoError(t, os.Rename(path+"x", path)) }
		},
		"a wrong sum": func(e *bed, v cosapi.Version) func() {
			e.cache.disk.used++
			return func() { e.cache.disk.used-- }
		},
		"a leaked pin": func(e *bed, v cosapi.Version) func() {
			b := e.cache.table[idOf(v)]
			b.refs++
			return func() { b.refs-- }
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newBed(t, nil)
			obj, _ := e.put("f", 2*mib) // small ones have another name at first
			o := e.get(obj.Version)
			e.fill(o)
			require.NoError(t, o.Close())
			e.settle()
			require.NoError(t, e.cache.Check())
			undo := breakIt(e, obj.Version)
			require.Error(t, e.cache.Check())
			undo()
		})
	}
}

func TestNoDiskAtAll(t *testing.T) {
	e := newBed(t, func(c *Config) { c.Dir, c.Memory = "", 16*mib })
	obj, p := e.put("f", 30*mib)
	o := e.get(obj.Version)
	require.True(t, bytes.Equal(p, e.readAll(o, 128<<10)))
	require.ErrorIs(t, o.Fill(context.Background()), ErrTooLarge)
	s := e.cache.Stats()
	require.LessOrEqual(t, s.MemoryBytes, s.MemoryLimit)
	require.Equal(t, s.MemoryLimit, e.cache.Size())

	small, q := e.put("small", 1000)
	o = e.get(small.Version)
	e.fill(o)
	require.NoError(t, o.Close())
	before := e.gets()
	e.requireRead(e.get(small.Version), q, 0, 1000)
	require.Equal(t, before, e.gets(), "kept in memory")

	taken, err := e.cache.Take(small.Version, filepath.Join(t.TempDir(), "x"))
	require.NoError(t, err)
	require.False(t, taken)
	require.True(t, errors.Is(e.cache.Adopt(small, "/nonexistent/file"), os.ErrNotExist))
}

// TestShortageKeepsTheFile: an error at open that is not the file's costs this
// opener the file, and nobody else.
func TestShortageKeepsTheFile(t *testing.T) {
	for name, whole := range map[string]bool{"complete": true, "partial": false} {
		t.Run(name, func(t *testing.T) {
			e := newBed(t, nil)
			obj, p := e.put("f", 10*mib)
			o := e.get(obj.Version)
			e.requireRead(o, p, 5*mib, 4096)
			if whole {
				e.fill(o)
			}
			require.NoError(t, o.Close())
			e.settle()
			b := e.cache.table[idOf(obj.Version)]
			path := b.path
			b.path = filepath.Join(e.file(), "x") // ENOTDIR, whoever we are
			o = e.get(obj.Version)
			b.path = path
			e.requireRead(o, p, 5*mib, 4096)
			require.False(t, o.Complete())
			require.FileExists(t, path)
			require.Equal(t, 1, e.count(DiskFailed))
			require.Zero(t, e.count(Corrupted))

			before := e.gets()
			other := e.get(obj.Version)
			require.Equal(t, whole, other.Complete())
			e.requireRead(other, p, 5*mib, 4096)
			require.Equal(t, before, e.gets())
			require.NoError(t, o.Close())
			e.settle()
			require.Zero(t, e.cache.Stats().MemoryBytes)
		})
	}
}

// file is an empty file outside the fan-out directories.
func (e *bed) file() string {
	path := filepath.Join(e.cfg.Dir, "file")
	require.NoError(e.t, os.WriteFile(path, nil, 0o600))
	return path
}

func TestNoDescriptorsLeft(t *testing.T) {
	e := newBed(t, nil)
	vs, p := e.adopt(1, mib)
	var was syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was))
	low := was
	low.Cur = 3
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low))
	settled := e.settleNow()
	o, err := e.cache.Get(vs[0])
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was))
	require.NoError(t, err)
	require.NoError(t, o.Close())
	require.False(t, settled, "to be tried again")
	require.Equal(t, 1, e.freshCount())
	e.requireRead(e.get(vs[0]), p, 0, mib)
	require.Zero(t, e.gets())
}
