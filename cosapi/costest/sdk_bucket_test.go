package costest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentyun/cos-go-sdk-v5"
)

func TestSDKBucketConfigurations(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		ctx, b := t.Context(), sdk(t, s).Bucket
		_, err := b.PutCORS(ctx, &cos.BucketPutCORSOptions{Rules: []cos.BucketCORSRule{{
			AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"*"}, MaxAgeSeconds: 60,
		}}})
		require.NoError(t, err)
		cors, _, err := b.GetCORS(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{"GET"}, cors.Rules[0].AllowedMethods)
		_, err = b.DeleteCORS(ctx)
		require.NoError(t, err)

		_, err = b.PutLifecycle(ctx, &cos.BucketPutLifecycleOptions{Rules: []cos.BucketLifecycleRule{{
			ID: "r", Status: "Enabled", Filter: &cos.BucketLifecycleFilter{Prefix: "logs/"},
			Expiration: &cos.BucketLifecycleExpiration{Days: 3},
		}}})
		require.NoError(t, err)
		lifecycle, _, err := b.GetLifecycle(ctx)
		require.NoError(t, err)
		require.Equal(t, "logs/", lifecycle.Rules[0].Filter.Prefix)
		require.Equal(t, 3, lifecycle.Rules[0].Expiration.Days)
		_, err = b.DeleteLifecycle(ctx)
		require.NoError(t, err)

		_, err = b.PutTagging(ctx, &cos.BucketPutTaggingOptions{TagSet: []cos.BucketTaggingTag{{Key: "k", Value: "v"}}})
		require.NoError(t, err)
		tags, _, err := b.GetTagging(ctx)
		require.NoError(t, err)
		require.Equal(t, "v", tags.TagSet[0].Value)

		_, err = b.PutPolicy(ctx, &cos.BucketPutPolicyOptions{Version: "2.0", Statement: []cos.BucketStatement{{
			Effect: "allow", Action: []string{"name/cos:GetObject"}, Resource: []string{"*"},
		}}})
		require.NoError(t, err)
		policy, _, err := b.GetPolicy(ctx)
		require.NoError(t, err)
		require.Equal(t, "allow", policy.Statement[0].Effect)
		_, err = b.DeletePolicy(ctx)
		require.NoError(t, err)

		location, _, err := b.GetLocation(ctx)
		require.NoError(t, err)
		require.Equal(t, "ap-guangzhou", location.Location)
		_, err = b.PutACL(ctx, &cos.BucketPutACLOptions{Header: &cos.ACLHeaderOptions{XCosACL: "public-read"}})
		require.NoError(t, err)
		acl, _, err := b.GetACL(ctx)
		require.NoError(t, err)
		require.Len(t, acl.AccessControlList, 2)
		_, err = b.PutACL(ctx, &cos.BucketPutACLOptions{Body: acl})
		require.NoError(t, err)
	})
}

func TestSDKVersioningAndReplication(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		ctx, c := t.Context(), sdk(t, s)
		_, err := c.Bucket.PutVersioning(ctx, &cos.BucketPutVersionOptions{Status: "Enabled"})
		require.NoError(t, err)
		state, _, err := c.Bucket.GetVersioning(ctx)
		require.NoError(t, err)
		require.Equal(t, "Enabled", state.Status)
		_, err = c.Bucket.PutBucketReplication(ctx, &cos.PutBucketReplicationOptions{
			Role: "qcs::cam::uin/1:uin/1",
			Rule: []cos.BucketReplicationRule{{
				ID: "1", Status: "Enabled", Destination: &cos.ReplicationDestination{Bucket: "qcs::cos:ap-beijing::b-1250000000"},
			}},
		})
		require.NoError(t, err)
		replication, _, err := c.Bucket.GetBucketReplication(ctx)
		require.NoError(t, err)
		require.Equal(t, "qcs::cos:ap-beijing::b-1250000000", replication.Rule[0].Destination.Bucket)
		_, err = c.Bucket.DeleteBucketReplication(ctx)
		require.NoError(t, err)

		resp, err := c.Object.Put(ctx, "k", strings.NewReader("one"), nil)
		require.NoError(t, err)
		one := resp.Header.Get("x-cos-version-id")
		_, err = c.Object.Delete(ctx, "k")
		require.NoError(t, err)
		versions, _, err := c.Bucket.GetObjectVersions(ctx, nil)
		require.NoError(t, err)
		require.Len(t, versions.Version, 1)
		require.Len(t, versions.DeleteMarker, 1)
		require.True(t, versions.DeleteMarker[0].IsLatest)
		resp, err = c.Object.Get(ctx, "k", nil, one)
		require.NoError(t, err)
		require.Equal(t, "one", string(readAll(t, resp.Body)))
		_, err = c.Object.Delete(ctx, "k", &cos.ObjectDeleteOptions{VersionId: one})
		require.NoError(t, err)
		_, err = c.Object.Head(ctx, "k", nil, one)
		require.True(t, cos.IsNotFoundError(err), "%v", err)
	})
}

func TestSDKAppendRestoreTagAndACL(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		ctx, o := t.Context(), sdk(t, s).Object
		next, _, err := o.Append(ctx, "log", 0, strings.NewReader("hello "), nil)
		require.NoError(t, err)
		next, _, err = o.Append(ctx, "log", next, strings.NewReader("world"), nil)
		require.NoError(t, err)
		require.Equal(t, 11, next)
		_, _, err = o.Append(ctx, "log", 3, strings.NewReader("x"), nil)
		require.Equal(t, "AppendPositionErr", err.(*cos.ErrorResponse).Code)

		_, err = o.Put(ctx, "cold", strings.NewReader("x"), &cos.ObjectPutOptions{
			ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{XCosStorageClass: "ARCHIVE"},
		})
		require.NoError(t, err)
		_, err = o.Get(ctx, "cold", nil)
		require.Equal(t, "InvalidObjectState", err.(*cos.ErrorResponse).Code)
		_, err = o.PostRestore(ctx, "cold", &cos.ObjectRestoreOptions{Days: 1, Tier: &cos.CASJobParameters{Tier: "Expedited"}})
		require.NoError(t, err)
		resp, err := o.Get(ctx, "cold", nil)
		require.NoError(t, err)
		require.Equal(t, "x", string(readAll(t, resp.Body)))

		_, err = o.PutTagging(ctx, "log", &cos.ObjectPutTaggingOptions{TagSet: []cos.ObjectTaggingTag{{Key: "a", Value: "b"}}})
		require.NoError(t, err)
		tags, _, err := o.GetTagging(ctx, "log")
		require.NoError(t, err)
		require.Equal(t, "b", tags.TagSet[0].Value)
		_, err = o.DeleteTagging(ctx, "log")
		require.NoError(t, err)

		_, err = o.PutACL(ctx, "log", &cos.ObjectPutACLOptions{Header: &cos.ACLHeaderOptions{XCosACL: "public-read"}})
		require.NoError(t, err)
		acl, _, err := o.GetACL(ctx, "log")
		require.NoError(t, err)
		require.Equal(t, "READ", acl.AccessControlList[1].Permission)
		_, err = o.PutACL(ctx, "log", &cos.ObjectPutACLOptions{Body: acl})
		require.NoError(t, err)
	})
}

// TestSDKPresignedURL fetches a URL the official client signed, with nothing
// but that URL.
func TestSDKPresignedURL(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		c := sdk(t, s)
		_, err := c.Object.Put(t.Context(), "报 告+1.txt", strings.NewReader("presigned"), nil)
		require.NoError(t, err)
		u, err := c.Object.GetPresignedURL(t.Context(), http.MethodGet, "报 告+1.txt",
			s.Credentials.SecretID, s.Credentials.SecretKey, time.Hour, nil)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+u.RequestURI(), nil)
		require.NoError(t, err)
		req.Host = u.Host
		resp, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "presigned", string(body))
	})
}

func TestSDKServiceAndBuckets(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		c := sdk(t, s)
		_, err := c.Bucket.Head(t.Context())
		require.NoError(t, err)
		_, err = c.Bucket.Put(t.Context(), nil)
		require.Equal(t, "BucketAlreadyOwnedByYou", err.(*cos.ErrorResponse).Code)
		list, _, err := c.Service.Get(t.Context())
		require.NoError(t, err)
		require.Len(t, list.Buckets, 1)
		require.Equal(t, s.Bucket, list.Buckets[0].Name)
		_, err = c.Bucket.Delete(t.Context())
		require.NoError(t, err)
		_, err = c.Bucket.Head(t.Context())
		require.True(t, cos.IsNotFoundError(err))
	})
}

// TestSDKUploadsByParts lets the official client's own uploader and its
// CRC64 check do the work.
func TestSDKUploadsByParts(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		body := random(5<<20 + 1)
		path := t.TempDir() + "/file"
		require.NoError(t, writeFile(path, body))
		c := sdk(t, s)
		result, _, err := c.Object.Upload(t.Context(), "big", path, &cos.MultiUploadOptions{PartSize: 1, ThreadPoolSize: 3})
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(result.ETag, `-6"`), result.ETag)
		_, err = c.Object.Download(t.Context(), "big", path+".back", &cos.MultiDownloadOptions{PartSize: 1, ThreadPoolSize: 3})
		require.NoError(t, err)
		require.Equal(t, body, mustRead(t, path+".back"))
	})
}
