package costest

import (
	"bytes"
	"strings"
	"testing"

	"cosfs/cosapi"
)

// A body is sent again from its beginning after a connection was lost.
//
//rows:client O2 E11
func TestClientSendsBodiesAgain(t *testing.T) {
	u := newUser(t)
	u.s.Faults.Add(Fault{Op: "PutObject", Times: 1, ResetBefore: true})
	u.s.ResetCounts()
	_, err := u.c.Put(u.ctx, "k", bytes.NewReader([]byte("hello world")), cosapi.PutOptions{})
	u.NoError(err)
	body, _, err := u.get("k", cosapi.GetOptions{})
	u.NoError(err)
	u.Equal("hello world", body, "from its beginning")
}

// By default 20 MiB go by one put, and one byte more by parts of 1 MiB; what
// the seeds return of either is there.
//
//rows:client U3 U5 U10 U12 U14 U15 O8
func TestClientUploadThresholds(t *testing.T) {
	u := newUser(t)
	content := bytesOf(20*mib+1, 3)
	o := cosapi.UploadOptions{PutOptions: cosapi.PutOptions{Attrs: cosapi.Attrs{StorageClass: "STANDARD_IA"}}}
	for size, want := range map[int]map[string]int64{
		20 * mib:   {"PutObject": 1},
		20*mib + 1: {"InitiateMultipartUpload": 1, "UploadPart": 21, "CompleteMultipartUpload": 1, "ListMultipartUploads": 1},
	} {
		u.s.ResetCounts()
		up, err := u.c.Upload(u.ctx, "big", writeFile(t, "f", content[:size]), o)
		u.NoError(err)
		u.Equal(want, u.s.Counts())
		u.Equal(cosapi.CRC64(content[:size]), up.CRC64)
		u.Equal([]any{"STANDARD_IA", "big"}, []any{up.StorageClass, up.Key})
		u.NotEmpty(up.ETag)
		if size > 20*mib {
			u.Equal("http://"+Bucket+".cos.ap-guangzhou.myqcloud.com/big", up.Location)
		}
	}
}

//rows:client X8
func TestClientForbidsOverwriting(t *testing.T) {
	u := newUser(t)
	u.put("there", "x", cosapi.PutOptions{})
	u.put("source", "y", cosapi.PutOptions{})
	forbid := cosapi.PutOptions{ForbidOverwrite: true}
	_, err := u.c.Copy(u.ctx, cosapi.Version{Key: "source"}, "there", cosapi.CopyOptions{PutOptions: forbid})
	u.isError(err, cosapi.Exists)
	_, err = u.c.StartUpload(u.ctx, "there", forbid)
	u.isError(err, cosapi.Exists)
	id, err := u.c.StartUpload(u.ctx, "new", forbid)
	u.NoError(err)
	part, err := u.c.UploadPart(u.ctx, "new", id, 1, strings.NewReader("mine"))
	u.NoError(err)
	u.put("new", "sooner", cosapi.PutOptions{})
	_, err = u.c.CompleteExclusive(u.ctx, "new", id, []cosapi.Part{part})
	u.isError(err, cosapi.Exists)
	body, _, err := u.get("new", cosapi.GetOptions{})
	u.NoError(err)
	u.Equal("sooner", body)
}
