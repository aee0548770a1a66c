package costest_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// open is a server that signs nobody up, for requests without a client's
// repairs.
func open(t *testing.T) *costest.Server {
	return costest.NewServer(t, costest.WithConfig(func(c *cosserver.Config) { c.Anonymous = true }))
}

// do sends one request, over a connection of its own: the transport would
// repeat an idempotent one by itself on a connection that was used before.
func do(t *testing.T, s *costest.Server, method, key, body string, headers ...string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/"+s.Bucket+"/"+key, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, b, err
}

func TestFaultsAnswer(t *testing.T) {
	s := open(t)
	s.Faults.Add(costest.Fault{Op: "PutObject", Key: "busy*", Status: 503, Header: http.Header{"Retry-After": {"1"}}})
	s.Faults.Add(costest.Fault{Op: "PutObject", Key: "denied", Code: "AccessDenied"})
	s.Faults.Add(costest.Fault{Op: "PutObject", Key: "odd", Status: 418, Code: "Teapot"})
	s.Faults.Add(costest.Fault{Op: "PutObject", Key: "crc", WrongCRC: true})
	s.Faults.Add(costest.Fault{Op: "PutObject", Key: "noid", NoRequestID: true})
	s.Faults.Add(costest.Fault{Op: "CopyObject", ErrorInside200: "InternalError"})

	resp, body, err := do(t, s, "PUT", "busy-1", "x")
	require.NoError(t, err)
	require.Equal(t, 503, resp.StatusCode)
	require.Equal(t, "1", resp.Header.Get("Retry-After"))
	require.Contains(t, string(body), "<Code>SlowDown</Code>")
	resp, _, err = do(t, s, "PUT", "denied", "x")
	require.NoError(t, err)
	require.Equal(t, 403, resp.StatusCode)
	resp, body, err = do(t, s, "PUT", "odd", "x")
	require.NoError(t, err)
	require.Equal(t, 418, resp.StatusCode)
	require.Contains(t, string(body), "<Code>Teapot</Code>")
	resp, _, err = do(t, s, "PUT", "crc", "x")
	require.NoError(t, err)
	require.NotEqual(t, cosapi.CRC64([]byte("x")), resp.Header.Get("x-cos-hash-crc64ecma"))
	resp, _, err = do(t, s, "PUT", "noid", "x")
	require.NoError(t, err)
	require.Empty(t, resp.Header.Get("x-cos-request-id"))
	resp, body, err = do(t, s, "PUT", "to", "", "x-cos-copy-source", s.Bucket+"/noid")
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	require.Contains(t, string(body), "<Error><Code>InternalError</Code>")
	require.Equal(t, 6, s.Faults.Hits())

	s.Faults.Clear()
	_, err = s.Client(t).Head(t.Context(), "to")
	require.ErrorIs(t, err, cosapi.NotFound, "the failed copy did nothing")
}

func TestFaultsBreakConnections(t *testing.T) {
	s := open(t)
	s.Faults.Add(costest.Fault{Op: "PutObject", Key: "before", ResetBefore: true})
	s.Faults.Add(costest.Fault{Op: "PutObject", Key: "after", ResetAfter: true})
	for _, key := range []string{"before", "after"} {
		_, _, err := do(t, s, "PUT", key, "x")
		require.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF), "%v", err)
	}
	s.Faults.Clear()
	c := s.Client(t)
	_, err := c.Head(t.Context(), "before")
	require.ErrorIs(t, err, cosapi.NotFound)
	_, err = c.Head(t.Context(), "after")
	require.NoError(t, err)
}

func TestFaultsSpoilBodies(t *testing.T) {
	s := open(t)
	body := strings.Repeat("0123456789", 1000)
	_, err := s.Client(t).Put(t.Context(), "k", strings.NewReader(body), cosapi.PutOptions{})
	require.NoError(t, err)
	s.Faults.Add(costest.Fault{Op: "GetObject", CutAfter: 4321, Times: 1})
	resp, got, err := do(t, s, "GET", "k", "")
	require.Equal(t, int64(10000), resp.ContentLength)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, body[:4321], string(got))

	s.Faults.Add(costest.Fault{Op: "GetObject", Corrupt: true, CorruptAt: 7, Times: 1})
	_, got, err = do(t, s, "GET", "k", "")
	require.NoError(t, err)
	require.Equal(t, byte('7'^1), got[7])
	require.Equal(t, body[8:], string(got[8:]))

	s.Faults.Add(costest.Fault{Op: "CopyObject", Blanks: 3})
	_, got, err = do(t, s, "PUT", "to", "", "x-cos-copy-source", s.Bucket+"/k")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(got), "   <?xml"), "%s", got)
}

func TestFaultsSkipAndCount(t *testing.T) {
	s := open(t)
	s.Faults.Add(costest.Fault{Op: "HeadBucket", Skip: 1, Times: 2, Status: 500})
	var got []int
	for range 5 {
		resp, _, err := do(t, s, "HEAD", "", "")
		require.NoError(t, err)
		got = append(got, resp.StatusCode)
	}
	require.Equal(t, []int{200, 500, 500, 200, 200}, got)
}

func TestFaultsOfConsistency(t *testing.T) {
	s := open(t)
	only := []string{"x-cos-forbid-overwrite", "true"}
	for _, want := range []int{200, 409} {
		resp, _, err := do(t, s, "PUT", "k", "x", only...)
		require.NoError(t, err)
		require.Equal(t, want, resp.StatusCode)
	}
	s.Faults.Add(costest.Fault{Op: "PutObject", OverwriteRace: true})
	resp, _, err := do(t, s, "PUT", "k", "second creator", only...)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)

	list := func() int {
		page, err := s.Client(t).List(t.Context(), cosapi.ListOptions{})
		require.NoError(t, err)
		return len(page.Entries)
	}
	require.Equal(t, 1, list())
	s.Faults.Add(costest.Fault{Op: "ListObjects", ListLag: time.Hour})
	require.Zero(t, list())
}

func TestFaultsHold(t *testing.T) {
	s := open(t)
	hold, hit := make(chan struct{}), make(chan string, 1)
	s.Faults.Add(costest.Fault{Key: "k", Hold: hold, OnHit: func(r *cosserver.Request) { hit <- r.Op }})
	done := make(chan error, 1)
	go func() {
		_, _, err := do(t, s, "PUT", "k", "x")
		done <- err
	}()
	require.Equal(t, "PutObject", <-hit)
	require.Empty(t, done)
	close(hold)
	require.NoError(t, <-done)
}

func TestLatencyAndBandwidth(t *testing.T) {
	s := costest.NewServer(t, costest.WithLatency(20*time.Millisecond), costest.WithBandwidth(1<<20))
	c := s.Client(t)
	body := strings.Repeat("x", 100<<10)
	start := time.Now()
	_, err := c.Put(t.Context(), "k", strings.NewReader(body), cosapi.PutOptions{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(start), 115*time.Millisecond, "latency and the body's own time")
	r, err := c.Get(t.Context(), cosapi.Version{Key: "k"}, cosapi.Range{Len: -1})
	require.NoError(t, err)
	defer r.Close()
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, body, string(got))
}
