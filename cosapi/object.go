package cosapi

import (
	"context"
	"net/http"
	"time"
)

// HeadOptions select a version and make the question conditional.
type HeadOptions struct {
	VersionID                          string // empty: the latest
	IfMatch, IfNoneMatch               string // ETags without quotes
	IfModifiedSince, IfUnmodifiedSince time.Time
	CustomerKey                        []byte // of SSE-C
}

// Head asks what COS knows of a key. NotFound if there is no such object.
// The seeds call it head_object.
func (c *Client) Head(ctx context.Context, key string) (Object, error) {
	return c.HeadWith(ctx, key, HeadOptions{})
}

// HeadWith is Head under conditions (cos-api.md 3.4.2): NotModified when
// IfNoneMatch or IfModifiedSince say so, Changed when IfMatch or
// IfUnmodifiedSince do.
func (c *Client) HeadWith(ctx context.Context, key string, o HeadOptions) (Object, error) {
	if err := CheckKey(key); err != nil {
		return Object{}, err
	}
	r := &request{op: "HeadObject", method: http.MethodHead, key: key}
	r.setConditions(o)
	var object Object
	r.accept = func(a *answer) error {
		if a.length < 0 {
			return &Error{Op: r.op, Key: key, Kind: Unsupported, Status: a.status, Message: "the answer has no length"}
		}
		object = readObject(key, a.length, a.header)
		return nil
	}
	err := c.run(ctx, r)
	return object, err
}

func (r *request) setConditions(o HeadOptions) {
	r.param("versionId", o.VersionID)
	if o.IfMatch != "" {
		r.set("If-Match", quote(o.IfMatch))
	}
	if o.IfNoneMatch != "" {
		r.set("If-None-Match", quote(o.IfNoneMatch))
	}
	r.set("If-Modified-Since", httpTime(o.IfModifiedSince))
	r.set("If-Unmodified-Since", httpTime(o.IfUnmodifiedSince))
	r.setCustomerKey(ssePrefix, o.CustomerKey)
}

// Deleted is what a delete did in a versioned bucket (cos-api.md 3.4.4).
type Deleted struct {
	VersionID    string // of the version removed, or of the marker written
	DeleteMarker bool   // a delete marker was written or removed
}

// Delete removes a key. That there was none is no error, nor told: COS does
// not say. In a versioned bucket it writes a delete marker.
// The seeds call it delete_object.
func (c *Client) Delete(ctx context.Context, key string) error {
	_, err := c.DeleteVersion(ctx, key, "")
	return err
}

// DeleteVersion removes one version for good; with an empty versionID it is
// Delete.
func (c *Client) DeleteVersion(ctx context.Context, key, versionID string) (Deleted, error) {
	if err := CheckKey(key); err != nil {
		return Deleted{}, err
	}
	r := &request{op: "DeleteObject", method: http.MethodDelete, key: key}
	r.param("versionId", versionID)
	var done Deleted
	r.accept = func(a *answer) error {
		done = Deleted{
			VersionID:    a.header.Get("x-cos-version-id"),
			DeleteMarker: a.header.Get("x-cos-delete-marker") == "true",
		}
		return nil
	}
	r.settle = func(_ context.Context, _ int, failed *Error) (bool, error) {
		return failed.Kind == NotFound && versionID == "", nil
	}
	err := c.run(ctx, r)
	return done, err
}
