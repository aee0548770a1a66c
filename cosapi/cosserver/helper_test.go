package cosserver

import (
	"bytes"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const testBucket = "test-1250000000"

// site is a server that lets everybody do everything, reached by raw requests.
type site struct {
	*testing.T
	*Server
	url string
}

func newSite(t *testing.T, change func(*Config)) *site {
	cfg := Config{Anonymous: true}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	require.NoError(t, err)
	require.NoError(t, s.CreateBucket(testBucket))
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.Close()
		require.NoError(t, s.Close())
	})
	return &site{T: t, Server: s, url: h.URL}
}

// both runs a test over each kind of store.
func both(t *testing.T, run func(s *site)) {
	t.Run("memory", func(t *testing.T) { run(newSite(t, nil)) })
	t.Run("directory", func(t *testing.T) { run(newSite(t, func(c *Config) { c.Root, c.Sync = t.TempDir(), SyncNone })) })
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// code is the error code of the body.
func (a answer) code() string {
	var e struct{ Code string }
	if xml.Unmarshal([]byte(a.body), &e) != nil {
		return ""
	}
	return e.Code
}

// do sends a request for a target within the bucket, "/key?query". Headers
// are given as "Name: value".
func (s *site) do(method, target, body string, headers ...string) answer {
	s.Helper()
	return s.send(method, "/"+testBucket+target, strings.NewReader(body), headers...)
}

func (s *site) send(method, target string, body io.Reader, headers ...string) answer {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.url+target, body)
	require.NoError(s, err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(s, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(s, err)
	require.Equal(s, "tencent-cos", resp.Header.Get("Server"))
	require.NotEmpty(s, resp.Header.Get("x-cos-request-id"))
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// must is do for a request that has to succeed.
func (s *site) must(method, target, body string, headers ...string) answer {
	s.Helper()
	a := s.do(method, target, body, headers...)
	require.Less(s, a.status, 300, "%s %s: %s", method, target, a.body)
	return a
}

// refuses expects an error.
func (s *site) refuses(status int, code, method, target, body string, headers ...string) answer {
	s.Helper()
	a := s.do(method, target, body, headers...)
	require.Equal(s, status, a.status, "%s %s: %s", method, target, a.body)
	if method != http.MethodHead {
		require.Equal(s, code, a.code(), a.body)
	}
	return a
}

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, nil))
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(bytes.TrimRight(p, "\n")))
	return len(p), nil
}

// httpDo sends a request that is not one of the API.
func httpDo(t *testing.T, req *http.Request) (status int, body string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}
