package cache

import (
	"math/rand/v2"
	"strings"
	"time"
)

// treeOf is what a bucket's keys mean as a tree: for each directory its
// children, true for those that are directories.
func treeOf(keys map[string]bool) map[string]map[string]bool {
	tree := map[string]map[string]bool{"": {}}
	for key := range keys {
		dir, rest := "", key
		for {
			base, below, deeper := strings.Cut(rest, "/")
			if !isName(base) {
				break
			}
			tree[dir][base] = tree[dir][base] || deeper
			if !deeper {
				break
			}
			dir = strings.TrimPrefix(dir+"/"+base, "/")
			if tree[dir] == nil {
				tree[dir] = map[string]bool{}
			}
			if rest = below; rest == "" {
				break
			}
		}
	}
	return tree
}

// randomTree fills a bucket with keys whose order is not that of names.
func randomTree(r *rand.Rand) (*fakeBucket, map[string]bool) {
	b, keys := newFakeBucket(), map[string]bool{}
	bases := []string{"d", "d-", "d-1", "d.", "d.x", "d0", "a", "a!", "a!b", "z", "é", "\x01", "d/", ""}
	for range 1 + r.IntN(80) {
		var key strings.Builder
		for depth := range 1 + r.IntN(4) {
			if depth > 0 {
				key.WriteByte('/')
			}
			base := bases[r.IntN(len(bases))]
			if r.IntN(3) == 0 {
				base += bases[r.IntN(len(bases))]
			}
			key.WriteString(base)
		}
		if r.IntN(6) == 0 {
			key.WriteByte('/')
		}
		if k := key.String(); k != "" && !keys[k] {
			b.put(k, "v")
			keys[k] = true
		}
	}
	b.advance(time.Hour)
	b.pageMax = 1 + r.IntN(20)
	return b, keys
}

// walker opens the directories of a tree in some order.
type walker func(open func(dir string) []Row)

func depthFirst(root string) walker {
	return func(open func(dir string) []Row) {
		var down func(dir string)
		down = func(dir string) {
			for _, r := range open(dir) {
				if r.Dir {
					down(prefixOf(dir) + r.Base)
				}
			}
		}
		down(root)
	}
}

func breadthFirst(root string) walker {
	return func(open func(dir string) []Row) {
		for queue := []string{root}; len(queue) > 0; queue = queue[1:] {
			for _, r := range open(queue[0]) {
				if r.Dir {
					queue = append(queue, prefixOf(queue[0])+r.Base)
				}
			}
		}
	}
}

// erratic goes on like a walker most of the time, and jumps otherwise.
func erratic(r *rand.Rand, dirs []string) walker {
	return func(open func(dir string) []Row) {
		at := 0
		for range 3 * len(dirs) {
			if at++; r.IntN(4) == 0 {
				at = r.IntN(len(dirs))
			}
			open(dirs[at%len(dirs)])
		}
	}
}
