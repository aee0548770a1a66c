package cosapi

import (
	"context"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
)

// VersionsOptions select the rows of a listing of versions.
type VersionsOptions struct {
	Prefix    string
	Delimiter string // "" or "/"
	// KeyMarker and VersionIDMarker come from the page before.
	KeyMarker, VersionIDMarker string
	Max                        int // rows, 1 to 1000; 0: 1000
}

// ObjectVersion is a version of an object, or a delete marker.
type ObjectVersion struct {
	Object
	Latest       bool
	DeleteMarker bool
	Owner        Owner
}

// VersionsPage is one answer of that listing: keys ascending, within a key
// the newest version first.
type VersionsPage struct {
	Versions               []ObjectVersion
	Prefixes               []string
	NextKey, NextVersionID string // the markers of the next page
	More                   bool   // there is one
}

// versionsResult is the document of cos-api.md 5.4. Versions and delete
// markers stand in one sequence, whose order matters.
type versionsResult struct {
	XMLName             xml.Name `xml:"ListVersionsResult"`
	EncodingType        string
	IsTruncated         boolean
	NextKeyMarker       string
	NextVersionIDMarker string `xml:"NextVersionIdMarker"`
	CommonPrefixes      commonPrefixes
	Rows                []versionRow `xml:",any"`
}

type versionRow struct {
	XMLName xml.Name
	listedObject
}

// Versions reads one page of the bucket's versions (cos-api.md 3.2.5). In a
// bucket that never was versioned, version ids are empty.
func (c *Client) Versions(ctx context.Context, o VersionsOptions) (VersionsPage, error) {
	r := &request{op: "ListObjectVersions", method: http.MethodGet, class: classList, params: []Pair{{"versions", ""}}}
	r.listed(o.Prefix, o.Delimiter, Pair{"key-marker", o.KeyMarker}, Pair{"version-id-marker", o.VersionIDMarker},
		Pair{"max-keys", strconv.Itoa(pageSize(o.Max))})
	var page VersionsPage
	r.accept = func(a *answer) (err error) {
		var doc versionsResult
		if err := decode(r, a, &doc); err != nil {
			return err
		}
		page, err = doc.page()
		return err
	}
	err := c.run(ctx, r)
	return page, err
}

func (d *versionsResult) page() (page VersionsPage, err error) {
	dec := keyDecoder(d.EncodingType)
	for i := range d.Rows {
		row := &d.Rows[i]
		marker := row.XMLName.Local == "DeleteMarker"
		if !marker && row.XMLName.Local != "Version" {
			continue
		}
		object, err := row.object(dec)
		if err != nil {
			return page, err
		}
		page.Versions = append(page.Versions, ObjectVersion{Object: object, Latest: bool(row.IsLatest), DeleteMarker: marker, Owner: row.Owner})
	}
	if page.Prefixes, err = d.CommonPrefixes.decoded(dec); err != nil {
		return page, err
	}
	page.More = bool(d.IsTruncated)
	page.NextVersionID = strings.TrimSpace(d.NextVersionIDMarker)
	page.NextKey, err = dec(d.NextKeyMarker)
	return page, err
}
