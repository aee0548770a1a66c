package costest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
)

const (
	helloMD5 = `"5eb63bbbe01eeed093cb22bb8f5acdc3"` // of "hello world"
	helloCRC = "5981764153023615706"
)

//rows:server O1 O2 O3 O4 O7 O11 O19 O22 O23 O36 O38 H5-H11 H15 C10 C11 C12 U14
func TestRawPutGetHead(t *testing.T) {
	r := newRaw(t)
	attrs := map[string]string{"Content-Type": "text/plain", "Cache-Control": "no-cache", "Content-Disposition": `attachment; filename="a"`,
		"Content-Encoding": "identity", "Content-Language": "zh", "Expires": "Wed, 21 Oct 2037 07:28:00 GMT", "x-cos-meta-Mode": "33188",
		"x-cos-storage-class": "STANDARD_IA"}
	headers := []string{"x-unknown: ignored", "x-cos-unknown: ignored"}
	for name, value := range attrs {
		headers = append(headers, name+": "+value)
	}
	a := r.ok(200, "PUT", "/dir//a%20b+%2Fc/../%E4%B8%AD", "hello world", headers...)
	r.Empty(a.body)
	r.Equal(helloMD5, a.header.Get("ETag"))
	r.Equal(helloCRC, a.header.Get("x-cos-hash-crc64ecma"))
	r.Empty(a.header.Get("x-cos-version-id"))
	for _, method := range []string{"GET", "HEAD"} {
		a = r.ok(200, method, "/dir%2F%2Fa%20b%2B%2Fc%2F..%2F%E4%B8%AD", "")
		for name, value := range attrs {
			r.Equal(value, a.header.Get(name), name)
		}
		r.Equal(helloMD5, a.header.Get("ETag"))
		r.Equal(helloCRC, a.header.Get("x-cos-hash-crc64ecma"))
		r.Equal("bytes", a.header.Get("Accept-Ranges"))
		r.Equal("11", a.header.Get("Content-Length"))
		_, err := time.Parse(http.TimeFormat, a.header.Get("Last-Modified"))
		r.NoError(err)
	}
	r.Equal([]string{"dir//a b+/c/../中"}, r.ok(200, "GET", "", "").all("Contents/Key"))
	r.Equal("hello world", r.ok(200, "GET", "/dir//a%20b%2B/c/../%E4%B8%AD", "").body)

	r.ok(200, "PUT", "/plain", "x")
	a = r.ok(200, "GET", "/plain", "")
	r.Equal("application/octet-stream", a.header.Get("Content-Type"))
	r.Empty(a.header.Get("x-cos-storage-class"), "STANDARD is not echoed")
	r.ok(200, "PUT", "/plain", "replaced")
	r.Equal("replaced", r.ok(200, "GET", "/plain", "").body)
	r.refused(400, "NotSupportedStorageClass", "PUT", "/k", "x", "x-cos-storage-class: GLASS")
	r.refused(400, "MetadataTooLarge", "PUT", "/k", "x", "x-cos-meta-a: "+strings.Repeat("x", 4097))
	r.ok(200, "PUT", "/"+strings.Repeat("k", 850), "")
	r.refused(400, "KeyTooLong", "PUT", "/"+strings.Repeat("k", 851), "")
	r.refused(404, "NoSuchKey", "GET", "/missing", "")
	r.refused(404, "", "HEAD", "/missing", "")
}

//rows:server H12 H13 H14 O2 O49
func TestRawBodies(t *testing.T) {
	r := newRaw(t)
	id := r.ok(200, "POST", "/k?uploads", "").text("UploadId")
	for _, target := range []string{"/k", "/k?partNumber=1&uploadId=" + id} {
		r.ok(200, "PUT", target, "body", md5Of("body"))
		r.refused(400, "InvalidDigest", "PUT", target, "body", "Content-MD5: short")
		r.refused(400, "InvalidDigest", "PUT", target, "body", "Content-MD5: c2hvcnQ=")
		r.refused(400, "BadDigest", "PUT", target, "body", md5Of("other"))
	}
	r.Equal("body", r.ok(200, "GET", "/k", "").body, "a refused body stores nothing")

	creds := r.s.Credentials
	wire := func(head string) string {
		req := r.request("PUT", "/"+Bucket+"/cut", nil)
		req.ContentLength = 0
		auth := r.as(creds).sign(req, nowFor(r)).Authorization
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.s.URL, "http://"))
		r.NoError(err)
		defer conn.Close()
		fmt.Fprintf(conn, "PUT /%s/cut HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n%s", Bucket, req.Host, auth, head)
		r.NoError(conn.(*net.TCPConn).CloseWrite())
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		r.NoError(err)
		defer resp.Body.Close()
		return fmt.Sprint(resp.StatusCode)
	}
	r.Equal("411", wire("\r\n"), "neither a length nor chunks")
	r.Equal("400", wire("Content-Length: 10\r\n\r\nshort"))
	r.refused(404, "NoSuchKey", "GET", "/cut", "")
	r.Equal("200", wire("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
	r.Equal("hello", r.ok(200, "GET", "/cut", "").body)
}

//rows:server H16
func TestRawTrafficLimit(t *testing.T) {
	r := newRaw(t)
	for _, bad := range []string{"819199", "838860801", "fast", "-1"} {
		r.refused(400, "InvalidArgument", "PUT", "/k", "x", "x-cos-traffic-limit: "+bad)
	}
	r.ok(200, "PUT", "/k", strings.Repeat("x", 20_480), "x-cos-traffic-limit: 838860800")
	start := time.Now()
	r.Len(r.ok(200, "GET", "/k", "", "x-cos-traffic-limit: 819200").body, 20_480)
	r.GreaterOrEqual(time.Since(start), 150*time.Millisecond, "20 KiB at 100 KiB/s")
	r.refused(400, "InvalidArgument", "GET", "/k?x-cos-traffic-limit=1", "")
}

//rows:server O12-O17 O37
func TestRawRangesConditionsOverrides(t *testing.T) {
	r := newRaw(t)
	r.ok(200, "PUT", "/k", "hello world")
	modified := r.ok(200, "HEAD", "/k", "").header.Get("Last-Modified")
	const past, future = "Tue, 14 Nov 2006 22:13:20 GMT", "Tue, 14 Nov 2045 22:13:20 GMT"
	for spec, want := range map[string][2]string{
		"bytes=0-4": {"hello", "bytes 0-4/11"}, "bytes=6-": {"world", "bytes 6-10/11"}, "bytes=-5": {"world", "bytes 6-10/11"},
		"bytes=6-99": {"world", "bytes 6-10/11"}, "bytes=-99": {"hello world", "bytes 0-10/11"},
	} {
		a := r.ok(206, "GET", "/k", "", "Range: "+spec)
		r.Equal(want[0], a.body)
		r.Equal(want[1], a.header.Get("Content-Range"))
		r.Equal(fmt.Sprint(len(want[0])), a.header.Get("Content-Length"))
	}
	r.refused(416, "InvalidRange", "GET", "/k", "", "Range: bytes=11-")
	r.ok(200, "GET", "/k", "", "Range: bytes=1-2,4-5")

	for _, method := range []string{"GET", "HEAD"} {
		for _, c := range []struct {
			status int
			header string
		}{
			{200, "If-Match: " + helloMD5}, {412, `If-Match: "other"`}, {200, `If-None-Match: "other"`}, {304, "If-None-Match: " + helloMD5},
			{304, "If-Modified-Since: " + modified}, {304, "If-Modified-Since: " + future}, {200, "If-Modified-Since: " + past},
			{200, "If-Unmodified-Since: " + modified}, {412, "If-Unmodified-Since: " + past},
		} {
			a := r.ok(c.status, method, "/k", "", c.header)
			if c.status == 304 {
				r.Empty(a.body)
			}
			if c.status == 412 && method == "GET" {
				r.Equal("PreconditionFailed", a.text("Code"))
			}
		}
	}
	a := r.ok(200, "GET", "/k?response-cache-control=a&response-content-disposition=b&response-content-encoding=c"+
		"&response-content-language=d&response-content-type=e%2Ff&response-expires=g", "")
	for name, want := range map[string]string{"Cache-Control": "a", "Content-Disposition": "b", "Content-Encoding": "c",
		"Content-Language": "d", "Content-Type": "e/f", "Expires": "g"} {
		r.Equal(want, a.header.Get(name), name)
	}
}

//rows:server O29 O31-O35
func TestRawDelete(t *testing.T) {
	r := newRaw(t)
	r.ok(200, "PUT", "/a", "")
	r.Empty(r.ok(204, "DELETE", "/a", "").body)
	r.ok(204, "DELETE", "/a", "")
	for _, key := range []string{"a", "b%20c", "d"} {
		r.ok(200, "PUT", "/"+key, "")
	}
	doc := func(quiet string, keys ...string) string {
		return "<Delete><Quiet>" + quiet + "</Quiet><Object><Key>" + strings.Join(keys, "</Key></Object><Object><Key>") + "</Key></Object></Delete>"
	}
	r.refused(400, "InvalidRequest", "POST", "?delete", doc("false", "a"))
	a := r.document(200, "POST", "?delete", doc("false", "a", "b c", "missing"))
	r.Equal("DeleteResult", a.root().XMLName.Local)
	r.Equal([]string{"a", "b c", "missing"}, a.all("Deleted/Key"))
	a = r.document(200, "POST", "?delete", doc("true", "d", "missing"))
	r.Empty(a.root().Nodes)
	r.Empty(r.ok(200, "GET", "", "").all("Contents/Key"))
	r.document(200, "POST", "?delete", "<Delete><Object><Key>a</Key></Object></Delete>")

	r.ok(200, "PUT", "/kept", "")
	r.document(200, "PUT", "?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
	a = r.document(200, "POST", "?delete", "<Delete><Object><Key>kept</Key></Object><Object><Key>kept</Key><VersionId>null</VersionId></Object></Delete>")
	r.Equal([]string{"kept", "kept"}, a.all("Deleted/Key"))
	r.Equal([]string{"true"}, a.all("Deleted/DeleteMarker"))
	r.Equal([]string{"null"}, a.all("Deleted/VersionId"))
	r.NotEmpty(a.text("Deleted/DeleteMarkerVersionId"))
}

//rows:server O35
func TestRawDeleteErrorsAreOfSingleKeys(t *testing.T) {
	r := newRaw(t)
	doc := "<Delete><Object><Key>" + strings.Repeat("k", 851) + "</Key></Object><Object><Key>fine</Key></Object></Delete>"
	a := r.document(200, "POST", "?delete", doc)
	r.Equal([]string{strings.Repeat("k", 851)}, a.all("Error/Key"))
	r.Equal([]string{"KeyTooLong"}, a.all("Error/Code"))
	r.NotEmpty(a.text("Error/Message"))
	r.Equal([]string{"fine"}, a.all("Deleted/Key"))
}

//rows:server H1-H4 O63 O64 O65 O67 O68
func TestRawObjectACL(t *testing.T) {
	r := newRaw(t)
	nobody := r.as(cosapi.Credentials{})
	r.ok(200, "PUT", "/k", "x")
	a := r.ok(200, "GET", "/k?acl", "")
	r.Equal("default", a.header.Get("x-cos-acl"))
	r.has(a, "AccessControlPolicy", "Owner/ID="+owner, "AccessControlList/Grant/Permission=FULL_CONTROL")
	nobody.refused(403, "AccessDenied", "GET", "/k", "")
	r.ok(200, "PUT", "/k?acl", "", "x-cos-acl: public-read")
	nobody.ok(200, "GET", "/k", "")
	nobody.refused(403, "AccessDenied", "GET", "/k?acl", "")
	r.refused(400, "InvalidArgument", "PUT", "/k?acl", "", "x-cos-acl: public")
	for _, canned := range []string{"private", "public-read-write", "authenticated-read", "default"} {
		r.ok(200, "PUT", "/k", "x", "x-cos-acl: "+canned)
	}
	r.ok(200, "PUT", "/k", "x", `x-cos-grant-read: id="100000000003"`, `x-cos-grant-write: id="100000000003"`,
		`x-cos-grant-full-control: id="qcs::cam::uin/100000000004:uin/100000000005"`)
	a = r.ok(200, "GET", "/k?acl", "")
	r.Empty(a.header.Get("x-cos-acl"))
	r.Equal([]string{"FULL_CONTROL", "FULL_CONTROL", "READ", "WRITE"}, a.all("AccessControlList/Grant/Permission"))
	r.Equal("qcs::cam::uin/100000000004:uin/100000000005", a.all("AccessControlList/Grant/Grantee/ID")[1])
	r.Contains(a.body, `xsi:type="CanonicalUser"`)
	r.ok(200, "PUT", "/k", "x")
	r.document(200, "PUT", "/k?acl", a.body)
	r.Equal(a.body, r.ok(200, "GET", "/k?acl", "").body, "the round trip")
	r.refused(400, "InvalidRequest", "PUT", "/k?acl", a.body, "x-cos-acl: private")
	r.refused(404, "NoSuchKey", "GET", "/missing?acl", "")
	r.refused(404, "NoSuchKey", "PUT", "/missing?acl", "", "x-cos-acl: private")
}

//rows:server O87 O88 O89
func TestRawRestore(t *testing.T) {
	clock := newTimer()
	r := newRaw(t, WithNow(clock.now), WithConfig(func(c *cosserver.Config) { c.RestoreDelay = time.Hour }))
	doc := "<RestoreRequest><Days>3</Days><CASJobParameters><Tier>Bulk</Tier></CASJobParameters></RestoreRequest>"
	r.ok(200, "PUT", "/k", "x", "x-cos-storage-class: ARCHIVE")
	r.ok(200, "PUT", "/plain", "x")
	r.refused(403, "InvalidObjectState", "GET", "/k", "")
	r.refused(405, "RestoreNonArchiveObject", "POST", "/plain?restore", doc)
	r.refused(400, "MalformedXML", "POST", "/k?restore", strings.ReplaceAll(doc, "Bulk", "Slow"))
	r.refused(400, "MalformedXML", "POST", "/k?restore", strings.ReplaceAll(doc, ">3<", ">0<"))
	r.refused(400, "MalformedXML", "POST", "/k?restore", "<Other><Days>3</Days></Other>")
	r.Empty(r.document(202, "POST", "/k?restore", doc).body)
	r.refused(409, "RestoreAlreadyInProgress", "POST", "/k?restore", doc)
	a := r.ok(200, "HEAD", "/k", "")
	r.Equal(`ongoing-request="true"`, a.header.Get("x-cos-restore"))
	r.Contains(a.header.Get("x-cos-restore-status"), `tier="Bulk"`)
	clock.t = clock.t.Add(2 * time.Hour)
	r.Contains(r.ok(200, "HEAD", "/k", "").header.Get("x-cos-restore"), `ongoing-request="false", expiry-date="`)
	r.Equal("x", r.ok(200, "GET", "/k", "").body)
	for _, tier := range []string{"Expedited", "Standard"} {
		r.document(200, "POST", "/k?restore", strings.ReplaceAll(doc, "Bulk", tier))
	}
	clock.day(4)
	r.refused(403, "InvalidObjectState", "GET", "/k", "")
}

//rows:server O91-O95
func TestRawAppend(t *testing.T) {
	r := newRaw(t)
	a := r.ok(200, "POST", "/log?append&position=0", "hello", "Content-Type: text/plain")
	r.Equal(`"5d41402abc4b2a76b9719d911017c592"`, a.header.Get("ETag"))
	r.Equal("5", a.header.Get("x-cos-next-append-position"))
	r.Equal("5d41402abc4b2a76b9719d911017c592", a.header.Get("x-cos-content-sha1"))
	a = r.ok(200, "POST", "/log?append&position=5", " world")
	r.Equal("11", a.header.Get("x-cos-next-append-position"))
	a = r.ok(200, "GET", "/log", "")
	r.Equal("hello world", a.body)
	r.Equal("appendable", a.header.Get("x-cos-object-type"))
	r.Equal("text/plain", a.header.Get("Content-Type"))
	r.refused(409, "AppendPositionErr", "POST", "/log?append&position=5", "x")
	r.refused(409, "AppendPositionErr", "POST", "/new?append&position=1", "x")
	r.refused(400, "InvalidArgument", "POST", "/log?append&position=end", "x")
	r.refused(400, "InvalidArgument", "POST", "/log?append", "x")
	r.ok(200, "PUT", "/plain", "x")
	r.refused(409, "ObjectNotAppendable", "POST", "/plain?append&position=1", "x")
}

//rows:server X4 X8 X9
func TestRawTaggingForbidOverwriteAndEncryption(t *testing.T) {
	r := newRaw(t)
	r.ok(200, "PUT", "/k", "x", "x-cos-tagging: a=1&b=%26")
	r.Equal([]string{"1", "&"}, r.ok(200, "GET", "/k?tagging", "").all("TagSet/Tag/Value"))
	r.document(204, "PUT", "/k?tagging", "<Tagging><TagSet><Tag><Key>c</Key><Value>3</Value></Tag></TagSet></Tagging>")
	r.Equal([]string{"c"}, r.ok(200, "GET", "/k?tagging", "").all("TagSet/Tag/Key"))
	r.ok(204, "DELETE", "/k?tagging", "")
	r.Empty(r.ok(200, "GET", "/k?tagging", "").all("TagSet/Tag"))
	r.refused(404, "NoSuchKey", "GET", "/missing?tagging", "")

	r.ok(200, "PUT", "/other", "x")
	forbid := "x-cos-forbid-overwrite: true"
	r.refused(409, "FileAlreadyExists", "PUT", "/k", "y", forbid)
	r.refused(409, "FileAlreadyExists", "PUT", "/k", "", "x-cos-copy-source: /"+Bucket+"/other", "x-cos-metadata-directive: Replaced", forbid)
	r.refused(409, "FileAlreadyExists", "POST", "/k?uploads", "", forbid)
	id := r.ok(200, "POST", "/fresh?uploads", "", forbid).text("UploadId")
	etag := r.ok(200, "PUT", "/fresh?partNumber=1&uploadId="+id, "p").header.Get("ETag")
	r.ok(200, "PUT", "/fresh", "sooner", forbid)
	r.refused(409, "FileAlreadyExists", "POST", "/fresh?uploadId="+id, completion(etag), forbid)
	r.ok(200, "PUT", "/k", "y", "x-cos-forbid-overwrite: false")

	r.Equal("AES256", r.ok(200, "PUT", "/sse", "x", "x-cos-server-side-encryption: AES256").header.Get("x-cos-server-side-encryption"))
	r.Equal("AES256", r.ok(200, "GET", "/sse", "").header.Get("x-cos-server-side-encryption"))
	key := strings.Repeat("k", 32)
	customer := []string{"x-cos-server-side-encryption-customer-algorithm: AES256", "x-cos-server-side-encryption-customer-key: a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
		"x-cos-server-side-encryption-customer-key-MD5: " + strings.TrimPrefix(md5Of(key), "Content-MD5: ")}
	r.ok(200, "PUT", "/own", "secret", customer...)
	r.Equal("secret", r.ok(200, "GET", "/own", "", customer...).body)
	r.refused(400, "SsecDecryptHeaderInvalid", "GET", "/own", "")
}

// completion is the document of cos-api.md 5.16 for parts 1 to n.
func completion(etags ...string) string {
	doc := "<CompleteMultipartUpload>"
	for i, etag := range etags {
		doc += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, etag)
	}
	return doc + "</CompleteMultipartUpload>"
}
