package cache

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// adopt stores n objects of size bytes and lets the cache adopt them.
func (e *bed) adopt(n int, size int64) (vs []cosapi.Version, p []byte) {
	for i := range n {
		var obj cosapi.Object
		obj, p = e.put(fmt.Sprintf("f%04d", i), size)
		require.NoError(e.t, e.cache.Adopt(obj, e.local(p)))
		vs = append(vs, obj.Version)
	}
	return vs, p
}

// freshCount is how many files wait to be settled.
func (e *bed) freshCount() int {
	e.cache.mu.Lock()
	defer e.cache.mu.Unlock()
	return e.cache.fresh.Len()
}

// settleNow is what the cache does when the time has come.
func (e *bed) settleNow() bool {
	files, _ := e.cache.dueFiles(0)
	return e.cache.settleRound(files)
}

// names are the files of the cache, relative to its directory.
func (e *bed) names() (all []string) {
	files, err := filepath.Glob(filepath.Join(e.cfg.Dir, "?", "*"))
	require.NoError(e.t, err)
	for _, f := range files {
		all = append(all, filepath.Base(f))
	}
	return all
}

func TestAdoptedFilesAreSettledInTheBackground(t *testing.T) {
	e := newBed(t, nil)
	e.cache.settleDelay = time.Millisecond
	var early atomic.Int64
	e.cache.dir.sync = func(d diskStore) error {
		if !strings.HasSuffix(d.Name(), freshSuffix) {
			early.Add(1)
		}
		return d.sync()
	}
	vs, p := e.adopt(20, 5000)
	require.Eventually(t, func() bool { return e.freshCount() == 0 }, waitLimit, waitStep)
	require.Zero(t, early.Load(), "a final name before the sync")
	for _, v := range vs {
		require.FileExists(t, e.cache.dir.final(idOf(v)))
	}
	e.reopen()
	e.requireRead(e.get(vs[7]), p, 0, 5000)
	require.Zero(t, e.gets())
}

func TestNeitherAdoptNorCloseSyncs(t *testing.T) {
	e := newBed(t, nil)
	e.cache.settleDelay = time.Hour
	var syncs atomic.Int64
	e.cache.dir.sync = func(d diskStore) error {
		syncs.Add(1)
		return d.sync()
	}
	vs, p := e.adopt(settleBatch+10, 100)
	require.Zero(t, syncs.Load())
	for _, name := range e.names() {
		require.True(t, strings.HasSuffix(name, e.cache.dir.boot+freshSuffix), name)
	}
	e.requireRead(e.get(vs[0]), p, 0, 100)
	e.reopen()
	require.Zero(t, syncs.Load())
	require.Equal(t, len(vs), e.freshCount())
	require.True(t, e.settleNow())
	require.True(t, e.settleNow())
	require.Zero(t, e.freshCount())
	require.Equal(t, len(vs), e.cache.Stats().Files)
}

// TestKilledBeforeSettling: what a killed process has adopted is in the page
// cache, and is kept.
func TestKilledBeforeSettling(t *testing.T) {
	e := newBed(t, nil)
	stage := t.TempDir()
	var vs []cosapi.Version
	var p []byte
	for i := range 4 {
		var obj cosapi.Object
		obj, p = e.put(fmt.Sprintf("f%d", i), 3*mib+7)
		require.NoError(t, os.WriteFile(filepath.Join(stage, obj.Key), p, 0o600))
		vs = append(vs, obj.Version)
	}
	require.NoError(t, e.cache.Close())
	runAndKill(t, crashJob{Dir: e.cfg.Dir, Endpoint: e.server.URL, Bucket: e.server.Bucket, Versions: vs, Stage: stage}, 3)
	e.open()
	require.GreaterOrEqual(t, e.freshCount(), 3)
	for _, v := range vs[:3] {
		e.requireRead(e.get(v), p, 0, v.Size)
	}
	require.Zero(t, e.gets())
	require.True(t, e.settleNow())
	e.reopen()
	require.Zero(t, e.freshCount())
	e.requireRead(e.get(vs[0]), p, 0, vs[0].Size)
	require.Zero(t, e.gets())
}

// TestPowerCutBeforeSettling leaves what a power cut may leave: the names,
// and of the bytes nothing.
func TestPowerCutBeforeSettling(t *testing.T) {
	e := newBed(t, nil)
	e.cache.settleDelay = time.Millisecond
	old, p := e.adopt(1, 5000)
	require.Eventually(t, func() bool { return e.freshCount() == 0 }, waitLimit, waitStep)
	e.cache.settleDelay = time.Hour
	obj, q := e.put("late", 3*mib)
	require.NoError(t, e.cache.Adopt(obj, e.local(q)))

	after := t.TempDir()
	for _, name := range e.names() {
		sub := filepath.Join(after, name[:1])
		require.NoError(t, os.MkdirAll(sub, 0o700))
		if left, fresh := strings.CutSuffix(name, e.cache.dir.boot+freshSuffix); fresh {
			name = left + strings.Repeat("0", 32) + freshSuffix
			require.NoError(t, os.WriteFile(filepath.Join(sub, name), make([]byte, obj.Size), 0o600))
			continue
		}
		require.NoError(t, os.Link(filepath.Join(e.cfg.Dir, name[:1], name), filepath.Join(sub, name)))
	}
	require.NoError(t, e.cache.Close())
	e.cfg.Dir = after
	e.open()
	require.Equal(t, 1, e.cache.Stats().Files)
	require.Len(t, e.names(), 1, "deleted")
	e.requireRead(e.get(old[0]), p, 0, 5000)
	require.Zero(t, e.gets())
	e.requireRead(e.get(obj.Version), q, 0, obj.Size)
	require.EqualValues(t, 1, e.gets())
}

func TestBootOfTheNameIsTheKernels(t *testing.T) {
	boot := bootID()
	require.Len(t, boot, 32)
	require.Equal(t, boot, bootID())
	d := &dir{boot: boot}
	name := strings.Repeat("ab", 32)
	for doubtful, names := range map[bool][]string{
		false: {name, name + "." + boot + ".new", "attrs"},
		true:  {name + ".1.part", name + ".0123.new", name + ".new", boot + ".new"},
	} {
		for _, n := range names {
			require.Equal(t, doubtful, d.doubtful(n), n)
		}
	}
}

func TestFileThatCannotBeSettledIsDropped(t *testing.T) {
	for name, open := range map[string]bool{"open": true, "closed": false} {
		t.Run(name, func(t *testing.T) {
			e := newBed(t, nil)
			e.cache.dir.sync = func(diskStore) error { return syscall.EIO }
			e.cache.settleDelay = time.Hour
			vs, p := e.adopt(1, mib)
			var o *Object
			if open {
				o = e.get(vs[0])
				require.True(t, o.Complete())
			}
			require.True(t, e.settleNow())
			require.Empty(t, e.names())
			require.Zero(t, e.cache.Stats().Bytes)
			if !open {
				o = e.get(vs[0])
			}
			e.requireRead(o, p, 0, mib)
			require.EqualValues(t, 1, e.gets(), "fetched again")
		})
	}
}

func TestFreshFilesMoveOn(t *testing.T) {
	for name, move := range map[string]func(e *bed, v cosapi.Version){
		"forgotten": func(e *bed, v cosapi.Version) { e.cache.Forget(v) },
		"evicted":   func(e *bed, v cosapi.Version) { require.True(e.t, e.cache.MakeRoom(1)) },
		"taken": func(e *bed, v cosapi.Version) {
			taken, err := e.cache.Take(v, filepath.Join(e.cfg.Dir, "taken"))
			require.NoError(e.t, err)
			require.True(e.t, taken)
		},
		"adopted again": func(e *bed, v cosapi.Version) {
			p := content(uint64(len(v.Key))+uint64(v.Size), v.Size)
			require.NoError(e.t, e.cache.Adopt(cosapi.Object{Version: v}, e.local(p)))
		},
		"renamed": func(e *bed, v cosapi.Version) {
			to := v
			to.Key = "new"
			require.NoError(e.t, e.cache.Rekey(v, to))
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newBed(t, nil)
			e.cache.settleDelay = time.Hour
			vs, _ := e.adopt(1, 3000)
			// It happens while the file is being synced.
			e.cache.dir.sync = func(d diskStore) error {
				e.cache.dir.sync = diskStore.sync
				move(e, vs[0])
				return d.sync()
			}
			require.True(t, e.settleNow())
			require.NoError(t, e.cache.Check())
			require.True(t, e.settleNow())
			require.Zero(t, e.freshCount())
			require.NoError(t, e.cache.Check())
		})
	}
}

func TestAdoptKeepsTheBound(t *testing.T) {
	e := newBed(t, func(c *Config) { c.Size = mib })
	e.adopt(30, mib/10)
	require.Eventually(t, func() bool { return e.cache.Stats().Bytes <= mib }, waitLimit, waitStep)
	require.Eventually(t, func() bool { return len(e.names()) == 10 }, waitLimit, waitStep)
}

func TestMakeRoom(t *testing.T) {
	e := newBed(t, nil)
	vs, _ := e.adopt(4, mib)
	pinned := e.get(vs[0])
	require.False(t, e.cache.MakeRoom(4*mib), "one is open")
	require.Equal(t, 4, e.cache.Stats().Files, "and nothing was given up in vain")
	require.True(t, e.cache.MakeRoom(0))
	require.True(t, e.cache.MakeRoom(mib+1))
	require.Len(t, e.names(), 2, "deleted when it returns")
	require.NotNil(t, e.cache.table[idOf(vs[3])], "the oldest went")
	require.True(t, pinned.Complete())
	require.Equal(t, 2, e.count(Evicted))
	require.False(t, e.cache.MakeRoom(2*mib))
	none, err := Open(Config{Source: e.client})
	require.NoError(t, err)
	require.False(t, none.MakeRoom(1), "has no disk")
	require.NoError(t, none.Close())
}

// BenchmarkAdopt is what a writer waits for when its file is stored, 1000
// files of 4 KiB at a time.
func BenchmarkAdopt(b *testing.B) {
	const files = 1000
	e := newBed(b, nil)
	stage := b.TempDir()
	body := bytes.Repeat([]byte("x"), 4<<10)
	round := 0
	for b.Loop() {
		b.StopTimer()
		var objects [files]cosapi.Object
		for i := range objects {
			objects[i].Version = cosapi.Version{Key: fmt.Sprintf("%d-%d", round, i), ETag: "x", Size: 4 << 10}
			require.NoError(b, os.WriteFile(filepath.Join(stage, objects[i].Key), body, 0o600))
		}
		round++
		b.StartTimer()
		for _, obj := range objects {
			if err := e.cache.Adopt(obj, filepath.Join(stage, obj.Key)); err != nil {
				b.Fatal(err)
			}
		}
	}
}
