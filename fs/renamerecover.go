package fs

import (
	"context"
	"errors"
	"strings"
	"time"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// A rename that a crash has interrupted is put right from its record and from
// what the bucket shows; nothing else is remembered.
//
// Of a directory: in the phase of copies it is undone: a copy goes when the
// original is there and has the same content. In the phase of deletes it is
// completed: an original goes when its copy was made, which all older than
// Rename.Newest were, and what another host has written since is copied first.
// In the phase of leftovers programs have seen the new tree and may have used the
// old name again; what is newer there stays. All go page by page, and may be
// interrupted again.
//
// Of a file: if there is a copy of the recorded version under the new name the
// original goes; if there is none nothing has happened; if the original is
// another version by now it is somebody else's.
//
// This happens before the mount answers, as long as resumeLimit, so that
// programs see one tree. If the endpoint is away it goes on in the background
// with both trees claimed: operations that store or remove there wait.
// Leftovers of a rename of this very mount are removed in the background, too.

const (
	resumeLimit = 20 * time.Second // how long the mount waits for renames
	resumePause = time.Second      // between attempts in the background
	// clockLimit is how far a clock may be off for COS to answer at all
	// (cos-api.md 4.2): what is older than the record by more is no copy.
	clockLimit = 15 * time.Minute
)

// resumption is a rename that is not over: of an earlier run, or of this one if
// the old name could not be removed.
type resumption struct {
	*treeCopy
	record *writeback.Rename
}

func (f *FS) resumptionOf(r *writeback.Rename) *resumption {
	t := newTreeCopy(f, r.From, r.To)
	t.replaces, t.newest, t.committed = r.Replaces, r.Newest(), r.Phase() == writeback.RenameLeftovers
	return &resumption{t, r}
}

// resumeRenames completes or undoes what is recorded, oldest first, for one may
// build on the one before.
func (f *FS) resumeRenames() {
	var todo []*resumption
	for _, r := range f.stage.Renames() {
		if f.cfg.ReadOnly || !strings.HasPrefix(r.From, f.cfg.Prefix) || !strings.HasPrefix(r.To, f.cfg.Prefix) {
			f.log.Error("a rename of an earlier run waits for a writable mount of both names", "key", r.From, "to", r.To)
			continue
		}
		todo = append(todo, f.resumptionOf(r))
	}
	ctx, cancel := context.WithTimeout(f.ctx, resumeLimit)
	defer cancel()
	todo, err := resumeAll(ctx, todo)
	if len(todo) == 0 {
		return
	}
	f.log.Error("a rename of an earlier run is not put right yet; it goes on in the background", "key", todo[0].from, "to", todo[0].to, "err", err)
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
	outcome, err := r.putRight(ctx)
	if err != nil {
		return err
	}
	r.fs.names.ForgetTree(strings.TrimSuffix(r.from, "/"))
	r.fs.names.ForgetTree(strings.TrimSuffix(r.to, "/"))
	r.fs.log.Warn("a rename that was interrupted is "+outcome, "key", r.from, "to", r.to)
	return r.record.Done()
}

func (r *resumption) putRight(ctx context.Context) (outcome string, err error) {
	switch {
	case !r.record.OfTree():
		return r.putFileRight(ctx)
	case r.record.Phase() == writeback.RenameCopying:
		return "undone", r.undoCopies(ctx, r.record.At)
	}
	return "completed", r.complete(ctx)
}

// complete leaves the new tree.
func (r *resumption) complete(ctx context.Context) error {
	if !r.committed { // else the files are open, and have followed
		if err := r.followStaged(ctx); err != nil {
			return err
		}
	}
	after := ""
	return r.eachPage(ctx, r.from, func(page cosapi.Page) error {
		if len(page.Entries) == 0 {
			return nil
		}
		err := r.compare(ctx, page.Entries, after)
		after = page.Entries[len(page.Entries)-1].Key
		return err
	})
}

// putFileRight leaves one name.
func (r *resumption) putFileRight(ctx context.Context) (outcome string, err error) {
	original, err := r.fs.bucket.Head(ctx, r.from)
	switch {
	case errors.Is(err, cosapi.NotFound):
		return "completed", r.followStaged(ctx)
	case err != nil:
		return "", err
	case original.ETag != r.record.Base.ETag || original.Size != r.record.Base.Size:
		return "over: another host has replaced the old name", nil
	}
	there, err := r.fs.bucket.Head(ctx, r.to)
	if err != nil && !errors.Is(err, cosapi.NotFound) {
		return "", err
	}
	if err != nil || !sameBytes(there, original) || there.Modified.Before(r.record.At.Add(-clockLimit)) {
		return "undone", nil
	}
	if err := r.followStaged(ctx); err != nil {
		return "", err
	}
	return "completed", r.fs.bucket.Delete(ctx, r.from)
}

// followStaged gives the staged files of an earlier run under the old name, and
// below it, their new keys.
func (r *resumption) followStaged(ctx context.Context) error {
	for _, staged := range r.fs.stage.Recovered() {
		below, ok := strings.CutPrefix(staged.Key(), r.from)
		if !ok || below != "" && !r.record.OfTree() {
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
	case err == nil && sameBytes(is, base):
		return staged.Rebase(is)
	case err == nil, errors.Is(err, cosapi.NotFound):
		return staged.Rename(key) // its next store finds another base than it knows, and keeps both
	}
	return err
}

// maxResumePause bounds the pauses between attempts to remove leftovers.
const maxResumePause = time.Minute

// completeLater removes what a directory rename of this mount has left under the old name.
// When the file system closes first, the next mount goes on.
func (f *FS) completeLater(r *resumption) {
	if err := r.record.Leftovers(); err != nil {
		f.log.Error("leftovers of a rename wait for the next mount", "key", r.from, "err", err)
		return
	}
	r.committed = true
	f.tasks.Go(func() {
		for pause := resumePause; ; pause = min(2*pause, maxResumePause) {
			select {
			case <-time.After(pause):
			case <-f.ctx.Done():
				return
			}
			if err := f.completeClaimed(r); err == nil {
				return
			}
		}
	})
}

// completeClaimed makes one attempt with the old name claimed: nothing new is
// stored there meanwhile, and between attempts everything can be.
func (f *FS) completeClaimed(r *resumption) error {
	release, err := f.claims.acquire(f.ctx, r.from)
	if err != nil {
		return err
	}
	defer release()
	err = r.resume(f.ctx)
	if err != nil {
		f.fail("removal of the old name after a rename", r.from, err)
	}
	return err
}
