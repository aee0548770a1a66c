package writeback

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// requireConflict checks that both versions are in the bucket.
func requireConflict(r *rig, f *File, theirs, ours []byte) {
	r.Helper()
	o, err := f.Store(r.ctx())
	require.ErrorIs(r, err, Conflict)
	var c *ConflictError
	require.ErrorAs(r, err, &c)
	require.Equal(r, "dir/k.txt", c.Key)
	require.Regexp(r, `^dir/k\.txt\.cosfs-conflict-host-\d{8}T\d{6}\.\d{3}Z$`, c.Kept)
	require.Equal(r, theirs, r.bucket("dir/k.txt"))
	require.Equal(r, ours, r.bucket(c.Kept))
	require.Equal(r, c.Kept, o.Key)
	require.Equal(r, c.Kept, f.Key())
	require.False(r, f.Dirty())
	require.Equal(r, ours, r.read(f))
	require.Len(r, r.keys(), 2)
	require.Zero(r, r.uploads())
}

func TestNewNameThatExists(t *testing.T) {
	for _, size := range []int{100, 3 * mib} {
		r := newRig(t)
		f := r.create("dir/k.txt", random(size))
		r.put("dir/k.txt", random(50))
		requireConflict(r, f, random(50), random(size))
	}
}

// The other writer is faster while our parts are under way.
func TestNewNameThatComesToExist(t *testing.T) {
	r := newRig(t)
	f := r.create("dir/k.txt", random(3*mib))
	r.server.Faults.Add(costest.Fault{Op: "CompleteMultipartUpload", Times: 1, OnHit: func(*cosserver.Request) {
		r.put("dir/k.txt", random(50))
	}})
	requireConflict(r, f, random(50), random(3*mib))
}

func TestEqualContentIsNoConflict(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(100))
	theirs := r.put("k", random(100))
	o := r.store(f)
	require.Equal(t, theirs.ETag, o.ETag)
	require.Equal(t, []string{"k"}, r.keys())
}

func TestOverwriteOfAnotherVersion(t *testing.T) {
	for _, size := range []int{100, 3 * mib} {
		r := newRig(t)
		ours := random(size)
		f := r.edit(r.put("dir/k.txt", ours))
		r.write(f, []byte("ours"), 5)
		copy(ours[5:], "ours")
		require.Len(t, r.read(f), size)
		// A cache would have the base; here its GETs must not fail yet.
		require.NoError(t, f.fill(r.ctx(), 0, int64(size)))
		theirs := append(random(size), "theirs"...)
		r.put("dir/k.txt", theirs)
		f.Checked(time.Now().Add(-time.Hour))
		requireConflict(r, f, theirs, ours)
	}
}

// Within BaseTTL the last writer wins, without a question.
func TestOverwriteWithinTheTTL(t *testing.T) {
	r := newRig(t)
	base := r.put("k", random(100))
	f := r.edit(base)
	require.NoError(t, f.Truncate(r.ctx(), 0))
	r.write(f, random(40), 0)
	r.put("k", random(60))
	r.requests()
	r.store(f)
	require.Equal(t, map[string]int64{"PutObject": 1}, r.requests())
	require.Equal(t, random(40), r.bucket("k"))
}

func TestOverwriteAfterTheTTLAsksOnce(t *testing.T) {
	r := newRig(t)
	f := r.edit(r.put("k", random(100)))
	f.Checked(time.Now().Add(-time.Hour))
	require.NoError(t, f.Truncate(r.ctx(), 0))
	r.requests()
	r.store(f)
	require.Equal(t, map[string]int64{"PutObject": 1, "HeadObject": 1}, r.requests())
	r.write(f, random(40), 0)
	r.store(f)
	require.Equal(t, map[string]int64{"PutObject": 1}, r.requests(), "our own upload is a check")
}

// Somebody has put the same bytes again, with a new ETag: that is our base.
func TestSameBytesUnderAnotherETag(t *testing.T) {
	r := newRig(t)
	content := random(3 * mib)
	f := r.create("other", content) // a multipart ETag
	base := r.store(f)
	require.NoError(t, f.Finish(nil))
	f = r.edit(base)
	r.write(f, []byte("new"), 0)
	there := r.put("other", content)
	require.NotEqual(t, base.ETag, there.ETag)
	f.Checked(time.Now().Add(-time.Hour))
	r.store(f)
	copy(content, "new")
	require.Equal(t, content, r.bucket("other"))
	require.Equal(t, []string{"other"}, r.keys())
}

// Removed by somebody while we edit: storing brings the file back, as long as
// its bytes can be had.
func TestBaseThatWasRemoved(t *testing.T) {
	r := newRig(t)
	f := r.edit(r.put("k", random(100)))
	require.NoError(t, f.Truncate(r.ctx(), 0))
	r.write(f, random(40), 0)
	require.NoError(t, r.client.Delete(r.ctx(), "k"))
	f.Checked(time.Now().Add(-time.Hour))
	r.store(f)
	require.Equal(t, random(40), r.bucket("k"))
}

// The base is gone and unwritten bytes with it: nothing can be stored, what
// was written stays in the stage, and is listed after the next mount.
func TestBaseThatIsLost(t *testing.T) {
	for name, vanish := range map[string]func(r *rig){
		"removed":  func(r *rig) { require.NoError(r, r.client.Delete(r.ctx(), "k")) },
		"replaced": func(r *rig) { r.put("k", random(77)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			f := r.edit(r.put("k", random(3*mib)))
			r.write(f, []byte("written"), mib)
			vanish(r)
			told := make(chan error, 1)
			require.NoError(t, f.StoreLater(func(_ cosapi.Object, err error) { told <- err }))
			err := <-told
			require.ErrorIs(t, err, Conflict)
			require.ErrorContains(t, err, "is kept in "+f.dataPath())
			require.Empty(t, r.stage.Pending(), "it is not tried for ever")
			require.True(t, f.Dirty())
			require.Zero(t, r.uploads())
			r.reopen()
			require.Empty(t, r.stage.Recovered())
			require.Len(t, r.stage.Kept(), 1)
			kept := r.stage.Kept()[0]
			require.Equal(t, "k", kept.Key)
			require.Equal(t, Extents{{mib, mib + 7}}, kept.Local)
			require.Contains(t, kept.Reason, "gone from the bucket")
		})
	}
}

// An endpoint that knows no x-cos-forbid-overwrite is asked by HEAD.
func TestConflictWithoutForbidOverwrite(t *testing.T) {
	r := newRig(t)
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Key: "first", Times: 1, Status: 501, Code: "NotImplemented"})
	r.store(r.create("first", random(10)))
	r.put("dir/k.txt", random(50))
	require.NoError(t, r.client.Delete(r.ctx(), "first"))
	requireConflict(r, r.create("dir/k.txt", random(100)), random(50), random(100))
}

func TestConflictKey(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.FixedZone("", 3600))
	require.Equal(t, "a/b.txt.cosfs-conflict-h-20260102T020405.678Z", conflictKey("a/b.txt", "h", at, 0))
	require.Equal(t, "b.cosfs-conflict-h-20260102T020405.678Z-3", conflictKey("b", "h", at, 2))
	require.Equal(t, "b.cosfs-conflict-a-b-20260102T020405.678Z", conflictKey("b", "a/b", at, 0))
	for _, key := range []string{strings.Repeat("长", 85), strings.Repeat("d", 500) + "/" + strings.Repeat("长", 80),
		strings.Repeat("d/", 400) + strings.Repeat("n", 50)} {
		got := conflictKey(key, strings.Repeat("host", 50), at, 0)
		require.True(t, utf8.ValidString(got))
		require.NotContains(t, got[strings.LastIndexByte(got, '/')+1:], "/")
		require.LessOrEqual(t, len(got)-strings.LastIndexByte(got, '/')-1, maxName)
	}
	require.LessOrEqual(t, len(conflictKey(strings.Repeat("d", 500)+"/"+strings.Repeat("长", 80), "h", at, 0)), maxKey)
}

func TestRename(t *testing.T) {
	r := newRig(t)
	f := r.create("old", random(100))
	require.NoError(t, f.Rename("new"))
	record, err := r.stage.readRecord(f.id)
	require.NoError(t, err)
	require.Equal(t, "new", record.Key)
	require.Empty(t, r.requests(), "not stored yet: no request")
	r.store(f)
	require.Equal(t, []string{"new"}, r.keys())
}

func TestRenameDuringAnUpload(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Parallel = 1 })
	content := random(4 * mib)
	f := r.create("old", content)
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 1, Times: 1, OnHit: func(*cosserver.Request) {
		require.NoError(t, f.Rename("new"))
	}})
	r.store(f)
	require.Equal(t, []string{"new"}, r.keys())
	require.Equal(t, content, r.bucket("new"))
	require.Zero(t, r.uploads())
}

// A put that is out cannot be called back; Hold waits for it.
func TestRenameDuringAPut(t *testing.T) {
	r := newRig(t)
	f := r.create("old", random(100))
	hold, hit := make(chan struct{}), make(chan struct{})
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 1, Hold: hold, OnHit: func(*cosserver.Request) { close(hit) }})
	require.NoError(t, f.StoreLater(nil))
	<-hit
	require.ErrorIs(t, f.Rename("new"), ErrBusy)
	require.ErrorIs(t, f.Rebase(cosapi.Object{}), ErrBusy)
	ctx, cancel := context.WithCancel(r.ctx())
	cancel()
	_, err := f.Hold(ctx)
	require.ErrorIs(t, err, context.Canceled)
	close(hold)
	release, err := f.Hold(r.ctx())
	require.NoError(t, err)
	o, stored := f.Object()
	require.True(t, stored && f.MayExist() && !f.Dirty())
	// What fs does: copy, rebase, delete.
	moved, err := r.client.Copy(r.ctx(), o.Version, "new", cosapi.CopyOptions{})
	require.NoError(t, err)
	moved.Key, moved.Size = "new", o.Size
	require.NoError(t, f.Rebase(moved))
	require.NoError(t, r.client.Delete(r.ctx(), "old"))
	release()
	require.Equal(t, "new", f.Key())
	r.write(f, []byte("more"), 100)
	r.store(f)
	require.Equal(t, []string{"new"}, r.keys())
	require.Equal(t, append(random(100), "more"...), r.bucket("new"))
}

// While held, nothing is sent; what was asked for meanwhile is done after.
func TestHold(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(100))
	release, err := f.Hold(r.ctx())
	require.NoError(t, err)
	again, err := f.Hold(r.ctx())
	require.NoError(t, err)
	told := make(chan error, 1)
	require.NoError(t, f.StoreLater(func(_ cosapi.Object, err error) { told <- err }))
	r.store(r.create("other", random(5))) // the queue is past f by now
	release()
	require.Equal(t, []string{"other"}, r.keys())
	again()
	require.NoError(t, <-told)
	require.Equal(t, []string{"k", "other"}, r.keys())
}

// Our own metadata copy of a file with unsaved ranges.
func TestRebaseOfADirtyFile(t *testing.T) {
	r := newRig(t)
	content := random(3 * mib)
	base := r.put("k", content)
	f := r.edit(base)
	r.write(f, []byte("new"), 0)
	require.Len(t, r.read(f), 3*mib)
	o, err := r.client.Copy(r.ctx(), base.Version, "k2", cosapi.CopyOptions{})
	require.NoError(t, err)
	o.Key, o.Size = "k2", base.Size
	require.NoError(t, r.client.Delete(r.ctx(), "k"))
	require.NoError(t, f.Rebase(o))
	copy(content, "new")
	require.Equal(t, content, r.read(f))
	r.store(f)
	require.Equal(t, content, r.bucket("k2"))
	require.Equal(t, []string{"k2"}, r.keys())
	short := o
	short.Size = 1
	require.Error(t, f.Rebase(short), "an object that lacks base bytes")
}

func TestConflictErrorUnwraps(t *testing.T) {
	cause := errors.New("cause")
	err := &ConflictError{Key: "k", Path: "/p", Err: cause}
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, Conflict)
	require.Contains(t, err.Error(), "/p")
}
