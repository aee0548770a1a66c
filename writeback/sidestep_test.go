package writeback

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// A conflict copy that arrives damaged is put again, and theirs left alone.
func TestDamagedConflictCopy(t *testing.T) {
	for name, c := range map[string]struct {
		size     int
		op       string
		times    int
		noForbid bool
	}{
		"put":                {1000, "PutObject", 2, false},
		"put without forbid": {1000, "PutObject", 2, true},
		"parts":              {3 * mib, "CompleteMultipartUpload", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			f := r.create("k", random(c.size))
			r.put("k", []byte("THEIRS"))
			r.stage.noForbid.Store(c.noForbid)
			r.server.Faults.Add(costest.Fault{Op: c.op, Key: "k.cosfs-conflict*", WrongCRC: true, Times: c.times})
			_, err := f.Store(r.ctx())
			require.ErrorIs(t, err, Conflict)
			require.Equal(t, "THEIRS", string(r.bucket("k")))
			require.Equal(t, random(c.size), r.bucket(f.Key()))
			require.Len(t, r.keys(), 2)
		})
	}
}

// Where a broken copy of ours may have been replaced, it is asked first.
func TestDamageIsNotTrustedForLong(t *testing.T) {
	h := new(hooked)
	r := newRig(t, hook(h), func(c *Config) { c.BaseTTL = time.Nanosecond })
	f := r.edit(r.put("k", random(1000)))
	r.write(f, []byte("new"), 0)
	h.put = func(cosapi.Object, error) (cosapi.Object, error) {
		h.put = nil
		r.put("k", []byte("THEIRS"))
		return cosapi.Object{}, &cosapi.Error{Op: "PutObject", Key: "k", Kind: cosapi.Corrupt}
	}
	_, err := f.Store(r.ctx())
	require.ErrorIs(t, err, Conflict)
	require.Equal(t, "THEIRS", string(r.bucket("k")))
}

// A lost answer makes no second conflict copy, nor does a crash.
func TestOneConflictCopy(t *testing.T) {
	for _, crash := range []bool{false, true} {
		r := newRig(t, func(c *Config) { c.Retry = Backoff{Base: time.Hour, Cap: time.Hour} })
		f := r.create("k", random(1000))
		r.put("k", []byte("THEIRS"))
		r.server.Faults.Add(costest.Fault{Op: "PutObject", Key: "k.cosfs-conflict*", ResetAfter: true, Times: 1})
		r.server.Faults.Add(costest.Fault{Op: "HeadObject", Key: "k.cosfs-conflict*", Times: 2, Status: 503})
		_, err := f.Store(r.ctx())
		require.Error(t, err)
		require.NotErrorIs(t, err, Conflict)
		require.Len(t, r.keys(), 2)
		r.server.Faults.Clear()
		if crash {
			dead := r.kill()
			require.NoError(t, f.Discard())
			r.raise(dead)
			f = r.stage.Recovered()[0]
		}
		_, err = f.Store(r.ctx())
		require.ErrorIs(t, err, Conflict)
		require.Len(t, r.keys(), 2)
		require.True(t, strings.HasPrefix(f.Key(), "k.cosfs-conflict-host-"))
		require.Equal(t, random(1000), r.bucket(f.Key()))
		require.Equal(t, "THEIRS", string(r.bucket("k")))
	}
}

// The name of a conflict copy is somebody else's by now.
func TestConflictNameThatIsTaken(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(1000))
	r.put("k", []byte("THEIRS"))
	f.beside = "k.cosfs-conflict-taken"
	r.put(f.beside, []byte("THEIRS too"))
	_, err := f.Store(r.ctx())
	require.ErrorIs(t, err, Conflict)
	require.Equal(t, random(1000), r.bucket(f.Key()))
	require.Equal(t, "THEIRS too", string(r.bucket("k.cosfs-conflict-taken")))
	require.Len(t, r.keys(), 3)
}

// Rebase while the upload asks for the old base.
func TestRebaseWhileAsking(t *testing.T) {
	h := new(hooked)
	r := newRig(t, hook(h))
	content := random(3 * mib)
	base := r.put("a", content)
	f := r.edit(base)
	f.Checked(time.Time{})
	moved, err := r.client.Copy(r.ctx(), base.Version, "b", cosapi.CopyOptions{})
	require.NoError(t, err)
	moved.Key, moved.Size = "b", base.Size
	r.write(f, []byte("changed"), 99)
	r.put2("a", content) // the same bytes under another ETag
	h.head = func(string) {
		h.head = nil
		require.NoError(t, f.Rebase(moved))
	}
	r.store(f)
	copy(content[99:], "changed")
	require.Equal(t, "b", f.Key())
	require.Equal(t, content, r.bucket("b"))
	require.ErrorIs(t, f.repin(r.ctx(), base, base), errReplaced)
}

// A file that was cut below a part and has grown again before it was put.
func TestGrownAgainBeforeThePut(t *testing.T) {
	h := new(hooked)
	r := newRig(t, hook(h), func(c *Config) { c.Parallel = 2 })
	f := r.create("k", random(3*mib))
	grown := make(chan error, 1)
	snapped := func() bool {
		f.mu.RLock()
		defer f.mu.RUnlock()
		return f.snapGen == f.gen
	}
	other := func() { // what the uploads of other files do, until the second pass has seen the cut
		err := f.stage.transfers.Acquire(r.ctx(), 2)
		for err == nil && !snapped() {
			time.Sleep(time.Millisecond)
		}
		if err == nil {
			err = f.Truncate(r.ctx(), 4*mib)
			f.stage.transfers.Release(2)
		}
		grown <- err
	}
	var parts atomic.Int32
	h.part = func(int) {
		if parts.Add(1) != 3 {
			return
		}
		require.NoError(t, f.Truncate(r.ctx(), 10))
		go other()
		require.Eventually(t, func() bool { // it waits for this part's transfer to end
			free := f.stage.transfers.TryAcquire(1)
			if free {
				f.stage.transfers.Release(1)
			}
			return !free
		}, 10*time.Second, time.Millisecond)
	}
	_, err := f.Store(r.ctx())
	require.NoError(t, err)
	require.NoError(t, <-grown)
	r.store(f)
	require.Equal(t, append(random(3 * mib)[:10], make([]byte, 4*mib-10)...), r.bucket("k"))
	require.Zero(t, r.uploads())
}

// A receipt for no object is not taken for the file's.
func TestEmptyReceipt(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(10))
	f.commit(receipt{gen: f.gen, conflict: &ConflictError{Key: "k", Kept: "k2"}})
	require.True(t, f.Dirty())
	require.Equal(t, "k", f.Key())
}

// A rename that cannot be recorded has not happened.
func TestRenameWithoutARecord(t *testing.T) {
	r := newRig(t)
	f := r.create("old", random(10))
	release := r.promised(f)
	require.NoError(t, mkdirInTheWay(f))
	require.Error(t, f.Rename("new"))
	require.Equal(t, "old", f.Key())
	require.NoError(t, mkdirInTheWay(f))
	require.Error(t, f.Rebase(cosapi.Object{Version: cosapi.Version{Key: "new", ETag: "e", Size: 10}}))
	require.Equal(t, "old", f.Key())
	_, based := f.Object()
	require.False(t, based)
	require.NoError(t, clearTheWay(f))
	release()
	r.store(f)
	require.Equal(t, []string{"old"}, r.keys())
}

// What was begun is aborted when the bucket turns out to have it all.
func TestUploadOfWhatIsThere(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Retry = Backoff{Base: time.Hour, Cap: time.Hour} })
	content := random(3 * mib)
	f := r.create("k", content)
	r.server.Faults.Add(costest.Fault{Op: "UploadPart", Status: 503, Code: "ServiceUnavailable"})
	_, err := f.Store(r.ctx())
	require.Error(t, err)
	require.Equal(t, 1, r.uploads())
	r.server.Faults.Clear()
	r.put("k", content)
	r.stage.noForbid.Store(true) // so that it asks first
	r.store(f)
	require.Zero(t, r.uploads())
	require.Equal(t, []string{"k"}, r.keys())
}
