package fs

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// What an interrupted rename does with an original in its second phase.
func TestStaleCopies(t *testing.T) {
	newest := time.Unix(1000, 0)
	at := func(sec int64, etag string) cosapi.Object {
		return cosapi.Object{Version: cosapi.Version{ETag: etag}, Modified: time.Unix(sec, 0)}
	}
	for name, c := range map[string]struct {
		original, there cosapi.Object
		found, want     bool
	}{
		"copied":                      {at(900, "a"), at(1001, "a"), true, false},
		"the copy was changed":        {at(900, "a"), at(1500, "b"), true, false},
		"the original was changed":    {at(1500, "b"), at(1001, "a"), true, true},
		"in the same second":          {at(1001, "a"), at(1001, "a"), true, false},
		"changed in the same second":  {at(1001, "b"), at(1001, "a"), true, true},
		"the copy was removed":        {at(900, "a"), cosapi.Object{}, false, false},
		"new since the copies":        {at(1500, "a"), cosapi.Object{}, false, true},
		"as new as the youngest copy": {at(1000, "a"), cosapi.Object{}, false, true},
	} {
		require.Equal(t, c.want, (&treeCopy{newest: newest}).stale(c.original, c.there, c.found), name)
	}
}

// interrupted leaves the record of a rename of a to b as a crash would, with
// what the bucket has in that moment.
func interrupted(w *world, deleting bool, objects map[string]string) {
	w.t.Helper()
	record, err := w.staged.BeginRename("a/", "b/", false)
	require.NoError(w.t, err)
	for key, body := range objects {
		w.put(key, body)
	}
	if deleting {
		require.NoError(w.t, record.Deleting(time.Now().Add(-time.Hour)))
	}
	w.remount()
}

func TestInterruptedRenameIsUndone(t *testing.T) {
	w := newWorld(t, nil)
	interrupted(w, false, map[string]string{"a/": "", "a/f": "1", "a/g": "2", "b/": "", "b/f": "1", "b/theirs": "3", "b/g": "other"})
	require.Equal(t, []string{"a/", "a/f", "a/g", "b/g", "b/theirs"}, w.keys(), "only copies of what is there go")
	require.Empty(t, w.staged.Renames())
	require.Equal(t, "1", w.read("a/f"))
}

func TestInterruptedRenameIsCompleted(t *testing.T) {
	w := newWorld(t, nil)
	interrupted(w, true, map[string]string{"b/": "", "b/f": "1", "b/g": "2", "a/g": "2", "a/new": "since"})
	require.Equal(t, []string{"b/", "b/f", "b/g", "b/new"}, w.keys())
	require.Empty(t, w.staged.Renames())
	require.Equal(t, "since", w.read("b/new"))
}

// A staged file below goes to the new place with its directory.
func TestInterruptedRenameTakesStagedFiles(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("a"), 0o755))
	w.server.Faults.Add(costestDenyPuts())
	require.ErrorIs(t, os.WriteFile(w.path("a/owed"), []byte("owed"), 0o644), syscall.EACCES)
	record, err := w.staged.BeginRename("a/", "b/", false)
	require.NoError(t, err)
	require.NoError(t, record.Deleting(time.Now()))
	w.down()
	w.server.Faults.Clear()
	w.up()
	require.Equal(t, "owed", w.read("b/owed"))
	require.NoFileExists(t, w.path("a/owed"))
	require.Eventually(t, func() bool { return strings.Contains(fmt.Sprint(w.keys()), "b/owed") }, 10*time.Second, 10*time.Millisecond)
	require.NoDirExists(t, w.path("a"))
}

// The request budget: headers and ACLs are known, also of what an earlier
// rename has copied.
func TestRenameDirectoryBudget(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("a"), 0o755))
	for i := range 20 {
		w.write(fmt.Sprint("a/f", i), "x")
	}
	names := []string{"a", "b", "c"}
	for i := range 2 {
		_, err := os.Stat(w.path(names[i]))
		require.NoError(t, err)
		_, err = os.Stat(w.path(names[i+1]))
		require.ErrorIs(t, err, syscall.ENOENT)
		counts := w.requests(func() { require.NoError(t, unix.Rename(w.path(names[i]), w.path(names[i+1]))) })
		require.EqualValues(t, 21, counts["CopyObject"])
		require.EqualValues(t, 1, counts["DeleteMultipleObjects"])
		require.EqualValues(t, 2, counts["ListObjects"], "%v", counts)
		require.Len(t, counts, 3, "nothing else: %v", counts)
	}
}

// A delete whose answer is lost may have been carried out: nothing is undone.
func TestRenameLostAnswers(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "body")
	w.server.Faults.Add(costest.Fault{Op: "DeleteObject", ResetAfter: true})
	require.NoError(t, unix.Rename(w.path("f"), w.path("g")))
	require.Equal(t, "body", w.read("g"))
	require.NoError(t, os.Mkdir(w.path("a"), 0o755))
	w.write("a/f", "below")
	w.server.Faults.Add(costest.Fault{Op: "DeleteMultipleObjects", ResetAfter: true})
	require.NoError(t, unix.Rename(w.path("a"), w.path("b")))
	require.Equal(t, "below", w.read("b/f"))
	w.server.Faults.Clear()
	w.remount()
	require.Empty(t, w.staged.Renames())
	require.Equal(t, []string{"b/", "b/f", "g"}, w.keys())
}

// When the endpoint refuses at the mount, the rename is put right in the
// background, and what would be stored in one of the trees waits for that.
func TestInterruptedRenameGoesOnInTheBackground(t *testing.T) {
	w := newWorld(t, nil)
	w.server.Faults.Add(costest.Fault{Op: "DeleteMultipleObjects", Status: 403, Code: "AccessDenied", Times: 2})
	interrupted(w, true, map[string]string{"b/": "", "b/f": "1", "a/": "", "a/f": "1"})
	require.Len(t, w.log.lines("goes on in the background"), 1)
	w.write("b/g", "2")
	require.Equal(t, []string{"b/", "b/f", "b/g"}, w.keys())
	require.Empty(t, w.staged.Renames())
}

// A burst of refusals and an error inside a 200 are waited out.
func TestRenameDirectoryThroughFaults(t *testing.T) {
	w := newWorld(t, nil)
	for i := range 50 {
		w.put(fmt.Sprint("a/f", i), fmt.Sprint(i))
	}
	w.server.Faults.Add(costest.Fault{Op: "CopyObject", Status: 503, Code: "SlowDown", Times: 6})
	w.server.Faults.Add(costest.Fault{Op: "CopyObject", ErrorInside200: "InternalError", Times: 6})
	w.server.Faults.Add(costest.Fault{Op: "CopyObject", ResetAfter: true, Times: 6})
	require.NoError(t, unix.Rename(w.path("a"), w.path("b")))
	require.Len(t, w.keys(), 51)
	for i := range 50 {
		require.Equal(t, fmt.Sprint(i), w.get(fmt.Sprint("b/f", i)))
	}
}

// A file that somebody else replaces is renamed as it is then.
func TestRenameOfWhatWasReplaced(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "ours")
	_, err := os.Stat(w.path("f"))
	require.NoError(t, err)
	w.put("f", "theirs, longer")
	require.NoError(t, unix.Rename(w.path("f"), w.path("g")))
	require.Equal(t, []string{"g"}, w.keys())
	require.Equal(t, "theirs, longer", w.get("g"))
}
