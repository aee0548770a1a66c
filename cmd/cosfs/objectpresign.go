package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

// signFlags are what a signature covers.
type signFlags struct {
	method    string
	expires   time.Duration
	query     []string
	headers   []string
	versionID string
}

// methods are those of COS.
var methods = []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodHead, http.MethodOptions}

func (o *signFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.method, "method", "X", http.MethodGet, "HTTP `method` of the request")
	f.DurationVar(&o.expires, "expires", 5*time.Minute, "how long the signature holds, such as 90s or 24h")
	f.StringArrayVar(&o.query, "query", nil, "`name[=value]` of the request's query, such as response-content-type=text/plain or tagging; repeatable")
	f.StringArrayVar(&o.headers, "header", nil, "`Name: value` that the request must then have; repeatable")
	f.StringVar(&o.versionID, "version-id", "", "`id` of the version (default the latest)")
	completeWords(cmd, "method", methods...)
}

func (o *signFlags) options() (method string, s cosapi.SignOptions, err error) {
	method = strings.ToUpper(o.method)
	if !slices.Contains(methods, method) {
		return "", s, fail(exitUsage, "--method %q is not one of %s", o.method, strings.Join(methods, ", "))
	}
	if o.expires < time.Second {
		return "", s, fail(exitUsage, "--expires %v is less than a second", o.expires)
	}
	s.Query = url.Values{}
	for _, pair := range o.query {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" {
			return "", s, fail(exitUsage, "--query %q has no name", pair)
		}
		s.Query.Add(name, value)
	}
	if o.versionID != "" {
		s.Query.Set("versionId", o.versionID)
	}
	s.Header, err = parseHeaders(o.headers)
	return method, s, err
}

func newObjectPresign(p *program, f *remoteFlags) *cobra.Command {
	var o signFlags
	cmd := leaf("presign BUCKET[:/KEY]", "Print a URL by which anybody can make one kind of request for a while", 1,
		p.onBucket(f, func(ctx context.Context, r *remote, key string, _ []string) error {
			method, s, err := o.options()
			if err != nil {
				return err
			}
			u, err := r.client.Presign(ctx, method, key, o.expires, s)
			if err != nil {
				return err
			}
			return r.show(struct {
				Method    string    `json:"method"`
				URL       string    `json:"url"`
				ExpiresAt time.Time `json:"expires_at"`
			}{method, u, expiry(o.expires)}, row{plainText(u)})
		}))
	cmd.Long = `Print a URL by which anybody can make one kind of request for a while.

  curl "$(cosfs object presign photos-1250000000:/a.jpg)" -o a.jpg
  curl -T a.jpg "$(cosfs object presign -X PUT photos-1250000000:/a.jpg)"

Nothing is sent to COS. Whoever has the URL has the right: treat it as a key.`
	o.register(cmd)
	return cmd
}

func newObjectSign(p *program, f *remoteFlags) *cobra.Command {
	var o signFlags
	cmd := leaf("sign BUCKET[:/KEY]", "Print the Authorization header of a request that something else sends", 1,
		p.onBucket(f, func(ctx context.Context, r *remote, key string, _ []string) error {
			method, s, err := o.options()
			if err != nil {
				return err
			}
			value, err := r.client.Authorization(ctx, method, key, o.expires, s)
			if err != nil {
				return err
			}
			return r.show(struct {
				Method        string    `json:"method"`
				Authorization string    `json:"authorization"`
				ExpiresAt     time.Time `json:"expires_at"`
			}{method, value, expiry(o.expires)}, row{plainText(value)})
		}))
	cmd.Long = `Print the Authorization header of a request that something else sends.

The signature covers the method, the key, the host, --query and --header. A
temporary key's token is not part of it: send it as x-cos-security-token.`
	o.register(cmd)
	return cmd
}

// plainText is a cell that is printed as it is.
type plainText string

func expiry(d time.Duration) time.Time { return time.Now().Add(d).UTC().Truncate(time.Second) }
