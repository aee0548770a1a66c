package fs

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"cosfs/cache"
)

// overlay holds what the bucket does not know: the names of files that were
// made or changed here and are not stored yet, with their nodes; and those that
// were removed here, whose objects are to go (tombs). It is laid over
// cache.Names, which knows what COS has said and has acknowledged, in every
// lookup and listing. A name may have both: a file that was made anew.
//
// It is addressed by directory key and name, not by node: a staged file may
// wait for its upload long after the kernel has forgotten it, and after a
// recovery exists before the kernel has seen it.
type overlay struct {
	mu    sync.Mutex // innermost: nothing is called under it
	dirs  map[string]map[string]inode
	tombs map[string]map[string]*tomb
	// edits counts the changes of both, so that a listing knows whether what it
	// has read is still true. Changed under mu, read without.
	edits atomic.Uint64
}

// tomb stands for an object that is to be deleted. It is the overlay's from
// the answer to the program until COS has said what has become of it.
type tomb struct{ key string }

// named is a node with its name.
type named struct {
	name string
	node inode
}

func (o *overlay) get(dir, name string) (inode, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, ok := o.dirs[dir][name]
	return n, ok
}

func (o *overlay) set(dir, name string, n inode) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.edits.Add(1)
	if o.dirs == nil {
		o.dirs = make(map[string]map[string]inode)
	}
	if o.dirs[dir] == nil {
		o.dirs[dir] = make(map[string]inode)
	}
	o.dirs[dir][name] = n
}

// drop removes the entry of a node, unless another has taken its name.
func (o *overlay) drop(dir, name string, n *node) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if was := o.dirs[dir][name]; was == nil || was.base() != n {
		return
	}
	o.edits.Add(1)
	delete(o.dirs[dir], name)
	if len(o.dirs[dir]) == 0 {
		delete(o.dirs, dir)
	}
}

// hide takes a name out of view.
func (o *overlay) hide(dir, name string, t *tomb) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tombs == nil {
		o.tombs = make(map[string]map[string]*tomb)
	}
	if o.tombs[dir] == nil {
		o.tombs[dir] = make(map[string]*tomb)
	}
	o.tombs[dir][name] = t
	o.edits.Add(1)
}

// unhide ends a tomb, unless a later one has taken its place.
func (o *overlay) unhide(dir, name string, t *tomb) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.tombs[dir][name] == t {
		o.endLocked(dir, name)
	}
}

// buries says whether the name is that of a directory whose marker is to go.
func (o *overlay) buries(dir, name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.tombs[dir][name]
	return t != nil && strings.HasSuffix(t.key, "/")
}

// hidden says whether a name is removed here, whatever the bucket shows.
func (o *overlay) hidden(dir, name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tombs[dir][name] != nil
}

// visible leaves out the rows of a listing that are removed here.
func (o *overlay) visible(dir string, rows []cache.Row) []cache.Row {
	o.mu.Lock()
	defer o.mu.Unlock()
	tombs := o.tombs[dir]
	if len(tombs) == 0 {
		return rows
	}
	seen := make([]cache.Row, 0, len(rows)) // rows is not ours to change
	for _, row := range rows {
		if tombs[row.Base] == nil {
			seen = append(seen, row)
		}
	}
	return seen
}

// reveal ends the tomb of a name under which COS has something new of ours.
func (o *overlay) reveal(dir, name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.endLocked(dir, name)
}

func (o *overlay) endLocked(dir, name string) {
	if o.tombs[dir][name] == nil {
		return
	}
	o.edits.Add(1)
	delete(o.tombs[dir], name)
	if len(o.tombs[dir]) == 0 {
		delete(o.tombs, dir)
	}
}

// hides says whether anything is hidden under a key, or below it if it ends in
// "/".
func (o *overlay) hides(key string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	tree, isTree := strings.CutSuffix(key, "/")
	dir, name := split(tree)
	if o.tombs[dir][name] != nil {
		return true
	}
	for dir := range o.tombs {
		if isTree && inTree(dir, tree) {
			return true
		}
	}
	return false
}

// list gives the entries of a directory behind a name, in the order of rows.
func (o *overlay) list(dir, after string) []named {
	o.mu.Lock()
	defer o.mu.Unlock()
	var entries []named
	for name, n := range o.dirs[dir] {
		if cache.InOrder(name, after) > 0 {
			entries = append(entries, named{name, n})
		}
	}
	slices.SortFunc(entries, func(a, b named) int { return cache.InOrder(a.name, b.name) })
	return entries
}

// holds says whether a directory has entries.
func (o *overlay) holds(dir string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.dirs[dir]) > 0
}

// move carries the entries below one directory over to another place, after
// its rename.
func (o *overlay) move(from, to string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.edits.Add(1)
	moved := make(map[string]map[string]inode)
	for dir, entries := range o.dirs {
		if inTree(dir, from) {
			moved[to+dir[len(from):]] = entries
			delete(o.dirs, dir)
		}
	}
	maps.Copy(o.dirs, moved)
}

// below gives the nodes of a subtree.
func (o *overlay) below(tree string) []inode {
	o.mu.Lock()
	defer o.mu.Unlock()
	var nodes []inode
	for dir, entries := range o.dirs {
		if inTree(dir, tree) {
			nodes = slices.AppendSeq(nodes, maps.Values(entries))
		}
	}
	return nodes
}

// inTree says whether a directory is another one or below it.
func inTree(dir, tree string) bool { return dir == tree || strings.HasPrefix(dir, prefixOf(tree)) }
