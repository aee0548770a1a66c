package writeback

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

// carryOut brings intents to COS: one, or deletes.
func (s *Stage) carryOut(job []*todo) {
	t := job[0]
	switch t.Kind {
	case IntentDelete:
		s.sendDeletes(s.stillMeant(job))
	case IntentPut:
		object, err := s.sendPut(s.ctx, t.Intent, t.doubt)
		s.conclude(t, object, err)
	case IntentAttrs:
		object, err := s.sendAttrs(s.ctx, t.Intent)
		s.conclude(t, object, err)
	}
}

// changed is the error of an intent that meant another version.
func changed(op, key string) error {
	return &cosapi.Error{Op: op, Key: key, Kind: cosapi.Changed, Message: "somebody else has stored another version; it is left as it is"}
}

// stillMeant drops the deletes of what is not there any more, as far as it
// must be asked: those of an earlier run, and those that have waited long.
func (s *Stage) stillMeant(batch []*todo) (left []*todo) {
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(s.cfg.Parallel)
	for _, t := range batch {
		if !t.doubt && time.Since(t.At) < deleteTTL {
			left = append(left, t)
			continue
		}
		g.Go(func() error {
			there, err := s.cfg.Store.Head(s.ctx, t.Key)
			switch {
			case errors.Is(err, cosapi.NotFound):
				s.conclude(t, cosapi.Object{}, nil)
			case err != nil:
				s.conclude(t, cosapi.Object{}, err)
			case !is(there, t.Base):
				s.conclude(t, there, changed("DeleteObject", t.Key))
			default:
				mu.Lock()
				defer mu.Unlock()
				left = append(left, t)
			}
			return nil
		})
	}
	_ = g.Wait() // each error is its own intent's
	return left
}

// sendDeletes deletes in one request, or in one each where COS does not take
// them together: that is a right of its own.
func (s *Stage) sendDeletes(batch []*todo) {
	if len(batch) == 1 || s.noBatch.Load() {
		s.deleteEach(batch)
		return
	}
	if len(batch) == 0 {
		return
	}
	keys := make([]string, len(batch))
	for i, t := range batch {
		keys[i] = t.Key
	}
	failures, err := s.cfg.Store.DeleteMulti(s.ctx, keys)
	if errors.Is(err, cosapi.Unsupported) {
		s.noBatch.Store(true)
	}
	if errors.Is(err, cosapi.Unsupported) || errors.Is(err, cosapi.Denied) {
		s.deleteEach(batch)
		return
	}
	failed := make(map[string]error, len(failures))
	for _, f := range failures {
		failed[f.Key] = f.Err
	}
	if err != nil && s.ctx.Err() == nil {
		s.cfg.Log.Warn("deletes failed; they are kept in the stage and tried again", "keys", len(batch), "err", err)
	}
	for _, t := range batch {
		own := failed[t.Key]
		switch {
		case own == nil && err != nil && !final(err) && s.ctx.Err() == nil:
			s.retry(t, err) // logged for all of them
		case own == nil:
			s.conclude(t, cosapi.Object{}, err)
		default:
			s.conclude(t, cosapi.Object{}, own)
		}
	}
}

func (s *Stage) deleteEach(batch []*todo) {
	var g errgroup.Group
	g.SetLimit(s.cfg.Parallel)
	for _, t := range batch {
		g.Go(func() error {
			s.conclude(t, cosapi.Object{}, s.cfg.Store.Delete(s.ctx, t.Key))
			return nil
		})
	}
	_ = g.Wait() // each error is its own intent's
}

// sendPut stores a small object. In doubt it may be there already.
func (s *Stage) sendPut(ctx context.Context, in Intent, doubt bool) (cosapi.Object, error) {
	o := in.Options
	exclusive := o.ForbidOverwrite
	old := doubt || time.Since(in.At) > s.cfg.BaseTTL
	o.ForbidOverwrite = exclusive && !s.noForbid.Load()
	if exclusive && !o.ForbidOverwrite || !exclusive && named(in.Base) && old {
		if there, done, err := s.lookBeforePut(ctx, in, doubt); done || err != nil {
			return there, err
		}
	}
	object, err := s.cfg.Store.Put(ctx, in.Key, bytes.NewReader(in.Body), o)
	switch {
	case err == nil:
		return complete(object, in.Key, snapshot{size: int64(len(in.Body)), opts: o}), nil
	case errors.Is(err, cosapi.Unsupported) && o.ForbidOverwrite:
		s.noForbid.Store(true)
		return s.sendPut(ctx, in, doubt)
	case errors.Is(err, cosapi.Exists) && doubt:
		if there, headErr := s.cfg.Store.Head(ctx, in.Key); headErr == nil && ours(there, in) {
			return there, nil
		}
	}
	return cosapi.Object{}, err
}

// lookBeforePut asks what is there: it must be what the put overwrites, or
// nothing. done says that the put is there already.
func (s *Stage) lookBeforePut(ctx context.Context, in Intent, doubt bool) (there cosapi.Object, done bool, err error) {
	there, err = s.cfg.Store.Head(ctx, in.Key)
	switch {
	case errors.Is(err, cosapi.NotFound):
		return there, false, nil
	case err != nil:
		return there, false, err
	case named(in.Base) && is(there, in.Base):
		return there, false, nil
	case doubt && ours(there, in):
		return there, true, nil
	case in.Options.ForbidOverwrite:
		return there, false, &cosapi.Error{Op: "PutObject", Key: in.Key, Kind: cosapi.Exists}
	}
	return there, false, changed("PutObject", in.Key)
}

// ours says that an object has a put's content.
func ours(there cosapi.Object, in Intent) bool {
	return there.HasCRC64 && there.Size == int64(len(in.Body)) && there.CRC64 == cosapi.CRC64(in.Body)
}

// sendAttrs copies an object onto itself under the condition that it is still
// the one that is meant.
func (s *Stage) sendAttrs(ctx context.Context, in Intent) (cosapi.Object, error) {
	base := in.Base
	if base.ETag == "" {
		there, err := s.cfg.Store.Head(ctx, in.Key)
		if err != nil {
			return cosapi.Object{}, err
		}
		if !is(there, base) {
			return there, changed("CopyObject", in.Key)
		}
		base = there
	}
	object, err := s.copySelf(ctx, base, in.Options)
	if err == nil {
		object = complete(object, in.Key, snapshot{size: base.Size, opts: in.Options})
		if !object.HasCRC64 {
			object.CRC64, object.HasCRC64 = base.CRC64, base.HasCRC64
		}
		return object, nil
	}
	if errors.Is(err, cosapi.Changed) {
		// A copy of many parts has another ETag than its source: this may be
		// our own, whose answer was lost.
		there, headErr := s.cfg.Store.Head(ctx, in.Key)
		if headErr == nil && equal(there, base) && sameAttrs(there.Attrs, in.Options.Attrs) {
			return there, nil
		}
	}
	return cosapi.Object{}, err
}

func (s *Stage) copySelf(ctx context.Context, base cosapi.Object, put cosapi.PutOptions) (cosapi.Object, error) {
	put.ForbidOverwrite = false
	o := cosapi.CopyOptions{Replace: true, PutOptions: put}
	o.SourceCustomerKey = put.Encryption.CustomerKey
	if base.Size <= cosapi.MaxPutSize {
		return s.cfg.Store.Copy(ctx, base.Version, base.Key, o)
	}
	return s.cfg.Store.CopyLarge(ctx, base.Version, base.Key, cosapi.CopyLargeOptions{CopyOptions: o, Concurrency: s.cfg.Parallel})
}

// sameAttrs compares what a copy sets and a HEAD tells.
func sameAttrs(there, want cosapi.Attrs) bool {
	return maps.Equal(there.Meta, want.Meta) && (want.ContentType == "" || there.ContentType == want.ContentType)
}
