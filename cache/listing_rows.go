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

// rowSet keeps rows in byte order of their base, one per base, in chunks:
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
		return rows[len(rows)-1].base() >= base
	})
	if chunk == len(s.chunks) {
		return chunk, 0, false
	}
	i, found = slices.BinarySearchFunc(s.chunks[chunk], base, func(r row, b string) int {
		return strings.Compare(r.base(), b)
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
	if _, _, found := s.seek(rows[0].base()); !found && s.endsBefore(rows[0].base()) {
		s.chunks = append(s.chunks, rows)
		s.count += len(rows)
		return
	}
	for _, r := range rows {
		s.put(r)
	}
}

func (s *rowSet) endsBefore(base string) bool {
	if len(s.chunks) == 0 {
		return true
	}
	last := s.chunks[len(s.chunks)-1]
	return last[len(last)-1].base() < base
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

// page copies up to limit rows with after < base, and base < end unless end
// is empty. more says that the set has further such rows.
func (s *rowSet) page(after, end string, limit int) (rows []row, more bool) {
	chunk, i, found := s.seek(after)
	if found {
		i++
	}
	lastChunk, stop := len(s.chunks)-1, -1 // -1: to the end of the last chunk
	if end != "" {
		if c, j, _ := s.seek(end); c < len(s.chunks) {
			lastChunk, stop = c, j
		}
	}
	rows = make([]row, 0, min(limit, s.count))
	for ; chunk <= lastChunk; chunk, i = chunk+1, 0 {
		from := s.chunks[chunk]
		if chunk == lastChunk && stop >= 0 {
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

// from counts the rows with a base not less than base.
func (s *rowSet) from(base string) int {
	chunk, i, _ := s.seek(base)
	n := -i
	for ; chunk < len(s.chunks); chunk++ {
		n += len(s.chunks[chunk])
	}
	return n
}
