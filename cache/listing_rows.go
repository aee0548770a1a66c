package cache

import (
	"slices"
	"sort"
	"strings"
	"time"

	"cosfs/cosapi"
)

// row is a listed child, kept small: a listing may hold hundreds of thousands.
type row struct {
	key         string // of a directory with the trailing slash
	etag, class string
	size        int64
	modified    int64 // nanoseconds since 1970
	skip        int32 // bytes of key before the last path element
	dir         bool
}

// base is the last path element.
func (r *row) base() string {
	if r.dir {
		return r.key[r.skip : len(r.key)-1]
	}
	return r.key[r.skip:]
}

// object is what the listing says of the row.
func (r *row) object() cosapi.Object {
	o := cosapi.Object{Version: cosapi.Version{Key: r.key, ETag: r.etag, Size: r.size}, Listed: true}
	o.StorageClass = r.class
	if r.modified != 0 { // not a common prefix
		o.Modified = time.Unix(0, r.modified).UTC()
	}
	return o
}

// name is the row as an answer.
func (r *row) name(until time.Time) Name {
	return Name{Object: r.object(), Dir: r.dir, Until: until}
}

// chunkRows is the size at which a chunk is cut in two.
const chunkRows = 2 * pageRows

// rowSet keeps rows in order of their bases, one per base, in chunks:
// pages of a listing are appended whole, and a change moves one chunk only.
type rowSet struct {
	chunks [][]row // none is empty
	count  int
}

// seek finds the first row whose base is not less than base. Past the end the
// chunk is len(chunks).
func (s *rowSet) seek(base string) (chunk, i int, found bool) {
	chunk = sort.Search(len(s.chunks), func(c int) bool {
		rows := s.chunks[c]
		return InOrder(rows[len(rows)-1].base(), base) >= 0
	})
	if chunk == len(s.chunks) {
		return chunk, 0, false
	}
	i, found = slices.BinarySearchFunc(s.chunks[chunk], base, func(r row, b string) int {
		return InOrder(r.base(), b)
	})
	return chunk, i, found
}

// get finds the row of base. It is valid until the set changes.
func (s *rowSet) get(base string) (*row, bool) {
	chunk, i, found := s.seek(base)
	if !found {
		return nil, false
	}
	return &s.chunks[chunk][i], true
}

// put adds r or replaces the row of its base.
func (s *rowSet) put(r row) {
	chunk, i, found := s.seek(r.base())
	if found {
		s.chunks[chunk][i] = r
		return
	}
	s.count++
	if chunk == len(s.chunks) { // behind the last row
		if chunk == 0 {
			s.chunks = append(s.chunks, []row{r})
			return
		}
		chunk--
		i = len(s.chunks[chunk])
	}
	rows := slices.Insert(s.chunks[chunk], i, r)
	s.chunks[chunk] = rows
	if len(rows) > chunkRows {
		half := len(rows) / 2
		s.chunks = slices.Insert(s.chunks, chunk+1, slices.Clone(rows[half:]))
		s.chunks[chunk] = slices.Delete(rows, half, len(rows))
	}
}

// add takes a page: rows in order, each base once. It owns rows from then on.
func (s *rowSet) add(rows []row) {
	if len(rows) == 0 {
		return
	}
	chunk, i, _ := s.seek(rows[0].base())
	switch {
	case chunk == len(s.chunks):
		s.push(rows)
	case chunk == len(s.chunks)-1 && len(s.chunks[chunk])-i <= pageRows: // files that wait
		tail := s.chunks[chunk][i:]
		s.count -= len(tail)
		if s.chunks[chunk] = s.chunks[chunk][:i:i]; i == 0 {
			s.chunks = s.chunks[:chunk]
		}
		s.push(mergeRows(tail, rows))
	default:
		for _, r := range rows {
			s.put(r)
		}
	}
}

// push appends a chunk.
func (s *rowSet) push(rows []row) {
	s.chunks = append(s.chunks, rows)
	s.count += len(rows)
}

// mergeRows makes one run of two; of a base that is in both, newer has the row.
func mergeRows(older, newer []row) []row {
	all := make([]row, 0, len(older)+len(newer))
	for len(older) > 0 && len(newer) > 0 {
		switch c := InOrder(older[0].base(), newer[0].base()); {
		case c < 0:
			all, older = append(all, older[0]), older[1:]
		case c > 0:
			all, newer = append(all, newer[0]), newer[1:]
		default:
			older = older[1:]
		}
	}
	return append(append(all, older...), newer...)
}

// drop removes the row of base.
func (s *rowSet) drop(base string) {
	chunk, i, found := s.seek(base)
	if !found {
		return
	}
	s.count--
	if len(s.chunks[chunk]) == 1 {
		s.chunks = slices.Delete(s.chunks, chunk, chunk+1)
		return
	}
	s.chunks[chunk] = slices.Delete(s.chunks[chunk], i, i+1)
}

// shed drops the first chunk and returns the last base that was in it.
func (s *rowSet) shed() string {
	first := s.chunks[0]
	last := strings.Clone(first[len(first)-1].base()) // not to keep the page's strings
	s.chunks = slices.Delete(s.chunks, 0, 1)
	s.count -= len(first)
	return last
}

// page copies up to limit rows behind the base after, with base+"/" <= last
// unless all are wanted. more says that the set has further such rows.
func (s *rowSet) page(after, last string, all bool, limit int) (rows []row, more bool) {
	chunk, i, found := s.seek(after)
	if found {
		i++
	}
	end, stop := len(s.chunks), 0
	if !all {
		end, stop = s.behind(last)
	}
	rows = make([]row, 0, min(limit, s.count))
	for ; chunk < end || chunk == end && i < stop; chunk, i = chunk+1, 0 {
		from := s.chunks[chunk]
		if chunk == end {
			from = from[:stop]
		}
		from = from[min(i, len(from)):]
		if room := limit - len(rows); len(from) > room {
			return append(rows, from[:room]...), true
		}
		rows = append(rows, from...)
	}
	return rows, false
}

// behind finds the first row with base+"/" > last. Past the end the chunk is
// len(chunks).
func (s *rowSet) behind(last string) (chunk, i int) {
	chunk = sort.Search(len(s.chunks), func(c int) bool {
		rows := s.chunks[c]
		return !slashedAtMost(rows[len(rows)-1].base(), last)
	})
	if chunk < len(s.chunks) {
		rows := s.chunks[chunk]
		i = sort.Search(len(rows), func(i int) bool { return !slashedAtMost(rows[i].base(), last) })
	}
	return chunk, i
}
