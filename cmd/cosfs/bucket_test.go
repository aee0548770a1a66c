package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

func TestBucketLife(t *testing.T) {
	s := newShell(t)
	const other = "other-1250000000"
	var tags string
	s.Faults.Add(costest.Fault{Op: "PutBucket", Times: 1, OnHit: func(r *cosserver.Request) { tags = r.HTTP.Header.Get("x-cos-tagging") }})
	require.Empty(t, s.ok("bucket", "create", other, "--acl", "public-read", "--tag", "team=film"))
	require.Equal(t, "team=film", tags)
	require.Equal(t, map[string]any{"action": "create", "bucket": "third-1250000000"}, s.json("bucket", "create", "third-1250000000"))

	names := []any{}
	for _, line := range s.lines("bucket", "list") {
		names = append(names, line["bucket"])
		require.NotEmpty(t, line["region"])
		require.NotEmpty(t, line["created"])
	}
	require.Equal(t, []any{other, s.Bucket, "third-1250000000"}, names)
	require.Regexp(t, `(?m)^CREATED +REGION +BUCKET\n\d{4}-.* ap-\S+ +other-1250000000$`, s.ok("bucket", "list"))

	head := s.json("bucket", "head", other)
	require.Equal(t, other, head["bucket"])
	require.Equal(t, false, head["ofs"])
	region := strings.TrimSpace(s.ok("bucket", "location", other))
	require.Equal(t, head["region"], region)
	require.Equal(t, region, s.json("bucket", "location", other)["region"])
	require.Regexp(t, `Region +`+region, s.ok("bucket", "head", other))

	require.Equal(t, "public-read", s.json("bucket", "acl", "get", other)["canned"])
	require.Empty(t, s.ok("bucket", "delete", other))
	s.fails(exitNotFound, "the bucket "+other+" does not exist", "bucket", "head", other)
}

// TestBucketConfigurations: what get --json prints put accepts, and the XML of
// COS means the same.
func TestBucketConfigurations(t *testing.T) {
	for _, tc := range []struct{ name, json, xml, table string }{
		{
			"cors",
			`{"rules":[{"id":"a","allowed_origins":["*"],"allowed_methods":["GET","PUT"],"allowed_headers":["x-a"],"expose_headers":["ETag"],"max_age_seconds":5}]}`,
			`<CORSConfiguration><CORSRule><ID>a</ID><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>` +
				`<AllowedHeader>x-a</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>5</MaxAgeSeconds></CORSRule></CORSConfiguration>`,
			`a +\* +GET,PUT +x-a +ETag +5`,
		},
		{
			"lifecycle",
			`{"rules":[{"id":"r","enabled":true,"prefix":"log/","tags":[{"key":"k","value":"v"}],"expiration":{"days":90},` +
				`"transitions":[{"days":30,"storage_class":"STANDARD_IA"}],"noncurrent_expiration_days":7,` +
				`"noncurrent_transitions":[{"noncurrent_days":3,"storage_class":"ARCHIVE"}],"abort_upload_days":2}]}`,
			`<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status><Filter><And><Prefix>log/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>` +
				`<Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition><Expiration><Days>90</Days></Expiration>` +
				`<NoncurrentVersionTransition><NoncurrentDays>3</NoncurrentDays><StorageClass>ARCHIVE</StorageClass></NoncurrentVersionTransition>` +
				`<NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration>` +
				`<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>`,
			`r +true +log/ +k=v +STANDARD_IA after 30 d, delete after 90 d, old versions ARCHIVE after 3 d, delete old versions after 7 d, abort uploads after 2 d`,
		},
		{
			"replication",
			`{"role":"qcs::cam::uin/1:uin/1","rules":[{"id":"a","status":"Enabled","prefix":"p","destination":{"bucket":"qcs::cos:ap-shanghai::to-1250000000","storage_class":"STANDARD_IA"}}]}`,
			`<ReplicationConfiguration><Role>qcs::cam::uin/1:uin/1</Role><Rule><ID>a</ID><Status>Enabled</Status><Prefix>p</Prefix>` +
				`<Destination><Bucket>qcs::cos:ap-shanghai::to-1250000000</Bucket><StorageClass>STANDARD_IA</StorageClass></Destination></Rule></ReplicationConfiguration>`,
			`a +Enabled +p +qcs::cos:ap-shanghai::to-1250000000 +STANDARD_IA`,
		},
		{
			"tagging",
			`{"tags":[{"key":"a","value":"1"},{"key":"b","value":""}]}`,
			`<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value></Value></Tag></TagSet></Tagging>`,
			`a +1\nb +-`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newShell(t)
			s.ok("bucket", "versioning", "put", "B", "Enabled") // replication needs it
			s.ok("bucket", "create", "to-1250000000")
			s.fails(exitNotFound, "has none set", "bucket", tc.name, "get", "B")
			for _, form := range []string{tc.json, tc.xml} {
				require.Empty(t, s.ok("bucket", tc.name, "put", "B", s.file("conf", form)))
				require.JSONEq(t, tc.json, s.ok("bucket", tc.name, "get", "B", "--json"))
				require.Regexp(t, tc.table, s.ok("bucket", tc.name, "get", "B"))
				require.Empty(t, s.ok("bucket", tc.name, "delete", "B"))
				s.fails(exitNotFound, "has none set", "bucket", tc.name, "get", "B")
			}
			s.stdin = strings.NewReader(tc.xml)
			require.Equal(t, "put "+tc.name, s.json("bucket", tc.name, "put", "B", "-")["action"])
			require.Equal(t, "delete "+tc.name, s.json("bucket", tc.name, "delete", "B")["action"])
			s.fails(exitUsage, "unknown field", "bucket", tc.name, "put", "B", s.file("conf", `{"rule":[]}`))
			s.fails(exitUsage, "not the XML", "bucket", tc.name, "put", "B", s.file("conf", `<Other/>`))
			s.fails(exitUsage, "more after its end", "bucket", tc.name, "put", "B", s.file("conf", tc.json+"{}"))
		})
	}
}

func TestLifecycleForms(t *testing.T) {
	s := newShell(t)
	s.fails(exitUsage, "Status of lifecycle rule 1", "bucket", "lifecycle", "put", "B",
		s.file("conf", `<LifecycleConfiguration><Rule><Status>on</Status></Rule></LifecycleConfiguration>`))
	s.ok("bucket", "lifecycle", "put", "B", s.file("conf", `{"rules":[
		{"id":"a","enabled":false,"prefix":"a","transitions":[{"days":0,"date":"2027-01-01T00:00:00+08:00","storage_class":"ARCHIVE"}]},
		{"id":"b","enabled":true,"prefix":"b","expiration":{"delete_marker":true}}]}`))
	table := s.ok("bucket", "lifecycle", "get", "B")
	require.Regexp(t, `a +false +a +- +ARCHIVE at 2027-01-01`, table)
	require.Regexp(t, `b +true +b +- +remove lone delete markers`, table)
}

func TestBucketTagsByFlag(t *testing.T) {
	s := newShell(t)
	s.ok("bucket", "tagging", "put", "B", "--tag", "a=1", "--tag", "b=x=y")
	require.JSONEq(t, `{"tags":[{"key":"a","value":"1"},{"key":"b","value":"x=y"}]}`, s.ok("bucket", "tagging", "get", "B", "--json"))
}

func TestBucketPolicy(t *testing.T) {
	s := newShell(t)
	policy := `{"version":"2.0","Statement":[{"Effect":"Allow","Action":["name/cos:GetObject"],"Principal":{"qcs":["qcs::cam::anyone:anyone"]},"Resource":["qcs::cos:ap-guangzhou:uid/1250000000:test-1250000000/*"]}]}`
	s.fails(exitNotFound, "has none set", "bucket", "policy", "get", "B")
	s.ok("bucket", "policy", "put", "B", s.file("policy", policy))
	require.JSONEq(t, policy, s.ok("bucket", "policy", "get", "B"), "a policy is JSON for people too")
	s.ok("bucket", "policy", "delete", "B")
	s.fails(exitNotFound, "has none set", "bucket", "policy", "get", "B")
}

func TestVersioningAndVersions(t *testing.T) {
	s := newShell(t)
	require.Equal(t, "never set\n", s.ok("bucket", "versioning", "get", "B"))
	require.Equal(t, "", s.json("bucket", "versioning", "get", "B")["status"])
	s.ok("bucket", "versioning", "put", "B", "Enabled")
	require.Equal(t, "Enabled\n", s.ok("bucket", "versioning", "get", "B"))
	s.object("dir/a", "1")
	s.object("dir/a", "22")
	s.ok("object", "rm", "B:/dir/a")

	level := s.lines("bucket", "versions", "B")
	require.Equal(t, []map[string]any{{"key": "dir/", "prefix": true}}, level)
	rows := s.lines("bucket", "versions", "-r", "B:/dir/")
	require.Len(t, rows, 3)
	require.Equal(t, true, rows[0]["delete_marker"])
	require.Equal(t, true, rows[0]["latest"])
	require.Equal(t, 2.0, rows[1]["size"])
	require.Len(t, s.lines("bucket", "versions", "-r", "B", "--max", "2"), 2)
	require.Regexp(t, `(?s)latest delete marker .*old +\S+ +dir/a`, s.ok("bucket", "versions", "-r", "B"))

	oldest := rows[2]["version_id"].(string)
	require.Equal(t, "1", s.ok("object", "get", "B:/dir/a", "--version-id", oldest))
	require.Equal(t, oldest, s.json("object", "head", "B:/dir/a", "--version-id", oldest)["version_id"])
	removed := s.json("object", "rm", "B:/dir/a", "--version-id", oldest)
	require.Equal(t, oldest, removed["version_id"])
	require.Equal(t, 2.0, s.json("object", "rm", "-r", "--yes", "--all-versions", "B")["done"])
	require.Empty(t, s.lines("bucket", "versions", "-r", "B"))
	s.ok("bucket", "versioning", "put", "B", "Suspended")
	s.ok("bucket", "delete", "B")
}

func TestACLs(t *testing.T) {
	s := newShell(t)
	s.object("a", "x")
	for _, on := range [][]string{{"bucket", "B"}, {"object", "B:/a"}} {
		acl := func(verb string, more ...string) []string {
			return append([]string{on[0], "acl", verb, on[1]}, more...)
		}
		s.ok(acl("put", "--acl", "public-read")...)
		got := s.json(acl("get")...)
		require.Equal(t, "public-read", got["canned"])
		require.Regexp(t, `READ +http://cam.*AllUsers`, s.ok(acl("get")...))

		raw, err := json.Marshal(got)
		require.NoError(t, err)
		s.ok(acl("put", "--grant-read", "100000000009/100000000010")...)
		changed := s.ok(acl("get", "--json")...)
		require.Contains(t, changed, `"qcs::cam::uin/100000000009:uin/100000000010"`)
		s.ok(acl("put", s.file("acl", string(raw)))...)
		require.Equal(t, "public-read", s.json(acl("get")...)["canned"], "what get printed was accepted")

		owner := got["owner"].(map[string]any)["id"].(string)
		s.ok(acl("put", s.file("acl", `<AccessControlPolicy><Owner><ID>`+owner+`</ID></Owner><AccessControlList><Grant>`+
			`<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>`+owner+`</ID></Grantee>`+
			`<Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`))...)
		require.Equal(t, "private", s.json(acl("get")...)["canned"])
	}
}

func TestUploadsCommands(t *testing.T) {
	s := newShell(t)
	client := s.Client(t)
	ids := map[string]string{}
	for _, key := range []string{"a/1", "a/2", "b"} {
		id, err := client.StartUpload(t.Context(), key, putNothing)
		require.NoError(t, err)
		ids[key] = id
		_, err = client.UploadPart(t.Context(), key, id, 1, strings.NewReader("part"))
		require.NoError(t, err)
	}
	rows := s.lines("bucket", "uploads", "list", "B:/a/")
	require.Len(t, rows, 2)
	require.Equal(t, "a/1", rows[0]["key"])
	require.Equal(t, ids["a/1"], rows[0]["upload_id"])
	require.Regexp(t, `INITIATED.*\n.*`+ids["b"]+` +b\n`, s.ok("bucket", "uploads", "list", "B:/b"))
	parts := s.lines("bucket", "uploads", "parts", "B:/b", ids["b"])
	require.Len(t, parts, 1)
	require.Equal(t, 4.0, parts[0]["size"])

	s.ok("bucket", "uploads", "abort", "B:/b", ids["b"])
	require.Zero(t, s.json("bucket", "uploads", "abort", "--all", "--yes", "--older-than", "1h", "B")["done"], "they are young")
	require.Equal(t, 2.0, s.json("bucket", "uploads", "abort", "--all", "--yes", "B:/a")["done"])
	require.Empty(t, s.lines("bucket", "uploads", "list", "B"))
}

func TestCORSCheck(t *testing.T) {
	s := newShell(t)
	s.object("a", "x")
	s.fails(exitDenied, "OptionsObject", "bucket", "cors", "check", "B:/a", "https://page.example")
	s.ok("bucket", "cors", "put", "B", s.file("conf", `{"rules":[{"allowed_origins":["https://page.example"],"allowed_methods":["PUT"],"allowed_headers":["x-a"]}]}`))
	answer := s.json("bucket", "cors", "check", "B:/a", "https://page.example", "-X", "put", "--header", "x-a")
	require.Equal(t, "https://page.example", answer["allow_origin"])
	require.Equal(t, []any{"PUT"}, answer["allow_methods"])
	require.Regexp(t, `Methods +PUT`, s.ok("bucket", "cors", "check", "B:/a", "https://page.example", "-X", "put"))
	s.fails(exitDenied, "OptionsObject", "bucket", "cors", "check", "B:/a", "https://other.example", "-X", "put")
}
