package writeback

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

func TestLargeFile(t *testing.T) {
	r := newRig(t)
	content := random(5*mib + 100)
	f := r.create("large", content)
	o := r.store(f)
	require.Equal(t, map[string]int64{"InitiateMultipartUpload": 1, "UploadPart": 6, "CompleteMultipartUpload": 1}, r.requests())
	require.Equal(t, content, r.bucket("large"))
	require.Equal(t, cosapi.CRC64(content), o.CRC64)
	require.True(t, o.HasCRC64)
	require.NoError(t, f.Finish(nil))
}

// 4 KiB changed in, or appended to, a large object moves little.
func TestPartialRewriteCopiesTheRest(t *testing.T) {
	r := newRig(t)
	content := random(20*mib + 100)
	f := r.edit(r.put("k", content))
	for _, off := range []int64{9*mib + 5, 20*mib + 100} {
		p := random(4096)
		content = append(content, make([]byte, max(0, int(off)+4096-len(content)))...)
		copy(content[off:], p)
		r.write(f, p, off)
		r.requests()
		sent := r.server.BytesIn()
		r.store(f)
		got := r.requests()
		require.LessOrEqual(t, got["UploadPart"], int64(1))
		require.LessOrEqual(t, got["UploadPartCopy"], int64(2))
		require.LessOrEqual(t, got["GetObject"], int64(2))
		require.Zero(t, got["PutObject"])
		require.Less(t, r.server.BytesIn()-sent, int64(2*mib))
		require.Equal(t, content, r.bucket("k"))
		require.Equal(t, content, r.read(f))
	}
}

// New attributes of a large file move no bytes.
func TestAttributesOfALargeFile(t *testing.T) {
	r := newRig(t)
	content := random(4 * mib)
	f := r.create("k", content)
	r.store(f)
	f.SetOptions(cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "text/x"}})
	r.requests()
	r.store(f)
	require.Equal(t, map[string]int64{"CopyObject": 1}, r.requests())
	head, err := r.client.Head(r.ctx(), "k")
	require.NoError(t, err)
	require.Equal(t, "text/x", head.ContentType)
	require.Equal(t, content, r.bucket("k"))
}

// A write into a part that was sent already: that part alone is sent again,
// the object is the file at one moment, and writers wait only meanwhile.
func TestWritesDuringAnUpload(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Parallel = 1 })
	content := random(5 * mib)
	f := r.create("k", content)
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 3, Times: 1, OnHit: func(*cosserver.Request) {
		r.write(f, []byte("changed"), mib+5)
		f.SetOptions(cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "late/attribute"}})
	}})
	_, err := f.Store(r.ctx())
	require.NoError(t, err)
	copy(content[mib+5:], "changed")
	require.Equal(t, content, r.bucket("k"))
	require.EqualValues(t, 6, r.requests()["UploadPart"])
	require.True(t, f.Dirty(), "headers are fixed when an upload begins")
	r.store(f)
	require.Equal(t, map[string]int64{"CopyObject": 1}, r.requests())
	head, err := r.client.Head(r.ctx(), "k")
	require.NoError(t, err)
	require.Equal(t, "late/attribute", head.ContentType)
}

func TestWritersWaitDuringTheSecondPass(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Parallel = 1 })
	content := random(3 * mib)
	f := r.create("k", content)
	wrote := make(chan error, 1)
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 2, Times: 1, OnHit: func(*cosserver.Request) {
		r.write(f, []byte("first"), 0)
	}})
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 2, Times: 1, OnHit: func(*cosserver.Request) {
		go func() {
			_, err := f.WriteAt(r.ctx(), []byte("second"), 0)
			wrote <- err
		}()
	}})
	_, err := f.Store(r.ctx())
	require.NoError(t, err)
	require.NoError(t, <-wrote)
	copy(content, "first")
	require.Equal(t, content, r.bucket("k"))
	r.store(f)
	copy(content, "second")
	require.Equal(t, content, r.bucket("k"))
}

// The file shrinks while it is sent.
func TestTruncateDuringAnUpload(t *testing.T) {
	for _, size := range []int64{0, 100, 2*mib + 7, 9 * mib} {
		r := newRig(t, func(c *Config) { c.Parallel = 1 })
		content := random(4 * mib)
		f := r.create("k", content)
		r.server.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 1, Times: 1, OnHit: func(*cosserver.Request) {
			require.NoError(t, f.Truncate(r.ctx(), size))
		}})
		_, err := f.Store(r.ctx())
		require.NoError(t, err)
		require.False(t, f.Dirty())
		want := append(content[:min(size, 4*mib)], make([]byte, max(0, size-4*mib))...)
		require.Equal(t, want, r.bucket("k"))
		require.Equal(t, want, r.read(f))
		require.Zero(t, r.uploads())
	}
}

// A failed upload goes on where it stopped.
func TestUploadIsResumedAfterAFailure(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Parallel = 1 })
	content := random(6 * mib)
	f := r.create("k", content)
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 3, Times: 2, Status: 503, Code: "ServiceUnavailable"})
	_, err := f.Store(r.ctx())
	require.ErrorIs(t, err, cosapi.Unavailable)
	require.NoError(t, r.stage.Drain(r.ctx()))
	got := r.requests()
	require.EqualValues(t, 6+2, got["UploadPart"], "three parts were not sent again")
	require.EqualValues(t, 1, got["InitiateMultipartUpload"])
	require.Equal(t, content, r.bucket("k"))
}

// An upload that a lifecycle rule has removed starts again.
func TestUploadThatIsGone(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Parallel = 1 })
	content := random(3 * mib)
	f := r.create("k", content)
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 1, Times: 1, Status: 404, Code: "NoSuchUpload"})
	r.store(f)
	require.EqualValues(t, 2, r.requests()["InitiateMultipartUpload"])
	require.Equal(t, content, r.bucket("k"))
}

func TestRefusedUploadIsAborted(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(3*mib))
	r.server.Faults.Add(costest.Fault{Op: "CompleteMultipartUpload", Times: 1, Status: 403, Code: "AccessDenied"})
	_, err := f.Store(r.ctx())
	require.ErrorIs(t, err, cosapi.Denied)
	require.NoError(t, r.stage.Drain(r.ctx()))
	require.EqualValues(t, 2, r.requests()["InitiateMultipartUpload"])
	require.Zero(t, r.uploads())
}

func TestDiscardAbortsTheUpload(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(3*mib))
	hit := make(chan struct{}, 9)
	hold := make(chan struct{})
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Hold: hold, OnHit: func(*cosserver.Request) { hit <- struct{}{} }})
	require.NoError(t, f.StoreLater(nil))
	<-hit
	require.NoError(t, f.Discard())
	require.False(t, f.MayExist())
	close(hold)
	require.NoError(t, r.stage.Close(), "waits for the abort")
	require.Zero(t, r.uploads())
	r.open()
}
