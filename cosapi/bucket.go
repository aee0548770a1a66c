package cosapi

import (
	"context"
	"encoding/xml"
	"net/http"
)

// BucketInfo is what HEAD tells of a bucket.
type BucketInfo struct {
	Region string // empty if the endpoint does not say
	// MultiAZ buckets keep their data in several zones.
	MultiAZ bool
	// OFS buckets have a hierarchical namespace, which is another protocol:
	// cos-api.md 6.2.
	OFS bool
}

// HeadBucket tells an existing bucket (nil), a missing one (NoBucket) and one
// out of reach (Denied) apart.
func (c *Client) HeadBucket(ctx context.Context) (BucketInfo, error) {
	r := &request{op: "HeadBucket", method: http.MethodHead}
	var info BucketInfo
	r.accept = func(a *answer) error {
		info = BucketInfo{
			Region:  a.header.Get("x-cos-bucket-region"),
			MultiAZ: a.header.Get("x-cos-bucket-az-type") == "MAZ",
			OFS:     a.header.Get("x-cos-bucket-arch") == "OFS",
		}
		return nil
	}
	err := c.run(ctx, r)
	return info, err
}

// CreateBucketOptions are the choices of a new bucket.
type CreateBucketOptions struct {
	ACL     string // canned; empty: private
	Grants  Grants
	MultiAZ bool
	Tags    []Tag
}

// CreateBucket makes the bucket. Exists if there is one already, ours or
// somebody else's: Code tells which. An answer lost and asked for again shows
// as success, because BucketAlreadyOwnedByYou then means this very call.
func (c *Client) CreateBucket(ctx context.Context, o CreateBucketOptions) error {
	r := &request{op: "CreateBucket", method: http.MethodPut, body: &sendBody{}}
	r.setACL(o.ACL, o.Grants)
	r.set("x-cos-tagging", encodeTags(o.Tags))
	if o.MultiAZ {
		raw, err := marshal(r.op, "", struct {
			XMLName        xml.Name `xml:"CreateBucketConfiguration"`
			BucketAZConfig string
		}{BucketAZConfig: "MAZ"})
		if err != nil {
			return err
		}
		r.document("application/xml", raw)
	}
	r.settle = func(_ context.Context, attempt int, failed *Error) (bool, error) {
		return attempt > 1 && failed.Code == "BucketAlreadyOwnedByYou", nil
	}
	return c.run(ctx, r)
}
