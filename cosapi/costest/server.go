package costest

import (
	"crypto/rand"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
)

// Bucket is the bucket that NewServer makes.
const Bucket = "test-1250000000"

// Server is a running COS-compatible server with one bucket.
type Server struct {
	*cosserver.Server
	URL         string // http://127.0.0.1:port, path style
	Bucket      string
	Credentials cosapi.Credentials
	Faults      *Faults

	http *httptest.Server
	now  func() time.Time // the server's clock
}

// Option changes how NewServer makes its server.
type Option func(*cosserver.Config)

// WithRoot keeps the store in a directory in place of memory.
func WithRoot(dir string) Option { return func(c *cosserver.Config) { c.Root = dir } }

// WithLatency waits before each request is handled.
func WithLatency(d time.Duration) Option { return func(c *cosserver.Config) { c.Latency = d } }

// WithBandwidth limits each body, in bytes per second.
func WithBandwidth(n int64) Option { return func(c *cosserver.Config) { c.Bandwidth = n } }

// WithNow sets the server's clock.
func WithNow(now func() time.Time) Option { return func(c *cosserver.Config) { c.Now = now } }

// WithLog sends the server's log somewhere.
func WithLog(l *slog.Logger) Option { return func(c *cosserver.Config) { c.Log = l } }

// WithConfig changes whatever else a Config holds.
func WithConfig(change func(*cosserver.Config)) Option { return change }

// NewServer starts a server, in memory unless an option says otherwise. It is
// stopped at the end of the test.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s := &Server{
		Bucket:      Bucket,
		Credentials: cosapi.Credentials{SecretID: "AKID" + rand.Text(), SecretKey: rand.Text()},
		Faults:      new(Faults),
	}
	cfg := cosserver.Config{
		Accounts:  []cosserver.Account{{SecretID: s.Credentials.SecretID, SecretKey: s.Credentials.SecretKey}},
		Intercept: s.Faults.intercept,
	}
	for _, o := range opts {
		o(&cfg)
	}
	s.now = cfg.Now
	var err error
	s.Server, err = cosserver.New(cfg)
	require.NoError(t, err)
	require.NoError(t, s.CreateBucket(s.Bucket))
	s.http = httptest.NewServer(s.Server)
	s.URL = s.http.URL
	t.Cleanup(func() {
		s.Faults.Clear()
		s.http.CloseClientConnections()
		s.http.Close()
		require.NoError(t, s.Close())
	})
	return s
}

// Config is the configuration of a client of the server's bucket.
func (s *Server) Config() cosapi.Config {
	return cosapi.Config{
		Endpoint: s.URL, Region: "ap-guangzhou", Bucket: s.Bucket, PathStyle: true,
		Credentials: cosapi.Static(s.Credentials),
	}
}

// Client is a client of the server's bucket.
func (s *Server) Client(t testing.TB) *cosapi.Client {
	t.Helper()
	c, err := cosapi.New(s.Config())
	require.NoError(t, err)
	return c
}
