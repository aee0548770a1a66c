package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestPrepareMountpoint(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	file := write(t, dir, "file", "")
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.Mkdir(empty, 0o700))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(empty, link))

	got, err := prepareMountpoint(link, false)
	require.NoError(t, err)
	require.Equal(t, empty, got, "as the kernel will show it")
	got, err = prepareMountpoint(dir, true)
	require.NoError(t, err)
	require.Equal(t, dir, got)

	for path, want := range map[string]string{
		filepath.Join(dir, "none"):      "does not exist: mkdir " + dir + "/none",
		filepath.Join(dir, "none", "x"): "does not exist",
		file:                            "is not a directory",
		dir:                             "is not empty (it holds ",
	} {
		_, err := prepareMountpoint(path, false)
		require.ErrorContains(t, err, want)
		require.Equal(t, exitMountpoint, asFailure(err).code)
	}
}

func TestCheckOutside(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	inside := filepath.Join(dir, "mnt", "sub")
	require.NoError(t, os.MkdirAll(inside, 0o700))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(inside, link))
	mnt := filepath.Join(dir, "mnt")
	for _, bad := range []string{mnt, inside, link, filepath.Join(inside, "not", "yet")} {
		err := checkOutside("the cache directory", bad, mnt)
		require.ErrorContains(t, err, "below the mountpoint", bad)
		require.Equal(t, exitUsage, asFailure(err).code)
	}
	for _, good := range []string{dir, mnt + "2", "/"} {
		require.NoError(t, checkOutside("the cache directory", good, mnt))
	}
}

func TestParseMountinfo(t *testing.T) {
	e, ok := parseMountinfo(`36 35 98:0 / /mnt/a\040b\134c rw,noatime master:1 - fuse.cosfs b-1:/x\040y rw,user_id=0`)
	require.True(t, ok)
	require.Equal(t, mountEntry{dir: `/mnt/a b\c`, fsType: "fuse.cosfs", source: "b-1:/x y"}, e)
	for _, bad := range []string{"", "36 35 98:0 /", "36 35 98:0 / /mnt rw - fuse", "36 35 98:0 / /mnt rw fuse x rw"} {
		_, ok := parseMountinfo(bad)
		require.False(t, ok, bad)
	}
	e, found, err := mountAt("/proc")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "proc", e.fsType)
	_, found, err = mountAt(t.TempDir())
	require.NoError(t, err)
	require.False(t, found)
}

func TestUsersOf(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.Empty(t, usersOf(dir))
	sleeper := exec.Command("sleep", "1000")
	sleeper.Dir = dir
	require.NoError(t, sleeper.Start())
	t.Cleanup(func() {
		require.NoError(t, sleeper.Process.Kill())
		require.Error(t, sleeper.Wait())
	})
	f, err := os.Create(filepath.Join(dir, "held"))
	require.NoError(t, err)
	defer f.Close()
	users := usersOf(dir)
	require.Len(t, users, 2)
	require.Contains(t, joinUsers(users), fmt.Sprintf("sleep (pid %d, cwd %s)", sleeper.Process.Pid, dir))
	require.Contains(t, joinUsers(users), "open file "+f.Name())

	err = unmountFailure(dir, unix.EBUSY)
	require.Equal(t, exitBusy, asFailure(err).code)
	require.Equal(t, exitMountpoint, asFailure(unmountFailure(dir, errors.New("no"))).code)
	require.Contains(t, joinUsers(make([]user, 7)), "2 more")
}

func TestUmountOfWhatIsNotOurs(t *testing.T) {
	for dir, want := range map[string]string{
		t.TempDir():            "nothing is mounted on",
		t.TempDir() + "/a/b/c": "does not exist",
		"/proc":                "is not cosfs but proc: use umount(8)",
	} {
		code, _, stderr := inProcess(t, nil, "umount", dir)
		require.Equal(t, exitMountpoint, code)
		require.Contains(t, stderr, want)
	}
}
