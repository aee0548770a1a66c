package cosapi

import (
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Config tells a Client where to speak, as whom, and how patiently. The zero
// value of every field but Bucket and one of Region and Endpoint is usable.
type Config struct {
	// Endpoint is a URL such as http://127.0.0.1:9000. The bucket is put in
	// front of its host, or, with PathStyle, in front of the path. Empty
	// means https://<Bucket>.cos.<Region>.myqcloud.com.
	Endpoint string
	Region   string // ap-guangzhou
	Bucket   string // name-APPID
	// PathStyle addresses http://host/bucket/key. It is set by itself when
	// the host of Endpoint is an IP address or localhost. New buckets of COS
	// refuse it (cos-api.md 1.1).
	PathStyle bool
	// BucketHost says that the host of Endpoint is the bucket's own (a custom
	// domain): nothing is put in front of it.
	BucketHost bool

	Credentials CredentialSource // nil: requests go out unsigned

	HTTP          *http.Client  // nil: an own one, tuned for many large bodies
	MaxAttempts   int           // of one request, 0: 5
	AnswerTimeout time.Duration // without a byte in either direction, 0: 60 s; Copy and Complete have 20 min
	// Deadline bounds how long a call goes on without a byte from or to the
	// endpoint, over all its attempts; 0: only AnswerTimeout and MaxAttempts
	// do. Copy and Complete are waited for as above, once.
	Deadline time.Duration

	Observe func(Call)       // called after every attempt, from the caller's goroutine; nil: nobody
	Log     *slog.Logger     // nil: silent
	Now     func() time.Time // nil: time.Now
}

// Client calls one bucket. See the package comment for its promises.
type Client struct {
	cfg      Config
	endpoint endpoint
	http     *http.Client
	retry    backoff
	limits   limiters
	shared   *shared
}

// shared is what clients of several buckets at one service have in common.
type shared struct {
	clockOffset atomic.Int64 // nanoseconds that COS's clock is ahead of ours
	warnedCRC   atomic.Bool  // the missing checksum was logged
}

const (
	defaultAttempts      = 5
	defaultAnswerTimeout = time.Minute
	// slowAnswerTimeout is for calls that answer when COS has moved all the
	// bytes (cos-api.md 3.4.6).
	slowAnswerTimeout = 20 * time.Minute
)

// New checks a Config (the seeds' CosConfig) and makes a client of it (their
// CosS3Client). It sends nothing.
func New(cfg Config) (*Client, error) {
	if err := CheckBucket(cfg.Bucket); err != nil {
		return nil, err
	}
	cfg.Region = strings.TrimPrefix(cfg.Region, "cos.")
	ep, err := newEndpoint(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Credentials == nil {
		cfg.Credentials = Static(Credentials{})
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.MaxAttempts = cmp.Or(cfg.MaxAttempts, defaultAttempts)
	cfg.AnswerTimeout = cmp.Or(cfg.AnswerTimeout, defaultAnswerTimeout)
	return &Client{
		cfg:      cfg,
		endpoint: ep,
		http:     httpClient(cfg.HTTP),
		retry:    backoff{base: 100 * time.Millisecond, limit: 10 * time.Second},
		limits:   newLimiters(),
		shared:   new(shared),
	}, nil
}

// Bucket is the name this client was made for.
func (c *Client) Bucket() string { return c.cfg.Bucket }

// Region is the configured region; empty when only an endpoint was given.
func (c *Client) Region() string { return c.cfg.Region }

// WithBucket is a client of another bucket at the same endpoint. It shares
// connections and the measured clock offset; its rates are counted apart,
// because COS counts per bucket.
func (c *Client) WithBucket(name string) (*Client, error) {
	cfg := c.cfg
	if cfg.BucketHost {
		return nil, &Error{Op: "WithBucket", Key: name, Kind: Invalid,
			Message: "the endpoint " + cfg.Endpoint + " is a custom domain of one bucket"}
	}
	cfg.Endpoint = c.endpoint.base(cfg.Endpoint)
	cfg.Bucket = name
	cfg.HTTP = c.http
	other, err := New(cfg)
	if err != nil {
		return nil, err
	}
	other.shared, other.retry = c.shared, c.retry
	return other, nil
}

// CloseIdleConnections ends the connections that no call uses at present,
// those of all clients that share this one's transport. A Client may be used
// again afterwards.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// now is the time by COS's clock, as far as it is known.
func (c *Client) now() time.Time {
	return c.cfg.Now().Add(time.Duration(c.shared.clockOffset.Load()))
}

// limiters keep a client under the rates at which COS answers SlowDown
// (cos-api.md 3.0.5), per class of operation and bucket. Reads and writes
// have no limit here: 30 000 per second are beyond one client.
type limiters [classCount]*rate.Limiter

// class is a class of operations that COS counts together.
type class uint8

const (
	classData class = iota
	classList
	classDeleteMulti
	classRestore
	classCount
)

func newLimiters() limiters {
	return limiters{
		classList:        rate.NewLimiter(1000, 1000),
		classDeleteMulti: rate.NewLimiter(300, 300),
		classRestore:     rate.NewLimiter(100, 100),
	}
}
