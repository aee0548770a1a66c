package cosapi

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// hugeSource answers as a bucket with one object of 6 GiB, and gathers what is
// copied of it.
type hugeSource struct {
	mu     sync.Mutex // guards the fields below
	ranges map[string]string
	calls  []string
	header http.Header // of the begin
	refuse string      // part number that fails
}

func (s *hugeSource) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	switch {
	case r.Method == "HEAD":
		w.Header().Set("Content-Length", fmt.Sprint(6<<30))
		w.Header().Set("ETag", `"huge-99"`)
		w.Header().Set("Content-Type", "a/b")
		w.Header().Set("x-cos-meta-a", "1")
		w.Header().Set("x-cos-storage-class", "STANDARD_IA")
	case q.Has("uploads"):
		s.header = r.Header
		fmt.Fprint(w, "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>")
	case r.Method == "PUT" && q.Get("partNumber") == s.refuse:
		fault(403, "AccessDenied")(w, r)
	case r.Method == "PUT":
		s.ranges[q.Get("partNumber")] = r.Header.Get("x-cos-copy-source-range") + " " + r.Header.Get("x-cos-copy-source-If-Match")
		fmt.Fprintf(w, "<CopyPartResult><ETag>e%s</ETag></CopyPartResult>", q.Get("partNumber"))
	case r.Method == "POST":
		s.calls = append(s.calls, "complete "+r.Header.Get("x-cos-forbid-overwrite"))
		fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"x-3"</ETag></CompleteMultipartUploadResult>`)
	case r.Method == "DELETE":
		s.calls = append(s.calls, "abort")
		w.WriteHeader(204)
	}
}

func TestCopyLargeGoesByParts(t *testing.T) {
	s := &hugeSource{ranges: map[string]string{}}
	c := newTestClient(t, s, nil)
	var told []int64
	o := CopyLargeOptions{PartSize: 2 << 30, Concurrency: 2, Progress: func(copied, total int64) {
		require.EqualValues(t, 6<<30, total)
		told = append(told, copied)
	}}
	o.ForbidOverwrite = true
	done, err := c.CopyLarge(t.Context(), Version{Key: "src"}, "dst", o)
	require.NoError(t, err)
	require.Equal(t, Version{Key: "dst", ETag: "x-3", Size: 6 << 30}, done.Version)
	require.Equal(t, map[string]string{
		"1": `bytes=0-2147483647 "huge-99"`, "2": `bytes=2147483648-4294967295 "huge-99"`, "3": `bytes=4294967296-6442450943 "huge-99"`,
	}, s.ranges, "all of one version")
	require.Equal(t, []string{"complete true"}, s.calls)
	require.Equal(t, []int64{0, 2 << 30, 4 << 30, 6 << 30}, told)
	require.Equal(t, []string{"a/b", "1", ""}, []string{s.header.Get("Content-Type"), s.header.Get("x-cos-meta-a"), s.header.Get("x-cos-storage-class")},
		"attributes come from the source, the storage class does not")

	_, err = c.Copy(t.Context(), Version{Key: "src", Size: 6 << 30}, "dst", CopyOptions{})
	requireKind(t, TooLarge, err)
}

// A source that is known need not be asked for, and a threshold lets parts
// begin below 5 GiB.
func TestCopyLargeFromWhatIsKnown(t *testing.T) {
	s := &hugeSource{ranges: map[string]string{}}
	c := newTestClient(t, s, nil)
	src := Object{Version: Version{Key: "src", ETag: "known", Size: 3 << 20}, Attrs: Attrs{ContentType: "c/d"}}
	_, err := c.CopyLargeFrom(t.Context(), src, "dst", CopyLargeOptions{PartSize: 2 << 20, Threshold: 2 << 20})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"1": `bytes=0-2097151 "known"`, "2": `bytes=2097152-3145727 "known"`}, s.ranges)
	require.Equal(t, "c/d", s.header.Get("Content-Type"))
}

func TestCopyLargeAbortsWhatFails(t *testing.T) {
	s := &hugeSource{ranges: map[string]string{}, refuse: "2"}
	c := newTestClient(t, s, nil)
	_, err := c.CopyLarge(t.Context(), Version{Key: "src"}, "dst", CopyLargeOptions{PartSize: 2 << 30})
	requireKind(t, Denied, err)
	require.Equal(t, []string{"abort"}, s.calls)
}

func TestCopyLargeFromAnotherRegion(t *testing.T) {
	c, w := newWire(t, reply(200, copyAnswer))
	elsewhere := CopyLargeOptions{CopyOptions: CopyOptions{CopySource: CopySource{SourceBucket: "b-1", SourceRegion: "ap-beijing"}}}
	_, err := c.CopyLarge(t.Context(), Version{Key: "src", Size: 1}, "dst", elsewhere)
	require.NoError(t, err)
	require.Len(t, w.requests(), 1, "this client cannot look at it")
	require.True(t, strings.HasPrefix(w.requests()[0].Header.Get("x-cos-copy-source"), "b-1.cos.ap-beijing."))
	_, err = c.CopyLarge(t.Context(), Version{Key: "src", Size: 6 << 30}, "dst", elsewhere)
	requireKind(t, Invalid, err)
}
