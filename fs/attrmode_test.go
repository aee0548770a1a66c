package fs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cache"
	"cosfs/cosapi"
)

// mode is what stat(2) shows.
func (w *world) mode(name string) os.FileMode {
	w.t.Helper()
	info, err := os.Lstat(w.path(name))
	require.NoError(w.t, err)
	return info.Mode()
}

// marked says whether the bucket has the mark.
func (w *world) marked() bool {
	_, err := w.client.Head(w.t.Context(), ".cosfs/posix")
	return err == nil
}

// The first attribute that differs from the defaults marks the bucket, and the
// next mount shows it.
func TestAttrsAuto(t *testing.T) {
	for what, change := range map[string]func(w *world) error{
		"mode":  func(w *world) error { return os.Chmod(w.path("f"), 0o600) },
		"owner": func(w *world) error { return os.Chown(w.path("f"), 5, -1) },
		"link":  func(w *world) error { return os.Symlink("f", w.path("l")) },
		"dir":   func(w *world) error { return os.Mkdir(w.path("d"), 0o700) },
		"xattr": func(w *world) error { return w.setXattr("f", "user.a", "b") },
		"fifo":  func(w *world) error { return unix.Mkfifo(w.path("p"), 0o644) },
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t, func(p *parts) { p.names.Attrs = cache.AttrsAuto })
			w.write("f", "body")
			require.False(t, w.marked(), "a listing shows all there is")
			require.NoError(t, change(w))
			require.True(t, w.marked())
			require.NotContains(t, w.ls(""), ".cosfs")
		})
	}
	t.Run("seen by the next mount", func(t *testing.T) {
		w := newWorld(t, func(p *parts) { p.names.Attrs = cache.AttrsAuto })
		w.write("f", "body")
		require.NoError(t, os.Chmod(w.path("f"), 0o600))
		w.remount()
		require.Equal(t, []string{"f"}, w.ls(""))
		require.Equal(t, os.FileMode(0o600), w.mode("f"))
	})
}

// A mount that does without attributes still keeps those it does not show.
func TestAttrsListKeepsWhatItDoesNotShow(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.names.Attrs = cache.AttrsList })
	put := func(key string) {
		o := cosapi.PutOptions{ACL: "public-read", Attrs: cosapi.Attrs{
			ContentType: "text/x-own", CacheControl: "no-cache", Meta: map[string]string{"uid": "5", "host": "db1"},
		}}
		_, err := w.client.Put(t.Context(), key, strings.NewReader("body"), o)
		require.NoError(t, err)
	}
	for _, key := range []string{"chmod", "write", "rename", "append", "xattr"} {
		put(key)
	}
	require.Len(t, w.ls(""), 5)
	require.NoError(t, os.Chmod(w.path("chmod"), 0o600))
	w.write("write", "new")
	require.NoError(t, os.Rename(w.path("rename"), w.path("renamed.txt")))
	f, err := os.OpenFile(w.path("append"), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString("more")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, w.setXattr("xattr", "user.a", "b"))
	for _, key := range []string{"chmod", "write", "renamed.txt", "append", "xattr"} {
		o := w.head(key)
		require.Equal(t, "no-cache", o.CacheControl, key)
		require.Equal(t, "db1", o.Meta["host"], key)
		require.Equal(t, "5", o.Meta["uid"], key)
		acl, err := w.client.ACL(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, "public-read", acl.Canned(), key)
	}
}

// ls -l costs one HEAD per object once, and none after a remount; a change of
// attributes then needs no question about the ACL.
func TestAttrsAreRememberedAcrossMounts(t *testing.T) {
	const files = 200
	w := newWorld(t, nil)
	later := func() time.Time { return time.Now().Add(time.Minute) } // attributes of young versions are not kept
	w.setup = func(p *parts) {
		p.names.AttrFile = filepath.Join(w.local, "attrs.db")
		p.names.Now, p.fs.Now = later, later
	}
	w.remount()
	for i := range files {
		w.put(fmt.Sprintf("d/%03d", i), "x")
	}
	ls := func() map[string]int64 {
		w.mode("d")
		return w.requests(func() {
			for _, name := range w.ls("d") {
				require.Equal(t, os.FileMode(0o644), w.mode("d/"+name))
			}
		})
	}
	require.EqualValues(t, files, ls()["HeadObject"])
	require.Equal(t, map[string]int64{"PutObject": 1, "GetObjectACL": 1, "CopyObject": 1},
		w.requests(func() { require.NoError(t, w.setXattr("d/000", "user.a", "b")) }), "the mark, the ACL, the copy")
	w.remount()
	require.Zero(t, ls()["HeadObject"])
	require.Zero(t, w.requests(func() { require.NoError(t, w.setXattr("d/000", "user.a", "c")) })["GetObjectACL"])
}

func TestReservedNames(t *testing.T) {
	w := newWorld(t, nil)
	require.ErrorIs(t, os.Mkdir(w.path(".cosfs"), 0o755), unix.EPERM)
	require.ErrorIs(t, os.WriteFile(w.path(".cosfs"), nil, 0o644), unix.EPERM)
	w.write("f", "x")
	require.ErrorIs(t, os.Rename(w.path("f"), w.path(".cosfs")), unix.EPERM)
	require.True(t, slices.Equal([]string{"f"}, w.ls("")))
}
