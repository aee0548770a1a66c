package cosapi

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// Put stores the whole of body, from its beginning, as the content of key.
// Readers see the old content or the new, never a mix. The CRC64 that COS
// answers is compared with the bytes sent; a body damaged on its way is sent
// again, and Corrupt is returned when that does not help. The Object returned
// has Modified from the answer's Date.
//
// With ForbidOverwrite an existing key is Exists. A lost answer is not
// repeated blindly: the key is asked for, and equal content is taken as ours.
// The seeds call it put_object; their put_object_from_local_file is Upload.
func (c *Client) Put(ctx context.Context, key string, body io.ReadSeeker, o PutOptions) (Object, error) {
	const op = "PutObject"
	r, err := newPut(op, key, body, o)
	if err != nil {
		return Object{}, err
	}
	var object Object
	r.accept = func(a *answer) error {
		crc, err := c.checkSent(r, a, o.Encryption)
		if err != nil {
			return err
		}
		object = written(key, r.body.size, crc, o.Attrs, a)
		return nil
	}
	if o.ForbidOverwrite {
		r.settle = func(ctx context.Context, attempt int, failed *Error) (bool, error) {
			if !doubtful(attempt, failed) {
				return false, nil
			}
			var settled bool
			object, settled, err = c.ours(ctx, r, failed)
			return settled, err
		}
	}
	err = c.run(ctx, r)
	return object, err
}

// newPut checks the arguments of a put before anything is sent.
func newPut(op, key string, body io.ReadSeeker, o PutOptions) (*request, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	if err := o.check(op, key); err != nil {
		return nil, err
	}
	sending, err := newSendBody(op, key, body)
	if err != nil {
		return nil, err
	}
	r := &request{op: op, method: http.MethodPut, key: key, body: sending}
	r.setPut(o)
	if o.ContentMD5 {
		sum, err := sending.md5()
		if err != nil {
			return nil, bodyError(r, err)
		}
		r.set("Content-MD5", sum.base64())
	}
	return r, nil
}

// written is the Object that a successful write made.
func written(key string, size int64, crc uint64, a Attrs, ans *answer) Object {
	a.Encryption.CustomerKey = nil
	return Object{
		Version:   Version{Key: key, ETag: unquote(ans.header.Get("ETag")), Size: size},
		Attrs:     a,
		Modified:  ans.date(),
		CRC64:     crc,
		HasCRC64:  true,
		VersionID: ans.header.Get("x-cos-version-id"),

		Expiration: ans.header.Get("x-cos-expiration"),
	}
}

// doubtful says that a create may have been carried out although it failed,
// or that its failure may be the echo of an earlier attempt's success.
func doubtful(attempt int, failed *Error) bool {
	return failed.Kind.worthRetrying() || failed.Kind == Exists && attempt > 1
}

// ours finds out whether the content that r creates is there. It settles the
// call unless the key is free, which makes repeating safe.
func (c *Client) ours(ctx context.Context, r *request, failed *Error) (Object, bool, error) {
	there, err := c.Head(ctx, r.key)
	if errors.Is(err, NotFound) {
		return Object{}, false, nil
	}
	if err != nil {
		return Object{}, true, failed
	}
	crc, err := r.body.checksum()
	if err != nil {
		return Object{}, true, bodyError(r, err)
	}
	if there.HasCRC64 && there.CRC64 == crc && there.Size == r.body.size {
		return there, true, nil
	}
	return Object{}, true, alreadyThere(r, failed)
}

func alreadyThere(r *request, failed *Error) *Error {
	return &Error{Op: r.op, Key: r.key, Kind: Exists, Status: http.StatusConflict,
		Code: "FileAlreadyExists", Message: "another writer was first", Err: failed}
}
