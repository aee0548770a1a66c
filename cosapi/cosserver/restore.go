package cosserver

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"time"
)

// coldClasses are the storage classes whose content must be restored before
// it can be read.
var coldClasses = map[string]bool{"ARCHIVE": true, "DEEP_ARCHIVE": true, "MAZ_ARCHIVE": true}

// archived tells whether an object's content cannot be read at this time.
func archived(o *objectRecord, now time.Time) bool {
	r := o.Restore
	return coldClasses[o.StorageClass] && (r.Ready.IsZero() || now.Before(r.Ready) || !now.Before(r.Expires))
}

// describeRestore writes the state of a restored copy (cos-api.md 3.4.11).
func describeRestore(h http.Header, o *objectRecord, now time.Time) {
	r := o.Restore
	switch {
	case r.Requested.IsZero() || !now.Before(r.Expires):
	case now.Before(r.Ready):
		h.Set("x-cos-restore", `ongoing-request="true"`)
		h.Set("x-cos-restore-status", `tier="`+r.Tier+`"; request-date="`+httpTime(r.Requested)+`"`)
	default:
		h.Set("x-cos-restore", `ongoing-request="false", expiry-date="`+httpTime(r.Expires)+`"`)
	}
}

// restoreRequest is cos-api.md 5.13.
type restoreRequest struct {
	XMLName xml.Name `xml:"RestoreRequest"`
	Days    int      `xml:"Days"`
	Tier    string   `xml:"CASJobParameters>Tier"`
}

const (
	tierExpedited = "Expedited"
	tierStandard  = "Standard"
	tierBulk      = "Bulk"
	day           = 24 * time.Hour
	// maxDays is a century: what a time.Duration can count, and more than
	// anybody means.
	maxDays = 36_500
)

// restoreObject is POST Object restore. The copy is ready after
// Config.RestoreDelay.
func (c *call) restoreObject() error {
	doc, err := c.document()
	if err != nil {
		return err
	}
	var req restoreRequest
	if err := parseXML(doc, &req); err != nil {
		return err
	}
	req.Tier = cmp.Or(req.Tier, tierStandard)
	if req.Days < 1 || req.Days > maxDays || req.Tier != tierExpedited && req.Tier != tierStandard && req.Tier != tierBulk {
		return failure("MalformedXML").because("Days must be from 1 to 36500, Tier Expedited, Standard or Bulk")
	}
	status := http.StatusAccepted
	err = c.s.store.changeObject(c.bucket, c.key, c.q.get("versionId"), func(o *objectRecord) error {
		status, err = restore(o, req, c.s.cfg.Now().UTC(), c.s.cfg.RestoreDelay)
		return err
	})
	if err != nil {
		return err
	}
	return c.empty(status)
}

// restore starts a restore, or extends one that is done.
func restore(o *objectRecord, req restoreRequest, now time.Time, delay time.Duration) (status int, err error) {
	r := &o.Restore
	switch {
	case !coldClasses[o.StorageClass]:
		return 0, failure("RestoreNonArchiveObject")
	case o.StorageClass == "DEEP_ARCHIVE" && req.Tier == tierExpedited:
		return 0, failure("InvalidArgument").because("Expedited is not offered for DEEP_ARCHIVE")
	case !r.Ready.IsZero() && now.Before(r.Ready):
		return 0, failure("RestoreAlreadyInProgress")
	case !r.Ready.IsZero() && now.Before(r.Expires):
		r.Expires = now.Add(time.Duration(req.Days) * day)
		return http.StatusOK, nil
	}
	*r = restoreRecord{Requested: now, Ready: now.Add(delay), Tier: req.Tier}
	r.Expires = r.Ready.Add(time.Duration(req.Days) * day)
	return http.StatusAccepted, nil
}
