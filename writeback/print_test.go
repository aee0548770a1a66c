package writeback

import (
	"context"
	"errors"
	"io"
	"testing"

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
	r := newRig(t)
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
