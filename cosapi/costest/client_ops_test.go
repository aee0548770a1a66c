package costest

import (
	"errors"
	"strings"

	"cosfs/cosapi"
)

// everyCall makes at least one call of every operation that a client has.
func everyCall(u *user, c *cosapi.Client) {
	u.Helper()
	bucketCalls(u, c)
	objectCalls(u, c)
	partCalls(u, c)
}

func bucketCalls(u *user, c *cosapi.Client) {
	ctx := u.ctx
	b, err := c.WithBucket("ops-1250000000")
	u.NoError(err)
	tags := []cosapi.Tag{{Key: "k", Value: "v"}}
	ignore := func(_ any, err error) error { return err }
	for i, call := range []func() error{
		func() error { return b.CreateBucket(ctx, cosapi.CreateBucketOptions{}) },
		func() error { return ignore(b.HeadBucket(ctx)) },
		func() error { return ignore(b.BucketLocation(ctx)) },
		func() error { return ignore(b.List(ctx, cosapi.ListOptions{})) },
		func() error { return ignore(b.Versions(ctx, cosapi.VersionsOptions{})) },
		func() error { return ignore(b.UploadsPage(ctx, cosapi.UploadsOptions{})) },
		func() error { return b.PutACL(ctx, "", cosapi.NewACL{Canned: "private"}) },
		func() error { return ignore(b.ACL(ctx, "")) },
		func() error {
			return b.PutBucketCORS(ctx, []cosapi.CORSRule{{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}}})
		},
		func() error { return ignore(b.BucketCORS(ctx)) },
		func() error { return ignore(b.OptionsObject(ctx, "k", "https://a.example", "GET")) },
		func() error { return b.DeleteBucketCORS(ctx) },
		func() error {
			return b.PutBucketLifecycle(ctx, []cosapi.LifecycleRule{{ID: "r", Enabled: true, AbortUploadDays: 1}})
		},
		func() error { return ignore(b.BucketLifecycle(ctx)) },
		func() error { return b.DeleteBucketLifecycle(ctx) },
		func() error { return b.PutBucketTagging(ctx, tags) },
		func() error { return ignore(b.BucketTagging(ctx)) },
		func() error { return b.DeleteBucketTagging(ctx) },
		func() error { return b.PutBucketPolicy(ctx, []byte(`{"version":"2.0"}`)) },
		func() error { return ignore(b.BucketPolicy(ctx)) },
		func() error { return b.DeleteBucketPolicy(ctx) },
		func() error { return b.PutBucketVersioning(ctx, cosapi.VersioningEnabled) },
		func() error { return ignore(b.BucketVersioning(ctx)) },
		func() error { return b.PutBucketReplication(ctx, oneReplication()) },
		func() error { return ignore(b.BucketReplication(ctx)) },
		func() error { return b.DeleteBucketReplication(ctx) },
		func() error { return b.DeleteBucket(ctx) },
	} {
		u.NoError(call(), "call %d", i)
	}
	for _, err := range c.Buckets(ctx) {
		u.NoError(err)
	}
}

func oneReplication() cosapi.Replication {
	return cosapi.Replication{Role: owner, Rules: []cosapi.ReplicationRule{{ID: "rep", Status: "Enabled", Prefix: "docs/",
		Destination: cosapi.ReplicationDestination{Bucket: "qcs::cos:ap-shanghai::backup-1250000000", StorageClass: "STANDARD_IA"}}}}
}

func objectCalls(u *user, c *cosapi.Client) {
	ctx := u.ctx
	ignore := func(_ any, err error) error { return err }
	for i, call := range []func() error{
		func() error {
			return ignore(c.Put(ctx, "k", strings.NewReader("content"), cosapi.PutOptions{Attrs: cosapi.Attrs{StorageClass: "ARCHIVE"}}))
		},
		func() error { return c.Restore(ctx, "k", cosapi.RestoreOptions{Days: 1}) },
		func() error { return ignore(c.Head(ctx, "k")) },
		func() error {
			r, err := c.Get(ctx, cosapi.Version{Key: "k"}, whole())
			if err == nil {
				err = r.Close()
			}
			return err
		},
		func() error { return ignore(c.Copy(ctx, cosapi.Version{Key: "k"}, "copy", cosapi.CopyOptions{})) },
		func() error { return ignore(c.Append(ctx, "log", 0, strings.NewReader("x"), cosapi.PutOptions{})) },
		func() error { return c.PutACL(ctx, "k", cosapi.NewACL{Canned: "private"}) },
		func() error { return ignore(c.ACL(ctx, "k")) },
		func() error { return c.PutObjectTagging(ctx, "k", "", []cosapi.Tag{{Key: "k", Value: "v"}}) },
		func() error { return ignore(c.ObjectTagging(ctx, "k", "")) },
		func() error { return c.DeleteObjectTagging(ctx, "k", "") },
		func() error { return c.Delete(ctx, "copy") },
		func() error { return ignore(c.DeleteMulti(ctx, []string{"log"})) },
	} {
		u.NoError(call(), "call %d", i)
	}
}

func partCalls(u *user, c *cosapi.Client) {
	ctx := u.ctx
	id, err := c.StartUpload(ctx, "up", cosapi.PutOptions{})
	u.NoError(err)
	one, err := c.UploadPart(ctx, "up", id, 1, strings.NewReader(strings.Repeat("x", mib)))
	u.NoError(err)
	two, err := c.CopyPart(ctx, "up", id, 2, cosapi.Version{Key: "k"}, whole())
	u.NoError(err)
	_, err = c.Parts(ctx, "up", id)
	u.NoError(err)
	_, err = c.CompleteUpload(ctx, "up", id, []cosapi.Part{one, two})
	u.NoError(err)
	id, err = c.StartUpload(ctx, "up", cosapi.PutOptions{})
	u.NoError(errors.Join(err, c.AbortUpload(ctx, "up", id)))
}
