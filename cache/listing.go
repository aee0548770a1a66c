package cache

import (
	"slices"
	"strings"
	"time"

	"cosfs/cosapi"
)

const (
	// pageRows is the most rows of one answer of Rows, and of one LIST.
	pageRows = cosapi.MaxListPage
	// maxHeld is how many rows may wait for a directory that would have to
	// be shown before them, until it is asked for; see listing.limit.
	maxHeld = 16 * pageRows
)

// listing is what LIST said of one directory, as far as it was read: the
// children with start < base, in byte order, up to a frontier that moves with
// every page. Names.mu guards it, also once it is replaced by a newer one and
// only its readers still have it.
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

	// limit: rows from it on may yet get a directory in front of them. The
	// listing sorts directory d as "d/", hence after "d-1" and "d.txt",
	// readers see it as "d". "" means that all rows read are final.
	limit  string
	probed []string // candidates for limit that were asked for, shortest first

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
		// Never inside a group of the listing: start has no slash.
		l.next = prefixOf(dir) + start
	}
	return l
}

// covers says whether the listing answers for the child base, be it there or not.
func (l *listing) covers(base string) bool {
	if l.pages == 0 || base <= l.start && l.start != "" {
		return false
	}
	return l.complete || slashedAtMost(base, l.last)
}

// fresh says whether the listing can be believed; one that has just been
// begun can.
func (l *listing) fresh(now time.Time) bool {
	return l.pages == 0 || now.Before(l.until)
}

// whole says whether it answers for all children.
func (l *listing) whole() bool { return l.complete && l.start == "" }

// request is what to ask next: a page, or whether the directory probe exists
// when too many rows wait for it.
func (l *listing) request(held int) (o cosapi.ListOptions, probe string) {
	if l.limit != "" && l.rows.from(l.limit) > held {
		return cosapi.ListOptions{Prefix: prefixOf(l.dir) + l.limit + "/", Max: 1}, l.limit
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
	l.settle()
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

// probedFor takes the answer about the directory base.
func (l *listing) probedFor(base string, exists bool) {
	l.probed = append(l.probed, base)
	if exists && !(l.veiled && base == privateDir) {
		l.rows.put(row{key: prefixOf(l.dir) + base + "/", skip: int32(len(prefixOf(l.dir))), dir: true})
	}
	l.settle()
}

// settle computes limit: the shortest beginning d of the last key that may
// still turn up as "d/", because "d/" sorts after that key. Shorter is
// smaller, and nothing that is not such a beginning can come before a row
// that was read.
func (l *listing) settle() {
	l.limit = ""
	if l.complete {
		l.probed = nil
		return
	}
	l.probed = slices.DeleteFunc(l.probed, func(d string) bool { return !mayFollow(d, l.last) })
	for i := 1; i <= len(l.last); i++ {
		if d := l.last[:i]; mayFollow(d, l.last) && !slices.Contains(l.probed, d) {
			l.limit = d
			return
		}
	}
}

// mayFollow says whether d is a name, a beginning of last, and "d/" > last.
func mayFollow(d, last string) bool {
	return strings.HasPrefix(last, d) && isName(d) && !slashedAtMost(d, last)
}
