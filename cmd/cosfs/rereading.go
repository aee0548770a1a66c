package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"cosfs/cosapi"
)

const (
	// renewBefore is how long before its end a temporary key is looked for
	// anew (field.md 2.3).
	renewBefore = 10 * time.Minute
	// renewPause is the time between two looks that found nothing new.
	renewPause = 10 * time.Second
)

// source gives the pair to every request; a temporary one from a file is read
// again before it expires.
func (k keyPair) source(bucket string, log *slog.Logger) cosapi.CredentialSource {
	if k.expires.IsZero() {
		return cosapi.Static(k.Credentials)
	}
	return &rereading{bucket: bucket, log: log, now: time.Now, pair: k}
}

// rereading is a source of temporary keys which somebody else keeps writing
// into a file.
type rereading struct {
	bucket string
	log    *slog.Logger
	now    func() time.Time

	mu     sync.Mutex // guards what follows; held while the file is read
	pair   keyPair
	looked time.Time
}

// Credentials never fails: a file that is being written, or was not renewed,
// leaves the old key in use, and COS says what it thinks of it.
func (r *rereading) Credentials(context.Context) (cosapi.Credentials, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if r.pair.expires.Sub(now) >= renewBefore || now.Sub(r.looked) < renewPause {
		return r.pair.Credentials, nil
	}
	r.looked = now
	pair, err := readPasswd(r.pair.file, r.bucket)
	switch {
	case err != nil:
		r.log.Warn("the temporary key expires and no new one can be read", "expires", r.pair.expires, "err", err)
	case !pair.expires.IsZero() && !pair.expires.After(r.pair.expires):
		r.log.Warn("the temporary key expires and its file has no newer one", "expires", r.pair.expires, "file", r.pair.file)
	default:
		r.pair = pair
		r.log.Info("temporary key read again", "file", pair.file, "expires", pair.expires)
	}
	return r.pair.Credentials, nil
}
