package integration

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	cos "github.com/tencentyun/cos-go-sdk-v5"

	"cosfs/cosapi/cosserver"
)

const bucket = "test-1250000000"

// program builds cosfs once for all tests of the package.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "cosfs-bin-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "cosfs")
	out, err := exec.Command("go", "build", "-o", bin, "cosfs/cmd/cosfs").CombinedOutput()
	if err != nil {
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

// box is a server in a process of its own, and mounts of its bucket.
type box struct {
	t    testing.TB
	bin  string
	root string // the server's objects
	url  string
	id   string
	key  string
	sdk  *cos.Client
	stop func() // ends the server

	server *os.Process // of `cosfs serve`
}

// newBox starts `cosfs serve` with further flags and makes the bucket with the official SDK.
func newBox(t testing.TB, flags ...string) *box {
	t.Helper()
	bin, err := program()
	require.NoError(t, err)
	b := &box{t: t, bin: bin, root: t.TempDir(), id: "AKID" + rand.Text(), key: rand.Text()}
	b.serve(flags...)
	b.sdk = b.newSDK()
	_, err = b.sdk.Bucket.Put(t.Context(), nil)
	require.NoError(t, err)
	return b
}

// env is the environment of the program: the key pair is nowhere else.
func (b *box) env() []string {
	return append(os.Environ(), "COS_SECRET_ID="+b.id, "COS_SECRET_KEY="+b.key)
}

func (b *box) serve(flags ...string) {
	b.t.Helper()
	cmd := exec.Command(b.bin, append([]string{"serve", "--root", b.root, "--listen", "127.0.0.1:0", "--admin"}, flags...)...)
	cmd.Env = b.env()
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(b.t, err)
	require.NoError(b.t, cmd.Start())
	b.server = cmd.Process
	b.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT) // a test may have stopped it
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	b.t.Cleanup(b.stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b.t, err)
	var ok bool
	b.url, ok = strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	require.True(b.t, ok, "serve said %q", line)
}

// counts are the requests the server has answered since the last reset, by
// operation.
func (b *box) counts() map[string]int64 {
	b.t.Helper()
	return b.stats().Counts
}

func (b *box) stats() cosserver.Stats {
	b.t.Helper()
	answer, err := http.Get(b.url + "/-/counts")
	require.NoError(b.t, err)
	defer answer.Body.Close()
	var stats cosserver.Stats
	require.NoError(b.t, json.NewDecoder(answer.Body).Decode(&stats))
	return stats
}

// steer sends an admin request, such as reset or latency?d=20ms.
func (b *box) steer(what string) {
	b.t.Helper()
	answer, err := http.Post(b.url+"/-/"+what, "", nil)
	require.NoError(b.t, err)
	answer.Body.Close()
	require.Equal(b.t, http.StatusOK, answer.StatusCode)
}

// newSDK is the official client: it speaks virtual-host style, so its
// connections are led to the server whatever the host's name.
func (b *box) newSDK() *cos.Client {
	server, err := url.Parse(b.url)
	require.NoError(b.t, err)
	bucketURL, err := url.Parse("http://" + bucket + ".cos.ap-guangzhou.myqcloud.com")
	require.NoError(b.t, err)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Host)
	}}
	b.t.Cleanup(transport.CloseIdleConnections)
	return cos.NewClient(&cos.BaseURL{BucketURL: bucketURL}, &http.Client{
		Transport: &cos.AuthorizationTransport{SecretID: b.id, SecretKey: b.key, Transport: transport},
	})
}

// object is what COS has of a key.
func (b *box) object(key string) (string, bool) {
	b.t.Helper()
	answer, err := b.sdk.Object.Get(b.t.Context(), key, nil)
	if cos.IsNotFoundError(err) {
		return "", false
	}
	require.NoError(b.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(b.t, err)
	return string(body), true
}

// mounted is one mount by the program.
type mounted struct {
	*box
	dir, cache string
}

// mount runs `cosfs mount`, which returns when the mount answers.
func (b *box) mount(flags ...string) *mounted {
	b.t.Helper()
	m := &mounted{box: b, dir: b.t.TempDir(), cache: b.t.TempDir()}
	b.t.Cleanup(m.forceUmount)
	m.up(flags...)
	return m
}

func (m *mounted) up(flags ...string) {
	m.t.Helper()
	args := append([]string{"mount", bucket, m.dir, "--endpoint", m.url, "--cache-dir", m.cache}, flags...)
	out, err := m.cosfs(args...)
	require.NoError(m.t, err, out)
}

func (b *box) cosfs(args ...string) (string, error) {
	cmd := exec.Command(b.bin, args...)
	cmd.Env = b.env()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (m *mounted) down() {
	m.t.Helper()
	out, err := m.cosfs("umount", m.dir)
	require.NoError(m.t, err, out)
}

// forceUmount is for tests that end before they have unmounted.
func (m *mounted) forceUmount() {
	if isMounted(m.dir) {
		_ = syscall.Unmount(m.dir, syscall.MNT_DETACH)
	}
}

func isMounted(dir string) bool {
	mounts, err := os.ReadFile("/proc/mounts")
	return err == nil && bytes.Contains(mounts, []byte(" "+dir+" fuse.cosfs "))
}

// clearCache makes the next mount a cold one.
func (m *mounted) clearCache() {
	m.t.Helper()
	require.NoError(m.t, os.RemoveAll(m.cache))
	require.NoError(m.t, os.Mkdir(m.cache, 0o700))
}

// daemon is the process that serves the mount.
func (m *mounted) daemon() int {
	m.t.Helper()
	pid, ok := m.findDaemon()
	require.True(m.t, ok, "no process serves %s", m.dir)
	return pid
}

func (m *mounted) findDaemon() (pid int, ok bool) {
	dirs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, false
	}
	for _, path := range dirs {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, []byte("--foreground")) || !bytes.Contains(line, []byte(m.dir)) {
			continue
		}
		_, err = fmt.Sscanf(path, "/proc/%d/cmdline", &pid)
		return pid, err == nil
	}
	return 0, false
}

func (m *mounted) run(name string, args ...string) string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(m.t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	require.NoError(m.t, err, "%s %v: %s", name, args, out)
	return string(out)
}
