package cosapi

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// watchdog ends an attempt that makes no progress: no byte sent, no answer,
// no byte read for a while. A deadline on the whole attempt would fail large
// bodies on slow lines.
type watchdog struct {
	timer   *time.Timer
	timeout time.Duration
	cancel  context.CancelCauseFunc
	last    atomic.Int64 // when a byte was moved last, in Unix nanoseconds
}

// newWatchdog starts one. The attempt runs under the context it returns.
func newWatchdog(ctx context.Context, timeout time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	silence := fmt.Errorf("nothing was heard for %v", timeout)
	w := &watchdog{
		timer:   time.AfterFunc(timeout, func() { cancel(silence) }),
		timeout: timeout,
		cancel:  cancel,
	}
	w.last.Store(time.Now().UnixNano())
	return ctx, w
}

// kick starts the waiting time anew.
func (w *watchdog) kick() {
	w.timer.Reset(w.timeout)
	w.last.Store(time.Now().UnixNano())
}

// moved is when the attempt has last moved a byte; it began with one.
func (w *watchdog) moved() time.Time { return time.Unix(0, w.last.Load()) }

// pause stops the time while nobody waits, between the reads of a caller.
func (w *watchdog) pause() { w.timer.Stop() }

// stop ends the watchdog and releases the context.
func (w *watchdog) stop() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}

// watchedBody is an answer's body whose reads are watched.
type watchedBody struct {
	body io.ReadCloser
	dog  *watchdog
}

func (b watchedBody) Read(p []byte) (int, error) {
	b.dog.kick()
	n, err := b.body.Read(p)
	b.dog.pause()
	return n, err
}

// Close ends the attempt. It is safe to call twice.
func (b watchedBody) Close() error {
	err := b.body.Close()
	b.dog.stop()
	return err
}
