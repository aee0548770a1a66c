package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

// cpFlags are the choices of a copy.
type cpFlags struct {
	putFlags
	directive                     string
	sourceRegion, sourceVersionID string
	ifMatch, ifNoneMatch          string
	ifModified, ifUnmodified      timeFlag
	sourceKeyFile                 string
	partSize                      byteSize // 0: one request where it suffices
}

func newObjectCp(p *program, f *remoteFlags) *cobra.Command {
	var o cpFlags
	cmd := leaf("cp BUCKET:/KEY BUCKET[:/KEY]", "Copy an object inside COS, also from bucket to bucket", 2,
		p.at(f, 1, false, func(ctx context.Context, r *remote, key string, args []string) error {
			return r.cp(ctx, args[0], key, &o)
		}))
	cmd.Long = `Copy an object inside COS, also from bucket to bucket; no byte passes this machine.

--region and --endpoint are those of the destination. Attributes and metadata
come along unless --metadata-directive replaced is given. Tags come along too,
unless --tag gives others or the copy is made in parts, as above 5 GiB or with
--part-size. Storage class, ACL and encryption are those of the flags, or else
the defaults: they never come along.`
	o.register(cmd)
	fs := cmd.Flags()
	fs.StringVar(&o.directive, "metadata-directive", "copy", "copy the source's attributes and metadata, or have them replaced by the flags")
	fs.StringVar(&o.sourceRegion, "source-region", "", "`region` of the source's bucket (default the destination's)")
	fs.StringVar(&o.sourceVersionID, "source-version-id", "", "`id` of the source's version (default the latest)")
	fs.StringVar(&o.ifMatch, "source-if-match", "", "only if the source has this `ETag`")
	fs.StringVar(&o.ifNoneMatch, "source-if-none-match", "", "only if the source has another `ETag`")
	fs.Var(&o.ifModified, "source-if-modified-since", "only if the source changed after that `time`, RFC 3339")
	fs.Var(&o.ifUnmodified, "source-if-unmodified-since", "only if the source did not change after that `time`, RFC 3339")
	fs.StringVar(&o.sourceKeyFile, "source-customer-key-file", "", "`file` with the source's key of SSE-C")
	fs.Var(&o.partSize, "part-size", "copy in parts of this size what is larger (default 512MiB above 5GiB)")
	completeWords(cmd, "metadata-directive", "copy", "replaced")
	return cmd
}

func (r *remote) cp(ctx context.Context, from, key string, o *cpFlags) error {
	sourceBucket, sourceKey, err := parseName(from, true)
	if err != nil {
		return err
	}
	if key, err = destination(r.place.bucket, key, sourceKey); err != nil {
		return err
	}
	options, err := o.copyOptions()
	if err != nil {
		return err
	}
	src, err := r.sourceObject(ctx, sourceBucket, sourceKey, o, options.SourceCustomerKey)
	if err != nil {
		return err
	}
	options.SourceBucket = sourceBucket
	options.SourceRegion = o.sourceRegion
	bar := r.progress(key, src.Size)
	object, err := r.client.CopyLargeFrom(ctx, src, key, cosapi.CopyLargeOptions{
		CopyOptions: options, PartSize: int64(o.partSize), Threshold: int64(o.partSize), Progress: bar.callback(),
	})
	bar.finish(err)
	if err != nil {
		return err
	}
	return r.showWritten(object)
}

func (o *cpFlags) copyOptions() (c cosapi.CopyOptions, err error) {
	if c.PutOptions, err = o.options(); err != nil {
		return c, err
	}
	switch o.directive {
	case "copy":
	case "replaced", "replace":
		c.Replace = true
	default:
		return c, fail(exitUsage, "--metadata-directive %q is neither copy nor replaced", o.directive)
	}
	if !c.Replace && (c.ContentType+c.CacheControl+c.ContentDisposition+c.ContentEncoding+c.ContentLanguage+c.Expires != "" || c.Meta != nil) {
		return c, fail(exitUsage, "attributes and metadata are copied from the source: add --metadata-directive replaced to give others")
	}
	if o.partSize != 0 && (o.partSize < minPartSize || o.partSize > maxPartSize) {
		return c, fail(exitUsage, "--part-size %s is not between 1MiB and 5GiB", &o.partSize)
	}
	c.SourceVersionID = o.sourceVersionID
	c.SourceCustomerKey, err = readCustomerKey(o.sourceKeyFile)
	return c, err
}

// sourceObject looks at what is to be copied: its size decides how, and its
// ETag pins the version. The conditions are put here and not to the copy: it
// carries the ETag as a condition of its own, beside which COS does not take
// all others, and which makes what was true of the version stay true.
func (r *remote) sourceObject(ctx context.Context, bucket, key string, o *cpFlags, customerKey []byte) (cosapi.Object, error) {
	source := r
	if bucket != r.place.bucket || o.sourceRegion != "" {
		flags := r.flags
		if o.sourceRegion != "" && flags.endpoint == "" {
			flags.region = o.sourceRegion
		}
		var err error
		if source, err = r.p.dial(flags, bucket); err != nil {
			return cosapi.Object{}, err
		}
		defer source.close()
	}
	object, err := source.client.HeadWith(ctx, key, cosapi.HeadOptions{
		VersionID: o.sourceVersionID, IfMatch: o.ifMatch, IfNoneMatch: o.ifNoneMatch,
		IfModifiedSince: time.Time(o.ifModified), IfUnmodifiedSince: time.Time(o.ifUnmodified),
		CustomerKey: customerKey,
	})
	return object, source.explain(err)
}
