package fs

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
	"github.com/stretchr/testify/require"
)

// skipped are the cases of posixtest that do not run, each with its reason.
var skipped = map[string]string{
	"Link":             "hard links cannot be had: two keys never share one object",
	"LinkUnlinkRename": "hard links cannot be had: two keys never share one object",
	"FcntlFlockLocksFile": "it wants two descriptors of one process to exclude each other, which POSIX forbids (fcntl(2)); " +
		"go-fuse's own run leaves it out as broken. TestFcntlBetweenProcesses is what it means to test",
	"XAttrLarge": "COS keeps 2 KB of user metadata for an object, so 8 KiB give ENOSPC; the case itself takes that for a reason to skip",
}

func TestPosix(t *testing.T) {
	for name, test := range posixtest.All {
		t.Run(name, func(t *testing.T) {
			if reason, ok := skipped[name]; ok {
				t.Skip(reason)
			}
			w := newWorld(t, nil)
			test(t, w.dir)
		})
	}
}

// lockFile names the file that this test binary, run as a child, tries to lock.
const lockFile = "COSFS_TEST_LOCK"

// A record lock of one process keeps another out.
func TestFcntlBetweenProcesses(t *testing.T) {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK}
	if path := os.Getenv(lockFile); path != "" {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		defer f.Close()
		require.ErrorIs(t, syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock), syscall.EAGAIN)
		return
	}
	w := newWorld(t, nil)
	f, err := os.Create(w.path("f"))
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock))
	child := exec.Command(os.Args[0], "-test.run=^TestFcntlBetweenProcesses$")
	child.Env = append(os.Environ(), lockFile+"="+w.path("f"))
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
