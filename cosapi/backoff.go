package cosapi

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is the wait between attempts: exponential with full jitter, so that
// clients which failed together do not come back together.
type backoff struct{ base, limit time.Duration }

// maxRetryAfter bounds what a service may ask for: whoever waits for a file
// should hear of an outage rather than hang.
const maxRetryAfter = time.Minute

// delay is the wait after the attempt of that number, counted from 1. A
// Retry-After of the service is a lower bound, up to maxRetryAfter.
func (b backoff) delay(attempt int, retryAfter time.Duration) time.Duration {
	ceiling := b.limit
	if shift := attempt - 1; shift < 30 {
		ceiling = min(ceiling, b.base<<shift)
	}
	return max(rand.N(ceiling+1), min(retryAfter, maxRetryAfter))
}

// sleep waits, or ends early with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
