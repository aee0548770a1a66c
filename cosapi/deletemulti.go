package cosapi

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
)

// DeleteFailure is a key that was not deleted.
type DeleteFailure struct {
	Key       string
	VersionID string
	Err       *Error
}

// ObjectID names a key, or one version of it.
type ObjectID struct {
	Key       string
	VersionID string // empty: the latest
}

// deleteRequest and deleteResult are the documents of cos-api.md 5.12.
type deleteRequest struct {
	XMLName xml.Name `xml:"Delete"`
	Quiet   bool
	Objects []deleteObject
}

type deleteObject struct {
	XMLName   xml.Name `xml:"Object"`
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
}

type deleteResult struct {
	XMLName xml.Name `xml:"DeleteResult"`
	Deleted []struct {
		Key             string
		VersionID       string `xml:"VersionId"`
		DeleteMarker    boolean
		MarkerVersionID string `xml:"DeleteMarkerVersionId"`
	}
	Error []struct {
		Key       string
		VersionID string `xml:"VersionId"`
		Code      string
		Message   string
	}
}

// DeleteMulti removes keys in batches of 1000 (cos-api.md 3.2.13). Missing
// keys count as deleted. Nothing is sent when one of them is no key at all. The failures are those of single keys, after
// retries; an error means that a batch as a whole got no answer, and the keys
// from it on are untold.
// The seeds call it delete_objects.
func (c *Client) DeleteMulti(ctx context.Context, keys []string) ([]DeleteFailure, error) {
	ids := make([]ObjectID, len(keys))
	for i, key := range keys {
		ids[i] = ObjectID{Key: key}
	}
	return c.DeleteVersions(ctx, ids)
}

// DeleteVersions is DeleteMulti of versions.
func (c *Client) DeleteVersions(ctx context.Context, ids []ObjectID) ([]DeleteFailure, error) {
	return c.deleteAll(ctx, ids, nil)
}

// DeletedKey is a key that a DeleteVerbose deleted.
type DeletedKey struct {
	ObjectID
	DeleteMarker    bool   // a delete marker was written or removed
	MarkerVersionID string // of that marker
}

// DeleteVerbose is DeleteVersions with COS telling of the keys deleted too (the
// seeds' delete_objects with Quiet false).
func (c *Client) DeleteVerbose(ctx context.Context, ids []ObjectID) (deleted []DeletedKey, failures []DeleteFailure, err error) {
	failures, err = c.deleteAll(ctx, ids, &deleted)
	return deleted, failures, err
}

// deleteAll deletes, and appends what COS tells of it unless deleted is nil.
func (c *Client) deleteAll(ctx context.Context, ids []ObjectID, deleted *[]DeletedKey) ([]DeleteFailure, error) {
	for _, id := range ids {
		if err := CheckKey(id.Key); err != nil {
			return nil, err
		}
	}
	var failures []DeleteFailure
	var single []ObjectID
	ids = slices.Clone(ids)
	ids = slices.DeleteFunc(ids, func(id ObjectID) bool {
		if inXML(id.Key) {
			return false
		}
		single = append(single, id)
		return true
	})
	for batch := range slices.Chunk(ids, MaxListPage) {
		failed, err := c.deleteBatch(ctx, batch, deleted)
		failures = append(failures, failed...)
		if err != nil {
			return failures, err
		}
	}
	for _, id := range single {
		d, err := c.DeleteVersion(ctx, id.Key, id.VersionID)
		var failed *Error
		if errors.As(err, &failed) {
			failures = append(failures, DeleteFailure{id.Key, id.VersionID, failed})
		} else if deleted != nil {
			*deleted = append(*deleted, DeletedKey{id, d.DeleteMarker, d.VersionID})
		}
	}
	return failures, ctx.Err()
}

// deleteBatch deletes up to 1000 keys, and again those whose failure may
// pass: a 200 with errors inside is no attempt that run would repeat.
func (c *Client) deleteBatch(ctx context.Context, ids []ObjectID, deleted *[]DeletedKey) (final []DeleteFailure, err error) {
	for attempt := 1; ; attempt++ {
		failures, err := c.deleteOnce(ctx, ids, deleted)
		if err != nil {
			return final, err
		}
		ids = ids[:0:0]
		var again []DeleteFailure
		for _, f := range failures {
			if f.Err.Kind.worthRetrying() && attempt < c.cfg.MaxAttempts {
				again = append(again, f)
				ids = append(ids, ObjectID{f.Key, f.VersionID})
			} else {
				final = append(final, f)
			}
		}
		if len(ids) == 0 {
			return final, nil
		}
		if sleep(ctx, c.retry.delay(attempt, 0)) != nil {
			return append(final, again...), c.contextError(ctx, &request{op: "DeleteMultipleObjects"}, again[0].Err)
		}
	}
}

// deleteOnce is one request, quiet if nobody asks for what was deleted: only
// errors are listed.
func (c *Client) deleteOnce(ctx context.Context, ids []ObjectID, deleted *[]DeletedKey) (failures []DeleteFailure, err error) {
	doc := deleteRequest{Quiet: deleted == nil, Objects: make([]deleteObject, len(ids))}
	for i, id := range ids {
		doc.Objects[i] = deleteObject{Key: id.Key, VersionID: id.VersionID}
	}
	r := &request{op: "DeleteMultipleObjects", method: http.MethodPost, params: []Pair{{"delete", ""}}, class: classDeleteMulti}
	raw, err := marshal(r.op, "", doc)
	if err != nil {
		return nil, err
	}
	r.document("application/xml", raw)
	r.accept = func(a *answer) error {
		var result deleteResult
		if err := decode(r, a, &result); err != nil {
			return err
		}
		if deleted != nil {
			result.appendTo(deleted)
		}
		failures = nil
		for _, e := range result.Error {
			kind := kindOf(e.Code, http.StatusOK)
			if kind == NotFound {
				continue
			}
			failures = append(failures, DeleteFailure{e.Key, e.VersionID, &Error{
				Op: r.op, Key: e.Key, Kind: kind, Status: a.status, Code: e.Code, Message: e.Message,
				RequestID: a.header.Get("x-cos-request-id"),
			}})
		}
		return nil
	}
	err = c.run(ctx, r)
	return failures, err
}

// appendTo appends the keys deleted.
func (d deleteResult) appendTo(deleted *[]DeletedKey) {
	for _, k := range d.Deleted {
		*deleted = append(*deleted, DeletedKey{ObjectID{k.Key, k.VersionID}, bool(k.DeleteMarker), k.MarkerVersionID})
	}
}

// inXML says that a document can carry the key. XML 1.0 has no control
// characters but tab and the line ends; encoding/xml would replace them, and
// another key would be deleted.
func inXML(key string) bool {
	for _, c := range key {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF {
			return false
		}
	}
	return true
}
