package fs

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"cosfs/cache"
)

// overlay holds the names that the bucket does not have: files that were made
// or changed here and are not stored yet, with their nodes. It is laid over
// cache.Names, which knows what COS has said and has acknowledged, in every
// lookup and listing.
//
// It is addressed by directory key and name, not by node: a staged file may
// wait for its upload long after the kernel has forgotten it, and after a
// recovery exists before the kernel has seen it.
type overlay struct {
	mu   sync.Mutex // innermost: nothing is called under it
	dirs map[string]map[string]inode
	// edits counts the changes of dirs, so that a listing knows whether what it
	// has read is still true. Changed under mu, read without.
	edits atomic.Uint64
}

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
