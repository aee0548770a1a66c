package cosapi

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	helloETag = "5eb63bbbe01eeed093cb22bb8f5acdc3"
	hello     = "hello world"
)

func helloHeaders(more ...string) []string {
	return append([]string{
		`ETag: "` + helloETag + `"`,
		fmt.Sprint(crcHeader, ": ", CRC64([]byte(hello))),
		"Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT",
		"Content-Type: text/plain",
	}, more...)
}

// piece answers [from, to) of hello as 206.
func piece(from, to int) http.HandlerFunc {
	return reply(206, hello[from:to], helloHeaders(fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, to-1, len(hello)))...)
}

var helloVersion = Version{Key: "k", ETag: helloETag, Size: int64(len(hello))}

func readAll(t *testing.T, c *Client, v Version, r Range) (string, error) {
	t.Helper()
	rd, err := c.Get(t.Context(), v, r)
	if err != nil {
		return "", err
	}
	defer rd.Close()
	data, err := io.ReadAll(rd)
	return string(data), err
}

func TestGetWhole(t *testing.T) {
	c, w := newWire(t, reply(200, hello, helloHeaders("x-cos-meta-mode: 33188", "x-cos-storage-class: STANDARD_IA",
		"x-cos-version-id: v1", "x-cos-expiration: exp", "Cache-Control: no-cache", "x-cos-object-type: appendable")...))
	rd, err := c.Get(t.Context(), helloVersion, Range{0, -1})
	require.NoError(t, err)
	data, err := io.ReadAll(rd)
	require.NoError(t, err)
	require.Equal(t, hello, string(data))
	require.NoError(t, rd.Close())
	_, err = rd.Read(make([]byte, 1))
	require.Error(t, err)
	require.Equal(t, Object{
		Version: helloVersion,
		Attrs: Attrs{ContentType: "text/plain", CacheControl: "no-cache", StorageClass: "STANDARD_IA",
			Meta: map[string]string{"mode": "33188"}},
		Modified: time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC),
		CRC64:    CRC64([]byte(hello)), HasCRC64: true, VersionID: "v1", Type: "appendable", Expiration: "exp",
	}, rd.Object)
	r := w.requests()[0]
	require.Equal(t, `"`+helloETag+`"`, r.Header.Get("If-Match"))
	require.Empty(t, r.Header.Get("Range"))
	require.Empty(t, r.Header.Get("Accept-Encoding"))
	verifySignature(t, r.Request, testCredentials)
}

func TestGetRange(t *testing.T) {
	for name, tc := range map[string]struct {
		rng    Range
		header string
		answer http.HandlerFunc
		want   string
	}{
		"middle":            {Range{6, 3}, "bytes=6-8", piece(6, 9), "wor"},
		"to the end":        {Range{6, -1}, "bytes=6-", piece(6, 11), "world"},
		"over the end":      {Range{6, 100}, "bytes=6-105", piece(6, 11), "world"},
		"200 for a prefix":  {Range{0, 5}, "bytes=0-4", reply(200, hello, helloHeaders()...), "hello"},
		"server sends more": {Range{0, 5}, "bytes=0-4", piece(0, 11), "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			c, w := newWire(t, tc.answer)
			got, err := readAll(t, c, helloVersion, tc.rng)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.header, w.requests()[0].Header.Get("Range"))
			verifySignature(t, w.requests()[0].Request, testCredentials)
		})
	}
}

func TestGetRefusesWrongAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		rng    Range
		answer http.HandlerFunc
		kind   Kind
	}{
		"412":                   {Range{0, -1}, fault(412, "PreconditionFailed"), Changed},
		"other ETag":            {Range{0, -1}, reply(200, hello, `ETag: "ffff"`), Changed},
		"other size":            {Range{0, -1}, reply(200, hello+"!", `ETag: "`+helloETag+`"`), Changed},
		"no ETag":               {Range{0, -1}, reply(200, hello), Changed},
		"416":                   {Range{20, 4}, fault(416, "InvalidRange"), OutOfRange},
		"Range ignored":         {Range{6, 3}, reply(200, hello, helloHeaders()...), Unsupported},
		"another piece":         {Range{6, 3}, piece(5, 8), Unsupported},
		"no Content-Range":      {Range{6, 3}, reply(206, "wor", helloHeaders()...), Unsupported},
		"Content-Range unknown": {Range{6, 3}, reply(206, "wor", helloHeaders("Content-Range: bytes 6-8/*")...), Unsupported},
		"archived":              {Range{0, -1}, fault(403, "InvalidObjectState"), Archived},
		"gone":                  {Range{0, -1}, fault(404, "NoSuchKey"), NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			c, w := newWire(t, tc.answer)
			_, err := readAll(t, c, helloVersion, tc.rng)
			requireKind(t, tc.kind, err)
			require.Len(t, w.requests(), 1)
		})
	}
}

func TestGetResumesABrokenBody(t *testing.T) {
	c, w := newWire(t, cut(200, 11, "hel", helloHeaders()...), hangUp, fault(503, "SlowDown"),
		cut(206, 8, "lo w", helloHeaders("Content-Range: bytes 3-10/11")...), piece(7, 11))
	got, err := readAll(t, c, Version{Key: "k"}, Range{0, -1})
	require.NoError(t, err)
	require.Equal(t, hello, got)
	requests := w.requests()
	require.Len(t, requests, 5)
	require.Empty(t, requests[0].Header.Get("If-Match"), "any version")
	require.Equal(t, "bytes=3-10", requests[3].Header.Get("Range"))
	require.Equal(t, "bytes=7-10", requests[4].Header.Get("Range"))
	require.Equal(t, `"`+helloETag+`"`, requests[4].Header.Get("If-Match"), "the version of the first bytes")
}

func TestGetNeverMixesVersions(t *testing.T) {
	c, _ := newWire(t, cut(200, 11, "hel", helloHeaders()...), fault(412, "PreconditionFailed"))
	got, err := readAll(t, c, Version{Key: "k"}, Range{0, -1})
	requireKind(t, Changed, err)
	require.Equal(t, "hel", got)

	c, _ = newWire(t, cut(200, 11, "hel"), piece(3, 11))
	_, err = readAll(t, c, Version{Key: "k"}, Range{0, -1})
	requireKind(t, Unavailable, err) // without an ETag there is nothing to resume by
}

func TestGetGivesUpWithoutProgress(t *testing.T) {
	c, w := newWire(t, cut(200, 11, "hel", helloHeaders()...),
		cut(206, 8, "", helloHeaders("Content-Range: bytes 3-10/11")...))
	got, err := readAll(t, c, helloVersion, Range{0, -1})
	requireKind(t, Unavailable, err)
	require.Equal(t, "hel", got)
	require.ErrorContains(t, err, "byte 3 of 11")
	require.Len(t, w.requests(), 1+4)
}

func TestGetOfDamagedBytesIsCorrupt(t *testing.T) {
	c, _ := newWire(t, reply(200, "hellO world", helloHeaders()...))
	rd, err := c.Get(t.Context(), helloVersion, Range{0, -1})
	require.NoError(t, err)
	defer rd.Close()
	_, err = io.ReadFull(rd, make([]byte, len(hello)))
	requireKind(t, Corrupt, err) // also for a reader who counts bytes
	_, err = rd.Read(make([]byte, 1))
	requireKind(t, Corrupt, err)

	c, _ = newWire(t, reply(206, "wOr", helloHeaders("Content-Range: bytes 6-8/11")...))
	_, err = readAll(t, c, helloVersion, Range{6, 3})
	require.NoError(t, err, "a piece has no checksum")
}

func TestGetOfAnyVersion(t *testing.T) {
	c, w := newWire(t, reply(200, hello, helloHeaders()...))
	got, err := readAll(t, c, Version{Key: "k", Size: 3}, Range{0, -1})
	require.NoError(t, err, "a size says nothing without an ETag")
	require.Equal(t, hello, got)
	require.Empty(t, w.requests()[0].Header.Get("If-Match"))
}

func TestGetWithoutChecksumHeader(t *testing.T) {
	c, _ := newWire(t, reply(200, hello, `ETag: "`+helloETag+`"`))
	got, err := readAll(t, c, helloVersion, Range{0, -1})
	require.NoError(t, err)
	require.Equal(t, hello, got)
}

func TestGetOfEmptyObjectsHasNoRange(t *testing.T) {
	c, w := newWire(t, reply(200, "", `ETag: "e"`, crcHeader+": 0"))
	got, err := readAll(t, c, Version{Key: "k", ETag: "e"}, Range{0, 1 << 20})
	require.NoError(t, err)
	require.Empty(t, got)
	require.Empty(t, w.requests()[0].Header.Get("Range"))
}

func TestGetOfNoBytesAsksOnlyForTheHeader(t *testing.T) {
	c, w := newWire(t, reply(200, "", helloHeaders("Content-Length: 11")...))
	rd, err := c.Get(t.Context(), helloVersion, Range{3, 0})
	require.NoError(t, err)
	data, err := io.ReadAll(rd)
	require.NoError(t, err)
	require.Empty(t, data)
	require.Equal(t, helloVersion, rd.Object.Version)
	require.Equal(t, "HEAD", w.requests()[0].Method)
	require.NoError(t, rd.Close())

	c, _ = newWire(t, reply(404, ""))
	_, err = c.Get(t.Context(), helloVersion, Range{3, 0})
	requireKind(t, NotFound, err)
}

func TestGetWithConditionsAndOverrides(t *testing.T) {
	c, w := newWire(t, reply(304, ""))
	when := time.Date(2023, 11, 14, 22, 13, 20, 0, time.FixedZone("", 8*3600))
	_, err := c.GetWith(t.Context(), Version{Key: "k"}, Range{0, -1}, GetOptions{
		HeadOptions: HeadOptions{VersionID: "v 1", IfNoneMatch: "abc", IfModifiedSince: when, IfUnmodifiedSince: when,
			CustomerKey: []byte("0123456789ABCDEF0123456789ABCDEF")},
		ResponseContentType: "text/x", ResponseContentLanguage: "zh", ResponseExpires: "e",
		ResponseCacheControl: "c", ResponseContentDisposition: "d; f=\"a b\"", ResponseContentEncoding: "gz",
		TrafficLimit: 819200,
	})
	requireKind(t, NotModified, err)
	r := w.requests()[0]
	require.Equal(t, "versionId=v%201&response-content-type=text%2Fx&response-content-language=zh&response-expires=e&"+
		"response-cache-control=c&response-content-disposition=d%3B%20f%3D%22a%20b%22&response-content-encoding=gz", r.URL.RawQuery)
	require.Equal(t, `"abc"`, r.Header.Get("If-None-Match"))
	require.Equal(t, "Tue, 14 Nov 2023 14:13:20 GMT", r.Header.Get("If-Modified-Since"))
	require.Equal(t, "Tue, 14 Nov 2023 14:13:20 GMT", r.Header.Get("If-Unmodified-Since"))
	require.Equal(t, "819200", r.Header.Get("x-cos-traffic-limit"))
	require.Equal(t, "MDEyMzQ1Njc4OUFCQ0RFRjAxMjM0NTY3ODlBQkNERUY=", r.Header.Get("x-cos-server-side-encryption-customer-key"))
	require.Equal(t, "U5L61r7jcwdNvT7frmUG8g==", r.Header.Get("x-cos-server-side-encryption-customer-key-MD5"))
	verifySignature(t, r.Request, testCredentials)
}

func TestGetArguments(t *testing.T) {
	c, w := newWire(t, hangUp)
	_, err := c.Get(t.Context(), helloVersion, Range{-1, 4})
	requireKind(t, Invalid, err)
	_, err = c.Get(t.Context(), Version{Key: "a/.."}, Range{0, -1})
	requireKind(t, Invalid, err)
	require.Empty(t, w.requests())
}

func TestIdleReaderIsNotTimedOut(t *testing.T) {
	// The clock of silence runs only while somebody waits for bytes.
	server := httptest.NewServer(reply(200, hello, helloHeaders()...))
	defer server.Close()
	c, err := New(Config{Endpoint: server.URL, Bucket: testBucket, AnswerTimeout: time.Second})
	require.NoError(t, err)
	rd, err := c.Get(t.Context(), helloVersion, Range{0, -1})
	require.NoError(t, err)
	defer rd.Close()
	dog := rd.body.(watchedBody).dog
	require.False(t, dog.timer.Stop(), "the timer runs although nobody reads")
	got, err := io.ReadAll(rd)
	require.NoError(t, err)
	require.Equal(t, hello, string(got))
	require.False(t, dog.timer.Stop())
}

func TestSilentBodyIsResumed(t *testing.T) {
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "" {
			piece(5, 11)(w, r)
			return
		}
		setAll(w.Header(), helloHeaders("Content-Length: 11"))
		_, _ = io.WriteString(w, "hello")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}), func(cfg *Config) { cfg.AnswerTimeout = 100 * time.Millisecond })
	got, err := readAll(t, c, helloVersion, Range{0, -1})
	require.NoError(t, err)
	require.Equal(t, hello, got)
}

func TestHead(t *testing.T) {
	c, w := newWire(t, reply(200, "", helloHeaders("Content-Length: 11", `x-cos-restore: ongoing-request="true"`, "ETag: W/\"abc\"")...))
	o, err := c.Head(t.Context(), "dir/a b+c%/年.txt")
	require.NoError(t, err)
	require.Equal(t, int64(11), o.Size)
	require.Equal(t, "abc", o.ETag)
	require.Equal(t, `ongoing-request="true"`, o.Restore)
	require.False(t, o.Listed)
	require.Equal(t, "/"+testBucket+"/dir/a%20b%2Bc%25/%E5%B9%B4.txt", w.requests()[0].RequestURI)

	c, _ = newWire(t, reply(200, "", "Transfer-Encoding: chunked"))
	_, err = c.Head(t.Context(), "k")
	requireKind(t, Unsupported, err) // its size is not known

	c, _ = newWire(t, reply(404, ""))
	_, err = c.Head(t.Context(), "k")
	e := requireKind(t, NotFound, err)
	require.Equal(t, "NotFound", e.Code)
}

func TestDelete(t *testing.T) {
	c, w := newWire(t, reply(204, "", "x-cos-version-id: v2", "x-cos-delete-marker: true"))
	require.NoError(t, c.Delete(t.Context(), "k"))
	done, err := c.DeleteVersion(t.Context(), "k", "v1")
	require.NoError(t, err)
	require.Equal(t, Deleted{VersionID: "v2", DeleteMarker: true}, done)
	require.Equal(t, []string{"", "versionId=v1"}, []string{w.requests()[0].URL.RawQuery, w.requests()[1].URL.RawQuery})

	c, _ = newWire(t, fault(404, "NoSuchKey"), fault(404, "NoSuchBucket"))
	require.NoError(t, c.Delete(t.Context(), "k"), "what is not there needs no deleting")
	requireKind(t, NoBucket, c.Delete(t.Context(), "k"))
	for _, key := range []string{"", ".", "..", "a/..", "//", "/a"} {
		requireKind(t, Invalid, c.Delete(t.Context(), key))
	}
}
