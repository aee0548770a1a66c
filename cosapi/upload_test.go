package cosapi_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

func TestUploadByOnePut(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	for _, size := range []int64{0, 1, 3*mib + 1} {
		path, crc := localFile(t, 1, size)
		p := &progress{t: t}
		up, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Progress: p.report})
		require.NoError(t, err)
		require.Equal(t, crc, up.CRC64)
		require.Equal(t, size, up.Size)
		require.Empty(t, up.UploadID)
		require.Equal(t, []int64{size, size}, []int64{p.consumed, p.total})
		require.Equal(t, crc, storedCRC(t, c, "k"))
	}
	require.EqualValues(t, 3, s.Counts()["PutObject"])
	require.Zero(t, s.Counts()["ListMultipartUploads"])
}

func TestUploadThreshold(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	for _, tt := range []struct{ size, threshold, puts, parts int64 }{
		{20 * mib, 0, 1, 0}, {20*mib + 1, 0, 0, 21}, {2 * mib, 2 * mib, 1, 0}, {2*mib + 1, 2 * mib, 0, 3},
	} {
		s.ResetCounts()
		path, crc := localFile(t, 2, tt.size)
		up, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: tt.threshold})
		require.NoError(t, err)
		require.Equal(t, crc, up.CRC64)
		require.EqualValues(t, tt.parts, up.Parts)
		require.Equal(t, tt.puts, s.Counts()["PutObject"])
		require.Equal(t, tt.parts, s.Counts()["UploadPart"])
		require.Equal(t, tt.size, s.BytesIn())
	}
}

func TestUploadByParts(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	path, crc := localFile(t, 3, 5*mib+77)
	p := &progress{t: t}
	up, err := c.Upload(t.Context(), "dir/文件 +", path, cosapi.UploadOptions{
		Threshold: 1, Progress: p.report, Concurrency: 3,
		PutOptions: cosapi.PutOptions{Attrs: cosapi.Attrs{
			ContentType: "text/x", StorageClass: "STANDARD_IA", Meta: map[string]string{"mode": "33188"},
		}, ContentMD5: true, TrafficLimit: 838_860_800},
	})
	require.NoError(t, err)
	require.Equal(t, 6, up.Parts)
	require.Zero(t, up.Resumed)
	require.NotEmpty(t, up.UploadID)
	require.Equal(t, crc, up.CRC64)
	require.Equal(t, []int64{5*mib + 77, 5*mib + 77}, []int64{p.consumed, p.total})
	require.Greater(t, p.calls, 6)
	there, err := c.Head(t.Context(), "dir/文件 +")
	require.NoError(t, err)
	require.Equal(t, up.ETag, there.ETag)
	require.Equal(t, crc, there.CRC64)
	require.Equal(t, "text/x", there.ContentType)
	require.Equal(t, "STANDARD_IA", there.StorageClass)
	require.Equal(t, "33188", there.Meta["mode"])
	require.Equal(t, crc, storedCRC(t, c, "dir/文件 +"))
	require.Empty(t, openUploads(t, c))
}

func TestUploadFrom(t *testing.T) {
	c := costest.NewServer(t).Client(t)
	body := randomBytes(t, 4, 3*mib)
	up, err := c.UploadFrom(t.Context(), "k", bytes.NewReader(body), 3*mib-5, cosapi.UploadOptions{Threshold: 1})
	require.NoError(t, err)
	require.EqualValues(t, 3*mib-5, up.Size)
	require.Equal(t, cosapi.CRC64(body[:3*mib-5]), storedCRC(t, c, "k"))

	_, err = c.UploadFrom(t.Context(), "k", bytes.NewReader(body[:10]), 3*mib, cosapi.UploadOptions{Threshold: 1})
	require.ErrorContains(t, err, "the body ended after")
	_, err = c.UploadFrom(t.Context(), "k", nil, -1, cosapi.UploadOptions{})
	require.ErrorIs(t, err, cosapi.Invalid)
}

func TestUploadRefuses(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	path, _ := localFile(t, 5, 10)
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for _, tt := range []struct {
		name, key, path string
		o               cosapi.UploadOptions
		kind            error
	}{
		{"key", "/k", path, cosapi.UploadOptions{}, cosapi.Invalid},
		{"no file", "k", path + "x", cosapi.UploadOptions{}, fs.ErrNotExist},
		{"directory", "k", filepath.Dir(path), cosapi.UploadOptions{}, cosapi.Invalid},
		{"pipe", "k", fifo, cosapi.UploadOptions{}, cosapi.Invalid},
		{"small parts", "k", path, cosapi.UploadOptions{PartSize: mib - 1}, cosapi.Invalid},
		{"large parts", "k", path, cosapi.UploadOptions{PartSize: 5<<30 + 1}, cosapi.Invalid},
		{"large threshold", "k", path, cosapi.UploadOptions{Threshold: 5<<30 + 1}, cosapi.Invalid},
		{"negative threshold", "k", path, cosapi.UploadOptions{Threshold: -1}, cosapi.Invalid},
		{"metadata", "k", path, cosapi.UploadOptions{Threshold: 1, PutOptions: cosapi.PutOptions{
			Attrs: cosapi.Attrs{Meta: map[string]string{"a_b": ""}}}}, cosapi.Invalid},
	} {
		_, err := c.Upload(t.Context(), tt.key, tt.path, tt.o)
		require.ErrorIs(t, err, tt.kind, tt.name)
		var e *cosapi.Error
		require.ErrorAs(t, err, &e, tt.name)
	}
	_, err := c.UploadFrom(t.Context(), "k", nil, 50001<<30, cosapi.UploadOptions{})
	require.ErrorIs(t, err, cosapi.TooLarge)
	require.Zero(t, s.BytesIn())
	require.Zero(t, s.Counts()["InitiateMultipartUpload"])
}

func TestUploadSurvivesFaults(t *testing.T) {
	s := costest.NewServer(t)
	s.Faults.Add(busy("ListMultipartUploads", 1))
	s.Faults.Add(busy("InitiateMultipartUpload", 2))
	s.Faults.Add(busy("UploadPart", 4))
	s.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 2, Times: 2, ResetBefore: true})
	s.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 2, Times: 2, ResetAfter: true})
	s.Faults.Add(costest.Fault{Op: "UploadPart", Times: 1, WrongCRC: true})
	s.Faults.Add(costest.Fault{Op: "CompleteMultipartUpload", Times: 1, ErrorInside200: "InternalError"})
	s.Faults.Add(costest.Fault{Op: "CompleteMultipartUpload", Times: 1, ResetAfter: true})
	c := s.Client(t)
	path, crc := localFile(t, 6, 12*mib)
	p := &progress{t: t}
	up, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1, Progress: p.report})
	require.NoError(t, err)
	require.Equal(t, crc, up.CRC64)
	require.EqualValues(t, 12*mib, p.consumed)
	require.Equal(t, crc, storedCRC(t, c, "k"))
	require.GreaterOrEqual(t, s.Faults.Hits(), 12)
}

// A part that fails for good leaves the others for the next call, and the
// error tells.
func TestUploadFailedPartLeavesUpload(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	path, crc := localFile(t, 7, 8*mib)
	s.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 5, Code: "AccessDenied"})
	up, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1, Concurrency: 1})
	require.ErrorIs(t, err, cosapi.Denied)
	require.ErrorContains(t, err, up.UploadID+" keeps 5 of 8 parts")
	require.ErrorContains(t, err, "part 6")
	var e *cosapi.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "Upload", e.Op)
	require.Equal(t, "AccessDenied", e.Code)
	require.NotEmpty(t, e.RequestID)
	require.EqualValues(t, 6, s.Counts()["UploadPart"], "no part is begun after the failure")

	s.Faults.Clear()
	s.ResetCounts()
	p := &progress{t: t}
	again, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1, Progress: p.report})
	require.NoError(t, err)
	require.Equal(t, up.UploadID, again.UploadID)
	require.Equal(t, 5, again.Resumed)
	require.Equal(t, crc, again.CRC64)
	require.Equal(t, crc, storedCRC(t, c, "k"))
	require.EqualValues(t, 3, s.Counts()["UploadPart"])
	require.EqualValues(t, 3*mib, s.BytesIn())
	require.EqualValues(t, 8*mib, p.consumed, "parts that were there count")
}

func TestUploadResumesOnlyItsOwn(t *testing.T) {
	path, crc := localFile(t, 8, 3*mib)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	start := func(t *testing.T, c *cosapi.Client, key string, o cosapi.PutOptions, number int, body []byte) string {
		id, err := c.StartUpload(t.Context(), key, o)
		require.NoError(t, err)
		_, err = c.UploadPart(t.Context(), key, id, number, bytes.NewReader(body))
		require.NoError(t, err)
		return id
	}
	for _, tt := range []struct {
		name   string
		key    string
		put    cosapi.PutOptions
		o      cosapi.UploadOptions
		number int
		body   []byte
		resume bool
	}{
		{"same", "k", cosapi.PutOptions{}, cosapi.UploadOptions{}, 2, content[mib : 2*mib], true},
		{"last part", "k", cosapi.PutOptions{}, cosapi.UploadOptions{}, 3, content[2*mib:], true},
		{"longer key", "kk", cosapi.PutOptions{}, cosapi.UploadOptions{}, 2, content[mib : 2*mib], false},
		{"other content", "k", cosapi.PutOptions{}, cosapi.UploadOptions{}, 2, content[2*mib:], false},
		{"other size", "k", cosapi.PutOptions{}, cosapi.UploadOptions{}, 3, content[2*mib+1:], false},
		{"beyond the end", "k", cosapi.PutOptions{}, cosapi.UploadOptions{}, 4, content[mib : 2*mib], false},
		{"other class", "k", cosapi.PutOptions{Attrs: cosapi.Attrs{StorageClass: "STANDARD_IA"}}, cosapi.UploadOptions{}, 2, content[mib : 2*mib], false},
		{"fresh", "k", cosapi.PutOptions{}, cosapi.UploadOptions{Fresh: true}, 2, content[mib : 2*mib], false},
		{"keys of KMS", "k", cosapi.PutOptions{}, cosapi.UploadOptions{PutOptions: cosapi.PutOptions{
			Attrs: cosapi.Attrs{Encryption: cosapi.Encryption{Algorithm: "cos/kms"}}}}, 2, content[mib : 2*mib], false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := costest.NewServer(t).Client(t)
			id := start(t, c, tt.key, tt.put, tt.number, tt.body)
			tt.o.Threshold = 1
			up, err := c.Upload(t.Context(), "k", path, tt.o)
			require.NoError(t, err)
			require.Equal(t, crc, storedCRC(t, c, "k"))
			left := openUploads(t, c)
			if tt.resume {
				require.Equal(t, id, up.UploadID)
				require.Equal(t, 1, up.Resumed)
				require.Empty(t, left)
				return
			}
			require.Zero(t, up.Resumed)
			require.Len(t, left, 1, "the other upload is left alone")
			require.Equal(t, id, left[0].ID)
		})
	}
}

func TestUploadResumesTheNewest(t *testing.T) {
	start, ticks := time.Now(), new(atomic.Int64)
	c := costest.NewServer(t, costest.WithNow(func() time.Time {
		return start.Add(time.Duration(ticks.Add(1)) * time.Second)
	})).Client(t)
	path, crc := localFile(t, 9, 2*mib)
	var ids []string
	for range 4 {
		id, err := c.StartUpload(t.Context(), "k", cosapi.PutOptions{})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	up, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1})
	require.NoError(t, err)
	require.Equal(t, ids[3], up.UploadID)
	require.Equal(t, crc, up.CRC64)
}

func TestUploadWithoutPermissionToList(t *testing.T) {
	s := costest.NewServer(t)
	s.Faults.Add(costest.Fault{Op: "ListMultipartUploads", Code: "AccessDenied"})
	c := s.Client(t)
	path, crc := localFile(t, 10, 2*mib)
	up, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1})
	require.NoError(t, err)
	require.Equal(t, crc, up.CRC64)

	s.Faults.Clear()
	s.Faults.Add(costest.Fault{Op: "ListMultipartUploads", Code: "InvalidArgument"})
	_, err = c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1})
	require.ErrorIs(t, err, cosapi.Invalid)
}

func TestUploadOfAFileThatChanges(t *testing.T) {
	for _, tt := range []struct {
		name      string
		threshold int64
		op        string
		change    func(path string) error
	}{
		{"written", 1, "UploadPart", func(path string) error { return os.WriteFile(path, make([]byte, 4*mib), 0o600) }},
		{"cut", 1, "UploadPart", func(path string) error { return os.Truncate(path, 1000) }},
		{"longer", 1, "UploadPart", func(path string) error { return os.Truncate(path, 5*mib) }},
		{"written, one put", 0, "PutObject", func(path string) error { return os.WriteFile(path, make([]byte, 4*mib), 0o600) }},
		{"cut, one put", 0, "PutObject", func(path string) error { return os.Truncate(path, 1000) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := costest.NewServer(t)
			c := s.Client(t)
			path, _ := localFile(t, 11, 4*mib)
			past := time.Now().Add(-time.Hour)
			require.NoError(t, os.Chtimes(path, past, past))
			s.Faults.Add(costest.Fault{Op: tt.op, Times: 1, Status: 503, OnHit: func(*cosserver.Request) {
				require.NoError(t, tt.change(path))
			}})
			_, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: tt.threshold})
			require.ErrorIs(t, err, cosapi.Changed)
			require.ErrorContains(t, err, path+" changed while it was uploaded")
			require.ErrorContains(t, err, "upload it again")
			require.Empty(t, openUploads(t, c), "parts of mixed content are of no use")
			if tt.threshold != 0 {
				_, err = c.Head(t.Context(), "k")
				require.ErrorIs(t, err, cosapi.NotFound)
			}
		})
	}
}

func TestUploadGoneMeanwhile(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	path, _ := localFile(t, 12, 4*mib)
	s.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 2, Times: 1, Status: 503, OnHit: func(*cosserver.Request) {
		for u, err := range c.Uploads(context.Background(), "k") {
			require.NoError(t, errors.Join(err, c.AbortUpload(context.Background(), "k", u.ID)))
		}
	}})
	_, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1, Concurrency: 1})
	require.ErrorIs(t, err, cosapi.NoUpload)
	require.ErrorContains(t, err, "upload again to begin anew")
}

func TestUploadForbidOverwrite(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	path, crc := localFile(t, 13, 2*mib)
	o := cosapi.UploadOptions{Threshold: 1, PutOptions: cosapi.PutOptions{ForbidOverwrite: true}}
	s.Faults.Add(costest.Fault{Op: "UploadPart", Times: 1, Status: 503, OnHit: func(*cosserver.Request) {
		_, err := c.Put(context.Background(), "k", bytes.NewReader([]byte("theirs")), cosapi.PutOptions{})
		require.NoError(t, err)
	}})
	_, err := c.Upload(t.Context(), "k", path, o)
	require.ErrorIs(t, err, cosapi.Exists)
	require.ErrorContains(t, err, "the unfinished upload was aborted")
	require.Empty(t, openUploads(t, c))
	require.Equal(t, cosapi.CRC64([]byte("theirs")), storedCRC(t, c, "k"))
	up, err := c.Upload(t.Context(), "new", path, o)
	require.NoError(t, err)
	require.Equal(t, crc, up.CRC64)
}

func TestUploadStoredWrong(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	path, _ := localFile(t, 14, 2*mib)
	s.Faults.Add(costest.Fault{Op: "CompleteMultipartUpload", WrongCRC: true})
	_, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1})
	require.ErrorIs(t, err, cosapi.Corrupt)
	require.ErrorContains(t, err, "upload it again")
}

// The CRC64 of a resumed part is that of the local bytes: the whole is
// checked as if it had been sent in one go.
func TestUploadResumedIsCheckedAsAWhole(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	path, crc := localFile(t, 15, 3*mib)
	ctx, report := canceling(t, 2*mib)
	_, err := c.Upload(ctx, "k", path, cosapi.UploadOptions{Threshold: 1, Concurrency: 1, Progress: report})
	require.ErrorIs(t, err, cosapi.Canceled)
	up, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1})
	require.NoError(t, err)
	require.GreaterOrEqual(t, up.Resumed, 1)
	require.True(t, up.HasCRC64)
	require.Equal(t, crc, up.CRC64)

	ctx, report = canceling(t, 2*mib)
	_, err = c.Upload(ctx, "k2", path, cosapi.UploadOptions{Threshold: 1, Concurrency: 1, Progress: report})
	require.ErrorIs(t, err, cosapi.Canceled)
	s.Faults.Add(costest.Fault{Op: "CompleteMultipartUpload", WrongCRC: true})
	_, err = c.Upload(t.Context(), "k2", path, cosapi.UploadOptions{Threshold: 1})
	require.ErrorIs(t, err, cosapi.Corrupt)
}
