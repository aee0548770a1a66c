package fs

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi/costest"
)

// likeTar sets what tar, rsync and cp -a set, one after the other.
func (w *world) likeTar(name string) {
	w.t.Helper()
	require.NoError(w.t, os.Chmod(w.path(name), 0o640))
	require.NoError(w.t, os.Chown(w.path(name), 3, 4))
	require.NoError(w.t, os.Chtimes(w.path(name), time.Unix(5, 6), time.Unix(7, 8)))
}

// tarred checks what likeTar has set, as programs see it.
func (w *world) tarred(name string) {
	w.t.Helper()
	info, err := os.Stat(w.path(name))
	require.NoError(w.t, err)
	st := info.Sys().(*syscall.Stat_t)
	require.Equal(w.t, os.FileMode(0o640), info.Mode())
	require.Equal(w.t, []uint32{3, 4}, []uint32{st.Uid, st.Gid})
	require.Equal(w.t, time.Unix(7, 8), info.ModTime())
}

func TestAttributesOfAStoredFileAreOneCopy(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.stage.PartSize = 1 << 20 })
	large := strings.Repeat("0123456789abcdef", 3<<16)
	w.write("small", "body")
	w.write("empty", "")
	w.write("large", large)
	require.NoError(t, w.nameBook.MarkPosix(t.Context()))
	for _, name := range []string{"small", "empty", "large"} {
		open, err := os.Open(w.path(name))
		require.NoError(t, err)
		was := w.head(name)
		counts := w.requests(func() {
			w.likeTar(name)
			w.settle()
			w.tarred(name)
			_ = w.read(name)
		})
		require.Equal(t, map[string]int64{"CopyObject": 1}, counts, name)
		is := w.head(name)
		require.Equal(t, "33184", is.Meta["mode"], name)
		require.Equal(t, was.CRC64, is.CRC64)
		require.Equal(t, was.ContentType, is.ContentType)
		_, err = open.Read(make([]byte, 1))
		require.False(t, err != nil && is.Size > 0, "%s: a reader goes on: %v", name, err)
		require.NoError(t, open.Close())
	}
	require.Equal(t, large, w.read("large"))
	require.Empty(t, w.requests(func() { w.tarred("large") }))
}

// A change that COS could not be told of is there after a remount, at once.
func TestAttributesSurviveARemount(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "body")
	w.server.Faults.Add(costest.Fault{Op: "CopyObject", Status: 503, Code: "ServiceUnavailable"})
	w.likeTar("f")
	w.down()
	w.up()
	w.tarred("f")
	require.NotEqual(t, "3", w.head("f").Meta["uid"], "COS has not heard of it")
	w.server.Faults.Clear()
	w.settle()
	require.Equal(t, "3", w.head("f").Meta["uid"])
	require.Equal(t, "body", w.read("f"))
	w.tarred("f")
}

// A refusal that comes too late for the program undoes the change, is in the
// log, and makes the next one wait again.
func TestRefusedAttributesAreUndone(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "body")
	w.server.Faults.Add(costest.Fault{Op: "CopyObject", Status: 403, Code: "AccessDenied"})
	before := w.mode("f")
	require.NoError(t, os.Chmod(w.path("f"), 0o600))
	require.Equal(t, os.FileMode(0o600), w.mode("f"))
	w.settle()
	require.Eventually(t, func() bool { return w.mode("f") == before }, 5*time.Second, time.Millisecond)
	require.NotEmpty(t, w.log.lines("the file is as before"))
	require.ErrorIs(t, os.Chmod(w.path("f"), 0o600), syscall.EACCES)
	require.Equal(t, before, w.mode("f"))
	w.server.Faults.Clear()
	w.write("f", "changed") // nothing is left in its way
	require.NoError(t, os.Chmod(w.path("f"), 0o600))
	w.settle()
	require.Equal(t, "changed", w.get("f"))
	require.Equal(t, "33152", w.head("f").Meta["mode"])
}

// What another host has stored or removed meanwhile stays so.
func TestAttributesOfWhatSomebodyElseChanges(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.fs.AttrTTL = time.Millisecond; p.names.TTL = time.Millisecond })
	w.write("changed", "ours")
	w.write("removed", "ours")
	require.NoError(t, os.Chmod(w.path("changed"), 0o600))
	require.NoError(t, os.Chmod(w.path("removed"), 0o600))
	w.put("changed", "somebody else's")
	require.NoError(t, w.client.Delete(t.Context(), "removed"))
	w.settle()
	require.Equal(t, []string{"changed"}, w.keys(), "no conflict, and nothing brought back")
	require.Equal(t, "somebody else's", w.get("changed"))
	require.Eventually(t, func() bool {
		body, err := os.ReadFile(w.path("changed"))
		return err == nil && string(body) == "somebody else's"
	}, 5*time.Second, time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := os.Stat(w.path("removed"))
		return os.IsNotExist(err)
	}, 5*time.Second, time.Millisecond)
}

// Whatever comes next does not wait for the copy, nor lose it.
func TestAttributesAndWhatComesNext(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"written", "renamed", "removed", "dir/below"} {
		require.NoError(t, os.MkdirAll(w.path("dir"), 0o755))
		w.write(name, "body")
		w.likeTar(name)
	}
	f, err := os.OpenFile(w.path("written"), os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("B"), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, "33184", w.head("written").Meta["mode"], "close waits for both")
	require.NoError(t, os.Rename(w.path("renamed"), w.path("moved")))
	require.NoError(t, os.Rename(w.path("dir"), w.path("moved-dir")))
	require.NoError(t, os.Remove(w.path("removed")))
	w.settle()
	require.Equal(t, []string{"moved", "moved-dir/", "moved-dir/below", "written"}, w.keys())
	require.Equal(t, "Body", w.get("written"))
	for _, name := range []string{"moved", "moved-dir/below"} {
		w.tarred(name)
		require.Equal(t, "3", w.head(name).Meta["uid"], name)
		require.Equal(t, "body", w.get(name))
	}
}

// fsync(2) waits for attributes as for anything else.
func TestFsyncOfAttributes(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "body")
	f, err := os.Open(w.path("f"))
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Chmod(0o600))
	require.NoError(t, f.Sync())
	require.Equal(t, "33152", w.head("f").Meta["mode"])
}

// Where COS has accepted nothing yet, the first change waits for it, and so
// does every one with SyncNames.
func TestAttributesThatWait(t *testing.T) {
	w := newWorld(t, nil)
	w.put("f", "body")
	require.NoError(t, os.Chmod(w.path("f"), 0o600))
	require.Equal(t, "33152", w.head("f").Meta["mode"])
	w.down()
	w.setup = func(p *parts) { p.fs.SyncNames = true }
	w.up()
	w.write("g", "body")
	require.NoError(t, os.Chmod(w.path("g"), 0o600))
	require.Equal(t, "33152", w.head("g").Meta["mode"])
}
