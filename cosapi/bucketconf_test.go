package cosapi

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// checkConfig runs one configuration through put, get and delete: sent is the
// document that put must send, which get then answers.
func checkConfig(t *testing.T, sub, sent string, unset string,
	put func(context.Context, *Client) error, get func(context.Context, *Client) (any, error), want any,
	remove func(context.Context, *Client) error) {
	t.Helper()
	c, w := newWire(t, reply(200, ""), reply(200, "<?xml version='1.0' encoding='utf-8' ?>\n"+sent), reply(204, ""), fault(404, unset))
	require.NoError(t, put(t.Context(), c))
	got, err := get(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, remove(t.Context(), c))
	_, err = get(t.Context(), c)
	requireKind(t, NotSet, err)
	require.NoError(t, remove(t.Context(), c), "what is not set needs no deleting")

	requests := w.requests()
	require.Equal(t, sent, string(requests[0].body))
	require.Len(t, requests[0].Header.Get("Content-MD5"), 24)
	for i, method := range []string{"PUT", "GET", "DELETE"} {
		require.Equal(t, method, requests[i].Method)
		require.Equal(t, "/"+testBucket+"/?"+sub, requests[i].RequestURI)
		verifySignature(t, requests[i].Request, testCredentials)
	}
}

func TestCORS(t *testing.T) {
	rules := []CORSRule{{ID: "r1", AllowedOrigins: []string{"https://a.example", "*"}, AllowedMethods: []string{"GET", "PUT"},
		AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: 600}}
	checkConfig(t, "cors", "<CORSConfiguration><CORSRule><ID>r1</ID><AllowedOrigin>https://a.example</AllowedOrigin><AllowedOrigin>*</AllowedOrigin>"+
		"<AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"+
		"<MaxAgeSeconds>600</MaxAgeSeconds></CORSRule></CORSConfiguration>", "NoSuchCORSConfiguration",
		func(ctx context.Context, c *Client) error { return c.PutBucketCORS(ctx, rules) },
		func(ctx context.Context, c *Client) (any, error) { return c.BucketCORS(ctx) }, rules,
		func(ctx context.Context, c *Client) error { return c.DeleteBucketCORS(ctx) })
}

func TestLifecycle(t *testing.T) {
	rules := []LifecycleRule{
		{ID: "r1", Prefix: "logs/", Tags: []Tag{{"k", "v"}}, Enabled: true,
			Expiration:               &Expiration{Days: 365},
			Transitions:              []Transition{{Days: 0, StorageClass: "STANDARD_IA"}, {Date: LifecycleDate(2030, 1, 2), StorageClass: "ARCHIVE"}},
			NoncurrentExpirationDays: 100, NoncurrentTransitions: []NoncurrentTransition{{10, "ARCHIVE"}}, AbortUploadDays: 7},
		{Expiration: &Expiration{Date: LifecycleDate(2030, 1, 1)}},
		{ID: "r3", Tags: []Tag{{"k", "v"}}, Expiration: &Expiration{DeleteMarker: true}},
	}
	checkConfig(t, "lifecycle", "<LifecycleConfiguration>"+
		"<Rule><ID>r1</ID><Filter><And><Prefix>logs/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><Status>Enabled</Status>"+
		"<Transition><Days>0</Days><StorageClass>STANDARD_IA</StorageClass></Transition>"+
		"<Transition><Date>2030-01-02T00:00:00+08:00</Date><StorageClass>ARCHIVE</StorageClass></Transition>"+
		"<Expiration><Days>365</Days></Expiration>"+
		"<NoncurrentVersionTransition><NoncurrentDays>10</NoncurrentDays><StorageClass>ARCHIVE</StorageClass></NoncurrentVersionTransition>"+
		"<NoncurrentVersionExpiration><NoncurrentDays>100</NoncurrentDays></NoncurrentVersionExpiration>"+
		"<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"+
		"<Rule><Filter><Prefix></Prefix></Filter><Status>Disabled</Status><Expiration><Date>2030-01-01T00:00:00+08:00</Date></Expiration></Rule>"+
		"<Rule><ID>r3</ID><Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Status>Disabled</Status>"+
		"<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>"+
		"</LifecycleConfiguration>", "NoSuchLifecycleConfiguration",
		func(ctx context.Context, c *Client) error { return c.PutBucketLifecycle(ctx, rules) },
		func(ctx context.Context, c *Client) (any, error) { return c.BucketLifecycle(ctx) }, rules,
		func(ctx context.Context, c *Client) error { return c.DeleteBucketLifecycle(ctx) })

	// As the seeds' client writes it: prefix and tag side by side.
	c, _ := newWire(t, reply(200, "<LifecycleConfiguration><Rule><Filter><Prefix>a/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></Filter>"+
		"<Status>Enabled</Status></Rule></LifecycleConfiguration>"))
	got, err := c.BucketLifecycle(t.Context())
	require.NoError(t, err)
	require.Equal(t, []LifecycleRule{{Prefix: "a/", Tags: []Tag{{"k", "v"}}, Enabled: true}}, got)
}

func TestReplication(t *testing.T) {
	r := Replication{Role: "qcs::cam::uin/1:uin/1", Rules: []ReplicationRule{{Status: "Enabled", ID: "rep-1",
		Destination: ReplicationDestination{Bucket: "qcs::cos:ap-shanghai::backup-1250000000", StorageClass: "STANDARD_IA"}}}}
	want := r
	want.XMLName.Local = "ReplicationConfiguration"
	checkConfig(t, "replication", "<ReplicationConfiguration><Role>qcs::cam::uin/1:uin/1</Role><Rule><Status>Enabled</Status><ID>rep-1</ID><Prefix></Prefix>"+
		"<Destination><Bucket>qcs::cos:ap-shanghai::backup-1250000000</Bucket><StorageClass>STANDARD_IA</StorageClass></Destination></Rule></ReplicationConfiguration>",
		"ReplicationConfigurationNotFoundError",
		func(ctx context.Context, c *Client) error { return c.PutBucketReplication(ctx, r) },
		func(ctx context.Context, c *Client) (any, error) { return c.BucketReplication(ctx) }, want,
		func(ctx context.Context, c *Client) error { return c.DeleteBucketReplication(ctx) })
}

func TestTagging(t *testing.T) {
	tags := []Tag{{"age", "18"}, {"team", "fs"}}
	doc := "<Tagging><TagSet><Tag><Key>age</Key><Value>18</Value></Tag><Tag><Key>team</Key><Value>fs</Value></Tag></TagSet></Tagging>"
	checkConfig(t, "tagging", doc, "NoSuchTagSet",
		func(ctx context.Context, c *Client) error { return c.PutBucketTagging(ctx, tags) },
		func(ctx context.Context, c *Client) (any, error) { return c.BucketTagging(ctx) }, tags,
		func(ctx context.Context, c *Client) error { return c.DeleteBucketTagging(ctx) })

	c, w := newWire(t, reply(204, ""), reply(200, doc), reply(204, ""))
	require.NoError(t, c.PutObjectTagging(t.Context(), "k", "v1", tags))
	got, err := c.ObjectTagging(t.Context(), "k", "")
	require.NoError(t, err)
	require.Equal(t, tags, got)
	require.NoError(t, c.DeleteObjectTagging(t.Context(), "k", "v1"))
	require.Equal(t, []string{"tagging&versionId=v1", "tagging", "tagging&versionId=v1"},
		[]string{w.requests()[0].URL.RawQuery, w.requests()[1].URL.RawQuery, w.requests()[2].URL.RawQuery})
	requireKind(t, Invalid, c.PutObjectTagging(t.Context(), "", "", tags)) // would be the bucket's
	requireKind(t, Invalid, c.DeleteObjectTagging(t.Context(), "", ""))
	_, err = c.ObjectTagging(t.Context(), "", "")
	requireKind(t, Invalid, err)
}

func TestPolicy(t *testing.T) {
	policy := `{"version":"2.0","statement":[]}`
	c, w := newWire(t, reply(204, ""), reply(200, policy), reply(204, ""), fault(404, "NoSuchBucketPolicy"))
	require.NoError(t, c.PutBucketPolicy(t.Context(), []byte(policy)))
	got, err := c.BucketPolicy(t.Context())
	require.NoError(t, err)
	require.JSONEq(t, policy, string(got))
	require.NoError(t, c.DeleteBucketPolicy(t.Context()))
	_, err = c.BucketPolicy(t.Context())
	requireKind(t, NotSet, err)
	require.Equal(t, "application/json", w.requests()[0].Header.Get("Content-Type"))
	requireKind(t, Invalid, c.PutBucketPolicy(t.Context(), []byte("{")))
	requireKind(t, TooLarge, c.PutBucketPolicy(t.Context(), []byte(`"`+strings.Repeat("x", 20<<10)+`"`)))
}

func TestVersioningAndLocation(t *testing.T) {
	c, w := newWire(t, reply(200, ""), reply(200, "<VersioningConfiguration/>"),
		reply(200, "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"),
		reply(200, "<?xml version='1.0' encoding='utf-8' ?>\n<LocationConstraint> cos.ap-beijing\n</LocationConstraint>"))
	require.NoError(t, c.PutBucketVersioning(t.Context(), VersioningEnabled))
	require.Equal(t, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", string(w.requests()[0].body))
	requireKind(t, Invalid, c.PutBucketVersioning(t.Context(), "off"))
	status, err := c.BucketVersioning(t.Context())
	require.NoError(t, err)
	require.Empty(t, status)
	status, err = c.BucketVersioning(t.Context())
	require.NoError(t, err)
	require.Equal(t, VersioningSuspended, status)
	region, err := c.BucketLocation(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ap-beijing", region)
}

func TestDeleteBucket(t *testing.T) {
	c, _ := newWire(t, fault(409, "BucketNotEmpty"), reply(204, ""), hangUp, fault(404, "NoSuchBucket"))
	requireKind(t, NotEmpty, c.DeleteBucket(t.Context()))
	require.NoError(t, c.DeleteBucket(t.Context()))
	require.NoError(t, c.DeleteBucket(t.Context()), "the lost attempt did it")
	requireKind(t, NoBucket, c.DeleteBucket(t.Context()))
}

func TestBuckets(t *testing.T) {
	page := func(name, extra string) http.HandlerFunc {
		return reply(200, "<ListAllMyBucketsResult><Owner><ID>x</ID></Owner><Buckets><Bucket><Name>"+name+"</Name><Location>ap-guangzhou</Location>"+
			"<CreationDate>2023-11-14T22:13:20Z</CreationDate><BucketType>cos</BucketType></Bucket></Buckets>"+extra+"</ListAllMyBucketsResult>")
	}
	more := "<IsTruncated>true</IsTruncated><NextMarker>a-1</NextMarker>"
	c, w := newWire(t, page("a-1", more), page("b-1", ""))
	var got []Bucket
	for b, err := range c.Buckets(t.Context()) {
		require.NoError(t, err)
		got = append(got, b)
	}
	created := time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)
	require.Equal(t, []Bucket{{"a-1", "ap-guangzhou", created, "cos"}, {"b-1", "ap-guangzhou", created, "cos"}}, got)
	require.Equal(t, "/", w.requests()[0].RequestURI)
	require.Equal(t, "/?marker=a-1", w.requests()[1].RequestURI)
	verifySignature(t, w.requests()[1].Request, testCredentials)

	c, _ = newWire(t, page("a-1", more))
	var last error
	for _, err := range c.Buckets(t.Context()) {
		last = err
	}
	requireKind(t, Unavailable, last) // would never end
	for range c.Buckets(t.Context()) {
		break
	}
}

func TestVersions(t *testing.T) {
	c, w := newWire(t, reply(200, `<ListVersionsResult><Name>n</Name><EncodingType>url</EncodingType><Prefix/><MaxKeys>1000</MaxKeys>
		<IsTruncated>true</IsTruncated><NextKeyMarker>a%20b</NextKeyMarker><NextVersionIdMarker>null</NextVersionIdMarker>
		<DeleteMarker><Key>a%20b</Key><VersionId>v3</VersionId><IsLatest>true</IsLatest><LastModified>2023-11-14T22:16:00.000Z</LastModified></DeleteMarker>
		<Version><Key>a%20b</Key><VersionId>v2</VersionId><IsLatest>false</IsLatest><LastModified>2023-11-14T22:15:00.000Z</LastModified>
		<ETag>&quot;e2&quot;</ETag><Size>11</Size><StorageClass>STANDARD</StorageClass></Version>
		<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>
		<DeleteMarker><Key>b</Key><VersionId>v1</VersionId></DeleteMarker></ListVersionsResult>`))
	page, err := c.Versions(t.Context(), VersionsOptions{Prefix: "p", Delimiter: "/", KeyMarker: "k", VersionIDMarker: "v", Max: 3})
	require.NoError(t, err)
	at := func(minute int) time.Time { return time.Date(2023, 11, 14, 22, minute, 0, 0, time.UTC) }
	require.Equal(t, VersionsPage{
		Versions: []ObjectVersion{
			{Object: Object{Version: Version{Key: "a b"}, VersionID: "v3", Modified: at(16), Listed: true}, Latest: true, DeleteMarker: true},
			{Object: Object{Version: Version{"a b", "e2", 11}, Attrs: Attrs{StorageClass: "STANDARD"}, VersionID: "v2", Modified: at(15), Listed: true}},
			{Object: Object{Version: Version{Key: "b"}, VersionID: "v1", Listed: true}, DeleteMarker: true},
		},
		Prefixes: []string{"d/"}, NextKey: "a b", NextVersionID: "null", More: true,
	}, page)
	require.Equal(t, "versions&prefix=p&delimiter=%2F&key-marker=k&version-id-marker=v&max-keys=3&encoding-type=url", w.requests()[0].URL.RawQuery)
	for _, bad := range []string{"<Version><Key>%</Key></Version>", "<CommonPrefixes><Prefix>%</Prefix></CommonPrefixes>"} {
		c, _ := newWire(t, reply(200, "<ListVersionsResult><EncodingType>url</EncodingType>"+bad+"</ListVersionsResult>"))
		_, err = c.Versions(t.Context(), VersionsOptions{})
		requireKind(t, Unavailable, err)
	}
}

func TestOptionsObject(t *testing.T) {
	c, w := newWire(t, reply(200, "", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: GET, PUT",
		"Access-Control-Expose-Headers: ETag,x-cos-a", "Access-Control-Max-Age: 600"), fault(403, "AccessForbidden"))
	got, err := c.OptionsObject(t.Context(), "k", "https://a.example", "PUT", "x-a", "x-b")
	require.NoError(t, err)
	require.Equal(t, CORSAnswer{AllowOrigin: "*", AllowMethods: []string{"GET", "PUT"}, ExposeHeaders: []string{"ETag", "x-cos-a"}, MaxAge: "600"}, got)
	r := w.requests()[0]
	require.Equal(t, []string{"https://a.example", "PUT", "x-a,x-b"}, []string{r.Header.Get("Origin"),
		r.Header.Get("Access-Control-Request-Method"), r.Header.Get("Access-Control-Request-Headers")})
	_, err = c.OptionsObject(t.Context(), "k", "o", "PUT")
	requireKind(t, Denied, err)
	_, err = c.OptionsObject(t.Context(), "", "o", "PUT")
	requireKind(t, Invalid, err)
}
