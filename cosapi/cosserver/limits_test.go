package cosserver

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPagesOfNoRows: a page that may hold nothing is empty and the last one,
// or a client would ask for the next without end.
func TestPagesOfNoRows(t *testing.T) {
	s := newSite(t, nil)
	id := s.startedUpload("/k")
	s.must("PUT", "/k?partNumber=1&uploadId="+id, "x")
	for _, target := range []string{
		"/k?max-parts=0&uploadId=" + id, "/?max-keys=0", "/?versions&max-keys=0", "/?uploads&max-uploads=0",
	} {
		a := s.must("GET", target, "")
		require.Contains(t, a.body, "<IsTruncated>false</IsTruncated>", target)
	}
	a := s.send("GET", "/?max-keys=0", strings.NewReader(""))
	require.Contains(t, a.body, "<IsTruncated>false</IsTruncated>")
	s.refuses(400, "ListPartUploadIdIsEmpty", "GET", "/k?uploadId=", "")
}

// startedUpload begins an upload and gives its id.
func (s *site) startedUpload(target string) string {
	s.Helper()
	_, rest, _ := strings.Cut(s.must("POST", target+"?uploads", "").body, "<UploadId>")
	id, _, ok := strings.Cut(rest, "</UploadId>")
	require.True(s, ok)
	return id
}

// TestDaysBeyondTime: days that a time.Duration cannot count are refused, not
// turned into a date in the past.
func TestDaysBeyondTime(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/k", "x", "x-cos-storage-class: ARCHIVE")
	const restore = "<RestoreRequest><Days>%d</Days></RestoreRequest>"
	s.refuses(400, "MalformedXML", "POST", "/k?restore", fmt.Sprintf(restore, maxDays+1))
	s.must("POST", "/k?restore", fmt.Sprintf(restore, maxDays))
	s.must("GET", "/k", "")

	const rule = "<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status>%s</Rule></LifecycleConfiguration>"
	for _, action := range []string{
		"<Expiration><Days>0</Days></Expiration>", "<Expiration><Days>3651</Days></Expiration>",
		"<Transition><Days>36501</Days><StorageClass>ARCHIVE</StorageClass></Transition>",
		"<NoncurrentVersionExpiration><NoncurrentDays>200000</NoncurrentDays></NoncurrentVersionExpiration>",
	} {
		s.refuses(400, "InvalidArgument", "PUT", "/?lifecycle", fmt.Sprintf(rule, action))
	}
}

// TestClassesOfRules are spelt as old samples spell them (cos-api.md 3.0.4).
func TestClassesOfRules(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/?lifecycle", "<LifecycleConfiguration><Rule><ID>r</ID><Filter/><Status>Enabled</Status>"+
		"<Transition><Days>1</Days><StorageClass>Standard_IA</StorageClass></Transition>"+
		"<NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><StorageClass>Archive</StorageClass></NoncurrentVersionTransition>"+
		"</Rule></LifecycleConfiguration>")
	a := s.must("GET", "/?lifecycle", "")
	require.Contains(t, a.body, "<StorageClass>STANDARD_IA</StorageClass>")
	require.Contains(t, a.body, "<StorageClass>ARCHIVE</StorageClass>")
}

// TestGrantsBeyondTheLimit: COS counts the entries of an ACL as attachments.
func TestGrantsBeyondTheLimit(t *testing.T) {
	s := newSite(t, nil)
	ids := make([]string, maxGrants+1)
	for i := range ids {
		ids[i] = fmt.Sprintf(`id="%d"`, 200000000000+i)
	}
	s.refuses(400, "AttachmentFull", "PUT", "/?acl", "", "x-cos-grant-read: "+strings.Join(ids, ","))
	s.must("PUT", "/?acl", "", "x-cos-grant-read: "+strings.Join(ids[1:], ","))
}

// TestNewBuckets: what a PUT Bucket says of the bucket is kept.
func TestNewBuckets(t *testing.T) {
	s := newSite(t, nil)
	put := func(name, body string, headers ...string) answer {
		return s.send("PUT", "/"+name+"-1250000000", strings.NewReader(body), headers...)
	}
	const zones = "<CreateBucketConfiguration><BucketAZConfig>%s</BucketAZConfig></CreateBucketConfiguration>"
	require.Equal(t, 200, put("zones", fmt.Sprintf(zones, "MAZ"), "x-cos-tagging: team=f%26s&k").status)
	a := s.send("HEAD", "/zones-1250000000", http.NoBody)
	require.Equal(t, "MAZ", a.header.Get("x-cos-bucket-az-type"))
	a = s.send("GET", "/zones-1250000000?tagging", http.NoBody)
	require.Contains(t, a.body, "<Key>team</Key><Value>f&amp;s</Value>")

	require.Equal(t, "InvalidArgument", put("other", fmt.Sprintf(zones, "OAZ")).code())
	require.Equal(t, "MalformedXML", put("other", "<CreateBucket").code())
	require.Equal(t, "NotImplemented", put("other",
		"<CreateBucketConfiguration><BucketArchConfig>OFS</BucketArchConfig></CreateBucketConfiguration>").code())
	require.Equal(t, "InvalidTag", put("other", "", "x-cos-tagging: a=1&a=2").code())
	require.Equal(t, 404, s.send("HEAD", "/other-1250000000", http.NoBody).status, "what was refused is not made")
	require.Equal(t, 200, put("plain", "").status)
	a = s.send("HEAD", "/plain-1250000000", http.NoBody)
	require.Empty(t, a.header.Get("x-cos-bucket-az-type"))
}
