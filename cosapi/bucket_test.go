package cosapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHeadBucket(t *testing.T) {
	c, w := newWire(t, reply(200, "", "x-cos-bucket-region: ap-guangzhou", "x-cos-bucket-az-type: MAZ"))
	info, err := c.HeadBucket(t.Context())
	require.NoError(t, err)
	require.Equal(t, BucketInfo{Region: "ap-guangzhou", MultiAZ: true}, info)
	require.Equal(t, "/"+testBucket+"/", w.requests()[0].RequestURI)
	for status, kind := range map[int]Kind{404: NoBucket, 403: Denied} {
		c, _ = newWire(t, reply(status, ""))
		_, err = c.HeadBucket(t.Context())
		requireKind(t, kind, err)
	}
}

func TestCreateBucket(t *testing.T) {
	c, w := newWire(t, reply(200, ""))
	require.NoError(t, c.CreateBucket(t.Context(), CreateBucketOptions{ACL: "private", MultiAZ: true, Tags: []Tag{{"a", "b"}},
		Grants: Grants{Read: GrantTo("1")}}))
	r := w.requests()[0]
	require.Equal(t, "<CreateBucketConfiguration><BucketAZConfig>MAZ</BucketAZConfig></CreateBucketConfiguration>", string(r.body))
	require.Equal(t, []string{"private", "a=b", `id="qcs::cam::uin/1:uin/1"`}, []string{
		r.Header.Get("x-cos-acl"), r.Header.Get("x-cos-tagging"), r.Header.Get("x-cos-grant-read")})
	verifySignature(t, r.Request, testCredentials)

	c, _ = newWire(t, fault(409, "BucketAlreadyOwnedByYou"))
	requireKind(t, Exists, c.CreateBucket(t.Context(), CreateBucketOptions{}))
	c, _ = newWire(t, hangUp, fault(409, "BucketAlreadyOwnedByYou"))
	require.NoError(t, c.CreateBucket(t.Context(), CreateBucketOptions{}))
}

const aclAnswer = `<AccessControlPolicy>
	<Owner><ID>qcs::cam::uin/1:uin/1</ID><DisplayName>one</DisplayName></Owner>
	<AccessControlList>
		<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>qcs::cam::uin/1:uin/1</ID><DisplayName>one</DisplayName></Grantee>
		<Permission>FULL_CONTROL</Permission></Grant>
		<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"><URI>http://cam.qcloud.com/groups/global/AllUsers</URI></Grantee>
		<Permission>READ</Permission></Grant>
	</AccessControlList></AccessControlPolicy>`

func TestACLRoundTrip(t *testing.T) {
	c, w := newWire(t, reply(200, aclAnswer))
	acl, err := c.ACL(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, ACL{Owner: Owner{"qcs::cam::uin/1:uin/1", "one"}, Grants: []Grant{
		{Grantee{Type: "CanonicalUser", ID: "qcs::cam::uin/1:uin/1", DisplayName: "one"}, PermFullControl},
		{Grantee{Type: "Group", URI: AllUsers}, PermRead},
	}}, acl)
	require.Equal(t, "public-read", acl.Canned())
	require.Equal(t, "acl", w.requests()[0].URL.RawQuery)

	require.NoError(t, c.PutACL(t.Context(), "k", NewACL{Policy: &acl}))
	sent := string(w.requests()[1].body)
	require.Contains(t, sent, `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"`)
	verifySignature(t, w.requests()[1].Request, testCredentials)
	c, _ = newWire(t, reply(200, sent))
	again, err := c.ACL(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, acl, again)

	bare := strings.NewReplacer("<AccessControlList>", "", "</AccessControlList>", "", ` xsi:type="Group">`, `><Type>Group</Type>`).Replace(aclAnswer)
	c, _ = newWire(t, reply(200, bare, "x-cos-acl: default"))
	again, err = c.ACL(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, acl.Grants, again.Grants)
	require.Equal(t, "default", again.Canned())
}

func TestPutACLTakesOneForm(t *testing.T) {
	c, w := newWire(t, reply(200, ""))
	require.NoError(t, c.PutACL(t.Context(), "k", NewACL{Canned: "public-read", Grants: Grants{Read: GrantTo("1")}}))
	require.Equal(t, "public-read", w.requests()[0].Header.Get("x-cos-acl"))
	require.Equal(t, "0", w.requests()[0].Header.Get("Content-Length"))
	require.NoError(t, c.PutACL(t.Context(), "", NewACL{Canned: "private"}))
	require.Equal(t, "/"+testBucket+"/?acl", w.requests()[1].RequestURI)
	requireKind(t, Invalid, c.PutACL(t.Context(), "k", NewACL{}))
	requireKind(t, Invalid, c.PutACL(t.Context(), "k", NewACL{Canned: "private", Policy: &ACL{}}))
	requireKind(t, Invalid, c.PutACL(t.Context(), "..", NewACL{Canned: "private"}))
	_, err := c.ACL(t.Context(), "..")
	requireKind(t, Invalid, err)
}

func TestCannedACLs(t *testing.T) {
	owner := Grant{Grantee{ID: "me"}, PermFullControl}
	all := func(p string) Grant { return Grant{Grantee{URI: AllUsers}, p} }
	known := Grant{Grantee{URI: AuthenticatedUsers}, PermRead}
	anyone := Grant{Grantee{ID: "qcs::cam::anyone:anyone"}, PermRead}
	for want, lists := range map[string][][]Grant{
		"private":            {nil, {owner}},
		"public-read":        {{owner, all(PermRead)}, {anyone}},
		"public-read-write":  {{owner, all(PermWrite), all(PermRead)}},
		"authenticated-read": {{owner, known}},
		"":                   {{all(PermWrite)}, {{Grantee{ID: "you"}, PermRead}}, {known, all(PermRead)}, {{Grantee{ID: "me"}, PermRead}}},
	} {
		for _, grants := range lists {
			require.Equal(t, want, ACL{Owner: Owner{ID: "me"}, Grants: grants}.Canned(), "%v", grants)
		}
	}
}
