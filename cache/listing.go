package cache

import (
	"slices"
	"strings"
	"time"

	"cosfs/cosapi"
)

// pageRows is the most rows of one answer of Rows, and of one LIST.
const pageRows = cosapi.MaxListPage

// listing is what LIST said of one directory, as far as it was read: the
// children behind start, in the order of InOrder, up to a frontier that moves
// with every page. LIST shows the file "d" before "d-1", and the directory "d/"
// after it; so a file waits behind the frontier until it is known that no
// directory takes its name. Names.mu guards the listing, also once it is
// replaced by a newer one and only its readers still have it.
type listing struct {
	dir    string
	start  string // everything after it is here; "" means from the beginning
	rows   rowSet
	marker *row // the directory's own marker; known if start is ""
	veiled bool // privateDir is not shown
	until  time.Time

	pages    int    // read so far
	next     string // the marker of the next page
	last     string // the frontier: the last key read, without the prefix
	complete bool

	// waiting are the names of files that LIST shows before start but that
	// come behind it, if there are such files: they are asked for one by one.
	waiting []string

	finished bool // somebody has read it to the end

	// feed fills the listing for now; it can go on by itself from next at any
	// time. idle counts the pages of feed that said nothing of it.
	feed *walk
	idle int
	// walk has begun it with its page number page.
	walk *walk
	page int

	attached bool // it is the one in its directory, and counted in Names.rows
	flight   *flight
}

func (n *Names) newListing(dir, start string) *listing {
	l := &listing{dir: dir, start: start, veiled: prefixOf(dir) == n.prefix}
	if start != "" {
		l.next = prefixOf(dir) + start + "/" // of a group of the listing, all of it
		for i := 1; i < len(start); i++ {
			if start[i] < '/' && isName(start[:i]) {
				l.waiting = append(l.waiting, start[:i])
			}
		}
	}
	return l
}

// covers says whether the listing answers for the child base, be it there or not.
func (l *listing) covers(base string) bool {
	if l.pages == 0 || l.start != "" && InOrder(base, l.start) <= 0 {
		return false
	}
	return l.complete || slashedAtMost(base, l.last)
}

// continues says whether the listing can serve what comes behind `after`
// without reading what lies between.
func (l *listing) continues(after string) bool {
	if InOrder(after, l.start) <= 0 {
		return after == l.start
	}
	return l.complete || slashedAtMost(after, l.last)
}

// fresh says whether the listing can be believed; one that has just been
// begun can.
func (l *listing) fresh(now time.Time) bool {
	return l.pages == 0 || now.Before(l.until)
}

// whole says whether it answers for all children.
func (l *listing) whole() bool { return l.complete && l.start == "" }

// request is what to ask next: a page, or for a file that may be waiting.
func (l *listing) request() (o cosapi.ListOptions, waiting string) {
	if len(l.waiting) > 0 {
		return cosapi.ListOptions{Prefix: prefixOf(l.dir) + l.waiting[0], Max: 1}, l.waiting[0]
	}
	return cosapi.ListOptions{Prefix: prefixOf(l.dir), Delimiter: "/", Marker: l.next, Max: pageRows}, ""
}

// absorb takes the next page. It returns the keys that cannot be shown.
func (l *listing) absorb(p cosapi.Page, until time.Time) (hidden []string) {
	rows, marker, hidden := decode(p, prefixOf(l.dir))
	last := l.last
	if n := len(p.Entries); n > 0 {
		last = strings.Clone(strings.TrimPrefix(p.Entries[n-1].Key, prefixOf(l.dir)))
	}
	return append(hidden, l.take(rows, marker, last, p.Next, until)...)
}

// take adds rows, in order of their bases, and moves the frontier to last; an
// empty next says that there is no more. It returns the keys of files that
// turn out to be behind directories.
func (l *listing) take(rows []row, marker *row, last, next string, until time.Time) (hidden []string) {
	if l.pages == 0 {
		l.until = until
	}
	l.pages++
	if marker != nil && l.start == "" {
		l.marker = marker
	}
	l.last, l.next, l.complete = last, next, next == ""
	rows = l.veil(rows)
	hidden = l.shadowed(rows)
	l.rows.add(rows)
	return hidden
}

// veil leaves out what is cosfs's own.
func (l *listing) veil(rows []row) []row {
	if !l.veiled {
		return rows
	}
	return slices.DeleteFunc(rows, func(r row) bool { return r.base() == privateDir })
}

// shadowed are the files of earlier pages that rows show as directories, which
// take their place. "d" is always listed before "d/".
func (l *listing) shadowed(rows []row) (hidden []string) {
	for i := range rows {
		if old, there := l.rows.get(rows[i].base()); there && rows[i].dir && !old.dir {
			hidden = append(hidden, old.key)
		}
	}
	return hidden
}

// waited takes the answer about the file base that may be waiting.
func (l *listing) waited(base string, p cosapi.Page) {
	l.waiting = l.waiting[1:]
	if len(p.Entries) > 0 && p.Entries[0].Key == prefixOf(l.dir)+base {
		rows, _, _ := decode(p, prefixOf(l.dir))
		l.rows.add(rows)
	}
}
