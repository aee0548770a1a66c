package cosapi

import (
	"context"
	"encoding/xml"
	"iter"
	"net/http"
	"time"
)

// Bucket is one of the account's buckets.
type Bucket struct {
	Name    string // name-APPID
	Region  string
	Created time.Time
	Type    string // "cos", or "ofs" for a hierarchical namespace; empty in old answers
}

// serviceResult is the document of cos-api.md 5.1, with the element of old
// samples too.
type serviceResult struct {
	XMLName     xml.Name `xml:"ListAllMyBucketsResult"`
	IsTruncated boolean
	NextMarker  string
	Buckets     []struct {
		Name, Location, CreationDate, CreateDate, BucketType string
	} `xml:"Buckets>Bucket"`
}

// Buckets lists the buckets of the account in order of name (GET Service,
// cos-api.md 3.1), whatever bucket the client is for. It ends after the first
// error.
func (c *Client) Buckets(ctx context.Context) iter.Seq2[Bucket, error] {
	return func(yield func(Bucket, error) bool) {
		for marker := ""; ; {
			page, err := c.bucketsPage(ctx, marker)
			if err == nil && bool(page.IsTruncated) && page.NextMarker <= marker {
				err = stuck("GetService", page.NextMarker)
			}
			if err != nil {
				yield(Bucket{}, err)
				return
			}
			for _, b := range page.Buckets {
				created := parseTime(b.CreationDate + b.CreateDate)
				if !yield(Bucket{Name: b.Name, Region: b.Location, Created: created, Type: b.BucketType}, nil) {
					return
				}
			}
			if !page.IsTruncated {
				return
			}
			marker = page.NextMarker
		}
	}
}

func (c *Client) bucketsPage(ctx context.Context, marker string) (serviceResult, error) {
	r := &request{op: "GetService", method: http.MethodGet, service: true, class: classList}
	r.param("marker", marker)
	var page serviceResult
	r.accept = func(a *answer) error {
		page = serviceResult{}
		return decode(r, a, &page)
	}
	err := c.run(ctx, r)
	return page, err
}
