package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A program that was killed leaves a dead mount, which the next mount at the
// same place replaces.
func TestMountAfterKill(t *testing.T) {
	m := newBox(t).mount()
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "f"), []byte("stored"), 0o644))
	for range 2 {
		pid := m.daemon()
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		require.Eventually(t, func() bool {
			_, err := os.ReadDir(m.dir)
			return err != nil
		}, 10*time.Second, 10*time.Millisecond, "the mount must be dead")
		m.up()
		body, err := os.ReadFile(filepath.Join(m.dir, "f"))
		require.NoError(t, err)
		require.Equal(t, "stored", string(body))
	}
	m.down()
	require.False(t, isMounted(m.dir))
}

// Memory stays bounded while a file much larger than it is written and read.
func TestMemory(t *testing.T) {
	const size, limit = 1 << 30, 200 << 20 // bytes
	m := newBox(t).mount()
	path := filepath.Join(m.dir, "large")
	m.run("dd", "if=/dev/urandom", "of="+path, "bs=1M", fmt.Sprint("count=", size>>20), "status=none")
	written := m.peak()
	want := fileSum(t, path)
	m.down()
	m.clearCache()
	m.up()
	require.Equal(t, want, fileSum(t, path))
	read := m.peak()
	m.down()
	t.Logf("peak resident memory: %d MiB while writing, %d MiB while reading", written>>20, read>>20)
	require.Less(t, written, limit)
	require.Less(t, read, limit)
}

// peak is the largest resident size the mount's process has had, in bytes.
func (m *mounted) peak() int {
	m.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.daemon()))
	require.NoError(m.t, err)
	kb := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(m.t, kb, "%s", status)
	n, err := strconv.Atoi(string(kb[1]))
	require.NoError(m.t, err)
	return n << 10
}
