package cosapi

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// run sends r until it succeeds, cannot succeed, or MaxAttempts are used up
// (cos-api.md 4.5). Every error it returns is an *Error.
func (c *Client) run(ctx context.Context, r *request) error {
	r.addHeader(ctx)
	if err := r.check(); err != nil {
		return err
	}
	var t trial
	for {
		t.attempt++
		failed := c.attempt(ctx, r, &t)
		if failed == nil {
			return nil
		}
		if c.amend(ctx, &t, failed) {
			continue
		}
		if r.settle != nil {
			if settled, err := r.settle(ctx, t.attempt, failed); settled {
				return err
			}
		}
		if !failed.Kind.worthRetrying() || failed.hint.permanent || t.attempt >= c.cfg.MaxAttempts {
			return failed
		}
		delay := c.retry.delay(t.attempt, failed.hint.after)
		if c.cfg.Deadline > 0 && time.Since(t.silent)+delay >= c.cfg.Deadline {
			return failed
		}
		if err := sleep(ctx, delay); err != nil {
			return c.contextError(ctx, r, failed)
		}
	}
}

// attempt sends r once.
func (c *Client) attempt(ctx context.Context, r *request, t *trial) *Error {
	if limit := c.limits[r.class]; limit != nil {
		if err := limit.Wait(ctx); err != nil {
			return c.contextError(ctx, r, err)
		}
	}
	creds, err := c.cfg.Credentials.Credentials(ctx)
	if ctx.Err() != nil {
		return c.contextError(ctx, r, ctx.Err())
	}
	if err != nil {
		return &Error{Op: r.op, Key: r.key, Kind: Denied, Message: "no credentials", Err: err}
	}
	t.creds = creds
	start := time.Now()
	call := Call{Op: r.op, Key: r.key, Attempt: t.attempt}
	watched, dog := newWatchdog(ctx, c.patience(r, t))
	ans, failed := c.send(ctx, watched, dog, r, creds, &call)
	if failed == nil {
		failed = c.receive(ctx, r, ans)
	}
	if failed != nil {
		call.Err = failed
		t.failed(dog.moved())
	}
	call.Duration = time.Since(start)
	c.report(ctx, call)
	return failed
}

// patience is how long an attempt may be silent.
func (c *Client) patience(r *request, t *trial) time.Duration {
	switch {
	case r.timeout != 0:
		return r.timeout
	case c.cfg.Deadline == 0:
		return c.cfg.AnswerTimeout
	case t.silent.IsZero():
		return min(c.cfg.AnswerTimeout, c.cfg.Deadline)
	}
	return max(0, min(c.cfg.AnswerTimeout, c.cfg.Deadline-time.Since(t.silent)))
}

// send gets the header of an answer, whatever its status. The attempt runs
// under watched, which is ctx with the watchdog.
func (c *Client) send(ctx, watched context.Context, dog *watchdog, r *request, creds Credentials, call *Call) (*answer, *Error) {
	if r.body != nil {
		if err := r.body.rewind(dog.kick); err != nil {
			dog.stop()
			return nil, bodyError(r, err)
		}
	}
	resp, err := c.http.Do(c.httpRequest(watched, r, creds))
	if r.body != nil {
		sent, srcErr := r.body.detach()
		call.Sent = sent
		if srcErr != nil && err != nil {
			dog.stop()
			return nil, bodyError(r, srcErr)
		}
	}
	if err != nil {
		failed := c.transportError(ctx, watched, r, err)
		dog.stop()
		return nil, failed
	}
	dog.pause()
	call.Status, call.RequestID = resp.StatusCode, resp.Header.Get("x-cos-request-id")
	call.Received = resp.ContentLength
	r.tell(ctx, resp.StatusCode, resp.Header)
	return &answer{
		status: resp.StatusCode, header: resp.Header, length: resp.ContentLength,
		body: watchedBody{resp.Body, dog},
	}, nil
}

// receive reads what an answer brings.
func (c *Client) receive(ctx context.Context, r *request, ans *answer) *Error {
	if ans.status/100 != 2 {
		failed := answerError(r, ans)
		ans.close()
		return failed
	}
	var err error
	if r.accept != nil {
		err = r.accept(ans)
	}
	if ans.kept {
		return nil
	}
	ans.close()
	if err == nil {
		return nil
	}
	return c.acceptError(ctx, r, ans, err)
}

// acceptError makes an *Error of what accept found: its own, or a failed
// read or syntax, which is a broken answer.
func (c *Client) acceptError(ctx context.Context, r *request, ans *answer, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	if ctx.Err() != nil {
		return c.contextError(ctx, r, err)
	}
	return &Error{Op: r.op, Key: r.key, Kind: Unavailable, Status: ans.status,
		Message: "the answer is broken", RequestID: ans.header.Get("x-cos-request-id"), Err: err}
}

// transportError is the failure of a request that got no answer.
func (c *Client) transportError(ctx, watched context.Context, r *request, err error) *Error {
	if ctx.Err() != nil {
		return c.contextError(ctx, r, err)
	}
	if silence := context.Cause(watched); silence != nil {
		err = silence
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // its text repeats the URL
	}
	var certificate *tls.CertificateVerificationError
	return &Error{Op: r.op, Key: r.key, Kind: Unavailable,
		Message: "no answer from " + c.endpoint.scheme + "://" + c.endpoint.host, Err: err,
		hint: hint{permanent: errors.As(err, &certificate)}}
}

// contextError is the end of the caller's context, or of a wait that its
// deadline would have cut.
func (c *Client) contextError(ctx context.Context, r *request, cause error) *Error {
	kind := Timeout
	if errors.Is(ctx.Err(), context.Canceled) {
		kind = Canceled
	}
	return &Error{Op: r.op, Key: r.key, Kind: kind, Err: cause}
}

// bodyError is a failure of the caller's body: sending again cannot help.
func bodyError(r *request, err error) *Error {
	return &Error{Op: r.op, Key: r.key, Kind: Other, Message: "the body cannot be read", Err: err}
}

// report tells the observer and the log of a finished attempt.
func (c *Client) report(ctx context.Context, call Call) {
	if c.cfg.Observe != nil {
		c.cfg.Observe(call)
	}
	if !c.cfg.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	c.cfg.Log.DebugContext(ctx, "cos request", "op", call.Op, "key", call.Key, "attempt", call.Attempt,
		"status", call.Status, "request", call.RequestID, "sent", call.Sent, "received", call.Received,
		"took", call.Duration, "err", call.Err)
}

// answer is a response under a watchdog.
type answer struct {
	status int
	header http.Header
	length int64 // of the body, -1 if unknown
	body   io.ReadCloser
	kept   bool
}

// keep leaves the body to the caller, who closes it.
func (a *answer) keep() { a.kept = true }

// close gives the connection back, if little is left to read.
func (a *answer) close() {
	_, _ = io.CopyN(io.Discard, a.body, 64<<10)
	a.body.Close()
}

// date is the service's clock.
func (a *answer) date() time.Time {
	t, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}
