package costest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cosfs/cosapi"
)

//rows:client O39-O43 O45-O48 O50-O62
func TestClientMultipart(t *testing.T) {
	u := newUser(t)
	id, err := u.c.StartUpload(u.ctx, "big file", everyAttr())
	u.NoError(err)
	var parts []cosapi.Part
	for i, body := range []string{strings.Repeat("a", mib), "tail"} {
		part, err := u.c.UploadPart(u.ctx, "big file", id, i+1, strings.NewReader(body))
		u.NoError(err)
		u.Equal(fmt.Sprintf("%x", sumOf(body)), part.ETag)
		parts = append(parts, part)
	}
	page, err := u.c.PartsPage(u.ctx, "big file", id, cosapi.PartsOptions{Max: 1})
	u.NoError(err)
	u.Equal([]any{true, 1, "STANDARD_IA", cosapi.Owner{ID: "1250000000", DisplayName: "1250000000"}, cosapi.Owner{ID: owner, DisplayName: owner}},
		[]any{page.More, page.Next, page.StorageClass, page.Owner, page.Initiator})
	u.Equal(cosapi.Echo{Bucket: Bucket, Key: "big file", UploadID: id, Marker: "0", EncodingType: "url", Max: 1}, page.Asked)
	page, err = u.c.PartsPage(u.ctx, "big file", id, cosapi.PartsOptions{Marker: page.Next})
	u.NoError(err)
	u.Equal([]any{false, 0, "1", 1000}, []any{page.More, page.Next, page.Asked.Marker, page.Asked.Max})
	u.WithinDuration(time.Now(), page.Parts[0].Modified, time.Minute)
	page.Parts[0].Modified = time.Time{}
	u.Equal([]cosapi.Part{{Number: 2, ETag: parts[1].ETag, Size: 4}}, page.Parts)
	listed, err := u.c.Parts(u.ctx, "big file", id)
	u.NoError(err)
	u.Len(listed, 2)

	o, err := u.c.CompleteUpload(u.ctx, "big file", id, []cosapi.Part{parts[1], parts[0]}) // in any order
	u.NoError(err)
	u.Regexp(`^[0-9a-f]{32}-2$`, o.ETag)
	u.Equal([]any{"big file", int64(mib + 4), "http://" + Bucket + ".cos.ap-guangzhou.myqcloud.com/big%20file"}, []any{o.Key, o.Size, o.Location})
	u.hasEveryAttr("big file")
	_, err = u.c.CompleteUpload(u.ctx, "big file", id, parts)
	u.isError(err, cosapi.NoUpload)

	id, err = u.c.StartUpload(u.ctx, "small", cosapi.PutOptions{})
	u.NoError(err)
	part, err := u.c.UploadPart(u.ctx, "small", id, 1, strings.NewReader("thirteen byte"))
	u.NoError(err)
	bad := part
	bad.ETag = "0"
	_, err = u.c.CompleteUpload(u.ctx, "small", id, []cosapi.Part{bad})
	u.isError(err, cosapi.Invalid)
	_, err = u.c.CompleteUpload(u.ctx, "small", id, []cosapi.Part{part})
	u.NoError(err, "1 MB is no least size")
	id, err = u.c.StartUpload(u.ctx, "gone", cosapi.PutOptions{})
	u.NoError(err)
	u.NoError(u.c.AbortUpload(u.ctx, "gone", id))
	u.isError(u.c.AbortUpload(u.ctx, "gone", id), cosapi.NoUpload)
}

//rows:client O69-O76
func TestClientCopy(t *testing.T) {
	u := newUser(t)
	other, err := u.c.WithBucket("second-1250000000")
	u.NoError(err)
	u.NoError(other.CreateBucket(u.ctx, cosapi.CreateBucketOptions{}))
	u.NoError(other.PutBucketVersioning(u.ctx, cosapi.VersioningEnabled))
	first, err := other.Put(u.ctx, "a b+", strings.NewReader("hello world"), everyAttr())
	u.NoError(err)
	_, err = other.Put(u.ctx, "a b+", strings.NewReader("newer"), everyAttr())
	u.NoError(err)
	source := cosapi.CopySource{SourceBucket: other.Bucket(), SourceRegion: "ap-guangzhou", SourceVersionID: first.VersionID}

	o, err := u.c.Copy(u.ctx, cosapi.Version{Key: "a b+", Size: 11}, "kept", cosapi.CopyOptions{CopySource: source})
	u.NoError(err)
	u.Equal([]any{first.ETag, first.CRC64, int64(11)}, []any{o.ETag, o.CRC64, o.Size})
	u.WithinDuration(time.Now(), o.Modified, time.Minute)
	kept, err := u.c.Head(u.ctx, "kept")
	u.NoError(err)
	want := everyAttr().Attrs
	want.StorageClass = ""
	u.Equal(want, kept.Attrs, "all but the storage class")
	acl, err := u.c.ACL(u.ctx, "kept")
	u.NoError(err)
	u.True(acl.Default, "nor the ACL")

	replaced := everyAttr()
	replaced.Meta = map[string]string{"new": "1"}
	_, err = u.c.Copy(u.ctx, kept.Version, "replaced", cosapi.CopyOptions{Replace: true, PutOptions: replaced})
	u.NoError(err)
	now, err := u.c.Head(u.ctx, "replaced")
	u.NoError(err)
	u.Equal(replaced.Attrs, now.Attrs)
	acl, err = u.c.ACL(u.ctx, "replaced")
	u.NoError(err)
	u.Len(acl.Grants, 5)

	u.s.ResetCounts()
	_, err = u.c.Copy(u.ctx, kept.Version, "kept", cosapi.CopyOptions{})
	u.isError(err, cosapi.Invalid)
	u.Empty(u.s.Counts(), "refused before it is sent")
	_, err = u.c.Copy(u.ctx, kept.Version, "kept", cosapi.CopyOptions{Replace: true})
	u.NoError(err)
	_, err = u.c.Copy(u.ctx, cosapi.Version{Key: "missing"}, "k", cosapi.CopyOptions{})
	u.isError(err, cosapi.NotFound)
	large, err := u.c.CopyLarge(u.ctx, cosapi.Version{Key: "a b+"}, "large", cosapi.CopyLargeOptions{CopyOptions: cosapi.CopyOptions{CopySource: source}})
	u.NoError(err)
	u.Equal(first.CRC64, large.CRC64)
}

//rows:client O77-O85
func TestClientPartCopy(t *testing.T) {
	u := newUser(t)
	src := u.put("src", "hello world", cosapi.PutOptions{})
	head, err := u.c.Head(u.ctx, "src")
	u.NoError(err)
	id, err := u.c.StartUpload(u.ctx, "k", cosapi.PutOptions{})
	u.NoError(err)
	part, err := u.c.CopyPart(u.ctx, "k", id, 1, src.Version, cosapi.Range{Off: 6, Len: 5})
	u.NoError(err)
	u.Equal([]any{1, fmt.Sprintf("%x", sumOf("world")), int64(5)}, []any{part.Number, part.ETag, part.Size})
	u.WithinDuration(time.Now(), part.Modified, time.Minute)
	part, err = u.c.CopyPart(u.ctx, "k", id, 1, cosapi.Version{Key: "src"}, whole())
	u.NoError(err)
	u.Equal([]any{src.ETag, int64(11)}, []any{part.ETag, part.Size}, "COS was asked for the size")
	past := time.Date(2006, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		etag string
		s    cosapi.CopySource
		ok   bool
	}{
		{src.ETag, cosapi.CopySource{}, true}, {"other", cosapi.CopySource{}, false},
		{"", cosapi.CopySource{SourceIfNoneMatch: "other"}, true}, {"", cosapi.CopySource{SourceIfNoneMatch: src.ETag}, false},
		{"", cosapi.CopySource{SourceIfModifiedSince: past}, true}, {"", cosapi.CopySource{SourceIfModifiedSince: head.Modified}, false},
		{"", cosapi.CopySource{SourceIfUnmodifiedSince: head.Modified}, true}, {"", cosapi.CopySource{SourceIfUnmodifiedSince: past}, false},
	} {
		tc.s.SourceBucket, tc.s.SourceRegion = Bucket, "ap-guangzhou"
		_, err := u.c.CopyPartFrom(u.ctx, "k", id, 1, cosapi.Version{Key: "src", ETag: tc.etag, Size: 11}, whole(), tc.s)
		if tc.ok {
			u.NoError(err, "%+v", tc)
		} else {
			u.isError(err, cosapi.Changed)
		}
	}
	_, err = u.c.CopyPart(u.ctx, "k", id, 1, src.Version, cosapi.Range{Off: 5, Len: 7})
	u.isError(err, cosapi.OutOfRange)
}

//rows:client S1-S11 O24-O28
func TestClientSigning(t *testing.T) {
	u := newUser(t)
	o := cosapi.SignOptions{Query: url.Values{"response-content-type": {"a/b"}}, Header: http.Header{"X-Cos-Meta-A": {"1"}, "User-Agent": {"not signed"}}}
	send := func(method, address string, header http.Header) int {
		req, err := http.NewRequestWithContext(u.ctx, method, address, strings.NewReader(""))
		u.NoError(err)
		if header != nil {
			req.Header = header.Clone()
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		u.NoError(err)
		resp.Body.Close()
		return resp.StatusCode
	}
	for method, status := range map[string]int{"put": 200, "GET": 200, "HEAD": 200, "POST": 200, "DELETE": 204} {
		o, query := o, "response-content-type=a%2Fb"
		if method == "POST" {
			o.Query, query = url.Values{"uploads": {""}}, "uploads"
		}
		if method != "put" {
			u.put("a b/中", "x", cosapi.PutOptions{})
		}
		link, err := u.c.Presign(u.ctx, method, "a b/中", 5*time.Minute, o)
		u.NoError(err)
		u.Contains(link, u.s.URL+"/"+Bucket+"/a%20b/")
		name, _, _ := strings.Cut(query, "=")
		u.Contains(link, "q-url-param-list="+name)
		u.Contains(link, "x-cos-meta-a")
		u.NotContains(link, "user-agent")
		u.Equal(status, send(strings.ToUpper(method), link, o.Header), method)
		u.Equal(403, send(strings.ToUpper(method), link, nil), "without the header that is signed")

		value, err := u.c.Authorization(u.ctx, method, "a b/中", 5*time.Minute, o)
		u.NoError(err)
		u.True(strings.HasPrefix(value, "q-sign-algorithm=sha1&q-ak="+u.s.Credentials.SecretID), value)
		header := o.Header.Clone()
		header.Set("Authorization", value)
		if method != "put" {
			u.put("a b/中", "x", cosapi.PutOptions{})
		}
		u.Equal(status, send(strings.ToUpper(method), u.s.URL+"/"+Bucket+"/a%20b/%E4%B8%AD?"+query, header), method)
	}
	link, err := u.c.Presign(u.ctx, "GET", "", time.Minute, cosapi.SignOptions{Query: url.Values{"acl": {""}}})
	u.NoError(err)
	u.Equal(200, send("GET", link, nil), "the bucket")
	link, err = u.c.Presign(u.ctx, "GET", "", -time.Hour, cosapi.SignOptions{})
	if err == nil {
		u.Equal(403, send("GET", link, nil), "expired")
	} else {
		u.isError(err, cosapi.Invalid)
	}
}

//rows:client O8 O21 U1-U15 H7 H12 H14 H16
func TestClientUploadFile(t *testing.T) {
	u := newUser(t)
	content := bytesOf(5*mib+7, 1)
	path := writeFile(t, "local", content)
	o := cosapi.UploadOptions{PutOptions: everyAttr(), Threshold: mib, Concurrency: 3}
	o.TrafficLimit, o.ContentMD5 = 838_860_800, true
	var steps []int64
	o.Progress = func(consumed, total int64) {
		u.Equal(int64(len(content)), total)
		steps = append(steps, consumed)
	}
	// The first call fails half-way: part 4 finds nobody.
	cfg := u.s.Config()
	cfg.MaxAttempts = 1
	c, err := cosapi.New(cfg)
	u.NoError(err)
	u.s.Faults.Add(Fault{Op: "UploadPart", Skip: 3, ResetBefore: true})
	_, err = c.Upload(u.ctx, "up/file", path, o)
	u.Error(err)
	u.s.Faults.Clear()
	u.s.ResetCounts()
	steps = nil
	var meta cosapi.ResponseMeta
	up, err := u.c.Upload(cosapi.WithResponse(u.ctx, func(m cosapi.ResponseMeta) {
		if m.Op == "CompleteMultipartUpload" {
			meta = m
		}
	}), "up/file", path, o)
	u.NoError(err)
	u.Equal(3, up.Resumed)
	u.Equal(int64(3), u.s.Counts()["UploadPart"], "what was stored is not sent again")
	u.IsNonDecreasing(steps)
	u.Equal(int64(len(content)), steps[len(steps)-1])
	u.Equal([]any{6, "up/file", cosapi.CRC64(content), int64(len(content))}, []any{up.Parts, up.Key, up.CRC64, up.Size})
	u.Regexp(`^[0-9a-f]{32}-6$`, up.ETag)
	u.NotEmpty(meta.RequestID)
	u.hasEveryAttr("up/file")

	// Up to the threshold, 20 MiB by default, it is one put.
	u.s.ResetCounts()
	one, err := u.c.Upload(u.ctx, "one", path, cosapi.UploadOptions{})
	u.NoError(err)
	u.Equal(map[string]int64{"PutObject": 1}, u.s.Counts())
	u.Equal(fmt.Sprintf("%x", sumOf(string(content))), one.ETag)

	target := filepath.Join(t.TempDir(), "down")
	got, err := u.c.Download(u.ctx, cosapi.Version{Key: "up/file"}, target, cosapi.DownloadOptions{PartSize: mib})
	u.NoError(err)
	u.Equal(up.ETag, got.ETag)
	down, err := os.ReadFile(target)
	u.NoError(err)
	u.True(bytes.Equal(content, down))
}

//rows:client U16-U20
func TestClientUploadDir(t *testing.T) {
	u := newUser(t)
	dir := t.TempDir()
	u.NoError(os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o700))
	for _, name := range []string{"a", "sub/b", "sub/deep/c", "sub/bad"} {
		u.NoError(os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600))
	}
	o := cosapi.UploadDirOptions{Workers: 2}
	u.s.Faults.Add(Fault{Op: "HeadObject", Key: "p/a", Code: "AccessDenied"}) // neither there nor missing: sent again
	u.s.Faults.Add(Fault{Op: "PutObject", Key: "p/sub/bad", Code: "AccessDenied"})
	told := map[string]int{}
	o.OnFile = func(f cosapi.FileResult) { told[f.Key]++ }
	result, err := u.c.UploadDir(u.ctx, dir, "p", o)
	u.isError(err, cosapi.Denied)
	u.Len(result.Done, 3)
	u.Len(result.Failed, 1)
	u.Equal("p/sub/bad", result.Failed[0].Key)
	u.ErrorIs(result.Failed[0].Err, cosapi.Denied)
	u.Equal(map[string]int{"p/a": 1, "p/sub/b": 1, "p/sub/bad": 1, "p/sub/deep/c": 1}, told, "all have ended")
	u.s.Faults.Clear()
	result, err = u.c.UploadDir(u.ctx, dir, "p", o)
	u.NoError(err)
	u.Len(result.Skipped, 3)
	u.Len(result.Done, 1)
	page, err := u.c.List(u.ctx, cosapi.ListOptions{})
	u.NoError(err)
	var keys []string
	for _, e := range page.Entries {
		keys = append(keys, e.Key)
	}
	u.Equal([]string{"p/a", "p/sub/b", "p/sub/bad", "p/sub/deep/c"}, keys)
}
