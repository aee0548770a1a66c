package writeback

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"

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
	t.up.forget(t.f.since) // writers went on meanwhile
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

// section is a range of the data file, as a body that can be sent again.
func (f *File) section(off, n int64) *io.SectionReader {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return io.NewSectionReader(zeroTail{f.data}, off, n)
}

// zeroTail reads zeros beyond the end: the file may be truncated while a part
// is sent, which must not look like a failure. Such a part is sent again.
type zeroTail struct{ file *os.File }

func (z zeroTail) ReadAt(p []byte, off int64) (int, error) {
	n, err := z.file.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		clear(p[n:])
		return len(p), nil
	}
	return n, err
}
