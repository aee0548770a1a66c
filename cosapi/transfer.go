package cosapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
)

// What the transfers of whole files do when nothing else is asked for.
const (
	defaultThreshold    = 20 << 20 // bytes of one put, of the seeds' documentation
	defaultUploadPart   = 1 << 20  // bytes, the seeds' PartSize
	defaultDownloadPart = 8 << 20  // bytes of one ranged GET
	defaultConcurrency  = 5        // the seeds' MAXThread
	transferBuffer      = 128 << 10
)

// split cuts a content into pieces of one size, numbered from 1; the last may
// be shorter.
type split struct{ size, part int64 }

// newSplit takes the size wished for and lets it grow, by whole MiB, until
// MaxParts pieces suffice.
func newSplit(size, part int64) split {
	if least := (size + MaxParts - 1) / MaxParts; part < least {
		part = (least + 1<<20 - 1) >> 20 << 20
	}
	return split{size, part}
}

func (s split) count() int { return int((s.size + s.part - 1) / s.part) }

// piece is where a piece lies.
func (s split) piece(number int) (off, length int64) {
	off = int64(number-1) * s.part
	return off, min(s.part, s.size-off)
}

// meter counts bytes for a progress callback. A nil meter counts nothing.
type meter struct {
	report func(consumed, total int64)

	// mu guards the fields below. It is held during report: that makes the
	// calls come one after another and never backwards.
	mu              sync.Mutex
	consumed, total int64
}

func newMeter(report func(consumed, total int64), total int64) *meter {
	if report == nil {
		return nil
	}
	m := &meter{report: report}
	m.add(0, total)
	return m
}

// add counts bytes that are through and bytes that have become known.
func (m *meter) add(consumed, total int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.consumed += consumed
	m.total += total
	m.report(m.consumed, m.total)
}

// transferError adds to a failure below what the caller of a transfer has to
// know: what it was about and what is left. It keeps the Kind, and all that
// COS said.
func transferError(op, key string, cause error, format string, args ...any) *Error {
	failed := Error{Kind: Other, Err: cause}
	var below *Error
	switch {
	case errors.As(cause, &below):
		failed = *below
		failed.hint = hint{}
	case errors.Is(cause, context.Canceled):
		failed.Kind = Canceled
	case errors.Is(cause, context.DeadlineExceeded):
		failed.Kind = Timeout
	}
	text := fmt.Sprintf(format, args...)
	if below != nil && below.Message != "" {
		text = below.Message + "; " + text
	}
	if below != nil && below.Op != op {
		text = below.Op + ": " + text
	}
	failed.Op, failed.Key, failed.Message = op, key, text
	return &failed
}

// concurrency is a number of workers, at least one.
func concurrency(n int) int { return max(1, cmp.Or(n, defaultConcurrency)) }
