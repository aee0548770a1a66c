package cosserver

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"time"
)

// Fault is something that goes wrong with one request. Several may be set:
// they happen in the order of the fields.
type Fault struct {
	Delay       time.Duration   // waited before anything else
	Hold        <-chan struct{} // likewise, until it is closed or the client goes; nil: not
	ResetBefore bool            // the connection is reset; nothing happened in the store
	// Status and Code answer with an error in place of handling the request.
	// One of them is enough: the other follows.
	Status int
	Code   string
	Header http.Header // sent with the answer, such as Retry-After
	// ErrorInside200 answers 200 with an error document of this code, and
	// nothing happens in the store (Copy, Upload Part - Copy, Complete).
	ErrorInside200 string
	ResetAfter     bool // the request is carried out, then the connection is reset without an answer
	// CutAfter breaks the connection after this many bytes of the answer's
	// body; 0 means never.
	CutAfter int64
	// Corrupt flips a bit of the body's byte at CorruptAt.
	Corrupt     bool
	CorruptAt   int64
	WrongCRC    bool // x-cos-hash-crc64ecma is wrong
	NoRequestID bool // the answer looks like a middlebox's
	// OverwriteRace ignores x-cos-forbid-overwrite, as real COS may when
	// creators race (cos-api.md 3.4.1).
	OverwriteRace bool
	// ListLag leaves objects out of a listing that were written within this
	// time before it.
	ListLag time.Duration
	Blanks  int // white space before the document, as Complete sends while it works
}

// serveFaulty handles a request with a fault.
func (c *call) serveFaulty() error {
	f := c.fault
	if err := sleep(c.r.Context(), f.Delay); err != nil {
		return err
	}
	if f.Hold != nil {
		select {
		case <-f.Hold:
		case <-c.r.Context().Done():
			return c.r.Context().Err()
		}
	}
	if f.ResetBefore {
		return c.reset()
	}
	h := c.w.Header()
	for name, values := range f.Header {
		h[name] = values
	}
	if f.NoRequestID {
		h.Del("x-cos-request-id")
	}
	switch {
	case f.Status != 0 || f.Code != "":
		return f.failure()
	case f.ErrorInside200 != "":
		e := failure(f.ErrorInside200)
		e.status = http.StatusOK
		return e
	case f.ResetAfter:
		conn := c.w
		c.w = discardAnswer{http.Header{}}
		err := c.op.handle(c)
		c.w = conn
		if err != nil {
			c.s.cfg.Log.Debug("request failed before its answer was dropped", "op", c.op.name, "err", err)
		}
		return c.reset()
	}
	if f.CutAfter > 0 || f.Corrupt || f.Blanks > 0 {
		c.w = &faultyAnswer{ResponseWriter: c.w, f: f}
	}
	return c.op.handle(c)
}

// failure is the error that Status and Code stand for.
func (f *Fault) failure() *apiError {
	code := f.Code
	if code == "" {
		code = statusCodes[f.Status]
	}
	e := failure(code)
	e.code = code
	if f.Status != 0 {
		e.status = f.Status
	}
	return e
}

// statusCodes are the codes for a Status alone.
var statusCodes = map[int]string{
	http.StatusForbidden: "AccessDenied", http.StatusNotFound: "NoSuchKey", http.StatusConflict: "PathConflict",
	http.StatusPreconditionFailed: "PreconditionFailed", http.StatusServiceUnavailable: "SlowDown",
	http.StatusInternalServerError: "InternalError", http.StatusBadRequest: "RequestTimeout",
}

// reset ends the connection with a RST where it can, so that the client sees
// what a crashed server looks like.
func (c *call) reset() error {
	c.begun = true
	hijacker, ok := c.w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	return conn.Close()
}

// discardAnswer takes an answer nobody will see.
type discardAnswer struct{ header http.Header }

func (d discardAnswer) Header() http.Header         { return d.header }
func (d discardAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (d discardAnswer) WriteHeader(int)             {}

// faultyAnswer spoils a body.
type faultyAnswer struct {
	http.ResponseWriter
	f       *Fault
	written int64
}

func (w *faultyAnswer) WriteHeader(status int) {
	if w.f.Blanks > 0 {
		w.Header().Del("Content-Length")
	}
	w.ResponseWriter.WriteHeader(status)
	if w.f.Blanks > 0 {
		w.ResponseWriter.Write(bytes.Repeat([]byte(" "), w.f.Blanks))
		http.NewResponseController(w.ResponseWriter).Flush()
	}
}

func (w *faultyAnswer) Write(p []byte) (int, error) {
	at := w.written
	if i := w.f.CorruptAt - at; w.f.Corrupt && i >= 0 && i < int64(len(p)) {
		p = bytes.Clone(p)
		p[i] ^= 1
	}
	if w.f.CutAfter > 0 && at+int64(len(p)) > w.f.CutAfter {
		w.ResponseWriter.Write(p[:w.f.CutAfter-at])
		http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	n, err := w.ResponseWriter.Write(p)
	w.written += int64(n)
	return n, err
}

// bodyWriter is where content goes. Without a limit it is the connection
// itself, which can use sendfile.
func (c *call) bodyWriter() io.Writer {
	if c.rate <= 0 {
		return c.w
	}
	return &pacedWriter{w: c.w, pace: c.pace()}
}

// limited is a body read no faster than the rate.
func (c *call) limited(r io.Reader) io.Reader {
	if c.rate <= 0 {
		return r
	}
	return &pacedReader{r: r, pace: c.pace()}
}

func (c *call) pace() pace {
	return pace{start: time.Now(), rate: c.rate, sleep: func(d time.Duration) error { return sleep(c.r.Context(), d) }}
}

// pace keeps a body at a number of bytes per second.
type pace struct {
	start time.Time
	rate  int64
	done  int64
	sleep func(time.Duration) error
}

// step is how much may pass at once: a fiftieth of a second's worth.
func (p *pace) step() int { return int(max(1, min(p.rate/50, copyBuffer))) }

// wait accounts for n bytes and waits until they are due.
func (p *pace) wait(n int) error {
	p.done += int64(n)
	due := time.Duration(float64(p.done) / float64(p.rate) * float64(time.Second))
	return p.sleep(due - time.Since(p.start))
}

type pacedReader struct {
	r io.Reader
	pace
}

func (r *pacedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b[:min(len(b), r.step())])
	if werr := r.wait(n); err == nil {
		err = werr
	}
	return n, err
}

type pacedWriter struct {
	w io.Writer
	pace
}

func (w *pacedWriter) Write(b []byte) (total int, err error) {
	for len(b) > 0 {
		n, err := w.w.Write(b[:min(len(b), w.step())])
		total += n
		if err != nil {
			return total, err
		}
		if err := w.wait(n); err != nil {
			return total, err
		}
		b = b[n:]
	}
	return total, nil
}
