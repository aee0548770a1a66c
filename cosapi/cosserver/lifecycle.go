package cosserver

import (
	"encoding/xml"
	"strings"
	"time"
)

// lifecycleDocument is cos-api.md 5.8. It is kept in this form, with an ID for
// every rule.
type lifecycleDocument struct {
	XMLName xml.Name        `xml:"LifecycleConfiguration"`
	Rules   []lifecycleRule `xml:"Rule"`
}

type lifecycleRule struct {
	ID             string           `xml:"ID"`
	Filter         lifecycleFilter  `xml:"Filter"`
	Prefix         *string          `xml:"Prefix,omitempty"` // the oldest form
	Status         string           `xml:"Status"`
	Transitions    []lifecycleEvent `xml:"Transition"`
	Expiration     *lifecycleEvent  `xml:"Expiration"`
	OldTransitions []lifecycleEvent `xml:"NoncurrentVersionTransition"`
	OldExpiration  *lifecycleEvent  `xml:"NoncurrentVersionExpiration"`
	AbortUploads   *lifecycleEvent  `xml:"AbortIncompleteMultipartUpload"`
}

// lifecycleFilter accepts And, and Prefix and Tag side by side as the Python
// SDK writes them.
type lifecycleFilter struct {
	And    *lifecycleFilter `xml:"And,omitempty"`
	Prefix string           `xml:"Prefix"`
	Tags   []tag            `xml:"Tag"`
}

// lifecycleEvent is when something happens, and to which class. Each kind of
// event uses some of the fields.
type lifecycleEvent struct {
	Days                *int   `xml:"Days,omitempty"`
	NoncurrentDays      *int   `xml:"NoncurrentDays,omitempty"`
	DaysAfterInitiation *int   `xml:"DaysAfterInitiation,omitempty"`
	Date                string `xml:"Date,omitempty"`
	StorageClass        string `xml:"StorageClass,omitempty"`
	ExpiredMarker       string `xml:"ExpiredObjectDeleteMarker,omitempty"`
}

func checkLifecycle(_ *bucketRecord, doc []byte) ([]byte, error) {
	var d lifecycleDocument
	if err := parseXML(doc, &d); err != nil {
		return nil, err
	}
	if len(d.Rules) == 0 || len(d.Rules) > maxLifecycleRules {
		return nil, failure("MalformedXML").because("a lifecycle has 1 to 1000 rules")
	}
	seen := map[string]bool{}
	for i := range d.Rules {
		r := &d.Rules[i]
		if r.ID == "" {
			r.ID = ruleID()
		}
		if seen[r.ID] {
			return nil, failure("LifeCycleIdNotUnique")
		}
		seen[r.ID] = true
		r.upperClasses()
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	return xml.Marshal(d)
}

// maxExpiration is the most days of an Expiration (cos-api.md 3.2.10).
const maxExpiration = 3650

// upperClasses spells the classes as objects have them: documents also have
// Standard_IA and Archive (cos-api.md 3.0.4).
func (r *lifecycleRule) upperClasses() {
	for _, events := range [][]lifecycleEvent{r.Transitions, r.OldTransitions} {
		for i := range events {
			events[i].StorageClass = strings.ToUpper(events[i].StorageClass)
		}
	}
}

// check refuses rules that mean nothing (cos-api.md 3.2.10).
func (r *lifecycleRule) check() error {
	if len(r.ID) > 255 || r.Status != statusEnabled && r.Status != statusDisabled {
		return failure("MalformedXML").because("a rule's Status is Enabled or Disabled, its ID at most 255 characters")
	}
	days, dates, any := 0, 0, false
	for _, e := range r.events() {
		any = true
		if e.Days != nil {
			days++
		}
		if e.Date != "" {
			dates++
			if _, err := parseLifecycleDate(e.Date); err != nil {
				return failure("InvalidArgument").because("Date must be like 2030-01-01T00:00:00+08:00")
			}
		}
		for _, n := range []*int{e.Days, e.NoncurrentDays, e.DaysAfterInitiation} {
			if n != nil && (*n < 0 || *n > maxDays) {
				return failure("InvalidArgument").because("days must be from 0 to 36500")
			}
		}
		if e.StorageClass != "" && !storageClasses[e.StorageClass] {
			return failure("NotSupportedStorageClass")
		}
	}
	if e := r.Expiration; e != nil && e.Days != nil && (*e.Days < 1 || *e.Days > maxExpiration) {
		return failure("InvalidArgument").because("Expiration's Days must be from 1 to 3650")
	}
	if !any {
		return failure("MalformedXML").because("a rule needs something to do")
	}
	if days > 0 && dates > 0 {
		return failure("InvalidArgument").because("a rule counts by Days or by Date, not both")
	}
	return nil
}

// events are all that a rule does.
func (r *lifecycleRule) events() []lifecycleEvent {
	all := append(append([]lifecycleEvent{}, r.Transitions...), r.OldTransitions...)
	for _, e := range []*lifecycleEvent{r.Expiration, r.OldExpiration, r.AbortUploads} {
		if e != nil {
			all = append(all, *e)
		}
	}
	return all
}

// parseLifecycleDate reads the forms of cos-api.md 3.0.3.
func parseLifecycleDate(s string) (time.Time, error) { return time.Parse(time.RFC3339, s) }
