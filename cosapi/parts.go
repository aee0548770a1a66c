package cosapi

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
)

// PartsOptions select the rows of a listing of parts.
type PartsOptions struct {
	Marker int // rows after this part number (PartNumberMarker)
	Max    int // rows (MaxParts), 1 to 1000; 0: 1000
}

// PartsPage is one answer of that listing, in order of number.
type PartsPage struct {
	Parts            []Part
	Next             int  // the marker of the next page (NextPartNumberMarker)
	More             bool // there is one (IsTruncated)
	StorageClass     string
	Owner, Initiator Owner
	Asked            Echo
}

// Echo is how an answer repeats what was asked for, decoded.
type Echo struct {
	Bucket            string // Name or Bucket
	Key, UploadID     string // of a listing of parts
	Prefix, Delimiter string
	Marker            string // Marker, KeyMarker or PartNumberMarker
	UploadIDMarker    string
	EncodingType      string
	Max               int // MaxKeys, MaxUploads or MaxParts
}

// decoded is e with the texts decoded that come encoded. What does not decode
// stays: a page is worth more than its repetition of the question.
func (e Echo) decoded() Echo {
	dec := keyDecoder(e.EncodingType)
	for _, field := range []*string{&e.Key, &e.Prefix, &e.Marker} {
		if text, err := dec(*field); err == nil {
			*field = text
		}
	}
	return e
}

// Parts are those that COS has of an upload, in order of number.
func (c *Client) Parts(ctx context.Context, key, uploadID string) ([]Part, error) {
	var parts []Part
	var o PartsOptions
	for {
		page, err := c.PartsPage(ctx, key, uploadID, o)
		if err != nil {
			return nil, err
		}
		parts = append(parts, page.Parts...)
		if !page.More {
			return parts, nil
		}
		if page.Next <= o.Marker {
			return nil, stuck("ListParts", fmt.Sprintf("%s part %d", key, page.Next))
		}
		o.Marker = page.Next
	}
}

// PartsPage reads one page of the parts of an upload (the seeds' list_parts;
// cos-api.md 3.4.6). NoUpload if there is no such upload.
func (c *Client) PartsPage(ctx context.Context, key, uploadID string, o PartsOptions) (PartsPage, error) {
	const op = "ListParts"
	if err := checkPart(op, key, uploadID, 1); err != nil {
		return PartsPage{}, err
	}
	r := &request{op: op, method: http.MethodGet, key: key, class: classList, params: []Pair{{"uploadId", uploadID}}}
	r.param("max-parts", strconv.Itoa(pageSize(o.Max)))
	if o.Marker > 0 {
		r.param("part-number-marker", strconv.Itoa(o.Marker))
	}
	r.param("encoding-type", "url")
	var page PartsPage
	r.accept = func(a *answer) error {
		var doc partsResult
		if err := decode(r, a, &doc); err != nil {
			return err
		}
		page = doc.page()
		return nil
	}
	err := c.run(ctx, r)
	return page, err
}

// partsResult is the document of cos-api.md 5.15.
type partsResult struct {
	XMLName              xml.Name `xml:"ListPartsResult"`
	Bucket               string
	Key                  string
	UploadID             string `xml:"UploadId"`
	EncodingType         string
	EncodingHyphenLow    string `xml:"Encoding-type"`
	PartNumberMarker     string
	MaxParts             int
	IsTruncated          boolean
	NextPartNumberMarker int
	StorageClass         string
	Owner, Initiator     Owner
	Part                 []struct {
		PartNumber   int
		ETag         string
		Size         int64
		LastModified string
	}
}

func (d *partsResult) page() PartsPage {
	page := PartsPage{
		More: bool(d.IsTruncated), StorageClass: d.StorageClass, Owner: d.Owner, Initiator: d.Initiator,
		Asked: Echo{Bucket: d.Bucket, Key: d.Key, UploadID: d.UploadID, Marker: d.PartNumberMarker,
			EncodingType: d.EncodingType + d.EncodingHyphenLow, Max: d.MaxParts}.decoded(),
	}
	if page.More {
		page.Next = d.NextPartNumberMarker
	}
	for _, p := range d.Part {
		page.Parts = append(page.Parts, Part{Number: p.PartNumber, ETag: unquote(p.ETag), Size: p.Size, Modified: parseTime(p.LastModified)})
	}
	return page
}
