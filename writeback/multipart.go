package writeback

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

// upload is a multipart upload that was begun. It outlives failed attempts:
// the next one sends only what is missing. Guarded by File.mu.
type upload struct {
	id, key string
	attrGen uint64 // of the attributes it was begun with
	found   bool   // in a record of an earlier run: its parts are not known yet
	done    map[int]sentPart
}

type sentPart struct {
	planPart
	cosapi.Part
}

// forget drops the sent parts whose bytes have changed.
func (u *upload) forget(changed Extents) {
	for n, p := range u.done {
		if changed.Meets(p.Off, p.end()) {
			delete(u.done, n)
		}
	}
}

// transfer is one attempt at a multipart upload.
type transfer struct {
	f    *File
	aim  aim
	up   *upload
	snap snapshot
	plan []planPart
	sent int64 // guarded by File.mu
}

// multipart uploads in two passes at most. Writers go on during the first; if
// one of them has changed something, the second keeps them waiting while the
// changed parts, and only those, are sent again. The object is made from parts
// that belong together, or not at all.
func (f *File) multipart(ctx context.Context, a aim) (receipt, error) {
	t := &transfer{f: f, aim: a}
	r, err := t.run(ctx)
	r.sent += t.sent
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
	for _, kind := range []error{cosapi.Unavailable, cosapi.Throttled, cosapi.Timeout, cosapi.Canceled, cosapi.Skewed} {
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
		if s.size <= t.f.stage.putLimit() {
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
	up, attrGen, opts := f.upload, f.attrGen, cloneOptions(f.opts)
	f.mu.RUnlock()
	if up != nil && up.key == t.aim.key && up.attrGen == attrGen {
		t.up = up
		return t.resume(ctx)
	}
	f.abandon(ctx)
	opts.ForbidOverwrite = t.aim.forbid
	id, err := f.stage.cfg.Store.StartUpload(ctx, t.aim.key, opts)
	if err != nil {
		return err
	}
	t.up = &upload{id: id, key: t.aim.key, attrGen: attrGen, done: map[int]sentPart{}}
	f.mu.Lock()
	f.upload = t.up
	f.mu.Unlock()
	if err := f.resave(); err != nil {
		// A full disk is emptied by uploads only.
		f.stage.cfg.Log.Warn("stage: an upload is not in the record; a crash now would leave its parts in the bucket", "key", t.up.key, "upload", id, "err", err)
	}
	return nil
}

// abandon aborts the upload that was begun, if there is one. One that cannot
// be aborted now costs storage until the bucket's lifecycle rule removes it.
func (f *File) abandon(ctx context.Context) {
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
	sent, ok := t.up.done[p.Number]
	return ok && sent.planPart == p
}

// part sends or copies one part.
func (t *transfer) part(ctx context.Context, p planPart) error {
	if err := t.f.stage.transfers.Acquire(ctx, 1); err != nil {
		return err
	}
	defer t.f.stage.transfers.Release(1)
	if !p.Copy { // with a transfer taken, which bounds the memory of this
		if err := t.f.fill(ctx, p.Off, p.end()); err != nil {
			return err
		}
	}
	var part cosapi.Part
	var err error
	if p.Copy {
		part, err = t.f.stage.cfg.Store.CopyPart(ctx, t.up.key, t.up.id, p.Number, t.snap.base, cosapi.Range{Off: p.Off, Len: p.Len})
	} else {
		part, err = t.f.stage.cfg.Store.UploadPartWith(ctx, t.up.key, t.up.id, p.Number, t.f.section(p.Off, p.Len),
			cosapi.PartOptions{CustomerKey: t.snap.opts.Encryption.CustomerKey})
	}
	if err != nil {
		return err
	}
	part.Number, part.Size = p.Number, p.Len
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	t.up.done[p.Number] = sentPart{p, part}
	if !p.Copy {
		t.sent += p.Len
	}
	return nil
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
		return receipt{}, err
	}
	if summed {
		object.CRC64, object.HasCRC64 = sum, true
	}
	return receipt{object: complete(object, t.up.key, t.snap), gen: t.snap.gen, attrGen: t.snap.attrGen, sentAttr: t.up.attrGen}, nil
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
