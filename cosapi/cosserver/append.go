package cosserver

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"strconv"

	"cosfs/cosapi"
)

// maxAppendable bounds an appendable object, in bytes.
const maxAppendable = 5 << 30

// appendObject is APPEND Object (cos-api.md 3.4.7).
func (c *call) appendObject() error {
	if err := c.needLength(false); err != nil {
		return err
	}
	position, err := strconv.ParseInt(c.q.get("position"), 10, 64)
	if err != nil || position < 0 {
		return failure("InvalidArgument").because("position must be the length of the object, 0 for a new one")
	}
	b, err := c.s.store.bucket(c.bucket)
	if err != nil {
		return err
	}
	if b.Versioning != "" {
		return failure("InvalidBucketState").because("objects of a versioned bucket cannot be appended to")
	}
	o := &objectRecord{}
	var attrs objectDetail
	class, err := c.attributes(&attrs)
	if err != nil {
		return err
	}
	body, err := c.receive()
	if err != nil {
		return err
	}
	err = c.s.store.put(put{bucket: c.bucket, key: c.key, object: o, check: func(current *objectRecord) error {
		return extend(o, current, attrs, class, position, body)
	}})
	if err != nil {
		c.s.drop(body)
		return err
	}
	c.setETag(o.ETag)
	c.setCRC(o.CRC64)
	h := c.w.Header()
	h.Set("x-cos-next-append-position", strconv.FormatInt(o.Size, 10))
	h.Set("x-cos-content-sha1", hex.EncodeToString(body.md5)) // a misnomer of COS: it is the MD5
	return c.empty(http.StatusOK)
}

// extend makes o what current is with the body behind it.
func extend(o, current *objectRecord, attrs objectDetail, class string, position int64, body content) error {
	if current == nil {
		if position != 0 {
			return failure("AppendPositionErr")
		}
		*o = objectRecord{objectDetail: attrs}
		o.StorageClass, o.Type = class, appendableType
		o.Size, o.CRC64, o.Segments, o.ETag = body.size, body.crc64, body.segments, hex.EncodeToString(body.md5)
		return nil
	}
	switch {
	case current.Type != appendableType:
		return failure("ObjectNotAppendable")
	case position != current.Size:
		return failure("AppendPositionErr")
	case current.Size+body.size > maxAppendable:
		return failure("EntityTooLarge")
	}
	*o = *current
	o.Segments = append(append([]segment{}, current.Segments...), body.segments...)
	o.CRC64 = cosapi.CombineCRC64(current.CRC64, body.crc64, body.size)
	o.Size += body.size
	sum := md5.Sum(append([]byte(current.ETag), body.md5...)) // opaque; content cannot be hashed again cheaply
	o.ETag = hex.EncodeToString(sum[:])
	return nil
}
