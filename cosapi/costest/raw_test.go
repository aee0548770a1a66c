package costest

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// raw sends requests that no client wrote: signed by cosapi.Sign and put on
// the wire as the test spells them.
type raw struct {
	*testing.T
	*require.Assertions
	s     *Server
	creds cosapi.Credentials
}

func newRaw(t *testing.T, opts ...Option) *raw {
	s := NewServer(t, opts...)
	return &raw{T: t, Assertions: require.New(t), s: s, creds: s.Credentials}
}

// as is r with somebody else's credentials; empty ones do not sign.
func (r *raw) as(creds cosapi.Credentials) *raw {
	other := *r
	other.creds = creds
	return &other
}

// do sends a request for a target within the bucket, "/key?query". Headers are
// given as "Name: value"; all of them are signed.
func (r *raw) do(method, target, body string, headers ...string) answer {
	r.Helper()
	return r.send(method, "/"+r.s.Bucket+target, strings.NewReader(body), headers...)
}

func (r *raw) send(method, target string, body io.Reader, headers ...string) answer {
	r.Helper()
	req := r.request(method, target, body, headers...)
	if r.creds.SecretID != "" {
		req.Header.Set("Authorization", r.sign(req, nowFor(r)).Authorization)
	}
	return r.answer(req)
}

func (r *raw) request(method, target string, body io.Reader, headers ...string) *http.Request {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, r.s.URL+target, body)
	r.NoError(err)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	return req
}

// sign covers the host, every header and every parameter.
func (r *raw) sign(req *http.Request, start time.Time) cosapi.SignTrace {
	in := cosapi.SignInput{Method: req.Method, Path: req.URL.Path, Credentials: r.creds,
		KeyTime: cosapi.FormatKeyTime(start, start.Add(5*time.Minute)),
		Headers: []cosapi.Pair{{Name: "host", Value: req.Host}}}
	for name, values := range req.Header {
		in.Headers = append(in.Headers, cosapi.Pair{Name: name, Value: values[0]})
	}
	for item := range strings.SplitSeq(req.URL.RawQuery, "&") {
		name, value, _ := strings.Cut(item, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		r.NoError(err1)
		r.NoError(err2)
		if name != "" {
			in.Params = append(in.Params, cosapi.Pair{Name: name, Value: value})
		}
	}
	return cosapi.Sign(in)
}

func (r *raw) answer(req *http.Request) answer {
	r.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	r.NoError(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	r.NoError(err)
	r.NotEmpty(resp.Header.Get("x-cos-request-id"))
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// ok is do for a request that has to be answered with that status.
func (r *raw) ok(status int, method, target, body string, headers ...string) answer {
	r.Helper()
	a := r.do(method, target, body, headers...)
	r.Equal(status, a.status, "%s %s: %s", method, target, a.body)
	return a
}

// refused expects an error document with all its elements (cos-api.md 4.1).
func (r *raw) refused(status int, code, method, target, body string, headers ...string) answer {
	r.Helper()
	a := r.do(method, target, body, headers...)
	r.Equal(status, a.status, "%s %s: %s", method, target, a.body)
	if method == http.MethodHead {
		r.Empty(a.body)
		return a
	}
	r.Equal(code, a.text("Code"), a.body)
	for _, element := range []string{"Message", "Resource", "RequestId", "TraceId"} {
		r.NotEmpty(a.text(element), element)
	}
	r.Equal(a.header.Get("x-cos-request-id"), a.text("RequestId"))
	return a
}

// document is ok for a PUT of a configuration, with its Content-MD5.
func (r *raw) document(status int, method, target, doc string) answer {
	r.Helper()
	return r.ok(status, method, target, doc, md5Of(doc))
}

func md5Of(body string) string {
	return "Content-MD5: " + base64.StdEncoding.EncodeToString(sumOf(body))
}

func sumOf(body string) []byte {
	sum := md5.Sum([]byte(body))
	return sum[:]
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// node is an element of any document.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Nodes   []node     `xml:",any"`
}

func (n node) all(path string) (texts []string) {
	name, rest, deeper := strings.Cut(path, "/")
	for _, child := range n.Nodes {
		if child.XMLName.Local != name {
			continue
		}
		if deeper {
			texts = append(texts, child.all(rest)...)
		} else {
			texts = append(texts, strings.TrimSpace(child.Text))
		}
	}
	return texts
}

func (a answer) root() (n node) {
	if xml.Unmarshal([]byte(a.body), &n) != nil {
		return node{}
	}
	return n
}

// all are the texts of the elements below the root that a path names.
func (a answer) all(path string) []string { return a.root().all(path) }

// text is the first of them.
func (a answer) text(path string) string {
	if all := a.all(path); len(all) > 0 {
		return all[0]
	}
	return ""
}

// has checks that elements have exactly these texts, given as "path=text".
func (r *raw) has(a answer, root string, elements ...string) {
	r.Helper()
	n := a.root()
	r.Equal(root, n.XMLName.Local, a.body)
	for _, e := range elements {
		path, text, _ := strings.Cut(e, "=")
		r.Equal([]string{text}, n.all(path), "%s in %s", path, a.body)
	}
}

// timer is a clock that tests move. It is set between requests only.
type timer struct{ t time.Time }

func newTimer() *timer { return &timer{time.Now().UTC().Truncate(time.Second)} }

func (c *timer) now() time.Time { return c.t }

func (c *timer) day(n int) { c.t = c.t.Add(time.Duration(n) * 24 * time.Hour) }

// nowFor is the server's clock.
func nowFor(r *raw) time.Time {
	if r.s.now != nil {
		return r.s.now()
	}
	return time.Now()
}
