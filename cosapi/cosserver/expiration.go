package cosserver

import (
	"encoding/xml"
	"slices"
	"strings"
	"time"
)

// announceExpiration writes x-cos-expiration for an object that a lifecycle
// rule is going to remove: when, and by which rule (cos-api.md 3.2.10).
func (c *call) announceExpiration(o *objectRecord) error {
	b, err := c.s.store.bucket(c.bucket)
	if err != nil {
		return err
	}
	doc, set := b.Configs["lifecycle"]
	if !set {
		return nil
	}
	var d lifecycleDocument
	if err := xml.Unmarshal(doc, &d); err != nil {
		return err
	}
	for _, rule := range d.Rules {
		if at, ok := rule.expires(c.key, o); ok {
			c.w.Header().Set("x-cos-expiration", `expiry-date="`+httpTime(at)+`", rule-id="`+rule.ID+`"`)
			return nil
		}
	}
	return nil
}

// expires tells when a rule removes an object.
func (rule *lifecycleRule) expires(key string, o *objectRecord) (time.Time, bool) {
	e := rule.Expiration
	if rule.Status != statusEnabled || e == nil || !strings.HasPrefix(key, rule.prefix()) {
		return time.Time{}, false
	}
	for _, t := range rule.tags() {
		if !slices.Contains(o.Tags, t) {
			return time.Time{}, false
		}
	}
	if e.Days != nil {
		return o.Modified.Add(time.Duration(*e.Days) * day), true
	}
	at, err := parseLifecycleDate(e.Date)
	return at, err == nil
}
