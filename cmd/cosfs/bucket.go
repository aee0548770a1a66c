package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

func newBucket(p *program) *cobra.Command {
	var f remoteFlags
	cmd := group("bucket", "Create, configure, list and delete buckets",
		newBucketCreate(p, &f), newBucketDelete(p, &f), newBucketHead(p, &f), newBucketLocation(p, &f), newBucketList(p, &f),
		newACL(p, &f, "BUCKET", false), newBucketVersioning(p, &f),
		newCORS(p, &f), newConfiguration(p, &f, lifecycleConfiguration),
		newConfiguration(p, &f, replicationConfiguration), newConfiguration(p, &f, policyConfiguration),
		newBucketTagging(p, &f), newBucketUploads(p, &f), newBucketVersions(p, &f),
	)
	cmd.Long = `Create, configure, list and delete buckets.

A bucket is named in full, with its APPID: photos-1250000000. With --json every
command prints JSON, and what "get --json" prints "put" accepts.

` + callExitCodesHelp
	f.register(cmd.PersistentFlags())
	return cmd
}

func newBucketCreate(p *program, f *remoteFlags) *cobra.Command {
	var g grantFlags
	var tags []string
	var multiAZ bool
	cmd := leaf("create BUCKET", "Create a bucket", 1,
		p.onBucket(f, func(ctx context.Context, r *remote, _ string, _ []string) error {
			labels, err := parseTags(tags)
			if err != nil {
				return err
			}
			o := cosapi.CreateBucketOptions{ACL: g.acl, Grants: g.grants(), MultiAZ: multiAZ, Tags: labels}
			if err := r.client.CreateBucket(ctx, o); err != nil {
				return err
			}
			return r.done("create", "")
		}))
	g.register(cmd)
	cmd.Flags().BoolVar(&multiAZ, "multi-az", false, "keep the data in several zones")
	cmd.Flags().StringArrayVar(&tags, "tag", nil, "`key=value` label of the bucket; repeatable, at most 50")
	return cmd
}

func newBucketDelete(p *program, f *remoteFlags) *cobra.Command {
	return leaf("delete BUCKET", "Delete an empty bucket", 1,
		p.onBucket(f, func(ctx context.Context, r *remote, _ string, _ []string) error {
			if err := r.client.DeleteBucket(ctx); err != nil {
				return err
			}
			return r.done("delete", "")
		}))
}

// bucketView is a bucket in JSON.
type bucketView struct {
	Bucket  string     `json:"bucket"`
	Region  string     `json:"region,omitempty"`
	Created *time.Time `json:"created,omitempty"`
	Type    string     `json:"type,omitempty"`
}

func newBucketHead(p *program, f *remoteFlags) *cobra.Command {
	return leaf("head BUCKET", "Show whether a bucket exists and what it is", 1,
		p.onBucket(f, func(ctx context.Context, r *remote, _ string, _ []string) error {
			info, err := r.client.HeadBucket(ctx)
			if err != nil {
				return err
			}
			v := struct {
				Bucket  string `json:"bucket"`
				Region  string `json:"region,omitempty"`
				MultiAZ bool   `json:"multi_az"`
				OFS     bool   `json:"ofs"`
			}{r.place.bucket, info.Region, info.MultiAZ, info.OFS}
			return r.show(v, row{"Bucket", v.Bucket}, row{"Region", v.Region},
				row{"Several zones", v.MultiAZ}, row{"Hierarchical (OFS)", v.OFS})
		}))
}

func newBucketLocation(p *program, f *remoteFlags) *cobra.Command {
	return leaf("location BUCKET", "Print the region of a bucket", 1,
		p.onBucket(f, func(ctx context.Context, r *remote, _ string, _ []string) error {
			region, err := r.client.BucketLocation(ctx)
			if err != nil {
				return err
			}
			return r.show(bucketView{Bucket: r.place.bucket, Region: region}, row{region})
		}))
}

// anyBucket stands for no bucket where a client is made that asks for none.
const anyBucket = "none-0"

func newBucketList(p *program, f *remoteFlags) *cobra.Command {
	return leaf("list", "List all buckets of the account", 0, func(cmd *cobra.Command, _ []string) error {
		r, err := p.dialService(*f)
		if err != nil {
			return err
		}
		defer r.close()
		t := r.table("CREATED", "REGION", "BUCKET")
		for b, err := range r.client.Buckets(cmd.Context()) {
			if err != nil {
				return r.explain(err)
			}
			t.item(bucketView{b.Name, b.Region, jsonTime(b.Created), b.Type}, b.Created, b.Region, b.Name)
		}
		return t.flush()
	})
}

// dialService is dial without a bucket. The list of buckets is the same in all
// regions, so that any will do.
func (p *program) dialService(f remoteFlags) (*remote, error) {
	f.fromEnv(p)
	if f.endpoint == "" && f.region == "" {
		f.region = "ap-guangzhou"
	}
	r, err := p.dial(f, anyBucket)
	if err == nil {
		r.place.bucket = "list of buckets"
	}
	return r, err
}

func newBucketVersioning(p *program, f *remoteFlags) *cobra.Command {
	get := leaf("get BUCKET", "Show whether old versions are kept", 1,
		p.onBucket(f, func(ctx context.Context, r *remote, _ string, _ []string) error {
			status, err := r.client.BucketVersioning(ctx)
			if err != nil {
				return err
			}
			shown := status
			if shown == "" {
				shown = "never set"
			}
			return r.show(struct {
				Bucket string `json:"bucket"`
				Status string `json:"status"` // Enabled, Suspended, or empty: never set
			}{r.place.bucket, status}, row{shown})
		}))
	put := leaf("put BUCKET Enabled|Suspended", "Keep old versions from now on, or no new ones", 2,
		p.onBucket(f, func(ctx context.Context, r *remote, _ string, args []string) error {
			if err := r.client.PutBucketVersioning(ctx, versioningStatus(args[0])); err != nil {
				return err
			}
			return r.done("put versioning", "")
		}))
	return group("versioning", "Get or set versioning", get, put)
}

// versioningStatus takes the words of COS in any case.
func versioningStatus(s string) string {
	for _, known := range []string{"Enabled", "Suspended"} {
		if strings.EqualFold(s, known) {
			return known
		}
	}
	return s
}
