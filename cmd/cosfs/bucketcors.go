package main

import (
	"context"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

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

// newCORS is the configuration's commands, and the question a browser asks.
func newCORS(p *program, f *remoteFlags) *cobra.Command {
	cmd := newConfiguration(p, f, corsConfiguration)
	cmd.AddCommand(newCORSCheck(p, f))
	return cmd
}

func newCORSCheck(p *program, f *remoteFlags) *cobra.Command {
	var method string
	var headers []string
	cmd := leaf("check BUCKET:/KEY ORIGIN", "Ask, as a browser does, whether a page of an origin may make a request", 2,
		p.onObject(f, func(ctx context.Context, r *remote, key string, args []string) error {
			got, err := r.client.OptionsObject(ctx, key, args[0], strings.ToUpper(method), headers...)
			if err != nil {
				return err
			}
			v := struct {
				AllowOrigin   string   `json:"allow_origin"`
				AllowMethods  []string `json:"allow_methods"`
				AllowHeaders  []string `json:"allow_headers"`
				ExposeHeaders []string `json:"expose_headers"`
				MaxAge        string   `json:"max_age,omitempty"`
			}(got)
			return r.show(v, row{"Origin", v.AllowOrigin}, row{"Methods", v.AllowMethods},
				row{"Headers", v.AllowHeaders}, row{"Exposed", v.ExposeHeaders}, row{"Max age", v.MaxAge})
		}))
	cmd.Flags().StringVarP(&method, "method", "X", http.MethodGet, "HTTP `method` of the request")
	cmd.Flags().StringSliceVar(&headers, "header", nil, "`name` of a header that the request has; repeatable")
	return cmd
}
