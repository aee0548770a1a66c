package fs

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// metaXattr holds all extended attributes of programs in one header, as
// Tencent's cosfs packs them (field.md 2.4): the percent-encoding of a JSON
// object whose values are base64.
const metaXattr = "xattr"

// xattrs are the extended attributes that programs have set on one inode.
type xattrs map[string][]byte

// pack gives the header's value, empty when there are none.
func (x xattrs) pack() string {
	if len(x) == 0 {
		return ""
	}
	text, err := json.Marshal(map[string][]byte(x)) // []byte marshals as base64, keys sorted
	if err != nil {
		return "" // a map of strings to bytes always marshals
	}
	return strings.ReplaceAll(url.QueryEscape(string(text)), "+", "%20")
}

// parseXattrs reads what pack wrote; what cannot be read counts as none.
func parseXattrs(header string) xattrs {
	if header == "" {
		return nil
	}
	text, err := url.PathUnescape(header)
	if err != nil {
		return nil
	}
	var x map[string][]byte
	if json.Unmarshal([]byte(text), &x) != nil {
		return nil
	}
	return x
}

// posixRoom is what the headers of the POSIX attributes need at most, in bytes
// of the cosapi.MaxMetaSize that COS keeps of user metadata: a chmod must not
// fail because attributes of programs have taken all of it.
const posixRoom = 384

// setXattrs changes the attributes of programs, if there is room for them.
func (a *attr) setXattrs(x xattrs, c *cosapi.Attrs, now time.Time) error {
	was := *a
	a.xattrs, a.ctime = x, now
	if err := a.checkSize(*c); err != nil {
		*a = was
		return err
	}
	return nil
}

// checkSize says whether COS will keep all that is to be stored.
func (a *attr) checkSize(c cosapi.Attrs) error {
	header := func(name, value string) int { return len("x-cos-meta-") + len(name) + len(value) }
	size := posixRoom
	if packed := a.xattrs.pack(); packed != "" {
		size += header(metaXattr, packed)
	}
	for name, value := range c.Meta {
		if !isPosixMeta(name) {
			size += header(name, value)
		}
	}
	if size > cosapi.MaxMetaSize {
		return unix.ENOSPC
	}
	return nil
}

// with gives a copy that has the attribute too; nodes share their maps with
// the metadata they came from.
func (x xattrs) with(name string, value []byte) xattrs {
	y := make(xattrs, len(x)+1)
	maps.Copy(y, x)
	y[name] = slices.Clone(value)
	return y
}

func (x xattrs) without(name string) xattrs {
	y := maps.Clone(x)
	delete(y, name)
	return y
}
