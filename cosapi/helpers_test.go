package cosapi

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const testBucket = "bucket-1250000000"

var testCredentials = Credentials{SecretID: "AKIDtest", SecretKey: "secret"}

// exchange is one request as the test's server saw it.
type exchange struct {
	*http.Request
	body []byte
}

// wire is a server of scripted answers: each request takes the next handler,
// the last one stays.
type wire struct {
	mu       sync.Mutex // guards seen and next
	seen     []exchange
	next     int
	handlers []http.HandlerFunc
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	w.seen = append(w.seen, exchange{r, body})
	h := w.handlers[min(w.next, len(w.handlers)-1)]
	w.next++
	w.mu.Unlock()
	rw.Header().Set("x-cos-request-id", "req-1")
	h(rw, r)
}

func (w *wire) requests() []exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]exchange(nil), w.seen...)
}

// newWire starts a server with scripted answers and a client of it whose
// waits are short.
func newWire(t *testing.T, handlers ...http.HandlerFunc) (*Client, *wire) {
	t.Helper()
	w := &wire{handlers: handlers}
	return newTestClient(t, w, nil), w
}

func newTestClient(t *testing.T, h http.Handler, change func(*Config)) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := Config{Endpoint: server.URL, Bucket: testBucket, Credentials: Static(testCredentials)}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.http.CloseIdleConnections)
	c.retry = backoff{base: time.Microsecond, limit: time.Millisecond}
	return c
}

// reply answers a status, headers as "Name: value", and a body.
func reply(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		setAll(w.Header(), headers)
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, body)
		}
	}
}

func setAll(h http.Header, headers []string) {
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		h.Set(name, value)
	}
}

// fault answers an error document.
func fault(status int, code string, headers ...string) http.HandlerFunc {
	return reply(status, "<?xml version='1.0' encoding='utf-8' ?>\n<Error><Code>"+code+"</Code><Message>told so</Message>"+
		"<Resource>res</Resource><RequestId>req-2</RequestId><TraceId>trace</TraceId></Error>", headers...)
}

// cut answers a header that promises more than the body it sends.
func cut(status, length int, sent string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		setAll(w.Header(), headers)
		w.Header().Set("Content-Length", fmt.Sprint(length))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, sent)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// hangUp closes the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// stored answers a put as COS does.
func stored(content string, headers ...string) http.HandlerFunc {
	return reply(200, "", append([]string{
		`ETag: "5eb63bbbe01eeed093cb22bb8f5acdc3"`,
		fmt.Sprint(crcHeader, ": ", CRC64([]byte(content))),
		"Date: Tue, 14 Nov 2023 22:13:20 GMT",
	}, headers...)...)
}

// requireKind checks the class of an error and gives the error.
func requireKind(t *testing.T, kind Kind, err error) *Error {
	t.Helper()
	require.ErrorIs(t, err, kind)
	var e *Error
	require.ErrorAs(t, err, &e)
	return e
}

// verifySignature does what a server does: it takes the lists from the
// Authorization and computes the rest from the request.
func verifySignature(t *testing.T, r *http.Request, creds Credentials) {
	t.Helper()
	items, err := url.ParseQuery(strings.ReplaceAll(r.Header.Get("Authorization"), ";", "%3B"))
	require.NoError(t, err)
	require.Equal(t, creds.SecretID, items.Get("q-ak"))
	in := SignInput{Method: r.Method, Path: r.URL.Path, Credentials: creds, KeyTime: items.Get("q-key-time")}
	for name, values := range r.URL.Query() {
		in.Params = append(in.Params, Pair{name, values[0]})
	}
	for _, name := range strings.Split(items.Get("q-header-list"), ";") {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		in.Headers = append(in.Headers, Pair{name, value})
	}
	require.Equal(t, Sign(in).Signature, items.Get("q-signature"))
}
