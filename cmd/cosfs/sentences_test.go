package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
	"cosfs/writeback"
)

// ask is the pre-flight of a mount of the server's bucket, with one thing
// about it changed.
func ask(ctx context.Context, s *costest.Server, change func(c *mountConfig, t *target)) error {
	c := &mountConfig{source: source{bucket: s.Bucket}}
	t := target{endpoint: s.URL, identity: s.URL, pair: keyPair{Credentials: s.Credentials, origin: "the environment"}}
	if change != nil {
		change(c, &t)
	}
	client, err := t.client(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return checkBucket(ctx, client, c.source, t.place(c.source.bucket))
}

func refusedAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return "http://" + l.Addr().String()
}

func TestPreflightIsOneRequest(t *testing.T) {
	s := costest.NewServer(t)
	require.NoError(t, ask(t.Context(), s, nil))
	require.Equal(t, map[string]int64{"ListObjects": 1}, s.Counts())
	_, err := s.Client(t).Put(t.Context(), "dir/file", strings.NewReader("x"), cosapi.PutOptions{})
	require.NoError(t, err)
	require.NoError(t, ask(t.Context(), s, func(c *mountConfig, _ *target) { c.source.prefix = "dir/" }))
}

// One failure each, against a real server: its exit code, the thing it names
// and the remedy.
func TestPreflightSentences(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  costest.Fault
		change func(c *mountConfig, t *target)
		code   int
		want   []string
	}{
		{"missing bucket", costest.Fault{}, func(c *mountConfig, _ *target) { c.source.bucket = "none-1250000000" },
			exitNotFound, []string{"the bucket none-1250000000 does not exist at http://", "check its name", "NoSuchBucket, request "}},
		{"missing prefix", costest.Fault{}, func(c *mountConfig, _ *target) { c.source.prefix = "no/such/" },
			exitNotFound, []string{"nothing below the prefix no/such/", "make the directory first"}},
		{"unknown secret id", costest.Fault{}, func(_ *mountConfig, t *target) { t.pair.SecretID = "AKIDnobody" },
			exitDenied, []string{"does not know the secret id from the environment", "InvalidAccessKeyId"}},
		{"wrong secret key", costest.Fault{}, func(_ *mountConfig, t *target) { t.pair.SecretKey = "wrong" },
			exitDenied, []string{"the secret key from the environment does not belong to its secret id", "SignatureDoesNotMatch"}},
		{"no key", costest.Fault{}, func(_ *mountConfig, t *target) { t.pair = keyPair{} },
			exitDenied, []string{"cannot be listed without a key", "set COS_SECRET_ID"}},
		{"no right", costest.Fault{Status: 403, Code: "AccessDenied"}, nil,
			exitDenied, []string{"is denied to the key from the environment", "cos:GetBucket"}},
		{"expired token", costest.Fault{Status: 400, Code: "ExpiredToken"}, nil,
			exitDenied, []string{"temporary key from the environment has expired"}},
		{"clock skew", costest.Fault{Status: 403, Code: "RequestTimeTooSkewed"}, nil,
			exitClock, []string{"the clock of this machine", "timedatectl"}},
		{"expired signature", costest.Fault{Status: 403, Code: "Request has expired"}, nil,
			exitClock, []string{"the clock of this machine", "timedatectl"}},
		{"connection refused", costest.Fault{}, func(_ *mountConfig, tg *target) {
			tg.endpoint = refusedAddress(t)
			tg.identity = tg.endpoint
		}, exitUnreachable, []string{"cannot be reached (connection refused)", "--endpoint"}},
		{"server error", costest.Fault{Status: 503, Code: "ServiceUnavailable"}, nil,
			exitUnreachable, []string{"answers with an error (ServiceUnavailable", "try again later"}},
		{"path style forbidden", costest.Fault{Status: 403, Code: "PathStyleDomainForbidden"}, nil,
			exitUsage, []string{"cannot be addressed in the path", "--path-style"}},
		{"another refusal", costest.Fault{Status: 451, Code: "UnavailableForLegalReasons"}, nil,
			exitFailed, []string{"refuses to be listed: UnavailableForLegalReasons"}},
		{"bad region", costest.Fault{}, func(_ *mountConfig, t *target) { t.endpoint, t.region = "", "not a region" },
			exitUsage, []string{`"not a region" is not one`}},
		{"bad endpoint", costest.Fault{}, func(_ *mountConfig, t *target) { t.endpoint = "ftp://x" },
			exitUsage, []string{`"ftp://x" is not an http or https URL`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel() // the retries of some wait
			s := costest.NewServer(t)
			if tc.fault.Code != "" {
				s.Faults.Add(tc.fault)
			}
			err := ask(t.Context(), s, tc.change)
			require.Error(t, err)
			require.Equal(t, tc.code, asFailure(err).code, err.Error())
			for _, want := range tc.want {
				require.Contains(t, err.Error(), want)
			}
			require.NotContains(t, err.Error(), s.Credentials.SecretKey)
			require.NotContains(t, err.Error(), "\n", "one sentence")
		})
	}
}

// A clock that is wrong by hours is corrected by the Date of the answer; only
// when that does not help is it the user's.
func TestServerWithAnotherClock(t *testing.T) {
	s := costest.NewServer(t)
	var refused int
	next := s.Server
	proxy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refused++
		next.ServeHTTP(w, r)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	client, err := cosapi.New(cosapi.Config{
		Endpoint: "http://" + l.Addr().String(), Bucket: s.Bucket, Credentials: cosapi.Static(s.Credentials),
		Now: func() time.Time { return time.Now().Add(-48 * time.Hour) },
	})
	require.NoError(t, err)
	require.NoError(t, checkBucket(t.Context(), client, source{bucket: s.Bucket}, place{}))
	require.Equal(t, 2, refused, "one refusal, one corrected request")
	require.NoError(t, server.Close())
	require.ErrorIs(t, <-done, http.ErrServerClosed)
}

func TestSilentEndpoint(t *testing.T) {
	s := costest.NewServer(t)
	hold := make(chan struct{})
	defer close(hold)
	s.Faults.Add(costest.Fault{Hold: hold})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := ask(ctx, s, nil)
	require.Equal(t, exitUnreachable, asFailure(err).code)
	require.ErrorContains(t, err, "does not answer within")
}

func TestInterruptedPreflight(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := ask(ctx, costest.NewServer(t), nil)
	require.Equal(t, exitFailed, asFailure(err).code)
	require.ErrorContains(t, err, "interrupted")
}

func TestUnknownHost(t *testing.T) {
	e := &cosapi.Error{Op: "ListObjects", Kind: cosapi.Unavailable, Err: &net.DNSError{Name: "b-1.cos.ap-nowhere.myqcloud.com", IsNotFound: true}}
	f := explain(e, place{bucket: "b-1"})
	require.Equal(t, exitUnreachable, f.code)
	require.Equal(t, "the host b-1.cos.ap-nowhere.myqcloud.com does not exist: check the region or --endpoint", f.Error())
	require.ErrorIs(t, f, cosapi.Unavailable)
}

func TestExplainStage(t *testing.T) {
	f := explainStage(&writeback.LockedError{Dir: "/c/stage", PID: 42})
	require.Equal(t, exitBusy, f.code)
	require.Contains(t, f.Error(), "another cosfs (pid 42) has the same bucket mounted")
	require.Contains(t, f.Error(), "--cache-dir")
	require.NotContains(t, explainStage(&writeback.LockedError{Dir: "/c"}).Error(), "pid")
	require.Equal(t, exitFailed, explainStage(errors.New("disk on fire")).code)
}
