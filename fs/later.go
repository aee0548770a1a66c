package fs

import (
	"errors"
	"strings"
	"sync"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// A deletion is deferred: the program has its answer, the name is gone from
// this mount's view (overlay.hide), and the stage carries the intent out within
// a second, many in one request. Only a directory in which COS has accepted a
// deletion before is treated so, for a refusal comes too late for the program
// (design.md 3 no. 17).

// trust remembers the directories in which COS has accepted a deletion, or an
// object, since one was refused there. Rights are given by prefix.
type trust struct {
	mu   sync.Mutex // innermost
	dirs map[string]struct{}
}

// maxTrusted bounds what is remembered; beyond it everything is forgotten,
// which costs one request per directory.
const maxTrusted = 10_000

func (t *trust) has(dir string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.dirs[dir]
	return ok
}

func (t *trust) set(dir string, accepted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !accepted {
		delete(t.dirs, dir)
		return
	}
	if t.dirs == nil || len(t.dirs) >= maxTrusted {
		t.dirs = make(map[string]struct{})
	}
	t.dirs[dir] = struct{}{}
}

// stored notes whether COS has accepted an object of ours.
func (f *FS) stored(key string, accepted bool) {
	dir, _ := split(strings.TrimSuffix(key, "/"))
	f.accepted.set(dir, accepted)
}

// remove makes an object go: later, if COS is trusted to accept that, or before
// it returns. was is what is meant, as the bucket had it; if that is not sure,
// it has no ETag. The key ends in "/" for a directory's marker. The caller
// holds its claim, and takes the name out of the tree afterwards.
func (f *FS) remove(key string, was cosapi.Object) error {
	dir, _ := split(strings.TrimSuffix(key, "/"))
	if f.cfg.SyncNames || was.ETag == "" || was.Key != key || !f.trusted.has(dir) {
		err := f.delete(key)
		f.trusted.set(dir, err == nil)
		return err
	}
	return f.removeLater(key, was)
}

// removeLater hides a name and leaves the deletion of its object to the stage.
func (f *FS) removeLater(key string, was cosapi.Object) error {
	dir, name := split(strings.TrimSuffix(key, "/"))
	t := &tomb{key: key}
	f.overlay.hide(dir, name, t)
	in := writeback.Intent{Kind: writeback.IntentDelete, Key: key, Base: was}
	err := f.stage.Defer(f.ctx, in, func(_ cosapi.Object, err error) { f.removed(dir, name, t, err) })
	if err != nil {
		f.overlay.unhide(dir, name, t)
	}
	return err
}

// removed is told how a deferred deletion has ended.
func (f *FS) removed(dir, name string, t *tomb, err error) {
	switch {
	case err == nil:
		f.names.Removed(t.key)
	case errors.Is(err, writeback.ErrStageClosed):
		return // it stays recorded for the next mount, and hidden
	case errors.Is(err, writeback.ErrOvertaken): // by a file of ours that has been stored there
	case errors.Is(err, cosapi.Changed), errors.Is(err, cosapi.NotFound):
		f.names.Forget(strings.TrimSuffix(t.key, "/"))
		f.log.Info("not deleted: somebody else has changed it meanwhile", "key", t.key, "err", err)
	default:
		f.trusted.set(dir, false)
		f.names.Forget(strings.TrimSuffix(t.key, "/"))
		f.log.Error("a deletion that a program was told of is refused; the name is back", "key", t.key, "err", err)
	}
	f.overlay.unhide(dir, name, t)
	if err != nil {
		f.notifyAt(dir, name) // the kernel may have asked, and believe that there is none
	}
}

// settle waits until no deletion is pending for a key, or below it if it ends
// in "/", so that nothing new made there is taken for what was to go. It fails
// with the error of COS while it does not answer.
func (f *FS) settle(key string) error {
	if !f.overlay.hides(key) {
		return nil
	}
	name := strings.TrimSuffix(key, "/") // which a file or a directory had
	return errors.Join(f.stage.Settle(f.ctx, name), f.stage.Settle(f.ctx, name+"/"))
}

// settleMarker is settle for a file that gets the name of a directory which was
// removed: its upload would not take the place of the marker's deletion, and as
// long as COS has the marker, the name is a directory's.
func (d *dirNode) settleMarker(name string) error {
	dir, ok := d.key()
	if !ok || !d.fs.overlay.buries(dir, name) {
		return nil
	}
	return d.fs.settle(join(dir, name))
}

// recoverIntents hides what an earlier run has deleted for its programs, and
// COS does not know of yet.
func (f *FS) recoverIntents() {
	for _, in := range f.stage.Intents() {
		if in.Kind != writeback.IntentDelete || !strings.HasPrefix(in.Key, f.cfg.Prefix) {
			continue
		}
		dir, name := split(strings.TrimSuffix(in.Key, "/"))
		t := &tomb{key: in.Key}
		f.overlay.hide(dir, name, t)
		follows := f.stage.Follow(in, func(_ cosapi.Object, err error) { f.removed(dir, name, t, err) })
		if !follows { // it has just ended
			f.overlay.unhide(dir, name, t)
		}
	}
}

// split gives the directory and the name of a key.
func split(key string) (dir, name string) {
	at := strings.LastIndexByte(key, '/')
	return key[:max(at, 0)], key[at+1:]
}
