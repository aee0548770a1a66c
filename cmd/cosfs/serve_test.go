package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
)

// startServe runs `cosfs serve` in this process and gives its URL and a
// function that ends it and returns its exit code.
func startServe(t *testing.T, args ...string) (url string, end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	env := []string{"COS_SECRET_ID=AKIDserve", "COS_SECRET_KEY=s3cret"}
	go func() {
		defer w.Close()
		code <- run(ctx, append([]string{"cosfs", "serve", "--listen", "127.0.0.1:0"}, args...), env, w, io.Discard)
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	require.NoError(t, err)
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	require.True(t, ok, line)
	return url, func() int {
		cancel()
		return <-code
	}
}

func TestServe(t *testing.T) {
	root := filepath.Join(t.TempDir(), "made", "on", "demand")
	url, end := startServe(t, "--root", root, "--latency", "1ms")
	c, err := cosapi.New(cosapi.Config{
		Endpoint: url, Bucket: "b-1250000000",
		Credentials: cosapi.Static(cosapi.Credentials{SecretID: "AKIDserve", SecretKey: "s3cret"}),
	})
	require.NoError(t, err)
	_, err = c.List(t.Context(), cosapi.ListOptions{})
	require.ErrorIs(t, err, cosapi.NoBucket, "buckets are made only when asked for")
	require.NoError(t, c.CreateBucket(t.Context(), cosapi.CreateBucketOptions{}))
	_, err = c.Put(t.Context(), "键", strings.NewReader("kept"), cosapi.PutOptions{})
	require.NoError(t, err)
	require.Equal(t, exitOK, end())

	url, end = startServe(t, "--root", root)
	c, err = cosapi.New(cosapi.Config{
		Endpoint: url, Bucket: "b-1250000000",
		Credentials: cosapi.Static(cosapi.Credentials{SecretID: "AKIDserve", SecretKey: "s3cret"}),
	})
	require.NoError(t, err)
	o, err := c.Head(t.Context(), "键")
	require.NoError(t, err)
	require.Equal(t, int64(4), o.Size)
	require.Equal(t, exitOK, end())
}

func TestServeFailures(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	keys := []string{"COS_SECRET_ID=i", "COS_SECRET_KEY=k"}
	for _, tc := range []struct {
		env  []string
		args []string
		code int
		want string
	}{
		{nil, []string{"--root", dir}, exitDenied, "set COS_SECRET_ID and COS_SECRET_KEY"},
		{keys[:1], []string{"--root", dir}, exitDenied, "COS_SECRET_KEY is not"},
		{keys, []string{"--root", dir, "--listen", l.Addr().String()}, exitFailed, "address already in use"},
		{keys, []string{"--root", write(t, dir, "file", ""), "--listen", "127.0.0.1:0"}, exitFailed, "cannot be made"},
	} {
		code, stdout, stderr := inProcess(t, tc.env, append([]string{"serve"}, tc.args...)...)
		require.Equal(t, tc.code, code, stderr)
		require.Contains(t, stderr, tc.want)
		require.Empty(t, stdout)
	}
}

func TestServeAdmin(t *testing.T) {
	for _, on := range []bool{true, false} {
		url, end := startServe(t, "--root", t.TempDir(), fmt.Sprintf("--admin=%t", on))
		answer, err := http.Get(url + "/-/counts")
		require.NoError(t, err)
		answer.Body.Close()
		require.Equal(t, on, answer.StatusCode == http.StatusOK, answer.Status)
		require.Equal(t, exitOK, end())
	}
}

// A client may hold connections on which it never asked anything; the end of
// the server closes them instead of waiting.
func TestSilentConnectionsAreClosed(t *testing.T) {
	s, err := startServer("127.0.0.1:0", cosserver.Config{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.silent) == 1
	}, eventually, tick)
	s.closeSilent()
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, s.close())
}
