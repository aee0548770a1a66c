package cache

import (
	"slices"
	"strings"

	"cosfs/cosapi"
)

// decode makes rows in order from a page of the listing of
// prefix. Their strings are copies in one block of memory. marker is the
// directory's own marker, hidden are the keys that cannot be shown.
func decode(p cosapi.Page, prefix string) (rows []row, marker *row, hidden []string) {
	block := newBlock(p)
	rows = make([]row, 0, len(p.Entries))
	class := ""
	for i := range p.Entries {
		e := &p.Entries[i]
		r := rowOf(&e.Object, len(prefix))
		r.key, r.etag = keep(block, e.Key), keep(block, e.ETag)
		if r.class != "" { // of a common prefix it is empty
			if r.class != class {
				class = strings.Clone(r.class)
			}
			r.class = class
		}
		switch {
		case e.Key == prefix:
			own := r // r itself would escape for every row
			marker = &own
		case !strings.HasPrefix(e.Key, prefix) || !isName(r.base()):
			hidden = append(hidden, e.Key)
		default:
			rows = append(rows, r)
		}
	}
	rows, shadowed := inOrder(rows)
	return rows, marker, append(hidden, shadowed...)
}

// rowOf is the row of an object whose last path element begins at skip.
// Whatever ends with a slash is a directory: a marker or a common prefix.
func rowOf(o *cosapi.Object, skip int) row {
	r := row{
		key: o.Key, etag: o.ETag, class: o.StorageClass, size: o.Size,
		skip: int32(skip), dir: strings.HasSuffix(o.Key, "/"),
	}
	if !o.Modified.IsZero() {
		r.modified = o.Modified.UnixNano()
	}
	return r
}

// newBlock is room for the strings of a page.
func newBlock(p cosapi.Page) *strings.Builder {
	size := 0
	for i := range p.Entries {
		size += len(p.Entries[i].Key) + len(p.Entries[i].ETag)
	}
	block := &strings.Builder{}
	block.Grow(size)
	return block
}

// keep copies s to the end of block, which has room for it.
func keep(block *strings.Builder, s string) string {
	from := block.Len()
	block.WriteString(s)
	return block.String()[from:]
}

// inOrder sorts the rows of a page; of a file and a directory of the
// same name the file is hidden.
func inOrder(rows []row) (sorted []row, hidden []string) {
	byBase := func(a, b row) int {
		if c := InOrder(a.base(), b.base()); c != 0 || a.dir == b.dir {
			return c
		}
		if a.dir {
			return -1
		}
		return 1
	}
	if !slices.IsSortedFunc(rows, byBase) {
		slices.SortFunc(rows, byBase)
	}
	sorted = rows[:0]
	for _, r := range rows {
		if n := len(sorted); n > 0 && sorted[n-1].base() == r.base() {
			hidden = append(hidden, r.key)
			continue
		}
		sorted = append(sorted, r)
	}
	return sorted, hidden
}
