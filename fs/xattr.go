package fs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// cosXattrs are what COS keeps of an object beside its bytes, shown as
// extended attributes (design.md 9.3). Those without set are read only. The
// ACL is no part of the object's answer and stands apart.
const (
	xattrCOS = "user.cos."
	xattrACL = "user.cos.acl"
)

type cosXattr struct {
	get func(cosapi.Object) string
	set func(*cosapi.Attrs, string)
}

func cosXattrs() map[string]cosXattr {
	return map[string]cosXattr{
		"user.cos.etag": {get: func(o cosapi.Object) string { return o.ETag }},
		"user.cos.storage-class": {
			get: func(o cosapi.Object) string { return standard(o.StorageClass) },
			set: func(a *cosapi.Attrs, v string) { a.StorageClass = v },
		},
		"user.cos.content-type": {
			get: func(o cosapi.Object) string { return o.ContentType },
			set: func(a *cosapi.Attrs, v string) { a.ContentType = v },
		},
	}
}

// standard names the storage class that COS does not.
func standard(class string) string {
	if class == "" {
		return "STANDARD"
	}
	return class
}

// holder is a node that has extended attributes.
type holder interface {
	inode
	// stored gives the object as it is known, and the attributes of programs.
	stored() (cosapi.Object, xattrs)
	changeAttr(amend) error
	// access gives the ACL and setAccess changes it.
	access() (access, error)
	setAccess(canned string) error
}

// getXattr gives one value.
func getXattr(n holder, name string) (string, error) {
	o, own := n.stored()
	if x, ok := cosXattrs()[name]; ok {
		if o.ETag == "" && x.set == nil || x.get(o) == "" {
			return "", unix.ENODATA // not stored yet
		}
		return x.get(o), nil
	}
	if name == xattrACL {
		a, err := n.access()
		if err != nil {
			return "", err
		}
		return a.name(), nil
	}
	if v, ok := own[name]; ok {
		return string(v), nil
	}
	return "", unix.ENODATA
}

// setXattr sets one value; flags are those of setxattr(2).
func setXattr(n holder, name string, value []byte, flags uint32) error {
	x, isCOS := cosXattrs()[name]
	switch {
	case n.base().fs.cfg.ReadOnly:
		return unix.EROFS
	case name == xattrACL:
		return n.setAccess(string(value))
	case isCOS && x.set == nil:
		return unix.EPERM
	case isCOS:
		return n.changeAttr(func(_ *attr, c *cosapi.Attrs) error { x.set(c, string(value)); return nil })
	case strings.HasPrefix(name, xattrCOS):
		return unix.EINVAL // no attribute of COS that cosfs knows
	case !strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "trusted."):
		return unix.EOPNOTSUPP // security.* and system.* would not be enforced
	}
	return n.changeAttr(func(a *attr, _ *cosapi.Attrs) error {
		_, have := a.xattrs[name]
		if have && flags&unix.XATTR_CREATE != 0 {
			return unix.EEXIST
		}
		if !have && flags&unix.XATTR_REPLACE != 0 {
			return unix.ENODATA
		}
		with := a.xattrs.with(name, value)
		if len(with.pack()) > maxXattrs {
			return unix.ENOSPC
		}
		a.xattrs = with
		return nil
	})
}

func removeXattr(n holder, name string) error {
	if _, ok := cosXattrs()[name]; ok || name == xattrACL {
		return unix.EPERM
	}
	return n.changeAttr(func(a *attr, _ *cosapi.Attrs) error {
		if _, ok := a.xattrs[name]; !ok {
			return unix.ENODATA
		}
		a.xattrs = a.xattrs.without(name)
		return nil
	})
}

// listXattrs names what has a value, in order.
func listXattrs(n holder) []string {
	o, own := n.stored()
	names := slices.Collect(maps.Keys(own))
	if o.ETag != "" {
		names = append(names, xattrACL)
		for name, x := range cosXattrs() {
			if x.get(o) != "" {
				names = append(names, name)
			}
		}
	}
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

// holder is the node as one with extended attributes: all types are.
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

func (n *node) Listxattr(_ context.Context, dest []byte) (uint32, syscall.Errno) {
	var list strings.Builder
	for _, name := range listXattrs(n.holder()) {
		list.WriteString(name)
		list.WriteByte(0)
	}
	return reply(dest, list.String())
}

func (l *leaf) stored() (cosapi.Object, xattrs) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.info, l.attr.xattrs
}

func (d *dirNode) stored() (cosapi.Object, xattrs) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.info, d.attr.xattrs
}
