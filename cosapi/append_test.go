package cosapi

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAppend(t *testing.T) {
	c, w := newWire(t, reply(200, "", `ETag: "e"`, "x-cos-next-append-position: 11"))
	done, err := c.Append(t.Context(), "log", 5, strings.NewReader(" world"), PutOptions{})
	require.NoError(t, err)
	require.Equal(t, Appended{ETag: "e", Next: 11}, done)
	r := w.requests()[0]
	require.Equal(t, "POST", r.Method)
	require.Equal(t, "append&position=5", r.URL.RawQuery)
	require.Equal(t, " world", string(r.body))
	verifySignature(t, r.Request, testCredentials)

	_, err = c.Append(t.Context(), "log", -1, nil, PutOptions{})
	requireKind(t, Invalid, err)
	_, err = c.Append(t.Context(), "..", 0, nil, PutOptions{})
	requireKind(t, Invalid, err)
}

func TestAppendChecksTheBytes(t *testing.T) {
	sum, err := (&sendBody{src: strings.NewReader(" world"), size: 6}).md5()
	require.NoError(t, err)
	c, _ := newWire(t, reply(200, "", fmt.Sprintf("x-cos-content-sha1: %x", string(sum))))
	done, err := c.Append(t.Context(), "log", 5, strings.NewReader(" world"), PutOptions{})
	require.NoError(t, err)
	require.Equal(t, int64(11), done.Next, "without the header the length is known all the same")

	// The damaged bytes are stored: the client must not append once more.
	c, w := newWire(t, reply(200, "", "x-cos-content-sha1: "+strings.Repeat("00", 16)))
	_, err = c.Append(t.Context(), "log", 5, strings.NewReader(" world"), PutOptions{})
	requireKind(t, Corrupt, err)
	require.Len(t, w.requests(), 1)
}

func TestAppendIsNotRepeatedBlindly(t *testing.T) {
	head := func(size string) http.HandlerFunc { return reply(200, "", `ETag: "e"`, "Content-Length: "+size) }
	tail := func(text string) http.HandlerFunc {
		return reply(206, text, `ETag: "e"`, "Content-Range: bytes 5-10/11")
	}
	for name, tc := range map[string]struct {
		answers []http.HandlerFunc
		methods string
		kind    Kind // Other: success
	}{
		"refused at once":        {[]http.HandlerFunc{fault(409, "AppendPositionErr")}, "POST", Changed},
		"not appendable":         {[]http.HandlerFunc{fault(409, "ObjectNotAppendable")}, "POST", Invalid},
		"lost, landed":           {[]http.HandlerFunc{hangUp, head("11"), tail(" world")}, "POST HEAD GET", Other},
		"lost, somebody's":       {[]http.HandlerFunc{hangUp, head("11"), tail(" WORLD")}, "POST HEAD GET", Changed},
		"lost, shorter":          {[]http.HandlerFunc{hangUp, head("7")}, "POST HEAD", Changed},
		"lost, not landed":       {[]http.HandlerFunc{hangUp, head("5"), reply(200, "", `ETag: "e"`)}, "POST HEAD POST", Other},
		"landed late":            {[]http.HandlerFunc{hangUp, head("5"), fault(409, "AppendPositionErr"), head("11"), tail(" world")}, "POST HEAD POST HEAD GET", Other},
		"lost, cannot be seen":   {[]http.HandlerFunc{hangUp, reply(403, "")}, "POST HEAD", Unavailable},
		"lost, cannot be read":   {[]http.HandlerFunc{hangUp, head("11"), fault(403, "AccessDenied")}, "POST HEAD GET", Unavailable},
		"lost, gone in between":  {[]http.HandlerFunc{hangUp, reply(404, "")}, "POST HEAD", Unavailable},
		"throttled, not written": {[]http.HandlerFunc{fault(503, "SlowDown"), head("5"), reply(200, "", `ETag: "e"`)}, "POST HEAD POST", Other},
	} {
		t.Run(name, func(t *testing.T) {
			c, w := newWire(t, tc.answers...)
			done, err := c.Append(t.Context(), "log", 5, strings.NewReader(" world"), PutOptions{})
			var methods []string
			for _, r := range w.requests() {
				methods = append(methods, r.Method)
			}
			require.Equal(t, tc.methods, strings.Join(methods, " "))
			if tc.kind == Other {
				require.NoError(t, err)
				require.Equal(t, Appended{ETag: "e", Next: 11}, done)
			} else {
				requireKind(t, tc.kind, err)
			}
		})
	}
	c, w := newWire(t, hangUp, reply(404, ""), reply(200, "", `ETag: "e"`))
	_, err := c.Append(t.Context(), "log", 0, strings.NewReader("x"), PutOptions{})
	require.NoError(t, err, "the first append of a new object")
	require.Len(t, w.requests(), 3)
}

func TestRestore(t *testing.T) {
	c, w := newWire(t, reply(202, ""), hangUp, fault(409, "RestoreAlreadyInProgress"))
	require.NoError(t, c.Restore(t.Context(), "k", RestoreOptions{Days: 3, Tier: TierBulk, VersionID: "v"}))
	require.Equal(t, "restore&versionId=v", w.requests()[0].URL.RawQuery)
	require.Equal(t, "<RestoreRequest><Days>3</Days><CASJobParameters><Tier>Bulk</Tier></CASJobParameters></RestoreRequest>", string(w.requests()[0].body))
	require.NoError(t, c.Restore(t.Context(), "k", RestoreOptions{Days: 1}), "the lost attempt began it")
	requireKind(t, InProgress, c.Restore(t.Context(), "k", RestoreOptions{Days: 1}))
	requireKind(t, Invalid, c.Restore(t.Context(), "k", RestoreOptions{}))
	requireKind(t, Invalid, c.Restore(t.Context(), "..", RestoreOptions{Days: 1}))
}

func TestSymlink(t *testing.T) {
	c, w := newWire(t, reply(200, "", "x-cos-symlink-target: a%20b/c%2B+"))
	target, err := c.Symlink(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "a b/c++", target)
	require.Equal(t, "symlink", w.requests()[0].URL.RawQuery)
	_, err = c.Symlink(t.Context(), "..")
	requireKind(t, Invalid, err)
}

// signingClient signs at a fixed time for a virtual host, as the vectors do.
func signingClient(t *testing.T, v signVector) *Client {
	t.Helper()
	host := strings.TrimPrefix(v.Input.Host, "mybucket-1250000000.")
	c, err := New(Config{
		Endpoint: "https://" + host, Bucket: "mybucket-1250000000",
		Credentials: Static(Credentials{SecretID: v.Input.SecretID, SecretKey: v.Input.SecretKey, Token: v.Input.Token}),
		Now:         func() time.Time { return time.Unix(v.Input.Start, 0).Add(signSlack) },
	})
	require.NoError(t, err)
	return c
}

func TestPresignEqualsTheVectors(t *testing.T) {
	checked := 0
	for _, v := range loadSignVectors(t) {
		if v.Input.Carrier != "query" {
			continue
		}
		checked++
		o := SignOptions{Query: url.Values{}, Header: http.Header{}}
		for _, p := range v.Input.Params {
			o.Query.Add(p[0], p[1])
		}
		for _, h := range v.Input.Headers {
			o.Header.Add(h[0], h[1])
		}
		expires := time.Duration(v.Input.End-v.Input.Start)*time.Second - signSlack
		got, err := signingClient(t, v).Presign(t.Context(), v.Input.Method, v.Input.Path[1:], expires, o)
		require.NoError(t, err)
		require.Equal(t, v.PresignedURL, got, v.Name)
	}
	require.Equal(t, 2, checked)
}

func TestPresignedRequestsAreAccepted(t *testing.T) {
	c, w := newWire(t, reply(200, hello))
	for _, tc := range []struct {
		method, key, path string
		query             url.Values
	}{
		{"GET", "a b", "/" + testBucket + "/a%20b?q-sign", nil},
		{"PUT", "k", "/" + testBucket + "/k?acl&q-sign", url.Values{"acl": {""}}},
		{"DELETE", "k", "/" + testBucket + "/k?uploadId=u&q-sign", url.Values{"uploadId": {"u"}}},
		{"POST", "", "/" + testBucket + "/?delete&q-sign", url.Values{"delete": {""}}},
		{"HEAD", "k", "/" + testBucket + "/k?acl&b=1&c=2&q-sign", url.Values{"c": {"2"}, "acl": {""}, "b": {"1"}}},
	} {
		signed, err := c.Presign(t.Context(), tc.method, tc.key, time.Minute, SignOptions{Query: tc.query})
		require.NoError(t, err)
		require.Contains(t, signed, tc.path)
		req, err := http.NewRequest(tc.method, signed, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		seen := w.requests()[len(w.requests())-1]
		in := SignInput{Method: tc.method, Path: seen.URL.Path, Credentials: testCredentials, Headers: []Pair{{"host", seen.Host}}}
		for name, values := range seen.URL.Query() {
			if !strings.HasPrefix(name, "q-") {
				in.Params = append(in.Params, Pair{name, values[0]})
			}
		}
		in.KeyTime = seen.URL.Query().Get("q-key-time")
		require.Equal(t, Sign(in).Signature, seen.URL.Query().Get("q-signature"), signed)
	}
}

func TestAuthorization(t *testing.T) {
	c, _ := newWire(t, hangUp)
	auth, err := c.Authorization(t.Context(), "put", "k", 300*time.Second, SignOptions{
		Query:  url.Values{"acl": {""}},
		Header: http.Header{"Content-Type": {"a/b"}, "X-Cos-Acl": {"private"}, "User-Agent": {"not signed"}},
	})
	require.NoError(t, err)
	require.Contains(t, auth, "q-header-list=content-type;host;x-cos-acl&q-url-param-list=acl&")
	req, err := http.NewRequest("PUT", c.endpoint.url("k", "acl").String(), nil)
	require.NoError(t, err)
	req.Header = http.Header{"Authorization": {auth}, "Content-Type": {"a/b"}, "X-Cos-Acl": {"private"}}
	verifySignature(t, req, testCredentials)

	_, err = c.Authorization(t.Context(), "GET", "k", 0, SignOptions{})
	requireKind(t, Invalid, err)
	_, err = c.Presign(t.Context(), "GET", "..", time.Minute, SignOptions{})
	requireKind(t, Invalid, err)
	anonymous := newTestClient(t, http.NotFoundHandler(), func(cfg *Config) { cfg.Credentials = nil })
	_, err = anonymous.Presign(t.Context(), "GET", "k", time.Minute, SignOptions{})
	requireKind(t, Denied, err)
}
