package cosapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// copyResult is the document of cos-api.md 5.17, of objects and of parts.
type copyResult struct {
	ETag         string
	CRC64        string
	LastModified string
	VersionID    string `xml:"VersionId"`
}

// Copy makes dst a copy of src inside COS. With src.ETag set, another version
// of the source is Changed. At most 5 GiB; above that TooLarge, and parts are
// copied instead. It is not repeated blindly with ForbidOverwrite, see Put.
// The seeds call it copy_object.
func (c *Client) Copy(ctx context.Context, src Version, dst string, o CopyOptions) (Object, error) {
	const op = "CopyObject"
	if err := c.checkCopy(op, src, dst, o); err != nil {
		return Object{}, err
	}
	r := &request{op: op, method: http.MethodPut, key: dst, body: &sendBody{}, timeout: slowAnswerTimeout}
	r.setSource(c.source(src.Key, o.CopySource), src.ETag, o.CopySource)
	if o.Replace {
		r.set("x-cos-metadata-directive", "Replaced")
		r.setAttrs(o.Attrs)
	} else {
		r.set("x-cos-metadata-directive", "Copy")
	}
	if len(o.Tags) > 0 {
		r.set("x-cos-tagging-directive", "Replaced")
	}
	r.setPlacement(o.PutOptions)
	var object Object
	r.accept = func(a *answer) (err error) {
		object, err = copied(r, src, a)
		object.Attrs = o.knownAttrs()
		return err
	}
	if o.ForbidOverwrite {
		r.settle = func(ctx context.Context, attempt int, failed *Error) (bool, error) {
			if !doubtful(attempt, failed) {
				return false, nil
			}
			var settled bool
			var err error
			object, settled, err = c.oursByCopy(ctx, r, src, o, failed)
			return settled, err
		}
	}
	err := c.run(ctx, r)
	return object, err
}

func (c *Client) checkCopy(op string, src Version, dst string, o CopyOptions) error {
	if err := errors.Join(CheckKey(src.Key), CheckKey(dst)); err != nil {
		return err
	}
	if err := o.check(op, dst); err != nil {
		return err
	}
	if src.Size > MaxPutSize {
		return &Error{Op: op, Key: dst, Kind: TooLarge,
			Message: fmt.Sprintf("%d bytes in one copy; COS takes 5 GiB, more needs copied parts", src.Size)}
	}
	same := src.Key == dst && (o.SourceBucket == "" || o.SourceBucket == c.cfg.Bucket) && o.SourceVersionID == ""
	if same && !o.Replace {
		return invalid(op, dst, "a copy onto itself must replace the attributes")
	}
	return nil
}

// knownAttrs are those of the copy as far as the request decided them.
func (o CopyOptions) knownAttrs() Attrs {
	if !o.Replace {
		return Attrs{StorageClass: o.StorageClass}
	}
	a := o.Attrs
	a.Encryption.CustomerKey = nil
	return a
}

// copied reads the answer of a copy. Success is an ETag, not the status
// (cos-api.md 3.4.5).
func copied(r *request, src Version, a *answer) (Object, error) {
	var doc copyResult
	if err := decode(r, a, &doc); err != nil {
		return Object{}, err
	}
	if doc.ETag == "" {
		return Object{}, errors.New("the answer of the copy has no ETag")
	}
	o := Object{
		Version:   Version{Key: r.key, ETag: unquote(doc.ETag), Size: src.Size},
		Modified:  parseTime(doc.LastModified),
		VersionID: doc.VersionID,
	}
	o.CRC64, o.HasCRC64 = readCRC(a.header)
	if crc, err := strconv.ParseUint(doc.CRC64, 10, 64); err == nil {
		o.CRC64, o.HasCRC64 = crc, true
	}
	return o, nil
}

// CopySource says where a copy comes from, beside the key and the ETag.
type CopySource struct {
	// SourceBucket and SourceRegion name another bucket; empty means this one.
	SourceBucket, SourceRegion string
	SourceVersionID            string
	// The conditions under which COS copies; else Changed. Of those not
	// together: IfMatch (the source's ETag) goes with
	// SourceIfUnmodifiedSince, SourceIfNoneMatch with SourceIfModifiedSince.
	SourceIfNoneMatch                              string
	SourceIfModifiedSince, SourceIfUnmodifiedSince time.Time
	SourceCustomerKey                              []byte // of SSE-C
}

// source is the value of x-cos-copy-source.
func (c *Client) source(key string, s CopySource) string {
	prefix := c.endpoint.copyPrefix
	switch {
	case s.SourceBucket != "" && s.SourceRegion != "":
		prefix = sourcePrefix(s.SourceBucket, s.SourceRegion)
	case s.SourceBucket != "" && c.cfg.Region != "":
		prefix = sourcePrefix(s.SourceBucket, c.cfg.Region)
	case s.SourceBucket != "":
		prefix = "/" + s.SourceBucket + "/"
	}
	value := prefix + escape(key, true)
	if s.SourceVersionID != "" {
		value += "?versionId=" + escape(s.SourceVersionID, false)
	}
	return value
}

func (r *request) setSource(source, etag string, s CopySource) {
	r.set("x-cos-copy-source", source)
	if etag != "" {
		r.set("x-cos-copy-source-If-Match", quote(etag))
	}
	if s.SourceIfNoneMatch != "" {
		r.set("x-cos-copy-source-If-None-Match", quote(s.SourceIfNoneMatch))
	}
	r.set("x-cos-copy-source-If-Modified-Since", httpTime(s.SourceIfModifiedSince))
	r.set("x-cos-copy-source-If-Unmodified-Since", httpTime(s.SourceIfUnmodifiedSince))
	r.setCustomerKey("x-cos-copy-source-server-side-encryption", s.SourceCustomerKey)
}

// oursByCopy is ours for a copy: the destination must have the checksum of
// the source.
func (c *Client) oursByCopy(ctx context.Context, r *request, src Version, o CopyOptions, failed *Error) (Object, bool, error) {
	there, err := c.Head(ctx, r.key)
	if errors.Is(err, NotFound) {
		return Object{}, false, nil
	}
	if err != nil {
		return Object{}, true, failed
	}
	if o.SourceBucket != "" && o.SourceBucket != c.cfg.Bucket {
		return Object{}, true, alreadyThere(r, failed)
	}
	want, err := c.HeadWith(ctx, src.Key, HeadOptions{VersionID: o.SourceVersionID, IfMatch: src.ETag})
	if err != nil {
		return Object{}, true, failed
	}
	if there.HasCRC64 && want.HasCRC64 && there.CRC64 == want.CRC64 && there.Size == want.Size {
		return there, true, nil
	}
	return Object{}, true, alreadyThere(r, failed)
}
