package cache

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"cosfs/cosapi"
)

// AttrMode says where the attributes come from that a listing does not show.
type AttrMode uint8

const (
	// AttrsAuto is AttrsList until the bucket says that it holds POSIX
	// attributes (see MarkPosix), and AttrsExact from then on.
	AttrsAuto AttrMode = iota
	// AttrsExact asks HEAD for what is not remembered.
	AttrsExact
	// AttrsList does without: Object.Listed stays set on listed rows.
	AttrsList
)

const (
	// privateDir below the mounted prefix is cosfs's own: no name leads there.
	privateDir = ".cosfs"
	// posixMark says, by being there, that objects of the mounted prefix carry
	// attributes worth a HEAD (design.md 9.4). It is empty.
	posixMark = privateDir + "/posix"
)

// posixState is what is known of the mark. It is never taken back: an object
// that had attributes once is worth a HEAD for as long as this mount lives.
type posixState struct {
	seen    bool
	stored  bool      // an earlier mount has seen it: not asked again, but put before it is relied on
	known   bool      // the bucket has answered at least once
	asked   time.Time // the last answer
	looking *flight
	putting *flight
}

// Reserved says whether key belongs to cosfs itself, so that no file may have
// it: it lies in the directory .cosfs of the mounted prefix.
func (n *Names) Reserved(key string) bool {
	return strings.HasPrefix(key, n.prefix) && within(key[len(n.prefix):], privateDir)
}

// MarkPosix tells all mounts of the prefix, this one included, that its
// objects carry attributes. It must be called before the first attribute is
// stored that differs from the mount's defaults; once it has succeeded it
// costs nothing. Errors are those of a PUT.
func (n *Names) MarkPosix(ctx context.Context) error {
	n.mu.Lock()
	if n.posix.seen {
		n.mu.Unlock()
		return nil
	}
	f := n.posix.putting
	if f == nil {
		f = n.launchLocked(n.putMark)
		if !n.closed {
			n.posix.putting = f
		}
	}
	n.mu.Unlock()
	return f.wait(ctx, "MarkPosix", n.prefix+posixMark)
}

func (n *Names) putMark(f *flight) {
	o := cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "application/octet-stream"}, ForbidOverwrite: true}
	put, err := n.bucket.Put(n.ctx, n.prefix+posixMark, bytes.NewReader(nil), o)
	switch {
	case err == nil:
		n.memory.put(put, n.now(), true)
	case errors.Is(err, cosapi.Exists):
		err = nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.posix.putting = nil
	n.posix.seen = n.posix.seen || err == nil
	f.err = err
}

// lookForMarkLocked asks for the mark if it is time to, and gives the question
// under way, if there is one. Askers of names call it before their own
// request, so that the two run together.
func (n *Names) lookForMarkLocked(now time.Time) *flight {
	p := &n.posix
	if n.attrs != AttrsAuto || p.seen || p.stored || p.known && now.Sub(p.asked) < n.ttl {
		return nil
	}
	if p.looking == nil {
		f := n.launchLocked(func(f *flight) { n.lookForMark(f, now) })
		if n.closed {
			return f
		}
		p.looking = f
	}
	return p.looking
}

func (n *Names) lookForMark(f *flight, asked time.Time) {
	mark, err := n.bucket.Head(n.ctx, n.prefix+posixMark)
	if err == nil {
		n.memory.put(mark, n.now(), false)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p := &n.posix
	p.looking = nil
	switch {
	case err == nil:
		p.seen, p.known = true, true
	case errors.Is(err, cosapi.NotFound), errors.Is(err, cosapi.Denied):
		p.known, p.asked = true, asked // who may not HEAD has no use for a mark
	case !p.known:
		f.err = err
	}
}

// wantsHeads says whether what a listing does not show is to be asked for.
func (n *Names) wantsHeads(ctx context.Context, now time.Time) (bool, error) {
	if n.attrs != AttrsAuto {
		return n.attrs == AttrsExact, nil
	}
	n.mu.Lock()
	f := n.lookForMarkLocked(now)
	seen := n.posix.seen || n.posix.stored
	n.mu.Unlock()
	if f == nil {
		return seen, nil
	}
	if err := f.wait(ctx, "Lookup", n.prefix+posixMark); err != nil {
		return false, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.posix.seen, nil
}
