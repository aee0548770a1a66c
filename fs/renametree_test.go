package fs

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// fill puts files below a directory as another host would: enough for more than
// one page of a listing, and one batch of deletes.
func (w *world) fill(dir string, n int) {
	w.t.Helper()
	g := errgroup.Group{}
	g.SetLimit(16)
	for i := range n {
		g.Go(func() error {
			_, err := w.client.Put(w.t.Context(), fmt.Sprintf("%s/f%04d", dir, i), strings.NewReader(fmt.Sprint(i)), cosapi.PutOptions{})
			return err
		})
	}
	require.NoError(w.t, g.Wait())
}

// No key too long is found after something was copied, on whatever page it is.
func TestRenameDirectoryTooLong(t *testing.T) {
	w := newWorld(t, nil)
	w.fill("a", 1050)
	deep := strings.Repeat(strings.Repeat("z", 200)+"/", 4) + strings.Repeat("x", 40)
	w.put("a/"+deep, "x")
	counts := w.requests(func() {
		require.ErrorIs(t, unix.Rename(w.path("a"), w.path(strings.Repeat("b", 60))), syscall.ENAMETOOLONG)
	})
	require.Zero(t, counts["CopyObject"])
	require.Empty(t, w.staged.Renames())
	require.Equal(t, "7", w.read("a/f0007"))
}

// A tree of several pages takes the requests of design.md 7, also to a longer
// name, once headers and ACLs are known.
func TestRenameBudgetOfPages(t *testing.T) {
	w := newWorld(t, nil)
	w.fill("a", 1050)
	require.NoError(t, unix.Rename(w.path("a"), w.path("b"))) // every object is asked for once
	_, err := os.Stat(w.path("longer"))
	require.ErrorIs(t, err, syscall.ENOENT)
	counts := w.requests(func() { require.NoError(t, unix.Rename(w.path("b"), w.path("longer"))) })
	require.Equal(t, map[string]int64{"CopyObject": 1051, "ListObjects": 4, "DeleteMultipleObjects": 2}, counts)
	require.Equal(t, 1051, len(w.keys()))
	require.Equal(t, "1049", w.read("longer/f1049"))
}

// What another host does below the old name while it is renamed, on any page,
// comes along or goes, and nothing else is touched.
func TestOtherHostDuringDirectoryRename(t *testing.T) {
	w := newWorld(t, nil)
	w.fill("a", 1050)
	require.NoError(t, w.whileRenaming(func() error {
		w.put("a/f0000", "replaced")
		w.put("a/f0500x", "new on the first page")
		require.NoError(t, w.client.Delete(t.Context(), "a/f0700"))
		w.put("a/f1020", "replaced on the second page")
		w.put("a/z", "new at the end")
		return nil
	}))
	keys := w.keys()
	require.Equal(t, 1050+1-1+2, len(keys), "nothing is left under the old name: %v", keys[:3])
	for name, want := range map[string]string{
		"f0000": "replaced", "f0001": "1", "f0500x": "new on the first page", "f1020": "replaced on the second page", "z": "new at the end", "f1049": "1049",
	} {
		require.Equal(t, want, w.get("b/"+name))
	}
}

// Deletes that are refused half-way are tried again while mounted, and leave
// alone what programs make under the old name meanwhile.
func TestLeftoversAreRemovedLater(t *testing.T) {
	w := newWorld(t, nil)
	w.fill("a", 1010)
	w.server.Faults.Add(costest.Fault{Op: "DeleteMultipleObjects", Skip: 1, Times: 2, Status: 403, Code: "AccessDenied"})
	require.NoError(t, unix.Rename(w.path("a"), w.path("b")))
	require.Equal(t, "1009", w.read("b/f1009"))
	require.Len(t, w.log.lines("goes on in the background"), 1)
	w.write("a/mine", "made since")
	w.write("b/f0001", "written since")
	require.Eventually(t, func() bool { return len(w.staged.Renames()) == 0 }, 20*time.Second, 20*time.Millisecond)
	w.server.Faults.Clear()
	keys := w.keys()
	require.Equal(t, 1011+1, len(keys))
	require.Equal(t, []string{"a/mine", "b/"}, keys[:2])
	require.Equal(t, "written since", w.get("b/f0001"))
}

// When the mount ends before, the next one goes on.
func TestLeftoversAreHandedOver(t *testing.T) {
	w := newWorld(t, nil)
	w.fill("a", 1010)
	w.server.Faults.Add(costest.Fault{Op: "DeleteMultipleObjects", Skip: 1, Times: -1, Status: 403, Code: "AccessDenied"})
	require.NoError(t, unix.Rename(w.path("a"), w.path("b")))
	w.write("a/mine", "made since")
	w.down()
	require.Equal(t, 1011+11+1, len(w.keys()))
	w.server.Faults.Clear()
	w.up()
	require.Empty(t, w.staged.Renames())
	require.Equal(t, "made since", w.read("a/mine"))
	require.Equal(t, 1011+1, len(w.keys()))
}

// Names that have broken object store mounts before, into and out of each other.
func TestRenameDirectoryOfHostileNames(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.MkdirAll(w.path("a/b/c d%2F/+"), 0o755))
	for _, name := range hostile() {
		w.write("a/b/"+name, "I am "+name)
		w.put("a/b/c d%2F/+/"+name, "below "+name)
	}
	require.NoError(t, os.Rename(w.path("a/b"), w.path("c")))
	require.Empty(t, w.ls("a"))
	require.NoError(t, os.Rename(w.path("c"), w.path("a/d")))
	for _, name := range hostile() {
		require.NoError(t, os.MkdirAll(w.path("x"), 0o755))
		to := "x/" + name
		require.NoError(t, os.Rename(w.path("a/d"), w.path(to)), "%q", name)
		require.Equal(t, "I am a+b", w.read(to+"/a+b"))
		require.NoError(t, os.Rename(w.path(to), w.path("a/d")), "%q", name)
	}
	w.remount()
	for _, name := range hostile() {
		require.Equal(t, "I am "+name, w.read("a/d/"+name))
		require.Equal(t, "below "+name, w.read("a/d/c d%2F/+/"+name))
	}
	require.Len(t, w.keys(), 2*len(hostile())+5, "and a/, a/d/, a/d/c d%%2F/, a/d/c d%%2F/+/, x/")
}

// A directory that another host makes at the last moment is not taken over.
func TestRenameDirectoryForbidsOverwrite(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.fs.Parallel = 1 })
	w.fill("a", 3)
	w.put("a/", "")
	w.server.Faults.Add(costest.Fault{Op: "CopyObject", Key: "b/f0001", Times: 1, OnHit: func(*cosserver.Request) { w.put("b/f0002", "theirs") }})
	err := unix.Rename(w.path("a"), w.path("b"))
	require.ErrorIs(t, err, syscall.ENOTEMPTY)
	require.Equal(t, "theirs", w.get("b/f0002"))
	require.Equal(t, []string{"a/", "a/f0000", "a/f0001", "a/f0002", "b/f0002"}, w.keys())
	require.Equal(t, "2", w.read("a/f0002"))
}
