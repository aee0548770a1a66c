package writeback

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

func newReader(p []byte) *bytes.Reader { return bytes.NewReader(p) }

func TestSmallFileIsOnePut(t *testing.T) {
	r := newRig(t)
	content := random(4096)
	f := r.create("dir/small", content)
	r.requests()
	o := r.store(f)
	require.Equal(t, map[string]int64{"PutObject": 1}, r.requests())
	require.Equal(t, content, r.bucket("dir/small"))
	require.EqualValues(t, 4096, o.Size)
	require.Equal(t, cosapi.CRC64(content), o.CRC64)
	// Nothing has changed: no request.
	r.requests()
	require.Equal(t, o, r.store(f))
	require.Empty(t, r.requests())
	require.Equal(t, []string{f.id + dataSuffix}, r.staged(), "a stored file has no record")
	require.NoError(t, f.Finish(nil))
	require.Empty(t, r.staged())
}

func TestEmptyFile(t *testing.T) {
	r := newRig(t)
	f := r.create("empty", nil)
	require.True(t, f.Dirty())
	require.Empty(t, r.staged(), "nothing local before the first write")
	r.store(f)
	require.Equal(t, map[string]int64{"PutObject": 1}, r.requests())
	require.Empty(t, r.bucket("empty"))
	require.NoError(t, f.Finish(func(cosapi.Object, string) error { return errors.New("nothing to adopt") }))
}

func TestFinishHandsTheFileOver(t *testing.T) {
	r := newRig(t)
	content := random(3*mib + 5)
	f := r.create("k", content)
	require.ErrorIs(t, f.Finish(nil), ErrDirty)
	stored := r.store(f)
	to := filepath.Join(t.TempDir(), "adopted")
	require.NoError(t, f.Finish(func(o cosapi.Object, path string) error {
		require.Equal(t, stored, o)
		return os.Rename(path, to)
	}))
	got, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, content, got)
	require.Empty(t, r.staged())
	_, err = f.ReadAt(r.ctx(), make([]byte, 1), 0)
	require.ErrorIs(t, err, os.ErrClosed)
	_, err = f.WriteAt(r.ctx(), make([]byte, 1), 0)
	require.ErrorIs(t, err, os.ErrClosed)
	_, err = f.Store(r.ctx())
	require.ErrorIs(t, err, os.ErrClosed)
	require.ErrorIs(t, f.Finish(nil), os.ErrClosed)
}

func TestFinishWithoutAdoption(t *testing.T) {
	r := newRig(t)
	f := r.create("refused", random(10))
	r.store(f)
	require.NoError(t, f.Finish(func(cosapi.Object, string) error { return errors.New("the cache is full") }))
	// A file that holds only some of the bytes is not handed over.
	f = r.edit(r.put("partial", random(3*mib)))
	r.write(f, random(10), 5)
	r.store(f)
	require.NoError(t, f.Finish(func(cosapi.Object, string) error { return errors.New("not whole") }))
	// Nor is one that was only looked at.
	f = r.edit(r.put("clean", random(10)))
	require.Len(t, r.read(f), 10)
	require.NoError(t, f.Finish(func(cosapi.Object, string) error { return errors.New("not written") }))
	require.Empty(t, r.staged())
}

func TestAttributesRideAlong(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(100))
	o := cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "text/plain", Meta: map[string]string{"mode": "33188"}}}
	f.SetOptions(o)
	require.Equal(t, o, f.Options())
	r.store(f)
	require.Equal(t, map[string]int64{"PutObject": 1}, r.requests())
	head, err := r.client.Head(r.ctx(), "k")
	require.NoError(t, err)
	require.Equal(t, "text/plain", head.ContentType)
	require.Equal(t, "33188", head.Meta["mode"])
	f.SetOptions(cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "text/plain", Meta: map[string]string{"mode": "33188"}}})
	require.False(t, f.Dirty(), "the same again is no change")
	o.Meta["mode"] = "33261"
	require.Equal(t, "33188", f.Options().Meta["mode"], "the caller's map is not ours")
	f.SetOptions(o)
	require.True(t, f.Dirty())
}

// What was written while an upload ran is not lost, and is not said to be
// stored.
func TestWritesDuringAPut(t *testing.T) {
	r := newRig(t)
	old, changed := random(1000), random(1001)
	f := r.create("k", old)
	wrote := make(chan struct{})
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 1, OnHit: func(*cosserver.Request) {
		r.write(f, changed, 0)
		close(wrote)
	}})
	_, err := f.Store(r.ctx())
	require.NoError(t, err)
	<-wrote
	require.Equal(t, old, r.bucket("k"), "the object is one generation")
	require.True(t, f.Dirty())
	require.Equal(t, changed, r.read(f))
	r.store(f)
	require.Equal(t, changed, r.bucket("k"))
}

func TestStoreContextEndsOnlyTheWaiting(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(10))
	hold, hit := make(chan struct{}), make(chan struct{})
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 1, Hold: hold, OnHit: func(*cosserver.Request) { close(hit) }})
	ctx, cancel := context.WithCancel(r.ctx())
	go func() { <-hit; cancel() }()
	_, err := f.Store(ctx)
	require.ErrorIs(t, err, context.Canceled)
	close(hold)
	require.NoError(t, r.stage.Drain(r.ctx()))
	require.False(t, f.Dirty())
	require.Equal(t, random(10), r.bucket("k"))
}

func TestManyStoresAtOnce(t *testing.T) {
	r := newRig(t)
	done := make(chan error)
	const files, writers = 20, 3
	for i := range files {
		f := r.create("k"+string(rune('a'+i)), random(500+i))
		for range writers {
			go func() {
				_, err := f.Store(r.ctx())
				done <- err
			}()
		}
	}
	for range files * writers {
		require.NoError(t, <-done)
	}
	require.Equal(t, map[string]int64{"PutObject": files}, r.requests())
	for i := range files {
		require.Equal(t, random(500+i), r.bucket("k"+string(rune('a'+i))))
	}
}

func TestStoreLater(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(10))
	hold := make(chan struct{})
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 1, Hold: hold})
	type answer struct {
		o   cosapi.Object
		err error
	}
	answers := make(chan answer, 2)
	done := func(o cosapi.Object, err error) { answers <- answer{o, err} }
	require.NoError(t, f.StoreLater(done))
	require.Len(t, r.stage.Pending(), 1)
	record, err := r.stage.readRecord(f.id)
	require.NoError(t, err)
	require.Equal(t, StateOwed, record.State)
	close(hold)
	a := <-answers
	require.NoError(t, a.err)
	require.EqualValues(t, 10, a.o.Size)
	require.NoError(t, f.StoreLater(done), "clean: told at once")
	require.Equal(t, a, <-answers)
	require.Empty(t, r.stage.Pending())
	require.Equal(t, Stats{Files: 1}, r.stage.Stats())
}

func TestSync(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(10))
	require.NoError(t, f.Sync(r.ctx()))
	record, err := r.stage.readRecord(f.id)
	require.NoError(t, err)
	require.Equal(t, StateOpen, record.State, "durable, but nothing is promised")
	require.Equal(t, Extents{{0, 10}}, record.Local)
	require.Empty(t, r.requests())
	r.store(f)
	require.NoError(t, f.Sync(r.ctx()))
	require.NoError(t, r.stage.Check())
}

func TestDiscard(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(10))
	require.NoError(t, f.Discard())
	require.False(t, f.MayExist())
	require.ErrorIs(t, f.Discard(), os.ErrClosed)
	require.Empty(t, r.staged())
	require.Empty(t, r.requests())

	// With an upload in flight, which is cancelled.
	f = r.create("k", random(10))
	hold, hit := make(chan struct{}), make(chan struct{})
	defer close(hold)
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Hold: hold, OnHit: func(*cosserver.Request) { close(hit) }})
	told := make(chan error, 1)
	require.NoError(t, f.StoreLater(func(_ cosapi.Object, err error) { told <- err }))
	<-hit
	require.NoError(t, f.Discard())
	require.True(t, f.MayExist(), "the put may still be carried out")
	require.ErrorIs(t, <-told, os.ErrClosed)
	require.Empty(t, r.staged())
	require.Zero(t, r.stage.Stats().Files)
}
