package cosserver

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddress(t *testing.T) {
	domains := []string{"cos.ap-guangzhou.myqcloud.com", "localhost"}
	for _, c := range []struct{ host, uri, bucket, key string }{
		{"b-1.cos.ap-guangzhou.myqcloud.com", "/", "b-1", ""},
		{"b-1.cos.ap-guangzhou.myqcloud.com:80", "/k?acl", "b-1", "k"},
		{"B-1.COS.ap-guangzhou.myqcloud.com", "/k", "b-1", "k"},
		{"cos.ap-guangzhou.myqcloud.com", "/b-1/k", "b-1", "k"},
		{"cos.ap-guangzhou.myqcloud.com", "/", "", ""},
		{"b-1.localhost:9000", "//a//b", "b-1", "/a//b"},
		{"127.0.0.1:9000", "/b-1/a/../b", "b-1", "a/../b"},
		{"127.0.0.1:9000", "/b-1", "b-1", ""},
		{"127.0.0.1:9000", "/b-1/", "b-1", ""},
		{"[::1]:9000", "/b-1/k%2Fl%20m+n", "b-1", "k/l m+n"},
		{"service.cos.myqcloud.com", "/", "", ""},
		{"127.0.0.1", "http://127.0.0.1/b-1/k", "b-1", "k"},
	} {
		got, err := address(&http.Request{Host: c.host, RequestURI: c.uri}, domains)
		require.NoError(t, err, c.uri)
		require.Equal(t, [2]string{c.bucket, c.key}, [2]string{got.bucket, got.key}, "%s %s", c.host, c.uri)
	}
	_, err := address(&http.Request{Host: "h", RequestURI: "/%zz"}, domains)
	require.True(t, isCode(err, "InvalidURI"))
}

func TestBuckets(t *testing.T) {
	both(t, func(s *site) {
		put := func(name string) answer { return s.send("PUT", "/"+name, nil) }
		require.Equal(s, "InvalidBucketName", put("NoSuffix").code())
		require.Equal(s, "InvalidBucketName", put("-b-1").code())
		require.Equal(s, "BucketNameTooLong", put("this-name-is-longer-than-hosts-can-be-1250000000").code())
		require.Equal(s, 200, put("other-1250000000").status)
		require.Equal(s, "BucketAlreadyOwnedByYou", put("other-1250000000").code())
		require.NoError(s, s.CreateBucket("other-1250000000"))
		require.Error(s, s.CreateBucket("Bad_Name"))
		require.Equal(s, "ap-guangzhou", s.must("HEAD", "", "").header.Get("x-cos-bucket-region"))
		require.Equal(s, 404, s.send("HEAD", "/missing-1250000000", nil).status)
		require.Equal(s, "NoSuchBucket", s.send("GET", "/missing-1250000000", nil).code())

		list := s.send("GET", "/?max-keys=1", nil).body
		require.Contains(s, list, "<Bucket><Name>other-1250000000</Name><Location>ap-guangzhou</Location>")
		require.Contains(s, list, "<NextMarker>other-1250000000</NextMarker><IsTruncated>true</IsTruncated>")
		require.Contains(s, s.send("GET", "/?marker=other-1250000000", nil).body, "<Buckets><Bucket><Name>"+testBucket+"</Name>")

		s.must("PUT", "/k", "x")
		s.refuses(409, "BucketNotEmpty", "DELETE", "", "")
		s.must("DELETE", "/k", "")
		require.Equal(s, 204, s.must("DELETE", "", "").status)
		s.refuses(404, "NoSuchBucket", "DELETE", "", "")
		s.refuses(404, "NoSuchBucket", "PUT", "/k", "x")
		s.refuses(404, "NoSuchBucket", "DELETE", "/k", "")
	})
}

func TestCounters(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/k", "12345")
	s.must("GET", "/k", "", "Range: bytes=0-1")
	s.refuses(404, "NoSuchKey", "GET", "/missing", "")
	require.Equal(t, map[string]int64{"PutObject": 1, "GetObject": 2}, s.Counts())
	require.Equal(t, int64(5), s.BytesIn())
	require.Equal(t, int64(2), s.BytesOut())
	s.ResetCounts()
	require.Empty(t, s.Counts())
	require.Zero(t, s.BytesIn()+s.BytesOut())
}

func TestErrorDocument(t *testing.T) {
	s := newSite(t, nil)
	a := s.refuses(404, "NoSuchKey", "GET", "/a%20b", "")
	id := a.header.Get("x-cos-request-id")
	require.Equal(t, id, a.header.Get("x-cos-trace-id"))
	require.Contains(t, a.body, "<Resource>"+s.url[len("http://"):]+"/"+testBucket+"/a b</Resource><RequestId>"+id+"</RequestId>")
	require.NotEqual(t, id, s.must("HEAD", "", "").header.Get("x-cos-request-id"))
}

func TestObjectACL(t *testing.T) {
	both(t, func(s *site) {
		s.must("PUT", "/k", "x")
		a := s.must("GET", "/k?acl", "")
		require.Equal(s, "default", a.header.Get("x-cos-acl"))
		owner := ownerID("")
		require.Contains(s, a.body, "<Owner><ID>"+owner+"</ID>")
		s.must("PUT", "/k?acl", "", "x-cos-acl: public-read")
		a = s.must("GET", "/k?acl", "")
		require.Empty(s, a.header.Get("x-cos-acl"))
		require.Contains(s, a.body, `xsi:type="Group"><URI>`+allUsers+"</URI></Grantee><Permission>READ</Permission>")
		s.must("PUT", "/k?acl", "", `x-cos-grant-read: id="100000000002",id="qcs::cam::uin/3:uin/4"`)
		a = s.must("GET", "/k?acl", "")
		require.Contains(s, a.body, "<ID>qcs::cam::uin/100000000002:uin/100000000002</ID>")
		require.Contains(s, a.body, "<ID>qcs::cam::uin/3:uin/4</ID>")
		s.must("PUT", "/k?acl", "", "x-cos-acl: private")
		s.must("PUT", "/k?acl", a.body)
		require.Equal(s, a.body, s.must("GET", "/k?acl", "").body, "what GET gives can be PUT")
		s.must("PUT", "/k?acl", `<AccessControlPolicy><Grant><Grantee type="Group"><URI>`+allUsers+
			`</URI></Grantee><Permission>READ</Permission></Grant></AccessControlPolicy>`)
		require.Contains(s, s.must("GET", "/k?acl", "").body, allUsers)
		s.must("PUT", "/k?acl", strings.ReplaceAll(s.must("GET", "/k?acl", "").body, groups, groupsOfS3))
		require.Contains(s, s.must("GET", "/k?acl", "").body, "<URI>"+allUsers+"</URI>", "S3's name of the group")
		s.refuses(400, "InvalidRequest", "PUT", "/k?acl", a.body, "x-cos-acl: private")
		s.refuses(400, "MalformedXML", "PUT", "/k?acl", strings.ReplaceAll(a.body, "READ", "DANCE"))
		s.refuses(404, "NoSuchKey", "PUT", "/missing?acl", "", "x-cos-acl: private")
	})
}
