package writeback

import (
	"context"
	"errors"

	"cosfs/cosapi"
)

// sameBytesAsBase says that only attributes have changed, and that copying the
// object onto itself is the way to say so: it moves no bytes, and is refused if
// somebody else has stored others meanwhile.
func (f *File) sameBytesAsBase(a aim) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return a.copies && !a.forbid && a.key == f.key && f.onlyAttrsLocked() && f.size <= cosapi.MaxPutSize
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
