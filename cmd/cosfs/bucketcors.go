package main

import (
	"context"
	"encoding/xml"

	"cosfs/cosapi"
)

// corsView is the CORS configuration in JSON, and in XML as COS has it
// (cos-api.md 5.7).
type corsView struct {
	XMLName xml.Name       `xml:"CORSConfiguration" json:"-"`
	Rules   []corsRuleView `xml:"CORSRule" json:"rules"`
}

type corsRuleView struct {
	ID             string   `xml:"ID" json:"id,omitempty"`
	AllowedOrigins []string `xml:"AllowedOrigin" json:"allowed_origins"`
	AllowedMethods []string `xml:"AllowedMethod" json:"allowed_methods"`
	AllowedHeaders []string `xml:"AllowedHeader" json:"allowed_headers,omitempty"`
	ExposeHeaders  []string `xml:"ExposeHeader" json:"expose_headers,omitempty"`
	MaxAgeSeconds  int      `xml:"MaxAgeSeconds" json:"max_age_seconds,omitempty"`
}

var corsConfiguration = configuration{
	name: "cors", what: "rules for pages of other origins (CORS)",
	get: func(ctx context.Context, r *remote) error {
		rules, err := r.client.BucketCORS(ctx)
		if err != nil {
			return err
		}
		v := corsView{Rules: make([]corsRuleView, len(rules))}
		rows := []row{{"ID", "ORIGINS", "METHODS", "HEADERS", "EXPOSED", "MAX AGE"}}
		for i, c := range rules {
			v.Rules[i] = corsRuleView(c)
			rows = append(rows, row{c.ID, c.AllowedOrigins, c.AllowedMethods, c.AllowedHeaders, c.ExposeHeaders, plain(c.MaxAgeSeconds)})
		}
		return r.show(v, rows...)
	},
	put: func(ctx context.Context, c *cosapi.Client, raw []byte) error {
		var v corsView
		if _, err := decodeDocument(raw, &v, &v); err != nil {
			return err
		}
		rules := make([]cosapi.CORSRule, len(v.Rules))
		for i, rule := range v.Rules {
			rules[i] = cosapi.CORSRule(rule)
		}
		return c.PutBucketCORS(ctx, rules)
	},
	remove: func(ctx context.Context, c *cosapi.Client) error { return c.DeleteBucketCORS(ctx) },
}
