package fs

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func TestWriteThenRead(t *testing.T) {
	w := newWorld(t, nil)
	for _, size := range []int{0, 1, 4095, 4096, 1 << 20, 8 << 20, 8<<20 + 1, 25<<20 + 17} {
		name := fmt.Sprint("f", size)
		body := randomBytes(size)
		require.NoError(t, os.WriteFile(w.path(name), body, 0o644))
		require.True(t, string(body) == w.get(name), "%d bytes, as another host reads them", size)
		require.True(t, string(body) == w.read(name), "%d bytes, from the cache", size)
	}
	w.remount()
	for _, size := range []int{0, 1, 25<<20 + 17} {
		name := fmt.Sprint("f", size)
		require.True(t, w.get(name) == w.read(name), "%d bytes, cold", size)
	}
}

// Random writes, truncations and appends to a stored file give what they give
// on a local disk.
func TestRandomWrites(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.stage.PartSize = 1 << 20 })
	rng := mrand.New(mrand.NewPCG(1, 2))
	want := randomBytes(3<<20 + 123)
	require.NoError(t, os.WriteFile(w.path("f"), want, 0o644))
	for round := range 12 {
		f, err := os.OpenFile(w.path("f"), os.O_RDWR, 0)
		require.NoError(t, err)
		for range 8 {
			switch rng.IntN(4) {
			case 0:
				size := rng.IntN(4 << 20)
				require.NoError(t, f.Truncate(int64(size)))
				want = append(want, make([]byte, max(0, size-len(want)))...)[:size]
			case 1:
				at := rng.IntN(len(want) + 1)
				got := make([]byte, 100_000)
				n, err := f.ReadAt(got, int64(at))
				if err != nil {
					require.ErrorIs(t, err, io.EOF)
				}
				require.True(t, bytes.Equal(want[at:min(len(want), at+len(got))], got[:n]), "round %d", round)
			default:
				at, p := rng.IntN(len(want)+1000), randomBytes(rng.IntN(300_000))
				_, err := f.WriteAt(p, int64(at))
				require.NoError(t, err)
				if len(p) > 0 {
					want = append(want, make([]byte, max(0, at+len(p)-len(want)))...)
					copy(want[at:], p)
				}
			}
		}
		require.NoError(t, f.Close())
		require.True(t, string(want) == w.get("f"), "in the bucket, round %d", round)
		if round%4 == 3 {
			w.remount()
		}
	}
	require.True(t, string(want) == w.read("f"))
}

func TestAppend(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 5 {
		f, err := os.OpenFile(w.path("log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		require.NoError(t, err)
		_, err = fmt.Fprintf(f, "line %d\n", i)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	require.Equal(t, "line 0\nline 1\nline 2\nline 3\nline 4\n", w.get("log"))
}

func TestTruncateByPath(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "hello world")
	require.NoError(t, os.Truncate(w.path("f"), 5))
	require.Equal(t, "hello", w.get("f"), "no close follows truncate(2), so it is stored at once")
	require.NoError(t, os.Truncate(w.path("f"), 8))
	require.Equal(t, "hello\x00\x00\x00", w.get("f"))
	require.Equal(t, "hello\x00\x00\x00", w.read("f"))
	require.ErrorIs(t, os.Truncate(w.path("absent"), 0), syscall.ENOENT)
}

// fsync stores while the file is open, and a reader beside it sees writes
// before they are stored.
func TestFsyncAndSecondHandle(t *testing.T) {
	w := newWorld(t, nil)
	f, err := os.Create(w.path("f"))
	require.NoError(t, err)
	_, err = f.WriteString("one")
	require.NoError(t, err)
	require.Equal(t, "one", w.read("f"), "visible here before it is stored")
	require.Empty(t, w.keys())
	require.NoError(t, f.Sync())
	require.Equal(t, "one", w.get("f"))
	_, err = f.WriteString(" two")
	require.NoError(t, err)
	require.Equal(t, "one two", w.read("f"))
	require.NoError(t, f.Close())
	require.Equal(t, "one two", w.get("f"))
}

func TestUnlinkWhileOpen(t *testing.T) {
	w := newWorld(t, nil)
	body := string(randomBytes(5 << 20))
	w.put("f", body)
	f, err := os.OpenFile(w.path("f"), os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, os.Remove(w.path("f")))
	require.NoFileExists(t, w.path("f"))
	require.Empty(t, w.keys())
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	require.True(t, body == string(got), "what is open can be read to its end")
	_, err = f.WriteAt([]byte("gone"), 0)
	require.NoError(t, err)
	w.write("f", "a new file of the same name")
	require.NoError(t, f.Close())
	require.Equal(t, "a new file of the same name", w.get("f"))
	require.Equal(t, "a new file of the same name", w.read("f"))
}

func TestSharedMapping(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", string(bytes.Repeat([]byte("x"), 8192)))
	f, err := os.OpenFile(w.path("f"), os.O_RDWR, 0)
	require.NoError(t, err)
	m, err := unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	copy(m[4096:], "stored through the mapping")
	require.NoError(t, unix.Msync(m, unix.MS_SYNC))
	require.NoError(t, unix.Munmap(m))
	require.Eventually(t, func() bool { return w.get("f")[4096:4096+26] == "stored through the mapping" }, 5*time.Second, 10*time.Millisecond,
		"it reaches the bucket when the mapping is gone")
}

// A version made elsewhere: what is open keeps its own bytes or says ESTALE,
// and a new open gets the new ones.
func TestChangeByAnotherHost(t *testing.T) {
	w := newWorld(t, func(p *parts) { shortTTL(p) })
	old := string(randomBytes(40 << 20))
	w.put("f", old)
	f, err := os.Open(w.path("f"))
	require.NoError(t, err)
	defer f.Close()
	head := make([]byte, 1000)
	_, err = f.ReadAt(head, 0)
	require.NoError(t, err)
	w.put("f", "the new content")
	_, err = f.ReadAt(head, 39<<20)
	require.ErrorIs(t, err, syscall.ESTALE, "never bytes of another version")
	require.Eventually(t, func() bool {
		body, err := os.ReadFile(w.path("f"))
		return err == nil && string(body) == "the new content"
	}, 5*time.Second, 20*time.Millisecond)
	_, err = f.ReadAt(head, 0)
	require.NoError(t, err)
	require.Equal(t, old[:1000], string(head), "what was read already is still there")
}

// shortTTL makes changes of other hosts visible at once.
func shortTTL(p *parts) {
	p.fs.AttrTTL, p.fs.NegativeTTL = 10*time.Millisecond, 10*time.Millisecond
	p.names.TTL, p.names.NegativeTTL = 10*time.Millisecond, 10*time.Millisecond
}

// Somebody else stored under a name while ours was open: both are kept.
func TestConflictKeepsBoth(t *testing.T) {
	w := newWorld(t, func(p *parts) { shortTTL(p); p.stage.BaseTTL = time.Millisecond })
	f, err := os.Create(w.path("f"))
	require.NoError(t, err)
	_, err = f.WriteString("ours")
	require.NoError(t, err)
	w.put("f", "theirs")
	require.ErrorIs(t, f.Close(), syscall.ESTALE)
	require.Equal(t, "theirs", w.get("f"))
	keys := w.keys()
	require.Len(t, keys, 2)
	require.Contains(t, keys[1], "f.cosfs-conflict-here-")
	require.Equal(t, "ours", w.get(keys[1]))
}

func TestParallelWriters(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	var g errgroup.Group
	g.SetLimit(8)
	for i := range 200 {
		g.Go(func() error {
			return os.WriteFile(w.path(fmt.Sprintf("d/f%03d", i)), fmt.Appendf(nil, "body %d", i), 0o644)
		})
	}
	require.NoError(t, g.Wait())
	require.Len(t, w.ls("d"), 200)
	for i := range 200 {
		require.Equal(t, fmt.Sprint("body ", i), w.get(fmt.Sprintf("d/f%03d", i)))
	}
}

func TestReadOnly(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.fs.ReadOnly, p.opts.ReadOnly = true, true })
	w.put("f", "body")
	require.Equal(t, "body", w.read("f"))
	require.ErrorIs(t, os.WriteFile(w.path("g"), nil, 0o644), syscall.EROFS)
	require.ErrorIs(t, os.Remove(w.path("f")), syscall.EROFS)
	require.ErrorIs(t, os.Chmod(w.path("f"), 0o600), syscall.EROFS)
	require.ErrorIs(t, os.Mkdir(w.path("d"), 0o755), syscall.EROFS)
	require.ErrorIs(t, os.Rename(w.path("f"), w.path("g")), syscall.EROFS)
}

func TestPrefixMount(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.fs.Prefix = "in/side/" })
	w.put("in/side/a", "inside")
	w.put("out", "outside")
	require.Equal(t, []string{"a"}, w.ls(""))
	w.write("b", "new")
	require.Equal(t, "new", w.get("in/side/b"))
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	require.NoError(t, os.Rename(w.path("b"), w.path("d/c")))
	require.Equal(t, []string{"in/side/a", "in/side/d/", "in/side/d/c", "out"}, w.keys())
	w.remount()
	require.Equal(t, "new", w.read("d/c"))
}

// A mount that starts with staged data of an earlier run shows and stores it.
func TestRecovery(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.MkdirAll(w.path("d/e"), 0o755))
	w.server.Faults.Add(costestDenyPuts())
	require.ErrorIs(t, os.WriteFile(w.path("d/e/f"), []byte("owed"), 0o640), syscall.EACCES)
	require.Equal(t, "owed", w.read("d/e/f"), "it is still there, and visible")
	w.down()
	w.up()
	require.Equal(t, "owed", w.read("d/e/f"))
	st, err := os.Stat(w.path("d/e/f"))
	require.NoError(t, err)
	require.EqualValues(t, 0o640, st.Mode().Perm())
	w.server.Faults.Clear()
	require.Eventually(t, func() bool {
		_, err := w.client.Head(t.Context(), "d/e/f")
		return err == nil
	}, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, "owed", w.get("d/e/f"))
	require.Equal(t, []string{"d/", "d/e/", "d/e/f"}, w.keys())
}

// A file made without a name is nowhere until it is linked into place.
func TestTmpfile(t *testing.T) {
	w := newWorld(t, nil)
	n, err := unix.Open(w.dir, unix.O_TMPFILE|unix.O_RDWR, 0o640)
	require.NoError(t, err)
	f := os.NewFile(uintptr(n), "tmpfile")
	_, err = f.WriteString("body")
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.Empty(t, w.ls(""))
	require.Empty(t, w.keys())
	proc := fmt.Sprintf("/proc/self/fd/%d", n)
	require.NoError(t, unix.Linkat(unix.AT_FDCWD, proc, unix.AT_FDCWD, w.path("f.txt"), unix.AT_SYMLINK_FOLLOW))
	require.Equal(t, "body", w.read("f.txt"))
	require.ErrorIs(t, unix.Linkat(unix.AT_FDCWD, proc, unix.AT_FDCWD, w.path("g"), unix.AT_SYMLINK_FOLLOW), unix.EPERM, "now it would be a hard link")
	require.NoError(t, f.Close())
	require.Equal(t, "body", w.get("f.txt"))
	require.Contains(t, w.head("f.txt").ContentType, "text/plain")

	n, err = unix.Open(w.dir, unix.O_TMPFILE|unix.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = unix.Write(n, []byte("never seen"))
	require.NoError(t, err)
	require.NoError(t, unix.Close(n))
	require.Equal(t, []string{"f.txt"}, w.keys())
}
