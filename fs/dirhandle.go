package fs

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"cosfs/cache"
)

// dirHandle is one open directory. Entries come in the order of cache.InOrder,
// the bucket's rows page by page with the overlay merged in. The offset of an
// entry is its number in that order.
//
// A reply to the kernel ends with a page of rows at the latest, so that the
// program works on one page while the next is on its way.
type dirHandle struct {
	dir *dirNode

	mu      sync.Mutex // guards what follows; innermost but for what entries ask
	off     uint64     // entries given so far, "." and ".." included
	rows    []cache.Row
	asked   string // the name after which the bucket's next rows come
	more    bool   // there are such rows
	changes []named
	edits   uint64 // FS.edits when changes and rows were taken
	gives   bool   // nodes of files, whatever programs do
	known   bool   // the kernel may know names from before this listing
	given   trail  // the names at the offsets up to off
	paused  bool   // the reply before ended with the page
	last    entry  // the one given last
	dirent  fuse.DirEntry
}

// entry is one name of the directory: a row of the bucket, or else a node.
type entry struct {
	name string
	row  *cache.Row
	node inode
}

const dots = 2 // the entries "." and "..", which come first

// OpendirHandle opens the directory; the first read asks for rows.
func (d *dirNode) OpendirHandle(context.Context, uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	return &dirHandle{dir: d}, 0, 0
}

// Readdirent gives the next entry, nil at the end of a reply. It is valid until
// the next call.
func (h *dirHandle) Readdirent(context.Context) (*fuse.DirEntry, syscall.Errno) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, err := h.next()
	if err != nil {
		h.paused = true // a reply ends here, too
		return nil, h.dir.fail("readdir", err)
	}
	return e, 0
}

// next gives the next entry; the caller holds h.mu.
func (h *dirHandle) next() (*fuse.DirEntry, error) {
	if h.off < dots {
		h.off++
		h.dirent = fuse.DirEntry{Name: ".."[:h.off], Mode: syscall.S_IFDIR, Ino: h.dir.ino, Off: h.off}
		return &h.dirent, nil
	}
	ok, err := h.advance()
	if !ok || err != nil {
		return nil, err
	}
	h.given.add(h.last.name)
	h.off++
	h.dirent = h.dir.dirent(h.last)
	h.dirent.Off = h.off
	return &h.dirent, nil
}

// advance makes h.last the entry after it, from rows and changes. It says no at
// the end of a page.
func (h *dirHandle) advance() (bool, error) {
	if h.off == dots {
		if err := h.start(""); err != nil {
			return false, err
		}
	}
	for len(h.rows) == 0 && h.more {
		if !h.paused && h.off > dots {
			h.paused = true
			return false, nil
		}
		if err := h.page(); err != nil {
			return false, err
		}
	}
	h.paused = false
	switch {
	case len(h.rows) == 0 && len(h.changes) == 0:
		return false, nil
	case len(h.changes) > 0 && (len(h.rows) == 0 || cache.InOrder(h.changes[0].name, h.rows[0].Base) <= 0):
		c := h.changes[0]
		h.changes = h.changes[1:]
		if len(h.rows) > 0 && h.rows[0].Base == c.name {
			h.rows = h.rows[1:]
		}
		h.last = entry{name: c.name, node: c.node}
	default:
		h.last = entry{name: h.rows[0].Base, row: &h.rows[0]}
		h.rows = h.rows[1:]
	}
	return true, nil
}

// dirent is what readdir(3) shows of an entry.
func (d *dirNode) dirent(e entry) fuse.DirEntry {
	if e.node == nil {
		if e.node = d.kid(e.name); e.node == nil {
			return fuse.DirEntry{Name: e.name, Mode: d.fs.typeOf(&e.row.Name)}
		}
	}
	n := e.node.base()
	return fuse.DirEntry{Name: e.name, Mode: n.typ, Ino: n.ino}
}

// attrsWanted is how long a habit of programs is taken for granted: to ask for
// the files that a listing has shown, or not to.
const attrsWanted = 10 * time.Second

// errWithheld leaves an entry of READDIRPLUS without a node; the kernel asks for
// the name when a program does. It never reaches a program.
const errWithheld = syscall.EAGAIN

// habits tell whether the nodes of files are worth being handed out with a
// listing. READDIRPLUS_AUTO begins every directory with a reply of nodes, and goes
// on with them only if the program asks for some: right for one large directory,
// but in a tree of small ones the first reply is all there is, and find(1), which
// has the types and asks for nothing more, spent half its time on nodes. So the
// first listing in a while has them, and later ones have them if somebody has
// asked for a file that a listing had shown without.
type habits struct {
	listed atomic.Int64 // when a listing with files was begun, ns since 1970
	asked  atomic.Int64 // when a listed file was looked up
}

// begin notes a listing with files and says whether it is the first in a while.
func (h *habits) begin(now time.Time) bool {
	return now.UnixNano()-h.listed.Swap(now.UnixNano()) > int64(attrsWanted)
}

// ask notes a question about a listed file.
func (h *habits) ask(now time.Time) { h.asked.Store(now.UnixNano()) }

// asks says whether there was one of late.
func (h *habits) asks(now time.Time) bool {
	return now.UnixNano()-h.asked.Load() <= int64(attrsWanted)
}

// Lookup gives the kernel the node of an entry, in READDIRPLUS: from the row,
// unless something was changed here since it was read.
func (h *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	h.mu.Lock()
	e, edits, gives := h.last, h.edits, h.gives
	h.mu.Unlock()
	d := h.dir
	if e.row != nil && !e.row.Dir && !gives && !d.fs.habits.asks(d.fs.now()) {
		return nil, errWithheld
	}
	if e.row == nil || e.name != name || edits != d.fs.edits() {
		return d.Lookup(ctx, name, out)
	}
	n := d.adoptRow(name, &e.row.Name)
	if n == nil {
		return d.Lookup(ctx, name, out)
	}
	return d.enter(ctx, n, e.row.Until.Sub(d.fs.now()), out), 0
}

// start takes the changes and the first page of rows after a name.
func (h *dirHandle) start(after string) error {
	h.asked, h.rows, h.changes = after, nil, nil
	h.edits = h.dir.fs.edits()
	h.known = h.known || after != "" || h.dir.hasKids()
	if key, ok := h.dir.key(); ok { // else it was removed, and is empty
		h.changes = h.dir.fs.overlay.list(key, after)
	}
	if err := h.page(); err != nil {
		return err
	}
	if after == "" && slices.ContainsFunc(h.rows, func(r cache.Row) bool { return !r.Dir }) {
		h.gives = h.dir.fs.habits.begin(h.dir.fs.now())
	}
	return nil
}

// page takes the next page of rows, and the changes anew if there are others.
func (h *dirHandle) page() error {
	key, ok := h.dir.key()
	if !ok {
		h.more = false
		return nil
	}
	f := h.dir.fs
	if edits := f.edits(); edits != h.edits {
		h.edits = edits
		h.changes = f.overlay.list(key, h.asked)
	}
	rows, more, err := f.names.Rows(f.ctx, key, h.asked)
	if err != nil {
		return err
	}
	h.rows, h.more = f.overlay.visible(key, rows), more
	h.dir.listed.Store(true)
	if !more && h.known { // names that come from the listing itself need no comparing
		h.dir.notifyListed(rows)
	}
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
	h.off, h.paused, h.last = off, true, entry{}
	return h.start(last)
}

// Fsyncdir waits until COS knows of every name that was removed here.
func (h *dirHandle) Fsyncdir(context.Context, uint32) syscall.Errno {
	key, ok := h.dir.key()
	if !ok {
		return 0
	}
	return h.dir.fail("fsync", h.dir.fs.settle(prefixOf(key)))
}
