package cache

import (
	"strings"
	"time"

	"cosfs/cosapi"
)

// Edits counts the calls of Learn, Removed, Forget and ForgetTree: rows that
// were read at another count may have been changed by this host since.
func (n *Names) Edits() uint64 { return n.edits.Load() }

// Learn takes a version that COS has just acknowledged to us: its attributes
// hold for the first listed row with the same ETag and size within 2 s of
// obj.Modified (the Date of the answer), and until then its name is answered
// from here. obj.Attrs are those that were sent; if they are not known (a copy
// of something listed), obj.Listed says so. obj.Key with a trailing slash is a
// directory's marker; if the directory was known to be absent before, it is
// known to be empty now.
func (n *Names) Learn(obj cosapi.Object) {
	now := n.now()
	defer n.edits.Add(1) // last, so that who saw the count before sees the change
	n.memory.forget(obj.Key)
	if !obj.Listed {
		n.memory.put(obj, now, true)
	}
	key, isDir := strings.CutSuffix(obj.Key, "/")
	n.mu.Lock()
	defer n.mu.Unlock()
	n.overtakeLocked(key)
	dir, base := splitKey(key)
	before, absent, known := n.knownLocked(key, dir, base, now)
	n.answers.Add(key, &answer{Name: Name{Object: obj, Dir: isDir, Marker: isDir, Until: now.Add(n.ttl)}})
	if isDir {
		if known && absent {
			n.beginEmptyLocked(key, before.Until)
		}
		n.setMarkerLocked(key, &obj, now)
		n.enterDirLocked(key, now)
		return
	}
	n.recordLocked(change{key: key, at: now, row: rowOf(&obj, 0)})
	n.enterDirLocked(dir, now)
}

// beginEmptyLocked makes the whole listing of a directory that has just come
// to be, which holds as long as its absence would have.
func (n *Names) beginEmptyLocked(dir string, until time.Time) {
	d := n.directoryLocked(dir)
	n.detachLocked(d)
	d.list = n.newListing(dir, "")
	d.list.pages, d.list.complete, d.list.until, d.list.attached = 1, true, until, true
}

// Removed takes the deletion of key that COS has just acknowledged to us; a
// trailing slash names a directory's marker.
func (n *Names) Removed(key string) {
	now := n.now()
	defer n.edits.Add(1) // last, so that who saw the count before sees the change
	n.memory.forget(key)
	path, isDir := strings.CutSuffix(key, "/")
	n.mu.Lock()
	defer n.mu.Unlock()
	n.overtakeLocked(path)
	n.answers.Remove(path)
	if !isDir {
		n.recordLocked(change{key: path, at: now, gone: true})
		return
	}
	n.setMarkerLocked(path, nil, now)
	if d, ok := n.dirs.Peek(path); ok && d.list != nil && d.list.whole() && d.list.fresh(now) && d.list.rows.count == 0 {
		n.recordLocked(change{key: key, at: now, gone: true})
		return
	}
	n.forgetListingLocked(path) // whether it still is a directory is not known
}

// Forget drops what is known of the path key, its attributes too, and the
// listings of it and of its parent.
func (n *Names) Forget(key string) {
	key = strings.TrimSuffix(key, "/")
	defer n.edits.Add(1) // last, so that who saw the count before sees the change
	n.memory.forget(key)
	n.memory.forget(key + "/")
	n.mu.Lock()
	defer n.mu.Unlock()
	n.overtakeLocked(key)
	n.endWalksLocked(key)
	n.answers.Remove(key)
	n.forgetListingLocked(key)
	n.dirs.Remove(key)
}

// ForgetTree is Forget for dir and everything below it.
func (n *Names) ForgetTree(dir string) {
	defer n.edits.Add(1) // last, so that who saw the count before sees the change
	n.memory.forgetTree(dir)
	n.ForgetNames(dir)
}

// ForgetNames is ForgetTree but for attributes and ACLs, which are those of
// exact versions: a rename of our own has just made them.
func (n *Names) ForgetNames(dir string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.endWalksLocked(dir)
	for q := range n.flights {
		if within(q.key, dir) {
			n.overtakeLocked(q.key)
		}
	}
	for _, key := range n.answers.Keys() {
		if within(key, dir) {
			n.answers.Remove(key)
		}
	}
	for _, key := range n.dirs.Keys() {
		if within(key, dir) {
			n.dirs.Remove(key)
		}
	}
	n.forgetListingLocked(dir)
}

// forgetListingLocked drops everything a listing or a recent change says of
// path in its parent.
func (n *Names) forgetListingLocked(path string) {
	dir, base := splitKey(path)
	d, ok := n.dirs.Peek(dir)
	if !ok || path == "" {
		return
	}
	n.detachLocked(d)
	delete(d.recent, base)
}

// setMarkerLocked notes the marker of dir in the listing of it, and for
// listings that are under way.
func (n *Names) setMarkerLocked(dir string, obj *cosapi.Object, now time.Time) {
	d := n.directoryLocked(dir)
	d.marked = &change{at: now, gone: obj == nil}
	if obj != nil {
		d.marked.row = rowOf(obj, len(obj.Key))
	}
	if d.list != nil {
		d.list.setMarker(d.marked)
	}
}

func (l *listing) setMarker(c *change) {
	l.marker = nil
	if !c.gone {
		l.marker = &c.row
	}
}

// replayMarkerLocked lays a recent change of the directory's marker over the
// first page of l, which was asked for at asked.
func (n *Names) replayMarkerLocked(l *listing, asked time.Time) {
	d, ok := n.dirs.Peek(l.dir)
	if !ok || d.marked == nil || l.pages != 1 || l.start != "" || asked.Sub(d.marked.at) >= n.ttl {
		return
	}
	if l.marker == nil && d.marked.gone || l.marker != nil && l.marker.newer(*d.marked, asked) {
		return
	}
	l.setMarker(d.marked)
}

// enterDirLocked makes dir and its parents known as directories: something
// was stored below.
func (n *Names) enterDirLocked(dir string, now time.Time) {
	for dir != "" {
		n.overtakeLocked(dir)
		if a, ok := n.answers.Peek(dir); ok && !a.Dir {
			n.answers.Remove(dir)
		}
		parent, base := splitKey(dir)
		if d, ok := n.dirs.Peek(parent); ok && d.list != nil && d.list.covers(base) {
			if r, ok := d.list.rows.get(base); ok && r.dir {
				return // and so are its parents
			}
		}
		n.recordLocked(change{key: dir + "/", at: now, row: row{key: dir + "/", dir: true}})
		dir = parent
	}
}
