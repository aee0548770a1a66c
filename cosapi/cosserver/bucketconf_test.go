package cosserver

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const corsDoc = `<CORSConfiguration><CORSRule><ID>rule-1</ID><AllowedOrigin>https://*.example.com</AllowedOrigin>` +
	`<AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-*</AllowedHeader>` +
	`<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds></CORSRule></CORSConfiguration>`

const lifecycleDoc = `<LifecycleConfiguration><Rule><ID>r1</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>` +
	`<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`

const replicationDoc = `<ReplicationConfiguration><Role>qcs::cam::uin/1:uin/1</Role><Rule><Status>Enabled</Status><ID>rep-1</ID>` +
	`<Prefix>docs/</Prefix><Destination><Bucket>qcs::cos:ap-shanghai::backup-1250000000</Bucket></Destination></Rule></ReplicationConfiguration>`

func TestConfigurations(t *testing.T) {
	both(t, func(s *site) {
		for _, c := range []struct {
			sub, missing, doc, part, bad, badCode string
			put                                   int
		}{
			{"cors", "NoSuchCORSConfiguration", corsDoc, "<ID>rule-1</ID>", "<CORSConfiguration/>", "MalformedXML", 200},
			{"lifecycle", "NoSuchLifecycleConfiguration", lifecycleDoc, "<ID>r1</ID>", "<LifecycleConfiguration/>", "MalformedXML", 200},
			{"tagging", "NoSuchTagSet", "<Tagging><TagSet><Tag><Key>age</Key><Value>18</Value></Tag></TagSet></Tagging>",
				"<Key>age</Key><Value>18</Value>", "<Tagging><TagSet><Tag><Key/></Tag></TagSet></Tagging>", "InvalidTag", 204},
			{"policy", "NoSuchBucketPolicy", `{"version":"2.0","statement":[]}`, `"version":"2.0"`, "no json", "MalformedPolicy", 204},
		} {
			target := "/?" + c.sub
			s.refuses(404, c.missing, "GET", target, "")
			require.Equal(s, 204, s.must("DELETE", target, "").status)
			require.Equal(s, c.put, s.must("PUT", target, c.doc).status)
			require.Contains(s, s.must("GET", target, "").body, c.part)
			s.refuses(400, c.badCode, "PUT", target, c.bad)
			s.refuses(400, "MissingRequestBodyError", "PUT", target, "")
			s.refuses(400, "BadDigest", "PUT", target, c.doc, "Content-MD5: "+md5Base64("other"))
			require.Equal(s, 204, s.must("DELETE", target, "").status)
			s.refuses(404, c.missing, "GET", target, "")
		}
		require.Contains(s, s.must("GET", "/?location", "").body, "<LocationConstraint>ap-guangzhou</LocationConstraint>")
	})
}

func TestReplicationNeedsVersioning(t *testing.T) {
	s := newSite(t, nil)
	s.refuses(409, "InvalidBucketState", "PUT", "/?replication", replicationDoc)
	s.versioning("Enabled")
	s.must("PUT", "/?replication", replicationDoc)
	require.Contains(t, s.must("GET", "/?replication", "").body, "rep-1")
	s.refuses(409, "InvalidBucketState", "PUT", "/?versioning", "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")
	s.must("DELETE", "/?replication", "")
	s.refuses(404, "ReplicationConfigurationNotFoundError", "GET", "/?replication", "")
	s.refuses(400, "InvalidArgument", "PUT", "/?replication", strings.Replace(replicationDoc, "qcs::cos", "somewhere", 1))
}

func TestLifecycleDocuments(t *testing.T) {
	s := newSite(t, nil)
	rule := func(inner string) string {
		return "<LifecycleConfiguration><Rule><Status>Enabled</Status>" + inner + "</Rule></LifecycleConfiguration>"
	}
	s.must("PUT", "/?lifecycle", rule("<Filter><Prefix>a/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Expiration><Days>1</Days></Expiration>"))
	got := s.must("GET", "/?lifecycle", "").body
	require.Contains(t, got, "<Prefix>a/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag>")
	require.Regexp(t, "<ID>[a-z0-9]+</ID>", got, "an ID is generated")
	for code, inner := range map[string]string{
		"MalformedXML":             "",
		"InvalidArgument":          "<Expiration><Days>-1</Days></Expiration>",
		"NotSupportedStorageClass": "<Transition><Days>1</Days><StorageClass>GOLD</StorageClass></Transition>",
	} {
		s.refuses(400, code, "PUT", "/?lifecycle", rule(inner))
	}
	s.refuses(400, "InvalidArgument", "PUT", "/?lifecycle", rule("<Expiration><Date>soon</Date></Expiration>"))
	s.refuses(400, "InvalidArgument", "PUT", "/?lifecycle",
		rule("<Expiration><Date>2030-01-01T00:00:00+08:00</Date></Expiration><Transition><Days>1</Days></Transition>"))
	twice := strings.Replace(lifecycleDoc, "</Rule>", "</Rule><Rule><ID>r1</ID><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>", 1)
	s.refuses(400, "LifeCycleIdNotUnique", "PUT", "/?lifecycle", twice)
}

func TestCORS(t *testing.T) {
	s := newSite(t, nil)
	ask := []string{"Origin: https://www.example.com", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-cos-meta-a, X-Other"}
	s.refuses(403, "AccessForbidden", "OPTIONS", "/k", "", ask...)
	s.must("PUT", "/?cors", corsDoc)
	a := s.must("OPTIONS", "/k", "", ask...)
	require.Equal(t, "https://www.example.com", a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "GET,PUT", a.header.Get("Access-Control-Allow-Methods"))
	require.Equal(t, "x-cos-meta-a,X-Other", a.header.Get("Access-Control-Allow-Headers"))
	require.Equal(t, "600", a.header.Get("Access-Control-Max-Age"))
	require.Equal(t, "Origin", a.header.Get("Vary"))
	s.refuses(403, "AccessForbidden", "OPTIONS", "/k", "", ask[0], "Access-Control-Request-Method: DELETE")
	s.refuses(403, "AccessForbidden", "OPTIONS", "/k", "", "Origin: https://evil.test", ask[1])
	s.refuses(403, "AccessForbidden", "OPTIONS", "/k", "", ask[0], ask[1], "Access-Control-Request-Headers: authorization")

	a = s.must("PUT", "/k", "x", ask[0])
	require.Equal(t, "https://www.example.com", a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "ETag", a.header.Get("Access-Control-Expose-Headers"))
	require.Empty(t, s.must("GET", "/k", "").header.Get("Access-Control-Allow-Origin"))
}

func TestAppend(t *testing.T) {
	both(t, func(s *site) {
		a := s.must("POST", "/log?append&position=0", "hello", "x-cos-meta-a: 1")
		require.Equal(s, "5", a.header.Get("x-cos-next-append-position"))
		require.Equal(s, "5d41402abc4b2a76b9719d911017c592", a.header.Get("x-cos-content-sha1"))
		require.Equal(s, `"5d41402abc4b2a76b9719d911017c592"`, a.header.Get("ETag"))
		a = s.must("POST", "/log?append&position=5", " world")
		require.Equal(s, "5981764153023615706", a.header.Get("x-cos-hash-crc64ecma"))
		s.refuses(409, "AppendPositionErr", "POST", "/log?append&position=5", "x")
		s.refuses(409, "AppendPositionErr", "POST", "/new?append&position=5", "x")
		s.refuses(400, "InvalidArgument", "POST", "/log?append", "x")
		got := s.must("GET", "/log", "")
		require.Equal(s, "hello world", got.body)
		require.Equal(s, "appendable", got.header.Get("x-cos-object-type"))
		require.Equal(s, "1", got.header.Get("x-cos-meta-a"))
		s.must("PUT", "/log", "normal again")
		require.Empty(s, s.must("HEAD", "/log", "").header.Get("x-cos-object-type"))
		s.refuses(409, "ObjectNotAppendable", "POST", "/log?append&position=12", "x")
		s.must("POST", "/empty?append&position=0", "")
		require.Equal(s, "0", s.must("HEAD", "/empty", "").header.Get("x-cos-next-append-position"))
		s.versioning("Enabled")
		s.refuses(409, "InvalidBucketState", "POST", "/new?append&position=0", "x")
		s.settled()
	})
}

func TestRestore(t *testing.T) {
	clk := &clock{t: clockTime()}
	s := newSite(t, func(c *Config) { c.Now, c.RestoreDelay = clk.now, time.Hour })
	const doc = "<RestoreRequest><Days>3</Days><CASJobParameters><Tier>Expedited</Tier></CASJobParameters></RestoreRequest>"
	s.must("PUT", "/warm", "x")
	s.refuses(405, "RestoreNonArchiveObject", "POST", "/warm?restore", doc)
	s.must("PUT", "/deep", "x", "x-cos-storage-class: DEEP_ARCHIVE")
	s.refuses(400, "InvalidArgument", "POST", "/deep?restore", doc)
	s.must("PUT", "/k", "cold", "x-cos-storage-class: ARCHIVE")
	s.refuses(400, "MalformedXML", "POST", "/k?restore", "<RestoreRequest/>")
	require.Equal(t, 202, s.must("POST", "/k?restore", doc).status)
	s.refuses(409, "RestoreAlreadyInProgress", "POST", "/k?restore", doc)
	head := s.must("HEAD", "/k", "").header
	require.Equal(t, `ongoing-request="true"`, head.Get("x-cos-restore"))
	require.Contains(t, head.Get("x-cos-restore-status"), `tier="Expedited"`)
	s.refuses(403, "InvalidObjectState", "GET", "/k", "")

	clk.t = clk.t.Add(time.Hour)
	require.Contains(t, s.must("HEAD", "/k", "").header.Get("x-cos-restore"), `ongoing-request="false", expiry-date="`)
	require.Equal(t, "cold", s.must("GET", "/k", "").body)
	require.Equal(t, 200, s.must("POST", "/k?restore", doc).status, "extended")
	clk.t = clk.t.Add(3 * day)
	s.refuses(403, "InvalidObjectState", "GET", "/k", "")
	require.Empty(t, s.must("HEAD", "/k", "").header.Get("x-cos-restore"))
}

func TestObjectTagging(t *testing.T) {
	both(t, func(s *site) {
		s.must("PUT", "/k", "x", "x-cos-tagging: a=1&b%20c=%2B")
		require.Contains(s, s.must("GET", "/k?tagging", "").body, "<Tag><Key>b c</Key><Value>+</Value></Tag>")
		require.Equal(s, "2", s.must("HEAD", "/k", "").header.Get("x-cos-tagging-count"))
		s.must("PUT", "/copy", "", "x-cos-copy-source: "+testBucket+"/k")
		require.Contains(s, s.must("GET", "/copy?tagging", "").body, "<Key>a</Key>")
		const doc = "<Tagging><TagSet><Tag><Key>new</Key><Value>2</Value></Tag></TagSet></Tagging>"
		require.Equal(s, 204, s.must("PUT", "/k?tagging", doc).status)
		require.NotContains(s, s.must("GET", "/k?tagging", "").body, "<Key>a</Key>")
		require.Equal(s, 204, s.must("DELETE", "/k?tagging", "").status)
		require.Contains(s, s.must("GET", "/k?tagging", "").body, "<Tagging><TagSet></TagSet></Tagging>")
		s.refuses(404, "NoSuchKey", "PUT", "/missing?tagging", doc)
		eleven := strings.Repeat("<Tag><Key>k</Key><Value/></Tag>", 11)
		s.refuses(400, "InvalidTag", "PUT", "/k?tagging", "<Tagging><TagSet>"+eleven+"</TagSet></Tagging>")
	})
}

// TestACLsRuleTheUnsigned walks what somebody without keys may do.
func TestACLsRuleTheUnsigned(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/follows", "x")
	s.must("PUT", "/open", "x", "x-cos-acl: public-read")
	s.must("PUT", "/closed", "x", "x-cos-acl: private")
	s.cfg.Anonymous = false
	status := func(method, target string, headers ...string) int { return s.do(method, target, "", headers...).status }
	bucketACL := func(canned string) {
		s.cfg.Anonymous = true
		s.must("PUT", "/?acl", "", "x-cos-acl: "+canned)
		s.cfg.Anonymous = false
	}
	require.Equal(t, []int{403, 200, 403, 403}, []int{
		status("GET", "/follows"), status("GET", "/open"), status("GET", "/closed"), status("GET", "/missing"),
	})
	require.Equal(t, []int{403, 403, 403}, []int{status("GET", "/"), status("PUT", "/new"), status("GET", "/?policy")})

	bucketACL("public-read")
	require.Equal(t, []int{200, 200, 403, 404, 200}, []int{
		status("GET", "/follows"), status("GET", "/open"), status("GET", "/closed"), status("GET", "/missing"), status("GET", "/"),
	})
	require.Equal(t, []int{403, 403, 403}, []int{status("PUT", "/new"), status("DELETE", "/follows"), status("GET", "/?acl")})

	bucketACL("public-read-write")
	require.Equal(t, 200, status("PUT", "/new"))
	require.Equal(t, 200, status("PUT", "/copy", "x-cos-copy-source: "+testBucket+"/open"))
	require.Equal(t, 403, status("PUT", "/copy", "x-cos-copy-source: "+testBucket+"/closed"))
	require.Equal(t, []int{204, 403, 403}, []int{status("DELETE", "/new"), status("DELETE", "/"), status("PUT", "/other-sub?acl")})
}

func TestBucketACL(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/?acl", "", `x-cos-grant-write: id="qcs::cam::anyone:anyone"`)
	require.Contains(t, s.must("GET", "/?acl", "").body, "<URI>"+allUsers+"</URI></Grantee><Permission>WRITE</Permission>")
	s.refuses(400, "InvalidArgument", "PUT", "/?acl", "", "x-cos-acl: default")
}
