package fs

import (
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"cosfs/cache"
	"cosfs/cosapi"
)

// The kernel believes a name until its time is over. When something is found
// out earlier it is told, so that the next program asks again: a listing shows
// what another host has changed or removed, a file has lost its name to another
// host, a removal was refused, or a rename has moved another version than the
// kernel knew of. Only names are taken back, never contents: an inode is one
// version, and what is cached of it stays right for those who have it open.
//
// The kernel takes the lock of the directory for a notification, which the
// request holds that found the change. So notices go through a queue to one
// goroutine that holds nothing, and no request ever waits for it. It may have to
// wait itself, for as long as a rename in that directory takes; a notice that
// finds the queue full is dropped, and the time of the name does the rest.

// maxNotices bounds the queue.
const maxNotices = 1024

// notice is one thing to tell. Without a name all of the directory that the
// kernel may know is compared with its listing.
type notice struct {
	dir  *dirNode
	name string
}

type notifier struct {
	queue chan notice
	told  atomic.Uint64 // names taken back, for tests and status
}

// notify has the kernel forget a name.
func (d *dirNode) notify(name string) {
	select {
	case d.fs.notices.queue <- notice{d, name}:
	default:
	}
}

// notifyAt is notify by the key of the directory. One that has no node is not
// known to the kernel.
func (f *FS) notifyAt(dir, name string) {
	d := f.root
	for part := range strings.SplitSeq(strings.TrimPrefix(dir+"/", f.cfg.Prefix), "/") {
		if part == "" {
			continue
		}
		kid, ok := d.kid(part).(*dirNode)
		if !ok {
			return
		}
		d = kid
	}
	d.notify(name)
}

// notifyListed compares what the kernel may know of a directory with a listing
// of it that has just been read to its end, once for each listing.
func (d *dirNode) notifyListed(rows []cache.Row) {
	if len(rows) > 0 {
		until := rows[0].Until.UnixNano()
		if d.compared.Swap(until) == until {
			return
		}
	}
	d.notify("")
}

// tell works until the file system ends.
func (f *FS) tell() {
	for {
		select {
		case n := <-f.notices.queue:
			f.deliver(n)
		case <-f.ctx.Done():
			return
		}
	}
}

func (f *FS) deliver(n notice) {
	if !n.dir.served.Load() {
		return // the kernel has never asked for a name here
	}
	if n.name != "" {
		n.dir.takeBack(n.name)
		return
	}
	for _, name := range n.dir.changedElsewhere() {
		n.dir.takeBack(name)
	}
}

// takeBack has the kernel ask for a name again. That it does not know the name
// any more is no error, and neither is that the mount has ended.
func (d *dirNode) takeBack(name string) {
	switch errno := d.NotifyEntry(name); errno {
	case 0:
		d.fs.notices.told.Add(1)
	case syscall.ENOENT, syscall.ENODEV, syscall.ENOTCONN:
	default:
		d.fs.log.Debug("the kernel could not be told that a name has changed", "key", d.keyOf(name), "err", errno)
	}
}

// changedElsewhere gives the names whose nodes are not what Names knows of
// them.
func (d *dirNode) changedElsewhere() (names []string) {
	key, ok := d.key()
	if !ok {
		return nil
	}
	for _, k := range d.kidsNow() {
		said, absent, known := d.fs.names.Known(join(key, k.name))
		if _, ours := d.fs.overlay.get(key, k.name); !known || ours {
			continue
		}
		if absent || k.node.differs(said.Object, said.Dir) {
			names = append(names, k.name)
		}
	}
	return names
}

// kidsNow are the nodes handed out below the directory.
func (d *dirNode) kidsNow() []named {
	d.mu.Lock()
	defer d.mu.Unlock()
	kids := make([]named, 0, len(d.kids))
	for name, n := range d.kids {
		kids = append(kids, named{name, n})
	}
	return kids
}

// clockSlack is how far the time in the answer to a PUT may be from the one
// that a listing shows (design.md 9.5).
const clockSlack = 2 * time.Second

// differs says whether the bucket has another object than the node knows, be it
// only in its attributes. That the node is newer, or of another type than a
// listing can show, is no difference that matters.
func (l *leaf) differs(o cosapi.Object, dir bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return dir || l.info.Version != o.Version || o.Modified.Sub(l.info.Modified).Abs() > clockSlack
}

func (n *fileNode) differs(o cosapi.Object, dir bool) bool {
	n.mu.Lock()
	staged := n.staged != nil
	n.mu.Unlock()
	return !staged && n.leaf.differs(o, dir)
}

func (d *dirNode) differs(_ cosapi.Object, dir bool) bool { return !dir }
