package cosapi

import (
	"context"
	"net/http"
)

// The configurations of buckets and objects are all read, replaced and
// deleted alike: a document under a sub-resource (cos-api.md 3.2).

// getDocument reads the document of a sub-resource. One that was never set is
// NotSet.
func getDocument[T any](ctx context.Context, c *Client, op, key string, params ...Pair) (T, error) {
	var doc T
	r := &request{op: op, method: http.MethodGet, key: key, params: params}
	r.accept = func(a *answer) error {
		var fresh T // nothing of a broken attempt may stay
		if err := decode(r, a, &fresh); err != nil {
			return err
		}
		doc = fresh
		return nil
	}
	err := c.run(ctx, r)
	return doc, err
}

// putDocument replaces it.
func (c *Client) putDocument(ctx context.Context, op, key string, doc any, params ...Pair) error {
	raw, err := marshal(op, key, doc)
	if err != nil {
		return err
	}
	r := &request{op: op, method: http.MethodPut, key: key, params: params}
	r.document("application/xml", raw)
	return c.run(ctx, r)
}

// deleteDocument removes it; that there was none is no error.
func (c *Client) deleteDocument(ctx context.Context, op, key string, params ...Pair) error {
	r := &request{op: op, method: http.MethodDelete, key: key, params: params}
	r.settle = func(_ context.Context, _ int, failed *Error) (bool, error) { return failed.Kind == NotSet, nil }
	return c.run(ctx, r)
}
