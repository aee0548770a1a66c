package cosapi

import (
	"context"
	"encoding/xml"
	"net/http"
)

// The tiers of a restore, from fast and dear to slow and cheap (cos-api.md
// 3.4.11).
const (
	TierExpedited = "Expedited" // 1 to 5 minutes; not for DEEP_ARCHIVE
	TierStandard  = "Standard"  // 3 to 5 hours
	TierBulk      = "Bulk"      // 5 to 12 hours
)

// RestoreOptions are the choices of a restore.
type RestoreOptions struct {
	Days      int    // that the readable copy lives, from 1
	Tier      string // empty: TierStandard
	VersionID string // empty: the latest
}

// Restore asks for a readable copy of an archived object. It answers at once;
// Object.Restore of a Head tells when the copy is there. Restoring anew
// extends its life. InProgress if a restore is running, Invalid if the object
// is not archived.
// The seeds call it restore_object.
func (c *Client) Restore(ctx context.Context, key string, o RestoreOptions) error {
	const op = "RestoreObject"
	if err := CheckKey(key); err != nil {
		return err
	}
	if o.Days < 1 {
		return invalid(op, key, "a restored copy lives 1 day at least, not %d", o.Days)
	}
	doc := struct {
		XMLName xml.Name `xml:"RestoreRequest"`
		Days    int
		Tier    string `xml:"CASJobParameters>Tier,omitempty"`
	}{Days: o.Days, Tier: o.Tier}
	raw, err := marshal(op, key, doc)
	if err != nil {
		return err
	}
	r := &request{op: op, method: http.MethodPost, key: key, params: versioned("restore", o.VersionID), class: classRestore}
	r.document("application/xml", raw)
	r.settle = func(_ context.Context, attempt int, failed *Error) (bool, error) {
		// An earlier attempt began it and its answer was lost.
		return attempt > 1 && failed.Kind == InProgress, nil
	}
	return c.run(ctx, r)
}

// Symlink is the key that a symbolic link of COS points to (cos-api.md 3.3).
// These are COS's own links, not those of a file system on top of it.
func (c *Client) Symlink(ctx context.Context, key string) (target string, err error) {
	if err := CheckKey(key); err != nil {
		return "", err
	}
	r := &request{op: "GetSymlink", method: http.MethodGet, key: key, params: []Pair{{"symlink", ""}}}
	r.accept = func(a *answer) (err error) {
		target, err = keyDecoder("url")(a.header.Get("x-cos-symlink-target"))
		return err
	}
	err = c.run(ctx, r)
	return target, err
}
