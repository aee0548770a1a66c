package cache

import (
	"context"
	"time"

	"cosfs/cosapi"
)

// Row is one child of a directory.
type Row struct {
	Base string // the last path element
	Name
}

// Rows is a page of the children of dir, in the order of InOrder, strictly
// behind the base `after` ("" begins). more says that another page may follow.
// A page has at most 1000 rows, often fewer, and is empty only at the end.
// Attributes are complete if the mode asks for them. A directory of any size is read through a
// window of at most MaxRows rows; a directory that does not exist is empty.
// Base and the strings of Object share memory with the kept listing.
func (n *Names) Rows(ctx context.Context, dir, after string) (rows []Row, more bool, err error) {
	if dir != "" && n.Reserved(dir) {
		return nil, false, nil
	}
	now := n.now()
	n.mu.Lock()
	n.lookForMarkLocked(now)
	var l *listing
	if after == "" {
		l = n.openLocked(dir, now)
	} else {
		l = n.listingLocked(dir, after, now)
	}
	n.mu.Unlock()
	for {
		s, err := n.nextRows(ctx, l, after, now)
		if err != nil || len(s.rows) == 0 {
			return nil, false, err
		}
		rows := make([]Row, len(s.rows))
		for i := range rows {
			rows[i] = Row{Base: s.rows[i].base(), Name: s.rows[i].name(s.until)}
		}
		l, after = s.of, rows[len(rows)-1].Base
		rows, err = n.finishRows(ctx, dir, rows, now)
		if err != nil || len(rows) > 0 || !s.more {
			return rows, s.more, err
		}
	}
}

// Listed says whether a complete fresh listing of dir is in memory.
func (n *Names) Listed(dir string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	d, ok := n.dirs.Get(dir)
	return ok && d.list != nil && d.list.whole() && d.list.fresh(n.now())
}

// listingLocked is the fresh listing of dir if it can serve what comes after
// `after` without reading what lies between, else a new one in its place.
func (n *Names) listingLocked(dir, after string, now time.Time) *listing {
	d := n.directoryLocked(dir)
	if l := d.list; l != nil && l.fresh(now) && l.continues(after) {
		return l
	}
	n.detachLocked(d)
	d.list = n.newListing(dir, after)
	d.list.attached = true
	return d.list
}

// stretch is a run of final rows of a listing.
type stretch struct {
	of    *listing
	rows  []row
	until time.Time
	more  bool // rows may follow
}

// nextRows reads on in l until rows after `after` are final, and has the page
// that follows them fetched ahead. If others have moved the window of l past
// `after` it goes on in a new listing.
func (n *Names) nextRows(ctx context.Context, l *listing, after string, now time.Time) (stretch, error) {
	for {
		n.mu.Lock()
		if InOrder(after, l.start) < 0 {
			l = n.listingLocked(l.dir, after, now)
		}
		s := stretch{of: l, until: l.until}
		s.rows, s.more = l.rows.page(after, l.last, l.complete, pageRows)
		done := l.complete || len(s.rows) > 0
		l.finished = l.finished || l.complete && !s.more
		var f *flight
		if !s.more && !l.complete {
			s.more = true
			f = n.extendLocked(l)
		}
		n.mu.Unlock()
		if done {
			return s, nil
		}
		if err := f.wait(ctx, "Readdir", l.dir); err != nil {
			return stretch{}, err
		}
	}
}

// extendLocked has the next page of l fetched, or joins who does.
func (n *Names) extendLocked(l *listing) *flight {
	if l.flight != nil {
		return l.flight
	}
	if l.feed != nil {
		if f := n.fedLocked(l); f != nil {
			return f
		}
		l.unfeedLocked()
	}
	o, waiting := l.request()
	asked := n.now()
	f := n.launchLocked(func(f *flight) {
		page, err := n.bucket.List(n.ctx, o)
		if err == nil && page.Next != "" && page.Next <= o.Marker {
			err = &cosapi.Error{
				Op: "Readdir", Key: l.dir, Kind: cosapi.Unavailable,
				Message: "the listing does not advance: the endpoint continues a page with its own marker",
			}
		}
		n.memory.bind(page.Entries)
		hidden := n.extended(l, page, waiting, asked, err)
		n.hide(hidden)
		f.err = err
	})
	if !n.closed {
		l.flight = f
	}
	return f
}

// extended gives l the answer to its request. It returns the keys that cannot
// be shown.
func (n *Names) extended(l *listing, page cosapi.Page, waiting string, asked time.Time, err error) (hidden []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l.flight = nil
	before, frontier := l.rows.count, l.last
	switch {
	case err != nil:
		return nil
	case waiting != "":
		l.waited(waiting, page)
	default:
		hidden = l.absorb(page, asked.Add(n.ttl))
		n.replayLocked(l, frontier, asked)
		n.replayMarkerLocked(l, asked)
	}
	if l.attached {
		n.rows += l.rows.count - before
		n.shrinkLocked(l)
	}
	return hidden
}

// shrinkLocked keeps the rows of all listings in bounds: the directories used
// least recently go first, then the beginning of l, which is being read.
func (n *Names) shrinkLocked(l *listing) {
	for n.rows > n.maxRows {
		_, oldest, _ := n.dirs.GetOldest()
		if oldest.list == l {
			break
		}
		n.dirs.RemoveOldest()
	}
	for n.rows > n.maxRows && len(l.rows.chunks) > 1 {
		before := l.rows.count
		l.start = l.rows.shed()
		n.rows += l.rows.count - before
	}
}

// detachLocked takes the listing out of d; its readers finish with it.
func (n *Names) detachLocked(d *directory) {
	if d.list == nil {
		return
	}
	n.rows -= d.list.rows.count
	d.list.attached = false
	d.list.unfeedLocked()
	d.list = nil
}
