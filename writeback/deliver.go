package writeback

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"cosfs/cosapi"
)

// snapshot is the file at one generation, without its bytes.
type snapshot struct {
	gen, attrGen uint64
	size         int64
	base         cosapi.Version // where untouched bytes are
	baseLen      int64
	fresh        Extents
	opts         cosapi.PutOptions
}

// snapLocked begins a new account of what changes from here on. Parts that
// were sent and have changed until here are to be sent again.
func (f *File) snapLocked() snapshot {
	if f.upload != nil {
		f.upload.reconcile()
	}
	f.since, f.low, f.snapGen = nil, f.size, f.gen
	return snapshot{gen: f.gen, attrGen: f.attrGen, size: f.size, base: f.base.Version, baseLen: f.baseLen,
		fresh: f.fresh.Clone(), opts: cloneOptions(f.opts)}
}

// contentLocked is what a plan is made from; copies: the base can be copied.
func (f *File) contentLocked(copies bool) content {
	c := content{size: f.size, fresh: f.fresh}
	if copies {
		c.base = f.baseLen
	}
	return c
}

// copiesLocked says that COS can copy ranges of the base: not without the
// customer's key to it.
func (f *File) copiesLocked() bool { return f.hasBase && len(f.opts.Encryption.CustomerKey) == 0 }

func (f *File) snap() snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snapLocked()
}

// deliverTries bounds what one attempt does about answers that call for
// another request at once: a checksum that differs, an upload or a base that
// is gone, a key that exists.
const deliverTries = 3

// deliver brings the file's content to the bucket.
func (f *File) deliver(ctx context.Context) (receipt, error) {
	for try := 1; ; try++ {
		r, err := f.try(ctx, try > 1)
		if err == nil || try == deliverTries || ctx.Err() != nil || !f.differently(err) {
			return r, err
		}
	}
}

// differently says that an immediate second try may do better, because it
// looks first.
func (f *File) differently(err error) bool {
	if errors.Is(err, cosapi.Unsupported) && !f.stage.noForbid.Swap(true) {
		return true // an endpoint without x-cos-forbid-overwrite
	}
	if errors.Is(err, ErrRefused) {
		return false
	}
	for _, kind := range []error{cosapi.Corrupt, cosapi.NoUpload, cosapi.Changed, cosapi.Exists, errReplaced, errMoved, errParts} {
		if errors.Is(err, kind) {
			return true
		}
	}
	var base *baseError
	return errors.As(err, &base) && errors.Is(err, cosapi.NotFound)
}

func (f *File) try(ctx context.Context, ask bool) (receipt, error) {
	a, err := f.takeAim(ctx, ask)
	if err == nil {
		err = f.gone(a)
	}
	if err != nil {
		return receipt{}, err
	}
	var r receipt
	switch {
	case a.done != nil:
		f.abandon(ctx)
		return *a.done, nil
	case a.conflict:
		r, err = f.sidestep(ctx, a)
	default:
		r, err = f.send(ctx, a)
	}
	var base *baseError
	if a.baseGone && errors.As(err, &base) && (errors.Is(err, cosapi.Changed) || errors.Is(err, cosapi.NotFound)) {
		return r, &ConflictError{Err: err}
	}
	return r, err
}

// send uploads to the aim.
func (f *File) send(ctx context.Context, a aim) (receipt, error) {
	if f.sameBytesAsBase(a) {
		return f.copySelf(ctx, a)
	}
	if f.Size() <= f.stage.PutLimit() {
		r, tooLarge, err := f.put(ctx, a)
		if !tooLarge {
			return r, err
		}
	}
	return f.multipart(ctx, a)
}

// PutLimit is the size in bytes up to which a file is one request. Parts of a
// larger one are sent before it is stored, with the options of that time.
func (s *Stage) PutLimit() int64 { return min(s.cfg.PartSize, maxPut) }

// put sends the content as one request, from memory: the object is exactly
// one generation, however many writers there are meanwhile.
func (f *File) put(ctx context.Context, a aim) (r receipt, tooLarge bool, err error) {
	body, s, tooLarge, err := f.image(ctx)
	if err != nil || tooLarge {
		return receipt{}, tooLarge, err
	}
	defer f.stage.transfers.Release(1)
	f.abandon(ctx) // of a time when the file was larger
	c := &crossing{key: a.key, print: print{Gen: s.gen, AttrGen: s.attrGen, Size: s.size, CRC: cosapi.CRC64(body)}, summed: true}
	if err := f.cross(ctx, c); err != nil {
		return receipt{}, false, err
	}
	s.opts.ForbidOverwrite = a.forbid
	object, err := f.stage.cfg.Store.Put(ctx, a.key, bytes.NewReader(body), s.opts)
	if err != nil {
		f.doubt(err, c)
		return receipt{sent: s.size}, false, err
	}
	return receipt{object: complete(object, a.key, s), gen: s.gen, attrGen: s.attrGen, sentAttr: s.attrGen, sent: s.size}, false, nil
}

// image reads the whole content, having taken one of the transfers, which the
// caller gives back unless there is an error or the content is too large.
func (f *File) image(ctx context.Context) ([]byte, snapshot, bool, error) {
	limit := f.stage.PutLimit()
	for {
		if err := f.stage.transfers.Acquire(ctx, 1); err != nil {
			return nil, snapshot{}, false, err
		}
		var body []byte
		var s snapshot
		var ok bool
		err := f.fill(ctx, 0, limit)
		if err == nil {
			body, s, ok, err = f.readAll(limit)
		}
		if ok {
			return body, s, false, nil
		}
		f.stage.transfers.Release(1)
		if err != nil || s.size > limit {
			return nil, s, err == nil, err
		}
	}
}

// readAll reads and snaps in one go; not ok if some bytes are still missing or
// there are more than limit.
func (f *File) readAll(limit int64) (body []byte, s snapshot, ok bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, s, false, os.ErrClosed
	}
	s = snapshot{size: f.size}
	if f.size > limit || !f.local.Covers(0, f.size) {
		return nil, s, false, nil
	}
	body = make([]byte, f.size)
	if f.size > 0 {
		if err := f.openLocked(); err != nil {
			return nil, s, false, err
		}
		if _, err := f.data.ReadAt(body, 0); err != nil && !errors.Is(err, io.EOF) {
			return nil, s, false, err
		}
	}
	return body, f.snapLocked(), true, nil
}

// complete fills in what an answer of a write does not tell.
func complete(o cosapi.Object, key string, s snapshot) cosapi.Object {
	o.Key, o.Size, o.Attrs = key, s.size, s.opts.Attrs
	if o.Modified.IsZero() {
		o.Modified = time.Now()
	}
	return o
}
