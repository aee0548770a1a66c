package cosapi

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
)

// completion is the document of cos-api.md 5.16.
type completion struct {
	XMLName xml.Name `xml:"CompleteMultipartUpload"`
	Parts   []completedPart
}

type completedPart struct {
	XMLName    xml.Name `xml:"Part"`
	PartNumber int
	ETag       string
}

// CompleteUpload makes the object from parts, numbered 1 to n in any order.
// If an answer is lost and the upload is gone when asked again, the object is
// looked at: the size and checksum of the parts prove that it is ours; parts
// without a checksum prove nothing, and the call is NoUpload. The
// ETag of the result is opaque; its Attrs are not told, they are those of
// StartUpload.
// The seeds call it complete_multipart_upload.
func (c *Client) CompleteUpload(ctx context.Context, key, uploadID string, parts []Part) (Object, error) {
	return c.complete(ctx, key, uploadID, parts, false)
}

// CompleteExclusive is CompleteUpload for an upload that was started with
// ForbidOverwrite: Exists when the key exists by now.
func (c *Client) CompleteExclusive(ctx context.Context, key, uploadID string, parts []Part) (Object, error) {
	return c.complete(ctx, key, uploadID, parts, true)
}

func (c *Client) complete(ctx context.Context, key, uploadID string, parts []Part, exclusive bool) (Object, error) {
	const op = "CompleteMultipartUpload"
	if err := checkPart(op, key, uploadID, 1); err != nil {
		return Object{}, err
	}
	want, doc, err := assemble(op, key, parts)
	if err != nil {
		return Object{}, err
	}
	r := &request{op: op, method: http.MethodPost, key: key, params: []Pair{{"uploadId", uploadID}}, timeout: slowAnswerTimeout}
	r.document("application/xml", doc)
	if exclusive {
		r.set("x-cos-forbid-overwrite", "true")
	}
	var object Object
	r.accept = func(a *answer) (err error) {
		object, err = completed(r, want, a)
		return err
	}
	r.settle = func(ctx context.Context, attempt int, failed *Error) (settled bool, err error) {
		lost := attempt > 1 && (failed.Kind == NoUpload || failed.Kind == Exists)
		if !lost && failed.Code != "UploadConflict" {
			return false, nil
		}
		there, err := c.Head(ctx, key)
		if err != nil || !want.provenBy(there) {
			return false, nil
		}
		object = there
		return true, nil
	}
	err = c.run(ctx, r)
	return object, err
}

// assembly is what the parts amount to.
type assembly struct {
	size   int64
	crc    uint64
	hasCRC bool // of all parts
}

// assemble checks the parts and writes the request.
func assemble(op, key string, parts []Part) (assembly, []byte, error) {
	if len(parts) == 0 {
		return assembly{}, nil, invalid(op, key, "there are no parts")
	}
	parts = slices.SortedFunc(slices.Values(parts), func(a, b Part) int { return cmp.Compare(a.Number, b.Number) })
	whole := assembly{hasCRC: true}
	var doc completion
	for i, p := range parts {
		if p.Number != i+1 {
			return assembly{}, nil, invalid(op, key, "part %d is missing or given twice", i+1)
		}
		whole.size += p.Size
		whole.crc = CombineCRC64(whole.crc, p.CRC64, p.Size)
		whole.hasCRC = whole.hasCRC && p.HasCRC64
		doc.Parts = append(doc.Parts, completedPart{PartNumber: p.Number, ETag: quote(p.ETag)})
	}
	raw, err := marshal(op, key, doc)
	return whole, raw, err
}

// provenBy says that an object is what the parts make. A size alone proves
// nothing: the object may be the one that the upload was to replace.
func (w assembly) provenBy(o Object) bool {
	return w.hasCRC && o.HasCRC64 && o.Size == w.size && o.CRC64 == w.crc
}

// completed reads the answer, which COS begins with 200 and blanks long
// before it knows the outcome. Success is an ETag.
func completed(r *request, want assembly, a *answer) (Object, error) {
	raw, err := readDocument(r, a)
	if err != nil {
		return Object{}, err
	}
	var etag, location string
	fields := map[string]*string{"ETag": &etag, "Location": &location}
	if err := scanFields(raw, "CompleteMultipartUploadResult", fields); err != nil {
		return Object{}, err
	}
	if etag == "" {
		return Object{}, errors.New("the answer of Complete has no ETag")
	}
	o := Object{
		Version:   Version{Key: r.key, ETag: unquote(etag), Size: want.size},
		Modified:  a.date(),
		CRC64:     want.crc,
		HasCRC64:  want.hasCRC,
		VersionID: a.header.Get("x-cos-version-id"),
		Location:  location,
	}
	stored, ok := readCRC(a.header)
	if !ok {
		return o, nil // the parts were checked one by one
	}
	if want.hasCRC && stored != want.crc {
		failed := corrupt(r.op, r.key, a, "CRC64 %d was sent in parts, %d is stored", want.crc, stored)
		failed.hint.permanent = true // the upload is gone
		return Object{}, failed
	}
	o.CRC64, o.HasCRC64 = stored, true
	return o, nil
}
