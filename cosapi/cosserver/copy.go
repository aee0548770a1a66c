package cosserver

import (
	"net/http"
	"net/url"
	"strings"
)

// copySource reads x-cos-copy-source: <host of the bucket>/<key>, or
// /<bucket>/<key>, the key percent-encoded, with an optional versionId
// (cos-api.md 3.4.5).
func (c *call) copySource() (copySource, error) {
	header := c.r.Header.Get("x-cos-copy-source")
	path, rawQuery, _ := strings.Cut(header, "?")
	host, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if !ok {
		return copySource{}, failure("InvalidCopySource")
	}
	src := copySource{version: parseQuery(rawQuery).get("versionId")}
	switch bucket, virtual := bucketOfHost(host, c.s.cfg.Domains); {
	case virtual:
		src.bucket = bucket
	case strings.EqualFold(host, c.r.Host) && c.inBucket != c.path:
		src.bucket, rest, _ = strings.Cut(rest, "/") // our own host, path style
	case strings.EqualFold(host, c.r.Host):
		src.bucket = c.bucket
	default:
		src.bucket, _, _ = strings.Cut(host, ".") // a bare name, or another region's host
	}
	var err error
	if src.key, err = url.PathUnescape(rest); err != nil || src.key == "" || src.bucket == "" {
		return copySource{}, failure("InvalidCopySource")
	}
	return src, nil
}

// checkSource refuses a source whose conditions do not hold, that is archived,
// or whose key did not come along. All conditions fail with 412.
func (c *call) checkSource(o *objectRecord) error {
	if err := o.SSE.needKey(c.r.Header, sseCopy); err != nil {
		return err
	}
	if evaluate(readConditions(c.r.Header, "x-cos-copy-source-"), o) != 0 {
		return failure("PreconditionFailed")
	}
	if archived(o, c.s.cfg.Now()) {
		return failure("InvalidObjectState")
	}
	return nil
}

// replaces reads a directive, Copy or Replaced; S3's spelling is accepted.
func replaces(h http.Header, name string) (bool, error) {
	switch strings.ToLower(h.Get(name)) {
	case "", "copy":
		return false, nil
	case "replaced", "replace":
		return true, nil
	}
	return false, failure("InvalidArgument").because(name + " must be Copy or Replaced")
}

// copyObject is PUT Object - Copy.
func (c *call) copyObject() error {
	src, err := c.copySource()
	if err != nil {
		return err
	}
	replace, err := replaces(c.r.Header, "x-cos-metadata-directive")
	if err != nil {
		return err
	}
	retag, err := replaces(c.r.Header, "x-cos-tagging-directive")
	if err != nil {
		return err
	}
	if src.bucket == c.bucket && src.key == c.key && src.version == "" && !replace {
		return failure("InvalidRequest").because("a copy onto itself must replace its metadata: x-cos-metadata-directive: Replaced")
	}
	var attrs objectDetail
	class, err := c.attributes(&attrs)
	if err != nil {
		return err
	}
	o, sourceVersion := &objectRecord{}, ""
	p := put{bucket: c.bucket, key: c.key, object: o, forbid: c.forbidsOverwrite()}
	err = c.s.store.copy(src, p, func(source, target *objectRecord) error {
		if source.Size > maxPutSize {
			return failure("EntityTooLarge").because("the copy source is larger than 5 GiB: copy it by parts")
		}
		sourceVersion = source.VersionID
		inherit(target, source, attrs, replace, retag)
		target.StorageClass = class
		return c.checkSource(source)
	})
	if err != nil {
		return err
	}
	return c.copied("CopyObjectResult", o, sourceVersion)
}

// inherit gives a copy its attributes: from the request, and from the source
// what the directives do not replace. Class, ACL and encryption are always the
// request's.
func inherit(target, source *objectRecord, attrs objectDetail, replace, retag bool) {
	target.Headers, target.Tags = attrs.Headers, attrs.Tags
	target.ACL, target.SSE, target.Owner = attrs.ACL, attrs.SSE, attrs.Owner
	if !replace {
		target.Headers = source.Headers
	}
	if !retag {
		target.Tags = source.Tags
	}
}

// copied answers a copy.
func (c *call) copied(root string, o *objectRecord, sourceVersion string) error {
	if sourceVersion != "" {
		c.w.Header().Set("x-cos-copy-source-version-id", sourceVersion)
	}
	c.setVersion(o.VersionID)
	c.setCRC(o.CRC64)
	o.SSE.answer(c.w.Header())
	x := newXML()
	x.open(root)
	x.text("ETag", quote(o.ETag))
	x.text("CRC64", c.w.Header().Get("x-cos-hash-crc64ecma"))
	x.text("LastModified", o.Modified.Format(copyTime))
	if o.VersionID != "" {
		x.text("VersionId", o.VersionID)
	}
	x.close(root)
	return c.xml(http.StatusOK, x)
}
