package cosapi

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// Appended is what an append left.
type Appended struct {
	ETag string
	Next int64 // position of the next append: the new length in bytes
}

// Append adds body at the end of an appendable object, which it makes when
// position is 0 and there is none (cos-api.md 3.4.7); o counts then only.
// Position is the present length; if it is not, the append is Changed and
// nothing was written: of concurrent appenders exactly one wins. An object
// that was put whole is Invalid.
//
// A lost answer is not repeated blindly: the bytes at position are read back,
// and equal ones are taken as ours.
// The seeds call it append_object.
func (c *Client) Append(ctx context.Context, key string, position int64, body io.ReadSeeker, o PutOptions) (Appended, error) {
	const op = "AppendObject"
	if position < 0 {
		return Appended{}, invalid(op, key, "the position is %d", position)
	}
	r, err := newPut(op, key, body, o)
	if err != nil {
		return Appended{}, err
	}
	r.method = http.MethodPost
	r.params = []Pair{{"append", ""}, {"position", strconv.FormatInt(position, 10)}}
	var done Appended
	r.accept = func(a *answer) (err error) {
		done, err = appended(r, position, a)
		return err
	}
	r.settle = func(ctx context.Context, attempt int, failed *Error) (settled bool, err error) {
		unknown := failed.Kind.worthRetrying() && !failed.hint.permanent
		if !unknown && (failed.Kind != Changed || attempt == 1) {
			return false, nil
		}
		done, settled, err = c.appendLanded(ctx, r, position, failed)
		return settled, err
	}
	err = c.run(ctx, r)
	return done, err
}

// appended reads the answer. Its x-cos-content-sha1 is, in spite of the name,
// the MD5 of the bytes appended.
func appended(r *request, position int64, a *answer) (Appended, error) {
	done := Appended{ETag: unquote(a.header.Get("ETag")), Next: position + r.body.size}
	if next, err := strconv.ParseInt(a.header.Get("x-cos-next-append-position"), 10, 64); err == nil {
		done.Next = next
	}
	sum, err := hex.DecodeString(a.header.Get("x-cos-content-sha1"))
	if err != nil || len(sum) != md5.Size {
		return done, nil
	}
	sent, err := r.body.md5()
	if err != nil {
		return done, bodyError(r, err)
	}
	if digest(sum) != sent {
		failed := corrupt(r.op, r.key, a, "MD5 %x was sent, %x is stored", sent, sum)
		failed.hint.permanent = true // it is stored all the same
		return Appended{}, failed
	}
	return done, nil
}

// appendLanded settles an append whose fate is unknown, unless the object
// still ends at position, which makes repeating safe.
func (c *Client) appendLanded(ctx context.Context, r *request, position int64, failed *Error) (Appended, bool, error) {
	there, err := c.Head(ctx, r.key)
	switch {
	case errors.Is(err, NotFound) && position == 0, err == nil && there.Size == position && r.body.size > 0:
		return Appended{}, false, nil
	case err != nil:
		return Appended{}, true, failed
	}
	same, err := c.sameBytes(ctx, r, there, position)
	if err != nil {
		return Appended{}, true, failed
	}
	if same {
		return Appended{ETag: there.ETag, Next: position + r.body.size}, true, nil
	}
	return Appended{}, true, &Error{Op: r.op, Key: r.key, Kind: Changed, Status: http.StatusConflict,
		Code: "AppendPositionErr", Message: "another appender was first", Err: failed}
}

// sameBytes compares the body with what the object has at position.
func (c *Client) sameBytes(ctx context.Context, r *request, there Object, position int64) (bool, error) {
	if there.Size < position+r.body.size {
		return false, nil
	}
	want, err := r.body.checksum()
	if err != nil || r.body.size == 0 {
		return true, err
	}
	rd, err := c.Get(ctx, there.Version, Range{position, r.body.size})
	if err != nil {
		return false, err
	}
	defer rd.Close()
	h := NewCRC64()
	_, err = io.Copy(h, rd)
	return h.Sum64() == want, err
}
