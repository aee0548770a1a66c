package cosserver

import (
	"encoding/xml"
	"net/http"
)

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
	if err := c.readNewBucket(&b); err != nil {
		return err
	}
	if err := c.s.store.createBucket(c.bucket, b); err != nil {
		return err
	}
	return c.empty(http.StatusOK)
}

// newBucketDocument is the optional body of PUT Bucket (cos-api.md 5.18).
type newBucketDocument struct {
	XMLName xml.Name `xml:"CreateBucketConfiguration"`
	AZ      string   `xml:"BucketAZConfig"`
	Arch    string   `xml:"BucketArchConfig"`
}

// readNewBucket takes the tags and the body of PUT Bucket.
func (c *call) readNewBucket(b *bucketRecord) error {
	tags, err := readTags(c.r.Header.Get("x-cos-tagging"), maxBucketTags)
	if err != nil {
		return err
	}
	if len(tags) > 0 {
		b.Configs = map[string][]byte{"tagging": tagSet(tags).buf}
	}
	doc, err := c.document()
	if err != nil || len(doc) == 0 {
		return err
	}
	var d newBucketDocument
	if err := parseXML(doc, &d); err != nil {
		return err
	}
	if d.Arch != "" {
		return failure("NotImplemented").because("this server has no buckets with a hierarchical namespace")
	}
	if d.AZ != "" && d.AZ != multiAZ {
		return failure("InvalidArgument").because("BucketAZConfig must be MAZ")
	}
	b.MultiAZ = d.AZ == multiAZ
	return nil
}

const multiAZ = "MAZ"

// headBucket is HEAD Bucket.
func (c *call) headBucket() error {
	b, err := c.s.store.bucket(c.bucket)
	if err != nil {
		return err
	}
	if b.MultiAZ {
		c.w.Header().Set("x-cos-bucket-az-type", multiAZ)
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
