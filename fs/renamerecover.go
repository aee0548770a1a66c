package fs

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// A rename of a directory that a crash has interrupted is put right from its
// record and from what the bucket shows; nothing else is remembered. In the
// phase of copies it is undone: a copy goes when the original is there and has
// the same content. In the phase of deletes it is completed: an original goes
// when its copy was made, which all older than Rename.Newest were, and what
// another host has written since is copied first. Both go page by page, and
// both may be interrupted again.
//
// This happens before the mount answers, as long as resumeLimit, so that
// programs see one tree. If the endpoint is away it goes on in the background
// with both trees claimed: operations that store or remove there wait.

const (
	resumeLimit = 20 * time.Second // how long the mount waits for renames
	resumePause = time.Second      // between attempts in the background
	// clockLimit is how far a clock may be off for COS to answer at all
	// (cos-api.md 4.2): what is older than the record by more is no copy.
	clockLimit = 15 * time.Minute
)

// resumption is the rename of an earlier run.
type resumption struct {
	*treeCopy
	record *writeback.Rename
}

// resumeRenames completes or undoes what is recorded, oldest first, for one may
// build on the one before.
func (f *FS) resumeRenames() {
	var todo []*resumption
	for _, r := range f.stage.Renames() {
		if f.cfg.ReadOnly || !strings.HasPrefix(r.From, f.cfg.Prefix) || !strings.HasPrefix(r.To, f.cfg.Prefix) {
			f.log.Error("a directory rename of an earlier run waits for a writable mount of both directories", "key", r.From, "to", r.To)
			continue
		}
		todo = append(todo, &resumption{newTreeCopy(f, r.From, r.To), r})
	}
	ctx, cancel := context.WithTimeout(f.ctx, resumeLimit)
	defer cancel()
	todo, err := resumeAll(ctx, todo)
	if len(todo) == 0 {
		return
	}
	f.log.Error("a directory rename of an earlier run is not put right yet; it goes on in the background", "key", todo[0].from, "to", todo[0].to, "err", err)
	var keys []string
	for _, r := range todo {
		keys = append(keys, r.from, r.to)
	}
	release, err := f.claims.acquire(f.ctx, keys...)
	if err != nil {
		return
	}
	f.tasks.Go(func() {
		defer release()
		f.resumeLater(todo)
	})
}

// resumeAll stops at the first that fails, and returns what is left.
func resumeAll(ctx context.Context, todo []*resumption) (left []*resumption, err error) {
	for i, r := range todo {
		if err := r.resume(ctx); err != nil {
			return todo[i:], err
		}
	}
	return nil, nil
}

// resumeLater tries until the file system closes.
func (f *FS) resumeLater(todo []*resumption) {
	tick := time.NewTicker(resumePause)
	defer tick.Stop()
	for len(todo) > 0 {
		select {
		case <-tick.C:
		case <-f.ctx.Done():
			return
		}
		var err error
		if todo, err = resumeAll(f.ctx, todo); err != nil {
			f.fail("resumed rename", todo[0].from, err)
		}
	}
}

func (r *resumption) resume(ctx context.Context) error {
	work, outcome := r.undoCopies, "undone"
	if r.record.Phase() == writeback.RenameDeleting {
		work, outcome = r.complete, "completed"
	}
	if err := work(ctx); err != nil {
		return err
	}
	r.fs.names.ForgetTree(strings.TrimSuffix(r.from, "/"))
	r.fs.names.ForgetTree(strings.TrimSuffix(r.to, "/"))
	r.fs.log.Warn("the rename of a directory that an earlier run began is "+outcome, "key", r.from, "to", r.to)
	return r.record.Done()
}

// complete leaves the new tree.
func (r *resumption) complete(ctx context.Context) error {
	if err := r.followStaged(ctx); err != nil {
		return err
	}
	return r.eachPage(ctx, r.from, r.to, func(page []cosapi.Entry, copies map[string]cosapi.Object) error {
		g := errgroup.Group{}
		g.SetLimit(r.fs.cfg.Parallel)
		keys := make([]string, 0, len(page))
		for _, e := range page {
			keys = append(keys, e.Key)
			there, found := copies[e.Key[len(r.from):]]
			if stale(e.Object, there, found, r.record.Newest()) {
				g.Go(func() error { return r.copy(e.Object) })
			}
		}
		if err := g.Wait(); err != nil {
			return err
		}
		return r.fs.deleteAll(keys)
	})
}

// stale says whether an original is newer than its copy, which is what the
// rename made of it unless something was written there since.
func stale(original, there cosapi.Object, found bool, newest time.Time) bool {
	switch {
	case !found: // it was copied, and the copy has been removed since, unless it is new
		return !original.Modified.Before(newest)
	case original.Modified.Equal(there.Modified):
		return original.ETag != there.ETag || original.Size != there.Size
	}
	return original.Modified.After(there.Modified)
}

// undoCopies leaves the old tree. What is no copy of something there stays.
func (r *resumption) undoCopies(ctx context.Context) error {
	return r.eachPage(ctx, r.to, r.from, func(page []cosapi.Entry, originals map[string]cosapi.Object) error {
		var keys []string
		for _, e := range page {
			original, found := originals[e.Key[len(r.to):]]
			same, err := r.isCopy(ctx, e.Object, original, found)
			if err != nil {
				return err
			}
			if same {
				keys = append(keys, e.Key)
			}
		}
		return r.fs.deleteAll(keys)
	})
}

// isCopy says whether the rename has made an object.
func (r *resumption) isCopy(ctx context.Context, o, original cosapi.Object, found bool) (bool, error) {
	switch {
	case !found, o.Size != original.Size, o.Modified.Before(r.record.At.Add(-clockLimit)), o.Key == r.to && r.record.Replaces:
		return false, nil
	case o.ETag == original.ETag:
		return true, nil
	}
	a, err := r.fs.bucket.Head(ctx, o.Key) // an upload in parts and its copy have different ETags
	if err != nil {
		return false, ignoreAbsent(err)
	}
	b, err := r.fs.bucket.Head(ctx, original.Key)
	return err == nil && a.HasCRC64 && b.HasCRC64 && a.CRC64 == b.CRC64, ignoreAbsent(err)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, cosapi.NotFound) {
		return nil
	}
	return err
}

// eachPage lists one tree, and with each page what the other has in the same
// place, by the part of the key that they share.
func (r *resumption) eachPage(ctx context.Context, tree, other string, use func([]cosapi.Entry, map[string]cosapi.Object) error) error {
	after := ""
	for page, err := range r.fs.bucket.Pages(ctx, cosapi.ListOptions{Prefix: tree}) {
		if err != nil {
			return err
		}
		if len(page.Entries) == 0 {
			continue
		}
		last := page.Entries[len(page.Entries)-1].Key[len(tree):]
		there, err := r.between(ctx, other, after, last)
		if err != nil {
			return err
		}
		if err := use(page.Entries, there); err != nil {
			return err
		}
		after = last
	}
	return nil
}

// between lists what a tree has after one place and up to another.
func (r *resumption) between(ctx context.Context, tree, after, last string) (map[string]cosapi.Object, error) {
	there := make(map[string]cosapi.Object)
	o := cosapi.ListOptions{Prefix: tree}
	if after != "" {
		o.Marker = tree + after
	}
	for page, err := range r.fs.bucket.Pages(ctx, o) {
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

// followStaged gives the staged files below the old name their new keys.
func (r *resumption) followStaged(ctx context.Context) error {
	for _, staged := range r.fs.stage.Recovered() {
		below, ok := strings.CutPrefix(staged.Key(), r.from)
		if !ok {
			continue
		}
		if err := r.follow(ctx, staged, r.to+below); err != nil {
			return err
		}
	}
	return nil
}

func (r *resumption) follow(ctx context.Context, staged *writeback.File, key string) error {
	release, err := staged.Hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	base, ok := staged.Object()
	if !ok {
		return staged.Rename(key)
	}
	is, err := r.fs.bucket.Head(ctx, key)
	switch {
	case err == nil && is.Size == base.Size && (is.ETag == base.ETag || is.HasCRC64 && base.HasCRC64 && is.CRC64 == base.CRC64):
		return staged.Rebase(is)
	case err == nil, errors.Is(err, cosapi.NotFound):
		return staged.Rename(key) // its next store finds another base than it knows, and keeps both
	}
	return err
}

// deleteAll is deleteKeys for those who can do nothing about what is left.
func (f *FS) deleteAll(keys []string) error {
	left, err := f.deleteKeys(keys)
	if left == 0 {
		return nil
	}
	return err
}
