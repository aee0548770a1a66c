package cosapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetriesWhatMayPass(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"SlowDown":           fault(503, "SlowDown"),
		"InternalError":      fault(500, "InternalError"),
		"bare 502":           reply(502, "<html>"),
		"429":                reply(429, ""),
		"RequestTimeout":     fault(400, "RequestTimeout"),
		"UserNetworkTooSlow": fault(400, "UserNetworkTooSlow"),
		"IncompleteBody":     fault(400, "IncompleteBody"),
		"BadDigest":          fault(400, "BadDigest"),
		"PathConflict":       fault(409, "PathConflict"),
		"reset":              hangUp,
	} {
		t.Run(name, func(t *testing.T) {
			c, w := newWire(t, first, first, stored("hello"))
			object, err := c.Put(t.Context(), "k", strings.NewReader("hello"), PutOptions{})
			require.NoError(t, err)
			require.Equal(t, int64(5), object.Size)
			require.Len(t, w.requests(), 3)
			for i, r := range w.requests() {
				require.Equal(t, "hello", string(r.body), "the body of attempt %d", i+1)
				verifySignature(t, r.Request, testCredentials)
			}
		})
	}
}

func TestDoesNotRetryWhatCannotPass(t *testing.T) {
	for code, want := range map[string]struct {
		status int
		kind   Kind
	}{
		"NoSuchKey":                 {404, NotFound},
		"NoSuchBucket":              {404, NoBucket},
		"AccessDenied":              {403, Denied},
		"SignatureDoesNotMatch":     {403, Denied},
		"KeyTooLong":                {400, NameTooLong},
		"EntityTooLarge":            {400, TooLarge},
		"NotImplemented":            {501, Unsupported},
		"InvalidObjectState":        {403, Archived},
		"RestoreAlreadyInProgress":  {409, InProgress},
		"ObjectLocked":              {409, Locked},
		"PolicyFull":                {400, NoSpace},
		"SomethingNew":              {400, Invalid},
		"SomethingNewAndForbidding": {403, Denied},
		"SomethingElse":             {409, Other},
	} {
		t.Run(code, func(t *testing.T) {
			c, w := newWire(t, fault(want.status, code))
			_, err := c.Put(t.Context(), "dir/k", nil, PutOptions{})
			e := requireKind(t, want.kind, err)
			require.Len(t, w.requests(), 1)
			require.Equal(t, Error{
				Op: "PutObject", Key: "dir/k", Kind: want.kind, Status: want.status, Code: code, Message: "told so",
				Resource: "res", RequestID: "req-2", TraceID: "trace", Raw: e.Raw, hint: e.hint,
			}, *e)
			require.Contains(t, string(e.Raw), "<Error>")
			require.Contains(t, err.Error(), `PutObject "dir/k"`)
			require.Contains(t, err.Error(), code)
		})
	}
}

func TestGivesUpAfterMaxAttempts(t *testing.T) {
	w := &wire{handlers: []http.HandlerFunc{fault(503, "SlowDown")}}
	c := newTestClient(t, w, func(cfg *Config) { cfg.MaxAttempts = 3 })
	_, err := c.Head(t.Context(), "k")
	requireKind(t, Unavailable, err) // HEAD shows no code
	require.Len(t, w.requests(), 3)
	_, err = c.List(t.Context(), ListOptions{})
	requireKind(t, Throttled, err)
}

func TestErrorsOfGateways(t *testing.T) {
	c, _ := newWire(t, reply(403, `{"code":"Forbidden","message":"by policy","request_id":"gw-1"}`))
	_, err := c.List(t.Context(), ListOptions{})
	e := requireKind(t, Denied, err)
	require.Equal(t, "by policy", e.Message)
	require.Equal(t, "gw-1", e.RequestID)

	c, _ = newWire(t, reply(404, "<html><body>nothing here", "x-cos-trace-id: tr"))
	_, err = c.List(t.Context(), ListOptions{})
	e = requireKind(t, NoBucket, err)
	require.Equal(t, "NotFound", e.Code)
	require.Equal(t, "req-1", e.RequestID)
	require.Equal(t, "tr", e.TraceID)

	c, w := newWire(t, reply(302, "", "Location: http://elsewhere.example/"))
	_, err = c.List(t.Context(), ListOptions{})
	requireKind(t, Other, err)
	require.Len(t, w.requests(), 1, "redirects are not followed")
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)
	require.Equal(t, time.Duration(0), retryAfter("", now))
	require.Equal(t, 7*time.Second, retryAfter("7", now))
	require.Equal(t, 40*time.Second, retryAfter("Tue, 14 Nov 2023 22:14:00 GMT", now))
	require.Equal(t, time.Duration(0), retryAfter("Tue, 14 Nov 2023 22:13:00 GMT", now))
	require.Equal(t, time.Duration(0), retryAfter("Tue, 14 Nov 2023 22:14:00 GMT", time.Time{}))
	require.Equal(t, time.Duration(0), retryAfter("soon", now))
}

func TestRetryAfterIsWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &wire{handlers: []http.HandlerFunc{fault(503, "SlowDown", "Retry-After: 3600")}}
	c := newTestClient(t, w, func(cfg *Config) { cfg.Observe = func(Call) { cancel() } })
	_, err := c.List(ctx, ListOptions{})
	requireKind(t, Canceled, err)
	require.Contains(t, err.Error(), "SlowDown", "the reason for waiting is told")
	require.Len(t, w.requests(), 1)
}

func TestBackoffIsBoundedAndJittered(t *testing.T) {
	b := backoff{base: 100 * time.Millisecond, limit: 10 * time.Second}
	for attempt, ceiling := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 5: 1600 * time.Millisecond, 8: 10 * time.Second, 90: 10 * time.Second,
	} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := b.delay(attempt, 0)
			require.LessOrEqual(t, d, ceiling)
			seen[d] = true
		}
		require.Greater(t, len(seen), 10, "no jitter after attempt %d", attempt)
	}
	require.Equal(t, 7*time.Second, b.delay(1, 7*time.Second))
	require.Equal(t, maxRetryAfter, b.delay(1, time.Hour))
}

func TestCancelIsTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, _ := newWire(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := c.Head(ctx, "k")
	requireKind(t, Canceled, err)
	require.ErrorIs(t, err, context.Canceled)
}

func TestSilentServerIsGivenUp(t *testing.T) {
	attempts := 0
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	c := newTestClient(t, http.HandlerFunc(silent), func(cfg *Config) {
		cfg.AnswerTimeout, cfg.MaxAttempts = 20*time.Millisecond, 2
		cfg.Observe = func(Call) { attempts++ }
	})
	_, err := c.Head(t.Context(), "k")
	requireKind(t, Unavailable, err)
	require.Contains(t, err.Error(), "nothing was heard for 20ms")
	require.Equal(t, 2, attempts)
}

func TestNoServerNamesTheEndpoint(t *testing.T) {
	c, err := New(Config{Endpoint: "http://127.0.0.1:1", Bucket: testBucket, MaxAttempts: 1})
	require.NoError(t, err)
	_, err = c.HeadBucket(t.Context())
	e := requireKind(t, Unavailable, err)
	require.Zero(t, e.Status)
	require.Contains(t, err.Error(), "no answer from http://127.0.0.1:1")
}

func TestClockIsCorrectedOnce(t *testing.T) {
	service := time.Now().Add(3 * time.Hour).UTC().Truncate(time.Second)
	date := "Date: " + service.Format(http.TimeFormat)
	for name, refusal := range map[string]http.HandlerFunc{
		"skewed":  fault(403, "RequestTimeTooSkewed", date),
		"expired": reply(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", date),
	} {
		t.Run(name, func(t *testing.T) {
			c, w := newWire(t, refusal, reply(200, "<ListBucketResult/>", date))
			_, err := c.List(t.Context(), ListOptions{})
			require.NoError(t, err)
			require.Len(t, w.requests(), 2)
			require.WithinDuration(t, service, c.now(), 5*time.Second)
			verifySignature(t, w.requests()[1].Request, testCredentials)
		})
	}
	t.Run("HEAD does not say", func(t *testing.T) {
		c, w := newWire(t, reply(403, "", date), reply(200, "", date))
		_, err := c.HeadBucket(t.Context())
		require.NoError(t, err)
		require.Len(t, w.requests(), 2)
	})
	t.Run("only once", func(t *testing.T) {
		c, w := newWire(t, fault(403, "RequestTimeTooSkewed", date))
		_, err := c.List(t.Context(), ListOptions{})
		requireKind(t, Skewed, err)
		require.Len(t, w.requests(), 2)
	})
	t.Run("not when the clock is right", func(t *testing.T) {
		c, w := newWire(t, fault(403, "RequestTimeTooSkewed", "Date: "+time.Now().UTC().Format(http.TimeFormat)))
		_, err := c.List(t.Context(), ListOptions{})
		requireKind(t, Skewed, err)
		require.Len(t, w.requests(), 1)
	})
}

// rotating gives other credentials each time it is asked.
type rotating struct {
	mu    sync.Mutex // guards asked
	asked int
}

func (r *rotating) Credentials(context.Context) (Credentials, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return Credentials{SecretID: "AKID", SecretKey: "s", Token: strings.Repeat("t", r.asked)}, nil
}

func TestExpiredTokenIsRefreshedOnce(t *testing.T) {
	w := &wire{handlers: []http.HandlerFunc{fault(400, "ExpiredToken")}}
	c := newTestClient(t, w, func(cfg *Config) { cfg.Credentials = new(rotating) })
	_, err := c.List(t.Context(), ListOptions{})
	requireKind(t, Denied, err)
	require.Len(t, w.requests(), 2)
	require.NotEqual(t, w.requests()[0].Header.Get("x-cos-security-token"), w.requests()[1].Header.Get("x-cos-security-token"))

	c, w = newWire(t, fault(400, "ExpiredToken"))
	_, err = c.List(t.Context(), ListOptions{})
	requireKind(t, Denied, err)
	require.Len(t, w.requests(), 1, "the same token is not tried twice")
}

func TestHeadersThatWouldNotArriveAreRefused(t *testing.T) {
	c, w := newWire(t, hangUp)
	for _, o := range []PutOptions{
		{ACL: "private\n"}, {Grants: Grants{Read: "年"}}, {Header: http.Header{"X-Cos-A": {"ok", " outer"}}},
		{Attrs: Attrs{Encryption: Encryption{KMSKeyID: "\x00"}}},
	} {
		_, err := c.Put(t.Context(), "k", nil, o)
		requireKind(t, Invalid, err)
	}
	require.Empty(t, w.requests())
}

type noCredentials struct{}

func (noCredentials) Credentials(context.Context) (Credentials, error) {
	return Credentials{}, errors.New("the file is gone")
}

func TestCredentialSourceFails(t *testing.T) {
	c := newTestClient(t, http.NotFoundHandler(), func(cfg *Config) { cfg.Credentials = noCredentials{} })
	_, err := c.Head(t.Context(), "k")
	requireKind(t, Denied, err)
	require.ErrorContains(t, err, "the file is gone")
}

func TestAnonymousRequestsAreUnsigned(t *testing.T) {
	w := &wire{handlers: []http.HandlerFunc{reply(200, "")}}
	c := newTestClient(t, w, func(cfg *Config) { cfg.Credentials = nil })
	_, err := c.HeadBucket(t.Context())
	require.NoError(t, err)
	require.Empty(t, w.requests()[0].Header.Get("Authorization"))
}

func TestObserveAndLogTellEveryAttempt(t *testing.T) {
	var calls []Call
	var log bytes.Buffer
	w := &wire{handlers: []http.HandlerFunc{fault(503, "SlowDown"), stored("hello")}}
	c := newTestClient(t, w, func(cfg *Config) {
		cfg.Observe = func(call Call) { calls = append(calls, call) }
		cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	_, err := c.Put(t.Context(), "k", strings.NewReader("hello"), PutOptions{})
	require.NoError(t, err)
	require.Len(t, calls, 2)
	require.Equal(t, []int{1, 2}, []int{calls[0].Attempt, calls[1].Attempt})
	require.Equal(t, 503, calls[0].Status)
	require.ErrorIs(t, calls[0].Err, Throttled)
	require.NoError(t, calls[1].Err)
	require.Equal(t, "PutObject", calls[1].Op)
	require.Equal(t, int64(5), calls[1].Sent)
	require.Equal(t, "req-1", calls[1].RequestID)
	require.Positive(t, calls[1].Duration)
	require.Contains(t, log.String(), "SlowDown")
	require.NotContains(t, log.String(), testCredentials.SecretKey)
	require.NotContains(t, log.String(), "q-signature")
}

func TestBrokenDocumentIsAskedForAgain(t *testing.T) {
	whole := "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>"
	c, w := newWire(t, reply(200, whole[:30]), cut(200, len(whole), whole[:30]), reply(200, "<html>captive portal</html>"), reply(200, whole))
	page, err := c.List(t.Context(), ListOptions{})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	require.Len(t, w.requests(), 4)
}

func TestDetachedBodyIsNotRead(t *testing.T) {
	b, err := newSendBody("op", "k", strings.NewReader("hello"))
	require.NoError(t, err)
	require.NoError(t, b.rewind(func() {}))
	p := make([]byte, 2)
	_, err = b.Read(p)
	require.NoError(t, err)
	sent, err := b.detach()
	require.NoError(t, err)
	require.Equal(t, int64(2), sent)
	_, err = b.Read(p)
	require.ErrorIs(t, err, errDetached)
	crc, err := b.checksum()
	require.NoError(t, err)
	require.Equal(t, CRC64([]byte("hello")), crc, "the checksum is of the whole body")
}

// cutBody promises more than it has.
type cutBody struct{ io.ReadSeeker }

func (b cutBody) Seek(off int64, whence int) (int64, error) {
	n, err := b.ReadSeeker.Seek(off, whence)
	if whence == io.SeekEnd {
		n += 10
	}
	return n, err
}

func TestBodyThatEndsEarlyIsNotRetried(t *testing.T) {
	c, w := newWire(t, stored("hello"))
	_, err := c.Put(t.Context(), "k", cutBody{strings.NewReader("hello")}, PutOptions{})
	requireKind(t, Other, err)
	require.ErrorContains(t, err, "ended after 5 of 15 bytes")
	require.LessOrEqual(t, len(w.requests()), 1)
}

func TestEarlyAnswerLeavesTheBodyAlone(t *testing.T) {
	// The server refuses before it has read the body; net/http may go on
	// sending. The race detector watches the rewind.
	body := bytes.NewReader(make([]byte, 4<<20))
	refuse := func(w http.ResponseWriter, r *http.Request) { fault(503, "SlowDown")(w, r) }
	c := newTestClient(t, http.HandlerFunc(refuse), nil)
	_, err := c.Put(t.Context(), "k", body, PutOptions{})
	require.Error(t, err)
	_, err = body.Seek(0, io.SeekStart)
	require.NoError(t, err)
}
