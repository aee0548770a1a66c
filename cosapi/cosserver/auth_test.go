package cosserver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// vector is a line of sign-vectors.json.
type vector struct {
	Name  string
	Input struct {
		SecretID  string `json:"secret_id"`
		SecretKey string `json:"secret_key"`
		Token     string `json:"security_token"`
		Start     int64  `json:"sign_start"`
		Method    string
		Host      string
		Headers   [][2]string
		Carrier   string
	}
	Target string `json:"request_target"`
	Expect struct {
		Authorization string
		HTTPString    string `json:"http_string"`
		StringToSign  string `json:"string_to_sign"`
	}
}

func vectors(t *testing.T) []vector {
	b, err := os.ReadFile("../testdata/sign-vectors.json")
	require.NoError(t, err)
	var vs []vector
	require.NoError(t, json.Unmarshal(b, &vs))
	require.Len(t, vs, 17)
	return vs
}

// request is the vector as it arrives over the wire.
func (v vector) request() *http.Request {
	r := httptest.NewRequest(v.Input.Method, "http://"+v.Input.Host+v.Target, nil)
	r.RequestURI, r.Host = v.Target, v.Input.Host
	for _, h := range v.Input.Headers {
		r.Header.Set(h[0], h[1])
		if strings.EqualFold(h[0], "Content-Length") {
			r.ContentLength, _ = strconv.ParseInt(h[1], 10, 64)
			r.Header.Del("Content-Length") // as net/http may do
		}
	}
	if v.Input.Carrier == "header" {
		r.Header.Set("Authorization", v.Expect.Authorization)
		if v.Input.Token != "" {
			r.Header.Set("x-cos-security-token", v.Input.Token)
		}
	}
	return r
}

// verifier is a server that knows the vector's account at the vector's time.
func (v vector) verifier(t *testing.T, late time.Duration) *Server {
	s, err := New(Config{
		Accounts: []Account{{SecretID: v.Input.SecretID, SecretKey: v.Input.SecretKey, Token: v.Input.Token}},
		Now:      func() time.Time { return time.Unix(v.Input.Start, 0).Add(late) },
		Domains:  []string{"cos.ap-beijing.myqcloud.com"},
	})
	require.NoError(t, err)
	return s
}

func authenticate(s *Server, r *http.Request) (*Account, error) {
	c := &call{s: s, r: r, q: parseQuery(r.URL.RawQuery)}
	var err error
	if c.target, err = address(r, s.cfg.Domains); err != nil {
		return nil, err
	}
	return c.authenticate()
}

func TestVectorsAreAccepted(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			account, err := authenticate(v.verifier(t, time.Minute), v.request())
			require.NoError(t, err)
			require.Equal(t, v.Input.SecretID, account.SecretID)
		})
	}
}

func TestVectorsTamperedWith(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			r := v.request()
			r.RequestURI = strings.Replace(r.RequestURI, "/", "/other", 1)
			_, err := authenticate(v.verifier(t, time.Minute), r)
			require.True(t, isCode(err, "SignatureDoesNotMatch"), "%v", err)
			extra := err.(*apiError).extra
			require.Equal(t, "StringToSign", extra[0][0])
			require.Equal(t, "FormatString", extra[1][0])
			require.Contains(t, extra[1][1], "/other")
		})
	}
}

func TestSignatureMismatchShowsWhatWasComputed(t *testing.T) {
	v := vectors(t)[2]
	r := v.request()
	r.Header.Set("Authorization", v.Expect.Authorization[:len(v.Expect.Authorization)-4]+"0000")
	_, err := authenticate(v.verifier(t, 0), r)
	require.Equal(t, [][2]string{{"StringToSign", v.Expect.StringToSign}, {"FormatString", v.Expect.HTTPString}}, err.(*apiError).extra)
}

func TestSignatureTimes(t *testing.T) {
	v := vectors(t)[2] // valid for an hour
	for _, c := range []struct {
		late time.Duration
		code string
	}{
		{0, ""}, {time.Hour, ""}, {time.Hour + time.Second, "AccessDenied"}, {-15 * time.Minute, ""},
		{-15*time.Minute - time.Second, "RequestTimeTooSkewed"},
	} {
		_, err := authenticate(v.verifier(t, c.late), v.request())
		if c.code == "" {
			require.NoError(t, err, "%v", c.late)
		} else {
			require.True(t, isCode(err, c.code), "%v: %v", c.late, err)
		}
	}
}

func TestSignatureRefusals(t *testing.T) {
	v := vectors(t)[2]
	good := v.Expect.Authorization
	for name, c := range map[string]struct{ authorization, code string }{
		"unknown key":     {strings.Replace(good, v.Input.SecretID, "AKIDnobody", 1), "InvalidAccessKeyId"},
		"algorithm":       {strings.Replace(good, "sha1", "sha256", 1), "AccessDenied"},
		"no signature":    {good[:strings.Index(good, "&q-signature")], "AccessDenied"},
		"no header list":  {strings.Replace(good, "q-header-list", "q-other", 1), "AccessDenied"},
		"bad time":        {strings.ReplaceAll(good, "1700000000;", "soon;"), "AccessDenied"},
		"nothing of ours": {"Bearer token", "AccessDenied"},
	} {
		r := v.request()
		r.Header.Set("Authorization", c.authorization)
		_, err := authenticate(v.verifier(t, 0), r)
		require.True(t, isCode(err, c.code), "%s: %v", name, err)
	}
}

func TestSignatureItemsInAnyOrder(t *testing.T) {
	v := vectors(t)[2]
	items := strings.Split(v.Expect.Authorization, "&")
	items[0], items[6] = items[6], items[0]
	r := v.request()
	r.Header.Set("Authorization", strings.Join(items, "&"))
	_, err := authenticate(v.verifier(t, 0), r)
	require.NoError(t, err)
}

func TestMergedSignParameter(t *testing.T) {
	v := vectors(t)[2]
	r := v.request()
	r.Header.Del("Authorization")
	r.URL.RawQuery = "sign=" + strings.NewReplacer("&", "%26", "=", "%3D", ";", "%3B").Replace(v.Expect.Authorization)
	_, err := authenticate(v.verifier(t, 0), r)
	require.NoError(t, err)
}

func TestTokens(t *testing.T) {
	v := vectors(t)[8] // token in a header
	now := v.verifier(t, 0).cfg.Now()
	for _, c := range []struct {
		account string
		expires time.Time
		code    string
	}{
		{"", time.Time{}, "AccessDenied"}, {"another", time.Time{}, "AccessDenied"}, {"another", now, "AccessDenied"},
		{v.Input.Token, time.Time{}, ""}, {v.Input.Token, now.Add(time.Second), ""}, {v.Input.Token, now, "ExpiredToken"},
	} {
		s := v.verifier(t, 0)
		s.accounts[v.Input.SecretID] = Account{SecretID: v.Input.SecretID, SecretKey: v.Input.SecretKey, Token: c.account, Expires: c.expires}
		_, err := authenticate(s, v.request())
		if c.code == "" {
			require.NoError(t, err)
		} else {
			require.True(t, isCode(err, c.code), "%v", err)
		}
	}
	missing := vectors(t)[2]
	s := missing.verifier(t, 0)
	s.accounts[missing.Input.SecretID] = Account{SecretID: missing.Input.SecretID, SecretKey: missing.Input.SecretKey, Token: "tok"}
	_, err := authenticate(s, missing.request())
	require.True(t, isCode(err, "InvalidAccessKeyId"), "%v", err)
}

// TestPathStyleMaySignEitherPath: some clients leave the bucket's segment out.
func TestPathStyleMaySignEitherPath(t *testing.T) {
	now := time.Unix(1700000000, 0)
	account := Account{SecretID: "AKID", SecretKey: "key"}
	s, err := New(Config{Accounts: []Account{account}, Now: func() time.Time { return now }})
	require.NoError(t, err)
	for _, signed := range []string{"/test-1250000000/a b", "/a b"} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9000/test-1250000000/a%20b", nil)
		r.RequestURI = "/test-1250000000/a%20b"
		trace := cosapi.Sign(cosapi.SignInput{
			Method: "GET", Path: signed, Headers: []cosapi.Pair{{Name: "Host", Value: "127.0.0.1"}},
			Credentials: cosapi.Credentials{SecretID: "AKID", SecretKey: "key"},
			KeyTime:     cosapi.FormatKeyTime(now, now.Add(time.Hour)),
		})
		r.Header.Set("Authorization", trace.Authorization)
		_, err := authenticate(s, r)
		require.NoError(t, err, signed)
	}
}

func TestUnsignedIsRefused(t *testing.T) {
	s := newSite(t, func(c *Config) { c.Anonymous = false })
	s.refuses(http.StatusForbidden, "AccessDenied", "GET", "/k", "")
	s.refuses(http.StatusForbidden, "AccessDenied", "PUT", "/k", "x")
}

func TestAccountsNeverShowTheirKey(t *testing.T) {
	a := Account{SecretID: "AKID", SecretKey: "hidden", Token: "secret"}
	require.NotContains(t, a.String()+a.LogValue().String(), "hidden")
	require.NotContains(t, a.String()+a.LogValue().String(), "secret")
}

func TestAccountsMustDiffer(t *testing.T) {
	_, err := New(Config{Accounts: []Account{{SecretID: "a"}, {SecretID: "a"}}})
	require.ErrorContains(t, err, `"a"`)
}
