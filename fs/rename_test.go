package fs

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestRenameFile(t *testing.T) {
	w := newWorld(t, nil)
	w.write("a", "one")
	require.NoError(t, os.Rename(w.path("a"), w.path("b")))
	require.NoFileExists(t, w.path("a"))
	require.Equal(t, "one", w.read("b"))
	require.Equal(t, []string{"b"}, w.keys())

	w.write("c", "two")
	require.NoError(t, os.Rename(w.path("c"), w.path("b")), "over a file that is there")
	require.Equal(t, "two", w.read("b"))
	require.Equal(t, []string{"b"}, w.keys())

	w.write("d", "three")
	require.ErrorIs(t, unix.Renameat2(unix.AT_FDCWD, w.path("d"), unix.AT_FDCWD, w.path("b"), unix.RENAME_NOREPLACE), syscall.EEXIST)
	require.ErrorIs(t, unix.Renameat2(unix.AT_FDCWD, w.path("d"), unix.AT_FDCWD, w.path("b"), unix.RENAME_EXCHANGE), syscall.EINVAL)
	require.Equal(t, "two", w.read("b"))
}

// A file that COS has never had is renamed without a request.
func TestRenameBeforeStore(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	f, err := os.Create(w.path("d/a"))
	require.NoError(t, err)
	_, err = f.WriteString("body")
	require.NoError(t, err)
	_, err = os.Stat(w.path("d/b.txt"))
	require.ErrorIs(t, err, syscall.ENOENT)
	counts := w.requests(func() { require.NoError(t, os.Rename(w.path("d/a"), w.path("d/b.txt"))) })
	require.Empty(t, counts)
	require.Equal(t, "body", w.read("d/b.txt"))
	require.NoError(t, f.Close())
	require.Equal(t, []string{"d/", "d/b.txt"}, w.keys())
	require.Contains(t, w.head("d/b.txt").ContentType, "text/plain")
}

// The handle follows its file to a new name, stored or not.
func TestRenameWhileOpen(t *testing.T) {
	w := newWorld(t, nil)
	w.write("a", "one")
	f, err := os.OpenFile(w.path("a"), os.O_RDWR|os.O_APPEND, 0)
	require.NoError(t, err)
	require.NoError(t, os.Rename(w.path("a"), w.path("b")))
	_, err = f.WriteString(" more")
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	require.NoError(t, os.Rename(w.path("b"), w.path("d/c")))
	_, err = f.WriteString(" and more")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, []string{"d/", "d/c"}, w.keys())
	require.Equal(t, "one more and more", w.get("d/c"))
}

// A file that is open and replaced can be read to its end.
func TestRenameOverOpenFile(t *testing.T) {
	w := newWorld(t, nil)
	w.put("a", "old content")
	f, err := os.Open(w.path("a"))
	require.NoError(t, err)
	defer f.Close()
	w.write("b", "new")
	require.NoError(t, os.Rename(w.path("b"), w.path("a")))
	buf := make([]byte, 11)
	_, err = f.ReadAt(buf, 0)
	require.NoError(t, err)
	require.Equal(t, "old content", string(buf))
	require.Equal(t, "new", w.read("a"))
}

func TestRenameDirectory(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.MkdirAll(w.path("old/sub/deep"), 0o755))
	for i := range 30 {
		w.write(fmt.Sprintf("old/f%02d", i), fmt.Sprint(i))
	}
	w.write("old/sub/deep/leaf", "deep")
	w.put("old/elsewhere", "made by another host")
	open, err := os.Create(w.path("old/sub/open"))
	require.NoError(t, err)
	_, err = open.WriteString("not stored yet")
	require.NoError(t, err)
	dirty, err := os.OpenFile(w.path("old/f00"), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = dirty.WriteString(" dirty")
	require.NoError(t, err)

	require.NoError(t, os.Rename(w.path("old"), w.path("new")))
	require.NoDirExists(t, w.path("old"))
	require.Equal(t, "deep", w.read("new/sub/deep/leaf"))
	require.Equal(t, "made by another host", w.read("new/elsewhere"))
	require.Equal(t, "not stored yet", w.read("new/sub/open"))
	_, err = dirty.WriteString(" still")
	require.NoError(t, err)
	require.NoError(t, dirty.Close())
	require.NoError(t, open.Close())
	require.Equal(t, "0 dirty still", w.get("new/f00"))
	require.Equal(t, "not stored yet", w.get("new/sub/open"))
	for _, key := range w.keys() {
		require.Regexp(t, "^new/", key)
	}
	require.Len(t, w.keys(), 30+1+1+1+3)
	w.remount()
	require.Len(t, w.ls("new"), 32)
	require.Equal(t, "17", w.read("new/f17"))
}

func TestRenameDirectoryRules(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.MkdirAll(w.path("a/b"), 0o755))
	require.NoError(t, os.MkdirAll(w.path("full"), 0o755))
	w.write("full/f", "x")
	w.write("file", "x")
	require.ErrorIs(t, unix.Rename(w.path("a"), w.path("full")), syscall.ENOTEMPTY)
	require.ErrorIs(t, unix.Rename(w.path("a"), w.path("file")), syscall.ENOTDIR)
	require.ErrorIs(t, unix.Rename(w.path("file"), w.path("a")), syscall.EISDIR)
	require.ErrorIs(t, unix.Rename(w.path("a"), w.path("a/b/c")), syscall.EINVAL, "a directory cannot go below itself")
	require.NoError(t, os.MkdirAll(w.path("empty"), 0o755))
	require.NoError(t, unix.Rename(w.path("a"), w.path("empty")))
	require.Equal(t, []string{"b"}, w.ls("empty"))
}
