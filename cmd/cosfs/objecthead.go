package main

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cosfs/cosapi"
)

// readFlags select a version and make a read conditional.
type readFlags struct {
	versionID, ifMatch, ifNoneMatch    string
	ifModifiedSince, ifUnmodifiedSince timeFlag
	keyFile                            string
}

func (o *readFlags) register(f *pflag.FlagSet) {
	f.StringVar(&o.versionID, "version-id", "", "`id` of the version (default the latest)")
	f.StringVar(&o.ifMatch, "if-match", "", "only if the object has this `ETag`")
	f.StringVar(&o.ifNoneMatch, "if-none-match", "", "only if the object has another `ETag`")
	f.Var(&o.ifModifiedSince, "if-modified-since", "only if the object changed after that `time`, RFC 3339")
	f.Var(&o.ifUnmodifiedSince, "if-unmodified-since", "only if the object did not change after that `time`, RFC 3339")
	f.StringVar(&o.keyFile, "customer-key-file", "", "`file` with the 32-byte key of SSE-C, raw or in base64")
}

func (o *readFlags) options() (cosapi.HeadOptions, error) {
	key, err := readCustomerKey(o.keyFile)
	return cosapi.HeadOptions{
		VersionID: o.versionID, IfMatch: o.ifMatch, IfNoneMatch: o.ifNoneMatch,
		IfModifiedSince: time.Time(o.ifModifiedSince), IfUnmodifiedSince: time.Time(o.ifUnmodifiedSince),
		CustomerKey: key,
	}, err
}

// timeFlag is a time as RFC 3339 or HTTP write it.
type timeFlag time.Time

func (t *timeFlag) Set(s string) error {
	for _, format := range []string{time.RFC3339, time.DateOnly, http.TimeFormat} {
		if v, err := time.Parse(format, s); err == nil {
			*t = timeFlag(v)
			return nil
		}
	}
	return fail(exitUsage, "%q is not a time such as 2026-07-01T12:00:00Z", s)
}

func (t *timeFlag) String() string {
	if time.Time(*t).IsZero() {
		return ""
	}
	return time.Time(*t).Format(time.RFC3339)
}

func (*timeFlag) Type() string { return "time" }

func newObjectHead(p *program, f *remoteFlags) *cobra.Command {
	var o readFlags
	cmd := leaf("head BUCKET:/KEY", "Show the attributes and metadata of an object", 1,
		p.onObject(f, func(ctx context.Context, r *remote, key string, _ []string) error {
			head, err := o.options()
			if err != nil {
				return err
			}
			object, err := r.client.HeadWith(ctx, key, head)
			if err != nil {
				return err
			}
			return r.showObject(object)
		}))
	o.register(cmd.Flags())
	return cmd
}
