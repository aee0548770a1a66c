package cosapi

import (
	"net"
	"net/url"
	"regexp"
	"strings"
)

// endpoint turns keys into URLs.
type endpoint struct {
	scheme string
	host   string // of the bucket's requests, as sent and signed
	prefix string // of the path: "/" or, path style, "/<bucket>/"
	// service is the host of GET Service.
	service string
	// copyPrefix comes before the encoded key in x-cos-copy-source.
	copyPrefix string
}

// regionName is the form of every region; there is no list, new ones appear.
var regionName = regexp.MustCompile(`^[a-z0-9-]+$`)

func newEndpoint(cfg Config) (endpoint, error) {
	if cfg.Region != "" && !regionName.MatchString(cfg.Region) {
		return endpoint{}, configError("the region %q is not one: expected a name such as ap-guangzhou", cfg.Region)
	}
	if cfg.Endpoint == "" {
		return regionEndpoint(cfg)
	}
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return endpoint{}, configError("the endpoint %q is not an http or https URL", cfg.Endpoint)
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return endpoint{}, configError("the endpoint %q has more than a scheme, a host and a port", u.Redacted())
	}
	base := strings.TrimPrefix(u.Host, cfg.Bucket+".")
	ep := endpoint{scheme: u.Scheme, host: cfg.Bucket + "." + base, prefix: "/", service: base}
	switch {
	case cfg.BucketHost:
		ep.host, ep.service = u.Host, u.Host
	case cfg.PathStyle || isLocal(u.Hostname()):
		ep.host, ep.service, ep.prefix = u.Host, u.Host, "/"+cfg.Bucket+"/"
	}
	ep.copyPrefix = copyPrefix(ep, cfg)
	return ep, nil
}

// regionEndpoint is the public address of a bucket.
func regionEndpoint(cfg Config) (endpoint, error) {
	if cfg.Region == "" {
		return endpoint{}, configError("neither a region nor an endpoint is given for the bucket %q", cfg.Bucket)
	}
	base := "cos." + cfg.Region + ".myqcloud.com"
	ep := endpoint{
		scheme: "https", host: cfg.Bucket + "." + base, prefix: "/",
		service: "service.cos.myqcloud.com",
	}
	if len(ep.host) > maxHostLength {
		return endpoint{}, &Error{Op: "New", Key: cfg.Bucket, Kind: NameTooLong,
			Message: "the host " + ep.host + " has more than 60 characters"}
	}
	if cfg.PathStyle {
		ep.host, ep.prefix = base, "/"+cfg.Bucket+"/"
	}
	ep.copyPrefix = copyPrefix(ep, cfg)
	return ep, nil
}

// copyPrefix names this bucket as the source of a copy. The documented form
// is the bucket's public host; without a region only the form of path style
// is sure to be understood.
func copyPrefix(ep endpoint, cfg Config) string {
	switch {
	case cfg.Region != "":
		return sourcePrefix(cfg.Bucket, cfg.Region)
	case ep.prefix == "/":
		return ep.host + "/"
	}
	return ep.prefix
}

func sourcePrefix(bucket, region string) string {
	return bucket + ".cos." + region + ".myqcloud.com/"
}

// base is the configured endpoint without the bucket, for WithBucket.
func (ep endpoint) base(configured string) string {
	if configured == "" {
		return ""
	}
	return ep.scheme + "://" + ep.service
}

// url is the address of a key, or of the bucket when key is empty. RawPath is
// given so that nothing on the way decides anew what to encode.
func (ep endpoint) url(key, query string) *url.URL {
	return &url.URL{
		Scheme:   ep.scheme,
		Host:     ep.host,
		Path:     ep.prefix + key,
		RawPath:  ep.prefix + escape(key, true),
		RawQuery: query,
	}
}

func isLocal(host string) bool {
	return net.ParseIP(host) != nil || host == "localhost"
}
