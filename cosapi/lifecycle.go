package cosapi

import (
	"context"
	"encoding/xml"
	"fmt"
)

// LifecycleRule moves or removes objects by age (cos-api.md 3.2.10). A rule
// uses days or dates, not both.
type LifecycleRule struct {
	ID      string // at most 255 characters; empty: COS makes one
	Prefix  string // of the keys it holds for; empty: all
	Tags    []Tag  // that the objects must have, all of them
	Enabled bool

	Expiration  *Expiration // nil: none
	Transitions []Transition
	// Of versions that are not the latest:
	NoncurrentExpirationDays int // 0: none
	NoncurrentTransitions    []NoncurrentTransition
	// AbortUploadDays ends multipart uploads that many days after their
	// begin; 0: never.
	AbortUploadDays int
}

// Expiration says when an object is deleted; one of the three.
type Expiration struct {
	Days         int    `xml:",omitempty"` // after its last change, from 1
	Date         string `xml:",omitempty"` // see LifecycleDate
	DeleteMarker bool   `xml:"ExpiredObjectDeleteMarker,omitempty"`
}

// Transition says when an object changes its storage class: at Date if given,
// else after Days.
type Transition struct {
	Days         int
	Date         string
	StorageClass string
}

// NoncurrentTransition is a Transition of versions that are not the latest.
type NoncurrentTransition struct {
	NoncurrentDays int
	StorageClass   string
}

// LifecycleDate is the form of dates in rules: midnight in China. The seeds
// call it get_date.
func LifecycleDate(year, month, day int) string {
	return fmt.Sprintf("%04d-%02d-%02dT00:00:00+08:00", year, month, day)
}

// BucketLifecycle reads the rules. NotSet if there are none.
// The seeds call it get_bucket_lifecycle.
func (c *Client) BucketLifecycle(ctx context.Context) ([]LifecycleRule, error) {
	doc, err := getDocument[lifecycleDocument](ctx, c, "GetBucketLifecycle", "", Pair{"lifecycle", ""})
	var rules []LifecycleRule
	for _, e := range doc.Rules {
		rules = append(rules, e.rule())
	}
	return rules, err
}

// PutBucketLifecycle replaces all rules, at most 1000.
// The seeds call it put_bucket_lifecycle.
func (c *Client) PutBucketLifecycle(ctx context.Context, rules []LifecycleRule) error {
	var doc lifecycleDocument
	for _, r := range rules {
		doc.Rules = append(doc.Rules, newLifecycleElement(r))
	}
	return c.putDocument(ctx, "PutBucketLifecycle", "", doc, Pair{"lifecycle", ""})
}

// DeleteBucketLifecycle removes all rules.
// The seeds call it delete_bucket_lifecycle.
func (c *Client) DeleteBucketLifecycle(ctx context.Context) error {
	return c.deleteDocument(ctx, "DeleteBucketLifecycle", "", Pair{"lifecycle", ""})
}

// lifecycleDocument is the document of cos-api.md 5.8.
type lifecycleDocument struct {
	XMLName xml.Name           `xml:"LifecycleConfiguration"`
	Rules   []lifecycleElement `xml:"Rule"`
}

type lifecycleElement struct {
	ID                    string `xml:",omitempty"`
	Filter                lifecycleFilter
	Status                string
	Transition            []transitionElement
	Expiration            *Expiration
	NoncurrentTransitions []NoncurrentTransition             `xml:"NoncurrentVersionTransition"`
	NoncurrentExpiration  *struct{ NoncurrentDays int }      `xml:"NoncurrentVersionExpiration"`
	Abort                 *struct{ DaysAfterInitiation int } `xml:"AbortIncompleteMultipartUpload"`
}

// lifecycleFilter writes one condition alone and several under And, as COS
// documents it, and reads them side by side too.
type lifecycleFilter struct {
	Prefix *string
	Tags   []Tag `xml:"Tag"`
	And    *struct {
		Prefix string `xml:",omitempty"`
		Tags   []Tag  `xml:"Tag"`
	}
}

type transitionElement struct {
	Days         *int
	Date         string `xml:",omitempty"`
	StorageClass string
}

func newLifecycleElement(r LifecycleRule) lifecycleElement {
	e := lifecycleElement{
		ID: r.ID, Status: "Disabled", Expiration: r.Expiration,
		Filter: newLifecycleFilter(r.Prefix, r.Tags), NoncurrentTransitions: r.NoncurrentTransitions,
	}
	if r.Enabled {
		e.Status = "Enabled"
	}
	for _, t := range r.Transitions {
		te := transitionElement{Date: t.Date, StorageClass: t.StorageClass}
		if t.Date == "" {
			te.Days = &t.Days
		}
		e.Transition = append(e.Transition, te)
	}
	if r.NoncurrentExpirationDays > 0 {
		e.NoncurrentExpiration = &struct{ NoncurrentDays int }{r.NoncurrentExpirationDays}
	}
	if r.AbortUploadDays > 0 {
		e.Abort = &struct{ DaysAfterInitiation int }{r.AbortUploadDays}
	}
	return e
}

func newLifecycleFilter(prefix string, tags []Tag) lifecycleFilter {
	var f lifecycleFilter
	switch {
	case len(tags) == 0:
		f.Prefix = &prefix
	case len(tags) == 1 && prefix == "":
		f.Tags = tags
	default:
		f.And = &struct {
			Prefix string `xml:",omitempty"`
			Tags   []Tag  `xml:"Tag"`
		}{prefix, tags}
	}
	return f
}

func (e lifecycleElement) rule() LifecycleRule {
	r := LifecycleRule{
		ID: e.ID, Tags: e.Filter.Tags, Enabled: e.Status == "Enabled",
		Expiration: e.Expiration, NoncurrentTransitions: e.NoncurrentTransitions,
	}
	if e.Filter.Prefix != nil {
		r.Prefix = *e.Filter.Prefix
	}
	if and := e.Filter.And; and != nil {
		r.Prefix, r.Tags = and.Prefix, and.Tags
	}
	for _, t := range e.Transition {
		days := 0
		if t.Days != nil {
			days = *t.Days
		}
		r.Transitions = append(r.Transitions, Transition{Days: days, Date: t.Date, StorageClass: t.StorageClass})
	}
	if e.NoncurrentExpiration != nil {
		r.NoncurrentExpirationDays = e.NoncurrentExpiration.NoncurrentDays
	}
	if e.Abort != nil {
		r.AbortUploadDays = e.Abort.DaysAfterInitiation
	}
	return r
}
