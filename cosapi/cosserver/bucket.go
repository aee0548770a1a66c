package cosserver

import "net/http"

// putBucket is PUT Bucket (cos-api.md 3.2.1).
func (c *call) putBucket() error {
	if err := checkBucketName(c.bucket, c.s.cfg.Region); err != nil {
		return err
	}
	acl, err := readACLHeaders(c.r.Header, bucketCanned)
	if err != nil {
		return err
	}
	b := bucketRecord{Created: c.s.cfg.Now().UTC(), Owner: c.owner(), ACL: acl}
	if err := c.s.store.createBucket(c.bucket, b); err != nil {
		return err
	}
	return c.empty(http.StatusOK)
}

// headBucket is HEAD Bucket.
func (c *call) headBucket() error {
	if _, err := c.s.store.bucket(c.bucket); err != nil {
		return err
	}
	c.w.Header().Set("x-cos-bucket-region", c.s.cfg.Region)
	return c.empty(http.StatusOK)
}

// deleteBucket is DELETE Bucket.
func (c *call) deleteBucket() error {
	if err := c.s.store.deleteBucket(c.bucket); err != nil {
		return err
	}
	return c.empty(http.StatusNoContent)
}

// maxBuckets bounds a page of GET Service.
const maxBuckets = 2000

// getService is GET Service (cos-api.md 3.1).
func (c *call) getService() error {
	limit, err := c.q.count("max-keys", maxBuckets)
	if err != nil {
		return err
	}
	marker := c.q.get("marker")
	rows, more, err := c.s.store.buckets(marker, limit)
	if err != nil {
		return err
	}
	x := newXML()
	x.open("ListAllMyBucketsResult")
	writeOwner(x, "Owner", c.owner())
	x.open("Buckets")
	for _, b := range rows {
		x.open("Bucket")
		x.text("Name", b.name)
		x.text("Location", c.s.cfg.Region)
		x.text("CreationDate", b.Created.Format(copyTime))
		x.text("BucketType", "cos")
		x.close("Bucket")
	}
	x.close("Buckets")
	next := ""
	if more && len(rows) > 0 {
		next = rows[len(rows)-1].name
	}
	x.text("Marker", marker)
	x.text("NextMarker", next)
	x.bool("IsTruncated", more)
	x.close("ListAllMyBucketsResult")
	return c.xml(http.StatusOK, x)
}
