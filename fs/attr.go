package fs

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"cosfs/cosapi"
)

// The names under x-cos-meta- in which POSIX attributes are kept. The first
// four are those of Tencent's cosfs (field.md 2.4): decimal numbers, mode with
// its type bits, mtime in whole seconds because that tool cannot read more.
// The others are ours; it carries them along unread, so they count only while
// they agree with what it may have changed.
const (
	metaMode  = "mode"
	metaUID   = "uid"
	metaGID   = "gid"
	metaMtime = "mtime"

	metaMtimeFine = "cosfs-mtime" // seconds.nanoseconds
	metaAtimeFine = "cosfs-atime"
	metaCtimeFine = "cosfs-ctime"
	metaRdev      = "cosfs-rdev"
)

// attr is what stat(2) shows of an inode, beside its size and number.
type attr struct {
	mode                uint32 // with the type bits
	uid, gid            uint32
	rdev                uint32
	mtime, ctime, atime time.Time
	xattrs              xattrs // of programs
}

// The same attributes as other tools keep them, which are read where ours are
// missing: s3sync, s3fs, rclone, gateways of AWS, gsutil (field.md 2.4). The
// modes of the last two are octal.
const (
	s3syncMode, s3syncUID, s3syncGID    = "permissions", "owner", "group"
	s3fsAtime, s3fsCtime                = "atime", "ctime"
	gatewayMode, gatewayUID, gatewayGID = "file-permissions", "file-owner", "file-group"
	googleMode, googleUID, googleGID    = "goog-reserved-posix-mode", "goog-reserved-posix-uid", "goog-reserved-posix-gid"
	googleMtime, googleAtime            = "goog-reserved-file-mtime", "goog-reserved-file-atime"
)

// isPosixMeta says whether a header of user metadata stands for what stat(2)
// shows, or for attributes of programs.
func isPosixMeta(header string) bool {
	switch header {
	case metaMode, metaUID, metaGID, metaMtime, metaXattr, metaMtimeFine, metaAtimeFine, metaCtimeFine, metaRdev,
		s3syncMode, s3syncUID, s3syncGID, s3fsAtime, s3fsCtime, gatewayMode, gatewayUID, gatewayGID,
		googleMode, googleUID, googleGID, googleMtime, googleAtime:
		return true
	}
	return false
}

func (a attr) typ() uint32 { return a.mode & syscall.S_IFMT }

// defaults are the attributes of objects that carry none.
type defaults struct {
	uid, gid          uint32
	fileMode, dirMode uint32
}

// attrOf reads the attributes of an object; typ is the type it has by its
// place in the listing (S_IFDIR, or S_IFREG when only its headers can tell).
func attrOf(o cosapi.Object, typ uint32, d defaults) attr {
	a := attr{mode: syscall.S_IFREG | d.fileMode, uid: d.uid, gid: d.gid, mtime: o.Modified, ctime: o.Modified, atime: o.Modified}
	if typ == syscall.S_IFDIR {
		a.mode = syscall.S_IFDIR | d.dirMode
	}
	if len(o.Meta) == 0 { // what a listing shows, by the thousand
		return a
	}
	if mode, ok := metaMode10(o.Meta); ok {
		a.mode = mergeMode(a.mode, mode, typ)
	}
	if uid, ok := metaUint(o.Meta, metaUID, s3syncUID, gatewayUID, googleUID); ok {
		a.uid = uid
	}
	if gid, ok := metaUint(o.Meta, metaGID, s3syncGID, gatewayGID, googleGID); ok {
		a.gid = gid
	}
	a.rdev, _ = metaUint(o.Meta, metaRdev)
	a.mtime = mtimeOf(o)
	a.ctime = metaTime(o.Meta, o.Modified, metaCtimeFine, s3fsCtime)
	a.atime = metaTime(o.Meta, a.mtime, metaAtimeFine, s3fsAtime, googleAtime)
	a.xattrs = parseXattrs(o.Meta[metaXattr])
	return a
}

// mergeMode takes the permission bits of a stored mode always, and its type
// bits unless the key says that it is a directory.
func mergeMode(def, stored, typ uint32) uint32 {
	t := stored & syscall.S_IFMT
	if typ == syscall.S_IFDIR || t == 0 || t == syscall.S_IFDIR {
		t = def & syscall.S_IFMT
	}
	return t | stored&07777
}

// mtimeOf prefers our nanoseconds while they agree with the whole seconds that
// the old tool may have set since; s3fs and rclone write seconds with a
// fraction into the plain header.
func mtimeOf(o cosapi.Object) time.Time {
	plain, ok := parseTime(o.Meta[metaMtime])
	if !ok {
		return metaTime(o.Meta, o.Modified, googleMtime)
	}
	if fine, ok := parseTime(o.Meta[metaMtimeFine]); ok && fine.Unix() == plain.Unix() {
		return fine
	}
	return plain
}

// withAttr returns base with the attributes written into its metadata; base
// itself is not changed.
func withAttr(base cosapi.Attrs, a attr) cosapi.Attrs {
	m := maps.Clone(base.Meta)
	if m == nil {
		m = make(map[string]string, 8)
	}
	m[metaMode] = strconv.FormatUint(uint64(a.mode), 10)
	m[metaUID] = strconv.FormatUint(uint64(a.uid), 10)
	m[metaGID] = strconv.FormatUint(uint64(a.gid), 10)
	m[metaMtime] = strconv.FormatInt(a.mtime.Unix(), 10)
	m[metaMtimeFine] = formatTime(a.mtime)
	m[metaCtimeFine] = formatTime(a.ctime)
	m[metaAtimeFine] = formatTime(a.atime)
	if a.rdev != 0 {
		m[metaRdev] = strconv.FormatUint(uint64(a.rdev), 10)
	}
	if packed := a.xattrs.pack(); packed != "" {
		m[metaXattr] = packed
	} else {
		delete(m, metaXattr)
	}
	base.Meta = m
	return base
}

// dropTimes leaves the times to the object: it is as old as its content.
func dropTimes(m map[string]string) {
	for _, name := range []string{metaMtime, metaMtimeFine, metaCtimeFine, metaAtimeFine} {
		delete(m, name)
	}
}

// metaMode10 reads a mode, from whichever tool: most write it in decimal.
func metaMode10(m map[string]string) (uint32, bool) {
	if mode, ok := metaUint(m, metaMode, s3syncMode); ok {
		return mode, true
	}
	for _, name := range []string{gatewayMode, googleMode} {
		if v, err := strconv.ParseUint(m[name], 8, 32); err == nil {
			return uint32(v), true
		}
	}
	return 0, false
}

// metaTime is the first time that is there, or else another one.
func metaTime(m map[string]string, otherwise time.Time, names ...string) time.Time {
	for _, name := range names {
		if t, ok := parseTime(m[name]); ok {
			return t
		}
	}
	return otherwise
}

func metaUint(m map[string]string, names ...string) (uint32, bool) {
	for _, name := range names {
		s, ok := m[name]
		if !ok {
			continue
		}
		if v, err := strconv.ParseUint(s, 10, 32); err == nil {
			return uint32(v), true
		}
	}
	return 0, false
}

func formatTime(t time.Time) string {
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

// parseTime reads seconds with or without a decimal fraction.
func parseTime(s string) (time.Time, bool) {
	whole, frac, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	frac = (frac + "000000000")[:9]
	ns, err := strconv.ParseUint(frac, 10, 32)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(sec, int64(ns)), true
}

// fill writes the attributes into a kernel reply.
func (a attr) fill(out *fuse.Attr, ino uint64, size int64) {
	out.Ino = ino
	out.Mode = a.mode
	out.Nlink = 1
	out.Uid, out.Gid = a.uid, a.gid
	out.Rdev = a.rdev
	out.Size = uint64(size)
	out.Blocks = (uint64(size) + 511) / 512
	out.Blksize = 1 << 20
	out.SetTimes(&a.atime, &a.mtime, &a.ctime)
}

// apply changes a as the kernel's SETATTR asks, all but the size; errNoChange
// if it asks for nothing.
func (a *attr) apply(in *fuse.SetAttrIn, now time.Time) error {
	changed := false
	if uid, ok := in.GetUID(); ok {
		a.uid = uid
		a.dropPrivileges()
		changed = true
	}
	if gid, ok := in.GetGID(); ok {
		a.gid = gid
		a.dropPrivileges()
		changed = true
	}
	if mode, ok := in.GetMode(); ok { // after the owner, which clears bits of it
		a.mode = a.typ() | mode&07777
		changed = true
	}
	if t, ok := in.GetATime(); ok {
		a.atime = t
		changed = true
	}
	if t, ok := in.GetMTime(); ok {
		a.mtime = t
		changed = true
	}
	if !changed {
		return errNoChange
	}
	a.ctime = now
	return nil
}

// dropPrivileges clears setuid, and setgid of what is group-executable, as a
// change of owner does (chown(2)), and a write by anybody but root.
// HANDLE_KILLPRIV_V2 leaves it to the file system.
func (a *attr) dropPrivileges() {
	if a.typ() == syscall.S_IFDIR {
		return
	}
	a.mode &^= syscall.S_ISUID
	if a.mode&syscall.S_IXGRP != 0 {
		a.mode &^= syscall.S_ISGID
	}
}
