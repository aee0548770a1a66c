package cosapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// StartUpload begins a multipart upload of key. What o says holds for the
// object that CompleteUpload makes. An upload that is neither completed nor
// aborted is invisible in listings, costs storage, and keeps its bucket from
// being deleted. (cos-api.md 3.4.6 for all of these calls.)
// The seeds call it create_multipart_upload.
func (c *Client) StartUpload(ctx context.Context, key string, o PutOptions) (uploadID string, err error) {
	const op = "InitiateMultipartUpload"
	if err := errors.Join(CheckKey(key), o.check(op, key)); err != nil {
		return "", err
	}
	r := &request{op: op, method: http.MethodPost, key: key, params: []Pair{{"uploads", ""}}, body: &sendBody{}}
	r.setPut(o)
	r.accept = func(a *answer) error {
		raw, err := readDocument(r, a)
		if err != nil {
			return err
		}
		err = scanFields(raw, "InitiateMultipartUploadResult", map[string]*string{"UploadId": &uploadID})
		if err == nil && uploadID == "" {
			err = errors.New("the answer has no UploadId")
		}
		return err
	}
	err = c.run(ctx, r)
	return uploadID, err
}

// PartOptions are the rarer choices of a part.
type PartOptions struct {
	ContentMD5   bool        // as in PutOptions
	TrafficLimit int64       // bit/s, 0: none
	CustomerKey  []byte      // of SSE-C, the one of StartUpload
	Header       http.Header // sent as it is, such as a Content-MD5 known already
}

// UploadPart sends part number (1 to MaxParts) of an upload; sent again, it
// replaces the part. The CRC64 is compared as in Put.
// The seeds call it upload_part.
func (c *Client) UploadPart(ctx context.Context, key, uploadID string, number int, body io.ReadSeeker) (Part, error) {
	return c.UploadPartWith(ctx, key, uploadID, number, body, PartOptions{})
}

// UploadPartWith is UploadPart with choices.
func (c *Client) UploadPartWith(ctx context.Context, key, uploadID string, number int, body io.ReadSeeker, o PartOptions) (Part, error) {
	const op = "UploadPart"
	if err := checkPart(op, key, uploadID, number); err != nil {
		return Part{}, err
	}
	encryption := Encryption{CustomerKey: o.CustomerKey}
	r, err := newPut(op, key, body, PutOptions{
		Attrs: Attrs{Encryption: encryption}, ContentMD5: o.ContentMD5, TrafficLimit: o.TrafficLimit, Header: o.Header,
	})
	if err != nil {
		return Part{}, err
	}
	r.params = partParams(uploadID, number)
	part := Part{Number: number, Size: r.body.size, HasCRC64: true}
	r.accept = func(a *answer) error {
		part.CRC64, err = c.checkSent(r, a, encryption)
		part.ETag = unquote(a.header.Get("ETag"))
		if err == nil && part.ETag == "" {
			err = errors.New("the answer has no ETag")
		}
		return err
	}
	if err := c.run(ctx, r); err != nil {
		return Part{}, err
	}
	return part, nil
}

// CopyPart makes part number of an upload a copy of a range of src, inside
// COS. With src.ETag set, another version of the source is Changed. A range
// up to the end needs src.Size; of a whole source without one, COS is asked.
// The seeds call it upload_part_copy.
func (c *Client) CopyPart(ctx context.Context, key, uploadID string, number int, src Version, r Range) (Part, error) {
	return c.CopyPartFrom(ctx, key, uploadID, number, src, r, CopySource{})
}

// CopyPartFrom is CopyPart from another bucket, of another version, or under
// conditions.
func (c *Client) CopyPartFrom(ctx context.Context, key, uploadID string, number int, src Version, rng Range, s CopySource) (Part, error) {
	const op = "UploadPartCopy"
	if err := errors.Join(checkPart(op, key, uploadID, number), CheckKey(src.Key)); err != nil {
		return Part{}, err
	}
	whole := rng.Off == 0 && rng.Len < 0
	if whole && src.Size == 0 {
		// Without the part's size the checksum of the object would be wrong.
		there, err := c.headSource(ctx, src, s)
		if err != nil {
			return Part{}, err
		}
		src = there.Version
	}
	if rng.Len < 0 {
		rng.Len = src.Size - rng.Off
	}
	if rng.Off < 0 || rng.Len <= 0 && !whole {
		return Part{}, invalid(op, key, "the range from %d of %d bytes is empty", rng.Off, rng.Len)
	}
	r := &request{op: op, method: http.MethodPut, key: key, body: &sendBody{},
		params: partParams(uploadID, number), timeout: slowAnswerTimeout}
	r.setSource(c.source(src.Key, s), src.ETag, s)
	if !whole {
		r.set("x-cos-copy-source-range", rangeHeader(rng.Off, rng.Off+rng.Len))
	}
	part := Part{Number: number, Size: rng.Len}
	r.accept = func(a *answer) error {
		object, err := copied(r, src, a)
		part.ETag, part.CRC64, part.HasCRC64 = object.ETag, object.CRC64, object.HasCRC64
		part.Modified, part.SourceVersionID = object.Modified, a.header.Get("x-cos-copy-source-version-id")
		return err
	}
	if err := c.run(ctx, r); err != nil {
		return Part{}, err
	}
	return part, nil
}

// AbortUpload throws an upload and its parts away. NoUpload if there is none.
// The seeds call it abort_multipart_upload.
func (c *Client) AbortUpload(ctx context.Context, key, uploadID string) error {
	const op = "AbortMultipartUpload"
	if err := checkPart(op, key, uploadID, 1); err != nil {
		return err
	}
	r := &request{op: op, method: http.MethodDelete, key: key, params: []Pair{{"uploadId", uploadID}}}
	r.settle = func(_ context.Context, attempt int, failed *Error) (bool, error) {
		// An earlier attempt did it and its answer was lost.
		return failed.Kind == NoUpload && attempt > 1, nil
	}
	return c.run(ctx, r)
}

// checkPart refuses what would become another operation on the wire: without
// an upload id, an abort is a delete and a part is a put.
func checkPart(op, key, uploadID string, number int) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if uploadID == "" {
		return invalid(op, key, "the upload id is empty")
	}
	if number < 1 || number > MaxParts {
		return invalid(op, key, "part numbers run from 1 to %d, not %d", MaxParts, number)
	}
	return nil
}

func partParams(uploadID string, number int) []Pair {
	return []Pair{{"partNumber", strconv.Itoa(number)}, {"uploadId", uploadID}}
}
