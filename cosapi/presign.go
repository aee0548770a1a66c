package cosapi

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SignOptions are what a signature covers beside the method, the key and the
// host.
type SignOptions struct {
	// Query holds the parameters of the request, sub-resources among them as
	// names without value; all are signed.
	Query url.Values
	// Header holds the headers that the request will have. Of these the ones
	// that COS can sign are, and whoever sends the request must send them as
	// they are here.
	Header http.Header
}

// Presign makes a URL that lets anybody make one request until expires from
// now: any method, any sub-resource (cos-api.md 2.5). An empty key means the
// bucket. A temporary token goes into the URL. Denied without credentials.
// The seeds call it get_presigned_url, and get_presigned_download_url with GET.
func (c *Client) Presign(ctx context.Context, method, key string, expires time.Duration, o SignOptions) (string, error) {
	in, u, err := c.signInput(ctx, "Presign", method, key, expires, o)
	if err != nil {
		return "", err
	}
	if in.Credentials.Token != "" {
		in.Params = append(in.Params, Pair{"x-cos-security-token", in.Credentials.Token})
	}
	query := Sign(in).Query(in.Credentials.SecretID)
	if len(in.Params) > 0 {
		query = encodeQuery(in.Params) + "&" + query
	}
	u.RawQuery = query
	return u.String(), nil
}

// Authorization makes the value of an Authorization header for a request that
// somebody else sends within expires. With a temporary token the sender adds
// it as x-cos-security-token.
// The seeds call it get_auth.
func (c *Client) Authorization(ctx context.Context, method, key string, expires time.Duration, o SignOptions) (string, error) {
	in, _, err := c.signInput(ctx, "Authorization", method, key, expires, o)
	if err != nil {
		return "", err
	}
	return Sign(in).Authorization, nil
}

// signInput gathers what is signed, and the URL it is for.
func (c *Client) signInput(ctx context.Context, op, method, key string, expires time.Duration, o SignOptions) (SignInput, *url.URL, error) {
	if key != "" {
		if err := CheckKey(key); err != nil {
			return SignInput{}, nil, err
		}
	}
	if expires <= 0 {
		return SignInput{}, nil, invalid(op, key, "the signature would expire %v from now", expires)
	}
	creds, err := c.cfg.Credentials.Credentials(ctx)
	if err != nil || creds.Anonymous() {
		return SignInput{}, nil, &Error{Op: op, Key: key, Kind: Denied, Message: "no credentials to sign with", Err: err}
	}
	u := c.endpoint.url(key, "")
	now := c.now()
	return SignInput{
		Method: method, Path: u.Path, Params: sortedParams(o.Query),
		Headers:     append(signable(o.Header), Pair{"host", u.Host}),
		Credentials: creds,
		KeyTime:     FormatKeyTime(now.Add(-signSlack), now.Add(expires)),
	}, u, nil
}

// sortedParams puts sub-resources first, where COS looks for them.
func sortedParams(q url.Values) []Pair {
	var params []Pair
	for name, values := range q {
		for _, v := range values {
			params = append(params, Pair{name, v})
		}
	}
	slices.SortFunc(params, func(a, b Pair) int {
		if (a.Value == "") != (b.Value == "") {
			if a.Value == "" {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value)
	})
	return params
}
