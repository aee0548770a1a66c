package cosserver

import (
	"net/http"
	"time"
)

// archived tells whether an object's content must be restored before it can
// be read.
func archived(o *objectRecord, now time.Time) bool {
	switch o.StorageClass {
	case "ARCHIVE", "DEEP_ARCHIVE", "MAZ_ARCHIVE":
		r := o.Restore
		return r.Ready.IsZero() || now.Before(r.Ready) || !now.Before(r.Expires)
	}
	return false
}

// describeRestore writes the state of a restored copy (cos-api.md 3.4.11).
func describeRestore(h http.Header, o *objectRecord, now time.Time) {
	r := o.Restore
	switch {
	case r.Requested.IsZero() || !r.Expires.IsZero() && !now.Before(r.Expires):
	case now.Before(r.Ready):
		h.Set("x-cos-restore", `ongoing-request="true"`)
		h.Set("x-cos-restore-status", `tier="`+r.Tier+`"; request-date="`+httpTime(r.Requested)+`"`)
	default:
		h.Set("x-cos-restore", `ongoing-request="false", expiry-date="`+httpTime(r.Expires)+`"`)
	}
}
