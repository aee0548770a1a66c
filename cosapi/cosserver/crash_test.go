package cosserver

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func clockTime() time.Time { return time.UnixMilli(1700000000123).UTC() }

// crashRoot makes the test binary the server that is going to be killed.
const crashRoot = "COSSERVER_CRASH_ROOT"

func TestMain(m *testing.M) {
	if root := os.Getenv(crashRoot); root != "" {
		serveUntilKilled(root)
	}
	os.Exit(m.Run())
}

// serveUntilKilled prints its address and serves.
func serveUntilKilled(root string) {
	s, err := New(Config{Root: root, Anonymous: true})
	if err == nil {
		err = s.CreateBucket(testBucket)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(httptest.NewServer(s).URL)
	select {}
}

// startVictim starts a server in a process of its own.
func startVictim(t *testing.T, root string) (*site, *exec.Cmd) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashRoot+"="+root)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(line, "http://"), line)
	return &site{T: t, url: strings.TrimSpace(line)}, cmd
}

// crashBody is the content of the n-th write of a writer.
func crashBody(writer, n int) string {
	return strings.Repeat(fmt.Sprintf("%d.%d ", writer, n), 1+(n*997)%20000)
}

// TestKill9 kills the server while it is written to, several times over: what
// was acknowledged is there and whole, what was not is old or new.
func TestKill9(t *testing.T) {
	root := t.TempDir()
	const writers, rounds = 4, 3
	var acknowledged, tried [writers]int
	for range rounds {
		victim, cmd := startVictim(t, root)
		var wg sync.WaitGroup
		progress := make(chan struct{}, 1000)
		for w := range writers {
			wg.Go(func() {
				for {
					tried[w] = acknowledged[w] + 1
					if !victim.tryWrite(w, tried[w]) {
						return
					}
					acknowledged[w] = tried[w]
					progress <- struct{}{}
				}
			})
		}
		for range 60 {
			<-progress
		}
		require.NoError(t, cmd.Process.Kill())
		cmd.Wait()
		go func() {
			for range progress {
			}
		}()
		wg.Wait()
		close(progress)
		checkAfterCrash(t, root, acknowledged[:], tried[:])
	}
}

// tryWrite puts, copies, uploads a part or overwrites; false when the server
// has gone.
func (s *site) tryWrite(writer, n int) bool {
	target := fmt.Sprintf("/%s/w%d", testBucket, writer)
	req, err := http.NewRequest("PUT", s.url+target, strings.NewReader(crashBody(writer, n)))
	if err != nil {
		return false
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func checkAfterCrash(t *testing.T, root string, acknowledged, tried []int) {
	s, err := New(Config{Root: root, Anonymous: true, Log: testLog(t)})
	require.NoError(t, err)
	h := httptest.NewServer(s)
	site := &site{T: t, Server: s, url: h.URL}
	for w, n := range acknowledged {
		got := site.must("GET", fmt.Sprintf("/w%d", w), "").body
		if got == crashBody(w, tried[w]) {
			acknowledged[w] = tried[w] // it was committed, only the answer was lost
			continue
		}
		require.Equal(t, len(crashBody(w, n)), len(got))
		require.Equal(t, crashBody(w, n), got)
	}
	site.settled()
	left, err := os.ReadDir(filepath.Join(root, tmpDir))
	require.NoError(t, err)
	require.Empty(t, left)
	h.Close()
	require.NoError(t, s.Close())
}

// TestReopenFinishesWhatWasLeft makes each state a crash can leave.
func TestReopenFinishesWhatWasLeft(t *testing.T) {
	root := t.TempDir()
	s := newSite(t, func(c *Config) { c.Root = root })
	s.must("PUT", "/kept", "kept")
	s.must("PUT", "/gone", "gone")
	o, _, err := s.store.lookup(testBucket, "kept", "")
	require.NoError(t, err)
	dir := s.store.blobs.(*dirBlobs)
	kept := o.Segments[0].Blob
	gone, _, err := s.store.lookup(testBucket, "gone", "")
	require.NoError(t, err)
	trash := gone.Segments[0].Blob
	s.must("DELETE", "/gone", "")
	s.unpinned()
	require.NoError(t, s.Close())

	// Committed but not renamed; written but not committed; dropped but not
	// removed. The line in the trash is still there: nothing was written since.
	require.NoError(t, os.Rename(dir.path(kept), dir.tmpPath(kept)))
	require.NoError(t, os.WriteFile(dir.tmpPath("0000000000000001deadbeef"), []byte("orphan"), 0o600))
	require.NoError(t, os.WriteFile(dir.path(trash), []byte("gone"), 0o600))

	again := newSite(t, func(c *Config) { c.Root = root })
	require.Equal(t, "kept", again.must("GET", "/kept", "").body)
	require.FileExists(t, dir.path(kept))
	again.settled()
}

func TestDamagedBodyIsAnError(t *testing.T) {
	s := newSite(t, func(c *Config) { c.Root = t.TempDir() })
	s.must("PUT", "/k", "0123456789")
	o, _, err := s.store.lookup(testBucket, "k", "")
	require.NoError(t, err)
	path := s.store.blobs.(*dirBlobs).path(o.Segments[0].Blob)
	require.NoError(t, os.Truncate(path, 4))
	require.NotContains(t, s.raw("GET /"+testBucket+"/k HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"), "0123456789")
	require.NoError(t, os.Remove(path))
	s.refuses(500, "InternalError", "GET", "/k", "")
}
