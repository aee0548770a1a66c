package cosserver

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what a Server is. The zero value is a memory server in
// ap-guangzhou that refuses everybody.
type Config struct {
	Root    string   // directory of the store; empty: in memory
	Sync    Sync     // what a power cut may cost the directory store
	Region  string   // empty: ap-guangzhou
	Domains []string // more base domains of virtual-host style, such as cos.example.com

	Accounts  []Account // who may sign; the first owns what CreateBucket makes
	Anonymous bool      // unsigned requests may do everything

	// RestoreDelay is how long the restore of an archived object takes.
	RestoreDelay time.Duration

	Latency   time.Duration // waited before each request is handled
	Bandwidth int64         // bytes per second of each body in each direction, 0: no limit
	// Intercept is asked once per request, when it is routed and its signature
	// is checked. A nil answer means that nothing goes wrong.
	Intercept func(*Request) *Fault

	// LifecycleEvery carries out lifecycle rules that often; 0: only when
	// ApplyLifecycle is called.
	LifecycleEvery time.Duration
	Admin          bool // answer /-/ requests, unsigned: see serveAdmin

	Log *slog.Logger     // nil: silent
	Now func() time.Time // nil: time.Now
}

// Sync says what reaches the disk before a write to the directory store is
// acknowledged. The death of the process costs nothing under any of them; the
// package comment says what a power cut may cost.
type Sync uint8

const (
	SyncIndex Sync = iota // the index, so that it cannot be damaged
	SyncAll               // the index and the body
	SyncNone              // nothing: for tests and for data that can be made again
)

// Request is what Intercept is told of a request.
type Request struct {
	Op          string // "GetObject", … as in Counts
	Bucket, Key string
	HTTP        *http.Request
}

// Server answers the COS XML API. It is an http.Handler, safe for concurrent
// use; see the package comment for its promises.
type Server struct {
	cfg      Config
	store    *store
	accounts map[string]Account // by SecretID
	routes   routes

	counts            map[string]*atomic.Int64 // by operation; the map itself never changes
	bytesIn, bytesOut atomic.Int64
	latency           atomic.Int64 // nanoseconds
	serial            atomic.Uint64

	stop context.CancelFunc // ends background
	// background holds the goroutine of LifecycleEvery; Close waits for it.
	background sync.WaitGroup
	buffers    buffers
}

var _ http.Handler = (*Server)(nil)

const defaultRegion = "ap-guangzhou"

// New makes a server, and with Root opens or creates its store, which one
// process at a time can have open.
func New(cfg Config) (*Server, error) {
	cfg.Region = cmp.Or(cfg.Region, defaultRegion)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Domains = append([]string{
		"cos." + cfg.Region + ".myqcloud.com", "cos." + cfg.Region + ".tencentcos.cn", "localhost",
	}, cfg.Domains...)
	s := &Server{cfg: cfg, accounts: map[string]Account{}, routes: newRoutes(), counts: map[string]*atomic.Int64{}}
	for _, a := range cfg.Accounts {
		if _, twice := s.accounts[a.SecretID]; twice || a.SecretID == "" {
			return nil, fmt.Errorf("cosserver: account %q: a SecretID must be given, and only once", a.SecretID)
		}
		s.accounts[a.SecretID] = a
	}
	for _, table := range [][]route{s.routes.service, s.routes.bucket, s.routes.object} {
		for _, r := range table {
			s.counts[r.name] = new(atomic.Int64)
		}
	}
	s.latency.Store(int64(cfg.Latency))
	s.store = newMemoryStore(cfg.Now, cfg.Log)
	if cfg.Root != "" {
		var err error
		if s.store, err = openDirStore(cfg.Root, cfg.Sync, cfg.Now, cfg.Log); err != nil {
			return nil, fmt.Errorf("cosserver: %w", err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if cfg.LifecycleEvery > 0 {
		s.background.Go(func() { s.applyLifecycles(ctx, cfg.LifecycleEvery) })
	}
	return s, nil
}

// Close lets the writes that were accepted finish and closes the store.
// Requests that come later are answered with InternalError.
func (s *Server) Close() error {
	s.stop()
	s.background.Wait()
	return s.store.close()
}

// CreateBucket makes a bucket without a request, owned by the first account.
// A bucket that is there already is kept and is no error.
func (s *Server) CreateBucket(name string) error {
	if err := checkBucketName(name, s.cfg.Region); err != nil {
		return fmt.Errorf("cosserver: bucket %q: %w", name, err)
	}
	err := s.store.createBucket(name, bucketRecord{Created: s.cfg.Now().UTC(), Owner: s.firstOwner()})
	if isCode(err, "BucketAlreadyOwnedByYou") || isCode(err, "BucketAlreadyExists") {
		return nil
	}
	return err
}

// Counts gives the number of requests per operation since the start or the
// last reset, answered well or not. Operations never asked for are left out.
func (s *Server) Counts() map[string]int64 {
	m := map[string]int64{}
	for name, n := range s.counts {
		if v := n.Load(); v != 0 {
			m[name] = v
		}
	}
	return m
}

// ResetCounts sets the counts and the byte counters to zero.
func (s *Server) ResetCounts() {
	for n := range maps.Values(s.counts) {
		n.Store(0)
	}
	s.bytesIn.Store(0)
	s.bytesOut.Store(0)
}

// BytesIn is the number of bytes of content received in bodies.
func (s *Server) BytesIn() int64 { return s.bytesIn.Load() }

// BytesOut is the number of bytes of content sent in bodies.
func (s *Server) BytesOut() int64 { return s.bytesOut.Load() }

// SetLatency changes Config.Latency of a running server.
func (s *Server) SetLatency(d time.Duration) { s.latency.Store(int64(d)) }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.serveAdmin(w, r) {
		return
	}
	start := time.Now()
	c := &call{s: s, w: w, r: r, q: parseQuery(r.URL.RawQuery), id: s.requestID(), bodyLength: r.ContentLength, rate: s.cfg.Bandwidth}
	w.Header().Set("Server", "tencent-cos")
	w.Header().Set("x-cos-request-id", c.id)
	err := c.serve()
	if err != nil {
		c.fail(err)
	}
	s.cfg.Log.Debug("request", "op", c.op.name, "bucket", c.bucket, "key", c.key, "id", c.id,
		"duration", time.Since(start), "err", err)
}

// requestID is unique among the requests of a server and looks like COS's.
func (s *Server) requestID() string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%x_%x", s.cfg.Now().Unix(), s.serial.Add(1)))
}

// serve takes a request through the steps that all have in common.
func (c *call) serve() (err error) {
	if c.target, err = address(c.r, c.s.cfg.Domains); err != nil {
		return err
	}
	if c.v4 = c.isV4(); c.v4 {
		c.readS3Names()
	}
	if c.op, err = c.s.routes.find(c.target, c.r.Method, c.q, c.r.Header); err != nil {
		return err
	}
	c.s.counts[c.op.name].Add(1)
	if err := sleep(c.r.Context(), time.Duration(c.s.latency.Load())); err != nil {
		return err
	}
	c.shareAcross()
	if c.account, err = c.authenticate(); err != nil {
		return err
	}
	if err := c.authorize(); err != nil {
		return err
	}
	if err := c.readTrafficLimit(); err != nil {
		return err
	}
	if c.s.cfg.Intercept != nil {
		c.fault = c.s.cfg.Intercept(&Request{Op: c.op.name, Bucket: c.bucket, Key: c.key, HTTP: c.r})
	}
	if c.fault != nil {
		return c.serveFaulty()
	}
	return c.op.handle(c)
}

// sleep waits, but not longer than the request lives.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail answers with an error. When the answer has begun the connection is cut,
// which is all that HTTP leaves to say.
func (c *call) fail(err error) {
	var e *apiError
	switch {
	case c.begun:
		c.s.cfg.Log.Warn("answer broken off", "op", c.op.name, "key", c.key, "id", c.id, "err", err)
		panic(http.ErrAbortHandler)
	case errors.As(err, &e):
	case errors.Is(err, io.ErrUnexpectedEOF):
		e = failure("IncompleteBody")
	case c.r.Context().Err() != nil:
		panic(http.ErrAbortHandler)
	default:
		c.s.cfg.Log.Error("request failed", "op", c.op.name, "bucket", c.bucket, "key", c.key, "id", c.id, "err", err)
		e = failure("InternalError")
	}
	c.writeError(e)
}
