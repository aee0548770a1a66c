package fs

import (
	"context"
	"sync"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"cosfs/cache"
)

// dirHandle is one open directory. Entries come in byte order of their names,
// the bucket's rows page by page with the overlay merged in. The offset of an
// entry is its number in that order; every checkpoint entries the handle
// remembers a name, so that seekdir(3) to any offset reads a page at most.
type dirHandle struct {
	dir *dirNode

	mu      sync.Mutex // guards what follows; innermost but for what entries ask
	off     uint64     // entries given so far, "." and ".." included
	after   string     // the name given last
	rows    []cache.Row
	asked   string // the name after which the bucket's next rows come
	more    bool   // there are such rows
	changes []named
	marks   []string // marks[i] is the name before the entry number i*checkpoint
}

const checkpoint = 1024 // entries

// OpendirHandle opens the directory; the first read asks for rows.
func (d *dirNode) OpendirHandle(context.Context, uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	h := &dirHandle{dir: d, marks: []string{""}}
	return h, 0, 0
}

// Readdirent gives the next entry, nil at the end.
func (h *dirHandle) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, err := h.next()
	if err != nil {
		return nil, h.dir.fail("readdir", err)
	}
	return e, 0
}

// next gives the next entry; the caller holds h.mu.
func (h *dirHandle) next() (*fuse.DirEntry, error) {
	if h.off < 2 {
		name := [2]string{".", ".."}[h.off]
		h.off++
		return &fuse.DirEntry{Name: name, Mode: syscall.S_IFDIR, Ino: h.dir.ino, Off: h.off}, nil
	}
	e, err := h.merged()
	if e == nil || err != nil {
		return nil, err
	}
	h.after = e.Name
	h.off++
	e.Off = h.off
	if i := h.off - 2; i%checkpoint == 0 && uint64(len(h.marks)) == i/checkpoint {
		h.marks = append(h.marks, e.Name)
	}
	return e, nil
}

// merged gives the entry after h.after from rows and changes.
func (h *dirHandle) merged() (*fuse.DirEntry, error) {
	if h.off == 2 && h.after == "" {
		if err := h.start(""); err != nil {
			return nil, err
		}
	}
	for {
		if len(h.rows) == 0 && h.more {
			if err := h.page(); err != nil {
				return nil, err
			}
			continue
		}
		switch {
		case len(h.rows) == 0 && len(h.changes) == 0:
			return nil, nil
		case len(h.changes) > 0 && (len(h.rows) == 0 || h.changes[0].name <= h.rows[0].Base):
			c := h.changes[0]
			h.changes = h.changes[1:]
			if len(h.rows) > 0 && h.rows[0].Base == c.name {
				h.rows = h.rows[1:]
			}
			n := c.node.base()
			return &fuse.DirEntry{Name: c.name, Mode: n.typ, Ino: n.ino}, nil
		default:
			row := h.rows[0]
			h.rows = h.rows[1:]
			return h.dir.rowEntry(row), nil
		}
	}
}

// rowEntry is the entry of a row of the bucket.
func (d *dirNode) rowEntry(row cache.Row) *fuse.DirEntry {
	e := &fuse.DirEntry{Name: row.Base, Mode: syscall.S_IFDIR}
	if !row.Dir {
		e.Mode = attrOf(row.Object, syscall.S_IFREG, d.fs.defaults).typ()
	}
	if n := d.kid(row.Base); n != nil {
		e.Ino = n.base().ino
	}
	return e
}

// start takes the changes and the first page of rows after a name.
func (h *dirHandle) start(after string) error {
	key, ok := h.dir.key()
	h.after, h.asked, h.rows, h.more = after, after, nil, false
	if !ok {
		h.changes = nil
		return nil // a removed directory is empty
	}
	h.changes = h.dir.fs.overlay.list(key, after)
	return h.page()
}

// page takes the next page of rows.
func (h *dirHandle) page() error {
	key, ok := h.dir.key()
	if !ok {
		h.more = false
		return nil
	}
	rows, more, err := h.dir.fs.names.Rows(h.dir.fs.ctx, key, h.asked)
	if err != nil {
		return err
	}
	h.rows, h.more = rows, more
	if len(rows) > 0 {
		h.asked = rows[len(rows)-1].Base
	}
	return nil
}

// Seekdir goes to an offset that an entry had.
func (h *dirHandle) Seekdir(_ context.Context, off uint64) syscall.Errno {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.seek(off); err != nil {
		return h.dir.fail("seekdir", err)
	}
	return 0
}

func (h *dirHandle) seek(off uint64) error {
	if off < 2 {
		h.off, h.after = off, ""
		h.rows, h.changes, h.more = nil, nil, false
		return nil
	}
	mark := min((off-2)/checkpoint, uint64(len(h.marks)-1))
	if err := h.start(h.marks[mark]); err != nil {
		return err
	}
	h.off = 2 + mark*checkpoint
	if mark == 0 && off == 2 {
		h.after = ""
		return nil
	}
	for h.off < off {
		if e, err := h.next(); err != nil || e == nil {
			return err
		}
	}
	return nil
}

// Fsyncdir has nothing to wait for: operations on names have reached COS when
// they return.
func (h *dirHandle) Fsyncdir(context.Context, uint32) syscall.Errno { return 0 }
