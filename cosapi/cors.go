package cosapi

import (
	"context"
	"encoding/xml"
	"net/http"
	"strings"
)

// CORSRule lets pages of other origins use a bucket (cos-api.md 3.2.8).
type CORSRule struct {
	ID             string   `xml:"ID,omitempty"`
	AllowedOrigins []string `xml:"AllowedOrigin"` // "*" or a URL with at most one *
	AllowedMethods []string `xml:"AllowedMethod"` // GET, PUT, HEAD, POST, DELETE
	AllowedHeaders []string `xml:"AllowedHeader"`
	ExposeHeaders  []string `xml:"ExposeHeader"`
	MaxAgeSeconds  int      `xml:"MaxAgeSeconds,omitempty"`
}

type corsDocument struct {
	XMLName xml.Name   `xml:"CORSConfiguration"`
	Rules   []CORSRule `xml:"CORSRule"`
}

// BucketCORS reads the rules. NotSet if there are none.
// The seeds call it get_bucket_cors.
func (c *Client) BucketCORS(ctx context.Context) ([]CORSRule, error) {
	doc, err := getDocument[corsDocument](ctx, c, "GetBucketCORS", "", Pair{"cors", ""})
	return doc.Rules, err
}

// PutBucketCORS replaces all rules, at most 100.
// The seeds call it put_bucket_cors.
func (c *Client) PutBucketCORS(ctx context.Context, rules []CORSRule) error {
	return c.putDocument(ctx, "PutBucketCORS", "", corsDocument{Rules: rules}, Pair{"cors", ""})
}

// DeleteBucketCORS removes all rules.
// The seeds call it delete_bucket_cors.
func (c *Client) DeleteBucketCORS(ctx context.Context) error {
	return c.deleteDocument(ctx, "DeleteBucketCORS", "", Pair{"cors", ""})
}

// CORSAnswer is what a browser is told (cos-api.md 3.4.10).
type CORSAnswer struct {
	AllowOrigin                               string
	AllowMethods, AllowHeaders, ExposeHeaders []string
	MaxAge                                    string // seconds
}

// OptionsObject asks as a browser does whether a page of origin may send
// method with those headers. Denied if no rule allows it.
func (c *Client) OptionsObject(ctx context.Context, key, origin, method string, headers ...string) (CORSAnswer, error) {
	if err := CheckKey(key); err != nil {
		return CORSAnswer{}, err
	}
	r := &request{op: "OptionsObject", method: http.MethodOptions, key: key}
	r.set("Origin", origin)
	r.set("Access-Control-Request-Method", method)
	r.set("Access-Control-Request-Headers", strings.Join(headers, ","))
	var got CORSAnswer
	r.accept = func(a *answer) error {
		got = CORSAnswer{
			AllowOrigin:   a.header.Get("Access-Control-Allow-Origin"),
			AllowMethods:  headerList(a.header, "Access-Control-Allow-Methods"),
			AllowHeaders:  headerList(a.header, "Access-Control-Allow-Headers"),
			ExposeHeaders: headerList(a.header, "Access-Control-Expose-Headers"),
			MaxAge:        a.header.Get("Access-Control-Max-Age"),
		}
		return nil
	}
	err := c.run(ctx, r)
	return got, err
}

// headerList splits a header that is a list, on one line or several.
func headerList(h http.Header, name string) []string {
	var list []string
	for _, line := range h.Values(name) {
		for item := range strings.SplitSeq(line, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
	}
	return list
}
