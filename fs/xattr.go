package fs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// Extended attributes are those of programs, which are kept in one header
// (xattrpack.go), and what COS keeps of an object beside its bytes, under
// user.cos. (xattrcos.go and xattrasked.go; of the bucket, xattrbucket.go).
//
// listxattr(2) names what a copy should carry: those of programs, and those of
// COS that describe the content and that somebody has chosen. The others exist,
// but only by name: rsync -X and mv set on the copy whatever is listed of the
// original and remove from it whatever is not, which makes no sense for an
// ETag, and would cost two requests per file for the ACL and the tags.
const (
	xattrCOS = "user.cos."
	xattrAll = "user.cos" // all of them that need no request, as JSON
)

// holder is a node that has extended attributes: all types are.
type holder interface {
	inode
	// stored gives the object as it is known, and the attributes of programs;
	// whole says that the bucket has this very content.
	stored() (o cosapi.Object, own xattrs, whole bool)
	// learn asks for what a listing does not show, if o comes from one.
	learn() error
	changeAttr(amend) error
	// plain gives the headers that a new object of the same name would have.
	plain() cosapi.Attrs

	// withExtras changes what COS has no header for in an answer: it is given
	// what is known, to read and change.
	withExtras(func(*extras))
	// objectKey is the key of the object; waiting says that there is none yet,
	// or a new one to be sent, which takes along what withExtras has set.
	objectKey() (key string, waiting bool, err error)
	// claimObject claims it for a request of its own.
	claimObject() (release func(), err error)
}

// The errors of removexattr(2) and setxattr(2) for what cannot be changed.
const (
	errReadOnlyXattr = unix.EPERM
	errNoXattr       = unix.ENODATA
)

// getXattr gives one value.
func getXattr(n holder, name string) (string, error) {
	if short, ok := strings.CutPrefix(name, xattrCOS); ok {
		return getCOSXattr(n, short)
	}
	if !storableXattr(name) {
		// Not "this file has none": so `ls -l` asks for security.selinux and the
		// ACL of one file, not of each, which was two thirds of its time.
		return "", unix.EOPNOTSUPP
	}
	if err := n.learn(); err != nil {
		return "", err
	}
	o, own, whole := n.stored()
	if name == xattrAll {
		return describe(o, whole), nil
	}
	if v, ok := own[name]; ok {
		return string(v), nil
	}
	return "", errNoXattr
}

// setXattr sets one value; flags are those of setxattr(2).
func setXattr(n holder, name string, value []byte, flags uint32) error {
	if n.base().fs.cfg.ReadOnly {
		return unix.EROFS
	}
	if short, ok := strings.CutPrefix(name, xattrCOS); ok {
		return setCOSXattr(n, short, string(value), flags)
	}
	switch {
	case name == xattrAll:
		return errReadOnlyXattr
	case !storableXattr(name):
		return unix.EOPNOTSUPP
	}
	return tidy(n.changeAttr(func(a *attr, c *cosapi.Attrs) error {
		old, have := a.xattrs[name]
		if err := checkXattrFlags(have, flags); err != nil {
			return err
		}
		if have && string(old) == string(value) {
			return errNoChange
		}
		return a.setXattrs(a.xattrs.with(name, value), c, n.base().fs.now())
	}))
}

func removeXattr(n holder, name string) error {
	if n.base().fs.cfg.ReadOnly {
		return unix.EROFS
	}
	if short, ok := strings.CutPrefix(name, xattrCOS); ok {
		return removeCOSXattr(n, short)
	}
	return n.changeAttr(func(a *attr, c *cosapi.Attrs) error {
		if _, ok := a.xattrs[name]; !ok {
			return errNoXattr
		}
		return a.setXattrs(a.xattrs.without(name), c, n.base().fs.now())
	})
}

// storableXattr says which names programs may give values: security.* and
// system.* would be believed to protect something, which they do not here.
// (trusted.* is root's alone, the kernel sees to that.)
func storableXattr(name string) bool {
	return strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.")
}

func checkXattrFlags(have bool, flags uint32) error {
	switch {
	case have && flags&unix.XATTR_CREATE != 0:
		return unix.EEXIST
	case !have && flags&unix.XATTR_REPLACE != 0:
		return errNoXattr
	}
	return nil
}

// listXattrs names what a copy should carry, in order. root is whether a
// privileged program asks, which alone sees trusted.*.
func listXattrs(n holder, root bool) []string {
	o, own, _ := n.stored()
	names := slices.Collect(maps.Keys(own))
	if !root {
		names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "trusted.") })
	}
	names = append(names, chosenXattrs(o.Attrs, n.plain())...)
	slices.Sort(names)
	return names
}

// reply copies a value into the caller's buffer; an empty buffer asks for the
// size only.
func reply(dest []byte, value string) (uint32, syscall.Errno) {
	if len(dest) < len(value) {
		return uint32(len(value)), unix.ERANGE
	}
	return uint32(copy(dest, value)), 0
}

// holder is the node as one with extended attributes.
func (n *node) holder() holder { return n.self.(holder) }

func (n *node) Getxattr(_ context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	value, err := getXattr(n.holder(), name)
	if err != nil {
		return 0, n.fail("getxattr", err)
	}
	return reply(dest, value)
}

func (n *node) Setxattr(_ context.Context, name string, value []byte, flags uint32) syscall.Errno {
	return n.fail("setxattr", setXattr(n.holder(), name, value, flags))
}

func (n *node) Removexattr(_ context.Context, name string) syscall.Errno {
	return n.fail("removexattr", removeXattr(n.holder(), name))
}

func (n *node) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	caller, ok := fuse.FromContext(ctx)
	var list strings.Builder
	for _, name := range listXattrs(n.holder(), ok && caller.Uid == 0) {
		list.WriteString(name)
		list.WriteByte(0)
	}
	return reply(dest, list.String())
}
