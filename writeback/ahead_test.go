package writeback

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// behind waits until as many parts of a file have been sent ahead.
func (r *rig) behind(f *File, parts int) {
	r.Helper()
	require.Eventually(r, func() bool {
		f.mu.RLock()
		defer f.mu.RUnlock()
		return f.upload != nil && len(f.upload.done) >= parts && f.attempt.ended == nil
	}, 10*time.Second, time.Millisecond)
}

// append writes a file in order, as most programs do.
func (r *rig) append(f *File, p []byte, off int) {
	r.Helper()
	for at := 0; at < len(p); at += 128 << 10 {
		r.write(f, p[at:min(at+128<<10, len(p))], int64(off+at))
	}
}

// Who stores a file that was written in order waits for its tail only.
func TestPartsAreSentAhead(t *testing.T) {
	r := newRig(t)
	content := random(10*mib + 5)
	f := r.create("k", nil)
	r.append(f, content, 0)
	r.behind(f, 6)
	require.EqualValues(t, 1, r.requests()["InitiateMultipartUpload"])
	r.store(f)
	got := r.requests()
	require.LessOrEqual(t, got["UploadPart"], int64(11-6))
	require.Equal(t, int64(1), got["CompleteMultipartUpload"])
	require.Zero(t, got["InitiateMultipartUpload"])
	require.Equal(t, content, r.bucket("k"))
	require.Zero(t, r.uploads())
	require.NoError(t, f.Finish(nil))
}

// A change of what was sent ahead: that part alone is sent once more.
func TestChangesOfPartsSentAhead(t *testing.T) {
	r := newRig(t)
	content := random(9 * mib)
	f := r.create("k", nil)
	r.append(f, content, 0)
	r.behind(f, 5)
	r.write(f, []byte("header"), 0)
	copy(content, "header")
	r.store(f)
	require.EqualValues(t, 9+1, r.requests()["UploadPart"])
	require.Equal(t, content, r.bucket("k"))
}

// Headers are fixed when an upload begins: attributes set later cost a copy of
// the object onto itself, and Store returns after it.
func TestAttributesAfterPartsWereSentAhead(t *testing.T) {
	r := newRig(t)
	content := random(8 * mib)
	f := r.create("k", nil)
	r.append(f, content, 0)
	r.behind(f, 4)
	f.SetOptions(cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "late/attribute"}})
	r.store(f)
	require.Equal(t, map[string]int64{"InitiateMultipartUpload": 1, "UploadPart": 8, "CompleteMultipartUpload": 1, "CopyObject": 1}, r.requests())
	head, err := r.client.Head(r.ctx(), "k")
	require.NoError(t, err)
	require.Equal(t, "late/attribute", head.ContentType)
	require.Equal(t, content, r.bucket("k"))
	require.NoError(t, f.Finish(nil))
}

// A file that is appended to: what the base has is copied, what comes after is
// sent ahead.
func TestAppendsAreSentAhead(t *testing.T) {
	r := newRig(t)
	content := random(3 * mib)
	f := r.edit(r.put("k", content))
	more := random(8*mib + 9)
	r.append(f, more, len(content))
	r.behind(f, 3)
	r.store(f)
	require.EqualValues(t, 1, r.requests()["UploadPartCopy"])
	require.Equal(t, append(content, more...), r.bucket("k"))
}

// What is cut, renamed or removed while parts of it are in flight leaves
// nothing behind, and the bucket has what was there last.
func TestEndsOfFilesSentAhead(t *testing.T) {
	for name, end := range map[string]func(*rig, *File) (key string, size int){
		"cut to nothing": func(r *rig, f *File) (string, int) {
			require.NoError(r, f.Truncate(r.ctx(), 0))
			return "k", 0
		},
		"cut in the middle": func(r *rig, f *File) (string, int) {
			require.NoError(r, f.Truncate(r.ctx(), 2*mib+1))
			return "k", 2*mib + 1
		},
		"renamed": func(r *rig, f *File) (string, int) {
			require.NoError(r, f.Rename("other"))
			return "other", 8 * mib
		},
		"removed": func(r *rig, f *File) (string, int) {
			require.NoError(r, f.Discard())
			return "", 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			content := random(8 * mib)
			f := r.create("k", nil)
			hit, hold := make(chan struct{}, 99), make(chan struct{})
			r.server.Faults.Add(costest.Fault{Op: "UploadPart", Hold: hold, OnHit: func(*cosserver.Request) { hit <- struct{}{} }})
			r.append(f, content, 0)
			<-hit
			key, size := end(r, f)
			close(hold)
			if key == "" {
				require.NoError(t, r.stage.Close(), "waits for the abort")
				require.Empty(t, r.keys())
				require.Zero(t, r.uploads())
				r.open()
				return
			}
			r.store(f)
			require.Equal(t, content[:size], r.bucket(key))
			require.Equal(t, []string{key}, r.keys())
			require.Zero(t, r.uploads())
		})
	}
}

// What goes wrong ahead is nobody's concern: the parts are sent at the end.
func TestFailuresAhead(t *testing.T) {
	for _, op := range []string{"InitiateMultipartUpload", "UploadPart"} {
		t.Run(op, func(t *testing.T) {
			r := newRig(t)
			content := random(9 * mib)
			f := r.create("k", nil)
			hits := make(chan struct{}, 999)
			r.server.Faults.Add(costest.Fault{Op: op, Status: 403, Code: "AccessDenied", OnHit: func(*cosserver.Request) { hits <- struct{}{} }})
			r.append(f, content, 0)
			<-hits
			r.server.Faults.Clear()
			r.store(f)
			require.Equal(t, content, r.bucket("k"))
		})
	}
}

// A writer that goes to and fro does not send the same part again and again.
func TestRandomWritesAreNotSentAhead(t *testing.T) {
	r := newRig(t)
	content := random(12 * mib)
	f := r.create("k", nil)
	r.append(f, content, 0)
	for round := range 40 {
		off := (round * 7 % 12) * mib
		copy(content[off:], fmt.Sprint("round ", round))
		r.write(f, content[off:off+mib], int64(off))
	}
	r.store(f)
	require.LessOrEqual(t, r.requests()["UploadPart"], int64(12+12))
	require.Equal(t, content, r.bucket("k"))
}
