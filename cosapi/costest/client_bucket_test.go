package costest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
)

//rows:client B1 B2 B4 B6 B7 B8 B9 X1 H1-H4
func TestClientBuckets(t *testing.T) {
	stranger := cosapi.Credentials{SecretID: "AKIDstranger", SecretKey: "secret"}
	u := newUser(t, WithConfig(func(c *cosserver.Config) {
		c.Accounts = append(c.Accounts, cosserver.Account{SecretID: stranger.SecretID, SecretKey: stranger.SecretKey, UIN: "100000000002"})
	}))
	c, err := u.c.WithBucket("second-1250000000")
	u.NoError(err)
	_, err = c.HeadBucket(u.ctx)
	u.isError(err, cosapi.NoBucket)
	u.NoError(c.CreateBucket(u.ctx, cosapi.CreateBucketOptions{ACL: "public-read", Grants: cosapi.Grants{
		FullControl: cosapi.GrantTo("100000000005"), Read: cosapi.GrantTo("100000000003/100000000004"),
		Write: cosapi.GrantTo("100000000006", "100000000007")}}))
	acl, err := c.ACL(u.ctx, "")
	u.NoError(err)
	var granted []string
	for _, g := range acl.Grants {
		granted = append(granted, g.Permission+" "+g.Grantee.ID+g.Grantee.URI)
	}
	u.Equal([]string{"FULL_CONTROL " + owner, "READ " + cosapi.AllUsers, "FULL_CONTROL qcs::cam::uin/100000000005:uin/100000000005",
		"READ qcs::cam::uin/100000000003:uin/100000000004", "WRITE qcs::cam::uin/100000000006:uin/100000000006",
		"WRITE qcs::cam::uin/100000000007:uin/100000000007"}, granted)
	u.Equal("BucketAlreadyOwnedByYou", u.isError(c.CreateBucket(u.ctx, cosapi.CreateBucketOptions{}), cosapi.Exists).Code)
	cfg := u.s.Config()
	cfg.Bucket, cfg.Credentials = "second-1250000000", cosapi.Static(stranger)
	theirs, err := cosapi.New(cfg)
	u.NoError(err)
	u.Equal("BucketAlreadyExists", u.isError(theirs.CreateBucket(u.ctx, cosapi.CreateBucketOptions{}), cosapi.Exists).Code)

	info, err := c.HeadBucket(u.ctx)
	u.NoError(err)
	u.Equal("ap-guangzhou", info.Region)
	region, err := c.BucketLocation(u.ctx)
	u.NoError(err)
	u.Equal("ap-guangzhou", region)
	cfg.Bucket, cfg.Credentials = Bucket, nil
	nobody, err := cosapi.New(cfg)
	u.NoError(err)
	_, err = nobody.HeadBucket(u.ctx)
	u.isError(err, cosapi.Denied)
	var names []string
	for b, err := range u.c.Buckets(u.ctx) {
		u.NoError(err)
		u.Equal("ap-guangzhou", b.Region)
		u.WithinDuration(time.Now(), b.Created, time.Minute)
		names = append(names, b.Name)
	}
	u.Equal([]string{"second-1250000000", Bucket}, names)
	_, err = c.Put(u.ctx, "k", nil, cosapi.PutOptions{})
	u.NoError(err)
	u.isError(c.DeleteBucket(u.ctx), cosapi.NotEmpty)
	u.NoError(c.Delete(u.ctx, "k"))
	u.NoError(c.DeleteBucket(u.ctx))
	u.isError(c.DeleteBucket(u.ctx), cosapi.NoBucket)
}

//rows:client B10-B23 O9 O10
func TestClientListObjects(t *testing.T) {
	u := newUser(t)
	when := time.Now()
	for _, key := range []string{"dir/", "dir/a b+\x01", "dir/sub/one", "dir/sub/two", "Z", "中"} {
		u.put(key, "xy", cosapi.PutOptions{Attrs: cosapi.Attrs{StorageClass: "STANDARD_IA"}})
	}
	page, err := u.c.List(u.ctx, cosapi.ListOptions{Prefix: "dir/", Delimiter: "/", Marker: "dir/", Max: 2})
	u.NoError(err)
	u.Equal(cosapi.Echo{Bucket: Bucket, Prefix: "dir/", Delimiter: "/", Marker: "dir/", EncodingType: "url", Max: 2}, page.Asked)
	u.Empty(page.Next)
	u.Len(page.Entries, 2)
	row := page.Entries[0]
	u.Equal("dir/a b+\x01", row.Key, "XML could not carry it")
	u.Equal([]any{int64(2), "3e44107170a520582ade522fa73c1d15", "STANDARD_IA"}, []any{row.Size, row.ETag, row.StorageClass})
	u.WithinDuration(when, row.Modified, time.Minute)
	u.Equal(cosapi.Owner{ID: "1250000000", DisplayName: "1250000000"}, row.Owner)
	u.Equal("dir/sub/", page.Entries[1].Key)
	u.True(page.Entries[1].Prefix)

	var keys []string
	for page, err := range u.c.Pages(u.ctx, cosapi.ListOptions{Delimiter: "/", Max: 1}) {
		u.NoError(err)
		u.Len(page.Entries, 1)
		u.Equal(page.Next != "", page.Entries[0].Key != "中", "the last page says so")
		keys = append(keys, page.Entries[0].Key)
	}
	u.Equal([]string{"Z", "dir/", "中"}, keys)
	page, err = u.c.List(u.ctx, cosapi.ListOptions{})
	u.NoError(err)
	u.Equal(1000, page.Asked.Max)
}

//rows:client B24-B35
func TestClientListUploads(t *testing.T) {
	u := newUser(t)
	for _, key := range []string{"a b", "a b", "d/1", "d/2", "e"} {
		_, err := u.c.StartUpload(u.ctx, key, cosapi.PutOptions{Attrs: cosapi.Attrs{StorageClass: "STANDARD_IA"}})
		u.NoError(err)
	}
	page, err := u.c.UploadsPage(u.ctx, cosapi.UploadsOptions{Delimiter: "/", Max: 1})
	u.NoError(err)
	u.True(page.More)
	u.Equal(cosapi.Echo{Bucket: Bucket, Delimiter: "/", EncodingType: "url", Max: 1}, page.Asked)
	first := page.Uploads[0]
	u.Equal([]any{"a b", "STANDARD_IA", page.NextUploadID, page.NextKey}, []any{first.Key, first.StorageClass, first.ID, "a b"})
	u.WithinDuration(time.Now(), first.Initiated, time.Minute)
	u.Equal(cosapi.Owner{ID: owner, DisplayName: owner}, first.Owner)
	u.Equal(first.Owner, first.Initiator)

	page, err = u.c.UploadsPage(u.ctx, cosapi.UploadsOptions{Delimiter: "/", KeyMarker: page.NextKey, UploadIDMarker: page.NextUploadID})
	u.NoError(err)
	u.False(page.More)
	u.Equal([]string{"d/"}, page.Prefixes)
	u.Equal([]any{"a b", first.ID, 1000}, []any{page.Asked.Marker, page.Asked.UploadIDMarker, page.Asked.Max})
	u.Len(page.Uploads, 2)
	var keys []string
	for up, err := range u.c.Uploads(u.ctx, "d/") {
		u.NoError(err)
		keys = append(keys, up.Key)
	}
	u.Equal([]string{"d/1", "d/2"}, keys)
}

//rows:client B36-B41 B43 B44 O63 O64 O65 O67 O68 H1-H4
func TestClientACLs(t *testing.T) {
	u := newUser(t)
	u.put("k", "x", cosapi.PutOptions{})
	for _, key := range []string{"", "k"} {
		acl, err := u.c.ACL(u.ctx, key)
		u.NoError(err)
		u.Equal(cosapi.Owner{ID: owner, DisplayName: owner}, acl.Owner)
		u.Equal(map[string]string{"": "private", "k": "default"}[key], acl.Canned())
		for _, canned := range []string{"public-read", "public-read-write", "authenticated-read", "private"} {
			u.NoError(u.c.PutACL(u.ctx, key, cosapi.NewACL{Canned: canned}))
			acl, err = u.c.ACL(u.ctx, key)
			u.NoError(err)
			u.Equal(canned, acl.Canned())
		}
		u.NoError(u.c.PutACL(u.ctx, key, cosapi.NewACL{Grants: cosapi.Grants{
			FullControl: cosapi.GrantTo("1"), Read: cosapi.GrantTo("2/3"), Write: cosapi.GrantTo("4"), ReadACP: cosapi.GrantTo("5"), WriteACP: cosapi.GrantTo("6")}}))
		acl, err = u.c.ACL(u.ctx, key)
		u.NoError(err)
		u.Len(acl.Grants, 6)
		u.Equal(cosapi.Grantee{Type: "CanonicalUser", ID: "qcs::cam::uin/2:uin/3", DisplayName: "qcs::cam::uin/2:uin/3"}, acl.Grants[2].Grantee)
		u.Empty(acl.Canned())

		policy := cosapi.ACL{Owner: acl.Owner, Grants: []cosapi.Grant{
			acl.Grants[0],
			{Grantee: cosapi.Grantee{Type: "CanonicalUser", ID: "qcs::cam::uin/7:uin/7", DisplayName: "qcs::cam::uin/7:uin/7"}, Permission: cosapi.PermWrite},
			{Grantee: cosapi.Grantee{Type: "Group", URI: cosapi.AllUsers}, Permission: cosapi.PermRead},
		}}
		u.NoError(u.c.PutACL(u.ctx, key, cosapi.NewACL{Policy: &policy}))
		acl, err = u.c.ACL(u.ctx, key)
		u.NoError(err)
		u.Equal(policy, acl, "the round trip")
		u.isError(u.c.PutACL(u.ctx, key, cosapi.NewACL{Canned: "private", Policy: &policy}), cosapi.Invalid)
		policy.Grants[1].Permission = "DANCE"
		u.isError(u.c.PutACL(u.ctx, key, cosapi.NewACL{Policy: &policy}), cosapi.Invalid)
	}
}

//rows:client B45-B52 B54-B56 X7
func TestClientCORS(t *testing.T) {
	u := newUser(t)
	_, err := u.c.BucketCORS(u.ctx)
	u.isError(err, cosapi.NotSet)
	rules := []cosapi.CORSRule{{ID: "r", AllowedOrigins: []string{"https://a.example", "https://*.b.example"}, AllowedMethods: []string{"GET", "PUT"},
		AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag", "x-cos-request-id"}, MaxAgeSeconds: 600},
		{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"HEAD"}}}
	u.NoError(u.c.PutBucketCORS(u.ctx, rules))
	got, err := u.c.BucketCORS(u.ctx)
	u.NoError(err)
	u.Equal(rules, got)
	a, err := u.c.OptionsObject(u.ctx, "k", "https://x.b.example", "PUT", "x-cos-acl")
	u.NoError(err)
	u.Equal(cosapi.CORSAnswer{AllowOrigin: "https://x.b.example", AllowMethods: []string{"GET", "PUT"}, AllowHeaders: []string{"x-cos-acl"},
		ExposeHeaders: []string{"ETag", "x-cos-request-id"}, MaxAge: "600"}, a)
	_, err = u.c.OptionsObject(u.ctx, "k", "https://c.example", "PUT")
	u.isError(err, cosapi.Denied)
	rules[0].AllowedMethods = []string{"DANCE"}
	u.isError(u.c.PutBucketCORS(u.ctx, rules), cosapi.Invalid)
	u.NoError(u.c.DeleteBucketCORS(u.ctx))
	u.NoError(u.c.DeleteBucketCORS(u.ctx))
}

//rows:client B58-B69 B71-B73 O5 U11
func TestClientLifecycle(t *testing.T) {
	u := newUser(t)
	_, err := u.c.BucketLifecycle(u.ctx)
	u.isError(err, cosapi.NotSet)
	rules := []cosapi.LifecycleRule{
		{ID: "r1", Prefix: "logs/", Tags: []cosapi.Tag{{Key: "k", Value: "v"}}, Enabled: true, Expiration: &cosapi.Expiration{Days: 365},
			Transitions:              []cosapi.Transition{{Days: 30, StorageClass: "STANDARD_IA"}, {Days: 90, StorageClass: "ARCHIVE"}},
			NoncurrentExpirationDays: 100, NoncurrentTransitions: []cosapi.NoncurrentTransition{{NoncurrentDays: 10, StorageClass: "STANDARD_IA"}},
			AbortUploadDays: 7},
		{ID: "r2", Expiration: &cosapi.Expiration{Date: cosapi.LifecycleDate(2030, 1, 31)}},
		{ID: "r3", Prefix: "old/", Enabled: true, Transitions: []cosapi.Transition{{Date: cosapi.LifecycleDate(2030, 1, 31), StorageClass: "ARCHIVE"}}},
	}
	u.Equal("2030-01-31T00:00:00+08:00", rules[1].Expiration.Date)
	u.NoError(u.c.PutBucketLifecycle(u.ctx, rules))
	got, err := u.c.BucketLifecycle(u.ctx)
	u.NoError(err)
	u.Equal(rules, got)
	o := u.put("logs/a", "x", cosapi.PutOptions{Tags: []cosapi.Tag{{Key: "k", Value: "v"}}})
	u.Contains(o.Expiration, `rule-id="r1"`)
	up, err := u.c.UploadFrom(u.ctx, "logs/b", strings.NewReader("x"), 1, cosapi.UploadOptions{PutOptions: cosapi.PutOptions{Tags: []cosapi.Tag{{Key: "k", Value: "v"}}}})
	u.NoError(err)
	u.Contains(up.Expiration, `rule-id="r1"`)
	for what, bad := range map[string]cosapi.LifecycleRule{
		"days and date": {ID: "x", Expiration: &cosapi.Expiration{Days: 1}, Transitions: []cosapi.Transition{{Date: cosapi.LifecycleDate(2030, 1, 1), StorageClass: "ARCHIVE"}}},
		"the same ID":   {ID: "r1", AbortUploadDays: 1},
		"nothing to do": {ID: "y"},
	} {
		u.isError(u.c.PutBucketLifecycle(u.ctx, append(rules[:1:1], bad)), cosapi.Invalid)
		u.NotEmpty(what)
	}
	u.NoError(u.c.DeleteBucketLifecycle(u.ctx))
	_, err = u.c.BucketLifecycle(u.ctx)
	u.isError(err, cosapi.NotSet)
}

//rows:client B75 B76 B78 B79 B80-B85 B87-B89 X5 X6
func TestClientVersioningReplicationTagsPolicy(t *testing.T) {
	u := newUser(t)
	status, err := u.c.BucketVersioning(u.ctx)
	u.NoError(err)
	u.Empty(status)
	u.isError(u.c.PutBucketReplication(u.ctx, oneReplication()), cosapi.Invalid)
	for _, want := range []string{cosapi.VersioningSuspended, cosapi.VersioningEnabled} {
		u.NoError(u.c.PutBucketVersioning(u.ctx, want))
		status, err = u.c.BucketVersioning(u.ctx)
		u.NoError(err)
		u.Equal(want, status)
	}
	_, err = u.c.BucketReplication(u.ctx)
	u.isError(err, cosapi.NotSet)
	u.NoError(u.c.PutBucketReplication(u.ctx, oneReplication()))
	got, err := u.c.BucketReplication(u.ctx)
	u.NoError(err)
	u.Equal([]any{oneReplication().Role, oneReplication().Rules}, []any{got.Role, got.Rules})
	two := oneReplication()
	two.Rules = append(two.Rules, two.Rules[0])
	two.Rules[1].Destination.Bucket = "qcs::cos:ap-shanghai::other-1250000000"
	u.Equal("MultiBucketNotSupport", u.isError(u.c.PutBucketReplication(u.ctx, two), cosapi.Invalid).Code)
	u.NoError(u.c.DeleteBucketReplication(u.ctx))

	tags := []cosapi.Tag{{Key: "team", Value: "a & b"}}
	u.NoError(u.c.PutBucketTagging(u.ctx, tags))
	gotTags, err := u.c.BucketTagging(u.ctx)
	u.NoError(err)
	u.Equal(tags, gotTags)
	u.NoError(u.c.DeleteBucketTagging(u.ctx))
	_, err = u.c.BucketTagging(u.ctx)
	u.isError(err, cosapi.NotSet)

	policy := `{"version":"2.0","statement":[]}`
	u.NoError(u.c.PutBucketPolicy(u.ctx, []byte(policy)))
	gotPolicy, err := u.c.BucketPolicy(u.ctx)
	u.NoError(err)
	u.JSONEq(policy, string(gotPolicy))
	u.NoError(u.c.DeleteBucketPolicy(u.ctx))
	_, err = u.c.BucketPolicy(u.ctx)
	u.isError(err, cosapi.NotSet)
}

//rows:client X2 X3 O6 O18 O29 O86
func TestClientVersions(t *testing.T) {
	u := newUser(t)
	u.Empty(u.put("k", "null", cosapi.PutOptions{}).VersionID)
	u.NoError(u.c.PutBucketVersioning(u.ctx, cosapi.VersioningEnabled))
	var ids []string
	for i := range 3 {
		ids = append(ids, u.put("k", fmt.Sprint("body ", i), cosapi.PutOptions{}).VersionID)
	}
	body, o, err := u.get("k", cosapi.GetOptions{HeadOptions: cosapi.HeadOptions{VersionID: ids[1]}})
	u.NoError(err)
	u.Equal([]string{"body 1", ids[1]}, []string{body, o.VersionID})
	o, err = u.c.HeadWith(u.ctx, "k", cosapi.HeadOptions{VersionID: "null"})
	u.NoError(err)
	u.Equal(int64(4), o.Size)
	_, _, err = u.get("k", cosapi.GetOptions{HeadOptions: cosapi.HeadOptions{VersionID: "unknown"}})
	u.isError(err, cosapi.NotFound)

	u.NoError(u.c.PutVersionACL(u.ctx, "k", ids[0], cosapi.NewACL{Canned: "public-read"}))
	acl, err := u.c.VersionACL(u.ctx, "k", ids[0])
	u.NoError(err)
	u.Equal("public-read", acl.Canned())
	acl, err = u.c.ACL(u.ctx, "k")
	u.NoError(err)
	u.Equal("default", acl.Canned(), "of the latest")

	id, err := u.c.StartUpload(u.ctx, "up", cosapi.PutOptions{})
	u.NoError(err)
	part, err := u.c.CopyPartFrom(u.ctx, "up", id, 1, cosapi.Version{Key: "k"}, whole(), cosapi.CopySource{SourceVersionID: ids[0]})
	u.NoError(err)
	u.Equal(ids[0], part.SourceVersionID)

	marker, err := u.c.DeleteVersion(u.ctx, "k", "")
	u.NoError(err)
	u.True(marker.DeleteMarker)
	_, _, err = u.get("k", cosapi.GetOptions{})
	u.isError(err, cosapi.NotFound)
	page, err := u.c.Versions(u.ctx, cosapi.VersionsOptions{Max: 4})
	u.NoError(err)
	u.True(page.More)
	u.True(page.Versions[0].DeleteMarker && page.Versions[0].Latest)
	u.Equal("1250000000", page.Versions[1].Owner.ID)
	page, err = u.c.Versions(u.ctx, cosapi.VersionsOptions{KeyMarker: page.NextKey, VersionIDMarker: page.NextVersionID})
	u.NoError(err)
	u.Equal([]any{1, "null", false}, []any{len(page.Versions), page.Versions[0].VersionID, page.More})
	gone, err := u.c.DeleteVersion(u.ctx, "k", marker.VersionID)
	u.NoError(err)
	u.Equal(marker, gone)
	body, _, err = u.get("k", cosapi.GetOptions{})
	u.NoError(err)
	u.Equal("body 2", body)
}
