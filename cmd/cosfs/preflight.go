package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"cosfs/cosapi"
)

// preflightLimit bounds the look at the bucket before mounting: long enough
// for a few attempts, short enough for somebody who waits at a prompt.
const preflightLimit = 30 * time.Second

// target is where a mount's objects are: real COS, or the embedded server.
type target struct {
	endpoint  string // URL; empty: the region's
	region    string
	identity  string // names the endpoint in the cache directory; the same at every mount
	pair      keyPair
	pathStyle bool
}

// remoteTarget is the endpoint that the flags name.
func (p *program) remoteTarget(c *mountConfig) (target, error) {
	t := target{endpoint: strings.TrimRight(c.endpoint, "/"), region: c.region, pathStyle: c.pathStyle}
	t.identity = endpointIdentity(c)
	if c.public {
		return t, nil
	}
	var err error
	t.pair, err = p.findCredentials(c.passwdFile, c.source.bucket)
	return t, err
}

// endpointIdentity is the address without the bucket, spelt the same however
// it was given.
func endpointIdentity(c *mountConfig) string {
	return cmp.Or(strings.TrimRight(c.endpoint, "/"), fmt.Sprintf("https://cos.%s.myqcloud.com", c.region))
}

func (t target) place(bucket string) place {
	return place{bucket: bucket, endpoint: t.identity, origin: t.pair.origin}
}

// client is a client of the bucket as the mount uses it.
func (t target) client(c *mountConfig, log *slog.Logger) (*cosapi.Client, error) {
	cfg := cosapi.Config{
		Endpoint: t.endpoint, Region: t.region, Bucket: c.source.bucket, PathStyle: t.pathStyle,
		AnswerTimeout: c.answerTimeout, Deadline: c.deadline, Log: log,
	}
	if c.retries > 0 {
		cfg.MaxAttempts = c.retries + 1
	}
	if !t.pair.Anonymous() {
		cfg.Credentials = t.pair.source(c.source.bucket, log)
	}
	client, err := cosapi.New(cfg)
	if err != nil {
		return nil, explainConfig(err)
	}
	return client, nil
}

// checkBucket asks for one key of what is mounted: one request proves that
// the endpoint, the bucket, the prefix, the key, the clock and the right to
// read are there.
func checkBucket(ctx context.Context, client *cosapi.Client, s source, p place) error {
	ctx, cancel := context.WithTimeout(ctx, preflightLimit)
	defer cancel()
	page, err := client.List(ctx, cosapi.ListOptions{Prefix: s.prefix, Max: 1})
	if err != nil {
		return explain(err, p)
	}
	if s.prefix != "" && len(page.Entries) == 0 {
		return fail(exitNotFound, "there is nothing below the prefix %s of the bucket %s: mount the whole bucket and make the directory first", s.prefix, s.bucket)
	}
	return nil
}
