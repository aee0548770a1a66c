package cosserver

import (
	"encoding/hex"
	"net/http"
)

// putObject is PUT Object (cos-api.md 3.4.1).
func (c *call) putObject() error {
	if err := c.needLength(true); err != nil {
		return err
	}
	if _, err := c.s.store.bucket(c.bucket); err != nil {
		return err
	}
	o := &objectRecord{}
	var err error
	if o.StorageClass, err = c.attributes(&o.objectDetail); err != nil {
		return err
	}
	body, err := c.receive()
	if err != nil {
		return err
	}
	o.Segments, o.Size, o.CRC64, o.ETag = body.segments, body.size, body.crc64, hex.EncodeToString(body.md5)
	err = c.s.store.put(put{bucket: c.bucket, key: c.key, object: o, forbid: c.forbidsOverwrite()})
	if err != nil {
		c.s.drop(body)
		return err
	}
	c.setETag(o.ETag)
	c.setCRC(o.CRC64)
	if o.VersionID != nullVersion {
		c.setVersion(o.VersionID)
	}
	o.SSE.answer(c.w.Header())
	if err := c.announceExpiration(o); err != nil {
		return err
	}
	return c.empty(http.StatusOK)
}

// forbidsOverwrite tells whether an existing key must stay.
func (c *call) forbidsOverwrite() bool {
	ignored := c.fault != nil && c.fault.OverwriteRace
	return isTrue(c.r.Header.Get("x-cos-forbid-overwrite")) && !ignored
}
