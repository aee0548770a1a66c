package fs

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
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

// maxXattrs bounds the packed attributes of one inode, in bytes: COS keeps
// 2 KB of user metadata (cos-api.md 3.0.5), of which the POSIX attributes need
// up to a quarter.
const maxXattrs = 1536

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
