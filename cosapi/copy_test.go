package cosapi

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const copyAnswer = `<?xml version="1.0" encoding="UTF-8"?>
<CopyObjectResult><ETag>"abc"</ETag><CRC64>5981764153023615706</CRC64><LastModified>2023-11-14T22:13:20Z</LastModified><VersionId>v9</VersionId></CopyObjectResult>`

func TestCopyKeepsOrReplaces(t *testing.T) {
	attrs := Attrs{ContentType: "text/x", StorageClass: "ARCHIVE", Meta: map[string]string{"mode": "1"}}
	for name, tc := range map[string]struct {
		o                          CopyOptions
		directive, kind, class, md string
		want                       Attrs
	}{
		"keep":    {CopyOptions{PutOptions: PutOptions{Attrs: attrs}}, "Copy", "", "ARCHIVE", "", Attrs{StorageClass: "ARCHIVE"}},
		"replace": {CopyOptions{Replace: true, PutOptions: PutOptions{Attrs: attrs}}, "Replaced", "text/x", "ARCHIVE", "1", attrs},
	} {
		t.Run(name, func(t *testing.T) {
			c, w := newWire(t, reply(200, copyAnswer))
			o, err := c.Copy(t.Context(), Version{"src 年+", "e1", 11}, "dst", tc.o)
			require.NoError(t, err)
			require.Equal(t, Object{
				Version: Version{"dst", "abc", 11}, Attrs: tc.want, VersionID: "v9",
				Modified: time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC), CRC64: 5981764153023615706, HasCRC64: true,
			}, o)
			r := w.requests()[0]
			require.Equal(t, "/"+testBucket+"/src%20%E5%B9%B4%2B", r.Header.Get("x-cos-copy-source"))
			require.Equal(t, `"e1"`, r.Header.Get("x-cos-copy-source-If-Match"))
			require.Equal(t, []string{tc.directive, tc.kind, tc.class, tc.md}, []string{r.Header.Get("x-cos-metadata-directive"),
				r.Header.Get("Content-Type"), r.Header.Get("x-cos-storage-class"), r.Header.Get("x-cos-meta-mode")})
			verifySignature(t, r.Request, testCredentials)
		})
	}
}

func TestCopySources(t *testing.T) {
	for name, tc := range map[string]struct {
		region string
		s      CopySource
		want   string
	}{
		"region":         {"ap-guangzhou", CopySource{}, testBucket + ".cos.ap-guangzhou.myqcloud.com/a%2Fb"},
		"other bucket":   {"ap-guangzhou", CopySource{SourceBucket: "o-1"}, "o-1.cos.ap-guangzhou.myqcloud.com/a%2Fb"},
		"other region":   {"ap-guangzhou", CopySource{SourceBucket: "o-1", SourceRegion: "ap-beijing"}, "o-1.cos.ap-beijing.myqcloud.com/a%2Fb"},
		"path style":     {"", CopySource{SourceBucket: "o-1", SourceVersionID: "v+1"}, "/o-1/a%2Fb?versionId=v%2B1"},
		"path, no other": {"", CopySource{}, "/" + testBucket + "/a%2Fb"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := New(Config{Endpoint: "http://127.0.0.1", Region: tc.region, Bucket: testBucket})
			require.NoError(t, err)
			require.Equal(t, strings.ReplaceAll(tc.want, "%2F", "/"), c.source("a/b", tc.s))
		})
	}
	c, err := New(Config{Endpoint: "https://cos.example.com", Bucket: testBucket})
	require.NoError(t, err)
	require.Equal(t, testBucket+".cos.example.com/k", c.source("k", CopySource{}))
}

func TestCopyErrors(t *testing.T) {
	c, w := newWire(t, reply(200, " \n<?xml version='1.0'?>\n<Error><Code>SlowDown</Code></Error>"), reply(200, "<CopyObjectResult/>"),
		reply(200, copyAnswer))
	_, err := c.Copy(t.Context(), Version{Key: "src"}, "dst", CopyOptions{})
	require.NoError(t, err, "errors inside 200 that may pass are tried again")
	require.Len(t, w.requests(), 3)

	c, w = newWire(t, reply(200, "<Error><Code>NoSuchKey</Code><Message>m</Message></Error>"))
	_, err = c.Copy(t.Context(), Version{Key: "src"}, "dst", CopyOptions{})
	e := requireKind(t, NotFound, err)
	require.Equal(t, 200, e.Status)
	require.Len(t, w.requests(), 1)

	c, _ = newWire(t, fault(412, "PreconditionFailed"))
	_, err = c.Copy(t.Context(), Version{Key: "src", ETag: "e"}, "dst", CopyOptions{})
	requireKind(t, Changed, err)
	_, err = c.Copy(t.Context(), Version{Key: "src", Size: MaxPutSize + 1}, "dst", CopyOptions{})
	requireKind(t, TooLarge, err)
	_, err = c.Copy(t.Context(), Version{Key: "src"}, "src", CopyOptions{})
	requireKind(t, Invalid, err)
	_, err = c.Copy(t.Context(), Version{Key: ".."}, "dst", CopyOptions{})
	requireKind(t, Invalid, err)
}

func TestExclusiveCopyIsNotRepeatedBlindly(t *testing.T) {
	o := CopyOptions{PutOptions: PutOptions{ForbidOverwrite: true}}
	there := reply(200, "", helloHeaders("Content-Length: 11")...)
	other := reply(200, "", `ETag: "x"`, "Content-Length: 11", crcHeader+": 1")
	for name, tc := range map[string]struct {
		answers []http.HandlerFunc
		kind    Kind // Other: success
	}{
		"refused":             {[]http.HandlerFunc{fault(409, "FileAlreadyExists")}, Exists},
		"lost, ours":          {[]http.HandlerFunc{hangUp, there, there}, Other},
		"lost, somebody's":    {[]http.HandlerFunc{hangUp, there, other}, Exists},
		"lost, not there":     {[]http.HandlerFunc{hangUp, reply(404, ""), reply(200, copyAnswer)}, Other},
		"lost, unknown":       {[]http.HandlerFunc{hangUp, reply(403, "")}, Unavailable},
		"lost, source hidden": {[]http.HandlerFunc{hangUp, there, reply(403, "")}, Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			c, w := newWire(t, tc.answers...)
			_, err := c.Copy(t.Context(), helloVersion, "dst", o)
			require.Len(t, w.requests(), len(tc.answers))
			if tc.kind == Other {
				require.NoError(t, err)
			} else {
				requireKind(t, tc.kind, err)
			}
		})
	}
	c, _ := newWire(t, hangUp, there)
	o.SourceBucket = "other-1"
	_, err := c.Copy(t.Context(), helloVersion, "dst", o)
	requireKind(t, Exists, err) // another bucket's source cannot be compared here
}

func TestUploadAndCopyParts(t *testing.T) {
	c, w := newWire(t, stored(hello))
	part, err := c.UploadPart(t.Context(), "k", "id/1", 7, strings.NewReader(hello))
	require.NoError(t, err)
	require.Equal(t, Part{Number: 7, ETag: helloETag, Size: 11, CRC64: CRC64([]byte(hello)), HasCRC64: true}, part)
	require.Equal(t, "partNumber=7&uploadId=id%2F1", w.requests()[0].URL.RawQuery)
	verifySignature(t, w.requests()[0].Request, testCredentials)

	for name, tc := range map[string]struct {
		r    Range
		want string
		size int64
	}{
		"whole":      {Range{0, -1}, "", 11},
		"middle":     {Range{3, 4}, "bytes=3-6", 4},
		"to the end": {Range{3, -1}, "bytes=3-10", 8},
	} {
		c, w := newWire(t, reply(200, strings.ReplaceAll(copyAnswer, "CopyObjectResult", "CopyPartResult")))
		part, err = c.CopyPart(t.Context(), "k", "id", 2, helloVersion, tc.r)
		require.NoError(t, err, name)
		require.Equal(t, Part{Number: 2, ETag: "abc", Size: tc.size, CRC64: 5981764153023615706, HasCRC64: true,
			Modified: time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)}, part)
		require.Equal(t, tc.want, w.requests()[0].Header.Get("x-cos-copy-source-range"), name)
	}
	when := time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)
	c, w = newWire(t, reply(200, copyAnswer))
	_, err = c.CopyPartFrom(t.Context(), "k", "id", 2, helloVersion, Range{0, -1}, CopySource{SourceIfNoneMatch: "n",
		SourceIfModifiedSince: when, SourceIfUnmodifiedSince: when, SourceCustomerKey: make([]byte, 32)})
	require.NoError(t, err)
	h := w.requests()[0].Header
	require.Equal(t, `"n"`, h.Get("x-cos-copy-source-If-None-Match"))
	require.Equal(t, "Tue, 14 Nov 2023 22:13:20 GMT", h.Get("x-cos-copy-source-If-Modified-Since"))
	require.Equal(t, "Tue, 14 Nov 2023 22:13:20 GMT", h.Get("x-cos-copy-source-If-Unmodified-Since"))
	require.Equal(t, "AES256", h.Get("x-cos-copy-source-server-side-encryption-customer-algorithm"))
}

func TestPartArguments(t *testing.T) {
	c, w := newWire(t, hangUp)
	for _, number := range []int{0, 10_001} {
		_, err := c.UploadPart(t.Context(), "k", "id", number, nil)
		requireKind(t, Invalid, err)
	}
	_, err := c.UploadPart(t.Context(), "k", "", 1, nil)
	requireKind(t, Invalid, err)
	requireKind(t, Invalid, c.AbortUpload(t.Context(), "k", "")) // would delete the object
	_, err = c.Parts(t.Context(), "k", "")
	requireKind(t, Invalid, err)
	for _, r := range []Range{{-1, 4}, {0, 0}, {11, -1}, {12, -1}} {
		_, err = c.CopyPart(t.Context(), "k", "id", 1, helloVersion, r)
		requireKind(t, Invalid, err)
	}
	require.Empty(t, w.requests())
	c, _ = newWire(t, reply(200, "", fmt.Sprint(crcHeader, ": ", CRC64(nil))))
	_, err = c.UploadPart(t.Context(), "k", "id", 1, nil)
	requireKind(t, Unavailable, err) // no ETag
}

func TestStartAndAbortUpload(t *testing.T) {
	c, w := newWire(t, reply(200, "<InitiateMultipartUploadResult><UploadId/></InitiateMultipartUploadResult>"),
		reply(200, "<InitiateMultipartUploadResult><Bucket>b</Bucket><UploadId>17aa</UploadId></InitiateMultipartUploadResult>"))
	id, err := c.StartUpload(t.Context(), "k", PutOptions{ForbidOverwrite: true, Attrs: Attrs{ContentType: "a/b"}})
	require.NoError(t, err)
	require.Equal(t, "17aa", id)
	r := w.requests()[1]
	require.Equal(t, "uploads", r.URL.RawQuery)
	require.Equal(t, "a/b", r.Header.Get("Content-Type"))
	require.Equal(t, "true", r.Header.Get("x-cos-forbid-overwrite"))

	c, _ = newWire(t, fault(404, "NoSuchUpload"))
	requireKind(t, NoUpload, c.AbortUpload(t.Context(), "k", "id"))
	c, _ = newWire(t, hangUp, fault(404, "NoSuchUpload"))
	require.NoError(t, c.AbortUpload(t.Context(), "k", "id"), "the lost attempt did it")
}

const completeAnswer = `<?xml version="1.0" encoding="UTF-8"?>
<CompleteMultipartUploadResult xmlns="http://www.qcloud.com/document/product/436/7751">
<Location>http://x/k</Location><ETag>&quot;abc-2&quot;</ETag></CompleteMultipartUploadResult>`

var helloParts = []Part{
	{Number: 2, ETag: "e2", Size: 6, CRC64: CRC64([]byte(" world")), HasCRC64: true},
	{Number: 1, ETag: "e1", Size: 5, CRC64: CRC64([]byte("hello")), HasCRC64: true},
}

func TestAnswersMayRepeatKeysThatXMLCannotCarry(t *testing.T) {
	c, _ := newWire(t,
		reply(200, "<InitiateMultipartUploadResult><Key>bell\a\xff</Key><UploadId>id</UploadId></InitiateMultipartUploadResult>"),
		reply(200, strings.Replace(completeAnswer, "<ETag>", "<Key>bell\a\xff</Key><ETag>", 1)),
		reply(404, "<Error><Code>NoSuchUpload</Code><Resource>host/bell\a</Resource></Error>"))
	id, err := c.StartUpload(t.Context(), "bell\a", PutOptions{})
	require.NoError(t, err)
	require.Equal(t, "id", id)
	_, err = c.CompleteUpload(t.Context(), "bell\a", id, helloParts)
	require.NoError(t, err)
	e := requireKind(t, NoUpload, c.AbortUpload(t.Context(), "bell\a", id))
	require.Equal(t, "host/bell\a", e.Resource)
}

func TestComplete(t *testing.T) {
	blanks := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		for range 5 {
			_, _ = io.WriteString(w, " \n")
			w.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(w, completeAnswer)
	}
	c, w := newWire(t, blanks)
	o, err := c.CompleteExclusive(t.Context(), "k", "id", helloParts)
	require.NoError(t, err)
	require.Equal(t, Version{"k", "abc-2", 11}, o.Version)
	require.Equal(t, CRC64([]byte(hello)), o.CRC64)
	require.True(t, o.HasCRC64)
	r := w.requests()[0]
	require.Equal(t, "true", r.Header.Get("x-cos-forbid-overwrite"))
	require.Equal(t, `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&#34;e1&#34;</ETag></Part>`+
		`<Part><PartNumber>2</PartNumber><ETag>&#34;e2&#34;</ETag></Part></CompleteMultipartUpload>`, string(r.body))
	verifySignature(t, r.Request, testCredentials)
}

func TestCompleteFailures(t *testing.T) {
	crc := fmt.Sprint(crcHeader, ": ", CRC64([]byte(hello)))
	there := reply(200, "", `ETag: "abc-2"`, "Content-Length: 11", crc)
	other := reply(200, "", `ETag: "abc-2"`, "Content-Length: 11", crcHeader+": 1")
	for name, tc := range map[string]struct {
		answers []http.HandlerFunc
		kind    Kind // Other: success
	}{
		"error inside 200 that passes":  {[]http.HandlerFunc{reply(200, "  <Error><Code>InternalError</Code></Error>"), reply(200, completeAnswer, crc)}, Other},
		"error inside 200 that stays":   {[]http.HandlerFunc{reply(200, "<Error><Code>InvalidPart</Code></Error>")}, Invalid},
		"wrong checksum":                {[]http.HandlerFunc{reply(200, completeAnswer, crcHeader+": 1")}, Corrupt},
		"gone at once":                  {[]http.HandlerFunc{fault(404, "NoSuchUpload")}, NoUpload},
		"lost, gone, ours":              {[]http.HandlerFunc{hangUp, fault(404, "NoSuchUpload"), there}, Other},
		"lost, gone, somebody's":        {[]http.HandlerFunc{hangUp, fault(404, "NoSuchUpload"), other}, NoUpload},
		"lost, gone, no object":         {[]http.HandlerFunc{hangUp, fault(404, "NoSuchUpload"), reply(404, "")}, NoUpload},
		"broken off, then repeated":     {[]http.HandlerFunc{cut(200, 400, completeAnswer[:60]), reply(200, completeAnswer)}, Other},
		"conflict, ours":                {[]http.HandlerFunc{fault(409, "UploadConflict"), there}, Other},
		"conflict, not there, repeated": {[]http.HandlerFunc{fault(409, "UploadConflict"), reply(404, ""), reply(200, completeAnswer)}, Other},
		"no ETag":                       {[]http.HandlerFunc{reply(200, "<CompleteMultipartUploadResult/>"), reply(200, completeAnswer)}, Other},
	} {
		t.Run(name, func(t *testing.T) {
			c, w := newWire(t, tc.answers...)
			o, err := c.CompleteUpload(t.Context(), "k", "id", helloParts)
			require.Len(t, w.requests(), len(tc.answers))
			if tc.kind == Other {
				require.NoError(t, err)
				require.Equal(t, Version{"k", "abc-2", 11}, o.Version)
			} else {
				requireKind(t, tc.kind, err)
			}
		})
	}
	c, w := newWire(t, hangUp)
	for _, parts := range [][]Part{nil, {{Number: 2}}, {{Number: 1}, {Number: 1}}, {{Number: 1}, {Number: 3}}} {
		_, err := c.CompleteUpload(t.Context(), "k", "id", parts)
		requireKind(t, Invalid, err)
	}
	require.Empty(t, w.requests())
}

// An object of the right size may be the one that was to be replaced: without
// checksums of the parts nothing says that it is ours.
func TestCompleteIsNotProvenBySize(t *testing.T) {
	there := reply(200, "", `ETag: "old"`, "Content-Length: 11", crcHeader+": 1")
	c, w := newWire(t, hangUp, fault(404, "NoSuchUpload"), there)
	_, err := c.CompleteUpload(t.Context(), "k", "id", []Part{{Number: 1, ETag: "e1", Size: 11}})
	requireKind(t, NoUpload, err)
	require.Len(t, w.requests(), 3)
}

func TestPartsReadsAllPages(t *testing.T) {
	page := func(truncated bool, numbers ...int) http.HandlerFunc {
		var b strings.Builder
		last := 0
		for _, n := range numbers {
			fmt.Fprintf(&b, "<Part><PartNumber>%d</PartNumber><ETag>&quot;e%d&quot;</ETag><Size>%d</Size></Part>", n, n, n*10)
			last = n
		}
		return reply(200, fmt.Sprintf("<ListPartsResult>%s<IsTruncated>%t</IsTruncated><NextPartNumberMarker>%d</NextPartNumberMarker></ListPartsResult>",
			b.String(), truncated, last))
	}
	c, w := newWire(t, page(true, 1, 2), page(false, 3))
	parts, err := c.Parts(t.Context(), "k", "id")
	require.NoError(t, err)
	require.Equal(t, []Part{{Number: 1, ETag: "e1", Size: 10}, {Number: 2, ETag: "e2", Size: 20}, {Number: 3, ETag: "e3", Size: 30}}, parts)
	require.Equal(t, "uploadId=id&max-parts=1000&part-number-marker=2&encoding-type=url", w.requests()[1].URL.RawQuery)

	c, _ = newWire(t, page(true, 1, 2), page(true, 2))
	_, err = c.Parts(t.Context(), "k", "id")
	requireKind(t, Unavailable, err) // would never end
}

func TestDeleteMulti(t *testing.T) {
	answer := reply(200, "<DeleteResult/>")
	c, w := newWire(t, answer)
	keys := make([]string, 1001)
	for i := range keys {
		keys[i] = fmt.Sprintf("dir/<%d>", i)
	}
	keys[7] = "bell\a"
	failures, err := c.DeleteMulti(t.Context(), keys)
	require.NoError(t, err)
	require.Empty(t, failures)
	requests := w.requests()
	require.Len(t, requests, 2)
	require.Equal(t, "delete", requests[0].URL.RawQuery)
	require.Len(t, requests[0].Header.Get("Content-MD5"), 24)
	verifySignature(t, requests[0].Request, testCredentials)
	var doc struct {
		Quiet  bool
		Object []struct{ Key string }
	}
	require.NoError(t, xml.Unmarshal(requests[0].body, &doc))
	require.True(t, doc.Quiet)
	require.Len(t, doc.Object, 1000)
	require.Equal(t, "dir/<8>", doc.Object[7].Key)
	require.Equal(t, "DELETE", requests[1].Method, "a key that XML cannot carry is deleted by itself")
	require.Equal(t, "/"+testBucket+"/bell%07", requests[1].RequestURI)
}

func TestDeleteMultiFailures(t *testing.T) {
	errs := func(pairs ...string) http.HandlerFunc {
		var b strings.Builder
		for i := 0; i < len(pairs); i += 2 {
			fmt.Fprintf(&b, "<Error><Key>%s</Key><Code>%s</Code><Message>m</Message></Error>", pairs[i], pairs[i+1])
		}
		return reply(200, "<DeleteResult>"+b.String()+"</DeleteResult>")
	}
	c, w := newWire(t, errs("a", "AccessDenied", "b", "PathConflict", "c", "NoSuchKey"), errs())
	failures, err := c.DeleteMulti(t.Context(), []string{"a", "b", "c", "d"})
	require.NoError(t, err)
	require.Len(t, failures, 1)
	require.Equal(t, "a", failures[0].Key)
	requireKind(t, Denied, failures[0].Err)
	require.Len(t, w.requests(), 2)
	require.Equal(t, "<Delete><Quiet>true</Quiet><Object><Key>b</Key></Object></Delete>", string(w.requests()[1].body))

	c, w = newWire(t, errs("b", "PathConflict"))
	failures, err = c.DeleteMulti(t.Context(), []string{"b"})
	require.NoError(t, err)
	require.Len(t, failures, 1)
	require.Len(t, w.requests(), 5)

	c, _ = newWire(t, fault(403, "AccessDenied"))
	_, err = c.DeleteMulti(t.Context(), []string{"b"})
	requireKind(t, Denied, err)
	_, err = c.DeleteMulti(t.Context(), []string{"a", "."})
	requireKind(t, Invalid, err)
	failures, err = c.DeleteMulti(t.Context(), []string{"bell\a"})
	require.NoError(t, err)
	require.Len(t, failures, 1)
	requireKind(t, Denied, failures[0].Err)
}
