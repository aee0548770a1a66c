package costest_test

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// program builds cosfs once for all tests of the package.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cosfs-costest-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "cosfs")
	if out, err := exec.Command("go", "build", "-o", bin, "cosfs/cmd/cosfs").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if bin, err := program(); err == nil {
		os.RemoveAll(filepath.Dir(bin))
	}
	os.Exit(code)
}

// served is `cosfs serve` in a process of its own, with a bucket that the
// official client made. It has ended before the test has.
func served(t *testing.T) site {
	t.Helper()
	bin, err := program()
	require.NoError(t, err)
	s := site{Bucket: costest.Bucket, Credentials: cosapi.Credentials{SecretID: "AKID" + rand.Text(), SecretKey: rand.Text()}}
	cmd := exec.Command(bin, "serve", "--root", t.TempDir(), "--listen", "127.0.0.1:0", "--sync", "none")
	cmd.Env = append(os.Environ(), "COS_SECRET_ID="+s.Credentials.SecretID, "COS_SECRET_KEY="+s.Credentials.SecretKey)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, cmd.Wait(), "it ends in good order")
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var ok bool
	s.URL, ok = strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	require.True(t, ok, line)
	_, err = sdk(t, s).Bucket.Put(t.Context(), nil)
	require.NoError(t, err)
	return s
}
