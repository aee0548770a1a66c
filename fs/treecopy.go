package fs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"maps"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

// treeCopy carries all objects below one prefix over to another: first every
// page of the listing is copied (run), then the same pages are deleted (sweep).
//
// Of a page it remembers the last key and a hash over its keys and versions,
// and of an object nothing, unless the kernel knows it: a rename of any size
// takes some 150 bytes per thousand objects. A page that has another hash when
// it is to be deleted was changed by another host, and is compared object by
// object with the copies.
type treeCopy struct {
	fs       *FS
	from, to string    // prefixes ending in "/"
	replaces bool      // there is an empty directory, whose marker may be overwritten
	newest   time.Time // Last-Modified of the youngest original
	deleted  int       // originals that are gone for sure
	// committed: programs have seen the new tree, so what is newer below the
	// old name was made there since, and stays.
	committed bool

	pages []copiedPage

	mu   sync.Mutex        // guards told
	told map[string]copied // by old key: those the kernel has a node of
}

// copiedPage is a page of the listing that was copied.
type copiedPage struct {
	last string // its last key
	sum  [sha256.Size]byte
	// exact: all of it was copied in the version that was listed.
	exact bool
}

type copied struct{ was, is cosapi.Object }

func newTreeCopy(f *FS, from, to string) *treeCopy {
	return &treeCopy{fs: f, from: from, to: to, told: make(map[string]copied)}
}

// swap turns the copies round: what was and what is.
func (t *treeCopy) swap() {
	for key, c := range t.told {
		t.told[key] = copied{was: c.is, is: c.was}
	}
}

// maxKept is how much of the listing is kept when all keys have to be looked
// at before the first is copied; of a larger tree it is asked for twice.
const maxKept = 50

// run copies what a listing shows.
func (t *treeCopy) run() error {
	kept, whole, err := t.checkKeys()
	if err != nil {
		return err
	}
	for _, page := range kept {
		if err := t.copyPage(page.Entries); err != nil {
			return err
		}
	}
	if whole {
		return nil
	}
	return t.eachPage(t.fs.ctx, t.from, func(page cosapi.Page) error { return t.copyPage(page.Entries) })
}

// checkKeys finds keys that would be too long, before anything is copied. That
// takes a listing only where keys grow. It gives back what it has listed: all,
// or else nothing.
func (t *treeCopy) checkKeys() (kept []cosapi.Page, whole bool, err error) {
	grows := len(t.to) - len(t.from)
	if grows <= 0 {
		return nil, false, nil
	}
	whole = true
	err = t.eachPage(t.fs.ctx, t.from, func(page cosapi.Page) error {
		for _, e := range page.Entries {
			if len(e.Key)+grows > maxKey {
				return fmt.Errorf("%q would be too long below %q: %w", e.Key, t.to, syscall.ENAMETOOLONG)
			}
		}
		if whole = whole && len(kept) < maxKept; whole {
			kept = append(kept, page)
		}
		return nil
	})
	if !whole {
		kept = nil
	}
	return kept, whole, err
}

// eachPage lists a tree.
func (t *treeCopy) eachPage(ctx context.Context, tree string, use func(cosapi.Page) error) error {
	for page, err := range t.fs.bucket.Pages(ctx, cosapi.ListOptions{Prefix: tree}) {
		if err == nil {
			err = use(page)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyPage copies one page of the listing and remembers it.
func (t *treeCopy) copyPage(page []cosapi.Entry) error {
	if len(page) == 0 {
		return nil
	}
	as := make([]cosapi.Object, len(page)) // as it was copied
	g, ctx := errgroup.WithContext(t.fs.ctx)
	g.SetLimit(t.fs.cfg.Parallel)
	for i, e := range page {
		g.Go(func() (err error) {
			if ctx.Err() != nil { // another has failed
				return nil
			}
			as[i], err = t.copy(e.Object, true)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	kept := copiedPage{last: page[len(page)-1].Key, exact: true}
	sum := sha256.New()
	for i, e := range page {
		addTo(sum, e.Object)
		kept.exact = kept.exact && as[i].Version == e.Version
		if e.Modified.After(t.newest) {
			t.newest = e.Modified
		}
	}
	sum.Sum(kept.sum[:0])
	t.pages = append(t.pages, kept)
	return nil
}

// addTo adds what a listing shows of an object to a hash.
func addTo(sum hash.Hash, o cosapi.Object) {
	fmt.Fprintf(sum, "%q %q %d %d\n", o.Key, o.ETag, o.Size, o.Modified.Unix())
}

// copy copies one object with its attributes, and gives the version that it
// copied: none if it is gone, or has just been replaced by another host. A
// listing does not show all attributes, so they are asked for: a copy resets
// ACL, storage class and encryption. isNew: nothing may be there yet.
func (t *treeCopy) copy(listed cosapi.Object, isNew bool) (was cosapi.Object, err error) {
	was, err = t.fs.names.Full(t.fs.ctx, listed)
	if errors.Is(err, cosapi.NotFound) || err == nil && was.ETag == "" {
		return cosapi.Object{}, nil // removed since the listing
	}
	if err != nil {
		return was, err
	}
	newKey := t.to + listed.Key[len(t.from):]
	if err := cosapi.CheckKey(newKey); err != nil {
		return was, err
	}
	a, err := t.fs.knownAccess(listed.Key, was)
	if err != nil {
		return was, err
	}
	var o cosapi.CopyOptions
	a.into(&o.PutOptions)
	o.ForbidOverwrite = isNew && !(t.replaces && newKey == t.to)
	is, err := t.copyTo(was, newKey, o)
	if errors.Is(err, cosapi.Changed) {
		return cosapi.Object{}, nil // the sweep finds the other version
	}
	if err == nil && t.fs.nodeAt(listed.Key) != nil {
		t.tell(listed.Key, copied{was: was, is: is})
	}
	return was, err
}

// copyTo copies to a key that should be free, where the endpoint can see to
// that. It may be taken by the copy itself, whose answer was lost.
func (t *treeCopy) copyTo(was cosapi.Object, key string, o cosapi.CopyOptions) (cosapi.Object, error) {
	is, err := t.fs.copyObject(was, key, o)
	switch {
	case errors.Is(err, cosapi.Unsupported) && o.ForbidOverwrite:
		o.ForbidOverwrite = false
		return t.fs.copyObject(was, key, o)
	case !errors.Is(err, cosapi.Exists):
		return is, err
	}
	there, failed := t.fs.bucket.Head(t.fs.ctx, key)
	if failed != nil {
		return is, errors.Join(err, failed)
	}
	if sameBytes(there, was) && (was.Listed || maps.Equal(there.Meta, was.Meta)) {
		return there, nil
	}
	return is, fmt.Errorf("%q was made by another host meanwhile: %w", key, syscall.ENOTEMPTY)
}

// sameBytes says that two objects hold the same, as far as can be told: an
// upload in parts and its copy have different ETags.
func sameBytes(a, b cosapi.Object) bool {
	return a.Size == b.Size && (a.ETag == b.ETag || a.HasCRC64 && b.HasCRC64 && a.CRC64 == b.CRC64)
}

func (t *treeCopy) tell(key string, c copied) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told[key] = c
}
