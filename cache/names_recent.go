package cache

import (
	"strings"
	"time"
)

// maxRecent bounds the changes remembered; the oldest are dropped first.
const maxRecent = 1 << 16

// change is what this host did to a key, or found out about it.
type change struct {
	key  string // of a directory with the trailing slash
	at   time.Time
	gone bool
	row  row // unless gone
}

// recordLocked applies a change of our own, and remembers it for its TTL: a
// listing may have been asked for before the change, and COS does not promise
// that one asked for afterwards shows it (cos-api.md 3.2.4).
func (n *Names) recordLocked(c change) {
	dir, base := splitKey(strings.TrimSuffix(c.key, "/"))
	d := n.directoryLocked(dir)
	if d.recent == nil {
		d.recent = map[string]change{}
	}
	d.recent[base] = c
	n.changes = append(n.changes, changed{dir, base, c.at})
	for len(n.changes) > maxRecent || c.at.Sub(n.changes[0].at) >= n.ttl {
		n.dropOldestLocked()
	}
	n.applyLocked(c)
}

// changed is where a change is remembered, in the order they were made.
type changed struct {
	dir, base string
	at        time.Time
}

// dropOldestLocked drops the oldest change, unless a newer one of the same
// key has taken its place. The queue's memory is that of its longest ten
// seconds: append moves what is left when it is full.
func (n *Names) dropOldestLocked() {
	oldest := n.changes[0]
	n.changes = n.changes[1:]
	d, ok := n.dirs.Peek(oldest.dir)
	if !ok || !d.recent[oldest.base].at.Equal(oldest.at) {
		return
	}
	delete(d.recent, oldest.base)
	if len(d.recent) == 0 {
		d.recent = nil // a map keeps the room of its largest time
	}
}

// applyLocked brings the listing that covers the key in line with c.
func (n *Names) applyLocked(c change) {
	dir, base := splitKey(strings.TrimSuffix(c.key, "/"))
	d, ok := n.dirs.Peek(dir)
	if !ok || d.list == nil || !d.list.covers(base) {
		return
	}
	before := d.list.rows.count
	d.list.apply(c, base)
	n.rows += d.list.rows.count - before
}

// replayLocked lays the recent changes over the page that l has just read,
// which was asked for at asked and begins behind frontier.
func (n *Names) replayLocked(l *listing, frontier string, asked time.Time) {
	d, ok := n.dirs.Peek(l.dir)
	if !ok {
		return
	}
	for base, c := range d.recent {
		readBefore := frontier != "" && slashedAtMost(base, frontier)
		if readBefore || !l.covers(base) || asked.Sub(c.at) >= n.ttl {
			continue
		}
		if r, ok := l.rows.get(base); ok && r.newer(c, asked) {
			continue
		}
		l.apply(c, base)
	}
}

// newer says whether a row listed by a question of the time asked knows more
// than c does.
func (r *row) newer(c change, asked time.Time) bool {
	switch {
	case !c.gone && r.etag == c.row.etag && r.size == c.row.size && r.dir == c.row.dir:
		return true // the same version, with its real Last-Modified
	case !c.at.Before(asked):
		return false
	case r.dir:
		return true
	case c.gone:
		return r.modified > c.at.UnixNano()
	}
	return r.modified > c.row.modified
}

// apply changes the row of base. A directory hides a file of the same name.
func (l *listing) apply(c change, base string) {
	old, there := l.rows.get(base)
	isDir := strings.HasSuffix(c.key, "/")
	switch {
	case there && old.dir && !isDir:
	case c.gone && there && old.dir == isDir:
		l.rows.drop(base)
	case !c.gone:
		r := c.row
		r.key, r.skip, r.dir = c.key, int32(len(prefixOf(l.dir))), isDir
		l.rows.put(r)
	}
}
