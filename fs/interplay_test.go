package fs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// A connection that ends in the middle is never the end of a file, nor a
// stored one.
func TestBrokenConnectionIsNoEnd(t *testing.T) {
	require.Equal(t, syscall.EIO, errno(&cosapi.Error{Kind: cosapi.Unavailable, Err: io.EOF}))
	w := newWorld(t, nil)
	w.put("f", "12345678")
	w.server.Faults.Add(costest.Fault{Op: "GetObject", ResetBefore: true})
	_, err := os.ReadFile(w.path("f"))
	require.ErrorIs(t, err, syscall.EIO)
	w.server.Faults.Add(costest.Fault{Op: "PutObject", ResetBefore: true})
	require.ErrorIs(t, os.WriteFile(w.path("g"), []byte("x"), 0o644), syscall.EIO)
	w.server.Faults.Clear()
}

// The base of an overwrite counts as checked when the bucket last showed it,
// not when the first byte was written.
func TestOldBaseIsCheckedBeforeOverwrite(t *testing.T) {
	w := newWorld(t, func(p *parts) { shortTTL(p); p.stage.BaseTTL = 50 * time.Millisecond })
	w.put("f", "first")
	f, err := os.OpenFile(w.path("f"), os.O_RDWR, 0)
	require.NoError(t, err)
	w.put("f", "theirs")
	time.Sleep(60 * time.Millisecond) // the point of the test is time that passes
	_, err = f.WriteString("ours!")
	require.NoError(t, err)
	require.ErrorIs(t, f.Close(), syscall.ESTALE)
	require.Equal(t, "theirs", w.get("f"))
}

// After a conflict the name is theirs at once, and ours is beside it.
func TestNameAfterConflict(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	f, err := os.Create(w.path("d/f"))
	require.NoError(t, err)
	_, err = f.WriteString("ours")
	require.NoError(t, err)
	w.put("d/f", "theirs")
	require.ErrorIs(t, f.Close(), syscall.ESTALE)
	require.Eventually(t, func() bool { body, _ := os.ReadFile(w.path("d/f")); return string(body) == "theirs" }, 5*time.Second, 10*time.Millisecond)
	names := w.ls("d")
	require.Len(t, names, 2)
	require.Equal(t, "ours", w.read("d/"+names[1]))
	w.write("d/f", "after all")
	require.Equal(t, "after all", w.get("d/f"))
}

// whileRenaming runs do in the middle of the rename of directory a to b: its
// first copy is held until do has begun.
func (w *world) whileRenaming(do func() error) error {
	w.t.Helper()
	hit, hold := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.server.Faults.Add(costest.Fault{Op: "CopyObject", Times: 1, Hold: hold, OnHit: func(*cosserver.Request) { once.Do(func() { close(hit) }) }})
	renamed, done := make(chan error, 1), make(chan error, 1)
	go func() { renamed <- unix.Rename(w.path("a"), w.path("b")) }()
	<-hit
	go func() { done <- do() }()
	time.Sleep(50 * time.Millisecond) // let it come as far as it can
	close(hold)
	require.NoError(w.t, <-renamed)
	return <-done
}

// What is done below a directory while it is renamed happens in its new place.
func TestChangesDuringDirectoryRename(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(dir string) error
		want []string
	}{
		"mkdir":     {func(dir string) error { return unix.Mkdirat(fd(dir), "n", 0o755) }, []string{"b/", "b/f", "b/n/"}},
		"symlink":   {func(dir string) error { return unix.Symlinkat("t", fd(dir), "n") }, []string{"b/", "b/f", "b/n"}},
		"unlink":    {func(dir string) error { return unix.Unlinkat(fd(dir), "f", 0) }, []string{"b/"}},
		"rename":    {func(dir string) error { d := fd(dir); return unix.Renameat(d, "f", d, "g") }, []string{"b/", "b/g"}},
		"new file":  {func(dir string) error { return writeAt(dir, "n", "new") }, []string{"b/", "b/f", "b/n"}},
		"overwrite": {func(dir string) error { return writeAt(dir, "f", "new") }, []string{"b/", "b/f"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			require.NoError(t, os.Mkdir(w.path("a"), 0o755))
			w.write("a/f", "body")
			dir, err := os.Open(w.path("a")) // the name changes, the directory stays
			require.NoError(t, err)
			defer dir.Close()
			require.NoError(t, w.whileRenaming(func() error { return c.do(fmt.Sprintf("/proc/self/fd/%d", dir.Fd())) }))
			require.Eventually(t, func() bool { return fmt.Sprint(w.keys()) == fmt.Sprint(c.want) }, 5*time.Second, 10*time.Millisecond, "%v", w.keys())
		})
	}
}

// fd gives the number in /proc/self/fd/N.
func fd(dir string) (n int) {
	_, _ = fmt.Sscanf(dir, "/proc/self/fd/%d", &n)
	return n
}

func writeAt(dir, name, body string) error {
	n, err := unix.Openat(fd(dir), name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(n), name)
	_, err = f.WriteString(body)
	if err := f.Close(); err != nil {
		return err
	}
	return err
}

// An owed file that the stage tries again does not come up under its old name.
func TestDirectoryRenameHoldsUploads(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.stage.Retry.Base = 5 * time.Millisecond })
	require.NoError(t, os.Mkdir(w.path("a"), 0o755))
	w.write("a/other", "x")
	w.server.Faults.Add(costest.Fault{Op: "PutObject", Key: "a/f", Status: 403, Code: "AccessDenied", Times: 1})
	require.ErrorIs(t, os.WriteFile(w.path("a/f"), []byte("owed"), 0o644), syscall.EACCES)
	require.NoError(t, unix.Rename(w.path("a"), w.path("b")))
	require.Eventually(t, func() bool { return fmt.Sprint(w.keys()) == "[b/ b/f b/other]" }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, "owed", w.read("b/f"))
}

// A rename whose original cannot be removed is undone.
func TestRenameRefusedHalfWay(t *testing.T) {
	w := newWorld(t, nil)
	w.write("a", "body")
	w.server.Faults.Add(costest.Fault{Op: "DeleteObject", Key: "a", Status: 403, Code: "AccessDenied"})
	require.ErrorIs(t, unix.Rename(w.path("a"), w.path("b")), syscall.EACCES)
	require.Equal(t, []string{"a"}, w.keys())
	require.Equal(t, "body", w.read("a"))
	require.NoFileExists(t, w.path("b"))
}

// A directory that another host has filled meanwhile is not renamed over.
func TestRenameDirectoryOverUnseen(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("a"), 0o755))
	w.write("a/f", "ours")
	_, err := os.Stat(w.path("b"))
	require.ErrorIs(t, err, syscall.ENOENT)
	w.put("b/f", "theirs")
	require.ErrorIs(t, unix.Rename(w.path("a"), w.path("b")), syscall.ENOTEMPTY)
	require.Equal(t, "theirs", w.get("b/f"))
	require.Equal(t, "ours", w.get("a/f"))
}

// A directory rename that is refused says so once, and leaves things as they
// were.
func TestDirectoryRenameRefused(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("a"), 0o755))
	for i := range 40 {
		w.write(fmt.Sprint("a/f", i), "x")
	}
	require.NoError(t, os.Mkdir(w.path("b"), 0o700))
	before := w.keys()
	w.server.Faults.Add(costest.Fault{Op: "CopyObject", Skip: 20, Status: 403, Code: "AccessDenied"})
	w.oneLine("rename", "a", unix.Rename(w.path("a"), w.path("b")), syscall.EACCES)
	require.Equal(t, before, w.keys())
	require.Empty(t, w.ls("b"))
	w.server.Faults.Clear()
	w.server.Faults.Add(costest.Fault{Op: "DeleteMultipleObjects", Status: 403, Code: "AccessDenied", Times: 1})
	require.ErrorIs(t, unix.Rename(w.path("a"), w.path("b")), syscall.EACCES)
	require.Equal(t, "x", w.read("a/f7"))
	w.server.Faults.Clear()
	require.NoError(t, unix.Rename(w.path("a"), w.path("b")))
	require.Len(t, w.keys(), 41)
	require.Equal(t, "x", w.read("b/f7"))
}

// Open files read on while they and their directories are renamed.
func TestReadDuringRename(t *testing.T) {
	w := newWorld(t, nil)
	body := string(randomBytes(30 << 20))
	w.put("a/f", body)
	f, err := os.Open(w.path("a/f"))
	require.NoError(t, err)
	defer f.Close()
	buf := make([]byte, 1<<20)
	read := func(at int64) {
		_, err := f.ReadAt(buf, at)
		require.NoError(t, err)
		require.True(t, body[at:at+1<<20] == string(buf))
	}
	read(0)
	require.NoError(t, os.Rename(w.path("a/f"), w.path("a/g")))
	read(15 << 20)
	require.NoError(t, unix.Rename(w.path("a"), w.path("b")))
	read(29 << 20)
}

// What another host has done to an open file does not stand in the way of rm.
func TestRemoveWhatWasReplaced(t *testing.T) {
	w := newWorld(t, nil)
	w.put("f", string(randomBytes(5<<20)))
	f, err := os.Open(w.path("f"))
	require.NoError(t, err)
	defer f.Close()
	w.put("f", "other")
	require.NoError(t, os.Remove(w.path("f")))
	require.Empty(t, w.keys())
}

// An offset of a listing stays behind the name that had it.
func TestSeekdirAfterRemovals(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	for i := range 100 {
		w.write(fmt.Sprintf("d/f%03d", i), "")
	}
	d := w.openDir("d")
	at := d.find(t, "f049")
	for i := range 40 {
		require.NoError(t, os.Remove(w.path(fmt.Sprintf("d/f%03d", i))))
	}
	require.Equal(t, "f050", d.nameAfter(t, at))
	require.Equal(t, "f050", d.nameAfter(t, at), "and again")
}

// directory reads entries by getdents64(2), as telldir(3) and seekdir(3) do.
type directory int

func (w *world) openDir(name string) directory {
	n, err := unix.Open(w.path(name), unix.O_RDONLY|unix.O_DIRECTORY, 0)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { unix.Close(n) })
	return directory(n)
}

// find gives the offset behind a name.
func (d directory) find(t *testing.T, name string) int64 {
	for {
		for _, e := range d.read(t) {
			if e.name == name {
				return e.off
			}
		}
	}
}

func (d directory) nameAfter(t *testing.T, off int64) string {
	_, err := unix.Seek(int(d), off, io.SeekStart)
	require.NoError(t, err)
	return d.read(t)[0].name
}

type dirent struct {
	name string
	off  int64
}

func (d directory) read(t *testing.T) (entries []dirent) {
	buf := make([]byte, 4096)
	n, err := unix.Getdents(int(d), buf)
	require.NoError(t, err)
	require.Positive(t, n, "the listing ended")
	for buf = buf[:n]; len(buf) > 0; {
		length := int(binary.NativeEndian.Uint16(buf[16:18]))
		name, _, _ := bytes.Cut(buf[19:length], []byte{0})
		entries = append(entries, dirent{string(name), int64(binary.NativeEndian.Uint64(buf[8:16]))})
		buf = buf[length:]
	}
	return entries
}
