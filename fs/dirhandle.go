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
// entry is its number in that order.
type dirHandle struct {
	dir *dirNode

	mu      sync.Mutex // guards what follows; innermost but for what entries ask
	off     uint64     // entries given so far, "." and ".." included
	rows    []cache.Row
	asked   string // the name after which the bucket's next rows come
	more    bool   // there are such rows
	changes []named
	given   trail // the names at the offsets up to off
}

const dots = 2 // the entries "." and "..", which come first

// OpendirHandle opens the directory; the first read asks for rows.
func (d *dirNode) OpendirHandle(context.Context, uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	return &dirHandle{dir: d}, 0, 0
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
	if h.off < dots {
		name := [dots]string{".", ".."}[h.off]
		h.off++
		return &fuse.DirEntry{Name: name, Mode: syscall.S_IFDIR, Ino: h.dir.ino, Off: h.off}, nil
	}
	e, err := h.merged()
	if e == nil || err != nil {
		return nil, err
	}
	h.given.add(e.Name)
	h.off++
	e.Off = h.off
	return e, nil
}

// merged gives the entry after h.after from rows and changes.
func (h *dirHandle) merged() (*fuse.DirEntry, error) {
	if h.off == dots {
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
	h.asked, h.rows, h.more = after, nil, false
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
	h.dir.listed.Store(true)
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
	last, ok := h.given.cut(max(off, dots) - dots)
	if !ok {
		return syscall.EINVAL // no entry of this listing had it
	}
	h.off = off
	return h.start(last)
}

// Fsyncdir has nothing to wait for: operations on names have reached COS when
// they return.
func (h *dirHandle) Fsyncdir(context.Context, uint32) syscall.Errno { return 0 }
