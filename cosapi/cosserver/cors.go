package cosserver

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// options is OPTIONS Object: the question a browser asks before a request
// (cos-api.md 3.4.10).
func (c *call) options() error {
	h := c.r.Header
	asked := splitHeader(h.Get("Access-Control-Request-Headers"))
	rule, err := c.corsRule(h.Get("Origin"), h.Get("Access-Control-Request-Method"), asked)
	if err != nil {
		return err
	}
	if rule == nil {
		return failure("AccessForbidden")
	}
	rule.answer(c.w.Header(), h.Get("Origin"))
	out := c.w.Header()
	out.Set("Access-Control-Allow-Methods", strings.Join(rule.Methods, ","))
	if len(asked) > 0 {
		out.Set("Access-Control-Allow-Headers", strings.Join(asked, ","))
	}
	if rule.MaxAge > 0 {
		out.Set("Access-Control-Max-Age", strconv.Itoa(rule.MaxAge))
	}
	return c.empty(http.StatusOK)
}

// shareAcross adds the headers that let a page of another origin read the
// answer.
func (c *call) shareAcross() {
	origin := c.r.Header.Get("Origin")
	if origin == "" || c.bucket == "" || c.r.Method == http.MethodOptions {
		return
	}
	if rule, err := c.corsRule(origin, c.r.Method, nil); err == nil && rule != nil {
		rule.answer(c.w.Header(), origin)
	}
}

// corsRule is the first rule of the bucket that matches, nil when none does.
func (c *call) corsRule(origin, method string, headers []string) (*corsRule, error) {
	b, err := c.s.store.bucket(c.bucket)
	if err != nil {
		return nil, err
	}
	doc, set := b.Configs["cors"]
	if !set {
		return nil, nil
	}
	var d corsDocument
	if err := parseXML(doc, &d); err != nil {
		return nil, err
	}
	for i := range d.Rules {
		if d.Rules[i].matches(origin, method, headers) {
			return &d.Rules[i], nil
		}
	}
	return nil, nil
}

func (r *corsRule) matches(origin, method string, headers []string) bool {
	if origin == "" || !slices.Contains(r.Methods, method) || r.allowed(origin) == "" {
		return false
	}
	for _, h := range headers {
		if !slices.ContainsFunc(r.Headers, func(p string) bool { return wildcard(strings.ToLower(p), strings.ToLower(h)) }) {
			return false
		}
	}
	return true
}

// allowed is the origin as it is answered: itself, or * when everybody is let
// in; empty when it is not allowed.
func (r *corsRule) allowed(origin string) string {
	for _, p := range r.Origins {
		switch {
		case p == "*":
			return "*"
		case wildcard(p, origin):
			return origin
		}
	}
	return ""
}

func (r *corsRule) answer(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", r.allowed(origin))
	h.Add("Vary", "Origin")
	if len(r.Expose) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(r.Expose, ","))
	}
}

// wildcard matches s with a pattern of at most one star.
func wildcard(pattern, s string) bool {
	before, behind, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	return len(s) >= len(before)+len(behind) && strings.HasPrefix(s, before) && strings.HasSuffix(s, behind)
}

func splitHeader(s string) []string {
	var out []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
