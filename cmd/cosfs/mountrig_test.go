package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi/costest"
)

// testMount is one mount by real processes.
type testMount struct {
	home, dir, cache string
	args             []string // what is mounted, and flags
	env              []string
}

// newMountOf prepares a mount; its daemon is gone when the test ends.
func newMountOf(t *testing.T, args ...string) *testMount {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	m := &testMount{home: home, dir: filepath.Join(home, "mnt"), cache: filepath.Join(home, "cache"), args: args}
	require.NoError(t, os.Mkdir(m.dir, 0o755))
	t.Cleanup(func() { m.clean(t) })
	return m
}

// newLocalMount prepares a mount of an embedded server.
func newLocalMount(t *testing.T, flags ...string) *testMount {
	t.Helper()
	m := newMountOf(t)
	m.args = append([]string{"--local", filepath.Join(m.home, "bucket 桶")}, flags...)
	m.dir = filepath.Join(m.home, `a b\040点`) // what /proc/mounts has to escape
	require.NoError(t, os.Mkdir(m.dir, 0o755))
	return m
}

// newServerMount prepares a mount of a costest server.
func newServerMount(t *testing.T, s *costest.Server, flags ...string) *testMount {
	t.Helper()
	m := newMountOf(t, append([]string{s.Bucket, "--endpoint", s.URL}, flags...)...)
	m.env = []string{"COS_SECRET_ID=" + s.Credentials.SecretID, "COS_SECRET_KEY=" + s.Credentials.SecretKey}
	return m
}

func (m *testMount) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := command(t, m.home, args...)
	cmd.Env = append(cmd.Env, m.env...)
	return cmd
}

func (m *testMount) mountArgs(more ...string) []string {
	args := append([]string{"mount", "--cache-dir", m.cache}, m.args...)
	return append(append(args, m.dir), more...)
}

func (m *testMount) mount(t *testing.T, more ...string) {
	t.Helper()
	code, stdout, stderr := output(t, m.command(t, m.mountArgs(more...)...))
	require.Zero(t, code, stderr)
	require.Empty(t, stdout)
	require.Empty(t, stderr)
}

func (m *testMount) umount(t *testing.T) {
	t.Helper()
	code, _, stderr := output(t, m.command(t, "umount", m.dir))
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
}

// pid is the daemon's.
func (m *testMount) pid(t *testing.T) int {
	t.Helper()
	d, err := findDaemon(m.dir, askWait)
	require.NoError(t, err)
	require.NotNil(t, d)
	require.NoError(t, d.conn.Close())
	return d.pid
}

// kill ends the daemon as a crash does, and waits until it has ended.
func (m *testMount) kill(t *testing.T) {
	t.Helper()
	pid := m.pid(t)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.NoError(t, waitExit(t.Context(), pid))
}

// logs are the lines of all logs below the cache directory.
func (m *testMount) logs(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(m.cache + "*/*/cosfs.log")
	require.NoError(t, err)
	var all strings.Builder
	for _, f := range files {
		all.WriteString(read(t, f))
	}
	return all.String()
}

// clean leaves nothing behind, however the test went, and looks for what a
// daemon would otherwise say only to its log.
func (m *testMount) clean(t *testing.T) {
	if d, err := findDaemon(m.dir, askWait); err == nil && d != nil {
		detach(m.dir)
		syscall.Kill(d.pid, syscall.SIGKILL)
		waitExit(t.Context(), d.pid)
		d.conn.Close()
	}
	if _, mounted, err := mountAt(m.dir); err == nil && mounted {
		detach(m.dir)
	}
	logs := m.logs(t)
	require.NotContains(t, logs, "DATA RACE")
	require.NotContains(t, logs, "goroutine ")
	if t.Failed() {
		t.Log(logs)
	}
}
