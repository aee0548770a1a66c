package fs

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// renameDir renames a directory: every object below it is copied, then the
// old ones are deleted in batches. Nothing else may change either tree
// meanwhile, and no upload below it may run. Until the first deletion a failure
// undoes the copies; after it the new tree is the right one, and what could not
// be deleted of the old one is named in the log.
func (m *move) renameDir(dir *dirNode) error {
	if err := m.fs.checkEmpty(m.newKey); err != nil {
		return err
	}
	resume, err := m.holdBelow()
	defer resume()
	if err != nil {
		return err
	}
	if err := dir.keepClaimed(m.oldKey); err != nil {
		return err
	}
	return m.renameTree(dir, newTreeCopy(m.fs, prefixOf(m.oldKey), prefixOf(m.newKey)))
}

// renameTree makes the requests, under a record that outlives a crash.
func (m *move) renameTree(dir *dirNode, t *treeCopy) error {
	record, err := m.fs.stage.BeginRename(t.from, t.to, m.target != nil)
	if err != nil {
		return err
	}
	if err := t.run(); err != nil {
		return errors.Join(err, m.undo(t, record))
	}
	if err := record.Deleting(t.newest); err != nil {
		return errors.Join(err, m.undo(t, record))
	}
	dir.rekeyBelow(t) // readers go on with the copies while the originals go
	left, err := t.deleteOld()
	if refused(err) && left == len(t.done) { // none of them is gone
		t.swap()
		dir.rekeyBelow(t)
		t.swap()
		if failed := record.Copying(); failed != nil { // the next mount tries to delete once more
			return errors.Join(err, failed)
		}
		return errors.Join(err, m.undo(t, record))
	}
	if err != nil { // the record stays, and the next mount completes it
		m.fs.log.Error("directory renamed, but not all of the old one could be removed; the next mount goes on",
			"key", m.oldKey, "to", m.newKey, "left", left, "err", err)
	} else {
		err = record.Done()
	}
	if err != nil && left == 0 {
		m.fs.log.Error("record of a directory rename not deleted", "key", m.oldKey, "err", err)
	}
	m.commitDir(dir, t)
	return nil
}

// refused says that COS has answered, and has not done what it was asked to.
// After any other error it may have.
func refused(err error) bool {
	var e *cosapi.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Kind {
	case cosapi.Throttled, cosapi.Unavailable, cosapi.Timeout, cosapi.Canceled, cosapi.Corrupt:
		return false
	}
	return true
}

// holdBelow brings COS into line with the staged files below that it has had
// before, and lets no upload of any of them run until resume is called: those
// that are only local get another key at the commit.
func (m *move) holdBelow() (resume func(), err error) {
	var held []func()
	resume = func() {
		for _, release := range held {
			release()
		}
	}
	for _, n := range m.fs.stagedBelow(m.oldKey) {
		if key, ok := n.key(); ok && n.mayExist() {
			if err := n.storeClaimed(key); err != nil {
				return resume, err
			}
		}
		staged := n.stagedNow()
		if staged == nil {
			continue
		}
		release, err := staged.Hold(m.fs.ctx)
		if err != nil {
			return resume, err
		}
		held = append(held, release)
	}
	return resume, nil
}

// stagedBelow finds the staged files in a subtree. They are all in the overlay.
func (f *FS) stagedBelow(key string) []*fileNode {
	var files []*fileNode
	for _, n := range f.overlay.below(key) {
		if file, ok := n.(*fileNode); ok && file.stagedNow() != nil {
			files = append(files, file)
		}
	}
	return files
}

// undo removes the copies that were made, and gives an empty directory that
// was there its marker back. If it fails, the record stays for the next mount.
func (m *move) undo(t *treeCopy, record *writeback.Rename) error {
	err := t.deleteNew()
	m.fs.names.ForgetTree(m.newKey)
	if target, ok := m.target.(*dirNode); ok && target.marked() {
		err = errors.Join(err, target.putMarker(m.newKey, false))
	}
	if err != nil {
		return err
	}
	return record.Done()
}

// commitDir moves the directory in the tree and tells what is only local of
// its new keys.
func (m *move) commitDir(dir *dirNode, t *treeCopy) {
	m.commit()
	m.fs.names.ForgetTree(m.oldKey)
	m.fs.names.ForgetNames(m.newKey)
	if c, ok := t.done[t.from]; ok {
		dir.refresh(c.is, m.fs.now())
	}
	for _, n := range m.fs.stagedBelow(m.newKey) {
		n.followDir()
	}
}

// followDir gives a file that COS has never had the key of its new place.
func (n *fileNode) followDir() {
	key, ok := n.key()
	staged := n.stagedNow()
	if !ok || staged == nil || staged.Key() == key {
		return
	}
	if err := staged.Rename(key); err != nil {
		n.fs.log.Error("staged file does not follow the rename of its directory", "key", key, "err", err)
	}
}

// rekeyBelow tells the nodes below a directory of the copies that are their
// objects now: those the kernel knows, and those that are staged.
func (d *dirNode) rekeyBelow(t *treeCopy) {
	for _, k := range d.kidsNow() {
		n := k.node
		if dir, ok := n.(*dirNode); ok {
			if c, ok := t.done[prefixOf(dir.keyIn())]; ok {
				dir.refresh(c.is, d.fs.now())
			}
			dir.rekeyBelow(t)
			continue
		}
		t.rekey(n)
	}
	if key := d.keyIn(); prefixOf(key) == t.from {
		for _, n := range d.fs.overlay.below(key) {
			t.rekey(n)
		}
	}
}

// keyIn is the key of a node that has one for sure: its tree is claimed.
func (n *node) keyIn() string {
	key, _ := n.key()
	return key
}

// rekey tells a node of its copy.
func (t *treeCopy) rekey(n inode) {
	c, ok := t.done[n.base().keyIn()]
	if !ok {
		return
	}
	if file, ok := n.(*fileNode); ok {
		file.rekey(c.is)
	} else if l := leafOf(n); l != nil {
		l.rekeyed(c.is)
	}
}

// treeCopy copies all objects below one prefix to another.
type treeCopy struct {
	fs       *FS
	from, to string // prefixes ending in "/"

	mu     sync.Mutex
	done   map[string]copied // by old key
	newest time.Time         // Last-Modified of the youngest original
}

func newTreeCopy(f *FS, from, to string) *treeCopy {
	return &treeCopy{fs: f, from: from, to: to, done: make(map[string]copied)}
}

type copied struct{ was, is cosapi.Object }

// swap turns the copies round: what was and what is.
func (t *treeCopy) swap() {
	for key, c := range t.done {
		t.done[key] = copied{was: c.is, is: c.was}
	}
}

// maxPasses bounds how often a tree is listed that changes while it is copied.
const maxPasses = 16

// run copies until a listing shows nothing new, for other hosts may write
// below the old prefix while it is copied.
func (t *treeCopy) run() error {
	for range maxPasses {
		news, err := t.pass()
		if err != nil || news == 0 {
			return err
		}
	}
	return syscall.EBUSY // somebody writes faster than this copies
}

// pass copies what one listing shows and is not copied yet.
func (t *treeCopy) pass() (news int, err error) {
	g, ctx := errgroup.WithContext(t.fs.ctx)
	g.SetLimit(t.fs.cfg.Parallel)
	for page, err := range t.fs.bucket.Pages(ctx, cosapi.ListOptions{Prefix: t.from}) {
		if err != nil {
			if failed := g.Wait(); failed != nil { // which has cancelled the listing
				err = failed
			}
			return news, err
		}
		for _, e := range page.Entries { // first of all
			if len(e.Key)+len(t.to)-len(t.from) > maxKey {
				return news, errors.Join(fmt.Errorf("%q would be too long below %q: %w", e.Key, t.to, syscall.ENAMETOOLONG), g.Wait())
			}
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
	was, err := t.fs.names.Full(t.fs.ctx, listed)
	if errors.Is(err, cosapi.NotFound) || err == nil && was.ETag == "" {
		return nil // removed by somebody since the listing
	}
	if err != nil {
		return err
	}
	newKey := t.to + listed.Key[len(t.from):]
	if err := cosapi.CheckKey(newKey); err != nil {
		return err
	}
	a, err := t.fs.knownAccess(listed.Key, was)
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
	if listed.Modified.After(t.newest) {
		t.newest = listed.Modified
	}
	return nil
}

// deleteOld removes the originals, and says how many are left.
func (t *treeCopy) deleteOld() (left int, err error) {
	keys := make([]string, 0, len(t.done))
	for key := range t.done {
		keys = append(keys, key)
	}
	return t.fs.deleteKeys(keys)
}

// deleteNew removes the copies.
func (t *treeCopy) deleteNew() error {
	keys := make([]string, 0, len(t.done))
	for _, c := range t.done {
		keys = append(keys, c.is.Key)
	}
	_, err := t.fs.deleteKeys(keys)
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
		keys = keys[:0]
		for _, x := range failed {
			keys = append(keys, x.Key)
			err = x.Err
		}
	}
	return len(keys), err
}
