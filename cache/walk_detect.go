package cache

import "time"

// maxStep is how many rows may lie between two directories opened in a row.
const maxStep = 20_000

// openLocked is the listing for a reader that begins with dir: a fresh one, or
// one that a walk fills, or a new one.
func (n *Names) openLocked(dir string, now time.Time) *listing {
	ordered, first := n.orderLocked(dir, now)
	if d := n.directoryLocked(dir); d.list != nil && d.list.fresh(now) && d.list.start == "" {
		if l := d.list; l.walk != nil {
			n.visitedLocked(l.walk, l.page)
		}
		return d.list
	}
	l := n.listingLocked(dir, "", now)
	if dir == "" || !ordered && !first {
		return l
	}
	w := n.walkAheadOfLocked(dir)
	if w == nil {
		w = n.beginWalkLocked(dir, ordered)
	} else {
		w.confirmed = true
	}
	w.feedLocked(l)
	return l
}

// orderLocked says whether dir is opened in order: ordered, as the next of its
// siblings, often enough in a row; first, as the first one after the listing of
// all of them was read.
func (n *Names) orderLocked(dir string, now time.Time) (ordered, first bool) {
	if dir == "" {
		return false, false
	}
	parent, base := splitKey(dir)
	d := n.directoryLocked(parent)
	before, at := d.opened, d.openedAt
	d.opened, d.openedAt = base, now
	if before == base {
		return false, false
	}
	if before != "" && InOrder(before, base) < 0 && now.Sub(at) < n.ttl && d.list.steps(before, base) {
		d.inRow++
		return d.inRow > d.penalty, false
	}
	d.inRow = 0
	l := d.list
	first = d.penalty == 0 && l != nil && l.finished && l.whole() && l.fresh(now) && l.steps("", base)
	return false, first
}

// steps says whether base is the first directory after `after`, as far as the
// listing can tell.
func (l *listing) steps(after, base string) bool {
	if l == nil || !l.whole() {
		return true
	}
	chunk, i, found := l.rows.seek(after)
	if found {
		i++
	}
	for left := maxStep; chunk < len(l.rows.chunks); chunk, i = chunk+1, 0 {
		for ; i < len(l.rows.chunks[chunk]); i++ {
			if r := &l.rows.chunks[chunk][i]; r.dir {
				return r.base() == base
			}
			if left--; left == 0 {
				return false
			}
		}
	}
	return false
}

// walkAheadOfLocked is the walk that will come to dir, the one with the
// nearest root.
func (n *Names) walkAheadOfLocked(dir string) (best *walk) {
	for _, w := range n.walks {
		if dir == w.root || !within(dir, w.root) || slashedAtMost(dir, w.last) {
			continue
		}
		if best == nil || len(w.root) > len(best.root) {
			best = w
		}
	}
	return best
}
