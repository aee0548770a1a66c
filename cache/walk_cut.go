package cache

import (
	"slices"
	"strings"

	"cosfs/cosapi"
)

// maxWalkDepth bounds the directories that one key can stand for; those
// further down are listed by themselves.
const maxWalkDepth = 64

// piece is what a page of a flat listing says of one directory.
type piece struct {
	dir    string
	rows   []row // in order of their bases
	marker *row
	begins bool // the directory's first key is on this page
	ends   bool // its last one is, too, or was on an earlier page
	inner  bool // the page ends among its files, not in a directory below it
	// last is the frontier in the sense of listing.last, unless ends.
	last string
}

// cutter takes a page of the listing of root without a delimiter apart. The
// keys of a directory and of what is below it follow one another, so the
// directories that a key is in form a stack.
type cutter struct {
	root   string
	pieces []piece
	stack  []int // indexes of pieces, root's first
	hidden []string
}

// cut gives the pieces of p in order of their first keys; inside is the
// directory of the last key before p. root's own piece is not complete: its
// beginning is not in the listing.
func cut(p cosapi.Page, root, inside string) (pieces []piece, hidden []string) {
	c := cutter{root: root}
	c.resume(inside)
	block, class := newBlock(p), ""
	for i := range p.Entries {
		o := p.Entries[i].Object
		o.Key, o.ETag = keep(block, o.Key), keep(block, o.ETag)
		if o.StorageClass != class {
			class = strings.Clone(o.StorageClass)
		}
		o.StorageClass = class
		c.add(&o)
	}
	c.finish(p)
	return c.pieces, c.hidden
}

// resume begins with the stack of the page before.
func (c *cutter) resume(inside string) {
	c.push(c.root, false)
	for at := len(prefixOf(c.root)); at < len(inside); {
		end := strings.IndexByte(inside[at:], '/')
		if end < 0 {
			end = len(inside) - at
		}
		c.push(inside[:at+end], false)
		at += end + 1
	}
}

func (c *cutter) push(dir string, begins bool) {
	c.stack = append(c.stack, len(c.pieces))
	c.pieces = append(c.pieces, piece{dir: dir, begins: begins})
}

func (c *cutter) top() *piece { return &c.pieces[c.stack[len(c.stack)-1]] }

// add takes the next key.
func (c *cutter) add(o *cosapi.Object) {
	key := o.Key
	if !strings.HasPrefix(key, prefixOf(c.root)) {
		c.hidden = append(c.hidden, key)
		return
	}
	for len(c.stack) > 1 && !within(key, c.top().dir) {
		c.pop()
	}
	at := len(prefixOf(c.top().dir))
	for {
		end := strings.IndexByte(key[at:], '/')
		if end < 0 {
			c.file(o, at)
			return
		}
		if !isName(key[at : at+end]) {
			c.hidden = append(c.hidden, key[:at+end+1])
			return
		}
		if !c.descend(key[:at+end+1], at) {
			return
		}
		at += end + 1
	}
}

// file adds the object whose last element begins at the byte `at`: a file, or
// with nothing there the marker of the directory on top.
func (c *cutter) file(o *cosapi.Object, at int) {
	top := c.top()
	switch base := o.Key[at:]; {
	case base == "":
		marker := rowOf(o, at)
		top.marker = &marker
	case isName(base):
		top.rows = append(top.rows, rowOf(o, at))
	default:
		c.hidden = append(c.hidden, o.Key)
	}
}

// descend enters the directory key, which ends with a slash, or says that it
// is too deep.
func (c *cutter) descend(key string, at int) bool {
	top := c.top()
	if n := len(top.rows); n == 0 || top.rows[n-1].key != key {
		top.rows = append(top.rows, row{key: key, skip: int32(at), dir: true})
	}
	if len(c.stack) > maxWalkDepth {
		return false
	}
	c.push(key[:len(key)-1], true)
	return true
}

func (c *cutter) pop() {
	c.top().ends = true
	c.stack = c.stack[:len(c.stack)-1]
}

// finish says how far each directory has been read.
func (c *cutter) finish(p cosapi.Page) {
	for i := range c.pieces {
		rows, shadowed := inOrder(c.pieces[i].rows)
		c.pieces[i].rows = rows
		c.hidden = append(c.hidden, shadowed...)
	}
	if p.Next == "" {
		for len(c.stack) > 0 {
			c.pop()
		}
	}
	c.hidden = slices.Compact(c.hidden)
	if len(p.Entries) == 0 {
		return
	}
	last := p.Entries[len(p.Entries)-1].Key
	for _, i := range c.stack {
		piece := &c.pieces[i]
		rest := strings.TrimPrefix(last, prefixOf(piece.dir))
		group, _, deeper := strings.Cut(rest, "/")
		if deeper {
			group += "/"
		}
		piece.last, piece.inner = strings.Clone(group), !deeper
	}
}
