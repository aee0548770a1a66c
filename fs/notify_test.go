package fs

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patient is a mount whose kernel believes names for a long time, while the
// listings of the daemon are anew each time.
func patient(p *parts) {
	p.fs.AttrTTL = time.Hour
	p.names.TTL = 20 * time.Millisecond
	p.stage.BaseTTL = p.names.TTL
}

// What a listing shows that another host has done is told to the kernel, which
// believes its own names for an hour here.
func TestKernelIsToldWhatListingsShow(t *testing.T) {
	w := newWorld(t, patient)
	for _, name := range []string{"same", "removed", "replaced", "becomes-dir"} {
		w.write(name, "ours")
	}
	w.ls("")
	time.Sleep(20 * time.Millisecond) // the TTL of the daemon, in which its own writes hide other hosts'
	require.NoError(t, w.client.Delete(t.Context(), "removed"))
	w.put("replaced", "theirs, longer")
	require.NoError(t, w.client.Delete(t.Context(), "becomes-dir"))
	w.put("becomes-dir/f", "x")

	require.Equal(t, []string{"becomes-dir", "replaced", "same"}, w.ls(""))
	w.seen(func() bool { _, err := os.Stat(w.path("removed")); return os.IsNotExist(err) })
	w.seen(func() bool { s, err := os.Stat(w.path("replaced")); return err == nil && s.Size() == 14 })
	w.seen(func() bool { s, err := os.Stat(w.path("becomes-dir")); return err == nil && s.IsDir() })
	require.Equal(t, "theirs, longer", w.read("replaced"))
	require.Equal(t, "ours", w.read("same"))
}

// seen waits for what the notifier does in its own time.
func (w *world) seen(what func() bool) {
	w.t.Helper()
	require.Eventually(w.t, what, 5*time.Second, 2*time.Millisecond)
}

// A file that lost its name to another host is not what the kernel finds under
// it, and the kept copy is seen at once.
func TestKernelIsToldOfConflicts(t *testing.T) {
	w := newWorld(t, patient)
	w.put("f", "base")
	f, err := os.OpenFile(w.path("f"), os.O_WRONLY|os.O_TRUNC, 0)
	require.NoError(t, err)
	_, err = f.WriteString("mine")
	require.NoError(t, err)
	time.Sleep(60 * time.Millisecond) // older than the TTL, a base is checked before it is overwritten
	w.put("f", "theirs, longer")
	require.ErrorIs(t, f.Close(), syscall.ESTALE)
	w.seen(func() bool { s, err := os.Stat(w.path("f")); return err == nil && s.Size() == 14 })
	names := w.ls("")
	require.Len(t, names, 2)
	require.Regexp(t, `^f\.cosfs-conflict-here-`, names[1])
	require.Equal(t, "mine", w.read(names[1]))
}

// The kernel moves its own idea of a file with a rename. If another host has
// replaced it before, that is not what was renamed.
func TestKernelIsToldOfUnseenRename(t *testing.T) {
	w := newWorld(t, patient)
	w.write("f", "ours")
	time.Sleep(20 * time.Millisecond)
	w.put("f", "theirs, longer")
	require.NoError(t, os.Rename(w.path("f"), w.path("g")))
	w.seen(func() bool { s, err := os.Stat(w.path("g")); return err == nil && s.Size() == 14 })
}

// While a directory is busy, a notice for it waits; nobody waits for the notice.
func TestNoticesHoldUpNobody(t *testing.T) {
	w := newWorld(t, patient)
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	w.write("d/f", "x")
	dir := w.system.root.kid("d").(*dirNode)
	for range 2 * maxNotices {
		dir.notify("f")
	}
	w.write("d/g", "y")
	w.seen(func() bool { return len(w.system.notices.queue) == 0 })
	require.Positive(t, w.system.notices.told.Load())
	require.NoError(t, os.RemoveAll(w.path("d")))
}
