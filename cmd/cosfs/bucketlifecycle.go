package main

import (
	"context"
	"fmt"
	"strings"

	"cosfs/cosapi"
)

// lifecycleView is the lifecycle of a bucket in JSON. XML has another shape,
// see lifecyclexml.go.
type lifecycleView struct {
	Rules []lifecycleRuleView `json:"rules"`
}

type lifecycleRuleView struct {
	ID                       string                     `json:"id,omitempty"`
	Enabled                  bool                       `json:"enabled"`
	Prefix                   string                     `json:"prefix"`
	Tags                     []tagView                  `json:"tags,omitempty"`
	Expiration               *expirationView            `json:"expiration,omitempty"`
	Transitions              []transitionView           `json:"transitions,omitempty"`
	NoncurrentExpirationDays int                        `json:"noncurrent_expiration_days,omitempty"`
	NoncurrentTransitions    []noncurrentTransitionView `json:"noncurrent_transitions,omitempty"`
	AbortUploadDays          int                        `json:"abort_upload_days,omitempty"`
}

type expirationView struct {
	Days         int    `xml:"Days" json:"days,omitempty"`
	Date         string `xml:"Date" json:"date,omitempty"`
	DeleteMarker bool   `xml:"ExpiredObjectDeleteMarker" json:"delete_marker,omitempty"`
}

type transitionView struct {
	Days         int    `xml:"Days" json:"days"`
	Date         string `xml:"Date" json:"date,omitempty"`
	StorageClass string `xml:"StorageClass" json:"storage_class"`
}

type noncurrentTransitionView struct {
	NoncurrentDays int    `xml:"NoncurrentDays" json:"noncurrent_days"`
	StorageClass   string `xml:"StorageClass" json:"storage_class"`
}

var lifecycleConfiguration = configuration{
	name: "lifecycle", what: "rules that move or remove objects by age",
	get: func(ctx context.Context, r *remote) error {
		rules, err := r.client.BucketLifecycle(ctx)
		if err != nil {
			return err
		}
		v := lifecycleView{Rules: make([]lifecycleRuleView, len(rules))}
		rows := []row{{"ID", "ENABLED", "PREFIX", "TAGS", "ACTIONS"}}
		for i, rule := range rules {
			v.Rules[i] = viewLifecycle(rule)
			rows = append(rows, row{rule.ID, rule.Enabled, rule.Prefix, tagText(rule.Tags), lifecycleActions(rule)})
		}
		return r.show(v, rows...)
	},
	put: func(ctx context.Context, c *cosapi.Client, raw []byte) error {
		rules, err := decodeLifecycle(raw)
		if err != nil {
			return err
		}
		return c.PutBucketLifecycle(ctx, rules)
	},
	remove: func(ctx context.Context, c *cosapi.Client) error { return c.DeleteBucketLifecycle(ctx) },
}

func viewLifecycle(r cosapi.LifecycleRule) lifecycleRuleView {
	v := lifecycleRuleView{
		ID: r.ID, Enabled: r.Enabled, Prefix: r.Prefix, Tags: viewTags(r.Tags).Tags,
		NoncurrentExpirationDays: r.NoncurrentExpirationDays, AbortUploadDays: r.AbortUploadDays,
	}
	if r.Expiration != nil {
		e := expirationView(*r.Expiration)
		v.Expiration = &e
	}
	for _, t := range r.Transitions {
		v.Transitions = append(v.Transitions, transitionView(t))
	}
	for _, t := range r.NoncurrentTransitions {
		v.NoncurrentTransitions = append(v.NoncurrentTransitions, noncurrentTransitionView(t))
	}
	return v
}

func (v lifecycleRuleView) rule() cosapi.LifecycleRule {
	r := cosapi.LifecycleRule{
		ID: v.ID, Enabled: v.Enabled, Prefix: v.Prefix,
		NoncurrentExpirationDays: v.NoncurrentExpirationDays, AbortUploadDays: v.AbortUploadDays,
	}
	for _, t := range v.Tags {
		r.Tags = append(r.Tags, cosapi.Tag(t))
	}
	if v.Expiration != nil {
		e := cosapi.Expiration(*v.Expiration)
		r.Expiration = &e
	}
	for _, t := range v.Transitions {
		r.Transitions = append(r.Transitions, cosapi.Transition(t))
	}
	for _, t := range v.NoncurrentTransitions {
		r.NoncurrentTransitions = append(r.NoncurrentTransitions, cosapi.NoncurrentTransition(t))
	}
	return r
}

func decodeLifecycle(raw []byte) ([]cosapi.LifecycleRule, error) {
	var v lifecycleView
	var doc lifecycleXML
	isXML, err := decodeDocument(raw, &v, &doc)
	if err != nil {
		return nil, err
	}
	if isXML {
		return doc.rules()
	}
	rules := make([]cosapi.LifecycleRule, len(v.Rules))
	for i, rule := range v.Rules {
		rules[i] = rule.rule()
	}
	return rules, nil
}

// lifecycleActions says in words what a rule does.
func lifecycleActions(r cosapi.LifecycleRule) string {
	var actions []string
	say := func(format string, args ...any) { actions = append(actions, fmt.Sprintf(format, args...)) }
	for _, t := range r.Transitions {
		say("%s %s", t.StorageClass, when(t.Days, t.Date))
	}
	if e := r.Expiration; e != nil && e.DeleteMarker {
		say("remove lone delete markers")
	} else if e != nil {
		say("delete %s", when(e.Days, e.Date))
	}
	for _, t := range r.NoncurrentTransitions {
		say("old versions %s after %d d", t.StorageClass, t.NoncurrentDays)
	}
	if r.NoncurrentExpirationDays > 0 {
		say("delete old versions after %d d", r.NoncurrentExpirationDays)
	}
	if r.AbortUploadDays > 0 {
		say("abort uploads after %d d", r.AbortUploadDays)
	}
	return strings.Join(actions, ", ")
}

func when(days int, date string) string {
	if date != "" {
		return "at " + date
	}
	return fmt.Sprintf("after %d d", days)
}

func tagText(tags []cosapi.Tag) string {
	texts := make([]string, len(tags))
	for i, t := range tags {
		texts[i] = t.Key + "=" + t.Value
	}
	return strings.Join(texts, ",")
}
