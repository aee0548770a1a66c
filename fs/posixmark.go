package fs

import (
	"syscall"
	"time"
)

// markPosix tells other mounts, before an object with attributes is stored
// that their defaults do not show, that HEADs are worth their while (design.md
// 9.4). If that fails the object is stored all the same: it is its content that
// matters, and the next one tries again.
func (f *FS) markPosix(a attr) {
	if !a.differs(f.defaults, f.now()) {
		return
	}
	err := f.names.MarkPosix(f.ctx)
	if err != nil && f.repeats.first("mark "+err.Error(), f.now()) {
		f.log.Warn("other mounts may not see modes and owners: the mark .cosfs/posix cannot be stored", "err", err)
	}
}

// differs says whether a listing, which shows no more than Last-Modified, would
// show anything else. Last-Modified will be about now.
func (a attr) differs(d defaults, now time.Time) bool {
	const close = 2 * time.Second // between the last write and the store
	plain := syscall.S_IFREG | d.fileMode
	if a.typ() == syscall.S_IFDIR {
		plain = syscall.S_IFDIR | d.dirMode
	}
	return a.mode != plain || a.uid != d.uid || a.gid != d.gid || a.rdev != 0 || len(a.xattrs) > 0 ||
		now.Sub(a.mtime).Abs() > close
}
