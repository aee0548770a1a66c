package cache

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"cosfs/cosapi"
)

// attrFormat is the first byte of a stored entry. Entries of another format
// are not there.
const attrFormat = 1

const (
	flagWritten = 1 << iota
	flagCRC64
	flagListed
	flagACL
)

var errAttrFormat = errors.New("a stored entry cannot be read")

// encode makes the stored form of e. The key is not part of it.
func (e *attrEntry) encode() []byte {
	o := &e.object
	flags := flagIf(e.written, flagWritten) | flagIf(o.HasCRC64, flagCRC64) |
		flagIf(o.Listed, flagListed) | flagIf(e.acl != nil, flagACL)
	b := append(make([]byte, 0, 256), attrFormat, flags)
	b = binary.AppendVarint(b, o.Size)
	b = binary.AppendVarint(b, o.Modified.UnixNano())
	b = binary.BigEndian.AppendUint64(b, o.CRC64)
	for _, s := range attrStrings(o) {
		b = appendString(b, *s)
	}
	b = binary.AppendUvarint(b, uint64(len(o.Meta)))
	for name, value := range o.Meta {
		b = appendString(appendString(b, name), value)
	}
	if e.acl != nil {
		for _, s := range e.acl.strings() {
			b = appendString(b, *s)
		}
	}
	return b
}

func flagIf(on bool, flag byte) byte {
	if on {
		return flag
	}
	return 0
}

// decodeAttrs is the reverse of encode. Everything in the result is a copy.
func decodeAttrs(key string, b []byte) (*attrEntry, error) {
	if len(b) < 2 || b[0] != attrFormat {
		return nil, errAttrFormat
	}
	flags, r := b[1], reader{rest: b[2:]}
	e := &attrEntry{written: flags&flagWritten != 0, settled: true}
	o := &e.object
	o.Key, o.HasCRC64, o.Listed = key, flags&flagCRC64 != 0, flags&flagListed != 0
	o.Size = r.varint()
	o.Modified = time.Unix(0, r.varint()).UTC()
	o.CRC64 = r.uint64()
	for _, s := range attrStrings(o) {
		*s = r.string()
	}
	if n := r.uvarint(); n > 0 && n <= uint64(len(r.rest)) {
		o.Meta = make(map[string]string, n)
		for range n {
			name := r.string()
			o.Meta[name] = r.string()
		}
	}
	if flags&flagACL != 0 {
		e.acl = &ACL{}
		for _, s := range e.acl.strings() {
			*s = r.string()
		}
	}
	if r.bad || len(r.rest) > 0 {
		return nil, errAttrFormat
	}
	return e, nil
}

// attrStrings are the fields of o that are stored as strings, in this order.
func attrStrings(o *cosapi.Object) []*string {
	return []*string{
		&o.ETag, &o.StorageClass, &o.ContentType, &o.CacheControl, &o.ContentDisposition, &o.ContentEncoding,
		&o.ContentLanguage, &o.Expires, &o.Encryption.Algorithm, &o.Encryption.KMSKeyID, &o.Encryption.Context,
		&o.VersionID, &o.Type, &o.Expiration,
	}
}

func (a *ACL) strings() []*string {
	g := &a.Grants
	return []*string{&a.Canned, &g.FullControl, &g.Read, &g.Write, &g.ReadACP, &g.WriteACP}
}

// storable says whether e may outlive the mount: it holds for good, nothing in
// it changes without a new version (what is restored from an archive expires),
// and nothing in it is secret.
func (e *attrEntry) storable() bool {
	return e.settled && e.object.Restore == "" && len(e.object.Encryption.CustomerKey) == 0
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes values off the front of rest; bad says that one was missing.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) uint64() uint64 {
	if len(r.rest) < 8 {
		r.skip(0)
		return 0
	}
	v := binary.BigEndian.Uint64(r.rest)
	r.skip(8)
	return v
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.skip(0)
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

// skip drops n bytes; a length of 0 or less means that there was no value.
func (r *reader) skip(n int) {
	if n <= 0 {
		r.bad, r.rest = true, slices.Clip(r.rest[:0])
		return
	}
	r.rest = r.rest[n:]
}
