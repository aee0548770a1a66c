package cosapi

import (
	"context"
	"encoding/xml"
	"iter"
	"net/http"
	"strconv"
	"time"
)

// Upload is a multipart upload that was neither completed nor aborted.
type Upload struct {
	Key, ID          string
	Initiated        time.Time
	StorageClass     string
	Owner, Initiator Owner
}

// UploadsOptions select the rows of a listing of uploads.
type UploadsOptions struct {
	Prefix    string
	Delimiter string // "" or "/"
	// KeyMarker begins after a key, or, with UploadIDMarker, after that upload
	// of the key.
	KeyMarker, UploadIDMarker string
	Max                       int // rows, 1 to 1000; 0: 1000
}

// UploadsPage is one answer of that listing, in order of key and then id.
type UploadsPage struct {
	Uploads               []Upload
	Prefixes              []string
	NextKey, NextUploadID string // the markers of the next page
	More                  bool   // there is one (IsTruncated)
	Asked                 Echo
}

// Uploads lists the open uploads of keys with that prefix, page by page as
// asked for. It ends after the first error.
func (c *Client) Uploads(ctx context.Context, prefix string) iter.Seq2[Upload, error] {
	return func(yield func(Upload, error) bool) {
		o := UploadsOptions{Prefix: prefix}
		for {
			page, err := c.UploadsPage(ctx, o)
			for _, u := range page.Uploads {
				if !yield(u, nil) {
					return
				}
			}
			if err == nil && page.More && page.NextKey == o.KeyMarker && page.NextUploadID == o.UploadIDMarker {
				err = stuck("ListMultipartUploads", page.NextKey)
			}
			if err != nil {
				yield(Upload{}, err)
				return
			}
			if !page.More {
				return
			}
			o.KeyMarker, o.UploadIDMarker = page.NextKey, page.NextUploadID
		}
	}
}

// UploadsPage reads one page (cos-api.md 3.2.6).
// The seeds call it list_multipart_uploads.
func (c *Client) UploadsPage(ctx context.Context, o UploadsOptions) (UploadsPage, error) {
	r := &request{op: "ListMultipartUploads", method: http.MethodGet, class: classList, params: []Pair{{"uploads", ""}}}
	r.listed(o.Prefix, o.Delimiter, Pair{"key-marker", o.KeyMarker}, Pair{"upload-id-marker", o.UploadIDMarker},
		Pair{"max-uploads", strconv.Itoa(pageSize(o.Max))})
	var page UploadsPage
	r.accept = func(a *answer) (err error) {
		var doc uploadsResult
		if err := decode(r, a, &doc); err != nil {
			return err
		}
		page, err = doc.page()
		return err
	}
	err := c.run(ctx, r)
	return page, err
}

// uploadsResult is the document of cos-api.md 5.5, with both spellings of the
// encoding's element.
type uploadsResult struct {
	XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
	EncodingType       string
	EncodingHyphenType string `xml:"Encoding-Type"`
	EncodingHyphenLow  string `xml:"Encoding-type"`
	IsTruncated        boolean
	Bucket             string
	Prefix             string
	Delimiter          string
	KeyMarker          string
	UploadIDMarker     string `xml:"UploadIdMarker"`
	MaxUploads         int
	NextKeyMarker      string
	NextUploadIDMarker string `xml:"NextUploadIdMarker"`
	CommonPrefixes     commonPrefixes
	Upload             []struct {
		Key              string
		UploadID         string `xml:"UploadId"`
		Initiated        string
		StorageClass     string
		Owner, Initiator Owner
	}
}

func (d *uploadsResult) page() (page UploadsPage, err error) {
	encoding := d.EncodingType + d.EncodingHyphenType + d.EncodingHyphenLow
	dec := keyDecoder(encoding)
	page.Asked = Echo{Bucket: d.Bucket, Prefix: d.Prefix, Delimiter: d.Delimiter, Marker: d.KeyMarker,
		UploadIDMarker: d.UploadIDMarker, EncodingType: encoding, Max: d.MaxUploads}.decoded()
	for _, u := range d.Upload {
		key, err := dec(u.Key)
		if err != nil {
			return page, err
		}
		page.Uploads = append(page.Uploads, Upload{
			Key: key, ID: u.UploadID, Initiated: parseTime(u.Initiated),
			StorageClass: u.StorageClass, Owner: u.Owner, Initiator: u.Initiator,
		})
	}
	if page.Prefixes, err = d.CommonPrefixes.decoded(dec); err != nil {
		return page, err
	}
	page.More = bool(d.IsTruncated)
	page.NextUploadID = d.NextUploadIDMarker
	page.NextKey, err = dec(d.NextKeyMarker)
	return page, err
}
