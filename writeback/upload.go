package writeback

import (
	"bytes"
	"context"

	"cosfs/cosapi"
)

// upload is a multipart upload that was begun. It outlives failed attempts:
// the next one sends only what is missing. Guarded by File.mu.
type upload struct {
	id, key string
	attrGen uint64            // of the attributes it was begun with
	opts    cosapi.PutOptions // those
	found   bool              // in a record of an earlier run: its parts are not known yet
	done    map[int]sentPart
	flying  map[int]*flight
	touched Extents      // changed since parts were last looked through, in whole cells
	spoiled map[int]bool // parts that have changed after they were sent
}

type sentPart struct {
	planPart
	cosapi.Part
}

// flight is a part that is being sent.
type flight struct {
	planPart
	stale bool          // its bytes have changed since it began
	ended chan struct{} // closed when no request for the number is out any more
}

// reconcile drops the parts whose bytes have changed since they were begun.
func (u *upload) reconcile() {
	if len(u.touched) == 0 {
		return
	}
	for n, p := range u.done {
		if u.touched.Meets(p.Off, p.end()) {
			delete(u.done, n)
			u.spoiled[n] = true
		}
	}
	for n, fl := range u.flying {
		if u.touched.Meets(fl.Off, fl.end()) {
			fl.stale, u.spoiled[n] = true, true
		}
	}
	u.touched = nil
}

// has says that COS has a part as it is planned.
func (u *upload) has(p planPart) bool {
	sent, ok := u.done[p.Number]
	return ok && sent.planPart == p
}

// begun says that there is something of use in it.
func (u *upload) begun() bool { return len(u.done)+len(u.flying) > 0 }

// usableLocked says that the upload that was begun can go on. Attributes set
// since cost a copy of the object onto itself (copySelf), which is less than
// sending the parts again; but a customer's key is in the parts themselves.
func (f *File) usableLocked(key string) bool {
	up := f.upload
	switch {
	case up == nil || up.key != key:
		return false
	case up.attrGen == f.attrGen:
		return true
	}
	return !up.found && up.begun() && bytes.Equal(up.opts.Encryption.CustomerKey, f.opts.Encryption.CustomerKey)
}

// takeOff notes that a part is being sent from now on; nil: COS has it. There
// is one request for a number at a time, or the answer of the one with the
// older bytes might be the last.
func (f *File) takeOff(ctx context.Context, up *upload, p planPart) (*flight, error) {
	for {
		f.mu.Lock()
		if up.has(p) {
			f.mu.Unlock()
			return nil, nil
		}
		other := up.flying[p.Number]
		if other == nil {
			defer f.mu.Unlock()
			return up.fly(p), nil
		}
		f.mu.Unlock()
		select {
		case <-other.ended:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (u *upload) fly(p planPart) *flight {
	fl := &flight{planPart: p, ended: make(chan struct{})}
	delete(u.done, p.Number)
	u.flying[p.Number] = fl
	return fl
}

// land notes how a flight has ended. A part that has changed meanwhile is not
// counted as sent.
func (f *File) land(up *upload, fl *flight, part cosapi.Part, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(up.flying, fl.Number)
	close(fl.ended)
	if err != nil || fl.stale {
		return
	}
	part.Number, part.Size = fl.Number, fl.Len
	up.done[fl.Number] = sentPart{fl.planPart, part}
}

// sendPart sends one part from the data file.
func (f *File) sendPart(ctx context.Context, up *upload, p planPart) (cosapi.Part, error) {
	return f.stage.cfg.Store.UploadPartWith(ctx, up.key, up.id, p.Number, f.section(p.Off, p.Len),
		cosapi.PartOptions{CustomerKey: up.opts.Encryption.CustomerKey})
}
