package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

func TestMountKeepsWhatIsWritten(t *testing.T) {
	m := newLocalMount(t)
	m.mount(t)
	entry, found, err := mountAt(m.dir)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, mountEntry{dir: m.dir, fsType: fsType, source: localBucket}, entry)
	pid := m.pid(t)
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	require.NoError(t, err)
	require.Equal(t, "/", cwd, "a daemon keeps no directory busy")

	name := filepath.Join(m.dir, "目录 a+b", "file")
	require.NoError(t, os.Mkdir(filepath.Dir(name), 0o755))
	require.NoError(t, os.WriteFile(name, []byte("content"), 0o640))
	m.umount(t)
	_, err = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // a process that nobody has reaped has no program
	require.ErrorIs(t, err, os.ErrNotExist, "umount waits for the daemon")
	_, err = os.Stat(name)
	require.ErrorIs(t, err, os.ErrNotExist)

	m.cache += "-2"
	m.mount(t)
	require.Equal(t, "content", read(t, name))
	m.umount(t)
	require.Contains(t, m.logs(t), "msg=mounted")
	require.Contains(t, m.logs(t), "msg=unmounted")
}

func TestDeadMountIsReplaced(t *testing.T) {
	m := newLocalMount(t)
	m.mount(t)
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "f"), []byte("kept"), 0o644))
	m.kill(t)
	require.ErrorIs(t, unix.Statfs(m.dir, new(unix.Statfs_t)), syscall.ENOTCONN)
	m.mount(t)
	require.Equal(t, "kept", read(t, filepath.Join(m.dir, "f")))

	m.kill(t)
	code, _, stderr := output(t, m.command(t, "umount", m.dir))
	require.Zero(t, code, stderr)
	_, mounted, err := mountAt(m.dir)
	require.NoError(t, err)
	require.False(t, mounted, "umount takes a dead mount away too")
}

// A daemon that hangs makes no command hang.
func TestStoppedDaemon(t *testing.T) {
	m := newLocalMount(t)
	m.mount(t)
	pid := m.pid(t)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	mount, umount := m.command(t, m.mountArgs()...), m.command(t, "umount", m.dir)
	require.NoError(t, mount.Start())
	code, _, stderr := output(t, umount)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, fmt.Sprintf("pid %d does not answer", pid))
	require.Error(t, mount.Wait())
	require.Equal(t, exitBusy, mount.ProcessState.ExitCode())
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	m.umount(t)
}

func TestMountOfABucketInUse(t *testing.T) {
	s := costest.NewServer(t)
	m := newServerMount(t, s)
	m.mount(t)
	code, _, stderr := output(t, m.command(t, m.mountArgs()...))
	require.Equal(t, exitBusy, code)
	require.Contains(t, stderr, "is mounted on "+m.dir+" already")

	other := newServerMount(t, s)
	other.cache = m.cache
	code, _, stderr = output(t, other.command(t, other.mountArgs()...))
	require.Equal(t, exitBusy, code)
	require.Contains(t, stderr, fmt.Sprintf("another cosfs (pid %d) has the same bucket mounted", m.pid(t)))
	_, mounted, err := mountAt(other.dir)
	require.NoError(t, err)
	require.False(t, mounted)
	m.umount(t)
}

func TestUmountOfAMountInUse(t *testing.T) {
	m := newLocalMount(t)
	m.mount(t)
	require.NoError(t, os.Mkdir(filepath.Join(m.dir, "d"), 0o755))
	sleeper := exec.Command("sleep", "1000")
	sleeper.Dir = filepath.Join(m.dir, "d")
	require.NoError(t, sleeper.Start())
	code, _, stderr := output(t, m.command(t, "umount", m.dir))
	require.Equal(t, exitBusy, code)
	require.Contains(t, stderr, fmt.Sprintf("%s is in use by sleep (pid %d, cwd %s/d)", m.dir, sleeper.Process.Pid, m.dir))
	require.NoError(t, sleeper.Process.Kill())
	require.Error(t, sleeper.Wait())
	m.umount(t)
}

func TestMountOfAServer(t *testing.T) {
	s := costest.NewServer(t)
	m := newServerMount(t, s, "--storage-class", "standard_ia", "--log-level", "debug")
	m.mount(t)
	var requests int64
	for _, n := range s.Counts() {
		requests += n
	}
	require.LessOrEqual(t, requests, int64(3), "%v", s.Counts())

	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "a.txt"), []byte("text"), 0o644))
	o, err := s.Client(t).Head(t.Context(), "a.txt")
	require.NoError(t, err)
	require.Equal(t, int64(4), o.Size)
	require.Equal(t, "STANDARD_IA", o.StorageClass)
	require.Contains(t, o.ContentType, "text/plain")

	for _, secret := range []string{s.Credentials.SecretKey} {
		require.NotContains(t, read(t, fmt.Sprintf("/proc/%d/cmdline", m.pid(t))), secret)
		require.NotContains(t, m.logs(t), secret)
	}
	m.umount(t)
}

func TestMountOfAPrefix(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	for _, key := range []string{"in/side", "out"} {
		_, err := c.Put(t.Context(), key, strings.NewReader(key), cosapi.PutOptions{})
		require.NoError(t, err)
	}
	m := newServerMount(t, s)
	m.args[0] += ":/in"
	m.mount(t)
	entries, err := os.ReadDir(m.dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "new"), []byte("x"), 0o644))
	m.umount(t)
	_, err = c.Head(t.Context(), "in/new")
	require.NoError(t, err)
}

// What is wrong is said before anything is mounted or left in the background.
func TestMountFailures(t *testing.T) {
	s := costest.NewServer(t)
	for _, tc := range []struct {
		name   string
		change func(m *testMount)
		code   int
		want   string
	}{
		{"wrong key", func(m *testMount) { m.env[1] = "COS_SECRET_KEY=wrong" }, exitDenied, "does not belong to its secret id"},
		{"no key", func(m *testMount) { m.env = nil }, exitDenied, "set COS_SECRET_ID and COS_SECRET_KEY"},
		{"missing bucket", func(m *testMount) { m.args[0] = "none-1250000000" }, exitNotFound, "none-1250000000 does not exist"},
		{"missing mountpoint", func(m *testMount) { m.dir += "/none" }, exitMountpoint, "does not exist: mkdir"},
		{"mountpoint is not empty", func(m *testMount) { m.dir = m.home }, exitMountpoint, "is not empty"},
		{"cache below the mountpoint", func(m *testMount) { m.cache = m.dir + "/c" }, exitUsage, "lies below the mountpoint"},
		{"unreachable", func(m *testMount) { m.args[2] = refusedAddress(t) }, exitUnreachable, "connection refused"},
	} {
		m := newServerMount(t, s)
		tc.change(m)
		code, stdout, stderr := output(t, m.command(t, m.mountArgs()...))
		require.Equal(t, tc.code, code, "%s: %s", tc.name, stderr)
		require.Contains(t, stderr, tc.want, tc.name)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "one sentence: %s", stderr)
		require.Empty(t, stdout)
		_, mounted, err := mountAt(m.dir)
		require.NoError(t, err)
		require.False(t, mounted)
		nobody, err := findDaemon(m.dir, askWait)
		require.NoError(t, err)
		require.Nil(t, nobody)
	}
}

// What only the daemon finds out comes out of the command all the same.
func TestFailureInTheDaemon(t *testing.T) {
	m := newLocalMount(t)
	m.args[1] = write(t, m.home, "file", "") // not a directory
	code, _, stderr := output(t, m.command(t, m.mountArgs()...))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "the directory of the objects cannot be made")
	require.Equal(t, 1, strings.Count(stderr, "cosfs:"), stderr)

	m = newLocalMount(t)
	m.args = append(m.args, "--log-file", m.home) // a directory
	code, _, stderr = output(t, m.command(t, m.mountArgs()...))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "the log cannot be written")
}

func TestChildFailure(t *testing.T) {
	f := asFailure(childFailure("5 access is denied", nil, "/l"))
	require.Equal(t, &failure{code: 5, sentence: "access is denied"}, f)
	for _, said := range []string{"", "reaped", "x y"} {
		f := asFailure(childFailure(said, io.ErrUnexpectedEOF, "/l"))
		require.Equal(t, exitFailed, f.code)
		require.Contains(t, f.sentence, "see its log, /l")
	}
}

func TestForegroundEndsWithASignal(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		m := newLocalMount(t)
		cmd := m.command(t, m.mountArgs("--foreground")...)
		log, err := cmd.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		waitForLine(t, log, "msg=mounted")
		require.NoError(t, os.WriteFile(filepath.Join(m.dir, "f"), []byte("x"), 0o644))
		require.NoError(t, cmd.Process.Signal(signal))
		waitForLine(t, log, "msg=unmounted")
		require.NoError(t, cmd.Wait(), "exit code 0: everything is stored")
		_, mounted, err := mountAt(m.dir)
		require.NoError(t, err)
		require.False(t, mounted)
	}
}

func TestAChildHasNoChild(t *testing.T) {
	require.False(t, (&mountConfig{}).stays(nil))
	require.True(t, (&mountConfig{}).stays(&ready{}), "--foreground=false reaches the child, too")
	require.True(t, (&mountConfig{foreground: true}).stays(nil))
}

// waitForLine reads a log up to a line with the given text.
func waitForLine(t *testing.T, r io.Reader, text string) {
	t.Helper()
	var seen strings.Builder
	b := make([]byte, 1)
	for {
		_, err := r.Read(b)
		require.NoError(t, err, "no %q in %s", text, seen.String())
		seen.Write(b)
		if b[0] != '\n' {
			continue
		}
		if strings.Contains(seen.String(), text) {
			return
		}
	}
}

// A mount that is in use when its process is told to end goes out of the
// tree, and the process ends with the last user.
func TestSignalWhileInUse(t *testing.T) {
	m := newLocalMount(t)
	cmd := m.command(t, m.mountArgs("--foreground")...)
	log, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	waitForLine(t, log, "msg=mounted")
	f, err := os.Create(filepath.Join(m.dir, "held"))
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	waitForLine(t, log, "the mount is in use")
	require.Eventually(t, func() bool {
		_, mounted, err := mountAt(m.dir)
		return err == nil && !mounted
	}, eventually, tick)
	_, err = f.WriteString("still written")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	waitForLine(t, log, "msg=unmounted")
	require.NoError(t, cmd.Wait())
	m.mount(t)
	require.Equal(t, "still written", read(t, filepath.Join(m.dir, "held")))
	m.umount(t)
}

func TestReadOnlyMount(t *testing.T) {
	m := newLocalMount(t)
	m.mount(t, "-o", "ro,noexec,_netdev,x-systemd.automount")
	require.ErrorIs(t, os.WriteFile(filepath.Join(m.dir, "f"), nil, 0o644), syscall.EROFS)
	var st unix.Statfs_t
	require.NoError(t, unix.Statfs(m.dir, &st))
	require.NotZero(t, st.Flags&unix.ST_RDONLY)
	require.NotZero(t, st.Flags&unix.ST_NOEXEC)
	require.NotZero(t, st.Flags&unix.ST_NOSUID)
	m.umount(t)
}

// The line of the older tool, and a line of /etc/fstab through mount(8).
func TestOldCommandLines(t *testing.T) {
	s := costest.NewServer(t)
	m := newServerMount(t, s)
	code, _, stderr := output(t, m.command(t, s.Bucket, m.dir, "-ourl="+s.URL+"/", "-o", "use_cache="+m.cache+",dbglevel=wan,max_stat_cache_size=1000"))
	require.Zero(t, code, stderr)
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "f"), []byte("x"), 0o644))
	m.umount(t)
	require.Contains(t, m.logs(t), "max_stat_cache_size", "what has no effect is named")

	// PROGRAM#SOURCE is how /etc/fstab names a program that is not in one of
	// the directories of mount(8).
	program := filepath.Join(t.TempDir(), "cosfs")
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, program))
	fstab := write(t, m.home, "fstab", fmt.Sprintf("%s#%s %s fuse _netdev,noauto,nofail,allow_other,url=%s,use_cache=%s 0 0\n",
		program, s.Bucket, m.dir, s.URL, m.cache))
	mount := exec.Command("mount", "--fstab", fstab, m.dir)
	mount.Env = m.command(t).Env
	code, _, stderr = output(t, mount)
	require.Zero(t, code, stderr)
	require.Equal(t, "x", read(t, filepath.Join(m.dir, "f")))
	code, _, stderr = output(t, exec.Command("umount", m.dir))
	require.Zero(t, code, stderr)
	if d, err := findDaemon(m.dir, askWait); err == nil && d != nil { // it may still be ending
		left, err := d.wait(t.Context())
		require.NoError(t, err)
		require.Empty(t, left)
	}
}
