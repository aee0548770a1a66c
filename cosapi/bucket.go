package cosapi

import (
	"context"
	"encoding/xml"
	"net/http"
	"strings"
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
// The seeds call it head_bucket.
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
// The seeds call it create_bucket.
func (c *Client) CreateBucket(ctx context.Context, o CreateBucketOptions) error {
	r := &request{op: "PutBucket", method: http.MethodPut, body: &sendBody{}}
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

// DeleteBucket removes an empty bucket. NotEmpty if there are objects,
// versions, delete markers or open uploads.
// The seeds call it delete_bucket.
func (c *Client) DeleteBucket(ctx context.Context) error {
	r := &request{op: "DeleteBucket", method: http.MethodDelete}
	r.settle = func(_ context.Context, attempt int, failed *Error) (bool, error) {
		// An earlier attempt did it and its answer was lost.
		return attempt > 1 && failed.Kind == NoBucket, nil
	}
	return c.run(ctx, r)
}

// BucketLocation is the bucket's region.
// The seeds call it get_bucket_location.
func (c *Client) BucketLocation(ctx context.Context) (string, error) {
	type location struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		Region  string   `xml:",chardata"`
	}
	doc, err := getDocument[location](ctx, c, "GetBucketLocation", "", Pair{"location", ""})
	return strings.TrimPrefix(strings.TrimSpace(doc.Region), "cos."), err
}

// The states of versioning (cos-api.md 3.4.8). A bucket that never had any
// answers the empty string.
const (
	VersioningEnabled   = "Enabled"
	VersioningSuspended = "Suspended"
)

type versioning struct {
	XMLName xml.Name `xml:"VersioningConfiguration"`
	Status  string   `xml:",omitempty"`
}

// BucketVersioning is VersioningEnabled, VersioningSuspended, or empty if it
// was never set.
// The seeds call it get_bucket_versioning.
func (c *Client) BucketVersioning(ctx context.Context) (string, error) {
	doc, err := getDocument[versioning](ctx, c, "GetBucketVersioning", "", Pair{"versioning", ""})
	return doc.Status, err
}

// PutBucketVersioning switches versioning. There is no way back to "never".
// The seeds call it put_bucket_versioning.
func (c *Client) PutBucketVersioning(ctx context.Context, status string) error {
	const op = "PutBucketVersioning"
	if status != VersioningEnabled && status != VersioningSuspended {
		return invalid(op, "", "the status %q is neither Enabled nor Suspended", status)
	}
	return c.putDocument(ctx, op, "", versioning{Status: status}, Pair{"versioning", ""})
}
