package writeback

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

// transfer is one attempt at a multipart upload.
type transfer struct {
	f    *File
	aim  aim
	up   *upload
	snap snapshot
	plan []planPart
	sent atomic.Int64
}

// multipart uploads in two passes at most. Writers go on during the first; if
// one of them has changed something, the second keeps them waiting while the
// changed parts, and only those, are sent again. The object is made from parts
// that belong together, or not at all.
func (f *File) multipart(ctx context.Context, a aim) (receipt, error) {
	t := &transfer{f: f, aim: a}
	r, err := t.run(ctx)
	r.sent += t.sent.Load()
	if err != nil && !worthResuming(ctx, err) {
		f.abandon(ctx)
	}
	return r, err
}

// worthResuming says that the parts sent so far will be of use.
func worthResuming(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	for _, kind := range []error{errParts, cosapi.Unavailable, cosapi.Throttled, cosapi.Timeout, cosapi.Canceled, cosapi.Skewed} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

func (t *transfer) run(ctx context.Context) (receipt, error) {
	if err := t.begin(ctx); err != nil {
		return receipt{}, err
	}
	defer t.f.unfreeze()
	if err := t.pass(ctx, t.f.snap()); err != nil {
		return receipt{}, err
	}
	if s, changed := t.f.freeze(t.snap.gen); changed {
		if s.size <= t.f.stage.PutLimit() {
			t.f.unfreeze()
			r, grown, err := t.f.put(ctx, t.aim)
			if grown { // since: begin again
				err = errMoved
			}
			return r, err
		}
		if err := t.pass(ctx, s); err != nil {
			return receipt{}, err
		}
	}
	t.f.unfreeze()
	return t.complete(ctx)
}

// freeze stops the writers if one has changed something since a generation,
// and takes a new snapshot.
func (f *File) freeze(since uint64) (snapshot, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gen == since {
		return snapshot{}, false
	}
	f.thaw = make(chan struct{})
	return f.snapLocked(), true
}

func (f *File) unfreeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.thawLocked()
}

func (f *File) thawLocked() {
	if f.thaw != nil {
		close(f.thaw)
		f.thaw = nil
	}
}

// begin starts an upload, or goes on with one.
func (t *transfer) begin(ctx context.Context) error {
	f := t.f
	f.mu.RLock()
	up, good := f.upload, f.usableLocked(t.aim.key)
	f.mu.RUnlock()
	if good {
		t.up = up
		return t.resume(ctx)
	}
	f.abandon(ctx)
	var err error
	t.up, err = f.startUpload(ctx, t.aim.key, t.aim.forbid)
	return err
}

// startUpload begins an upload with the attributes of this moment.
func (f *File) startUpload(ctx context.Context, key string, forbid bool) (*upload, error) {
	f.mu.RLock()
	up := &upload{key: key, attrGen: f.attrGen, opts: cloneOptions(f.opts), done: map[int]sentPart{}, flying: map[int]*flight{}, spoiled: map[int]bool{}}
	f.mu.RUnlock()
	opts := up.opts
	opts.ForbidOverwrite = forbid
	var err error
	if up.id, err = f.stage.cfg.Store.StartUpload(ctx, key, opts); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.upload = up
	f.mu.Unlock()
	if err := f.resave(); err != nil {
		// A full disk is emptied by uploads only.
		f.stage.cfg.Log.Warn("stage: an upload is not in the record; a crash now would leave its parts in the bucket", "key", key, "upload", up.id, "err", err)
	}
	return up, nil
}

// abandon aborts the upload that was begun, if there is one. One that cannot
// be aborted now costs storage until the bucket's lifecycle rule removes it.
// A ctx that has ended leaves it for the next attempt; once asked, COS is given
// a few seconds, whatever becomes of ctx.
func (f *File) abandon(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	f.mu.Lock()
	up := f.upload
	f.upload = nil
	f.mu.Unlock()
	if up == nil {
		return
	}
	err := f.stage.cfg.Store.AbortUpload(ctx, up.key, up.id)
	if err != nil && !errors.Is(err, cosapi.NoUpload) {
		f.stage.cfg.Log.Warn("abort an upload: its parts stay in the bucket", "key", up.key, "upload", up.id, "err", err)
	}
}

// pass sends all parts of a snapshot that are not sent yet, Config.Parallel
// at once.
func (t *transfer) pass(ctx context.Context, s snapshot) error {
	c := content{size: s.size, fresh: s.fresh}
	if t.aim.copies {
		c.base = s.baseLen
	}
	parts, err := plan(c, t.f.stage.cfg.PartSize)
	if err != nil {
		return err
	}
	t.snap, t.plan = s, parts
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(t.f.stage.cfg.Parallel)
	for _, p := range parts {
		if t.has(p) {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return t.part(ctx, p) })
	}
	return g.Wait()
}

// has says that a part is in the bucket already.
func (t *transfer) has(p planPart) bool {
	t.f.mu.RLock()
	defer t.f.mu.RUnlock()
	return t.up.has(p)
}

// part sends or copies one part.
func (t *transfer) part(ctx context.Context, p planPart) error {
	fl, err := t.f.takeOff(ctx, t.up, p)
	if err != nil || fl == nil {
		return err
	}
	part, err := t.carry(ctx, p)
	t.f.land(t.up, fl, part, err)
	if err == nil && !p.Copy {
		t.sent.Add(p.Len)
	}
	return err
}

func (t *transfer) carry(ctx context.Context, p planPart) (cosapi.Part, error) {
	if err := t.f.stage.transfers.Acquire(ctx, 1); err != nil {
		return cosapi.Part{}, err
	}
	defer t.f.stage.transfers.Release(1)
	if p.Copy {
		return t.f.stage.cfg.Store.CopyPart(ctx, t.up.key, t.up.id, p.Number, t.snap.base, cosapi.Range{Off: p.Off, Len: p.Len})
	}
	// With a transfer taken, which bounds the memory of this.
	if err := t.f.fill(ctx, p.Off, p.end()); err != nil {
		return cosapi.Part{}, err
	}
	return t.f.sendPart(ctx, t.up, p)
}

// complete makes the object of the parts.
func (t *transfer) complete(ctx context.Context) (receipt, error) {
	f := t.f
	late, err := t.late(ctx)
	if err != nil || late.done != nil {
		if err == nil {
			f.abandon(ctx)
			return *late.done, nil
		}
		return receipt{}, err
	}
	if late.conflict {
		return f.sidestep(ctx, late)
	}
	parts, sum, summed := t.assemble()
	c := &crossing{key: t.up.key, print: print{Gen: t.snap.gen, AttrGen: t.up.attrGen, Size: t.snap.size, CRC: sum}, summed: summed}
	if err := f.cross(ctx, c); err != nil {
		return receipt{}, err
	}
	finish := f.stage.cfg.Store.CompleteUpload
	if late.forbid {
		finish = f.stage.cfg.Store.CompleteExclusive
	}
	object, err := finish(ctx, t.up.key, t.up.id, parts)
	if err == nil && summed && object.HasCRC64 && object.CRC64 != sum {
		err = &cosapi.Error{Op: "CompleteMultipartUpload", Key: t.up.key, Kind: cosapi.Corrupt,
			Message: fmt.Sprintf("the parts make CRC64 %d, %d is stored", sum, object.CRC64)}
	}
	if err != nil {
		f.doubt(err, c)
		if missesParts(err) {
			err = t.recount(ctx, err)
		}
		return receipt{}, err
	}
	if summed {
		object.CRC64, object.HasCRC64 = sum, true
	}
	sent := snapshot{size: t.snap.size, opts: t.up.opts}
	return receipt{object: complete(object, t.up.key, sent), gen: t.snap.gen, attrGen: t.snap.attrGen, sentAttr: t.up.attrGen}, nil
}

// late takes aim once more if sending has taken long: the base is as current
// as it was at the beginning only for so long.
func (t *transfer) late(ctx context.Context) (aim, error) {
	t.f.mu.RLock()
	fresh := time.Since(t.f.checked) <= t.f.stage.cfg.BaseTTL
	t.f.mu.RUnlock()
	if t.aim.forbid || t.aim.key != t.f.Key() || fresh {
		return t.aim, nil
	}
	return t.f.takeAim(ctx, false)
}

// assemble lists the parts, with the checksum of the whole if all are known.
func (t *transfer) assemble() (parts []cosapi.Part, sum uint64, summed bool) {
	t.f.mu.RLock()
	defer t.f.mu.RUnlock()
	summed = true
	for _, p := range t.plan {
		part := t.up.done[p.Number].Part
		parts = append(parts, part)
		sum = cosapi.CombineCRC64(sum, part.CRC64, p.Len)
		summed = summed && part.HasCRC64
	}
	return parts, sum, summed
}
