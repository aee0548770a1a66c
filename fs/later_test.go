package fs

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// settle waits until COS knows of everything that was changed.
func (w *world) settle() {
	w.t.Helper()
	require.NoError(w.t, w.staged.Drain(w.t.Context()))
}

// accepted makes a directory in which COS has accepted a deletion.
func (w *world) accepted(dir string) {
	w.t.Helper()
	require.NoError(w.t, os.MkdirAll(w.path(dir), 0o755))
	w.write(dir+"/first", "x")
	require.NoError(w.t, os.Remove(w.path(dir+"/first")))
}

// Files that are removed one after another are one deletion that is waited for,
// and then batches, as many as the time takes (integration.TestRmRequests counts
// them for the built program).
func TestRemovingManyFilesIsFewRequests(t *testing.T) {
	const files = 1000
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	for i := range files {
		w.put(fmt.Sprintf("d/f%04d", i), "x")
	}
	w.remount()
	require.Len(t, w.ls("d"), files)
	counts := w.requests(func() {
		require.NoError(t, os.RemoveAll(w.path("d")))
		w.settle()
	})
	require.Less(t, sum(counts), int64(files/20), "%v", counts)
	require.Equal(t, int64(2), counts["DeleteObject"], "the first one, and the marker, which is the first in its directory: %v", counts)
	require.Zero(t, counts["HeadObject"], "%v", counts)
	require.Empty(t, w.keys())
}

// A refusal that comes too late for the program brings the name back, is in
// the log, and makes the next removal wait again.
func TestRefusedRemovalBringsTheNameBack(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.fs.NegativeTTL = time.Hour })
	w.accepted("d")
	w.write("d/mine", "still here")
	w.write("d/other", "also")
	deny := make(chan struct{})
	for _, op := range []string{"DeleteObject", "DeleteMultipleObjects"} {
		w.server.Faults.Add(costest.Fault{Op: op, Status: 403, Code: "AccessDenied", Hold: deny})
	}
	require.NoError(t, os.Remove(w.path("d/mine")))
	require.Equal(t, []string{"other"}, w.ls("d"), "gone while nobody knows better")
	_, err := os.Stat(w.path("d/mine"))
	require.ErrorIs(t, err, os.ErrNotExist)
	close(deny)
	require.Error(t, w.staged.Settle(t.Context(), ""))

	require.Equal(t, []string{"mine", "other"}, w.ls("d"))
	require.Eventually(t, func() bool { _, err := os.Stat(w.path("d/mine")); return err == nil }, 10*time.Second, time.Millisecond, "the kernel is told")
	require.Equal(t, "still here", w.read("d/mine"))
	require.NotEmpty(t, w.log.lines("the name is back"))
	require.ErrorIs(t, os.Remove(w.path("d/other")), syscall.EACCES, "this one waits for the answer")
	w.server.Faults.Clear()
}

// A removal that COS could not be told of is still one after a remount.
func TestRemovalSurvivesARemount(t *testing.T) {
	w := newWorld(t, nil)
	w.accepted("d")
	w.write("d/gone", "x")
	w.write("d/theirs", "x")
	away := costest.Fault{Status: 503, Code: "ServiceUnavailable"}
	for _, away.Op = range []string{"DeleteObject", "DeleteMultipleObjects"} {
		w.server.Faults.Add(away)
	}
	require.NoError(t, os.Remove(w.path("d/gone")))
	require.NoError(t, os.Remove(w.path("d/theirs")))
	w.down()
	w.put("d/theirs", "somebody else's, made since")
	w.up()
	require.NotContains(t, w.ls("d"), "gone", "removed before the mount answers")
	w.server.Faults.Clear()
	_ = w.staged.Settle(t.Context(), "") // refuses to delete theirs
	require.Equal(t, []string{"d/", "d/theirs"}, w.keys())
	require.Equal(t, []string{"theirs"}, w.ls("d"))
	require.Equal(t, "somebody else's, made since", w.read("d/theirs"))
}

// What is made under a name that is on its way out is not taken for it.
func TestNamesMadeAnewAfterARemoval(t *testing.T) {
	w := newWorld(t, nil)
	w.accepted("d")
	for round := range 3 {
		for _, name := range []string{"d/file", "d/becomes"} {
			w.write(name, fmt.Sprint(name, round))
			require.Equal(t, fmt.Sprint(name, round), w.read(name))
			require.NoError(t, os.Remove(w.path(name)))
		}
		require.NoError(t, os.Mkdir(w.path("d/becomes"), 0o755))
		require.Equal(t, []string{"becomes"}, w.ls("d"))
		w.write("d/becomes/below", "x")
		require.NoError(t, os.RemoveAll(w.path("d/becomes")))
		require.NoError(t, os.Symlink("target", w.path("d/file")))
		require.NoError(t, os.Remove(w.path("d/file")))
		w.write("d/from", "moved")
		w.write("d/to", "replaced")
		require.NoError(t, os.Remove(w.path("d/to")))
		require.NoError(t, os.Rename(w.path("d/from"), w.path("d/to")))
		require.Equal(t, "moved", w.read("d/to"))
		require.NoError(t, os.Remove(w.path("d/to")))
	}
	w.write("d/file", "the last")
	require.Equal(t, []string{"file"}, w.ls("d"))
	w.settle()
	require.Equal(t, []string{"file"}, w.ls("d"))
	require.Equal(t, []string{"d/", "d/file"}, w.keys())
	require.Equal(t, "the last", w.get("d/file"))
}

// fsync(2) of a directory waits for what was removed there.
func TestFsyncOfADirectory(t *testing.T) {
	w := newWorld(t, nil)
	w.accepted("d")
	w.write("d/f", "x")
	require.NoError(t, os.Remove(w.path("d/f")))
	dir, err := os.Open(w.path("d"))
	require.NoError(t, err)
	defer dir.Close()
	require.NoError(t, dir.Sync())
	require.Equal(t, []string{"d/"}, w.keys())
}

// A removed file that is open is read to its end.
func TestRemovedFileIsReadOn(t *testing.T) {
	w := newWorld(t, nil)
	w.put("d/f", "read me")
	w.accepted("d")
	f, err := os.Open(w.path("d/f"))
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, os.Remove(w.path("d/f")))
	w.settle()
	body := make([]byte, 7)
	_, err = f.ReadAt(body, 0)
	require.NoError(t, err)
	require.Equal(t, "read me", string(body))
	info, err := f.Stat()
	require.NoError(t, err)
	require.Zero(t, info.Sys().(*syscall.Stat_t).Nlink)
}

// With SyncNames COS has done it when the program has its answer.
func TestSyncNames(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.fs.SyncNames = true })
	w.accepted("d")
	for i := range 3 {
		name := filepath.Join("d", fmt.Sprint(i))
		w.write(name, "x")
		require.NoError(t, os.Remove(w.path(name)))
		require.Equal(t, []string{"d/"}, w.keys())
	}
}

// With a key that may only read, whoever changes something is told so.
func TestReadOnlyKey(t *testing.T) {
	reader := cosapi.Credentials{SecretID: "AKIDreader", SecretKey: "secret"}
	w := newWorld(t, func(p *parts) { p.api.Credentials = cosapi.Static(reader) }, costest.WithConfig(func(c *cosserver.Config) {
		c.Accounts = append(c.Accounts, cosserver.Account{SecretID: reader.SecretID, SecretKey: reader.SecretKey, ReadOnly: true})
	}))
	for _, key := range []string{"d/", "d/f", "d/g", "d/w"} {
		w.put(key, "")
	}
	require.Equal(t, []string{"f", "g", "w"}, w.ls("d"))
	for range 2 {
		require.ErrorIs(t, os.Remove(w.path("d/f")), syscall.EACCES)
		require.ErrorIs(t, os.Mkdir(w.path("d/new"), 0o755), syscall.EACCES)
		require.ErrorIs(t, os.Chmod(w.path("d/f"), 0o600), syscall.EACCES)
		require.ErrorIs(t, os.WriteFile(w.path("d/w"), []byte("x"), 0o644), syscall.EACCES)
		require.ErrorIs(t, os.Rename(w.path("d/g"), w.path("d/h")), syscall.EACCES)
	}
	require.Equal(t, []string{"f", "g", "w"}, w.ls("d"))
}
