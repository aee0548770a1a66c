package fs

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// as runs a shell command as another user.
func (w *world) as(uid, gid, script string, groups ...string) error {
	args := []string{"--reuid", uid, "--regid", gid, "--clear-groups", "sh", "-c", script}
	if len(groups) > 0 {
		args[4] = "--groups=" + groups[0]
	}
	cmd := exec.CommandContext(w.t.Context(), "setpriv", args...)
	cmd.Dir = w.dir
	return cmd.Run()
}

// The kernel checks owner, group, mode, supplementary groups and the sticky
// bit, by the attributes that are stored.
func TestPermissions(t *testing.T) {
	require.Zero(t, os.Geteuid(), "these tests need root, to become others")
	w := newWorld(t, func(p *parts) { p.opts.AllowOther, p.fs.RootMode = true, 0o777 })
	for name, mode := range map[string]uint32{"owner": 0o600, "group": 0o060, "others": 0o006} {
		w.write(name, "x")
		require.NoError(t, os.Chown(w.path(name), 1000, 2000))
		require.NoError(t, unix.Chmod(w.path(name), mode))
	}
	require.NoError(t, os.Mkdir(w.path("sticky"), 0o755))
	require.NoError(t, unix.Chmod(w.path("sticky"), 0o1777))
	w.write("sticky/f", "x")
	w.remount()
	for _, c := range []struct {
		uid, gid, groups, script string
		allowed                  bool
	}{
		{"1000", "1", "1", "cat owner", true},
		{"1001", "1", "1", "cat owner", false},
		{"1001", "2000", "1", "cat group && echo y >> group", true},
		{"1001", "1", "2000", "cat group && echo y >> group", true},
		{"1001", "1", "1", "cat group", false},
		{"1001", "1", "1", "cat others", true},
		{"1000", "1", "1", "cat others", false}, // the owner's bits hold for the owner
		{"1001", "1", "1", "chmod 777 owner", false},
		{"1000", "1", "1", "chmod 640 owner", true},
		{"1000", "1", "1", "chown 5 owner", false},
		{"1001", "1", "1", "rm -f sticky/f", false},
		{"1001", "1", "1", "echo x > sticky/mine && rm sticky/mine", true},
	} {
		err := w.as(c.uid, c.gid, c.script, c.groups)
		require.Equal(t, c.allowed, err == nil, "%+v: %v", c, err)
	}
}

// A write, a truncation and a change of owner by anybody but root clear setuid
// and setgid (HANDLE_KILLPRIV_V2 leaves it to us); a write by root does not.
func TestPrivilegesAreDropped(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.opts.AllowOther, p.fs.RootMode = true, 0o777 })
	for what, script := range map[string]string{"write": "echo x >> f", "truncate": "truncate -s 1 f", "overwrite": "echo y > f"} {
		w.write("f", "body")
		require.NoError(t, os.Chmod(w.path("f"), 0o777))
		require.NoError(t, unix.Chmod(w.path("f"), 0o6777))
		require.NoError(t, w.as("65534", "65534", script), what)
		require.Equal(t, os.FileMode(0o777), w.mode("f"), what)
	}
	require.NoError(t, unix.Chmod(w.path("f"), 0o6777))
	f, err := os.OpenFile(w.path("f"), os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("by root")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NotZero(t, w.mode("f")&os.ModeSetuid)
	require.NoError(t, os.Chown(w.path("f"), 5, 5))
	require.Zero(t, w.mode("f")&(os.ModeSetuid|os.ModeSetgid))
}

// Times of any year, with nanoseconds, and those that are left out or now.
func TestTimes(t *testing.T) {
	w := newWorld(t, nil)
	w.write("f", "x")
	times := func() (atime, mtime unix.Timespec) {
		var st unix.Stat_t
		require.NoError(t, unix.Stat(w.path("f"), &st))
		return st.Atim, st.Mtim
	}
	for _, sec := range []int64{-86400*365*10 - 1, -1, 0, 1, 1 << 31, 1 << 33} {
		want := unix.Timespec{Sec: sec, Nsec: 123456789}
		require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, w.path("f"), []unix.Timespec{{Sec: 7, Nsec: 8}, want}, 0))
		w.remount()
		atime, mtime := times()
		require.Equal(t, want, mtime)
		require.Equal(t, unix.Timespec{Sec: 7, Nsec: 8}, atime)
	}
	omit, now := unix.Timespec{Nsec: unix.UTIME_OMIT}, unix.Timespec{Nsec: unix.UTIME_NOW}
	require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, w.path("f"), []unix.Timespec{now, omit}, 0))
	atime, mtime := times()
	require.EqualValues(t, 1<<33, mtime.Sec)
	require.WithinDuration(t, time.Now(), time.Unix(atime.Unix()), time.Minute)
}

func TestEncryptionOfNewObjects(t *testing.T) {
	w := newWorld(t, func(p *parts) { p.fs.Encryption = cosapi.Encryption{Algorithm: "AES256"} })
	w.write("f", "x")
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	require.NoError(t, os.Symlink("f", w.path("l")))
	require.NoError(t, os.Chmod(w.path("f"), 0o600))
	for _, key := range []string{"f", "d/", "l"} {
		require.Equal(t, "AES256", w.head(key).Encryption.Algorithm, key)
	}
}
