package costest

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
)

// writeFile makes a local file.
func writeFile(t *testing.T, name string, content []byte) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// everyAttr are the attributes of the H rows.
func everyAttr() cosapi.PutOptions {
	return cosapi.PutOptions{
		Attrs: cosapi.Attrs{ContentType: "text/plain", CacheControl: "no-cache", ContentDisposition: "attachment", ContentEncoding: "gzip",
			ContentLanguage: "zh", Expires: "Wed, 21 Oct 2037 07:28:00 GMT", Meta: map[string]string{"mode": "33188"}, StorageClass: "STANDARD_IA"},
		ACL:    "public-read",
		Grants: cosapi.Grants{FullControl: cosapi.GrantTo("1"), Read: cosapi.GrantTo("2"), Write: cosapi.GrantTo("3")},
	}
}

// hasEveryAttr checks an object that was made with them.
func (u *user) hasEveryAttr(key string) {
	u.Helper()
	o, err := u.c.Head(u.ctx, key)
	u.NoError(err)
	u.Equal(everyAttr().Attrs, o.Attrs, key)
	acl, err := u.c.ACL(u.ctx, key)
	u.NoError(err)
	var granted []string
	for _, g := range acl.Grants[1:] {
		granted = append(granted, g.Permission+" "+strings.TrimPrefix(g.Grantee.ID+g.Grantee.URI, "qcs::cam::uin/"))
	}
	u.Equal([]string{"READ " + cosapi.AllUsers, "FULL_CONTROL 1:uin/1", "READ 2:uin/2", "WRITE 3:uin/3"}, granted, key)
}

//rows:client O1-O4 O7 O11 O19 O20 O22 O23 O36 O38 H1-H12 H15 U14
func TestClientPutGetHead(t *testing.T) {
	u := newUser(t)
	o := u.put("dir//a b+/../中", "hello world", everyAttr())
	u.Equal([]any{"5eb63bbbe01eeed093cb22bb8f5acdc3", int64(11), cosapi.CRC64([]byte("hello world"))}, []any{o.ETag, o.Size, o.CRC64})
	u.hasEveryAttr("dir//a b+/../中")
	var meta cosapi.ResponseMeta
	u.ctx = cosapi.WithResponse(u.ctx, func(m cosapi.ResponseMeta) { meta = m })
	body, got, err := u.get("dir//a b+/../中", cosapi.GetOptions{})
	u.NoError(err)
	u.Equal("hello world", body, "not decompressed")
	u.Equal(everyAttr().Attrs, got.Attrs)
	u.Equal([]any{o.ETag, o.Size, o.CRC64, true}, []any{got.ETag, got.Size, got.CRC64, got.HasCRC64})
	u.WithinDuration(time.Now(), got.Modified, time.Minute)
	u.Equal("bytes", meta.Header.Get("Accept-Ranges"))
	u.NotEmpty(meta.RequestID)
	o = u.put("plain", "", cosapi.PutOptions{})
	o, err = u.c.Head(u.ctx, o.Key)
	u.NoError(err)
	u.Equal([]any{"application/octet-stream", "", int64(0)}, []any{o.ContentType, o.StorageClass, o.Size})
	u.put("dir/", "", cosapi.PutOptions{})

	for _, bad := range []cosapi.PutOptions{
		{ACL: "public-dance"}, {Attrs: cosapi.Attrs{StorageClass: "GLASS"}}, {Grants: cosapi.Grants{Read: "somebody"}},
		{Attrs: cosapi.Attrs{Meta: map[string]string{"x": "中"}}},
	} {
		_, err := u.c.Put(u.ctx, "k", nil, bad)
		u.isError(err, cosapi.Invalid)
	}
	_, err = u.c.Put(u.ctx, "k", nil, cosapi.PutOptions{Attrs: cosapi.Attrs{Meta: map[string]string{"x": strings.Repeat("x", 2048)}}})
	u.isError(err, cosapi.TooLarge)
}

//rows:client H13 H14 H16 O45-O50
func TestClientDigestsAndTrafficLimit(t *testing.T) {
	u := newUser(t)
	id, err := u.c.StartUpload(u.ctx, "up", cosapi.PutOptions{})
	u.NoError(err)
	digest := func(body string) http.Header {
		sum := md5.Sum([]byte(body))
		return http.Header{"Content-MD5": {base64.StdEncoding.EncodeToString(sum[:])}}
	}
	answers := 0
	cfg := u.s.Config()
	cfg.MaxAttempts = 1
	c, err := cosapi.New(cfg)
	u.NoError(err)
	ctx := cosapi.WithResponse(u.ctx, func(cosapi.ResponseMeta) { answers++ })
	for _, call := range []func(o cosapi.PartOptions) error{
		func(o cosapi.PartOptions) error {
			_, err := c.Put(ctx, "k", strings.NewReader("body"), cosapi.PutOptions{ContentMD5: o.ContentMD5, TrafficLimit: o.TrafficLimit, Header: o.Header})
			return err
		},
		func(o cosapi.PartOptions) error {
			part, err := c.UploadPartWith(ctx, "up", id, 1, strings.NewReader("body"), o)
			if err == nil {
				u.Equal(cosapi.Part{Number: 1, Size: 4, ETag: "841a2d689ad86bd1611447453c22c6fc", CRC64: cosapi.CRC64([]byte("body")), HasCRC64: true}, part)
			}
			return err
		},
	} {
		u.NoError(call(cosapi.PartOptions{ContentMD5: true}))
		u.NoError(call(cosapi.PartOptions{Header: digest("body")}))
		u.Equal("BadDigest", u.isError(call(cosapi.PartOptions{Header: digest("other")}), cosapi.Corrupt).Code)
		u.Equal("InvalidDigest", u.isError(call(cosapi.PartOptions{Header: http.Header{"Content-MD5": {"short"}}}), cosapi.Invalid).Code)
		u.NoError(call(cosapi.PartOptions{TrafficLimit: 819_200}))
		before := answers
		u.isError(call(cosapi.PartOptions{TrafficLimit: 819_199}), cosapi.Invalid)
		u.isError(call(cosapi.PartOptions{TrafficLimit: 838_860_801}), cosapi.Invalid)
		u.Equal(before, answers, "refused before it is sent")
	}
	for _, n := range []int{0, 10_001} {
		_, err = c.UploadPart(ctx, "up", id, n, nil)
		u.isError(err, cosapi.Invalid)
	}
	_, err = c.UploadPart(ctx, "up", "unknown", 1, nil)
	u.isError(err, cosapi.NoUpload)
}

//rows:client O12-O17 O37
func TestClientRangesConditionsOverrides(t *testing.T) {
	u := newUser(t)
	put := u.put("k", "hello world", cosapi.PutOptions{})
	head, err := u.c.Head(u.ctx, "k")
	u.NoError(err)
	for want, rng := range map[string]cosapi.Range{"hello": {Off: 0, Len: 5}, "world": {Off: 6, Len: -1}, "rld": {Off: 8, Len: 99}} {
		r, err := u.c.Get(u.ctx, cosapi.Version{Key: "k"}, rng)
		u.NoError(err)
		u.Equal(put.ETag, r.Object.ETag)
		u.Equal(int64(11), r.Object.Size)
		b := make([]byte, len(want))
		_, err = r.Read(b)
		u.NoError(err)
		u.NoError(r.Close())
		u.Equal(want, string(b))
	}
	_, err = u.c.Get(u.ctx, cosapi.Version{Key: "k"}, cosapi.Range{Off: 11, Len: 1})
	u.isError(err, cosapi.OutOfRange)
	past := time.Date(2006, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		o    cosapi.HeadOptions
		kind cosapi.Kind // Other: no error
	}{
		{cosapi.HeadOptions{IfMatch: put.ETag}, cosapi.Other}, {cosapi.HeadOptions{IfMatch: "other"}, cosapi.Changed},
		{cosapi.HeadOptions{IfNoneMatch: "other"}, cosapi.Other}, {cosapi.HeadOptions{IfNoneMatch: put.ETag}, cosapi.NotModified},
		{cosapi.HeadOptions{IfModifiedSince: past}, cosapi.Other}, {cosapi.HeadOptions{IfModifiedSince: head.Modified}, cosapi.NotModified},
		{cosapi.HeadOptions{IfUnmodifiedSince: head.Modified}, cosapi.Other}, {cosapi.HeadOptions{IfUnmodifiedSince: past}, cosapi.Changed},
	} {
		_, err1 := u.c.HeadWith(u.ctx, "k", tc.o)
		_, _, err2 := u.get("k", cosapi.GetOptions{HeadOptions: tc.o})
		for _, err := range []error{err1, err2} {
			if tc.kind == cosapi.Other {
				u.NoError(err, "%+v", tc.o)
			} else {
				u.isError(err, tc.kind)
			}
		}
	}
	_, o, err := u.get("k", cosapi.GetOptions{ResponseContentType: "a/b", ResponseContentLanguage: "c", ResponseExpires: "d",
		ResponseCacheControl: "e", ResponseContentDisposition: "f", ResponseContentEncoding: "g"})
	u.NoError(err)
	u.Equal(cosapi.Attrs{ContentType: "a/b", ContentLanguage: "c", Expires: "d", CacheControl: "e", ContentDisposition: "f", ContentEncoding: "g"}, o.Attrs)
}

//rows:client O29 O31-O35
func TestClientDelete(t *testing.T) {
	u := newUser(t)
	u.put("k", "", cosapi.PutOptions{})
	u.NoError(u.c.Delete(u.ctx, "k"))
	u.NoError(u.c.Delete(u.ctx, "k"))
	ids := make([]cosapi.ObjectID, 1001)
	for i := range ids {
		ids[i].Key = fmt.Sprintf("missing %d", i)
	}
	u.put(ids[1000].Key, "", cosapi.PutOptions{})
	u.s.ResetCounts()
	deleted, failures, err := u.c.DeleteVerbose(u.ctx, ids)
	u.NoError(err)
	u.Empty(failures)
	u.Len(deleted, 1001)
	u.Equal(ids[1000], deleted[1000].ObjectID)
	u.Equal(int64(2), u.s.Counts()["DeleteMultipleObjects"], "1000 a batch")
	_, err = u.c.Head(u.ctx, ids[1000].Key)
	u.isError(err, cosapi.NotFound)

	u.put("a", "", cosapi.PutOptions{})
	u.NoError(u.c.PutBucketVersioning(u.ctx, cosapi.VersioningEnabled))
	deleted, failures, err = u.c.DeleteVerbose(u.ctx, []cosapi.ObjectID{{Key: "a"}, {Key: "bell\a"}})
	u.NoError(err)
	u.Empty(failures)
	u.Len(deleted, 2)
	for _, d := range deleted {
		u.True(d.DeleteMarker)
		u.NotEmpty(d.MarkerVersionID)
	}
	u.s.Faults.Add(Fault{Op: "DeleteMultipleObjects", ErrorInside200: "AccessDenied"})
	_, err = u.c.DeleteMulti(u.ctx, []string{"a"})
	u.isError(err, cosapi.Denied)
}

// The server has no reason of its own to refuse a single key that the client
// sends, so these answers are written by hand.
//
//rows:client O33 O35
func TestClientDeleteFailuresOfKeys(t *testing.T) {
	u := newUser(t, WithConfig(func(*cosserver.Config) {}))
	cfg := u.s.Config()
	var quiet bool
	cfg.HTTP = scripted(t, func(w http.ResponseWriter, body string) {
		quiet = strings.Contains(body, "<Quiet>true</Quiet>")
		fmt.Fprint(w, "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>locked</Key><Code>AccessDenied</Code><Message>No.</Message></Error></DeleteResult>")
	})
	c, err := cosapi.New(cfg)
	u.NoError(err)
	deleted, failures, err := c.DeleteVerbose(u.ctx, []cosapi.ObjectID{{Key: "a"}, {Key: "locked"}})
	u.NoError(err)
	u.False(quiet)
	u.Len(deleted, 1)
	u.Equal([]any{"locked", "AccessDenied", "No.", cosapi.Denied}, []any{failures[0].Key, failures[0].Err.Code, failures[0].Err.Message, failures[0].Err.Kind})
	failures, err = c.DeleteMulti(u.ctx, []string{"a", "locked"})
	u.NoError(err)
	u.True(quiet)
	u.Len(failures, 1)
}

//rows:client O87-O89
func TestClientRestore(t *testing.T) {
	clock := newTimer()
	u := newUser(t, WithNow(clock.now), WithConfig(func(c *cosserver.Config) { c.RestoreDelay = time.Hour }))
	cfg := u.s.Config()
	cfg.Now = clock.now
	var err error
	u.c, err = cosapi.New(cfg)
	u.NoError(err)
	u.put("cold", "x", cosapi.PutOptions{Attrs: cosapi.Attrs{StorageClass: "ARCHIVE"}})
	_, _, err = u.get("cold", cosapi.GetOptions{})
	u.isError(err, cosapi.Archived)
	u.isError(u.c.Restore(u.ctx, "cold", cosapi.RestoreOptions{Days: 1, Tier: "Slow"}), cosapi.Invalid)
	u.NoError(u.c.Restore(u.ctx, "cold", cosapi.RestoreOptions{Days: 2, Tier: cosapi.TierBulk}))
	u.isError(u.c.Restore(u.ctx, "cold", cosapi.RestoreOptions{Days: 2}), cosapi.InProgress)
	o, err := u.c.Head(u.ctx, "cold")
	u.NoError(err)
	u.Equal(`ongoing-request="true"`, o.Restore)
	clock.t = clock.t.Add(2 * time.Hour)
	body, _, err := u.get("cold", cosapi.GetOptions{})
	u.NoError(err)
	u.Equal("x", body)
	for _, tier := range []string{cosapi.TierStandard, cosapi.TierExpedited} {
		u.NoError(u.c.Restore(u.ctx, "cold", cosapi.RestoreOptions{Days: 1, Tier: tier}), "a restored copy lives longer")
	}
}

//rows:client O91-O95 X4 X8 X9
func TestClientAppendTagsEncryption(t *testing.T) {
	u := newUser(t)
	u.put("cold", "x", cosapi.PutOptions{Attrs: cosapi.Attrs{StorageClass: "ARCHIVE"}})
	a, err := u.c.Append(u.ctx, "log", 0, strings.NewReader("hello"), cosapi.PutOptions{})
	u.NoError(err)
	u.Equal(cosapi.Appended{ETag: "5d41402abc4b2a76b9719d911017c592", Next: 5}, a)
	a, err = u.c.Append(u.ctx, "log", a.Next, strings.NewReader(" world"), cosapi.PutOptions{})
	u.NoError(err)
	u.Equal(int64(11), a.Next)
	_, err = u.c.Append(u.ctx, "log", 5, strings.NewReader("x"), cosapi.PutOptions{})
	u.Equal("AppendPositionErr", u.isError(err, cosapi.Changed).Code)
	_, err = u.c.Append(u.ctx, "cold", 1, strings.NewReader("x"), cosapi.PutOptions{})
	u.Equal("ObjectNotAppendable", u.isError(err, cosapi.Invalid).Code)
	o, err := u.c.Head(u.ctx, "log")
	u.NoError(err)
	u.Equal("appendable", o.Type)

	tags := []cosapi.Tag{{Key: "a", Value: "1 & 2"}}
	u.put("k", "x", cosapi.PutOptions{Tags: tags, ForbidOverwrite: true})
	_, err = u.c.Put(u.ctx, "k", strings.NewReader("y"), cosapi.PutOptions{ForbidOverwrite: true})
	u.isError(err, cosapi.Exists)
	got, err := u.c.ObjectTagging(u.ctx, "k", "")
	u.NoError(err)
	u.Equal(tags, got)
	u.NoError(u.c.PutObjectTagging(u.ctx, "k", "", []cosapi.Tag{{Key: "b", Value: "2"}}))
	u.NoError(u.c.DeleteObjectTagging(u.ctx, "k", ""))
	got, err = u.c.ObjectTagging(u.ctx, "k", "")
	u.NoError(err)
	u.Empty(got)

	u.put("sse", "x", cosapi.PutOptions{Attrs: cosapi.Attrs{Encryption: cosapi.Encryption{Algorithm: "AES256"}}})
	o, err = u.c.Head(u.ctx, "sse")
	u.NoError(err)
	u.Equal("AES256", o.Encryption.Algorithm)
	key := []byte(strings.Repeat("k", 32))
	u.put("own", "secret", cosapi.PutOptions{Attrs: cosapi.Attrs{Encryption: cosapi.Encryption{CustomerKey: key}}})
	body, _, err := u.get("own", cosapi.GetOptions{HeadOptions: cosapi.HeadOptions{CustomerKey: key}})
	u.NoError(err)
	u.Equal("secret", body)
	_, _, err = u.get("own", cosapi.GetOptions{})
	u.Error(err)
}
