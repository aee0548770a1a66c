package cosserver

import (
	"encoding/xml"
	"errors"
	"net/http"
)

// deleteObject is DELETE Object (cos-api.md 3.4.4).
func (c *call) deleteObject() error {
	d, err := c.s.store.remove(c.bucket, c.key, c.q.get("versionId"))
	if err != nil {
		return err
	}
	if d.marker {
		c.w.Header().Set("x-cos-delete-marker", "true")
	}
	c.setVersion(d.versionID)
	return c.empty(http.StatusNoContent)
}

// maxDeletes bounds one DELETE Multiple Objects.
const maxDeletes = 1000

// deleteRequest is cos-api.md 5.12.
type deleteRequest struct {
	XMLName xml.Name       `xml:"Delete"`
	Quiet   string         `xml:"Quiet"`
	Objects []deleteTarget `xml:"Object"`
}

type deleteTarget struct {
	Key       string `xml:"Key"`
	VersionID string `xml:"VersionId"`
}

// deleteObjects is DELETE Multiple Objects: one transaction, 200 whatever
// happened to each key.
func (c *call) deleteObjects() error {
	if c.r.Header.Get("Content-MD5") == "" {
		return failure("InvalidRequest").because("Missing required header for this request: Content-MD5")
	}
	doc, err := c.document()
	if err != nil {
		return err
	}
	var req deleteRequest
	if err := parseXML(doc, &req); err != nil {
		return err
	}
	if len(req.Objects) == 0 || len(req.Objects) > maxDeletes {
		return failure("MalformedXML").because("the list must name 1 to 1000 objects")
	}
	results := make([]deleteResult, len(req.Objects))
	err = c.s.store.update(func(ch *change) error {
		for i, o := range req.Objects {
			results[i] = c.deleteOne(ch, o)
			if results[i].fatal != nil {
				return results[i].fatal
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.xml(http.StatusOK, deleteAnswer(req, results))
}

// deleteResult is the result for one key: done, refused, or, when the store
// itself failed, fatal for the whole request.
type deleteResult struct {
	deleted
	refused *apiError
	fatal   error
}

// deleteOne deletes within the request's transaction. An empty key is no error
// and nothing to delete (cos-api.md 3.2.13).
func (c *call) deleteOne(ch *change, o deleteTarget) deleteResult {
	if o.Key == "" {
		return deleteResult{}
	}
	if len(o.Key) > maxKeyBytes {
		return deleteResult{refused: failure("KeyTooLong")}
	}
	d, err := c.s.store.removeIn(ch, c.bucket, o.Key, o.VersionID)
	if err == nil {
		return deleteResult{deleted: d}
	}
	var refused *apiError
	if errors.As(err, &refused) && refused.code != "NoSuchBucket" {
		return deleteResult{refused: refused}
	}
	return deleteResult{fatal: err}
}

func deleteAnswer(req deleteRequest, results []deleteResult) *xmlWriter {
	quiet := isTrue(req.Quiet)
	x := newXML()
	x.open("DeleteResult")
	for i, r := range results {
		o := req.Objects[i]
		switch {
		case r.refused != nil:
			x.open("Error")
			x.text("Key", o.Key)
			x.text("Code", r.refused.code)
			x.text("Message", r.refused.message)
			x.close("Error")
		case !quiet:
			writeDeleted(x, o, r.deleted)
		}
	}
	x.close("DeleteResult")
	return x
}

func writeDeleted(x *xmlWriter, o deleteTarget, d deleted) {
	x.open("Deleted")
	x.text("Key", o.Key)
	if d.marker {
		x.bool("DeleteMarker", true)
		x.text("DeleteMarkerVersionId", d.versionID)
	}
	if o.VersionID != "" {
		x.text("VersionId", o.VersionID)
	}
	x.close("Deleted")
}
