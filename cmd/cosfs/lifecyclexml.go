package main

import (
	"encoding/xml"

	"cosfs/cosapi"
)

// lifecycleXML is the lifecycle document of COS (cos-api.md 5.8), so that
// files written for its console and its SDKs can be put as they are.
type lifecycleXML struct {
	XMLName xml.Name           `xml:"LifecycleConfiguration"`
	Rules   []lifecycleRuleXML `xml:"Rule"`
}

type lifecycleRuleXML struct {
	ID     string
	Status string
	// Prefix is where old documents have what Filter says now.
	Prefix string
	Filter struct {
		Prefix string
		Tags   []tagView `xml:"Tag"`
		And    struct {
			Prefix string
			Tags   []tagView `xml:"Tag"`
		}
	}
	Expiration            *expirationView
	Transitions           []transitionView           `xml:"Transition"`
	NoncurrentTransitions []noncurrentTransitionView `xml:"NoncurrentVersionTransition"`
	NoncurrentDays        int                        `xml:"NoncurrentVersionExpiration>NoncurrentDays"`
	AbortDays             int                        `xml:"AbortIncompleteMultipartUpload>DaysAfterInitiation"`
}

func (d lifecycleXML) rules() ([]cosapi.LifecycleRule, error) {
	rules := make([]cosapi.LifecycleRule, len(d.Rules))
	for i, x := range d.Rules {
		if x.Status != "Enabled" && x.Status != "Disabled" {
			return nil, fail(exitUsage, "the Status of lifecycle rule %d is %q: write Enabled or Disabled", i+1, x.Status)
		}
		rules[i] = lifecycleRuleView{
			ID: x.ID, Enabled: x.Status == "Enabled",
			Prefix:     x.Prefix + x.Filter.Prefix + x.Filter.And.Prefix, // one of them at most is there
			Tags:       append(x.Filter.Tags, x.Filter.And.Tags...),
			Expiration: x.Expiration, Transitions: x.Transitions, NoncurrentTransitions: x.NoncurrentTransitions,
			NoncurrentExpirationDays: x.NoncurrentDays, AbortUploadDays: x.AbortDays,
		}.rule()
	}
	return rules, nil
}
