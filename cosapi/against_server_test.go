package cosapi_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// These tests run the calls that a file system does not need, and which the
// conformance suite therefore leaves out, against the COS-compatible server.

func TestConfigurationsRoundTrip(t *testing.T) {
	ctx := t.Context()
	c := costest.NewServer(t).Client(t)

	_, err := c.BucketCORS(ctx)
	require.ErrorIs(t, err, cosapi.NotSet)
	cors := []cosapi.CORSRule{{ID: "r", AllowedOrigins: []string{"https://a.example"}, AllowedMethods: []string{"GET"},
		AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: 60}}
	require.NoError(t, c.PutBucketCORS(ctx, cors))
	got, err := c.BucketCORS(ctx)
	require.NoError(t, err)
	require.Equal(t, cors, got)
	answer, err := c.OptionsObject(ctx, "k", "https://a.example", "GET")
	require.NoError(t, err)
	require.Equal(t, "https://a.example", answer.AllowOrigin)
	_, err = c.OptionsObject(ctx, "k", "https://b.example", "GET")
	require.ErrorIs(t, err, cosapi.Denied)
	require.NoError(t, c.DeleteBucketCORS(ctx))
	require.NoError(t, c.DeleteBucketCORS(ctx))

	rules := []cosapi.LifecycleRule{{ID: "r", Prefix: "logs/", Tags: []cosapi.Tag{{Key: "k", Value: "v"}}, Enabled: true,
		Expiration: &cosapi.Expiration{Days: 30}, Transitions: []cosapi.Transition{{Days: 10, StorageClass: "STANDARD_IA"}}, AbortUploadDays: 3}}
	require.NoError(t, c.PutBucketLifecycle(ctx, rules))
	gotRules, err := c.BucketLifecycle(ctx)
	require.NoError(t, err)
	require.Equal(t, rules, gotRules)
	require.NoError(t, c.DeleteBucketLifecycle(ctx))

	tags := []cosapi.Tag{{Key: "team", Value: "fs & co"}}
	require.NoError(t, c.PutBucketTagging(ctx, tags))
	gotTags, err := c.BucketTagging(ctx)
	require.NoError(t, err)
	require.Equal(t, tags, gotTags)
	require.NoError(t, c.DeleteBucketTagging(ctx))

	require.NoError(t, c.PutBucketPolicy(ctx, []byte(`{"version":"2.0","statement":[]}`)))
	policy, err := c.BucketPolicy(ctx)
	require.NoError(t, err)
	require.JSONEq(t, `{"version":"2.0","statement":[]}`, string(policy))
	require.NoError(t, c.DeleteBucketPolicy(ctx))
}

func TestBucketsRoundTrip(t *testing.T) {
	ctx := t.Context()
	c := costest.NewServer(t).Client(t)
	other, err := c.WithBucket("another-1250000000")
	require.NoError(t, err)
	require.NoError(t, other.CreateBucket(ctx, cosapi.CreateBucketOptions{ACL: "public-read"}))
	acl, err := other.ACL(ctx, "")
	require.NoError(t, err)
	require.Equal(t, "public-read", acl.Canned())
	var names []string
	for b, err := range c.Buckets(ctx) {
		require.NoError(t, err)
		require.NotZero(t, b.Created)
		names = append(names, b.Name)
	}
	require.Equal(t, []string{"another-1250000000", costest.Bucket}, names)
	info, err := other.HeadBucket(ctx)
	require.NoError(t, err)
	region, err := other.BucketLocation(ctx)
	require.NoError(t, err)
	require.Equal(t, info.Region, region)

	_, err = other.Put(ctx, "k", nil, cosapi.PutOptions{})
	require.NoError(t, err)
	require.ErrorIs(t, other.DeleteBucket(ctx), cosapi.NotEmpty)
	copied, err := c.Copy(ctx, cosapi.Version{Key: "k"}, "copy", cosapi.CopyOptions{
		CopySource: cosapi.CopySource{SourceBucket: other.Bucket()}})
	require.NoError(t, err)
	require.NotEmpty(t, copied.ETag)
	require.NoError(t, other.Delete(ctx, "k"))
	require.NoError(t, other.DeleteBucket(ctx))
	_, err = other.HeadBucket(ctx)
	require.ErrorIs(t, err, cosapi.NoBucket)
}

func TestVersionsRoundTrip(t *testing.T) {
	ctx := t.Context()
	c := costest.NewServer(t).Client(t)
	status, err := c.BucketVersioning(ctx)
	require.NoError(t, err)
	require.Empty(t, status)
	require.NoError(t, c.PutBucketVersioning(ctx, cosapi.VersioningEnabled))
	first, err := c.Put(ctx, "a b", strings.NewReader("one"), cosapi.PutOptions{})
	require.NoError(t, err)
	second, err := c.Put(ctx, "a b", strings.NewReader("second"), cosapi.PutOptions{})
	require.NoError(t, err)
	marker, err := c.DeleteVersion(ctx, "a b", "")
	require.NoError(t, err)
	require.True(t, marker.DeleteMarker)
	_, err = c.Head(ctx, "a b")
	require.ErrorIs(t, err, cosapi.NotFound)

	var ids []string
	o := cosapi.VersionsOptions{Max: 2}
	for more := true; more; {
		page, err := c.Versions(ctx, o)
		require.NoError(t, err)
		for _, v := range page.Versions {
			require.Equal(t, "a b", v.Key)
			ids = append(ids, v.VersionID)
		}
		o.KeyMarker, o.VersionIDMarker, more = page.NextKey, page.NextVersionID, page.More
	}
	require.Equal(t, []string{marker.VersionID, second.VersionID, first.VersionID}, ids)

	r, err := c.GetWith(ctx, cosapi.Version{Key: "a b"}, cosapi.Range{Off: 0, Len: -1},
		cosapi.GetOptions{HeadOptions: cosapi.HeadOptions{VersionID: first.VersionID}})
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, "one", string(data))
	failures, err := c.DeleteVersions(ctx, []cosapi.ObjectID{{Key: "a b", VersionID: marker.VersionID}, {Key: "a b", VersionID: first.VersionID}})
	require.NoError(t, err)
	require.Empty(t, failures)
	now, err := c.Head(ctx, "a b")
	require.NoError(t, err)
	require.Equal(t, second.VersionID, now.VersionID)
}

func TestAppendAndTagsAndRestoreRoundTrip(t *testing.T) {
	ctx := t.Context()
	c := costest.NewServer(t).Client(t)
	done, err := c.Append(ctx, "log", 0, strings.NewReader("hello"), cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "text/plain"}})
	require.NoError(t, err)
	done, err = c.Append(ctx, "log", done.Next, strings.NewReader(" world"), cosapi.PutOptions{})
	require.NoError(t, err)
	require.Equal(t, int64(11), done.Next)
	_, err = c.Append(ctx, "log", 3, strings.NewReader("x"), cosapi.PutOptions{})
	require.ErrorIs(t, err, cosapi.Changed)
	o, err := c.Head(ctx, "log")
	require.NoError(t, err)
	require.Equal(t, "appendable", o.Type)
	require.Equal(t, "text/plain", o.ContentType)

	tags := []cosapi.Tag{{Key: "a", Value: "1 +"}}
	require.NoError(t, c.PutObjectTagging(ctx, "log", "", tags))
	got, err := c.ObjectTagging(ctx, "log", "")
	require.NoError(t, err)
	require.Equal(t, tags, got)
	require.NoError(t, c.DeleteObjectTagging(ctx, "log", ""))

	_, err = c.Put(ctx, "old", strings.NewReader("x"), cosapi.PutOptions{Attrs: cosapi.Attrs{StorageClass: "ARCHIVE"}})
	require.NoError(t, err)
	_, err = c.Get(ctx, cosapi.Version{Key: "old"}, cosapi.Range{Off: 0, Len: -1})
	require.ErrorIs(t, err, cosapi.Archived)
	require.NoError(t, c.Restore(ctx, "old", cosapi.RestoreOptions{Days: 1, Tier: cosapi.TierExpedited}))
	require.ErrorIs(t, c.Restore(ctx, "log", cosapi.RestoreOptions{Days: 1}), cosapi.Invalid)
}

func TestPresignedURLsWork(t *testing.T) {
	ctx := t.Context()
	c := costest.NewServer(t).Client(t)
	header := http.Header{"Content-Type": {"text/x"}}
	send := func(method, body string, o cosapi.SignOptions) (int, string) {
		signed, err := c.Presign(ctx, method, "dir/a b+年.txt", time.Minute, o)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(ctx, method, signed, strings.NewReader(body))
		require.NoError(t, err)
		req.Header = o.Header.Clone()
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		data, err := io.ReadAll(resp.Body)
		require.NoError(t, errors.Join(err, resp.Body.Close()))
		return resp.StatusCode, string(data)
	}
	status, _ := send("PUT", "content", cosapi.SignOptions{Header: header})
	require.Equal(t, 200, status)
	status, body := send("GET", "", cosapi.SignOptions{Query: map[string][]string{"response-content-type": {"a/b; c=\"d\""}}})
	require.Equal(t, 200, status)
	require.Equal(t, "content", body)
	status, body = send("GET", "", cosapi.SignOptions{Query: map[string][]string{"acl": {""}}})
	require.Equal(t, 200, status)
	require.Contains(t, body, "AccessControlPolicy")
	status, _ = send("DELETE", "", cosapi.SignOptions{})
	require.Equal(t, 204, status)
	status, _ = send("HEAD", "", cosapi.SignOptions{})
	require.Equal(t, 404, status)
}
