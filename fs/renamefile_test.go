package fs

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// A file whose rename a crash interrupts has exactly one name after the next
// mount, and nothing of another host's is touched.
func TestInterruptedFileRename(t *testing.T) {
	for name, c := range map[string]struct {
		old, now string // what the bucket has; "" for nothing
		replaced bool   // the old name is another version than the rename began with
		keys     []string
	}{
		"before the copy":                    {old: "body", keys: []string{"f"}},
		"before the copy, over another file": {old: "body", now: "other", keys: []string{"f", "g"}},
		"after the copy":                     {old: "body", now: "body", keys: []string{"g"}},
		"after the delete":                   {now: "body", keys: []string{"g"}},
		"replaced by another host":           {old: "body", now: "body", replaced: true, keys: []string{"f", "g"}},
		"removed by another host":            {keys: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.put("foo", "has the other name as a beginning")
			was := cosapi.Version{Key: "f", ETag: `"0"`, Size: 4}
			if c.old != "" {
				was = w.put("f", c.old).Version
			}
			if c.replaced {
				was.ETag = `"another"`
			}
			if c.now != "" {
				w.put("g", c.now)
			}
			_, err := w.staged.BeginMove("f", "g", was)
			require.NoError(t, err)
			w.remount()
			require.Empty(t, w.staged.Renames())
			want := append([]string{"foo"}, c.keys...)
			require.ElementsMatch(t, want, w.keys())
			require.ElementsMatch(t, want, w.ls(""))
		})
	}
}

// What was written to the file and not stored yet goes to the new name.
func TestInterruptedFileRenameTakesStaged(t *testing.T) {
	w := newWorld(t, nil)
	w.put("f", "body")
	w.put("fx", "not this one")
	for _, name := range []string{"f", "fx"} {
		w.server.Faults.Add(costestDenyPuts())
		require.ErrorIs(t, appendTo(w.path(name), " owed"), syscall.EACCES)
	}
	was := w.head("f")
	_, err := w.client.Copy(t.Context(), was.Version, "g", cosapi.CopyOptions{})
	require.NoError(t, err)
	_, err = w.staged.BeginMove("f", "g", was.Version)
	require.NoError(t, err)
	w.down()
	w.server.Faults.Clear()
	w.up()
	require.Equal(t, "body owed", w.read("g"))
	w.seen(func() bool { return w.get("g") == "body owed" && w.get("fx") == "not this one owed" })
	require.NoFileExists(t, w.path("f"))
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// When COS does not answer to the removal of the old name, the rename stands and
// the removal is tried again, but not of what is made there anew.
func TestOldNameIsRemovedLater(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.api.MaxAttempts = 2 })
	w.write("f", "body")
	w.server.Faults.Add(costest.Fault{Op: "DeleteObject", Key: "f", Status: 503, Code: "ServiceUnavailable", Times: 2})
	require.NoError(t, unix.Rename(w.path("f"), w.path("g")))
	require.NoFileExists(t, w.path("f"))
	w.settle()
	require.Equal(t, []string{"g"}, w.keys())
	w.server.Faults.Add(costest.Fault{Op: "DeleteObject", Key: "g", Status: 503, Code: "ServiceUnavailable", Times: 2})
	require.NoError(t, unix.Rename(w.path("g"), w.path("h")))
	w.write("g", "body") // the same bytes, and so the same ETag
	w.settle()
	require.Equal(t, []string{"g", "h"}, w.keys())
	require.Empty(t, w.staged.Renames())
}

// The requests of a rename of a file, and what it leaves in the stage: nothing.
func TestRenameFileBudget(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "body")
	_, err := os.Stat(w.path("g"))
	require.ErrorIs(t, err, syscall.ENOENT)
	counts := w.requests(func() { require.NoError(t, unix.Rename(w.path("f"), w.path("g"))) })
	require.Equal(t, map[string]int64{"CopyObject": 1, "DeleteObject": 1}, counts)
	require.Empty(t, w.staged.Renames())
}
