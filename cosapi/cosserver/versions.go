package cosserver

import "net/http"

// listVersions is GET Bucket Object versions (cos-api.md 3.2.5).
func (c *call) listVersions() error {
	q, encode, err := c.listQuery("key-marker", "max-keys")
	if err != nil {
		return err
	}
	idMarker := c.q.get("version-id-marker")
	rows, more, err := c.s.store.listVersions(c.bucket, q, idMarker)
	if err != nil {
		return err
	}
	x := newXML()
	x.open("ListVersionsResult")
	x.text("Name", c.bucket)
	if c.q.get("encoding-type") != "" {
		x.text("EncodingType", "url")
	}
	x.text("Prefix", encode(q.prefix))
	x.text("KeyMarker", encode(q.marker))
	x.text("VersionIdMarker", idMarker)
	x.number("MaxKeys", int64(q.max))
	if q.delimiter != "" {
		x.text("Delimiter", q.delimiter)
	}
	x.bool("IsTruncated", more)
	if more {
		last := rows[len(rows)-1]
		x.text("NextKeyMarker", encode(last.name))
		x.text("NextVersionIdMarker", last.VersionID)
	}
	for _, row := range rows {
		if row.prefix {
			writePrefix(x, encode(row.name))
		}
	}
	for _, row := range rows {
		if !row.prefix {
			c.writeVersion(x, row, encode(row.name))
		}
	}
	x.close("ListVersionsResult")
	return c.xml(http.StatusOK, x)
}

func (c *call) writeVersion(x *xmlWriter, row versionRow, name string) {
	element := "Version"
	if row.DeleteMarker {
		element = "DeleteMarker"
	}
	x.open(element)
	x.text("Key", name)
	x.text("VersionId", row.VersionID)
	x.bool("IsLatest", row.latest)
	x.time("LastModified", row.Modified)
	if !row.DeleteMarker {
		x.text("ETag", quote(row.ETag))
		x.number("Size", row.Size)
		x.text("StorageClass", className(row.StorageClass))
	}
	writeOwner(x, "Owner", appID(c.bucket))
	x.close(element)
}
