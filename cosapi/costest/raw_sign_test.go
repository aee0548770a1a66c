package costest

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
)

//rows:server C2 C3 C4 E2 E5-E10
func TestRawCredentials(t *testing.T) {
	temporary := cosapi.Credentials{SecretID: "AKIDtemporary", SecretKey: "secret", Token: "token"}
	r := newRaw(t, WithConfig(func(c *cosserver.Config) {
		c.Accounts = append(c.Accounts, cosserver.Account{SecretID: "AKIDtemporary", SecretKey: "secret", Token: "token"},
			cosserver.Account{SecretID: "AKIDexpired", SecretKey: "secret", Token: "token", Expires: time.Now().Add(-time.Minute)})
	}))
	r.ok(200, "PUT", "/k", "x")
	r.as(cosapi.Credentials{}).refused(403, "AccessDenied", "GET", "/k", "")
	r.as(cosapi.Credentials{SecretID: "AKIDunknown", SecretKey: "x"}).refused(403, "InvalidAccessKeyId", "GET", "/k", "")
	a := r.as(cosapi.Credentials{SecretID: r.creds.SecretID, SecretKey: "wrong"}).refused(403, "SignatureDoesNotMatch", "GET", "/k", "")
	r.True(strings.HasPrefix(a.text("StringToSign"), "sha1\n"), a.body)
	r.True(strings.HasPrefix(a.text("FormatString"), "get\n/"+Bucket+"/k\n"), a.body)
	r.Equal("application/xml", a.header.Get("Content-Type"))
	r.Equal(a.header.Get("x-cos-trace-id"), a.text("TraceId"))
	r.Contains(a.text("Resource"), "/k")

	guest := r.as(temporary)
	guest.ok(200, "GET", "/k", "", "x-cos-security-token: token")
	guest.ok(200, "GET", "/k?x-cos-security-token=token", "")
	guest.refused(403, "InvalidAccessKeyId", "GET", "/k", "")
	guest.refused(403, "AccessDenied", "GET", "/k", "", "x-cos-security-token: another")
	r.as(cosapi.Credentials{SecretID: "AKIDexpired", SecretKey: "secret"}).
		refused(400, "ExpiredToken", "GET", "/k", "", "x-cos-security-token: token")
	req := r.request("GET", "/"+Bucket+"/k", nil)
	req.Header.Set("Authorization", guest.sign(req, time.Now()).Authorization)
	req.Header.Set("x-cos-security-token", "token") // not signed, as the Java SDK sends it
	r.Equal(200, r.answer(req).status)
}

//rows:server S1-S6 O25 O26 O27 S10
func TestRawSignatures(t *testing.T) {
	r := newRaw(t)
	r.ok(200, "PUT", "/k", "x")
	signed := func(start time.Time, change func(*http.Request)) answer {
		req := r.request("GET", "/"+Bucket+"/k?response-expires=a%20b", nil, "x-cos-meta-any: v", "Range: bytes=0-0")
		req.Header.Set("Authorization", r.sign(req, start).Authorization)
		change(req)
		return r.answer(req)
	}
	r.Equal(206, signed(time.Now(), func(*http.Request) {}).status)
	for what, change := range map[string]func(*http.Request){
		"method":    func(req *http.Request) { req.Method = "DELETE" },
		"path":      func(req *http.Request) { req.URL.Path += "x" },
		"header":    func(req *http.Request) { req.Header.Set("x-cos-meta-any", "other") },
		"gone":      func(req *http.Request) { req.Header.Del("Range") },
		"parameter": func(req *http.Request) { req.URL.RawQuery = "response-expires=other" },
	} {
		a := signed(time.Now(), change)
		r.Equal(403, a.status, what)
		r.Equal("SignatureDoesNotMatch", a.text("Code"), what)
	}
	a := signed(time.Now().Add(-time.Hour), func(*http.Request) {})
	r.Equal([]string{"AccessDenied", "Request has expired"}, []string{a.text("Code"), a.text("Message")})
	r.NotEmpty(a.text("ServerTime"))
	r.Equal("RequestTimeTooSkewed", signed(time.Now().Add(time.Hour), func(*http.Request) {}).text("Code"))
	a = signed(time.Now(), func(req *http.Request) { req.Header.Add("x-cos-unsigned", "fine") })
	r.Equal(206, a.status, "what is not listed is allowed")
}

//rows:server O24-O27 S8 S9 S10
func TestRawPresigned(t *testing.T) {
	r := newRaw(t)
	anybody := r.as(cosapi.Credentials{})
	presigned := func(method, params string, start time.Time, headers ...string) string {
		req := r.request(method, "/"+Bucket+"/a%20b"+params, nil, headers...)
		return req.URL.RequestURI() + map[bool]string{true: "&", false: "?"}[params != ""] + r.sign(req, start).Query(r.creds.SecretID)
	}
	send := func(method, target, body string, headers ...string) answer {
		return anybody.send(method, target, strings.NewReader(body), headers...)
	}
	now := time.Now()
	r.Equal(200, send("PUT", presigned("PUT", "", now), "content").status)
	a := send("GET", presigned("GET", "?response-content-type=a%2Fb", now), "")
	r.Equal([]string{"content", "a/b"}, []string{a.body, a.header.Get("Content-Type")})
	r.Equal(200, send("HEAD", presigned("HEAD", "", now), "").status)
	r.Equal(200, send("POST", presigned("POST", "?uploads", now), "").status)
	link := presigned("GET", "?response-content-type=a%2Fb", now)
	r.Equal(403, send("GET", strings.Replace(link, "a%2Fb", "x%2Fy", 1), "").status, "the parameters listed are verified")
	r.Equal(403, send("DELETE", link, "").status, "another method")
	link = presigned("GET", "", now, "x-cos-meta-who: me")
	r.Equal(200, send("GET", link, "", "x-cos-meta-who: me").status)
	r.Equal(403, send("GET", link, "", "x-cos-meta-who: you").status, "the headers listed are verified")
	r.Equal("Request has expired", send("GET", presigned("GET", "", now.Add(-time.Hour)), "").text("Message"))
	r.Equal(204, send("DELETE", presigned("DELETE", "", now), "").status)
	u, err := url.Parse(presigned("GET", "", now))
	r.NoError(err)
	merged := u.Path + "?sign=" + url.QueryEscape(strings.ReplaceAll(u.RawQuery, "%3B", ";"))
	r.Equal(404, send("GET", strings.ReplaceAll(merged, " ", "%20"), "").status, "the old form with one parameter")
}

//rows:server C7
func TestRawAccessLog(t *testing.T) {
	var log bytes.Buffer
	r := newRaw(t, WithLog(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	a := r.ok(200, "PUT", "/k", "x")
	r.s.http.Close() // waits for the handler, which writes its line behind the answer
	r.Contains(log.String(), "op=PutObject bucket="+Bucket+" key=k id=\""+a.header.Get("x-cos-request-id"))
	r.NotContains(log.String(), r.creds.SecretKey)
	r.NotContains(log.String(), "q-signature")
}

//rows:server C5 C13 E1 U17
func TestRawAnswersOfErrors(t *testing.T) {
	r := newRaw(t)
	a := r.refused(404, "", "HEAD", "/missing", "")
	r.NotEmpty(a.header.Get("x-cos-trace-id"))
	r.refused(405, "MethodNotAllowed", "PATCH", "/k", "")
	r.refused(501, "NotImplemented", "GET", "/?unheardof", "")
	r.refused(400, "InvalidURI", "GET", "/%1b", "")
	r.s.Faults.Add(Fault{Op: "GetObject", ResetBefore: true})
	req := r.request("GET", "/"+Bucket+"/k", nil)
	req.Header.Set("Authorization", r.sign(req, time.Now()).Authorization)
	_, err := http.DefaultTransport.RoundTrip(req)
	r.Error(err)
	r.s.Faults.Clear()
	r.s.Faults.Add(Fault{Op: "GetObject", Times: 1, Code: "SlowDown"})
	r.refused(503, "SlowDown", "GET", "/k", "")
	r.s.Faults.Add(Fault{Op: "CopyObject", Times: 1, ErrorInside200: "InternalError"})
	r.Equal("InternalError", r.ok(200, "PUT", "/k", "", "x-cos-copy-source: /"+Bucket+"/k").text("Code"))
}
