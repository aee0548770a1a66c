package cosapi

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	metaPrefix = "x-cos-meta-"
	ssePrefix  = "x-cos-server-side-encryption"
	crcHeader  = "x-cos-hash-crc64ecma"
)

// setAttrs writes what COS stores beside the content (cos-api.md 3.0.7).
func (r *request) setAttrs(a Attrs) {
	r.set("Content-Type", a.ContentType)
	r.set("Cache-Control", a.CacheControl)
	r.set("Content-Disposition", a.ContentDisposition)
	r.set("Content-Encoding", a.ContentEncoding)
	r.set("Content-Language", a.ContentLanguage)
	r.set("Expires", a.Expires)
	for name, value := range a.Meta {
		r.set(metaPrefix+strings.ToLower(name), value)
	}
}

// setPut writes the choices that hold for every way to make an object.
func (r *request) setPut(o PutOptions) {
	r.setAttrs(o.Attrs)
	r.setPlacement(o)
}

// setPlacement writes the choices that a copy never takes from its source.
func (r *request) setPlacement(o PutOptions) {
	r.set("x-cos-storage-class", o.StorageClass)
	r.setEncryption(o.Encryption)
	r.setACL(o.ACL, o.Grants)
	r.set("x-cos-tagging", encodeTags(o.Tags))
	if o.ForbidOverwrite {
		r.set("x-cos-forbid-overwrite", "true")
	}
	r.setTrafficLimit(o.TrafficLimit)
	for name, values := range o.Header {
		r.init()
		r.header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
}

func (r *request) setTrafficLimit(bitsPerSecond int64) {
	if bitsPerSecond != 0 {
		r.set("x-cos-traffic-limit", strconv.FormatInt(bitsPerSecond, 10))
	}
}

// setACL writes a canned ACL and explicit grants (cos-api.md 3.0.8).
func (r *request) setACL(canned string, g Grants) {
	r.set("x-cos-acl", canned)
	r.set("x-cos-grant-full-control", g.FullControl)
	r.set("x-cos-grant-read", g.Read)
	r.set("x-cos-grant-write", g.Write)
	r.set("x-cos-grant-read-acp", g.ReadACP)
	r.set("x-cos-grant-write-acp", g.WriteACP)
}

// setEncryption writes the headers of cos-api.md 3.0.9.
func (r *request) setEncryption(e Encryption) {
	if len(e.CustomerKey) > 0 {
		r.setCustomerKey(ssePrefix, e.CustomerKey)
		return
	}
	r.set(ssePrefix, e.Algorithm)
	r.set(ssePrefix+"-cos-kms-key-id", e.KMSKeyID)
	r.set(ssePrefix+"-context", e.Context)
}

// setCustomerKey writes the headers of SSE-C. The prefix differs for the
// source of a copy.
func (r *request) setCustomerKey(prefix string, key []byte) {
	if len(key) == 0 {
		return
	}
	sum := md5.Sum(key)
	r.set(prefix+"-customer-algorithm", "AES256")
	r.set(prefix+"-customer-key", base64.StdEncoding.EncodeToString(key))
	r.set(prefix+"-customer-key-MD5", base64.StdEncoding.EncodeToString(sum[:]))
}

// readAttrs is the inverse of setAttrs, with the placement that COS tells.
func readAttrs(h http.Header) Attrs {
	a := Attrs{
		ContentType:        h.Get("Content-Type"),
		CacheControl:       h.Get("Cache-Control"),
		ContentDisposition: h.Get("Content-Disposition"),
		ContentEncoding:    h.Get("Content-Encoding"),
		ContentLanguage:    h.Get("Content-Language"),
		Expires:            h.Get("Expires"),
		StorageClass:       h.Get("x-cos-storage-class"),
		Encryption: Encryption{
			Algorithm: h.Get(ssePrefix),
			KMSKeyID:  h.Get(ssePrefix + "-cos-kms-key-id"),
			Context:   h.Get(ssePrefix + "-context"),
		},
	}
	for name, values := range h {
		lower := strings.ToLower(name)
		if suffix, ok := strings.CutPrefix(lower, metaPrefix); ok && len(values) > 0 {
			if a.Meta == nil {
				a.Meta = make(map[string]string)
			}
			a.Meta[suffix] = values[0]
		}
	}
	return a
}

// readObject is what the header of a HEAD or GET says of an object.
func readObject(key string, size int64, h http.Header) Object {
	o := Object{
		Version:   Version{Key: key, ETag: unquote(h.Get("ETag")), Size: size},
		Attrs:     readAttrs(h),
		VersionID: h.Get("x-cos-version-id"),
		Restore:   h.Get("x-cos-restore"),

		Expiration: h.Get("x-cos-expiration"),
	}
	if modified, err := http.ParseTime(h.Get("Last-Modified")); err == nil {
		o.Modified = modified
	}
	o.CRC64, o.HasCRC64 = readCRC(h)
	if t := h.Get("x-cos-object-type"); t != "normal" {
		o.Type = t
	}
	return o
}

// readCRC is the checksum of the whole object, which gateways may drop.
func readCRC(h http.Header) (crc uint64, ok bool) {
	crc, err := strconv.ParseUint(h.Get(crcHeader), 10, 64)
	return crc, err == nil
}

// unquote takes the quotes of the wire from an ETag, and the weakness mark
// that compressing gateways add.
func unquote(etag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(etag), "W/"), `"`)
}

func quote(etag string) string { return `"` + etag + `"` }

// httpTime is a time as headers carry it; empty for the zero time.
func httpTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(http.TimeFormat)
}
