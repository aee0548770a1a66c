package writeback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"cosfs/cosapi"
)

// aim is where an upload goes and under which conditions, or why it does not.
type aim struct {
	key      string
	forbid   bool     // the key must be free
	copies   bool     // untouched ranges can be copied from the base
	baseGone bool     // the bucket does not have the base any more
	conflict bool     // the bucket has another version
	done     *receipt // the bucket has our content already
}

// takeAim decides the conditions, asking COS only where it must be asked: on
// a second try, or when the base was last checked too long ago.
func (f *File) takeAim(ctx context.Context, ask bool) (aim, error) {
	f.mu.RLock()
	base, checked := f.base, f.checked
	damaged := f.damagedLocked(f.key)
	newName := !f.hasBase || f.base.Key != f.key
	var over cosapi.Object // of our own intents, to be replaced
	if newName {
		over, checked = f.over, f.overAt
	}
	a := aim{key: f.key, copies: f.copiesLocked()}
	f.mu.RUnlock()
	a.forbid = newName && !named(over) && !f.stage.noForbid.Load()
	if damaged {
		// The key holds a broken copy of ours, put there a moment ago.
		a.forbid = false
		return a, nil
	}
	known := !newName || named(over)
	if !ask && (a.forbid || known && time.Since(checked) <= f.stage.cfg.BaseTTL) {
		return a, nil
	}
	there, err := f.stage.cfg.Store.Head(ctx, a.key)
	if errors.Is(err, cosapi.NotFound) {
		if !newName { // removed by somebody; storing brings it back
			a.copies, a.baseGone = false, true
		}
		a.forbid = known && !f.stage.noForbid.Load()
		return a, nil
	}
	if err != nil {
		return a, err
	}
	if named(over) && (is(there, over) || equal(there, over)) {
		return a, nil
	}
	return f.judge(ctx, a, there, base, newName)
}

// judge compares what the bucket has under our key with what we know.
func (f *File) judge(ctx context.Context, a aim, there, base cosapi.Object, newName bool) (aim, error) {
	if !newName && there.ETag == base.ETag && there.Size == base.Size {
		f.Checked(time.Now())
		return a, nil
	}
	if r := f.recognise(there); r != nil {
		a.done = r
		return a, nil
	}
	if !newName && equal(there, base) {
		return a, f.repin(ctx, base, there)
	}
	r, err := f.compare(ctx, there)
	if err != nil {
		return a, err
	}
	a.done = r
	a.conflict = r == nil
	a.baseGone = a.conflict && !newName
	return a, nil
}

// equal says that two objects have the same bytes.
func equal(a, b cosapi.Object) bool {
	return a.Size == b.Size && a.HasCRC64 && b.HasCRC64 && a.CRC64 == b.CRC64
}

// repin takes another version of the same bytes as the base, unless Rebase has
// been told of one since.
func (f *File) repin(ctx context.Context, base, there cosapi.Object) error {
	f.mu.Lock()
	if err := context.Cause(ctx); err != nil {
		f.mu.Unlock()
		return err
	}
	if f.base.Version != base.Version {
		f.mu.Unlock()
		return errReplaced
	}
	old := f.dropBaseLocked()
	f.base, f.checked = there, time.Now()
	f.mu.Unlock()
	f.closeBase(old)
	return nil
}

// compare looks whether an object has our content. Not ours: nil. A writer in
// between makes it errMoved: then nothing is known, least of all a conflict.
func (f *File) compare(ctx context.Context, there cosapi.Object) (*receipt, error) {
	ours, s, err := f.sameContent(ctx, there)
	if err != nil || !ours {
		return nil, err
	}
	plain := !carries(there.Attrs, s.opts.Attrs) || s.opts.ACL != "" || s.opts.Grants != cosapi.Grants{} // no HEAD tells those
	return &receipt{object: there, gen: s.gen, attrGen: s.attrGen, sentAttr: s.attrGen, plain: plain}, nil
}

// sameContent compares checksums, or, where our content is only partly here
// and an earlier run may have stored it, the bytes of all we have written.
func (f *File) sameContent(ctx context.Context, there cosapi.Object) (bool, snapshot, error) {
	f.mu.Lock()
	size, whole, local, exposed := f.size, f.local.Covers(0, f.size), f.local.Clone(), f.attempt.exposed
	if size != there.Size || !(whole && there.HasCRC64) && (!exposed || len(local) == 0) {
		f.mu.Unlock()
		return false, snapshot{}, nil
	}
	s := f.snapLocked()
	f.mu.Unlock()
	var same bool
	var err error
	if whole && there.HasCRC64 {
		same, err = f.sameSum(ctx, there)
	} else {
		same, err = f.sameBytes(ctx, there, local)
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err == nil && f.gen != s.gen {
		err = errMoved
	}
	return same, s, err
}

func (f *File) sameSum(ctx context.Context, there cosapi.Object) (bool, error) {
	h := cosapi.NewCRC64()
	err := f.eachChunk(ctx, Extents{{0, there.Size}}, func(p []byte, _ int64) (bool, error) {
		h.Write(p)
		return true, nil
	})
	return err == nil && h.Sum64() == there.CRC64, err
}

func (f *File) sameBytes(ctx context.Context, there cosapi.Object, local Extents) (bool, error) {
	b, err := f.stage.cfg.OpenBase(there.Version)
	if err != nil {
		return false, err
	}
	theirs := &baseRef{base: b, version: there.Version}
	defer f.closeBase(theirs)
	buf := f.stage.buffers.Get().(*[fillStep]byte)
	defer f.stage.buffers.Put(buf)
	same := true
	err = f.eachChunk(ctx, local, func(p []byte, off int64) (bool, error) {
		q := buf[:len(p)]
		if err := theirs.readFull(ctx, q, off); err != nil {
			return false, err
		}
		same = string(p) == string(q)
		return same, nil
	})
	return same, err
}

// eachChunk reads ranges of the data file piece by piece, until visit has
// seen enough.
func (f *File) eachChunk(ctx context.Context, ranges Extents, visit func(p []byte, off int64) (more bool, err error)) error {
	buf := f.stage.buffers.Get().(*[fillStep]byte)
	defer f.stage.buffers.Put(buf)
	for _, e := range ranges {
		for off := e.Off; off < e.End; off += fillStep {
			p := buf[:min(fillStep, e.End-off)]
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := f.ReadAt(ctx, p, off); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if more, err := visit(p, off); !more || err != nil {
				return err
			}
		}
	}
	return nil
}

// sidestep stores ours beside theirs.
func (f *File) sidestep(ctx context.Context, a aim) (receipt, error) {
	if err := f.fill(ctx, 0, f.Size()); err != nil {
		return receipt{}, err
	}
	for n := 0; ; n++ {
		to, err := f.aimBeside(ctx, a.key, n)
		if err != nil {
			return receipt{}, err
		}
		var r receipt
		if to.done != nil {
			f.abandon(ctx)
			r = *to.done
		} else {
			r, err = f.send(ctx, to)
		}
		if errors.Is(err, cosapi.Exists) && n < 9 {
			continue
		}
		r.conflict = &ConflictError{Key: a.key, Kept: to.key}
		return r, err
	}
}

// aimBeside takes aim at the key for ours in a conflict over another. It stays
// the same over all attempts, so that a lost answer makes no second copy.
func (f *File) aimBeside(ctx context.Context, key string, n int) (aim, error) {
	f.mu.RLock()
	a := aim{key: f.beside, forbid: !f.stage.noForbid.Load()}
	damaged := a.key != "" && f.damagedLocked(a.key)
	f.mu.RUnlock()
	if damaged {
		a.forbid = false
		return a, nil
	}
	if a.key != "" {
		there, err := f.stage.cfg.Store.Head(ctx, a.key)
		if errors.Is(err, cosapi.NotFound) {
			return a, nil
		}
		if err != nil {
			return a, err
		}
		if a.done = f.recognise(there); a.done == nil {
			a.done, err = f.compare(ctx, there)
		}
		if err != nil || a.done != nil {
			return a, err
		}
	}
	a.key = conflictKey(key, f.stage.cfg.Host, time.Now(), n)
	f.mu.Lock()
	f.beside = a.key
	f.mu.Unlock()
	if err := f.resave(); err != nil {
		f.stage.cfg.Log.Warn("stage: a crash now may make a second copy of a conflict", "key", a.key, "err", err)
	}
	return a, nil
}

// Limits of names: a key (cos-api.md 1.3), and a file name of Linux.
const (
	maxKey  = 850
	maxName = 255
)

// conflictKey is the name beside key for our content. Names that would be too
// long lose the end of the original, in whole characters.
func conflictKey(key, host string, at time.Time, n int) string {
	host = strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' || r == utf8.RuneError {
			return '-'
		}
		return r
	}, host)
	suffix := fmt.Sprintf(".cosfs-conflict-%.64s-%s", host, at.UTC().Format("20060102T150405.000Z"))
	if n > 0 {
		suffix += fmt.Sprintf("-%d", n+1)
	}
	dir, name := key[:strings.LastIndexByte(key, '/')+1], key[strings.LastIndexByte(key, '/')+1:]
	room := min(maxName, maxKey-len(dir)) - len(suffix)
	for len(name) > max(room, 0) {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	return dir + name + suffix
}
