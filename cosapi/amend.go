package cosapi

import (
	"context"
	"strings"
	"time"
)

// trial is the state of one call over its attempts.
type trial struct {
	attempt int         // from 1
	creds   Credentials // of the last attempt
	silent  time.Time   // when the first attempt that failed last moved a byte; zero: none has failed
	// The corrections made already: each is made once.
	clockSet, tokenSet bool
}

// failed notes the first failure, after a byte was last moved at that time.
func (t *trial) failed(moved time.Time) {
	if t.silent.IsZero() {
		t.silent = moved
	}
}

// amend removes the cause of a refusal, if it is on our side: a wrong clock
// or a token that was replaced meanwhile. The call may then be sent again at
// once (cos-api.md 2.7).
func (c *Client) amend(ctx context.Context, t *trial, failed *Error) bool {
	switch {
	case !t.clockSet && expiredByClock(failed):
		t.clockSet = true
		return c.correctClock(failed.hint.date)
	case !t.tokenSet && failed.Code == "ExpiredToken":
		t.tokenSet = true
		fresh, err := c.cfg.Credentials.Credentials(ctx)
		return err == nil && fresh != t.creds
	}
	return false
}

// expiredByClock says that the clock may be the cause. The answer to a HEAD
// has no body, so that its 403 does not say which it is.
func expiredByClock(e *Error) bool {
	const expired = "Request has expired"
	return e.Kind == Skewed || e.Code == expired ||
		e.Code == "AccessDenied" && (strings.Contains(e.Message, expired) || len(e.Raw) == 0)
}

// correctClock takes over the service's clock. It says no when that would
// change nothing: the signature was not refused for the clock then.
func (c *Client) correctClock(service time.Time) bool {
	if service.IsZero() {
		return false
	}
	wrong := service.Sub(c.now())
	if wrong.Abs() < signSlack/2 {
		return false
	}
	offset := service.Sub(c.cfg.Now())
	c.shared.clockOffset.Store(int64(offset))
	c.cfg.Log.Warn("the local clock is wrong; signing with the service's", "offset", offset.Round(time.Second))
	return true
}
