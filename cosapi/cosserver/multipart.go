package cosserver

import (
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
)

// startUpload is Initiate Multipart Upload: it takes all the attributes of the
// object to be.
func (c *call) startUpload() error {
	u := &uploadRecord{}
	var err error
	if u.Class, err = c.attributes(&u.Object); err != nil {
		return err
	}
	err = c.s.store.startUpload(c.bucket, c.key, u, func(tx txn) error {
		b, err := bucketOf(tx, c.bucket)
		if err != nil {
			return err
		}
		if c.forbidsOverwrite() && b.Versioning == "" && tx.get(tableObjects, objectKey(c.bucket, c.key)) != nil {
			return failure("FileAlreadyExists")
		}
		return nil
	})
	if err != nil {
		return err
	}
	u.Object.SSE.answer(c.w.Header())
	x := newXML()
	x.open("InitiateMultipartUploadResult")
	x.text("Bucket", c.bucket)
	x.text("Key", c.key)
	x.text("UploadId", u.ID)
	x.close("InitiateMultipartUploadResult")
	return c.xml(http.StatusOK, x)
}

// partNumber reads the part's number.
func (c *call) partNumber() (int, error) {
	n, err := strconv.Atoi(c.q.get("partNumber"))
	if err != nil || n < 1 || n > maxPartNumber {
		return 0, failure("InvalidArgument").because("partNumber must be from 1 to 10000")
	}
	return n, nil
}

// putPart is Upload Part. A part of the same number is replaced.
func (c *call) putPart() error {
	if err := c.needLength(false); err != nil {
		return err
	}
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	id := c.q.get("uploadId")
	u, err := c.s.store.upload(c.bucket, c.key, id)
	if err != nil {
		return err
	}
	if err := u.Object.SSE.needKey(c.r.Header, sseCustomer); err != nil {
		return err
	}
	body, err := c.receive()
	if err != nil {
		return err
	}
	part := &partRecord{
		Number: number, Segments: body.segments, Size: body.size, CRC64: body.crc64, ETag: hex.EncodeToString(body.md5),
	}
	if err := c.s.store.putPart(c.bucket, c.key, id, part, nil); err != nil {
		c.s.drop(body)
		return err
	}
	c.setETag(part.ETag)
	c.setCRC(part.CRC64)
	u.Object.SSE.answer(c.w.Header())
	return c.empty(http.StatusOK)
}

// listParts is List Parts.
func (c *call) listParts() error {
	limit, err := c.q.count("max-parts", maxRows)
	if err != nil {
		return err
	}
	marker, err := strconv.Atoi("0" + c.q.get("part-number-marker"))
	if err != nil {
		return failure("InvalidArgument").because("part-number-marker must be a number")
	}
	encode, err := nameEncoder(c.q.get("encoding-type"))
	if err != nil {
		return err
	}
	id := c.q.get("uploadId")
	if id == "" {
		return failure("ListPartUploadIdIsEmpty")
	}
	u, rows, more, err := c.s.store.parts(c.bucket, c.key, id, marker, limit)
	if err != nil {
		return err
	}
	x := newXML()
	x.open("ListPartsResult")
	x.text("Bucket", c.bucket)
	x.text("EncodingType", c.q.get("encoding-type"))
	x.text("Key", encode(c.key))
	x.text("UploadId", id)
	writeOwner(x, "Owner", appID(c.bucket))
	writeOwner(x, "Initiator", u.Object.Owner)
	x.number("PartNumberMarker", int64(marker))
	for _, p := range rows {
		writePart(x, p)
	}
	if more {
		x.number("NextPartNumberMarker", int64(rows[len(rows)-1].Number))
	}
	x.text("StorageClass", className(u.Class))
	x.number("MaxParts", int64(limit))
	x.bool("IsTruncated", more)
	x.close("ListPartsResult")
	return c.xml(http.StatusOK, x)
}

func writePart(x *xmlWriter, p partRecord) {
	x.open("Part")
	x.number("PartNumber", int64(p.Number))
	x.time("LastModified", p.Modified)
	x.text("ETag", quote(p.ETag))
	x.number("Size", p.Size)
	x.close("Part")
}

// completeRequest is cos-api.md 5.16.
type completeRequest struct {
	XMLName xml.Name `xml:"CompleteMultipartUpload"`
	Parts   []struct {
		Number int    `xml:"PartNumber"`
		ETag   string `xml:"ETag"`
	} `xml:"Part"`
}

// completeUpload is Complete Multipart Upload.
func (c *call) completeUpload() error {
	doc, err := c.document()
	if err != nil {
		return err
	}
	var req completeRequest
	if err := parseXML(doc, &req); err != nil {
		return err
	}
	if len(req.Parts) == 0 || len(req.Parts) > maxPartNumber {
		return failure("MalformedXML").because("the list must name 1 to 10000 parts")
	}
	list := make([]namedPart, len(req.Parts))
	for i, p := range req.Parts {
		list[i] = namedPart{Number: p.Number, ETag: unquote(p.ETag)}
	}
	o := &objectRecord{}
	p := put{bucket: c.bucket, key: c.key, object: o, forbid: c.forbidsOverwrite()}
	if err := c.s.store.complete(p, c.q.get("uploadId"), list); err != nil {
		return err
	}
	c.setVersion(o.VersionID)
	c.setCRC(o.CRC64)
	o.SSE.answer(c.w.Header())
	x := newXML()
	x.open(`CompleteMultipartUploadResult xmlns="http://www.qcloud.com/document/product/436/7751"`)
	x.text("Location", "http://"+c.bucket+".cos."+c.s.cfg.Region+".myqcloud.com/"+encodeName(c.key))
	x.text("Bucket", c.bucket)
	x.text("Key", c.key)
	x.text("ETag", quote(o.ETag))
	x.close("CompleteMultipartUploadResult")
	return c.xml(http.StatusOK, x)
}

// abortUpload is Abort Multipart Upload.
func (c *call) abortUpload() error {
	if err := c.s.store.abort(c.bucket, c.key, c.q.get("uploadId")); err != nil {
		return err
	}
	return c.empty(http.StatusNoContent)
}

// className is a storage class as answers spell it.
func className(class string) string {
	if class == "" {
		return defaultClass
	}
	return class
}

// isTrue reads a boolean of a document, in any case.
func isTrue(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "true") }
