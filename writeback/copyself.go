package writeback

import (
	"context"
	"errors"

	"cosfs/cosapi"
)

// sameBytesAsBase says that only attributes have changed, and that copying the
// object onto itself is the cheapest way to say so: more than a put's worth of
// bytes, or some that are not here.
func (f *File) sameBytesAsBase(a aim) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return a.copies && !a.forbid && f.hasBase && a.key == f.base.Key && f.base.ETag != "" && !f.damagedLocked(a.key) &&
		len(f.fresh) == 0 && f.size == f.base.Size && f.size <= cosapi.MaxPutSize &&
		(f.size > f.stage.PutLimit() || !f.local.Covers(0, f.size))
}

// copySelf gives the object new attributes, on condition that it is still the
// base. No bytes move.
func (f *File) copySelf(ctx context.Context, a aim) (receipt, error) {
	s, base := f.snapWithBase()
	if len(s.fresh) > 0 || s.size != base.Size {
		return receipt{}, errMoved
	}
	f.abandon(ctx)
	c := &crossing{key: a.key, print: print{Gen: s.gen, AttrGen: s.attrGen, Size: s.size, CRC: base.CRC64}, summed: base.HasCRC64}
	if err := f.cross(ctx, c); err != nil {
		return receipt{}, err
	}
	object, err := f.stage.cfg.Store.Copy(ctx, base.Version, a.key, cosapi.CopyOptions{PutOptions: s.opts, Replace: true})
	if errors.Is(err, cosapi.NotFound) {
		err = &baseError{err}
	}
	if err != nil {
		f.doubt(err, c)
		return receipt{}, err
	}
	if !object.HasCRC64 {
		object.CRC64, object.HasCRC64 = base.CRC64, base.HasCRC64
	}
	return receipt{object: complete(object, a.key, s), gen: s.gen, attrGen: s.attrGen, sentAttr: s.attrGen}, nil
}

func (f *File) snapWithBase() (snapshot, cosapi.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snapLocked(), f.base
}
