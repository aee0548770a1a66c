package cosserver

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// startUpload begins an upload and gives its id.
func (s *site) startUpload(target string, headers ...string) string {
	s.Helper()
	var r struct{ UploadId string }
	require.NoError(s, xml.Unmarshal([]byte(s.must("POST", target+"?uploads", "", headers...).body), &r))
	require.NotEmpty(s, r.UploadId)
	return r.UploadId
}

func partTarget(key, id string, n int) string {
	return fmt.Sprintf("%s?partNumber=%d&uploadId=%s", key, n, id)
}

// completeDocument lists parts by number and ETag.
func completeDocument(parts ...[2]string) string {
	var b strings.Builder
	b.WriteString("<CompleteMultipartUpload>")
	for _, p := range parts {
		fmt.Fprintf(&b, "<Part><PartNumber>%s</PartNumber><ETag>%s</ETag></Part>", p[0], p[1])
	}
	b.WriteString("</CompleteMultipartUpload>")
	return b.String()
}

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestMultipart(t *testing.T) {
	both(t, func(s *site) {
		first, second := strings.Repeat("first", 1<<18), "second"
		id := s.startUpload("/big%20file", "x-cos-meta-a: 1", "x-cos-storage-class: STANDARD_IA", sseHeader+": AES256")
		s.must("PUT", partTarget("/big%20file", id, 2), second)
		s.must("PUT", partTarget("/big%20file", id, 1), "to be replaced")
		a := s.must("PUT", partTarget("/big%20file", id, 1), first)
		require.Equal(s, `"`+md5Hex(first)+`"`, a.header.Get("ETag"))
		require.Equal(s, fmt.Sprint(cosapi.CRC64([]byte(first))), a.header.Get("x-cos-hash-crc64ecma"))
		require.Equal(s, "AES256", a.header.Get(sseHeader))
		s.must("PUT", partTarget("/big%20file", id, 3), "dropped: not listed")
		list := s.must("GET", "/big%20file?max-parts=1&part-number-marker=1&uploadId="+id, "").body
		require.Contains(s, list, "<PartNumberMarker>1</PartNumberMarker><Part><PartNumber>2</PartNumber>")
		require.Contains(s, list, "<NextPartNumberMarker>2</NextPartNumberMarker>")
		require.Contains(s, list, "<IsTruncated>true</IsTruncated>")

		doc := completeDocument([2]string{"1", `"` + md5Hex(first) + `"`}, [2]string{"2", md5Hex(second)})
		done := s.must("POST", "/big%20file?uploadId="+id, doc)
		require.Equal(s, fmt.Sprint(cosapi.CRC64([]byte(first+second))), done.header.Get("x-cos-hash-crc64ecma"))
		require.Contains(s, done.body, "<Location>http://"+testBucket+".cos.ap-guangzhou.myqcloud.com/big%20file</Location>")
		require.Contains(s, done.body, "<Key>big file</Key>")
		got := s.must("GET", "/big%20file", "")
		require.Equal(s, md5Hex(first+second), md5Hex(got.body))
		require.Equal(s, "1", got.header.Get("x-cos-meta-a"))
		require.Equal(s, "STANDARD_IA", got.header.Get("x-cos-storage-class"))
		s.refuses(404, "NoSuchUpload", "POST", "/big%20file?uploadId="+id, doc)
		s.settled()
	})
}

func TestCompleteRefusals(t *testing.T) {
	both(t, func(s *site) {
		id := s.startUpload("/k")
		s.must("PUT", partTarget("/k", id, 1), "one")
		s.must("PUT", partTarget("/k", id, 2), "two")
		one, two := [2]string{"1", md5Hex("one")}, [2]string{"2", md5Hex("two")}
		target := "/k?uploadId=" + id
		for _, c := range []struct {
			code, doc string
		}{
			{"MalformedXML", "<CompleteMultipartUpload/>"},
			{"MalformedXML", "<Complete"},
			{"MissingRequestBodyError", ""},
			{"InvalidPartOrder", completeDocument(one, one)},
			{"InvalidPart", completeDocument(two)},
			{"InvalidPart", completeDocument([2]string{"1", md5Hex("two")})},
			{"InvalidPart", completeDocument(one, [2]string{"3", md5Hex("two")})},
			{"EntityTooSmall", completeDocument(one, two)},
		} {
			s.refuses(400, c.code, "POST", target, c.doc)
		}
		s.must("POST", target, completeDocument(one))
		require.Equal(s, "one", s.must("GET", "/k", "").body)
		s.settled()
	})
}

func TestUploadRefusals(t *testing.T) {
	both(t, func(s *site) {
		id := s.startUpload("/k")
		s.refuses(400, "InvalidArgument", "PUT", partTarget("/k", id, 0), "x")
		s.refuses(400, "InvalidArgument", "PUT", partTarget("/k", id, 10001), "x")
		s.refuses(404, "NoSuchUpload", "PUT", partTarget("/k", "nothing", 1), "x")
		s.refuses(404, "NoSuchUpload", "PUT", partTarget("/other", id, 1), "x")
		s.refuses(404, "NoSuchUpload", "GET", "/k?uploadId=nothing", "")
		s.refuses(404, "NoSuchUpload", "DELETE", "/k?uploadId=nothing", "")
		s.refuses(409, "BucketNotEmpty", "DELETE", "/", "")
		s.must("PUT", partTarget("/k", id, 1), "x")
		require.Equal(s, 204, s.must("DELETE", "/k?uploadId="+id, "").status)
		s.refuses(404, "NoSuchUpload", "PUT", partTarget("/k", id, 1), "x")
		s.settled()
		require.Equal(s, 204, s.must("DELETE", "/", "").status)
		s.refuses(404, "NoSuchBucket", "POST", "/k?uploads", "")
	})
}

func TestForbidOverwriteOfUploads(t *testing.T) {
	s := newSite(t, nil)
	const forbid = "x-cos-forbid-overwrite: true"
	id := s.startUpload("/k", forbid)
	s.must("PUT", partTarget("/k", id, 1), "x")
	s.must("PUT", "/k", "in between")
	doc := completeDocument([2]string{"1", md5Hex("x")})
	s.refuses(409, "FileAlreadyExists", "POST", "/k?uploadId="+id, doc, forbid)
	s.refuses(409, "FileAlreadyExists", "POST", "/k?uploads", "", forbid)
	s.must("POST", "/k?uploadId="+id, doc)
}

func TestPartCopies(t *testing.T) {
	both(t, func(s *site) {
		s.must("PUT", "/src", "0123456789")
		id := s.startUpload("/k")
		from := "x-cos-copy-source: " + testBucket + "/src"
		const rng = "x-cos-copy-source-range: "
		a := s.must("PUT", partTarget("/k", id, 1), "", from, rng+"bytes=2-5")
		require.Contains(s, a.body, "<CopyPartResult><ETag>&#34;"+md5Hex("2345")+"&#34;</ETag>")
		s.refuses(416, "InvalidRange", "PUT", partTarget("/k", id, 2), "", from, rng+"bytes=2-10")
		s.refuses(400, "InvalidArgument", "PUT", partTarget("/k", id, 2), "", from, rng+"bytes=2-")
		s.refuses(412, "PreconditionFailed", "PUT", partTarget("/k", id, 2), "", from, "x-cos-copy-source-If-Match: other")
		s.refuses(404, "NoSuchKey", "PUT", partTarget("/k", id, 2), "", "x-cos-copy-source: "+testBucket+"/missing")
		s.must("PUT", "/src", "replaced")
		s.must("POST", "/k?uploadId="+id, completeDocument([2]string{"1", md5Hex("2345")}))
		require.Equal(s, "2345", s.must("GET", "/k", "").body)
		require.Equal(s, "34", s.must("GET", "/k", "", "Range: bytes=1-2").body)
		s.must("DELETE", "/src", "")
		require.Equal(s, "2345", s.must("GET", "/k", "").body)
		s.must("DELETE", "/k", "")
		s.settled()
	})
}

// TestChurn runs every kind of change on a few keys at once, with readers that
// must always see one whole body, and then looks at what is left.
func TestChurn(t *testing.T) {
	both(t, func(s *site) {
		body := func(n int) string { return strings.Repeat(fmt.Sprintf("%06d", n), 5000) }
		var wg sync.WaitGroup
		for w := range 6 {
			rnd := rand.New(rand.NewPCG(uint64(w), 1))
			wg.Go(func() {
				for range 60 {
					s.churn(rnd, body)
				}
			})
		}
		wg.Wait()
		s.settled()
		for i := range 3 {
			s.must("DELETE", fmt.Sprintf("/k%d", i), "")
		}
		s.settled()
		require.Empty(s, s.blobIDs())
	})
}

func (s *site) churn(rnd *rand.Rand, body func(int) string) {
	target := fmt.Sprintf("/k%d", rnd.IntN(3))
	switch rnd.IntN(7) {
	case 0, 1:
		s.must("PUT", target, body(rnd.IntN(1e6)))
	case 2:
		s.must("DELETE", target, "")
	case 3:
		a := s.do("PUT", target, "", fmt.Sprintf("x-cos-copy-source: %s/k%d", testBucket, rnd.IntN(3)), "x-cos-metadata-directive: Replaced")
		require.Contains(s, []int{200, 404}, a.status)
	case 4:
		id := s.startUpload(target)
		b := body(rnd.IntN(1e6))
		s.must("PUT", partTarget(target, id, 1), b)
		s.do("PUT", partTarget(target, id, 2), "", "x-cos-copy-source: "+testBucket+target)
		s.must("POST", target+"?uploadId="+id, completeDocument([2]string{"1", md5Hex(b)}))
	default:
		a := s.do("GET", target, "")
		if a.status == 404 {
			return
		}
		require.Equal(s, 200, a.status)
		require.Len(s, a.body, 30000)
		require.Equal(s, strings.Repeat(a.body[:6], 5000), a.body)
	}
}
