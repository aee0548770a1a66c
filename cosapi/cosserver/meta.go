package cosserver

import (
	"cmp"
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// storedHeaders are kept with an object and answered as they came; user
// metadata comes beside them (cos-api.md 3.0.7).
var storedHeaders = []string{
	"cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires",
}

const (
	metaPrefix         = "x-cos-meta-"
	maxMetaBytes       = 4 << 10
	defaultContentType = "application/octet-stream"
	maxObjectTags      = 10
	maxTagKey          = 128
	maxTagValue        = 256
)

// storageClasses are those that exist (cos-api.md 3.0.4).
var storageClasses = map[string]bool{
	"STANDARD": true, "STANDARD_IA": true, "ARCHIVE": true, "DEEP_ARCHIVE": true, "INTELLIGENT_TIERING": true,
	"MAZ_STANDARD": true, "MAZ_STANDARD_IA": true, "MAZ_INTELLIGENT_TIERING": true, "COLD": true, "MAZ_COLD": true,
	"MAZ_ARCHIVE": true,
}

// encryption is what a request says of server-side encryption. Content is not
// really encrypted; the headers are remembered, answered, and enforced.
type encryption struct {
	Algorithm string `json:"alg,omitempty"` // AES256 or cos/kms
	KMSKey    string `json:"kms,omitempty"`
	Context   string `json:"ctx,omitempty"`
	KeyMD5    string `json:"md5,omitempty"` // SSE-C
}

const (
	sseHeader   = "x-cos-server-side-encryption"
	sseKMSKey   = sseHeader + "-cos-kms-key-id"
	sseContext  = sseHeader + "-context"
	sseCustomer = sseHeader + "-customer-"
	sseCopy     = "x-cos-copy-source-server-side-encryption-customer-"
)

// readEncryption takes the encryption that a write asks for.
func readEncryption(h http.Header) (encryption, error) {
	e := encryption{Algorithm: h.Get(sseHeader), KMSKey: h.Get(sseKMSKey), Context: h.Get(sseContext)}
	sum, err := customerKey(h, sseCustomer)
	if err != nil {
		return e, err
	}
	e.KeyMD5 = sum
	if e.Algorithm != "" && e.Algorithm != "AES256" && e.Algorithm != "cos/kms" || e.Algorithm != "" && sum != "" {
		return e, failure("SSEHeaderNotAllowed")
	}
	return e, nil
}

// customerKey checks the three headers of SSE-C and gives the key's MD5.
func customerKey(h http.Header, prefix string) (string, error) {
	alg, key, sum := h.Get(prefix+"algorithm"), h.Get(prefix+"key"), h.Get(prefix+"key-MD5")
	if alg == "" && key == "" && sum == "" {
		return "", nil
	}
	raw, err := base64.StdEncoding.DecodeString(key)
	digest := md5.Sum(raw)
	if err != nil || alg != "AES256" || len(raw) != 32 || sum != base64.StdEncoding.EncodeToString(digest[:]) {
		return "", failure("SsecDecryptHeaderInvalid")
	}
	return sum, nil
}

// needKey refuses a request that does not bring the object's own SSE-C key.
func (e encryption) needKey(h http.Header, prefix string) error {
	sum, err := customerKey(h, prefix)
	if err != nil {
		return err
	}
	if sum != e.KeyMD5 {
		return failure("SsecDecryptHeaderInvalid")
	}
	return nil
}

// answer writes what a response says of encryption.
func (e encryption) answer(h http.Header) {
	if e.Algorithm != "" {
		h.Set(sseHeader, e.Algorithm)
	}
	if e.KMSKey != "" {
		h.Set(sseKMSKey, e.KMSKey)
	}
	if e.KeyMD5 != "" {
		h.Set(sseCustomer+"algorithm", "AES256")
		h.Set(sseCustomer+"key-MD5", e.KeyMD5)
	}
}

// attributes fills in what a write's headers say of the object to be.
func (c *call) attributes(o *objectDetail) (class string, err error) {
	if o.Headers, err = readHeaders(c.r.Header); err != nil {
		return "", err
	}
	if o.SSE, err = readEncryption(c.r.Header); err != nil {
		return "", err
	}
	if o.ACL, err = readACLHeaders(c.r.Header, objectCanned); err != nil {
		return "", err
	}
	if o.Tags, err = readTags(c.r.Header.Get("x-cos-tagging"), maxObjectTags); err != nil {
		return "", err
	}
	o.Owner = c.owner()
	return readClass(c.r.Header)
}

// readHeaders takes the stored headers out of a request.
func readHeaders(h http.Header) (map[string]string, error) {
	kept := map[string]string{}
	for _, name := range storedHeaders {
		if v := h.Get(name); v != "" {
			kept[name] = v
		}
	}
	size := 0
	for name, values := range h {
		lower := strings.ToLower(name)
		if suffix, ok := strings.CutPrefix(lower, metaPrefix); ok && suffix != "" {
			kept[lower] = strings.Join(values, ",")
			size += len(suffix) + len(kept[lower])
		}
	}
	if size > maxMetaBytes {
		return nil, failure("MetadataTooLarge")
	}
	kept["content-type"] = cmp.Or(kept["content-type"], defaultContentType)
	return kept, nil
}

// readClass gives the storage class of a write; STANDARD is stored as nothing.
func readClass(h http.Header) (string, error) {
	class := strings.ToUpper(h.Get("x-cos-storage-class"))
	switch {
	case class == "" || class == defaultClass:
		return "", nil
	case !storageClasses[class]:
		return "", failure("NotSupportedStorageClass")
	}
	return class, nil
}

// readTags parses x-cos-tagging, a query string of at most limit tags.
func readTags(s string, limit int) ([]tag, error) {
	var tags []tag
	for item := range strings.SplitSeq(s, "&") {
		if item == "" {
			continue
		}
		k, v, _ := strings.Cut(item, "=")
		key, err1 := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if err1 != nil || err2 != nil {
			return nil, failure("InvalidTag")
		}
		tags = append(tags, tag{Key: key, Value: value})
	}
	return tags, checkTags(tags, limit)
}

func checkTags(tags []tag, limit int) error {
	seen := map[string]bool{}
	for _, t := range tags {
		if t.Key == "" || len(t.Key) > maxTagKey || len(t.Value) > maxTagValue || seen[t.Key] {
			return failure("InvalidTag")
		}
		seen[t.Key] = true
	}
	if len(tags) > limit {
		return failure("InvalidTag").because("there are too many tags")
	}
	return nil
}

// owner is the owner of what a request makes.
func (c *call) owner() string {
	if c.account == nil {
		return c.s.firstOwner()
	}
	return ownerID(c.account.UIN)
}
