package cache

import (
	"time"

	"cosfs/cosapi"
)

const (
	maxWalks = 8 // walks remembered at once
	// walkAhead is how many pages are read beyond the one that the walker is
	// in. Pages can only be read one after another, so more would not be
	// sooner, and a slow walker would find them out of date.
	walkAhead = 2
	// walkPatience is how many pages a reader lets pass by that say nothing
	// of its directory.
	walkPatience = 3
	maxMisses    = 2 // directories in a row that a walk did not reach
	firstPenalty = 8 // directories in order asked for after a walk that failed
)

// walk is a flat listing of everything below root from some directory on,
// read for somebody who opens one directory after the other. Names.mu guards it.
type walk struct {
	root   string
	next   string // the marker of the next page
	last   string // everything from the start to here has been read
	inside string // the directory of the last key
	pages  int    // read so far
	seen   int    // the newest page of which a directory was opened
	misses int    // directories waited for in vain since the last success
	// confirmed: a second directory was opened. Until then nothing is read
	// ahead, and nobody waits for more than one page.
	confirmed bool
	done      bool
	flight    *flight
	// waiting are the listings of directories that the walk has not reached.
	waiting map[string]*listing
}

// beginWalkLocked begins a walk at dir among its siblings.
func (n *Names) beginWalkLocked(dir string, confirmed bool) *walk {
	root, _ := splitKey(dir)
	for _, w := range n.walks {
		if w.root == root {
			n.endWalkLocked(w)
			break
		}
	}
	w := &walk{root: root, inside: root, next: markerBefore(dir), confirmed: confirmed, waiting: map[string]*listing{}}
	w.last = w.next
	n.walks = append(n.walks, w)
	if len(n.walks) > maxWalks {
		n.endWalkLocked(n.walks[0])
	}
	return w
}

// markerBefore is a marker behind which dir's keys come, its own marker object
// first. '.' is the byte before '/': what is in between are names that begin
// with dir's, a dot and the last of all characters.
func markerBefore(dir string) string {
	if marker := dir + ".\U0010FFFF"; len(marker) <= cosapi.MaxKeyLen {
		return marker
	}
	return dir
}

// endWalkLocked ends w: those who wait for it ask by themselves.
func (n *Names) endWalkLocked(w *walk) {
	w.done = true
	for dir, l := range w.waiting {
		l.feed = nil
		delete(w.waiting, dir)
	}
	for i := range n.walks {
		if n.walks[i] == w {
			n.walks = append(n.walks[:i:i], n.walks[i+1:]...)
			return
		}
	}
}

// endWalksLocked ends the walks that may be reading about dir or below it.
func (n *Names) endWalksLocked(dir string) {
	for i := len(n.walks) - 1; i >= 0; i-- {
		if w := n.walks[i]; within(dir, w.root) || within(w.root, dir) {
			n.endWalkLocked(w)
		}
	}
}

// feedLocked has l filled by w.
func (w *walk) feedLocked(l *listing) {
	l.feed = w
	w.waiting[l.dir] = l
}

// unfeedLocked leaves l to be read by itself, from where w has come.
func (l *listing) unfeedLocked() {
	if l.feed != nil {
		delete(l.feed.waiting, l.dir)
		l.feed = nil
	}
}

// fedLocked is the page of l's walk that a reader of l is to wait for, or nil
// if it is better served by a listing of its own.
func (n *Names) fedLocked(l *listing) *flight {
	w := l.feed
	patience := walkPatience
	if !w.confirmed {
		patience = 1
	}
	if w.done {
		return nil
	}
	if l.idle >= patience {
		if l.pages == 0 {
			n.missLocked(w)
		}
		return nil
	}
	w.seen = w.pages
	return n.readOnLocked(w)
}

// missLocked counts a directory that w did not reach in time. A walker that
// the walk does not suit has to show more order before the next one.
func (n *Names) missLocked(w *walk) {
	w.misses++
	if w.misses < maxMisses {
		return
	}
	n.endWalkLocked(w)
	d := n.directoryLocked(w.root)
	d.penalty = max(firstPenalty, 2*d.penalty)
	d.inRow = 0
}

// visitedLocked notes that a directory which w has filled was opened.
func (n *Names) visitedLocked(w *walk, page int) {
	w.confirmed, w.misses, w.seen = true, 0, max(w.seen, page)
	n.readAheadLocked(w)
}

func (n *Names) readAheadLocked(w *walk) {
	if w.confirmed && w.pages-w.seen < walkAhead && !w.done && !n.closed {
		n.readOnLocked(w)
	}
}

// readOnLocked has the next page of w read, or joins who does.
func (n *Names) readOnLocked(w *walk) *flight {
	if w.flight != nil {
		return w.flight
	}
	o := cosapi.ListOptions{Prefix: prefixOf(w.root), Marker: w.next, Max: pageRows}
	inside, asked := w.inside, n.now()
	f := n.launchLocked(func(*flight) {
		page, err := n.bucket.List(n.ctx, o)
		if err == nil && page.Next != "" && (page.Next <= o.Marker || len(page.Entries) == 0) {
			err = cosapi.Unavailable // of a listing by pages this cannot be made
		}
		var pieces []piece
		var hidden []string
		if err == nil {
			n.memory.bind(page.Entries)
			pieces, hidden = cut(page, w.root, inside)
		}
		n.hide(append(hidden, n.walked(w, page, pieces, asked, err)...))
	})
	if !n.closed {
		w.flight = f
	}
	return f
}

// walked gives w the answer to its request. An error ends it; readers that
// wait ask by themselves and learn what is wrong. It returns the keys that
// cannot be shown.
func (n *Names) walked(w *walk, page cosapi.Page, pieces []piece, asked time.Time, err error) (hidden []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w.flight = nil
	if w.done {
		return nil // a change overtook it
	}
	if err != nil {
		n.endWalkLocked(w)
		return nil
	}
	w.pages++
	if count := len(page.Entries); count > 0 {
		w.last = page.Entries[count-1].Key
	}
	w.next, w.inside = page.Next, w.root
	for i := range pieces {
		if !pieces[i].ends {
			w.inside = pieces[i].dir // the innermost comes last
		}
		if i > 0 { // of root only a part is read, and it is known already
			hidden = append(hidden, n.distributeLocked(w, &pieces[i], asked)...)
		}
	}
	n.reachedLocked(w, asked)
	if w.next == "" || !n.skipFilesLocked(w) {
		n.endWalkLocked(w)
		return hidden
	}
	n.readAheadLocked(w)
	return hidden
}
