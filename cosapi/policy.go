package cosapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// maxPolicy is the size limit of a policy in bytes (cos-api.md 3.2.9).
const maxPolicy = 20 << 10

// BucketPolicy reads the bucket's policy, a JSON document. NotSet if there is
// none.
func (c *Client) BucketPolicy(ctx context.Context) (json.RawMessage, error) {
	r := &request{op: "GetBucketPolicy", method: http.MethodGet, params: []Pair{{"policy", ""}}}
	var policy json.RawMessage
	r.accept = func(a *answer) (err error) {
		policy, err = io.ReadAll(io.LimitReader(a.body, maxDocument))
		return err
	}
	err := c.run(ctx, r)
	return policy, err
}

// PutBucketPolicy replaces the policy.
func (c *Client) PutBucketPolicy(ctx context.Context, policy json.RawMessage) error {
	const op = "PutBucketPolicy"
	if !json.Valid(policy) {
		return invalid(op, "", "the policy is not JSON")
	}
	if len(policy) > maxPolicy {
		return &Error{Op: op, Kind: TooLarge, Message: "a policy has at most 20 KB"}
	}
	r := &request{op: op, method: http.MethodPut, params: []Pair{{"policy", ""}}}
	r.document("application/json", policy)
	return c.run(ctx, r)
}

// DeleteBucketPolicy removes the policy.
func (c *Client) DeleteBucketPolicy(ctx context.Context) error {
	return c.deleteDocument(ctx, "DeleteBucketPolicy", "", Pair{"policy", ""})
}
