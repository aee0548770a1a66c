package fs

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

// sweep deletes the originals, page by page as they were copied. Pages that
// another host has changed are compared with the copies.
func (t *treeCopy) sweep(ctx context.Context) error {
	after := ""
	for i, p := range t.pages {
		last := p.last
		if i == len(t.pages)-1 {
			last = "" // and all that has come behind it since
		}
		if err := t.sweepPage(ctx, after, last, p); err != nil {
			return err
		}
		after = p.last
	}
	return nil
}

// sweepPage deletes what is behind one key up to another; "" means all.
func (t *treeCopy) sweepPage(ctx context.Context, after, last string, p copiedPage) error {
	for first := true; ; first = false {
		page, err := t.fs.bucket.List(ctx, cosapi.ListOptions{Prefix: t.from, Marker: after, Max: cosapi.MaxListPage})
		if err != nil {
			return err
		}
		entries, more := upTo(page, last)
		if len(entries) == 0 {
			return nil
		}
		if first && !more && p.exact && sumOf(entries) == p.sum {
			return t.deleteListed(entries)
		}
		if err := t.compare(ctx, entries, after); err != nil || !more {
			return err
		}
		after = entries[len(entries)-1].Key
	}
}

// upTo cuts a page behind a key; more says that the next page may have keys
// before it.
func upTo(page cosapi.Page, last string) (entries []cosapi.Entry, more bool) {
	if last == "" {
		return page.Entries, page.Next != ""
	}
	end, found := slices.BinarySearchFunc(page.Entries, last, func(e cosapi.Entry, key string) int {
		switch {
		case e.Key < key:
			return -1
		case e.Key > key:
			return 1
		}
		return 0
	})
	if found {
		end++
	}
	return page.Entries[:end], !found && end == len(page.Entries) && page.Next != ""
}

func sumOf(entries []cosapi.Entry) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, e := range entries {
		addTo(h, e.Object)
	}
	h.Sum(sum[:0])
	return sum
}

func (t *treeCopy) deleteListed(entries []cosapi.Entry) error {
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.Key
	}
	return t.deleteKeys(keys)
}

// deleteKeys deletes and counts.
func (t *treeCopy) deleteKeys(keys []string) error {
	left, err := t.fs.deleteKeys(keys)
	t.deleted += len(keys) - left
	if left == 0 {
		return nil
	}
	return err
}

// compare brings originals that are newer than their copies over, unless the
// rename is committed, and deletes those whose copies are there. after is the
// key before them.
func (t *treeCopy) compare(ctx context.Context, page []cosapi.Entry, after string) error {
	copies, err := t.between(ctx, t.to, cutPrefix(after, t.from), page[len(page)-1].Key[len(t.from):])
	if err != nil {
		return err
	}
	g := errgroup.Group{}
	g.SetLimit(t.fs.cfg.Parallel)
	var keys []string
	for _, e := range page {
		there, found := copies[e.Key[len(t.from):]]
		isStale := t.stale(e.Object, there, found)
		if isStale && t.committed {
			continue
		}
		keys = append(keys, e.Key)
		if isStale {
			g.Go(func() error { return t.copyAgain(e.Object) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return t.deleteKeys(keys)
}

// errMoving is for an object that is replaced while it is copied.
var errMoving = errors.New("another host replaces the object while it is renamed")

func (t *treeCopy) copyAgain(o cosapi.Object) error {
	was, err := t.copy(o, false)
	if err == nil && was.ETag == "" {
		if _, err = t.fs.bucket.Head(t.fs.ctx, o.Key); err == nil {
			return errMoving
		}
		return ignoreAbsent(err)
	}
	return err
}

// stale says whether an original is newer than its copy, which is what the
// rename made of it unless something was written there since. If there is none,
// it was removed there after it was copied, unless the original is as new as
// the newest that was copied, or all of that is in this very call.
func (t *treeCopy) stale(original, there cosapi.Object, found bool) bool {
	switch {
	case !found:
		return len(t.pages) > 0 || !original.Modified.Before(t.newest)
	case t.committed: // when in doubt it is what a program has made under the old name since
		return !original.Modified.Before(there.Modified)
	case original.Modified.Equal(there.Modified):
		return original.ETag != there.ETag || original.Size != there.Size
	}
	return original.Modified.After(there.Modified)
}

// between lists what a tree has after one place and up to another.
func (t *treeCopy) between(ctx context.Context, tree, after, last string) (map[string]cosapi.Object, error) {
	there := make(map[string]cosapi.Object)
	o := cosapi.ListOptions{Prefix: tree}
	if after != "" {
		o.Marker = tree + after
	}
	for page, err := range t.fs.bucket.Pages(ctx, o) {
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			if e.Key[len(tree):] > last {
				return there, nil
			}
			there[e.Key[len(tree):]] = e.Object
		}
	}
	return there, nil
}

func cutPrefix(key, prefix string) string {
	if key == "" {
		return ""
	}
	return key[len(prefix):]
}

// undoCopies leaves the old tree. What is no copy of something there stays, and
// so does what is older than the rename.
func (t *treeCopy) undoCopies(ctx context.Context, began time.Time) error {
	after := ""
	return t.eachPage(ctx, t.to, func(page cosapi.Page) error {
		if len(page.Entries) == 0 {
			return nil
		}
		last := page.Entries[len(page.Entries)-1].Key[len(t.to):]
		originals, err := t.between(ctx, t.from, after, last)
		if err != nil {
			return err
		}
		after = last
		var keys []string
		for _, e := range page.Entries {
			original, found := originals[e.Key[len(t.to):]]
			same, err := t.isCopy(ctx, e.Object, original, found, began)
			if err != nil {
				return err
			}
			if same {
				keys = append(keys, e.Key)
			}
		}
		left, err := t.fs.deleteKeys(keys)
		if left == 0 {
			return nil
		}
		return err
	})
}

// isCopy says whether the rename has made an object.
func (t *treeCopy) isCopy(ctx context.Context, o, original cosapi.Object, found bool, began time.Time) (bool, error) {
	switch {
	case !found, o.Size != original.Size, o.Modified.Before(began.Add(-clockLimit)), o.Key == t.to && t.replaces:
		return false, nil
	case o.ETag == original.ETag:
		return true, nil
	}
	a, err := t.fs.bucket.Head(ctx, o.Key)
	if err != nil {
		return false, ignoreAbsent(err)
	}
	b, err := t.fs.bucket.Head(ctx, original.Key)
	return err == nil && sameBytes(a, b), ignoreAbsent(err)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, cosapi.NotFound) {
		return nil
	}
	return err
}

// deleteKeys deletes in batches, once more what is refused for the moment. It
// says how many are left, and why the first of them is.
func (f *FS) deleteKeys(keys []string) (left int, err error) {
	for range 2 {
		if len(keys) == 0 {
			return 0, nil
		}
		var failed []cosapi.DeleteFailure
		if failed, err = f.bucket.DeleteMulti(f.ctx, keys); err != nil {
			return len(keys), err
		}
		keys = nil
		for _, x := range failed {
			keys = append(keys, x.Key)
			err = x.Err
		}
	}
	return len(keys), err
}
