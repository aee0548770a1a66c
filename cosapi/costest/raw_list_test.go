package costest

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

//rows:server B10-B16 B19-B23 O9 O10
func TestRawListObjects(t *testing.T) {
	r := newRaw(t)
	r.ok(200, "PUT", "/dir/", "")
	r.ok(200, "PUT", "/dir/a%20b+c", "xy", "x-cos-storage-class: STANDARD_IA")
	r.ok(200, "PUT", "/dir/sub/one", "1")
	r.ok(200, "PUT", "/dir/sub/two", "2")
	r.ok(200, "PUT", "/Z", "")
	r.ok(200, "PUT", "/%E4%B8%AD", "")

	a := r.ok(200, "GET", "/", "")
	r.has(a, "ListBucketResult", "Name="+Bucket, "Prefix=", "Marker=", "Delimiter=", "MaxKeys=1000", "IsTruncated=false")
	r.Equal([]string{"Z", "dir/", "dir/a b+c", "dir/sub/one", "dir/sub/two", "中"}, a.all("Contents/Key"), "UTF-8 byte order")
	r.Empty(a.all("EncodingType"))
	r.Empty(a.all("NextMarker"))

	a = r.ok(200, "GET", "?prefix=dir%2F&delimiter=%2F&marker=&max-keys=&encoding-type=url", "")
	r.has(a, "ListBucketResult", "EncodingType=url", "Prefix=dir/", "Delimiter=/", "CommonPrefixes/Prefix=dir/sub/")
	r.Equal([]string{"dir/", "dir/a%20b%2Bc"}, a.all("Contents/Key"))
	r.Equal([]string{"0", "2"}, a.all("Contents/Size"))
	r.Equal([]string{"STANDARD", "STANDARD_IA"}, a.all("Contents/StorageClass"))
	r.Equal([]string{"1250000000", "1250000000"}, a.all("Contents/Owner/ID"))
	r.Equal([]string{"1250000000", "1250000000"}, a.all("Contents/Owner/DisplayName"))
	r.Equal(`"d41d8cd98f00b204e9800998ecf8427e"`, a.text("Contents/ETag"))
	r.Regexp(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, a.text("Contents/LastModified"))
	r.Less(strings.Index(a.body, "<CommonPrefixes>"), strings.Index(a.body, "<Contents>"))

	a = r.ok(200, "GET", "?delimiter=%2F", "")
	r.Equal([]string{"dir/"}, a.all("CommonPrefixes/Prefix"), "the marker and the children fold into one")
	r.Equal([]string{"Z", "中"}, a.all("Contents/Key"))

	a = r.ok(200, "GET", "?marker=dir%2Fa%20b%2Bc&encoding-type=url", "")
	r.Equal([]string{"dir/sub/one", "dir/sub/two", "%E4%B8%AD"}, a.all("Contents/Key"), "the marker is exclusive")
	r.Equal("dir/a%20b%2Bc", a.text("Marker"))
	r.refused(400, "InvalidArgument", "GET", "?encoding-type=base64", "")
	r.refused(400, "InvalidArgument", "GET", "?max-keys=some", "")
	r.refused(400, "InvalidArgument", "GET", "?max-keys=-1", "")
	r.Equal("1000", r.ok(200, "GET", "?max-keys=5000", "").text("MaxKeys"))
}

//rows:server B12 B14 B17 B18
func TestRawListPages(t *testing.T) {
	r := newRaw(t)
	for i := range 1002 {
		r.ok(200, "PUT", fmt.Sprintf("/k%04d", i), "")
	}
	a := r.ok(200, "GET", "", "")
	r.Len(a.all("Contents/Key"), 1000)
	r.has(a, "ListBucketResult", "IsTruncated=true", "NextMarker=k0999")
	a = r.ok(200, "GET", "?marker="+a.text("NextMarker"), "")
	r.Equal([]string{"k1000", "k1001"}, a.all("Contents/Key"))
	r.has(a, "ListBucketResult", "IsTruncated=false")
	r.Empty(a.all("NextMarker"))

	for _, key := range []string{"p/1", "p/2", "q/1", "q/2"} {
		r.ok(200, "PUT", "/"+key, "")
	}
	a = r.ok(200, "GET", "?delimiter=%2F&marker=k1001&max-keys=1", "")
	r.has(a, "ListBucketResult", "CommonPrefixes/Prefix=p/", "IsTruncated=true", "NextMarker=p/", "MaxKeys=1")
	a = r.ok(200, "GET", "?delimiter=%2F&max-keys=1&marker="+url.QueryEscape(a.text("NextMarker")), "")
	r.has(a, "ListBucketResult", "CommonPrefixes/Prefix=q/", "IsTruncated=false")
}

//rows:server B24-B31 B33-B35
func TestRawListUploads(t *testing.T) {
	r := newRaw(t)
	ids := map[string]string{}
	for _, key := range []string{"a%20b", "a%20b", "d/1", "d/2", "e"} {
		id := r.ok(200, "POST", "/"+key+"?uploads", "", "x-cos-storage-class: STANDARD_IA").text("UploadId")
		ids[id] = key
	}
	r.Len(ids, 5)
	a := r.ok(200, "GET", "?uploads&encoding-type=url&delimiter=%2F&max-uploads=&prefix=&key-marker=&upload-id-marker=", "")
	r.has(a, "ListMultipartUploadsResult", "Bucket="+Bucket, "EncodingType=url", "KeyMarker=", "UploadIdMarker=", "MaxUploads=1000",
		"Prefix=", "Delimiter=/", "IsTruncated=false", "CommonPrefixes/Prefix=d/")
	r.Equal([]string{"a%20b", "a%20b", "e"}, a.all("Upload/Key"))
	r.IsIncreasing(a.all("Upload/UploadId")[:2])
	r.Equal("STANDARD_IA", a.text("Upload/StorageClass"))
	r.Regexp(`Z$`, a.text("Upload/Initiated"))
	for _, path := range []string{"Upload/Owner/ID", "Upload/Owner/DisplayName", "Upload/Initiator/ID", "Upload/Initiator/DisplayName"} {
		r.Equal(owner, a.text(path), path)
	}

	a = r.ok(200, "GET", "?uploads&max-uploads=1", "")
	r.has(a, "ListMultipartUploadsResult", "IsTruncated=true", "NextKeyMarker=a b", "MaxUploads=1")
	r.Equal(a.text("Upload/UploadId"), a.text("NextUploadIdMarker"))
	b := r.ok(200, "GET", "?uploads&key-marker=a%20b&upload-id-marker="+a.text("NextUploadIdMarker"), "")
	r.Equal([]string{"a b", "d/1", "d/2", "e"}, b.all("Upload/Key"), "the other upload of the key follows")
	r.Equal([]string{"d/1", "d/2", "e"}, r.ok(200, "GET", "?uploads&key-marker=a%20b", "").all("Upload/Key"))
	r.Len(r.ok(200, "GET", "?uploads&upload-id-marker=ffff", "").all("Upload/Key"), 5, "ignored without key-marker")
	r.Equal([]string{"d/1", "d/2"}, r.ok(200, "GET", "?uploads&prefix=d%2F", "").all("Upload/Key"))
	r.Equal("1000", r.ok(200, "GET", "?uploads&max-uploads=9999", "").text("MaxUploads"))
}

//rows:server X2 X3 B75-B79 O6 O18 O30 O86
func TestRawVersions(t *testing.T) {
	r := newRaw(t)
	r.has(r.ok(200, "GET", "?versioning", ""), "VersioningConfiguration")
	r.Empty(r.ok(200, "GET", "?versioning", "").all("Status"))
	r.Empty(r.ok(200, "PUT", "/k", "old").header.Get("x-cos-version-id"))
	for _, bad := range []string{"<VersioningConfiguration><Status>Maybe</Status></VersioningConfiguration>", "<Other><Status>Enabled</Status></Other>", "<"} {
		r.refused(400, "MalformedXML", "PUT", "?versioning", bad, md5Of(bad))
	}
	for _, status := range []string{"Suspended", "Enabled"} {
		r.document(200, "PUT", "?versioning", "<VersioningConfiguration><Status>"+status+"</Status></VersioningConfiguration>")
		r.has(r.ok(200, "GET", "?versioning", ""), "VersioningConfiguration", "Status="+status)
	}
	v1 := r.ok(200, "PUT", "/k", "one").header.Get("x-cos-version-id")
	v2 := r.ok(200, "PUT", "/k", "second").header.Get("x-cos-version-id")
	r.NotEmpty(v1)
	r.NotEqual(v1, v2)
	a := r.ok(200, "GET", "/k?versionId="+v1, "")
	r.Equal("one", a.body)
	r.Equal(v1, a.header.Get("x-cos-version-id"))
	r.Equal("old", r.ok(200, "GET", "/k?versionId=null", "").body)
	r.Equal(v2, r.ok(200, "HEAD", "/k", "").header.Get("x-cos-version-id"))
	r.refused(404, "NoSuchVersion", "GET", "/k?versionId=unknown", "")
	a = r.ok(200, "PUT", "/copy", "", "x-cos-copy-source: /"+Bucket+"/k?versionId="+v1)
	r.Equal(v1, a.header.Get("x-cos-copy-source-version-id"))
	id := r.ok(200, "POST", "/parts?uploads", "").text("UploadId")
	a = r.ok(200, "PUT", "/parts?partNumber=1&uploadId="+id, "", "x-cos-copy-source: /"+Bucket+"/k?versionId="+v1)
	r.Equal(v1, a.header.Get("x-cos-copy-source-version-id"))

	a = r.ok(204, "DELETE", "/k", "")
	marker := a.header.Get("x-cos-version-id")
	r.Equal("true", a.header.Get("x-cos-delete-marker"))
	r.refused(404, "NoSuchKey", "GET", "/k", "")
	r.refused(404, "NoSuchKey", "GET", "/k?versionId="+marker, "")
	a = r.ok(200, "GET", "?versions&prefix=k", "")
	r.has(a, "ListVersionsResult", "Name="+Bucket, "Prefix=k", "KeyMarker=", "VersionIdMarker=", "MaxKeys=1000", "IsTruncated=false",
		"DeleteMarker/VersionId="+marker, "DeleteMarker/IsLatest=true", "DeleteMarker/Owner/ID=1250000000")
	r.Equal([]string{v2, v1, "null"}, a.all("Version/VersionId"))
	r.Equal([]string{"6", "3", "3"}, a.all("Version/Size"))
	a = r.ok(200, "GET", "?versions&prefix=k&max-keys=2", "")
	r.has(a, "ListVersionsResult", "IsTruncated=true", "NextKeyMarker=k", "NextVersionIdMarker="+v2)
	a = r.ok(200, "GET", "?versions&prefix=k&key-marker=k&version-id-marker="+v2, "")
	r.Equal([]string{v1, "null"}, a.all("Version/VersionId"))

	a = r.ok(204, "DELETE", "/k?versionId="+marker, "")
	r.Equal("true", a.header.Get("x-cos-delete-marker"))
	r.Equal("second", r.ok(200, "GET", "/k", "").body)
	r.Equal(v2, r.ok(204, "DELETE", "/k?versionId="+v2, "").header.Get("x-cos-version-id"))
	r.Equal("one", r.ok(200, "GET", "/k", "").body)
}
