package costest

import (
	"fmt"
	"strings"
	"testing"

	"cosfs/cosapi"
)

//rows:server B36-B44 H1-H4
func TestRawBucketACL(t *testing.T) {
	r := newRaw(t)
	nobody := r.as(cosapi.Credentials{})
	a := r.ok(200, "GET", "?acl", "")
	r.has(a, "AccessControlPolicy", "Owner/ID="+owner, "Owner/DisplayName="+owner, "AccessControlList/Grant/Grantee/ID="+owner,
		"AccessControlList/Grant/Grantee/DisplayName="+owner, "AccessControlList/Grant/Permission=FULL_CONTROL")
	nobody.refused(403, "AccessDenied", "GET", "", "")

	r.Empty(r.ok(200, "PUT", "?acl", "", "x-cos-acl: public-read", "Content-Length: 0").body)
	a = r.ok(200, "GET", "?acl", "")
	r.Contains(a.body, `xsi:type="Group"`)
	r.Equal("http://cam.qcloud.com/groups/global/AllUsers", a.text("AccessControlList/Grant/Grantee/URI"))
	nobody.ok(200, "GET", "", "")
	nobody.refused(403, "AccessDenied", "PUT", "/k", "x")
	r.ok(200, "PUT", "?acl", "", `x-cos-grant-read: id="100000000003"`, `x-cos-grant-write: uri="http://cam.qcloud.com/groups/global/AllUsers"`)
	nobody.refused(403, "AccessDenied", "GET", "", "")
	nobody.ok(200, "PUT", "/k", "x")

	// What GET answers is what PUT accepts, and grants without their list as well.
	before := r.ok(200, "GET", "?acl", "")
	r.ok(200, "PUT", "?acl", "", "x-cos-acl: private")
	r.document(200, "PUT", "?acl", before.body)
	r.Equal(before.body, r.ok(200, "GET", "?acl", "").body)
	bare := `<AccessControlPolicy><Owner><ID>qcs::cam::uin/1:uin/1</ID></Owner><Grant><Grantee><Type>Group</Type>` +
		`<URI>http://cam.qcloud.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant></AccessControlPolicy>`
	r.document(200, "PUT", "?acl", bare)
	r.Equal(owner, r.ok(200, "GET", "?acl", "").text("Owner/ID"), "the owner cannot be changed")
	nobody.ok(200, "GET", "", "")
	for _, permission := range []string{"WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"} {
		r.document(200, "PUT", "?acl", strings.ReplaceAll(bare, ">READ<", ">"+permission+"<"))
	}

	r.refused(400, "InvalidRequest", "PUT", "?acl", bare, "x-cos-acl: private")
	r.refused(400, "MalformedXML", "PUT", "?acl", strings.ReplaceAll(bare, ">READ<", ">DANCE<"))
	r.refused(400, "MalformedXML", "PUT", "?acl", "<Other/>")
	r.refused(400, "MissingRequestBodyError", "PUT", "?acl", "")
	r.refused(400, "InvalidArgument", "PUT", "?acl", "", "x-cos-acl: bucket-dance")
}

//rows:server B45-B52 B54-B57 X7
func TestRawCORS(t *testing.T) {
	r := newRaw(t)
	doc := `<CORSConfiguration><CORSRule><ID>rule-1</ID><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedMethod>GET</AllowedMethod>` +
		`<AllowedMethod>PUT</AllowedMethod><AllowedHeader>X-Cos-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>` +
		`<ExposeHeader>x-cos-request-id</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds></CORSRule></CORSConfiguration>`
	r.refused(404, "NoSuchCORSConfiguration", "GET", "?cors", "")
	r.refused(400, "BadDigest", "PUT", "?cors", doc, md5Of("other"))
	for _, bad := range []string{"<Other/>", strings.ReplaceAll(doc, "CORSConfiguration", "CorsConfiguration"), "<CORSConfiguration/>",
		"<CORSConfiguration>" + strings.Repeat("<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>", 101) + "</CORSConfiguration>",
	} {
		r.refused(400, "MalformedXML", "PUT", "?cors", bad, md5Of(bad))
	}
	r.Equal(400, r.do("PUT", "?cors", strings.ReplaceAll(doc, ">GET<", ">DANCE<")).status)
	r.document(200, "PUT", "?cors", doc)
	r.has(r.ok(200, "GET", "?cors", ""), "CORSConfiguration", "CORSRule/ID=rule-1", "CORSRule/AllowedOrigin=https://*.example.com",
		"CORSRule/AllowedHeader=X-Cos-*", "CORSRule/MaxAgeSeconds=600")
	r.Equal([]string{"GET", "PUT"}, r.ok(200, "GET", "?cors", "").all("CORSRule/AllowedMethod"))
	r.Equal([]string{"ETag", "x-cos-request-id"}, r.ok(200, "GET", "?cors", "").all("CORSRule/ExposeHeader"))

	browser := r.as(cosapi.Credentials{})
	a := browser.ok(200, "OPTIONS", "/k", "", "Origin: https://www.example.com", "Access-Control-Request-Method: PUT",
		"Access-Control-Request-Headers: x-cos-acl, X-COS-META-A")
	for name, want := range map[string]string{"Allow-Origin": "https://www.example.com", "Allow-Methods": "GET,PUT", "Max-Age": "600",
		"Allow-Headers": "x-cos-acl,X-COS-META-A", "Expose-Headers": "ETag,x-cos-request-id"} {
		r.Equal(want, a.header.Get("Access-Control-"+name), name)
	}
	for _, wrong := range [][3]string{{"https://other.org", "PUT", "x-cos-acl"}, {"https://www.example.com", "DELETE", "x-cos-acl"},
		{"https://www.example.com", "PUT", "authorization"}} {
		browser.refused(403, "AccessForbidden", "OPTIONS", "/k", "", "Origin: "+wrong[0], "Access-Control-Request-Method: "+wrong[1],
			"Access-Control-Request-Headers: "+wrong[2])
	}
	r.Equal("https://www.example.com", r.ok(200, "GET", "", "", "Origin: https://www.example.com").header.Get("Access-Control-Allow-Origin"))
	r.Empty(r.ok(204, "DELETE", "?cors", "").body)
	r.ok(204, "DELETE", "?cors", "")
	r.refused(404, "NoSuchCORSConfiguration", "GET", "?cors", "")
}

const lifecycle = `<LifecycleConfiguration><Rule><ID>r1</ID><Filter><And><Prefix>logs/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>` +
	`<Status>Enabled</Status><Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition><Expiration><Days>365</Days></Expiration>` +
	`<NoncurrentVersionTransition><NoncurrentDays>10</NoncurrentDays><StorageClass>STANDARD_IA</StorageClass></NoncurrentVersionTransition>` +
	`<NoncurrentVersionExpiration><NoncurrentDays>100</NoncurrentDays></NoncurrentVersionExpiration>` +
	`<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>` +
	`<Rule><Filter><Prefix/></Filter><Status>Disabled</Status><Expiration><Date>2030-01-01T00:00:00+08:00</Date></Expiration></Rule></LifecycleConfiguration>`

//rows:server B58-B74
func TestRawLifecycle(t *testing.T) {
	r := newRaw(t)
	r.refused(404, "NoSuchLifecycleConfiguration", "GET", "?lifecycle", "")
	r.document(200, "PUT", "?lifecycle", lifecycle)
	a := r.ok(200, "GET", "?lifecycle", "")
	r.has(a, "LifecycleConfiguration", "Rule/Filter/And/Prefix=logs/", "Rule/Filter/And/Tag/Key=k", "Rule/Filter/And/Tag/Value=v",
		"Rule/Transition/Days=30", "Rule/Transition/StorageClass=STANDARD_IA", "Rule/NoncurrentVersionTransition/NoncurrentDays=10",
		"Rule/NoncurrentVersionTransition/StorageClass=STANDARD_IA", "Rule/NoncurrentVersionExpiration/NoncurrentDays=100",
		"Rule/AbortIncompleteMultipartUpload/DaysAfterInitiation=7", "Rule/Expiration/Days=365", "Rule/Expiration/Date=2030-01-01T00:00:00+08:00")
	r.Equal([]string{"Enabled", "Disabled"}, a.all("Rule/Status"))
	ids := a.all("Rule/ID")
	r.Equal("r1", ids[0])
	r.NotEmpty(ids[1], "a missing ID is made")

	one := func(inner string) string {
		return "<LifecycleConfiguration><Rule>" + inner + "</Rule></LifecycleConfiguration>"
	}
	r.document(200, "PUT", "?lifecycle", one("<Filter><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></Filter>"+
		"<Status>Enabled</Status><Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration>"))
	for doc, code := range map[string]string{
		"<Other/>": "MalformedXML",
		one("<Status>Perhaps</Status><Expiration><Days>1</Days></Expiration>"):                                          "MalformedXML",
		one("<ID>" + strings.Repeat("x", 256) + "</ID><Status>Enabled</Status><Expiration><Days>1</Days></Expiration>"): "MalformedXML",
		one("<Status>Enabled</Status>"): "MalformedXML",
		one("<Status>Enabled</Status><Expiration><Days>1</Days></Expiration><Transition><Date>2030-01-01T00:00:00Z</Date><StorageClass>ARCHIVE</StorageClass></Transition>"): "InvalidArgument",
		strings.Replace(lifecycle, "<Rule><Filter><Prefix/>", "<Rule><ID>r1</ID><Filter><Prefix/>", 1):                                                                       "LifeCycleIdNotUnique",
		one("<Status>Enabled</Status><Transition><Days>1</Days><StorageClass>GLASS</StorageClass></Transition>"):                                                             "NotSupportedStorageClass",
	} {
		r.refused(400, code, "PUT", "?lifecycle", doc, md5Of(doc))
	}
	r.Empty(r.ok(204, "DELETE", "?lifecycle", "").body)
	r.refused(404, "NoSuchLifecycleConfiguration", "GET", "?lifecycle", "")
}

//rows:server B61 B62 B64-B68 O5
func TestRawLifecycleActs(t *testing.T) {
	clock := newTimer()
	r := newRaw(t, WithNow(clock.now))
	r.document(200, "PUT", "?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	r.document(200, "PUT", "?lifecycle", lifecycle)
	r.ok(200, "PUT", "/logs/a", "old", "x-cos-tagging: k=v")
	a := r.ok(200, "PUT", "/logs/a", "new", "x-cos-tagging: k=v")
	r.Contains(a.header.Get("x-cos-expiration"), `rule-id="r1"`)
	r.Contains(r.ok(200, "HEAD", "/logs/a", "").header.Get("x-cos-expiration"), `expiry-date="`)
	r.NotEmpty(r.ok(200, "GET", "/logs/a", "").header.Get("x-cos-expiration"))
	r.Empty(r.ok(200, "PUT", "/logs/untagged", "x").header.Get("x-cos-expiration"))
	r.Empty(r.ok(200, "PUT", "/other", "x", "x-cos-tagging: k=v").header.Get("x-cos-expiration"))
	r.ok(200, "POST", "/logs/upload?uploads", "", "x-cos-tagging: k=v")

	clock.day(9)
	r.applyLifecycle()
	clock.day(2) // 11 days
	r.applyLifecycle()
	classes := r.ok(200, "GET", "?versions&prefix=logs%2Fa", "").all("Version/StorageClass")
	r.Equal([]string{"STANDARD", "STANDARD_IA"}, classes, "the old version moved")
	clock.day(20) // 31 days
	r.applyLifecycle()
	r.Equal("STANDARD_IA", r.ok(200, "HEAD", "/logs/a", "").header.Get("x-cos-storage-class"))
	clock.day(70) // 101 days
	r.applyLifecycle()
	r.Len(r.ok(200, "GET", "?versions&prefix=logs%2Fa", "").all("Version/VersionId"), 1, "the old version went")
	clock.day(266) // 367 days
	r.applyLifecycle()
	r.refused(404, "NoSuchKey", "GET", "/logs/a", "")
	r.ok(200, "GET", "/logs/untagged", "")
	r.ok(200, "GET", "/other", "")
}

//rows:server B68
func TestRawLifecycleAbortsUploads(t *testing.T) {
	clock := newTimer()
	r := newRaw(t, WithNow(clock.now))
	doc := "<LifecycleConfiguration><Rule><ID>a</ID><Filter><Prefix>p/</Prefix></Filter><Status>Enabled</Status>" +
		"<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>"
	r.document(200, "PUT", "?lifecycle", doc)
	r.ok(200, "POST", "/p/a?uploads", "")
	r.ok(200, "POST", "/q?uploads", "")
	clock.day(8)
	r.applyLifecycle()
	r.Equal([]string{"q"}, r.ok(200, "GET", "?uploads", "").all("Upload/Key"))
}

func (r *raw) applyLifecycle() {
	r.Helper()
	_, err := r.s.ApplyLifecycle(r.Context())
	r.NoError(err)
}

//rows:server B80-B85 B87-B89
func TestRawReplication(t *testing.T) {
	r := newRaw(t)
	rule := func(bucket string) string {
		return "<Rule><Status>Enabled</Status><ID>rep-" + bucket + "</ID><Prefix>docs/</Prefix><Destination><Bucket>qcs::cos:ap-shanghai::" + bucket +
			"</Bucket><StorageClass>STANDARD_IA</StorageClass></Destination></Rule>"
	}
	doc := func(rules string) string {
		return "<ReplicationConfiguration><Role>" + owner + "</Role>" + rules + "</ReplicationConfiguration>"
	}
	good := doc(rule("backup-1250000000"))
	r.refused(404, "ReplicationConfigurationNotFoundError", "GET", "?replication", "")
	r.refused(409, "InvalidBucketState", "PUT", "?replication", good, md5Of(good))
	r.document(200, "PUT", "?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	r.document(200, "PUT", "?replication", good)
	r.has(r.ok(200, "GET", "?replication", ""), "ReplicationConfiguration", "Role="+owner, "Rule/Status=Enabled", "Rule/ID=rep-backup-1250000000",
		"Rule/Prefix=docs/", "Rule/Destination/Bucket=qcs::cos:ap-shanghai::backup-1250000000", "Rule/Destination/StorageClass=STANDARD_IA")
	for bad, code := range map[string]string{
		doc(rule("a-1") + rule("b-1")):                       "MultiBucketNotSupport",
		strings.ReplaceAll(good, "Enabled", "Perhaps"):       "InvalidArgument",
		strings.ReplaceAll(good, "qcs::cos", "cos"):          "InvalidArgument",
		strings.ReplaceAll(good, "Replication", "Duplicate"): "MalformedXML",
	} {
		r.refused(400, code, "PUT", "?replication", bad, md5Of(bad))
	}
	r.ok(200, "PUT", "/docs/a", "x")
	r.ok(204, "DELETE", "?replication", "")
	r.refused(404, "ReplicationConfigurationNotFoundError", "GET", "?replication", "")
}

//rows:server X5 X6
func TestRawBucketTaggingAndPolicy(t *testing.T) {
	r := newRaw(t)
	tags := "<Tagging><TagSet><Tag><Key>age</Key><Value>18</Value></Tag></TagSet></Tagging>"
	r.refused(404, "NoSuchTagSet", "GET", "?tagging", "")
	r.document(204, "PUT", "?tagging", tags)
	r.has(r.ok(200, "GET", "?tagging", ""), "Tagging", "TagSet/Tag/Key=age", "TagSet/Tag/Value=18")
	many := ""
	for i := range 51 {
		many += fmt.Sprintf("<Tag><Key>k%d</Key><Value/></Tag>", i)
	}
	r.refused(400, "InvalidTag", "PUT", "?tagging", "<Tagging><TagSet>"+many+"</TagSet></Tagging>")
	r.ok(204, "DELETE", "?tagging", "")
	r.refused(404, "NoSuchTagSet", "GET", "?tagging", "")

	policy := `{"version":"2.0","statement":[]}`
	r.refused(404, "NoSuchBucketPolicy", "GET", "?policy", "")
	r.refused(400, "MalformedPolicy", "PUT", "?policy", "{")
	r.document(204, "PUT", "?policy", policy)
	r.Equal(policy, r.ok(200, "GET", "?policy", "").body)
	r.ok(204, "DELETE", "?policy", "")
	r.refused(404, "NoSuchBucketPolicy", "GET", "?policy", "")
}
