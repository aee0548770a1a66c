package cosserver

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPutAnswers(t *testing.T) {
	both(t, func(s *site) {
		a := s.must("PUT", "/dir/hello.txt", "hello world", "x-cos-meta-Mode: 33188")
		require.Equal(s, `"5eb63bbbe01eeed093cb22bb8f5acdc3"`, a.header.Get("ETag"))
		require.Equal(s, "5981764153023615706", a.header.Get("x-cos-hash-crc64ecma"))
		require.Empty(s, a.header.Get("x-cos-version-id"))
		a = s.must("GET", "/dir/hello.txt", "", "Range: bytes=6-")
		require.Equal(s, http.StatusPartialContent, a.status)
		require.Equal(s, "world", a.body)
		require.Equal(s, "bytes 6-10/11", a.header.Get("Content-Range"))
		require.Equal(s, "5981764153023615706", a.header.Get("x-cos-hash-crc64ecma"))
		require.Equal(s, "33188", a.header.Get("x-cos-meta-mode"))
		require.Equal(s, defaultContentType, a.header.Get("Content-Type"))
		require.Empty(s, a.header.Get("x-cos-storage-class"))
	})
}

// TestRawKeys sends paths no client library would leave alone.
func TestRawKeys(t *testing.T) {
	both(t, func(s *site) {
		for _, target := range []string{
			"/a", "//a", "/a//b", "/.", "/..", "/a/../b", "/a/./b", "/%2e%2e", "/a%2Fb/c", "/a+b", "/a%2Bb", "/%25", "/d/", "/%E6%96%87", "/a%3Fb",
		} {
			s.must("PUT", target, "body of "+target)
		}
		// "/.." and "/%2e%2e" are one key, as are "/a+b" and "/a%2Bb".
		require.Equal(s, "body of /%2e%2e", s.must("GET", "/..", "").body)
		require.Equal(s, "body of /a%2Bb", s.must("GET", "/a+b", "").body)
		require.Equal(s, "body of //a", s.must("GET", "//a", "").body)
		rows, _, err := s.store.list(testBucket, listQuery{max: 100})
		require.NoError(s, err)
		require.Len(s, rows, 13)
	})
}

func TestRanges(t *testing.T) {
	both(t, func(s *site) {
		s.must("PUT", "/k", "0123456789")
		s.must("PUT", "/empty", "")
		for _, c := range []struct{ header, want, contentRange string }{
			{"bytes=0-", "0123456789", "bytes 0-9/10"},
			{"bytes=2-4", "234", "bytes 2-4/10"},
			{"bytes=8-100", "89", "bytes 8-9/10"},
			{"bytes=-3", "789", "bytes 7-9/10"},
			{"bytes=-30", "0123456789", "bytes 0-9/10"},
			{"bytes=4-2", "0123456789", ""},
			{"bytes=a-b", "0123456789", ""},
			{"bytes=1-2,4-5", "0123456789", ""},
			{"lines=1-2", "0123456789", ""},
			{"bytes=5", "0123456789", ""},
		} {
			a := s.must("GET", "/k", "", "Range: "+c.header)
			require.Equal(s, c.want, a.body, c.header)
			require.Equal(s, c.contentRange, a.header.Get("Content-Range"), c.header)
			require.Equal(s, c.contentRange != "", a.status == http.StatusPartialContent)
		}
		for _, header := range []string{"bytes=10-", "bytes=10-20", "bytes=-0"} {
			s.refuses(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "GET", "/k", "", "Range: "+header)
		}
		s.refuses(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "GET", "/empty", "", "Range: bytes=0-")
		head := s.must("HEAD", "/k", "", "Range: bytes=2-3")
		require.Equal(s, http.StatusOK, head.status)
		require.Equal(s, "10", head.header.Get("Content-Length"))
	})
}

func TestConditions(t *testing.T) {
	s := newSite(t, nil)
	etag := s.must("PUT", "/k", "x").header.Get("ETag")
	const past, future = "Fri, 10 Apr 2020 09:35:05 GMT", "Fri, 10 Apr 2099 09:35:05 GMT"
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{[]string{"If-Match: " + etag}, 200},
		{[]string{"If-Match: " + unquote(etag)}, 200},
		{[]string{"If-Match: *"}, 200},
		{[]string{`If-Match: "a", ` + etag}, 200},
		{[]string{`If-Match: "other"`}, 412},
		{[]string{"If-None-Match: " + etag}, 304},
		{[]string{`If-None-Match: "other"`}, 200},
		{[]string{"If-Modified-Since: " + past}, 200},
		{[]string{"If-Modified-Since: " + future}, 304},
		{[]string{"If-Unmodified-Since: " + past}, 412},
		{[]string{"If-Unmodified-Since: " + future}, 200},
		{[]string{"If-Modified-Since: nonsense"}, 200},
		{[]string{"If-Match: " + etag, "If-Unmodified-Since: " + past}, 200},
		{[]string{`If-None-Match: "other"`, "If-Modified-Since: " + future}, 200},
		{[]string{"If-Match: " + etag, "If-None-Match: " + etag}, 304},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := s.do(method, "/k", "", c.headers...)
			require.Equal(t, c.status, a.status, "%s %v", method, c.headers)
			switch {
			case c.status == 304:
				require.Equal(t, etag, a.header.Get("ETag"))
				require.Empty(t, a.body)
			case c.status == 412 && method == "GET":
				require.Equal(t, "PreconditionFailed", a.code())
			}
		}
	}
}

func TestPutRefusals(t *testing.T) {
	both(t, func(s *site) {
		s.refuses(400, "BadDigest", "PUT", "/k", "x", "Content-MD5: XrY7u+Ae7tCTyyK7j1rNww==")
		s.refuses(400, "InvalidDigest", "PUT", "/k", "x", "Content-MD5: short")
		s.refuses(400, "InvalidSHA1Digest", "PUT", "/k", "x", "x-cos-content-sha1: "+strings.Repeat("0", 40))
		s.refuses(400, "KeyTooLong", "PUT", "/"+strings.Repeat("k", 851), "x")
		s.refuses(400, "InvalidURI", "PUT", "/%1b", "x")
		s.refuses(400, "InvalidURI", "PUT", "/%ff", "x")
		s.refuses(400, "MetadataTooLarge", "PUT", "/k", "x", "x-cos-meta-a: "+strings.Repeat("v", 5000))
		s.refuses(400, "NotSupportedStorageClass", "PUT", "/k", "x", "x-cos-storage-class: GOLD")
		s.refuses(400, "InvalidArgument", "PUT", "/k", "x", "x-cos-acl: everybody")
		s.refuses(400, "InvalidTag", "PUT", "/k", "x", "x-cos-tagging: a=1&a=2")
		s.refuses(501, "NotImplemented", "PUT", "/k?unknown", "x")
		s.refuses(501, "NotImplemented", "DELETE", "/?website", "")
		require.Equal(s, 404, s.send("PUT", "/missing-1250000000/k", strings.NewReader("x")).status)
		s.refuses(404, "NoSuchKey", "GET", "/k", "")
		require.Empty(s, s.refuses(404, "", "HEAD", "/k", "").body)
		s.settled()
	})
}

func TestPutNeedsALengthOrChunks(t *testing.T) {
	s := newSite(t, nil)
	chunked := struct{ *strings.Reader }{strings.NewReader("in chunks")} // of a length the client cannot see
	require.Equal(t, 200, s.send("PUT", "/"+testBucket+"/k", chunked).status)
	require.Equal(t, "in chunks", s.must("GET", "/k", "").body)
	require.Contains(t, s.raw("PUT /"+testBucket+"/k HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), "411 Length Required")
}

func TestShortBodyStoresNothing(t *testing.T) {
	both(t, func(s *site) {
		s.must("PUT", "/k", "old")
		s.raw("PUT /" + testBucket + "/k HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nonly this")
		require.Equal(s, "old", s.must("GET", "/k", "").body)
		s.settled()
	})
}

func TestForbidOverwriteLetsOneWin(t *testing.T) {
	both(t, func(s *site) {
		const racers = 16
		results := make(chan int, racers)
		for i := range racers {
			go func() {
				results <- s.do("PUT", "/k", strconv.Itoa(i), "x-cos-forbid-overwrite: true").status
			}()
		}
		won := 0
		for range racers {
			switch status := <-results; status {
			case 200:
				won++
			default:
				require.Equal(s, 409, status)
			}
		}
		require.Equal(s, 1, won)
		s.refuses(409, "FileAlreadyExists", "PUT", "/k", "x", "x-cos-forbid-overwrite: true")
		s.settled()
	})
}

func TestCopySources(t *testing.T) {
	both(t, func(s *site) {
		s.must("PUT", "/from%20+%E6%96%87", "body", "Content-Type: text/plain", "x-cos-meta-a: 1", "x-cos-storage-class: STANDARD_IA")
		for i, source := range []string{
			testBucket + ".cos.ap-guangzhou.myqcloud.com/from%20%2B%E6%96%87",
			"/" + testBucket + "/from%20%2B%E6%96%87",
			testBucket + "/from%20+%E6%96%87",
			strings.TrimPrefix(s.url, "http://") + "/" + testBucket + "/from%20+%E6%96%87",
		} {
			to := fmt.Sprintf("/to%d", i)
			a := s.must("PUT", to, "", "x-cos-copy-source: "+source)
			require.Contains(s, a.body, "<CopyObjectResult><ETag>&#34;841a2d689ad86bd1611447453c22c6fc&#34;</ETag>")
			head := s.must("HEAD", to, "")
			require.Equal(s, "text/plain", head.header.Get("Content-Type"))
			require.Equal(s, "1", head.header.Get("x-cos-meta-a"))
			require.Empty(s, head.header.Get("x-cos-storage-class"), "the class is never inherited")
		}
		s.must("PUT", "/to", "", "x-cos-copy-source: "+testBucket+"/to0", "x-cos-metadata-directive: Replaced", "x-cos-meta-b: 2")
		head := s.must("HEAD", "/to", "")
		require.Equal(s, []string{"", "2"}, []string{head.header.Get("x-cos-meta-a"), head.header.Get("x-cos-meta-b")})
		s.settled()
	})
}

func TestCopyRefusals(t *testing.T) {
	s := newSite(t, nil)
	etag := s.must("PUT", "/k", "x").header.Get("ETag")
	from := "x-cos-copy-source: " + testBucket + "/k"
	s.refuses(404, "NoSuchKey", "PUT", "/to", "", "x-cos-copy-source: "+testBucket+"/missing")
	s.refuses(404, "NoSuchBucket", "PUT", "/to", "", "x-cos-copy-source: missing-1250000000/k")
	s.refuses(400, "InvalidCopySource", "PUT", "/to", "", "x-cos-copy-source: nothing")
	s.refuses(400, "InvalidRequest", "PUT", "/k", "", from)
	s.refuses(400, "InvalidArgument", "PUT", "/to", "", from, "x-cos-metadata-directive: perhaps")
	for _, condition := range []string{
		`If-Match: "other"`, "If-None-Match: " + etag, "If-Modified-Since: Fri, 10 Apr 2099 09:35:05 GMT",
		"If-Unmodified-Since: Fri, 10 Apr 2020 09:35:05 GMT",
	} {
		s.refuses(412, "PreconditionFailed", "PUT", "/to", "", from, "x-cos-copy-source-"+condition)
	}
	s.must("PUT", "/to", "", from, "x-cos-copy-source-If-Match: "+etag)
	s.refuses(409, "FileAlreadyExists", "PUT", "/to", "", from, "x-cos-forbid-overwrite: true")
}

// TestCopyAbove5GiB makes the object by hand, out of one blob named often.
//
//rows:server O69
func TestCopyAbove5GiB(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/seed", strings.Repeat("s", 64<<20))
	seed, _, err := s.store.lookup(testBucket, "seed", "")
	require.NoError(t, err)
	huge := &objectRecord{objectHead: objectHead{ETag: seed.ETag, Size: 81 * seed.Size}, objectDetail: seed.objectDetail}
	huge.Segments = slices.Repeat(seed.Segments, 81)
	require.NoError(t, s.store.put(put{bucket: testBucket, key: "huge", object: huge}))
	require.Equal(t, "5435817984", s.must("HEAD", "/huge", "").header.Get("Content-Length"))
	s.refuses(400, "EntityTooLarge", "PUT", "/to", "", "x-cos-copy-source: "+testBucket+"/huge")
	id := regexp.MustCompile("<UploadId>(.*)</UploadId>").FindStringSubmatch(s.must("POST", "/to?uploads", "").body)[1]
	s.refuses(400, "EntityTooLarge", "PUT", "/to?partNumber=1&uploadId="+id, "", "x-cos-copy-source: "+testBucket+"/huge")
	s.must("PUT", "/to?partNumber=1&uploadId="+id, "", "x-cos-copy-source: "+testBucket+"/huge", "x-cos-copy-source-range: bytes=5368709119-5368709120")
}

func TestArchivedContentCannotBeRead(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/k", "x", "x-cos-storage-class: ARCHIVE")
	require.Equal(t, "ARCHIVE", s.must("HEAD", "/k", "").header.Get("x-cos-storage-class"))
	s.refuses(403, "InvalidObjectState", "GET", "/k", "")
	s.refuses(403, "InvalidObjectState", "PUT", "/to", "", "x-cos-copy-source: "+testBucket+"/k")
}

func TestOverridesOfTheAnswer(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/k", "x")
	a := s.must("GET", "/k?response-content-type=text%2Fx&response-cache-control=no-store", "")
	require.Equal(t, []string{"text/x", "no-store"}, []string{a.header.Get("Content-Type"), a.header.Get("Cache-Control")})
}

func TestEncryptionHeadersAreKept(t *testing.T) {
	s := newSite(t, nil)
	require.Equal(t, "AES256", s.must("PUT", "/k", "x", sseHeader+": AES256").header.Get(sseHeader))
	require.Equal(t, "AES256", s.must("HEAD", "/k", "").header.Get(sseHeader))
	key := []string{
		sseCustomer + "algorithm: AES256", sseCustomer + "key: MDEyMzQ1Njc4OUFCQ0RFRjAxMjM0NTY3ODlBQkNERUY=",
		sseCustomer + "key-MD5: U5L61r7jcwdNvT7frmUG8g==",
	}
	s.must("PUT", "/c", "secret", key...)
	s.refuses(400, "SsecDecryptHeaderInvalid", "GET", "/c", "")
	s.refuses(400, "SsecDecryptHeaderInvalid", "GET", "/c", "", key[:2]...)
	require.Equal(t, "secret", s.must("GET", "/c", "", key...).body)
	s.refuses(400, "SSEHeaderNotAllowed", "PUT", "/k", "x", append(key, sseHeader+": AES256")...)
}

func TestDeleteMulti(t *testing.T) {
	both(t, func(s *site) {
		s.must("PUT", "/a", "x")
		s.must("PUT", "/b%20c", "x")
		post := func(doc string) answer {
			return s.do("POST", "/?delete", doc, "Content-MD5: "+md5Base64(doc))
		}
		s.refuses(400, "InvalidRequest", "POST", "/?delete", "<Delete/>")
		require.Equal(s, "MalformedXML", post("<Delete/>").code())
		require.Equal(s, "MalformedXML", post("no xml").code())
		require.Equal(s, "MalformedXML", post("<Delete>"+strings.Repeat("<Object><Key>k</Key></Object>", 1001)+"</Delete>").code())
		a := post("<Delete><Quiet>false</Quiet><Object><Key>a</Key></Object><Object><Key>missing</Key></Object></Delete>")
		require.Equal(s, 200, a.status)
		require.Contains(s, a.body, "<DeleteResult><Deleted><Key>a</Key></Deleted><Deleted><Key>missing</Key></Deleted></DeleteResult>")
		a = post("<Delete><Quiet>TRUE</Quiet><Object><Key>b c</Key></Object></Delete>")
		require.Contains(s, a.body, "<DeleteResult></DeleteResult>")
		s.refuses(404, "NoSuchKey", "GET", "/b%20c", "")
		s.settled()
	})
}

func TestVersionOfAnUnversionedObject(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/k", "x")
	require.Equal(t, 204, s.must("DELETE", "/k?versionId=unknown", "").status)
	require.Equal(t, "x", s.must("GET", "/k?versionId=null", "").body)
	s.must("DELETE", "/k?versionId=null", "")
	s.refuses(404, "NoSuchKey", "GET", "/k", "")
	s.settled()
}
