package costest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
)

// user is a client of a server of its own, as a program uses it.
type user struct {
	*testing.T
	*require.Assertions
	ctx context.Context
	s   *Server
	c   *cosapi.Client
}

func newUser(t *testing.T, opts ...Option) *user {
	s := NewServer(t, opts...)
	return &user{T: t, Assertions: require.New(t), ctx: t.Context(), s: s, c: s.Client(t)}
}

func (u *user) put(key, body string, o cosapi.PutOptions) cosapi.Object {
	u.Helper()
	object, err := u.c.Put(u.ctx, key, strings.NewReader(body), o)
	u.NoError(err, key)
	return object
}

func (u *user) get(key string, o cosapi.GetOptions) (string, cosapi.Object, error) {
	r, err := u.c.GetWith(u.ctx, cosapi.Version{Key: key}, whole(), o)
	if err != nil {
		return "", cosapi.Object{}, err
	}
	defer r.Close()
	body, err := io.ReadAll(r)
	return string(body), r.Object, err
}

// isError checks an error's kind and gives it.
func (u *user) isError(err error, kind cosapi.Kind) *cosapi.Error {
	u.Helper()
	u.ErrorIs(err, kind)
	var e *cosapi.Error
	u.ErrorAs(err, &e)
	return e
}

// toServer is a transport to the server whatever the host's name.
func (u *user) toServer() *http.Client {
	address := strings.TrimPrefix(u.s.URL, "http://")
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	u.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

//rows:client C1 C2 C3 C4 C5 C8 C9
func TestClientConfig(t *testing.T) {
	u := newUser(t, WithConfig(func(c *cosserver.Config) {
		c.Accounts = append(c.Accounts, cosserver.Account{SecretID: "AKIDtemporary", SecretKey: "secret", Token: "token"})
	}))
	u.put("k", "x", cosapi.PutOptions{})
	get := func(change func(*cosapi.Config)) error {
		cfg := cosapi.Config{Endpoint: "http://cos.ap-guangzhou.myqcloud.com", Bucket: Bucket, HTTP: u.toServer(), Credentials: cosapi.Static(u.s.Credentials)}
		change(&cfg)
		c, err := cosapi.New(cfg)
		if err != nil {
			return err
		}
		_, err = c.Head(u.ctx, "k")
		return err
	}
	u.NoError(get(func(*cosapi.Config) {}), "virtual-host style, scheme http")
	e := u.isError(get(func(c *cosapi.Config) { c.Endpoint, c.Region, c.MaxAttempts = "", "ap-guangzhou", 1 }), cosapi.Unavailable)
	u.Contains(e.Error(), "https://"+Bucket+".cos.ap-guangzhou.myqcloud.com", "https by default; the server has none")
	u.isError(get(func(c *cosapi.Config) { c.Endpoint, c.Region = "", "Guangzhou!" }), cosapi.Invalid)
	u.isError(get(func(c *cosapi.Config) { c.Bucket = "no appid" }), cosapi.Invalid)
	u.isError(get(func(c *cosapi.Config) { c.Bucket = "missing-1250000000" }), cosapi.NotFound) // HEAD tells no more

	with := func(creds cosapi.Credentials) error {
		return get(func(c *cosapi.Config) { c.Credentials = cosapi.Static(creds) })
	}
	u.isError(with(cosapi.Credentials{SecretID: u.s.Credentials.SecretID, SecretKey: "wrong"}), cosapi.Denied)
	u.isError(with(cosapi.Credentials{SecretID: "AKIDunknown", SecretKey: u.s.Credentials.SecretKey}), cosapi.Denied)
	u.isError(with(cosapi.Credentials{}), cosapi.Denied)
	u.NoError(with(cosapi.Credentials{SecretID: "AKIDtemporary", SecretKey: "secret", Token: "token"}))
	u.isError(with(cosapi.Credentials{SecretID: "AKIDtemporary", SecretKey: "secret"}), cosapi.Denied)

	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 20 {
				if _, err := u.c.Head(u.ctx, "k"); err != nil {
					u.Error(err)
				}
			}
		})
	}
	callers.Wait()
}

//rows:client C12 B3 B5 B42 B53 B57 B70 B74 B77 B86 B90 O44 O66 O90 O96
func TestClientResponseMeta(t *testing.T) {
	u := newUser(t)
	c := u.c
	var seen []cosapi.ResponseMeta
	ctx := cosapi.WithResponse(u.ctx, func(m cosapi.ResponseMeta) { seen = append(seen, m) })
	other, err := c.WithBucket("second-1250000000")
	u.NoError(err)
	cors := []cosapi.CORSRule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}}
	rules := []cosapi.LifecycleRule{{ID: "r", Enabled: true, AbortUploadDays: 1}}
	replication := cosapi.Replication{Role: owner, Rules: []cosapi.ReplicationRule{{Status: "Enabled",
		Destination: cosapi.ReplicationDestination{Bucket: "qcs::cos:ap-shanghai::backup-1250000000"}}}}
	id := ""
	for _, step := range []struct {
		op     string
		status int
		call   func() error
	}{
		{"PutBucket", 200, func() error { return other.CreateBucket(ctx, cosapi.CreateBucketOptions{}) }},
		{"PutBucketACL", 200, func() error { return other.PutACL(ctx, "", cosapi.NewACL{Canned: "private"}) }},
		{"PutBucketCORS", 200, func() error { return other.PutBucketCORS(ctx, cors) }},
		{"DeleteBucketCORS", 204, func() error { return other.DeleteBucketCORS(ctx) }},
		{"PutBucketLifecycle", 200, func() error { return other.PutBucketLifecycle(ctx, rules) }},
		{"DeleteBucketLifecycle", 204, func() error { return other.DeleteBucketLifecycle(ctx) }},
		{"AppendObject", 200, func() error {
			_, err := other.Append(ctx, "log", 0, strings.NewReader("x"), cosapi.PutOptions{})
			return err
		}},
		{"DeleteObject", 204, func() error { return other.Delete(ctx, "log") }},
		{"DeleteBucket", 204, func() error { return other.DeleteBucket(ctx) }},
		{"PutBucketVersioning", 200, func() error { return c.PutBucketVersioning(ctx, cosapi.VersioningEnabled) }},
		{"PutBucketReplication", 200, func() error { return c.PutBucketReplication(ctx, replication) }},
		{"DeleteBucketReplication", 204, func() error { return c.DeleteBucketReplication(ctx) }},
		{"PutObject", 200, func() error {
			_, err := c.Put(ctx, "k", nil, cosapi.PutOptions{Attrs: cosapi.Attrs{StorageClass: "ARCHIVE"}})
			return err
		}},
		{"PutObjectACL", 200, func() error { return c.PutACL(ctx, "k", cosapi.NewACL{Canned: "private"}) }},
		{"RestoreObject", 202, func() error { return c.Restore(ctx, "k", cosapi.RestoreOptions{Days: 1}) }},
		{"InitiateMultipartUpload", 200, func() (err error) { id, err = c.StartUpload(ctx, "k", cosapi.PutOptions{}); return err }},
		{"AbortMultipartUpload", 204, func() error { return c.AbortUpload(ctx, "k", id) }},
	} {
		seen = nil
		u.NoError(step.call(), step.op)
		u.Len(seen, 1, step.op)
		u.Equal(step.op, seen[0].Op)
		u.Equal(step.status, seen[0].Status, step.op)
		u.NotEmpty(seen[0].RequestID, step.op)
		u.Equal(seen[0].RequestID, seen[0].Header.Get("x-cos-request-id"))
	}
}

//rows:client C7 C11 C12 C13 O30 U13
func TestClientHeadersAndLog(t *testing.T) {
	u := newUser(t)
	var log bytes.Buffer
	cfg := u.s.Config()
	cfg.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := cosapi.New(cfg)
	u.NoError(err)
	u.NoError(c.PutBucketVersioning(u.ctx, cosapi.VersioningEnabled))
	u.put("k", "x", cosapi.PutOptions{})
	var seen []cosapi.ResponseMeta
	ctx := cosapi.WithResponse(u.ctx, func(m cosapi.ResponseMeta) { seen = append(seen, m) })
	deleted, err := c.DeleteVersion(ctx, "k", "")
	u.NoError(err)
	u.True(deleted.DeleteMarker)
	u.NotEmpty(deleted.VersionID)

	seen = nil
	_, err = c.Head(ctx, "missing")
	e := u.isError(err, cosapi.NotFound)
	u.Equal(seen[0].RequestID, e.RequestID)
	u.Equal(404, seen[0].Status)
	seen = nil
	_, err = c.Upload(ctx, "up", writeFile(t, "f", []byte("x")), cosapi.UploadOptions{})
	u.NoError(err)
	u.NotEmpty(seen[0].RequestID)

	ctx = cosapi.WithHeader(u.ctx, http.Header{"x-cos-meta-extra": {"sent"}, "X-Unknown": {"y"}, "Content-Type": {"not/this"}})
	_, err = c.Put(ctx, "kwargs", nil, cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "a/b"}})
	u.NoError(err)
	o, err := c.Head(u.ctx, "kwargs")
	u.NoError(err)
	u.Equal("sent", o.Meta["extra"])
	u.Equal("a/b", o.ContentType, "what the call sends itself wins")
	_, err = c.Head(cosapi.WithHeader(u.ctx, http.Header{"X-A": {"two\nlines"}}), "k")
	u.isError(err, cosapi.Invalid)

	u.Contains(log.String(), "op=PutObject key=up attempt=1 status=200")
	u.NotContains(log.String(), u.s.Credentials.SecretKey)
	u.NotContains(log.String(), "q-signature")
}

//rows:client C10
func TestClientKeys(t *testing.T) {
	u := newUser(t)
	for _, bad := range []string{"", "/abs", "a/../..", ".", "x\x18", "\xff"} {
		_, err := u.c.Head(u.ctx, bad)
		u.isError(err, cosapi.Invalid)
	}
	_, err := u.c.Head(u.ctx, strings.Repeat("k", 851))
	u.isError(err, cosapi.NameTooLong)
}

//rows:client E1 E2 E3 E4 E5 E6 E7 E8 E9 E10 E11
func TestClientErrors(t *testing.T) {
	u := newUser(t)
	_, _, err := u.get("missing", cosapi.GetOptions{})
	e := u.isError(err, cosapi.NotFound)
	u.Equal([]any{"GetObject", "missing", 404, "NoSuchKey", "The specified key does not exist."},
		[]any{e.Op, e.Key, e.Status, e.Code, e.Message})
	u.Contains(string(e.Raw), "<Code>NoSuchKey</Code>")
	u.Contains(e.Resource, "/missing")
	u.NotEmpty(e.RequestID)
	u.NotEmpty(e.TraceID)
	_, err = u.c.Head(u.ctx, "missing") // no body
	e = u.isError(err, cosapi.NotFound)
	u.Equal([]any{404, "NotFound"}, []any{e.Status, e.Code})
	u.NotEmpty(e.RequestID)
	u.NotEmpty(e.TraceID)

	u.put("src", "x", cosapi.PutOptions{})
	u.s.Faults.Add(Fault{Op: "CopyObject", ErrorInside200: "AccessDenied"})
	_, err = u.c.Copy(u.ctx, cosapi.Version{Key: "src"}, "dst", cosapi.CopyOptions{})
	e = u.isError(err, cosapi.Denied)
	u.Equal([]any{200, "AccessDenied"}, []any{e.Status, e.Code})
	u.s.Faults.Clear()

	// No answer: the seeds' CosClientError.
	u.s.Faults.Add(Fault{Op: "HeadObject", Times: 1, ResetBefore: true})
	_, err = u.c.Head(u.ctx, "src")
	u.NoError(err, "it is repeated")
	_, err = u.c.Put(u.ctx, "k", strings.NewReader("x"), cosapi.PutOptions{Attrs: cosapi.Attrs{Meta: map[string]string{"a b": "c"}}})
	e = u.isError(err, cosapi.Invalid)
	u.Zero(e.Status, "nothing was sent")
	ctx, cancel := context.WithTimeout(u.ctx, 20*time.Millisecond)
	defer cancel()
	u.s.SetLatency(time.Second)
	_, err = u.c.Head(ctx, "src")
	e = u.isError(err, cosapi.Timeout)
	u.ErrorIs(err, context.DeadlineExceeded)
	u.Zero(e.Status)
	u.s.SetLatency(0)
	cfg := u.s.Config()
	cfg.Endpoint, cfg.MaxAttempts = "http://127.0.0.1:1", 1
	c, err := cosapi.New(cfg)
	u.NoError(err)
	_, err = c.Head(u.ctx, "src")
	e = u.isError(err, cosapi.Unavailable)
	var network *net.OpError
	u.ErrorAs(err, &network)
	u.Zero(e.Status)
}

// The names that Observe and WithResponse give are those the server counts.
func TestOperationsHaveOneName(t *testing.T) {
	u := newUser(t)
	ops := map[string]int64{}
	cfg := u.s.Config()
	cfg.Observe = func(call cosapi.Call) { ops[call.Op]++ }
	c, err := cosapi.New(cfg)
	u.NoError(err)
	u.s.ResetCounts()
	everyCall(u, c)
	u.Equal(u.s.Counts(), ops)
	routes, err := os.ReadFile("../cosserver/route.go")
	u.NoError(err)
	for _, m := range regexp.MustCompile(`at\(http\.\w+, "\w*", "(\w+)"`).FindAllStringSubmatch(string(routes), -1) {
		u.Contains(ops, m[1], "an operation of the server that no client calls")
	}
}

// scripted is a transport whose answers the test writes.
func scripted(t *testing.T, handle func(w http.ResponseWriter, body string)) *http.Client {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		handle(w, string(body))
	}))
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
