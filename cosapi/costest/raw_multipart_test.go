package costest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const mib = 1 << 20

//rows:server O39-O48 O50 O51-O60 O62 O7 U1 U4 U8 U12
func TestRawMultipart(t *testing.T) {
	r := newRaw(t)
	a := r.ok(200, "POST", "/big%20file?uploads", "", "Content-Type: text/plain", "x-cos-meta-a: b", "x-cos-acl: public-read",
		"x-cos-storage-class: STANDARD_IA", "Cache-Control: no-cache")
	r.has(a, "InitiateMultipartUploadResult", "Bucket="+Bucket, "Key=big file")
	id := a.text("UploadId")
	part := func(n int) string { return fmt.Sprintf("/big%%20file?partNumber=%d&uploadId=%s", n, id) }
	whole := "/big%20file?uploadId=" + id

	first := strings.Repeat("a", mib)
	etags := make([]string, 3)
	var sent sync.WaitGroup
	for i, body := range []string{first, first, "tail"} {
		sent.Go(func() { etags[i] = r.do("PUT", part(i+1), body).header.Get("ETag") })
	}
	sent.Wait()
	a = r.ok(200, "PUT", part(2), strings.Repeat("b", mib))
	r.Equal(`"`+fmt.Sprintf("%x", sumOf(strings.Repeat("b", mib)))+`"`, a.header.Get("ETag"), "the plain MD5, quoted; the part is replaced")
	r.NotEmpty(a.header.Get("x-cos-hash-crc64ecma"))
	etags[1] = a.header.Get("ETag")
	for _, n := range []int{0, -1, 10001} {
		r.refused(400, "InvalidArgument", "PUT", part(n), "x")
	}
	r.refused(404, "NoSuchUpload", "PUT", "/big%20file?partNumber=1&uploadId=unknown", "x")

	a = r.ok(200, "GET", whole+"&encoding-type=url&max-parts=&part-number-marker=", "")
	r.has(a, "ListPartsResult", "Bucket="+Bucket, "Key=big%20file", "UploadId="+id, "EncodingType=url", "MaxParts=1000", "PartNumberMarker=0",
		"StorageClass=STANDARD_IA", "IsTruncated=false", "Owner/ID=1250000000", "Owner/DisplayName=1250000000",
		"Initiator/ID="+owner, "Initiator/DisplayName="+owner)
	r.Equal([]string{"1", "2", "3"}, a.all("Part/PartNumber"))
	r.Equal(etags, a.all("Part/ETag"))
	r.Equal([]string{"1048576", "1048576", "4"}, a.all("Part/Size"))
	r.Regexp(`\.\d{3}Z$`, a.text("Part/LastModified"))
	a = r.ok(200, "GET", whole+"&max-parts=1&part-number-marker=1", "")
	r.has(a, "ListPartsResult", "Key=big file", "Part/PartNumber=2", "IsTruncated=true", "NextPartNumberMarker=2", "MaxParts=1", "PartNumberMarker=1")

	r.Empty(r.ok(200, "GET", "", "").all("Contents/Key"), "invisible until it is complete")
	a = r.ok(200, "POST", whole, completion(etags...))
	r.has(a, "CompleteMultipartUploadResult", "Bucket="+Bucket, "Key=big file",
		"Location=http://"+Bucket+".cos.ap-guangzhou.myqcloud.com/big%20file")
	r.Regexp(`^"[0-9a-f]{32}-3"$`, a.text("ETag"))
	r.NotEmpty(a.header.Get("x-cos-hash-crc64ecma"))
	head := r.ok(200, "HEAD", "/big%20file", "")
	r.Equal(a.text("ETag"), head.header.Get("ETag"))
	for name, want := range map[string]string{"Content-Type": "text/plain", "x-cos-meta-a": "b", "x-cos-storage-class": "STANDARD_IA",
		"Cache-Control": "no-cache", "Content-Length": fmt.Sprint(2*mib + 4), "x-cos-hash-crc64ecma": a.header.Get("x-cos-hash-crc64ecma")} {
		r.Equal(want, head.header.Get(name), name)
	}
	r.Equal([]string{"FULL_CONTROL", "READ"}, r.ok(200, "GET", "/big%20file?acl", "").all("AccessControlList/Grant/Permission"))
	r.refused(404, "NoSuchUpload", "POST", whole, completion(etags...))
}

//rows:server O42 O59 O60 O61 U3
func TestRawMultipartRefusals(t *testing.T) {
	r := newRaw(t)
	id := r.ok(200, "POST", "/k?uploads", "").text("UploadId")
	target := "/k?uploadId=" + id
	put := func(n int, body string) string {
		return r.ok(200, "PUT", fmt.Sprintf("/k?partNumber=%d&uploadId=%s", n, id), body).header.Get("ETag")
	}
	one, two := put(1, strings.Repeat("x", mib)), put(2, "tail")
	three := put(10000, "the highest number")
	r.NotEmpty(three)
	list := func(pairs ...any) string {
		var doc strings.Builder
		for pair := range slices.Chunk(pairs, 2) {
			fmt.Fprintf(&doc, "<Part><PartNumber>%v</PartNumber><ETag>%v</ETag></Part>", pair[0], pair[1])
		}
		return "<CompleteMultipartUpload>" + doc.String() + "</CompleteMultipartUpload>"
	}
	many := make([]any, 0, 20002)
	for n := range 10001 {
		many = append(many, n+1, one)
	}
	for _, tc := range []struct{ code, doc string }{
		{"InvalidPartOrder", list(2, two, 1, one)},
		{"InvalidPartOrder", list(1, one, 1, one)},
		{"InvalidPart", list(1, one, 3, two)},
		{"InvalidPart", list(1, one, 2, one)},
		{"InvalidPart", list(1, `"0"`)},
		{"EntityTooSmall", list(1, put(1, "small"), 2, two)},
		{"MalformedXML", list()},
		{"MalformedXML", "<CompleteMultipartUpload><Part>"},
		{"MalformedXML", "<Other><Part><PartNumber>1</PartNumber></Part></Other>"},
		{"MalformedXML", list(many...)},
		{"MissingRequestBodyError", ""},
	} {
		r.refused(400, tc.code, "POST", target, tc.doc)
	}
	one = put(1, strings.Repeat("x", mib))
	r.refused(400, "BadDigest", "POST", target, completion(one, two), md5Of("other"))
	r.ok(200, "POST", target, completion(strings.Trim(one, `"`), two)) // without quotes; part 10000 is dropped
	r.Equal(fmt.Sprint(mib+4), r.ok(200, "HEAD", "/k", "").header.Get("Content-Length"))

	id = r.ok(200, "POST", "/small?uploads", "").text("UploadId")
	etag := r.ok(200, "PUT", "/small?partNumber=1&uploadId="+id, "thirteen byte").header.Get("ETag")
	r.ok(200, "POST", "/small?uploadId="+id, completion(etag)) // no least size of the whole

	id = r.ok(200, "POST", "/k?uploads", "").text("UploadId")
	put(1, "x")
	r.Empty(r.ok(204, "DELETE", "/k?uploadId="+id, "").body)
	r.refused(404, "NoSuchUpload", "DELETE", "/k?uploadId="+id, "")
	r.refused(404, "NoSuchUpload", "GET", "/k?uploadId="+id, "")
}

//rows:server O69-O76 O7
func TestRawCopy(t *testing.T) {
	r := newRaw(t)
	second := *r.s
	second.Bucket = "second-1250000000"
	other := *r
	other.s = &second
	other.ok(200, "PUT", "", "")
	other.ok(200, "PUT", "/a%20b%2B", "hello world", "Content-Type: text/plain", "x-cos-meta-a: b", "x-cos-acl: public-read", "x-cos-storage-class: STANDARD_IA")
	for _, source := range []string{"second-1250000000.cos.ap-guangzhou.myqcloud.com/a%20b%2B", "/second-1250000000/a%20b%2B"} {
		a := r.ok(200, "PUT", "/copy", "", "x-cos-copy-source: "+source)
		r.has(a, "CopyObjectResult", "ETag="+helloMD5, "CRC64="+helloCRC)
		r.Regexp(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, a.text("LastModified"))
	}
	source := "x-cos-copy-source: /second-1250000000/a%20b%2B"
	h := r.ok(200, "HEAD", "/copy", "").header
	r.Equal([]string{"text/plain", "b", ""}, []string{h.Get("Content-Type"), h.Get("x-cos-meta-a"), h.Get("x-cos-storage-class")})
	r.Equal("default", r.ok(200, "GET", "/copy?acl", "").header.Get("x-cos-acl"), "not inherited")
	r.ok(200, "PUT", "/copy", "", source, "x-cos-acl: public-read", `x-cos-grant-full-control: id="100000000009"`, "x-cos-storage-class: ARCHIVE")
	r.Equal("ARCHIVE", r.ok(200, "HEAD", "/copy", "").header.Get("x-cos-storage-class"))
	r.Len(r.ok(200, "GET", "/copy?acl", "").all("AccessControlList/Grant"), 3)

	replaced := []string{"Content-Type: a/b", "Cache-Control: c", "Content-Disposition: d", "Content-Encoding: e", "Content-Language: f", "Expires: g", "x-cos-meta-new: h"}
	for i, directive := range []string{"Replaced", "replaced", "REPLACE"} {
		key := fmt.Sprintf("/replaced%d", i)
		r.ok(200, "PUT", key, "", append([]string{source, "x-cos-metadata-directive: " + directive}, replaced...)...)
		h = r.ok(200, "HEAD", key, "").header
		r.Equal("a/b", h.Get("Content-Type"))
		for _, line := range replaced {
			name, want, _ := strings.Cut(line, ": ")
			r.Equal(want, h.Get(name))
		}
		r.Empty(h.Get("x-cos-meta-a"))
	}
	r.ok(200, "PUT", "/kept", "", append([]string{source, "x-cos-metadata-directive: Copy"}, replaced...)...)
	r.Equal("b", r.ok(200, "HEAD", "/kept", "").header.Get("x-cos-meta-a"))
	self := "x-cos-copy-source: /" + Bucket + "/kept"
	r.refused(400, "InvalidRequest", "PUT", "/kept", "", self)
	r.ok(200, "PUT", "/kept", "", self, "x-cos-metadata-directive: Replaced")
	r.refused(400, "InvalidArgument", "PUT", "/k", "", source, "x-cos-metadata-directive: Move")
	r.refused(404, "NoSuchKey", "PUT", "/k", "", "x-cos-copy-source: /"+Bucket+"/missing")
	r.refused(404, "NoSuchBucket", "PUT", "/k", "", "x-cos-copy-source: /third-1250000000/missing")
	r.refused(400, "InvalidCopySource", "PUT", "/k", "", "x-cos-copy-source: nothing")
}

//rows:server O77-O85
func TestRawPartCopy(t *testing.T) {
	r := newRaw(t)
	r.ok(200, "PUT", "/src", "hello world")
	modified := r.ok(200, "HEAD", "/src", "").header.Get("Last-Modified")
	id := r.ok(200, "POST", "/k?uploads", "").text("UploadId")
	target := "/k?partNumber=1&uploadId=" + id
	source := "x-cos-copy-source: " + Bucket + ".cos.ap-guangzhou.myqcloud.com/src"
	a := r.ok(200, "PUT", target, "", source, "x-cos-copy-source-range: bytes=6-10")
	r.has(a, "CopyPartResult", fmt.Sprintf(`ETag="%x"`, sumOf("world")))
	r.NotEmpty(a.text("LastModified"))
	r.Equal(helloMD5, r.ok(200, "PUT", target, "", source, "x-cos-copy-source-range: ").text("ETag"), "an empty range is the whole source")
	const past = "Tue, 14 Nov 2006 22:13:20 GMT"
	for _, c := range []struct {
		status int
		header string
	}{
		{200, "If-Match: " + helloMD5}, {412, `If-Match: "other"`}, {200, `If-None-Match: "other"`}, {412, "If-None-Match: " + helloMD5},
		{200, "If-Modified-Since: " + past}, {412, "If-Modified-Since: " + modified},
		{200, "If-Unmodified-Since: " + modified}, {412, "If-Unmodified-Since: " + past},
	} {
		r.ok(c.status, "PUT", target, "", source, "x-cos-copy-source-"+c.header)
		r.ok(c.status, "PUT", "/whole", "", source, "x-cos-copy-source-"+c.header)
	}
	r.refused(416, "InvalidRange", "PUT", target, "", source, "x-cos-copy-source-range: bytes=0-11")
	r.refused(400, "InvalidArgument", "PUT", target, "", source, "x-cos-copy-source-range: bytes=5-")
	r.refused(400, "InvalidArgument", "PUT", "/k?partNumber=10001&uploadId="+id, "", source)
	r.refused(404, "NoSuchUpload", "PUT", "/k?partNumber=1&uploadId=unknown", "", source)
}

//rows:server O45 O46 O1 O31 E6
func TestRawLimits(t *testing.T) {
	r := newRaw(t)
	id := r.ok(200, "POST", "/k?uploads", "").text("UploadId")
	for _, tc := range []struct{ method, target, code string }{
		{"PUT", "/k", "EntityTooLarge"},
		{"PUT", "/k?partNumber=1&uploadId=" + id, "EntityTooLarge"},
		{"POST", "/k?append&position=0", "EntityTooLarge"},
	} {
		// The length alone is refused: nobody sends 5 GiB first.
		req := r.request(tc.method, "/"+Bucket+tc.target, neverRead{})
		req.ContentLength = 5<<30 + 1
		req.Header.Set("Expect", "100-continue")
		req.Header.Set("Authorization", r.sign(req, time.Now()).Authorization)
		a := r.answer(req)
		r.Equal(400, a.status, tc.target)
		r.Equal(tc.code, a.text("Code"))
	}
	doc := "<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 1001) + "</Delete>"
	r.refused(400, "MalformedXML", "POST", "?delete", doc, md5Of(doc))
	doc = "<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 1000) + "</Delete>"
	r.document(200, "POST", "?delete", doc)
	large := "<Delete>" + strings.Repeat(" ", 2*mib) + "</Delete>"
	r.refused(400, "XMLSizeLimit", "POST", "?delete", large, md5Of(large))
	for _, sub := range []string{"?acl", "?cors", "?lifecycle", "?replication", "?tagging", "?versioning", "?policy"} {
		r.refused(400, "XMLSizeLimit", "PUT", sub, large)
		r.refused(400, "InvalidDigest", "PUT", sub, "<x/>", "Content-MD5: c2hvcnQ=")
		r.refused(400, "BadDigest", "PUT", sub, "<x/>", md5Of("other"))
	}
}

// neverRead is a body that a test does not send.
type neverRead struct{}

func (neverRead) Read([]byte) (int, error) {
	return 0, fmt.Errorf("the server asked for the body")
}
