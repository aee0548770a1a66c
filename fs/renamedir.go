package fs

import (
	"context"
	"errors"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

// renameDir renames a directory: every object below it is copied, then the
// old ones are deleted in batches. Nothing else may change either tree
// meanwhile. Until the first deletion a failure undoes the copies; after it
// both trees are complete or the new one is.
func (m *move) renameDir(dir *dirNode) error {
	oldKey, ok := dir.key()
	if !ok {
		return cosapi.NotFound
	}
	release, err := m.fs.claims.acquire(m.fs.ctx, prefixOf(oldKey), prefixOf(m.newKey))
	if err != nil {
		return err
	}
	defer release()
	m.oldKey = oldKey
	if m.target != nil {
		if err := m.fs.checkEmpty(m.newKey); err != nil {
			return err
		}
	}
	if err := m.storeBelow(dir); err != nil {
		return err
	}
	if err := dir.keepClaimed(oldKey); err != nil {
		return err
	}
	t := &treeCopy{fs: m.fs, from: prefixOf(oldKey), to: prefixOf(m.newKey), done: make(map[string]copied)}
	if err := t.run(); err != nil {
		return errors.Join(err, t.undo())
	}
	if err := t.deleteOld(); err != nil {
		return err
	}
	m.commitDir(dir, t)
	return nil
}

// keepClaimed puts the marker of an implied directory for a caller that holds
// the claim, so that the renamed directory is one even when it is empty.
func (d *dirNode) keepClaimed(key string) error {
	d.mu.Lock()
	marked := d.marker
	d.mu.Unlock()
	if marked {
		return nil
	}
	return d.putMarker(key)
}

// storeBelow brings COS into line with the files below that it has had
// before; those that are only local just get another key at the commit.
func (m *move) storeBelow(dir *dirNode) error {
	for _, n := range dir.stagedBelow() {
		if !n.mayExist() {
			continue
		}
		key, ok := n.key()
		if !ok {
			continue
		}
		if err := n.storeClaimed(key); err != nil {
			return err
		}
	}
	return nil
}

// stagedBelow finds the staged files in a subtree. They are all in the overlay.
func (d *dirNode) stagedBelow() []*fileNode {
	key, _ := d.key()
	var files []*fileNode
	for _, n := range d.fs.overlay.below(key) {
		if file, ok := n.(*fileNode); ok && file.stagedNow() != nil {
			files = append(files, file)
		}
	}
	return files
}

// commitDir moves the directory in the tree and tells everything below it of
// its new key.
func (m *move) commitDir(dir *dirNode, t *treeCopy) {
	f := m.fs
	m.commit()
	f.overlay.move(m.oldKey, m.newKey)
	f.names.ForgetTree(m.oldKey)
	f.names.ForgetTree(m.newKey)
	if c, ok := t.done[t.from]; ok {
		dir.refresh(c.is)
	}
	dir.rekeyBelow(t)
	for _, n := range f.overlay.below(m.newKey) { // those that the kernel has forgotten
		if file, ok := n.(*fileNode); ok {
			file.rekeyIn(t)
		}
	}
}

// rekeyBelow tells the nodes below a directory of the copies that are their
// objects now, and gives files which are only local their new keys.
func (d *dirNode) rekeyBelow(t *treeCopy) {
	d.mu.Lock()
	kids := make([]inode, 0, len(d.kids))
	for _, n := range d.kids {
		kids = append(kids, n)
	}
	d.mu.Unlock()
	for _, n := range kids {
		switch n := n.(type) {
		case *dirNode:
			if key, ok := n.key(); ok {
				if c, ok := t.copyAt(prefixOf(key)); ok {
					n.refresh(c.is)
				}
			}
			n.rekeyBelow(t)
		case *fileNode:
			n.rekeyIn(t)
		default:
			l := leafOf(n)
			if key, ok := l.key(); ok {
				if c, ok := t.copyAt(key); ok {
					l.mu.Lock()
					l.info = c.is
					l.mu.Unlock()
				}
			}
		}
	}
}

func (n *fileNode) rekeyIn(t *treeCopy) {
	key, ok := n.key()
	if !ok {
		return
	}
	var err error
	if c, ok := t.copyAt(key); ok {
		err = n.rekey(c.is)
	} else if staged := n.stagedNow(); staged != nil {
		err = staged.Rename(key)
	}
	if err != nil {
		n.fs.log.Error("staged file does not follow the rename of its directory", "key", key, "err", err)
	}
}

// treeCopy copies all objects below one prefix to another.
type treeCopy struct {
	fs       *FS
	from, to string // prefixes ending in "/"

	mu   sync.Mutex
	done map[string]copied // by old key
}

type copied struct{ was, is cosapi.Object }

// copyAt gives the copy that is now at a new key.
func (t *treeCopy) copyAt(newKey string) (copied, bool) {
	c, ok := t.done[t.from+strings.TrimPrefix(newKey, t.to)]
	return c, ok
}

// run copies until a listing shows nothing new, for other hosts may write
// below the old prefix while it is copied.
func (t *treeCopy) run() error {
	for {
		news, err := t.pass()
		if err != nil || news == 0 {
			return err
		}
	}
}

// pass copies what one listing shows and is not copied yet.
func (t *treeCopy) pass() (news int, err error) {
	g, ctx := errgroup.WithContext(t.fs.ctx)
	g.SetLimit(parallelCopys)
	for page, err := range t.fs.bucket.Pages(ctx, cosapi.ListOptions{Prefix: t.from}) {
		if err != nil {
			return news, errors.Join(err, g.Wait())
		}
		for _, e := range page.Entries {
			if t.has(e.Object) {
				continue
			}
			news++
			g.Go(func() error { return t.copy(e.Object) })
		}
		if ctx.Err() != nil {
			break
		}
	}
	return news, g.Wait()
}

func (t *treeCopy) has(o cosapi.Object) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.done[o.Key]
	return ok && c.was.Version == o.Version
}

// copy copies one object with its attributes. A listing does not show them
// all, so they are asked for: a copy resets ACL, storage class and encryption.
func (t *treeCopy) copy(listed cosapi.Object) error {
	was, err := t.fs.bucket.Head(t.fs.ctx, listed.Key)
	if errors.Is(err, cosapi.NotFound) {
		return nil // removed by somebody since the listing
	}
	if err != nil {
		return err
	}
	newKey := t.to + listed.Key[len(t.from):]
	if err := cosapi.CheckKey(newKey); err != nil {
		return err
	}
	a, err := t.fs.askAccess(listed.Key)
	if err != nil {
		return err
	}
	var o cosapi.CopyOptions
	a.into(&o.PutOptions)
	is, err := t.fs.copyObject(was, newKey, o)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done[listed.Key] = copied{was: was, is: is}
	return nil
}

// deleteOld removes the originals.
func (t *treeCopy) deleteOld() error {
	keys := make([]string, 0, len(t.done))
	for key := range t.done {
		keys = append(keys, key)
	}
	return t.fs.deleteKeys(t.fs.ctx, keys)
}

// undo removes the copies.
func (t *treeCopy) undo() error {
	keys := make([]string, 0, len(t.done))
	for _, c := range t.done {
		keys = append(keys, c.is.Key)
	}
	return t.fs.deleteKeys(t.fs.ctx, keys)
}

// deleteKeys deletes in batches; the error names the first key that stayed.
func (f *FS) deleteKeys(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	failed, err := f.bucket.DeleteMulti(ctx, keys)
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return failed[0].Err
	}
	return nil
}
