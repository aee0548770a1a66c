package costest

import (
	"net/http"
	"strings"
	"testing"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
)

const owner = "qcs::cam::uin/100000000001:uin/100000000001"

//rows:server C1 C9 B1 B2 H1-H4
func TestRawCreateBucket(t *testing.T) {
	stranger := cosapi.Credentials{SecretID: "AKIDstranger", SecretKey: "secret"}
	r := newRaw(t, WithConfig(func(c *cosserver.Config) {
		c.Accounts = append(c.Accounts, cosserver.Account{SecretID: stranger.SecretID, SecretKey: stranger.SecretKey, UIN: "100000000002"})
	}))
	r.refused(409, "BucketAlreadyOwnedByYou", "PUT", "", "")
	r.as(stranger).refused(409, "BucketAlreadyExists", "PUT", "", "")

	r.s.Bucket = "second-1250000000"
	r.refused(404, "NoSuchBucket", "GET", "/k", "")
	r.refused(400, "InvalidArgument", "PUT", "", "", "x-cos-acl: public-dance")
	r.refused(400, "InvalidArgument", "PUT", "", "", "x-cos-grant-read: somebody")
	r.ok(200, "PUT", "", "", "x-cos-acl: public-read",
		`x-cos-grant-full-control: id="100000000005"`, `x-cos-grant-read: id="qcs::cam::uin/100000000003:uin/100000000004"`,
		`x-cos-grant-write: id="100000000006", id="100000000007"`)
	acl := r.ok(200, "GET", "?acl", "")
	r.Equal([]string{"FULL_CONTROL", "READ", "FULL_CONTROL", "READ", "WRITE", "WRITE"}, acl.all("AccessControlList/Grant/Permission"))
	r.Equal([]string{owner, "qcs::cam::uin/100000000005:uin/100000000005", "qcs::cam::uin/100000000003:uin/100000000004",
		"qcs::cam::uin/100000000006:uin/100000000006", "qcs::cam::uin/100000000007:uin/100000000007"},
		acl.all("AccessControlList/Grant/Grantee/ID"))
	r.as(cosapi.Credentials{}).ok(200, "GET", "", "")

	for _, bad := range []string{"noappid", "Upper-1250000000", "-x-1250000000", "a_b-1250000000"} {
		r.s.Bucket = bad
		r.refused(400, "InvalidBucketName", "PUT", "", "")
	}
	r.s.Bucket = strings.Repeat("x", 40) + "-1250000000"
	r.refused(400, "BucketNameTooLong", "PUT", "", "")
}

//rows:server C1
func TestRawRegionOfTheHost(t *testing.T) {
	r := newRaw(t)
	for _, host := range []string{r.s.Bucket + ".cos.ap-guangzhou.myqcloud.com", r.s.Bucket + ".cos.ap-guangzhou.tencentcos.cn"} {
		req := r.request("GET", "/?location", nil)
		req.Host = host
		req.Header.Set("Authorization", r.sign(req, nowFor(r)).Authorization)
		a := r.answer(req)
		r.Equal(200, a.status, a.body)
		r.Contains(a.body, ">ap-guangzhou<")
	}
}

//rows:server B4 B5 B6 B7 B8 B9
func TestRawBucketLife(t *testing.T) {
	r := newRaw(t)
	r.Equal("ap-guangzhou", r.ok(200, "HEAD", "", "").header.Get("x-cos-bucket-region"))
	a := r.ok(200, "GET", "?location", "")
	r.Equal("LocationConstraint", a.root().XMLName.Local)
	r.Equal("ap-guangzhou", a.root().Text)
	r.as(cosapi.Credentials{}).refused(403, "", "HEAD", "", "")

	r.ok(200, "PUT", "/k", "x")
	r.refused(409, "BucketNotEmpty", "DELETE", "", "")
	r.ok(204, "DELETE", "/k", "")
	id := r.ok(200, "POST", "/k?uploads", "").text("UploadId")
	r.refused(409, "BucketNotEmpty", "DELETE", "", "")
	r.ok(204, "DELETE", "/k?uploadId="+id, "")
	a = r.ok(204, "DELETE", "", "")
	r.Empty(a.body)
	r.refused(404, "", "HEAD", "", "")
	r.refused(404, "NoSuchBucket", "DELETE", "", "")
	r.refused(404, "NoSuchBucket", "GET", "?location", "")

	r.s.Bucket = "versioned-1250000000"
	r.ok(200, "PUT", "", "")
	r.document(200, "PUT", "?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	r.ok(204, "DELETE", "/never", "")
	r.refused(409, "BucketNotEmpty", "DELETE", "", "")
}

//rows:server X1
func TestRawService(t *testing.T) {
	r := newRaw(t)
	a := r.send(http.MethodGet, "/", nil)
	r.Equal(200, a.status)
	r.has(a, "ListAllMyBucketsResult", "Owner/ID="+owner, "Buckets/Bucket/Name="+Bucket, "Buckets/Bucket/Location=ap-guangzhou", "IsTruncated=false")
	r.NotEmpty(a.text("Buckets/Bucket/CreationDate"))
	r.Equal(403, r.as(cosapi.Credentials{}).send(http.MethodGet, "/", nil).status)
}
