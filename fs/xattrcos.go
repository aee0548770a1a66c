package fs

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// cosFacts are what COS says of the content, for reading only.
func cosFacts() map[string]func(cosapi.Object) string {
	return map[string]func(cosapi.Object) string{
		"etag":       func(o cosapi.Object) string { return o.ETag },
		"version-id": func(o cosapi.Object) string { return o.VersionID },
		"crc64": func(o cosapi.Object) string {
			if !o.HasCRC64 {
				return ""
			}
			return strconv.FormatUint(o.CRC64, 10)
		},
		"last-modified": func(o cosapi.Object) string {
			if o.Modified.IsZero() {
				return ""
			}
			return o.Modified.UTC().Format(time.RFC3339)
		},
	}
}

const storageClassXattr = "storage-class"

// cosHeader finds the header of an attribute that describes the content, or
// says where it is.
func cosHeader(name string, c *cosapi.Attrs) *string {
	switch name {
	case "content-type":
		return &c.ContentType
	case "cache-control":
		return &c.CacheControl
	case "content-disposition":
		return &c.ContentDisposition
	case "content-encoding":
		return &c.ContentEncoding
	case "content-language":
		return &c.ContentLanguage
	case "expires":
		return &c.Expires
	case storageClassXattr:
		return &c.StorageClass
	}
	return nil
}

// cosHeaders are the names of cosHeader that a copy should carry: all but the
// storage class, which a lifecycle rule may have changed, and which costs money.
func cosHeaders() []string {
	return []string{"cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"}
}

// cosMeta finds the header of user.cos.meta.NAME, the user metadata of COS. What
// stands for POSIX attributes is not among it: stat(2) and the attributes of
// programs show that.
func cosMeta(name string) (header string, ok bool) {
	header, ok = strings.CutPrefix(name, "meta.")
	header = strings.ToLower(header) // as COS stores it
	return header, ok && !isPosixMeta(header)
}

// chosenXattrs names the attributes that differ from those of a new object.
func chosenXattrs(c, plain cosapi.Attrs) []string {
	var names []string
	for _, name := range cosHeaders() {
		if v := *cosHeader(name, &c); v != "" && v != *cosHeader(name, &plain) {
			names = append(names, xattrCOS+name)
		}
	}
	for header := range c.Meta {
		if !isPosixMeta(header) {
			names = append(names, xattrCOS+"meta."+header)
		}
	}
	return names
}

// getCOSXattr gives a value of COS; name is without user.cos.
func getCOSXattr(n holder, name string) (string, error) {
	if ask, ok := bucketXattr(n, name); ok {
		return ask()
	}
	if x, ok := askedXattrs()[name]; ok {
		return x.get(n)
	}
	if err := n.learn(); err != nil {
		return "", err
	}
	o, _, whole := n.stored()
	value := cosValue(o, whole, name)
	if value == "" {
		return "", errNoXattr
	}
	return value, nil
}

// cosValue is a value that the object's headers have, or "". Facts are those
// of what is stored, not of what is being written.
func cosValue(o cosapi.Object, whole bool, name string) string {
	if fact, ok := cosFacts()[name]; ok {
		if !whole {
			return ""
		}
		return fact(o)
	}
	if header, ok := cosMeta(name); ok {
		return o.Meta[header]
	}
	header := cosHeader(name, &o.Attrs)
	switch {
	case header == nil:
		return ""
	case name == storageClassXattr:
		return standard(*header)
	}
	return *header
}

// standard names the storage class that COS does not.
func standard(class string) string {
	if class == "" {
		return "STANDARD"
	}
	return class
}

// setCOSXattr sets a value of COS.
func setCOSXattr(n holder, name, value string, flags uint32) error {
	if x, ok := askedXattrs()[name]; ok {
		return setAsked(n, x, value, flags)
	}
	if _, ok := cosFacts()[name]; ok {
		return errReadOnlyXattr
	}
	if value == "" || !printable(value) || name == storageClassXattr && !knownClass(value) {
		return unix.EINVAL // it would not arrive as it is, or not at all
	}
	return tidy(n.changeAttr(func(a *attr, c *cosapi.Attrs) error {
		old := cosValue(cosapi.Object{Attrs: *c}, true, name)
		if err := checkXattrFlags(old != "", flags); err != nil {
			return err
		}
		if old == value {
			return errNoChange
		}
		if err := putCOSValue(c, name, value); err != nil {
			return err
		}
		a.ctime = n.base().fs.now()
		return a.checkSize(*c)
	}))
}

// removeCOSXattr takes a value back to that of a new object of the name.
func removeCOSXattr(n holder, name string) error {
	if x, ok := askedXattrs()[name]; ok {
		return removeAsked(n, x)
	}
	if _, ok := cosFacts()[name]; ok {
		return errReadOnlyXattr
	}
	plain := n.plain()
	return tidy(n.changeAttr(func(a *attr, c *cosapi.Attrs) error {
		if cosValue(cosapi.Object{Attrs: *c}, true, name) == "" {
			return errNoXattr
		}
		was := ""
		if header := cosHeader(name, &plain); header != nil {
			was = *header
		}
		a.ctime = n.base().fs.now()
		return putCOSValue(c, name, was)
	}))
}

// putCOSValue writes a value into headers; the metadata, which nodes share, is
// copied.
func putCOSValue(c *cosapi.Attrs, name, value string) error {
	if header, ok := cosMeta(name); ok {
		if !metaName(header) {
			return unix.EINVAL
		}
		c.Meta = maps.Clone(c.Meta)
		if c.Meta == nil {
			c.Meta = map[string]string{}
		}
		c.Meta[header] = value
		if value == "" {
			delete(c.Meta, header)
		}
		return nil
	}
	header := cosHeader(name, c)
	if header == nil {
		return unix.EINVAL // no attribute of COS that cosfs knows
	}
	*header = value
	return nil
}

// metaName says whether COS takes a name of user metadata (cos-api.md 3.0.7).
func metaName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// printable says whether a header can hold a value.
func printable(s string) bool {
	return strings.TrimSpace(s) == s && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// knownClass says whether COS has such a storage class (cos-api.md 3.0.4).
func knownClass(class string) bool {
	return slices.Contains([]string{
		"STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "COLD", "ARCHIVE", "DEEP_ARCHIVE",
		"MAZ_STANDARD", "MAZ_STANDARD_IA", "MAZ_INTELLIGENT_TIERING", "MAZ_COLD", "MAZ_ARCHIVE",
	}, class)
}

// describe is a JSON object of all values that no request is needed for.
func describe(o cosapi.Object, whole bool) string {
	values := map[string]string{}
	names := append(slices.Collect(maps.Keys(cosFacts())), cosHeaders()...)
	names = append(names, storageClassXattr)
	for header := range o.Meta {
		names = append(names, "meta."+header)
	}
	for _, name := range names {
		if value := cosValue(o, whole, name); value != "" {
			values[name] = value
		}
	}
	return asJSON(values)
}

// asJSON writes a document of plain strings, lists and structs, which always
// can be written.
func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}
