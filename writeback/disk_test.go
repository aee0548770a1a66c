package writeback

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// swap gives a file another descriptor until the function it returns is called.
func swap(t *testing.T, f *File, other *os.File, err error) (back func()) {
	t.Helper()
	require.NoError(t, err)
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.data
	f.data = other
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.data = was
		require.NoError(t, other.Close())
	}
}

// A cut of an owed file promises nothing that a power cut would take.
func TestCutSyncsWhatItPromises(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(1000))
	defer r.promised(f)()
	r.write(f, random(100000), 1000)
	null, err := os.Open(os.DevNull) // cannot be synced
	back := swap(t, f, null, err)
	require.ErrorIs(t, f.Truncate(r.ctx(), 90000), syscall.EINVAL)
	back()
	record, err := r.stage.readRecord(f.id)
	require.NoError(t, err)
	require.EqualValues(t, 1000, record.Size, "as it was")
	require.EqualValues(t, 101000, f.Size())
	require.NoError(t, f.Truncate(r.ctx(), 0), "nothing of it is left to be lost")
}

// A cut that failed after the record had been cut.
func TestCutThatFails(t *testing.T) {
	for name, blocked := range map[string]bool{"restored": false, "promised again": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			content := random(1000)
			f := r.create("k", content)
			defer r.promised(f)()
			require.NoError(t, r.stage.Check())
			require.NoError(t, f.recordOpen())
			readOnly, err := os.Open(f.dataPath())
			back := swap(t, f, readOnly, err)
			f.disk.Lock()
			f.mu.Lock()
			if blocked {
				require.NoError(t, f.stage.writeRecord(cutRecord(f, 10), true, true))
				require.NoError(t, mkdirInTheWay(f))
				require.Error(t, f.restoreRecordLocked())
			} else {
				require.ErrorIs(t, f.truncateLocked(10), syscall.EINVAL)
			}
			f.mu.Unlock()
			f.disk.Unlock()
			back()
			require.NoError(t, clearTheWay(f))
			require.NoError(t, f.promise())
			record, err := r.stage.readRecord(f.id)
			require.NoError(t, err)
			require.EqualValues(t, 1000, record.Size)
			require.Equal(t, content, r.read(f))
		})
	}
}

func cutRecord(f *File, size int64) Record {
	r := f.recordLocked(StateOwed)
	r.Size = size
	r.Local.Cut(size, 1<<62)
	return r
}

// After a sync has failed, the next one proves nothing.
func TestFailedSyncIsNotForgotten(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(1000))
	null, err := os.Open(os.DevNull)
	back := swap(t, f, null, err)
	require.ErrorIs(t, f.Sync(r.ctx()), syscall.EINVAL)
	back()
	require.ErrorIs(t, f.Sync(r.ctx()), syscall.EINVAL)
	require.ErrorIs(t, f.StoreLater(nil), syscall.EINVAL)
	r.store(f)
	r.write(f, []byte("new"), 0)
	require.NoError(t, f.Sync(r.ctx()), "COS has what the disk has lost")
	null, err = os.Open(os.DevNull)
	back = swap(t, f, null, err)
	require.Error(t, f.Sync(r.ctx()))
	back()
	require.NoError(t, f.Truncate(r.ctx(), 0))
	require.NoError(t, f.Sync(r.ctx()), "nothing of it is left")
}

// A first record that was cut short by a full disk leaves nothing behind.
func TestHalfAFirstRecord(t *testing.T) {
	r := newRig(t)
	f, err := r.stage.Create("k", cosapi.PutOptions{})
	require.NoError(t, err)
	restore := limit(t, unix.RLIMIT_FSIZE, 20)
	_, err = f.WriteAt(r.ctx(), []byte("x"), 0)
	restore()
	require.Error(t, err)
	require.Empty(t, r.staged())
	require.NoError(t, r.stage.Check())
	require.NoError(t, f.Discard())
}

// No record can be written, but uploads go on: they are what makes room.
func TestUploadWithoutARecord(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(3*mib))
	release := r.promised(f)
	r.write(f, []byte("new"), 0) // so that the record is behind, too
	require.NoError(t, mkdirInTheWay(f))
	inTheWay := filepath.Join(f.stage.path(f.id+asideSuffix), "x")
	require.NoError(t, os.WriteFile(inTheWay, nil, 0o600))
	release()
	require.NoError(t, r.stage.Drain(r.ctx()))
	r.store(f)
	require.Equal(t, "new", string(r.bucket("k")[:3]))
	require.NoError(t, os.Remove(inTheWay))
	require.NoError(t, clearTheWay(f))
}

// What the base is copied for needs room, too.
func TestFillAsksForRoom(t *testing.T) {
	r := newRig(t)
	f := r.edit(r.put("k", random(1000)))
	r.write(f, []byte("x"), 0)
	r.stage.space.floor = 1 << 60
	require.ErrorIs(t, f.fill(r.ctx(), 0, 1000), syscall.ENOSPC)
	require.Equal(t, Extents{{0, 1}}, f.local)
	r.stage.space.floor = -1
}

// The cache is asked to give room before a write fails.
func TestMakeRoom(t *testing.T) {
	var asked []int64
	s := space{dir: t.TempDir(), floor: 1 << 60}
	require.ErrorIs(t, s.reserve(1), syscall.ENOSPC)
	s.makeRoom = func(n int64) { asked = append(asked, n) }
	require.ErrorIs(t, s.reserve(1), syscall.ENOSPC, "if that was not enough")
	require.Len(t, asked, 1)
	require.Greater(t, asked[0], int64(1<<59))
	s.makeRoom = func(int64) { s.floor = 0 }
	require.NoError(t, s.reserve(1))
	s.makeRoom = func(int64) { t.Error("there is room") }
	require.NoError(t, s.reserve(1))
}

// counted is a Base that knows how many read it at once.
type counted struct {
	Base
	most *int
	now  *int
	mu   *sync.Mutex
}

func (c counted) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	c.mu.Lock()
	*c.now++
	*c.most = max(*c.most, *c.now)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		*c.now--
	}()
	return c.Base.ReadAt(ctx, p, off)
}

// No more buffers are filled at once than there are transfers.
func TestFillsAreBounded(t *testing.T) {
	var mu sync.Mutex
	most, now := 0, 0
	r := newRig(t, func(c *Config) {
		c.Parallel = 2
		open := c.OpenBase
		c.OpenBase = func(v cosapi.Version) (Base, error) {
			b, err := open(v)
			return counted{b, &most, &now, &mu}, err
		}
	})
	for _, key := range []string{"a", "b", "c", "d"} {
		for size, name := range map[int]string{3 * mib: key, 1000: key + " small"} {
			f := r.edit(r.put(name, random(size)))
			for off := 0; off < size; off += mib {
				r.write(f, []byte("x"), int64(off))
			}
			require.NoError(t, f.StoreLater(nil))
		}
	}
	require.NoError(t, r.stage.Drain(r.ctx()))
	mu.Lock()
	defer mu.Unlock()
	require.NotZero(t, most)
	require.LessOrEqual(t, most, 2)
}

// Cut and stored between finding the gaps and opening the base: short, and no
// error.
func TestReadOfWhatIsCutMeanwhile(t *testing.T) {
	r := newRig(t)
	base := r.put("k", random(1000))
	var f *File
	opened := 0
	r.stage.cfg.OpenBase = func(v cosapi.Version) (Base, error) {
		if opened++; opened == 1 {
			require.NoError(t, f.Truncate(r.ctx(), 0))
			r.store(f)
		}
		return r.openBase(v)
	}
	f = r.edit(base)
	n, err := f.ReadAt(r.ctx(), make([]byte, 10), 0)
	require.ErrorIs(t, err, io.EOF)
	require.Zero(t, n)
}
