package cache

import (
	"strings"
	"time"
)

// distributeLocked gives a piece to the listing of its directory, which it may
// begin. A fresh one that was read otherwise is left as it is. It returns the
// keys that cannot be shown.
func (n *Names) distributeLocked(w *walk, p *piece, asked time.Time) (hidden []string) {
	d := n.directoryLocked(p.dir)
	if p.begins {
		n.beginFedLocked(d, w, p.dir, asked)
	}
	l := d.list
	if l == nil || l.feed != w {
		return nil
	}
	before, frontier := l.rows.count, l.last
	last, next, rows := p.last, prefixOf(p.dir)+p.last, len(p.rows)
	if p.ends {
		last, next = l.last, ""
		if rows > 0 {
			last = max(last, p.rows[rows-1].base())
		}
	}
	hidden = l.take(p.rows, p.marker, last, next, asked.Add(n.ttl))
	n.replayLocked(l, frontier, asked)
	n.replayMarkerLocked(l, asked)
	switch {
	case p.ends:
		l.feed = nil
	case p.inner:
		l.idle = 0
	case rows > 0:
		l.idle = 1
	default:
		l.idle++
	}
	n.rows += l.rows.count - before
	n.shrinkLocked(l)
	return hidden
}

// beginFedLocked gives the directory d a listing that w fills, unless it has
// one that is as good.
func (n *Names) beginFedLocked(d *directory, w *walk, dir string, asked time.Time) {
	switch l := d.list; {
	case l == nil || !l.fresh(asked):
		n.detachLocked(d)
		d.list = n.newListing(dir, "")
		d.list.attached = true
	case l.pages > 0 || l.start != "" || l.flight != nil || l.feed != nil && l.feed != w:
		return
	}
	delete(w.waiting, dir)
	d.list.feed, d.list.walk, d.list.page = w, w, w.pages
}

// reachedLocked looks after those who wait for directories that the page did
// not show: what it has passed is not there.
func (n *Names) reachedLocked(w *walk, asked time.Time) {
	for dir, l := range w.waiting {
		if w.next != "" && !slashedAtMost(dir, w.last) {
			l.idle++
			continue
		}
		delete(w.waiting, dir)
		l.feed = nil
		l.take(nil, nil, "", "", asked.Add(n.ttl))
		n.rows -= l.rows.count
		n.replayLocked(l, "", asked)
		n.rows += l.rows.count
	}
}

// skipFilesLocked moves w on to the next directory if it has come to files of
// root itself, whose listing is known: there may be any number of them. False:
// no directory follows.
func (n *Names) skipFilesLocked(w *walk) bool {
	d, ok := n.dirs.Peek(w.root)
	if w.inside != w.root || !ok || d.list == nil || !d.list.whole() {
		return true
	}
	base := d.list.rows.nextDir(strings.TrimPrefix(w.last, prefixOf(w.root)))
	if base == "" {
		return false
	}
	if marker := markerBefore(prefixOf(w.root) + base); marker > w.next {
		for dir, l := range w.waiting {
			l.feed = nil // root's listing did not know it
			delete(w.waiting, dir)
		}
		w.next, w.last = marker, marker
	}
	return true
}

// nextDir is the directory among the rows that a flat listing shows next
// behind the key last, or "".
func (s *rowSet) nextDir(last string) string {
	chunk, i := s.behind(last)
	for ; chunk < len(s.chunks); chunk, i = chunk+1, 0 {
		for ; i < len(s.chunks[chunk]); i++ {
			if r := &s.chunks[chunk][i]; r.dir {
				return r.base()
			}
		}
	}
	return ""
}
