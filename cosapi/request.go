package cosapi

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// request is one call as the operations below describe it; run sends it as
// often as it takes.
type request struct {
	op     string
	method string
	key    string // empty: the bucket itself
	// service sends to the host of GET Service instead of the bucket's.
	service bool
	params  []Pair // a sub-resource first
	header  http.Header
	body    *sendBody // nil: none
	class   class
	timeout time.Duration // 0: Config.AnswerTimeout

	// accept reads a 2xx answer, and may fail the attempt. The body is closed
	// after it, unless it calls keep. Nil discards the body.
	accept func(*answer) error
	// settle is asked after a failed attempt, before anything is repeated. It
	// settles calls that may have succeeded although the answer says
	// otherwise, and those that must not be repeated blindly. Nil: the common
	// rules decide.
	settle func(ctx context.Context, attempt int, failed *Error) (settled bool, err error)
}

// set adds a header unless the value is empty.
func (r *request) set(name, value string) {
	if value == "" {
		return
	}
	r.init()
	r.header.Set(name, value)
}

func (r *request) init() {
	if r.header == nil {
		r.header = http.Header{}
	}
}

// param adds a query parameter unless the value is empty, which COS takes as
// absent.
func (r *request) param(name, value string) {
	if value != "" {
		r.params = append(r.params, Pair{name, value})
	}
}

// listed adds what every listing by key takes, and what this one alone has.
// Names are asked for encoded: XML cannot carry all of them as they are.
func (r *request) listed(prefix, delimiter string, own ...Pair) {
	r.param("prefix", prefix)
	r.param("delimiter", delimiter)
	for _, p := range own {
		r.param(p.Name, p.Value)
	}
	r.param("encoding-type", "url")
}

// document makes doc the body, with the checksum that COS requires of
// configuration bodies.
func (r *request) document(contentType string, doc []byte) {
	sum := md5.Sum(doc)
	r.set("Content-Type", contentType)
	r.set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	r.body = &sendBody{src: bytes.NewReader(doc), size: int64(len(doc))}
}

// httpRequest is the request of one attempt, signed as of now.
func (c *Client) httpRequest(ctx context.Context, r *request, creds Credentials) *http.Request {
	u := c.endpoint.url(r.key, encodeQuery(r.params))
	if r.service {
		u.Host, u.Path, u.RawPath = c.endpoint.service, "/", ""
	}
	req := (&http.Request{
		Method: r.method, URL: u, Host: u.Host, Header: r.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("User-Agent", "cosfs")
	if r.body != nil && r.body.size > 0 {
		req.Body, req.ContentLength = r.body, r.body.size
	}
	if creds.Anonymous() {
		return req
	}
	if creds.Token != "" {
		req.Header.Set("x-cos-security-token", creds.Token)
	}
	now := c.now()
	trace := Sign(SignInput{
		Method: r.method, Path: u.Path, Params: r.params,
		Headers:     signedHeaders(req),
		Credentials: creds,
		KeyTime:     FormatKeyTime(now.Add(-signSlack), now.Add(signWindow)),
	})
	req.Header.Set("Authorization", trace.Authorization)
	return req
}

const (
	signSlack  = time.Minute // for clocks behind ours
	signWindow = time.Hour   // the longest that a body may wait to be sent
)

// signedHeaders selects what a request signs: host, the length of its body,
// and what is signable.
func signedHeaders(req *http.Request) []Pair {
	signed := append(signable(req.Header), Pair{"host", req.Host})
	if hasBody(req.Method) {
		signed = append(signed, Pair{"content-length", strconv.FormatInt(req.ContentLength, 10)})
	}
	return signed
}

// signable selects the headers that are signed: every x-cos header, and those
// that describe the body (cos-api.md 2.4, column cosfs).
func signable(h http.Header) []Pair {
	var pairs []Pair
	for name, values := range h {
		lower := strings.ToLower(name)
		if !strings.HasPrefix(lower, "x-cos-") && !slices.Contains(signableNames, lower) {
			continue
		}
		for _, v := range values {
			pairs = append(pairs, Pair{lower, v})
		}
	}
	return pairs
}

var signableNames = []string{"content-length", "content-md5", "content-type", "range"}

// hasBody says that a request of that method always carries Content-Length.
func hasBody(method string) bool { return method == http.MethodPut || method == http.MethodPost }
