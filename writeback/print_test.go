package writeback

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// hooked is a Store whose requests can be looked at as they end.
type hooked struct {
	Store
	put  func(cosapi.Object, error) (cosapi.Object, error)
	head func(key string)
	part func(number int)
}

// hook puts a hooked one in place of the rig's Store.
func hook(h *hooked) func(*Config) { return func(c *Config) { h.Store, c.Store = c.Store, h } }

func (h *hooked) Put(ctx context.Context, key string, body io.ReadSeeker, o cosapi.PutOptions) (cosapi.Object, error) {
	object, err := h.Store.Put(ctx, key, body, o)
	if h.put != nil {
		return h.put(object, err)
	}
	return object, err
}

func (h *hooked) Head(ctx context.Context, key string) (cosapi.Object, error) {
	o, err := h.Store.Head(ctx, key)
	if h.head != nil {
		h.head(key)
	}
	return o, err
}

func (h *hooked) UploadPartWith(ctx context.Context, key, id string, number int, body io.ReadSeeker, o cosapi.PartOptions) (cosapi.Part, error) {
	p, err := h.Store.UploadPartWith(ctx, key, id, number, body, o)
	if h.part != nil {
		h.part(number)
	}
	return p, err
}

var errDead = errors.New("the process is dead")

// killedInFlight stores f, and has the process killed when the bucket has the
// object and the answer is on its way; meanwhile is done before that.
func killedInFlight(r *rig, h *hooked, f *File, meanwhile func()) {
	r.Helper()
	stored, killed := make(chan struct{}), make(chan struct{})
	h.put = func(cosapi.Object, error) (cosapi.Object, error) {
		select {
		case <-killed: // nothing of what is tried from here on happens
		default:
			close(stored)
			<-killed
		}
		return cosapi.Object{}, errDead
	}
	require.NoError(r, f.StoreLater(nil))
	<-stored
	content := r.bucket(f.Key())
	head, err := r.client.Head(r.ctx(), f.Key())
	require.NoError(r, err)
	meanwhile()
	dead := r.kill()
	close(killed)
	require.NoError(r, r.stage.Close())
	h.put = nil
	_, err = r.server.Client(r).Put(r.ctx(), f.Key(), newReader(content), cosapi.PutOptions{Attrs: head.Attrs})
	require.NoError(r, err)
	r.cfg.Dir = dead
	r.open()
}

// The bucket has one version and the record promises a later one: no conflict
// with ourselves.
func TestKilledWithARequestInFlight(t *testing.T) {
	for name, c := range map[string]struct {
		edit      bool
		meanwhile func(r *rig, f *File)
		want      func(p []byte) []byte
	}{
		"promised again": {false, func(r *rig, f *File) {
			r.write(f, []byte("line 2\n"), 7)
			require.NoError(r, f.StoreLater(nil))
		}, func(p []byte) []byte { return append(p, "line 2\n"...) }},
		"promised again, partly here": {true, func(r *rig, f *File) {
			r.write(f, []byte("line 2\n"), 3)
			require.NoError(r, f.StoreLater(nil))
		}, func(p []byte) []byte { copy(p[3:], "line 2\n"); return p }},
		// The bucket has all that was promised.
		"overwritten without a promise": {false, func(r *rig, f *File) {
			r.write(f, []byte("LINE"), 0)
		}, func(p []byte) []byte { return p }},
		"appended without a promise": {false, func(r *rig, f *File) {
			r.write(f, []byte("more"), 7)
		}, func(p []byte) []byte { return p }},
	} {
		t.Run(name, func(t *testing.T) {
			h := new(hooked)
			r := newRig(t, hook(h))
			want := []byte("line 1\n")
			f := r.create("log", nil)
			if c.edit {
				want = random(1000)
				f = r.edit(r.put("log", want))
				copy(want, "line 1\n")
			}
			r.write(f, []byte("line 1\n"), 0)
			killedInFlight(r, h, f, func() { c.meanwhile(r, f) })
			r.recoverAll()
			require.Equal(t, string(c.want(want)), string(r.bucket("log")))
			require.Equal(t, []string{"log"}, r.keys())
		})
	}
}

// The upload has more than was promised when it begins.
func TestKilledBeyondThePromise(t *testing.T) {
	h := new(hooked)
	r := newRig(t, hook(h))
	f := r.create("log", []byte("line 1\n"))
	release := r.promised(f)
	r.write(f, []byte("line 2\n"), 7)
	stored := make(chan string, 1)
	h.put = func(o cosapi.Object, err error) (cosapi.Object, error) {
		stored <- r.kill()
		return o, err
	}
	release()
	dead := <-stored
	h.put = nil
	require.NoError(t, r.stage.Drain(r.ctx()))
	require.Equal(t, "line 1\nline 2\n", string(r.bucket("log")))
	r.raise(dead)
	r.recoverAll()
	require.Equal(t, []string{"log"}, r.keys())
	require.Equal(t, "line 1\nline 2\n", string(r.bucket("log")))
}

// Stored, killed before the record went, and changed after the mount before
// anybody has looked at the bucket.
func TestChangedAfterRecovery(t *testing.T) {
	for _, name := range []string{"new", "edited"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			want := random(1000)
			var g *File
			if name == "new" {
				g = r.create("k", want)
			} else {
				g = r.edit(r.put("k", want))
			}
			copy(want[99:], "changed")
			r.write(g, []byte("changed"), 99)
			release := r.promised(g)
			dead := r.kill()
			release()
			r.store(g)
			require.Equal(t, want, r.bucket("k"))
			r.raise(dead)
			f := r.stage.Recovered()[0]
			r.server.Faults.Add(costest.Fault{Op: "HeadObject", Times: 2, Status: 503})
			_, err := f.WriteAt(r.ctx(), []byte("more"), 500)
			require.ErrorIs(t, err, cosapi.Unavailable, "it would look like somebody else's")
			r.requests()
			r.write(f, []byte("more"), 500)
			r.write(f, []byte("still more"), 1000)
			require.EqualValues(t, 1, r.requests()["HeadObject"])
			r.promised(f)
			dead = r.kill() // and again
			require.NoError(t, f.Discard())
			r.raise(dead)
			f = r.stage.Recovered()[0]
			require.NoError(t, f.Truncate(r.ctx(), 900))
			r.recoverAll()
			want = want[:900]
			copy(want[500:], "more")
			require.Equal(t, want, r.bucket("k"))
			require.Equal(t, []string{"k"}, r.keys())
		})
	}
}

// A recovered file is written while the upload compares it.
func TestWriteWhileComparing(t *testing.T) {
	var f *File
	var r *rig
	r = newRig(t)
	g := r.edit(r.put("k", random(1000)))
	r.write(g, []byte("changed"), 99)
	release := r.promised(g)
	dead := r.kill()
	release()
	r.store(g)
	writes := 0
	r.cfg.OpenBase = func(v cosapi.Version) (Base, error) {
		if writes++; writes == 1 {
			r.write(f, []byte("more"), 500)
		}
		return r.openBase(v)
	}
	require.NoError(t, r.stage.Close())
	r.cfg.Dir = dead
	r.open()
	f = r.stage.Recovered()[0]
	require.NoError(t, f.StoreLater(nil))
	require.NoError(t, r.stage.Drain(r.ctx()))
	r.store(f)
	require.Equal(t, []string{"k"}, r.keys())
	require.Equal(t, "more", string(r.bucket("k")[500:504]))
	require.Empty(t, r.stage.Kept())
}

// The client repeats a put whose answer was lost and is told that the key
// exists; a writer goes on before anybody looks.
func TestLostAnswerThenWrite(t *testing.T) {
	r := newRig(t)
	f := r.create("k", []byte("one"))
	r.server.Faults.Add(costest.Fault{Op: "PutObject", ResetAfter: true, Times: 1})
	r.server.Faults.Add(costest.Fault{Op: "HeadObject", Times: 1, OnHit: func(*cosserver.Request) { r.write(f, []byte("two"), 3) }})
	_, err := f.Store(r.ctx())
	require.NoError(t, err)
	r.store(f)
	require.Equal(t, "onetwo", string(r.bucket("k")))
	require.Equal(t, []string{"k"}, r.keys())
}

// Equal bytes are not yet equal attributes.
func TestAttributesOfEqualBytes(t *testing.T) {
	mode := cosapi.PutOptions{Attrs: cosapi.Attrs{Meta: map[string]string{"cosfs-mode": "0755"}}}
	requireMode := func(r *rig) {
		r.Helper()
		o, err := r.client.Head(r.ctx(), "k")
		require.NoError(r, err)
		require.Equal(r, "0755", o.Meta["cosfs-mode"])
		require.Equal(r, []string{"k"}, r.keys())
	}
	t.Run("changed while the put was in flight", func(t *testing.T) {
		h := new(hooked)
		r := newRig(t, hook(h))
		f := r.create("k", []byte("same"))
		killedInFlight(r, h, f, func() {
			f.SetOptions(mode)
			require.NoError(t, f.StoreLater(nil))
		})
		r.recoverAll()
		requireMode(r)
	})
	t.Run("somebody else's", func(t *testing.T) {
		r := newRig(t)
		r.put("k", []byte("same"))
		f, err := r.stage.Create("k", mode)
		require.NoError(t, err)
		r.write(f, []byte("same"), 0)
		r.store(f)
		requireMode(r)
	})
}

func TestCarries(t *testing.T) {
	ours := cosapi.Attrs{CacheControl: "c", ContentDisposition: "d", ContentEncoding: "e", ContentLanguage: "l", Expires: "x",
		Meta: map[string]string{"a": "b"}}
	there := ours
	there.ContentType, there.StorageClass = "application/octet-stream", "STANDARD"
	require.True(t, carries(there, ours))
	for name, change := range map[string]func(a *cosapi.Attrs){
		"type":        func(a *cosapi.Attrs) { a.ContentType = "a/b" },
		"class":       func(a *cosapi.Attrs) { a.StorageClass = "STANDARD_IA" },
		"control":     func(a *cosapi.Attrs) { a.CacheControl = "" },
		"disposition": func(a *cosapi.Attrs) { a.ContentDisposition = "" },
		"encoding":    func(a *cosapi.Attrs) { a.ContentEncoding = "" },
		"language":    func(a *cosapi.Attrs) { a.ContentLanguage = "" },
		"expires":     func(a *cosapi.Attrs) { a.Expires = "" },
		"meta":        func(a *cosapi.Attrs) { a.Meta = nil },
	} {
		other := there
		change(&other)
		require.False(t, carries(other, ours), name)
	}
}

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
