package cosserver

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// The examples of AWS's own documentation of the algorithm ("Authenticating
// Requests: Using the Authorization Header", and "Using Query Parameters").
const (
	awsKey    = "AKIAIOSFODNN7EXAMPLE"
	awsSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	awsScope  = "20130524/us-east-1/s3/aws4_request"
	emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func awsSite(t *testing.T) *Server {
	s, err := New(Config{
		Accounts: []Account{{SecretID: awsKey, SecretKey: awsSecret}}, Domains: []string{"s3.amazonaws.com"},
		Now: func() time.Time { return time.Date(2013, 5, 24, 0, 5, 0, 0, time.UTC) },
	})
	require.NoError(t, err)
	return s
}

func awsRequest(method, target string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://examplebucket.s3.amazonaws.com"+target, nil)
	r.RequestURI = target
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// authenticateAny is authenticate with the dialect found out first.
func authenticateAny(s *Server, r *http.Request) error {
	c := &call{s: s, r: r, q: parseQuery(r.URL.RawQuery)}
	var err error
	if c.target, err = address(r, s.cfg.Domains); err != nil {
		return err
	}
	if c.v4 = c.isV4(); c.v4 {
		c.readS3Names()
	}
	_, err = c.authenticate()
	return err
}

func awsAuthorization(headers, signature string) string {
	return fmt.Sprintf("Authorization: AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s", awsKey, awsScope, headers, signature)
}

func TestV4ExamplesOfAWS(t *testing.T) {
	const date = "x-amz-date: 20130524T000000Z"
	const hash = "x-amz-content-sha256: " + emptyHash
	const presigned = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
		"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
		"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	for name, r := range map[string]*http.Request{
		"get": awsRequest("GET", "/test.txt", "Range: bytes=0-9", hash, date, awsAuthorization(
			"host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")),
		"put": awsRequest("PUT", "/test%24file.text", "Date: Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class: REDUCED_REDUNDANCY", date,
			"x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", awsAuthorization(
				"date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")),
		"lifecycle": awsRequest("GET", "/?lifecycle", hash, date, awsAuthorization(
			"host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")),
		"list": awsRequest("GET", "/?max-keys=2&prefix=J", hash, date, awsAuthorization(
			"host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")),
		"presigned": awsRequest("GET", presigned),
	} {
		require.NoError(t, authenticateAny(awsSite(t), r), name)
	}
	late := awsSite(t)
	late.cfg.Now = func() time.Time { return time.Date(2013, 5, 25, 0, 0, 1, 0, time.UTC) }
	require.True(t, isCode(authenticateAny(late, awsRequest("GET", presigned)), "AccessDenied"))
}

func TestV4Refusals(t *testing.T) {
	const date, hash = "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: " + emptyHash
	good := awsAuthorization("host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
	for _, c := range []struct {
		code string
		r    *http.Request
	}{
		{"SignatureDoesNotMatch", awsRequest("GET", "/?acl", hash, date, good)},
		{"InvalidAccessKeyId", awsRequest("GET", "/?lifecycle", hash, date, strings.Replace(good, "AKIA", "AKIB", 1))},
		{"RequestTimeTooSkewed", awsRequest("GET", "/?lifecycle", hash, "x-amz-date: 20130523T000000Z", good)},
		{"AccessDenied", awsRequest("GET", "/?lifecycle", hash, "x-amz-date: today", good)},
		{"AccessDenied", awsRequest("GET", "/?lifecycle", hash, date, "Authorization: AWS4-HMAC-SHA256 Credential=x")},
	} {
		err := authenticateAny(awsSite(t), c.r)
		require.True(t, isCode(err, c.code), "%s: %v", c.code, err)
	}
}

// v4Header signs a request as an S3 tool would.
func v4Header(s *site, method, target, hash string, sent ...string) []string {
	now := s.cfg.Now().UTC()
	r := httptest.NewRequest(method, s.url+target, nil)
	r.RequestURI = target
	r.Header.Set(amzSHA256, hash)
	r.Header.Set("X-Amz-Date", now.Format(v4Time))
	c := &call{s: s.Server, r: r, q: parseQuery(r.URL.RawQuery)}
	sig := v4Signature{
		scope: now.Format("20060102") + "/ap-guangzhou/s3/aws4_request", time: now,
		headers: []string{"host", "x-amz-content-sha256", "x-amz-date"},
	}
	for _, h := range sent {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
		sig.headers = append(sig.headers, strings.ToLower(name))
	}
	slices.Sort(sig.headers)
	toSign := v4Algorithm + "\n" + now.Format(v4Time) + "\n" + sig.scope + "\n" + sha256Hex(c.v4Request(sig, r.URL.EscapedPath()))
	return []string{
		"X-Amz-Content-Sha256: " + hash, "X-Amz-Date: " + now.Format(v4Time),
		fmt.Sprintf("Authorization: %s Credential=AKID/%s, SignedHeaders=%s, Signature=%s", v4Algorithm, sig.scope,
			strings.Join(sig.headers, ";"), v4Sign("key", sig.scope, toSign)),
	}
}

func TestS3Dialect(t *testing.T) {
	s := newSite(t, func(c *Config) { c.Anonymous, c.Accounts = false, []Account{{SecretID: "AKID", SecretKey: "key"}} })
	send := func(method, target, body, hash string, headers ...string) answer {
		return s.do(method, target, body, append(v4Header(s, method, "/"+testBucket+target, hash, headers...), headers...)...)
	}
	a := send("PUT", "/k%20%2B", "body", sha256Hex("body"), "x-amz-meta-a: 1", "x-amz-storage-class: STANDARD_IA")
	require.Equal(t, 200, a.status, a.body)
	require.NotEmpty(t, a.header.Get("x-amz-request-id"))
	a = send("HEAD", "/k%20%2B", "", v4Unsigned)
	require.Equal(t, []string{"1", "STANDARD_IA", "1"}, []string{
		a.header.Get("x-amz-meta-a"), a.header.Get("x-amz-storage-class"), a.header.Get("x-cos-meta-a"),
	})
	a = send("PUT", "/k", "another", sha256Hex("body"))
	require.Equal(t, "XAmzContentSHA256Mismatch", a.code())
	a = send("PUT", "/to", "", emptyHash, "x-amz-copy-source: /"+testBucket+"/k%20%2B")
	require.Contains(t, a.body, "<CopyObjectResult>")

	const chunks = "3;chunk-signature=x\r\nabc\r\n2;chunk-signature=y\r\nde\r\n0;chunk-signature=z\r\n\r\n"
	a = send("PUT", "/chunks", chunks, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Content-Encoding: aws-chunked, br", "X-Amz-Decoded-Content-Length: 5")
	require.Equal(t, 200, a.status, a.body)
	a = send("GET", "/chunks", "", v4Unsigned)
	require.Equal(t, "abcde", a.body)
	require.Equal(t, "br", a.header.Get("Content-Encoding"))
	a = send("PUT", "/chunks", chunks, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length: 6")
	require.Equal(t, "IncompleteBody", a.code())
	s.settled()
}

func TestListV2(t *testing.T) {
	s := newSite(t, nil)
	for _, k := range []string{"/a", "/b c", "/d/1", "/e"} {
		s.must("PUT", strings.ReplaceAll(k, " ", "%20"), "")
	}
	var names []string
	query := "&start-after=a"
	for range 5 {
		var page struct {
			KeyCount              int
			NextContinuationToken string
			CommonPrefixes        []struct{ Prefix string }
			Contents              []struct{ Key string }
		}
		require.NoError(t, xml.Unmarshal([]byte(s.must("GET", "/?list-type=2&delimiter=/&max-keys=1"+query, "").body), &page))
		require.Equal(t, 1, page.KeyCount)
		for _, p := range page.CommonPrefixes {
			names = append(names, p.Prefix)
		}
		for _, o := range page.Contents {
			names = append(names, o.Key)
		}
		if page.NextContinuationToken == "" {
			break
		}
		query = "&continuation-token=" + page.NextContinuationToken
	}
	require.Equal(t, []string{"b c", "d/", "e"}, names)
	s.refuses(400, "InvalidArgument", "GET", "/?list-type=2&continuation-token=*", "")
}

func TestChunkedBody(t *testing.T) {
	const wire = "a;chunk-signature=x\r\n0123456789\r\n1\r\nz\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(wire), "by bytes": iotest.OneByteReader(strings.NewReader(wire)),
	} {
		b, err := io.ReadAll(newChunkedBody(r))
		require.NoError(t, err, name)
		require.Equal(t, "0123456789z", string(b), name)
	}
	for n := range strings.Index(wire, "0\r\nx-amz") {
		_, err := io.ReadAll(newChunkedBody(strings.NewReader(wire[:n])))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut after %d bytes", n)
	}
	_, err := io.ReadAll(newChunkedBody(strings.NewReader("zz\r\n")))
	require.True(t, isCode(err, "InvalidRequest"))
	_, err = io.ReadAll(newChunkedBody(strings.NewReader("-1\r\n")))
	require.True(t, isCode(err, "InvalidRequest"))
}
