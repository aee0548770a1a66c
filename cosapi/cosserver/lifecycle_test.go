package cosserver

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lifecycleSite has a clock and rules.
func lifecycleSite(t *testing.T, rules string) (*site, *clock) {
	clk := &clock{t: clockTime()}
	s := newSite(t, func(c *Config) { c.Now = clk.now })
	s.must("PUT", "/?lifecycle", "<LifecycleConfiguration>"+rules+"</LifecycleConfiguration>")
	return s, clk
}

func (s *site) apply() LifecycleReport {
	s.Helper()
	report, err := s.ApplyLifecycle(s.Context())
	require.NoError(s, err)
	s.settled()
	return report
}

func TestLifecycleExpires(t *testing.T) {
	s, clk := lifecycleSite(t, "<Rule><Filter><And><Prefix>logs/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>"+
		"<Status>Enabled</Status><Expiration><Days>2</Days></Expiration></Rule>"+
		"<Rule><Filter><Prefix>off/</Prefix></Filter><Status>Disabled</Status><Expiration><Days>1</Days></Expiration></Rule>")
	s.must("PUT", "/logs/old", "x", "x-cos-tagging: k=v")
	s.must("PUT", "/logs/untagged", "x")
	s.must("PUT", "/off/old", "x", "x-cos-tagging: k=v")
	announced := `expiry-date="Thu, 16 Nov 2023 22:13:20 GMT", rule-id="`
	require.Contains(t, s.must("HEAD", "/logs/old", "").header.Get("x-cos-expiration"), announced)
	require.Contains(t, s.must("PUT", "/logs/old", "x", "x-cos-tagging: k=v").header.Get("x-cos-expiration"), announced)
	require.Empty(t, s.must("HEAD", "/logs/untagged", "").header.Get("x-cos-expiration"))
	clk.t = clk.t.Add(day)
	s.must("PUT", "/logs/young", "x", "x-cos-tagging: k=v&other=1")
	require.Zero(t, s.apply())
	clk.t = clk.t.Add(day)
	require.Equal(t, LifecycleReport{Expired: 1}, s.apply())
	rows, _, err := s.store.list(testBucket, listQuery{max: 10})
	require.NoError(t, err)
	require.Len(t, rows, 3)
	clk.t = clk.t.Add(day)
	require.Equal(t, LifecycleReport{Expired: 1}, s.apply())
}

func TestLifecycleOfVersions(t *testing.T) {
	s, clk := lifecycleSite(t, "<Rule><Filter/><Status>Enabled</Status><Expiration><Days>10</Days></Expiration>"+
		"<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>"+
		"<Rule><Filter/><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>")
	s.versioning("Enabled")
	s.must("PUT", "/k", "one")
	clk.t = clk.t.Add(5 * day)
	s.must("PUT", "/k", "two")
	require.Zero(t, s.apply(), "noncurrent only since now")
	clk.t = clk.t.Add(day)
	require.Equal(t, LifecycleReport{OldExpired: 1}, s.apply())
	clk.t = clk.t.Add(9 * day)
	require.Equal(t, LifecycleReport{Expired: 1}, s.apply(), "a marker on top")
	s.refuses(404, "NoSuchKey", "GET", "/k", "")
	clk.t = clk.t.Add(day)
	require.Equal(t, LifecycleReport{OldExpired: 1}, s.apply())
	require.Equal(t, LifecycleReport{Expired: 1}, s.apply(), "the marker, which hides nothing now")
	s.must("DELETE", "", "")
}

func TestLifecycleTransitionsAndAborts(t *testing.T) {
	s, clk := lifecycleSite(t, "<Rule><Filter><Prefix>a/</Prefix></Filter><Status>Enabled</Status>"+
		"<Transition><Date>2023-11-20T00:00:00+08:00</Date><StorageClass>ARCHIVE</StorageClass></Transition>"+
		"<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>")
	s.must("PUT", "/a/k", "x")
	s.must("PUT", "/b", "x")
	id, other := s.startUpload("/a/up"), s.startUpload("/b")
	s.must("PUT", partTarget("/a/up", id, 1), "part")
	clk.t = clk.t.Add(day)
	require.Zero(t, s.apply())
	clk.t = clk.t.Add(6 * day)
	require.Equal(t, LifecycleReport{Transitioned: 1, Aborted: 1}, s.apply())
	require.Equal(t, "ARCHIVE", s.must("HEAD", "/a/k", "").header.Get("x-cos-storage-class"))
	s.refuses(404, "NoSuchUpload", "GET", "/a/up?uploadId="+id, "")
	s.must("GET", "/b?uploadId="+other, "")
	require.Zero(t, s.apply(), "nothing is done twice")
}

func TestLifecycleRunsByItself(t *testing.T) {
	clk := &clock{t: clockTime()}
	s := newSite(t, func(c *Config) { c.Now, c.LifecycleEvery = clk.now, time.Millisecond })
	s.must("PUT", "/k", "x")
	s.must("PUT", "/?lifecycle", "<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status>"+
		"<Expiration><Date>2001-01-01T00:00:00+08:00</Date></Expiration></Rule></LifecycleConfiguration>")
	require.Eventually(t, func() bool { return s.do("HEAD", "/k", "").status == 404 }, 10*time.Second, time.Millisecond)
}

func TestAdmin(t *testing.T) {
	s := newSite(t, func(c *Config) { c.Admin = true })
	get := func(method, target string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, s.url+target, nil)
		require.NoError(t, err)
		w, body := httpDo(t, req)
		return w, body
	}
	s.must("PUT", "/k", "12345")
	_, body := get("GET", "/-/counts")
	require.JSONEq(t, `{"counts":{"PutObject":1},"bytes_in":5,"bytes_out":0}`, body)
	status, _ := get("POST", "/-/latency?d=1ms")
	require.Equal(t, 200, status)
	require.Equal(t, int64(time.Millisecond), s.latency.Load())
	status, _ = get("POST", "/-/latency?d=soon")
	require.Equal(t, 400, status)
	get("POST", "/-/reset")
	require.Empty(t, s.Counts())
	_, body = get("POST", "/-/lifecycle")
	require.Contains(t, body, `"Expired":0`)
	status, _ = get("GET", "/-/other")
	require.Equal(t, 404, status)

	closed := newSite(t, nil)
	require.Equal(t, "NoSuchBucket", closed.send("GET", "/-/counts", nil).code(), "an ordinary, unknown bucket")
}
