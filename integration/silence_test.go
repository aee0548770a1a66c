package integration

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An endpoint that stops answering turns into EIO after --deadline; what was
// written then is kept, and the mount goes on by itself when it answers.
func TestSilentEndpoint(t *testing.T) {
	b := newBox(t)
	m := b.mount("--deadline", "1s", "--attr-ttl", "1s", "--negative-ttl", "1s")
	before := filepath.Join(m.dir, "before")
	require.NoError(t, os.WriteFile(before, []byte("stored"), 0o644))

	f, err := os.Create(filepath.Join(m.dir, "during"))
	require.NoError(t, err)

	require.NoError(t, b.server.Signal(syscall.SIGSTOP))
	start := time.Now()
	_, err = f.WriteString("kept")
	require.NoError(t, err)
	err = f.Close()
	_, statErr := os.Stat(filepath.Join(m.dir, "unknown"))
	took := time.Since(start)
	require.NoError(t, b.server.Signal(syscall.SIGCONT))
	require.ErrorIs(t, err, syscall.EIO)
	require.ErrorIs(t, statErr, syscall.EIO)
	require.Less(t, took, 50*time.Second, "a minute is what one attempt would wait without it")

	require.Eventually(t, func() bool {
		_, err := b.sdk.Object.Head(t.Context(), "during", nil)
		return err == nil
	}, time.Minute, 20*time.Millisecond, "stored in the background")
	kept, _ := b.object("during")
	require.Equal(t, "kept", kept)
	body, err := os.ReadFile(before)
	require.NoError(t, err)
	require.Equal(t, "stored", string(body))
	m.down()
}
