package writeback

import (
	"context"
	"crypto/md5"
	"encoding/hex"

	"cosfs/cosapi"
)

// resume goes on with an upload. Of one that an earlier run began, the parts
// in the bucket are compared with the bytes here: a part is taken over if its
// ETag is the MD5 of what would be sent in its place. Copied parts are copied
// again, which moves nothing.
func (t *transfer) resume(ctx context.Context) error {
	if !t.up.found {
		return nil
	}
	listed, err := t.f.stage.cfg.Store.Parts(ctx, t.up.key, t.up.id)
	if err != nil {
		return err
	}
	there := make(map[int]cosapi.Part, len(listed))
	for _, p := range listed {
		there[p.Number] = p
	}
	s := t.f.snap()
	c := content{size: s.size, fresh: s.fresh}
	if t.aim.copies {
		c.base = s.baseLen
	}
	parts, err := plan(c, t.f.stage.cfg.PartSize)
	if err != nil {
		return err
	}
	done := map[int]sentPart{}
	for _, p := range parts {
		part, ok := there[p.Number]
		if !ok || p.Copy || part.Size != p.Len || !t.f.covers(p) {
			continue
		}
		same, err := t.f.samePart(ctx, p, &part)
		if err != nil {
			return err
		}
		if same {
			done[p.Number] = sentPart{p, part}
		}
	}
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	t.up.done, t.up.found = done, false
	t.up.reconcile() // writers went on meanwhile
	return nil
}

func (f *File) covers(p planPart) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.local.Covers(p.Off, p.end())
}

// samePart compares a listed part with the bytes here, and if they are equal
// notes their CRC64, which listings do not have.
func (f *File) samePart(ctx context.Context, p planPart, part *cosapi.Part) (bool, error) {
	digest, crc := md5.New(), cosapi.NewCRC64()
	err := f.eachChunk(ctx, Extents{{p.Off, p.end()}}, func(b []byte, _ int64) (bool, error) {
		digest.Write(b)
		crc.Write(b)
		return true, nil
	})
	if err != nil || hex.EncodeToString(digest.Sum(nil)) != part.ETag {
		return false, err
	}
	part.CRC64, part.HasCRC64 = crc.Sum64(), true
	return true, nil
}
