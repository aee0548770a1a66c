package cosserver

import (
	"encoding/base64"
	"net/http"
)

// maxRows bounds a page of any listing but that of buckets.
const maxRows = 1000

// listQuery reads what all listings by key take; marker and most are the names
// of two parameters that differ. encode writes names into the answer.
func (c *call) listQuery(marker, most string) (q listQuery, encode func(string) string, err error) {
	q = listQuery{prefix: c.q.get("prefix"), delimiter: c.q.get("delimiter"), marker: c.q.get(marker)}
	if q.max, err = c.q.count(most, maxRows); err != nil {
		return q, nil, err
	}
	encode, err = nameEncoder(c.q.get("encoding-type"))
	return q, encode, err
}

// listObjects is GET Bucket (cos-api.md 3.2.4).
func (c *call) listObjects() error {
	q, encode, err := c.listQuery("marker", "max-keys")
	if err != nil {
		return err
	}
	if c.listV2() {
		if q.marker, err = c.continuation(); err != nil {
			return err
		}
	}
	rows, more, err := c.s.store.list(c.bucket, q)
	if err != nil {
		return err
	}
	rows = c.lag(rows, more)
	c.w.Header().Set("x-cos-bucket-region", c.s.cfg.Region)
	x := newXML()
	x.open("ListBucketResult")
	x.text("Name", c.bucket)
	if c.q.get("encoding-type") != "" {
		x.text("EncodingType", "url")
	}
	x.text("Prefix", encode(q.prefix))
	x.number("MaxKeys", int64(q.max))
	x.text("Delimiter", q.delimiter)
	x.bool("IsTruncated", more)
	next := ""
	if more {
		next = rows[len(rows)-1].name
	}
	if c.listV2() {
		c.writeTokens(x, next, len(rows))
	} else {
		writeMarkers(x, encode(q.marker), encode(next))
	}
	c.writeRows(x, rows, encode)
	x.close("ListBucketResult")
	return c.xml(http.StatusOK, x)
}

// lag leaves out what a fault hides. The last row of a page that is not the
// last stays: it is the marker of the next one.
func (c *call) lag(rows []listRow, more bool) []listRow {
	if c.fault == nil || c.fault.ListLag == 0 {
		return rows
	}
	since := c.s.cfg.Now().Add(-c.fault.ListLag)
	var kept []listRow
	for i, row := range rows {
		if row.prefix || row.Modified.Before(since) || more && i == len(rows)-1 {
			kept = append(kept, row)
		}
	}
	return kept
}

// listV2 tells whether S3's second form of listing is asked for, which knows
// tokens in place of markers.
func (c *call) listV2() bool { return c.q.get("list-type") == "2" }

// continuation is the marker that a token stands for.
func (c *call) continuation() (string, error) {
	token := c.q.get("continuation-token")
	if token == "" {
		return c.q.get("start-after"), nil
	}
	marker, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", failure("InvalidArgument").because("the continuation-token is not one of ours")
	}
	return string(marker), nil
}

func (c *call) writeTokens(x *xmlWriter, next string, rows int) {
	if t := c.q.get("continuation-token"); t != "" {
		x.text("ContinuationToken", t)
	}
	if next != "" {
		x.text("NextContinuationToken", base64.RawURLEncoding.EncodeToString([]byte(next)))
	}
	x.number("KeyCount", int64(rows))
}

func writeMarkers(x *xmlWriter, marker, next string) {
	x.text("Marker", marker)
	if next != "" {
		x.text("NextMarker", next)
	}
}

// writeRows writes common prefixes first and objects then, as COS does.
func (c *call) writeRows(x *xmlWriter, rows []listRow, encode func(string) string) {
	for _, row := range rows {
		if row.prefix {
			writePrefix(x, encode(row.name))
		}
	}
	owner := appID(c.bucket)
	for _, row := range rows {
		if row.prefix {
			continue
		}
		x.open("Contents")
		x.text("Key", encode(row.name))
		x.time("LastModified", row.Modified)
		x.text("ETag", quote(row.ETag))
		x.number("Size", row.Size)
		writeOwner(x, "Owner", owner)
		x.text("StorageClass", className(row.StorageClass))
		x.close("Contents")
	}
}

func writePrefix(x *xmlWriter, prefix string) {
	x.open("CommonPrefixes")
	x.text("Prefix", prefix)
	x.close("CommonPrefixes")
}

func writeOwner(x *xmlWriter, element, id string) {
	x.open(element)
	x.text("ID", id)
	x.text("DisplayName", id)
	x.close(element)
}

// listUploads is List Multipart Uploads (cos-api.md 3.2.6).
func (c *call) listUploads() error {
	q, encode, err := c.listQuery("key-marker", "max-uploads")
	if err != nil {
		return err
	}
	idMarker := c.q.get("upload-id-marker")
	rows, more, err := c.s.store.uploads(c.bucket, q, idMarker)
	if err != nil {
		return err
	}
	x := newXML()
	x.open("ListMultipartUploadsResult")
	x.text("Bucket", c.bucket)
	x.text("EncodingType", c.q.get("encoding-type"))
	x.text("KeyMarker", encode(q.marker))
	x.text("UploadIdMarker", idMarker)
	if more {
		last := rows[len(rows)-1]
		x.text("NextKeyMarker", encode(last.key))
		x.text("NextUploadIdMarker", last.id)
	}
	x.number("MaxUploads", int64(q.max))
	x.bool("IsTruncated", more)
	x.text("Prefix", encode(q.prefix))
	x.text("Delimiter", q.delimiter)
	writeUploads(x, rows, encode)
	x.close("ListMultipartUploadsResult")
	return c.xml(http.StatusOK, x)
}

func writeUploads(x *xmlWriter, rows []uploadRow, encode func(string) string) {
	for _, row := range rows {
		if row.prefix {
			writePrefix(x, encode(row.key))
			continue
		}
		x.open("Upload")
		x.text("Key", encode(row.key))
		x.text("UploadId", row.id)
		writeOwner(x, "Initiator", row.owner)
		writeOwner(x, "Owner", row.owner)
		x.text("StorageClass", className(row.class))
		x.time("Initiated", row.initiated)
		x.close("Upload")
	}
}
