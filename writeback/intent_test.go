package writeback

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// outcome is what a done was told.
type outcome struct {
	object cosapi.Object
	err    error
}

// deferred is an intent whose end a test waits for.
type deferred struct {
	r    *rig
	key  string
	ends chan outcome
}

func (r *rig) deferIntent(in Intent) deferred {
	r.Helper()
	d := deferred{r, in.Key, make(chan outcome, 2)}
	require.NoError(r, r.stage.Defer(r.ctx(), in, func(o cosapi.Object, err error) { d.ends <- outcome{o, err} }))
	return d
}

// end is what done is told, once the record is gone too.
func (d deferred) end() outcome {
	d.r.Helper()
	select {
	case o := <-d.ends:
		_ = d.r.stage.Settle(d.r.ctx(), d.key) // the record goes after done
		return o
	case <-d.r.ctx().Done():
		require.FailNow(d.r, "done was never called")
		return outcome{}
	}
}

func (d deferred) succeeds() cosapi.Object {
	d.r.Helper()
	o := d.end()
	require.NoError(d.r, o.err)
	return o.object
}

func (r *rig) settle(tree string) {
	r.Helper()
	require.NoError(r, r.stage.Settle(r.ctx(), tree))
}

// block keeps all jobs busy with puts that the server holds until release is
// called: what is deferred meanwhile is only recorded.
func (r *rig) block(op, prefix string) (release func()) {
	r.Helper()
	hold := make(chan struct{})
	seen := make(chan struct{}, r.stage.cfg.Parallel)
	r.server.Faults.Add(costest.Fault{Op: op, Key: prefix + "*", Hold: hold, OnHit: func(*cosserver.Request) { seen <- struct{}{} }})
	for i := range r.stage.cfg.Parallel {
		r.deferIntent(Intent{Kind: IntentPut, Key: fmt.Sprint(prefix, i)})
	}
	for range r.stage.cfg.Parallel {
		<-seen
	}
	release = sync.OnceFunc(func() { close(hold) })
	r.Cleanup(release)
	return release
}

func filter(keys []string, prefix string) (some []string) {
	for _, key := range keys {
		if strings.HasPrefix(key, prefix) {
			some = append(some, key)
		}
	}
	return some
}

func meta(value string) cosapi.PutOptions {
	return cosapi.PutOptions{Attrs: cosapi.Attrs{ContentType: "text/plain", Meta: map[string]string{"mode": value}}}
}

func (r *rig) head(key string) cosapi.Object {
	r.Helper()
	o, err := r.client.Head(context.Background(), key)
	require.NoError(r, err)
	return o
}

func TestDeferOneOfEach(t *testing.T) {
	r := newRig(t)
	old, kept := r.put("old", random(10)), r.put("kept", random(20))
	r.requests()
	remove := r.deferIntent(Intent{Kind: IntentDelete, Key: "old", Base: old})
	mark := r.deferIntent(Intent{Kind: IntentPut, Key: "dir/", Options: cosapi.PutOptions{ForbidOverwrite: true}})
	change := r.deferIntent(Intent{Kind: IntentAttrs, Key: "kept", Base: kept, Options: meta("1")})
	require.Zero(t, remove.succeeds())
	require.Equal(t, "dir/", mark.succeeds().Key)
	made := change.succeeds()
	require.Equal(t, "1", made.Meta["mode"])
	require.Equal(t, kept.CRC64, made.CRC64)
	r.settle("")
	require.Equal(t, map[string]int64{"DeleteObject": 1, "PutObject": 1, "CopyObject": 1}, r.requests())
	require.Equal(t, []string{"dir/", "kept"}, r.keys())
	require.Equal(t, made.ETag, r.head("kept").ETag)
	require.Equal(t, "1", r.head("kept").Meta["mode"])
	require.Empty(t, r.staged())
	require.Zero(t, r.stage.Stats().Intents)
}

// What COS cannot do for now is tried again, and its answer may have been
// lost.
func TestIntentsAreRetried(t *testing.T) {
	r := newRig(t)
	base, old := r.put("k", random(5)), r.put("old", random(5))
	for _, fault := range []costest.Fault{
		{Op: "PutObject", Times: 1, Status: 503}, {Op: "PutObject", Times: 2, ResetAfter: true},
		{Op: "CopyObject", Times: 4, Status: 503}, {Op: "DeleteObject", Times: 3, ResetAfter: true},
	} {
		r.server.Faults.Add(fault)
	}
	all := []deferred{
		r.deferIntent(Intent{Kind: IntentPut, Key: "new", Body: random(7), Options: cosapi.PutOptions{ForbidOverwrite: true}}),
		r.deferIntent(Intent{Kind: IntentAttrs, Key: "k", Base: base, Options: meta("1")}),
		r.deferIntent(Intent{Kind: IntentDelete, Key: "old", Base: old}),
	}
	require.NoError(t, r.stage.Drain(r.ctx()))
	for _, d := range all {
		d.succeeds()
	}
	require.Equal(t, []string{"k", "new"}, r.keys())
	require.Equal(t, "1", r.head("k").Meta["mode"])
}

// Settle returns what fails for the moment; the intent stays.
func TestSettleFails(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Retry = Backoff{Base: time.Hour, Cap: time.Hour} })
	old := r.put("dir/old", random(5))
	r.server.Faults.Add(costest.Fault{Op: "DeleteObject", Times: 2, Status: 503})
	d := r.deferIntent(Intent{Kind: IntentDelete, Key: "dir/old", Base: old})
	r.settle("dir")
	r.settle("dir/o")
	r.settle("other/")
	require.ErrorIs(t, r.stage.Settle(r.ctx(), "dir/"), cosapi.Throttled)
	pending := r.stage.Pending()
	require.Len(t, pending, 1)
	require.Equal(t, IntentDelete, pending[0].Intent)
	require.Equal(t, 1, pending[0].Attempts)
	require.ErrorIs(t, pending[0].Err, cosapi.Throttled)
	r.settle("dir/")
	d.succeeds()
}

// Of one key, what comes while another is in flight waits for that and builds
// on it; what comes before COS has heard is merged.
func TestIntentsOfOneKey(t *testing.T) {
	r := newRig(t)
	hold, seen := make(chan struct{}), make(chan struct{}, 1)
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 1, Hold: hold, OnHit: func(*cosserver.Request) { seen <- struct{}{} }})
	made := r.deferIntent(Intent{Kind: IntentPut, Key: "k", Body: random(3), Options: cosapi.PutOptions{ForbidOverwrite: true}})
	<-seen
	changed := r.deferIntent(Intent{Kind: IntentAttrs, Key: "k", Options: meta("1")})
	gone := r.deferIntent(Intent{Kind: IntentDelete, Key: "k"})
	again := r.deferIntent(Intent{Kind: IntentPut, Key: "k", Body: random(4), Options: cosapi.PutOptions{ForbidOverwrite: true}})
	require.Len(t, r.stage.Intents(), 2)
	require.NoError(t, r.stage.Check())
	release()
	require.Equal(t, int64(3), made.succeeds().Size)
	require.ErrorIs(t, changed.end().err, ErrOvertaken)
	require.ErrorIs(t, gone.end().err, ErrOvertaken)
	require.Equal(t, int64(4), again.succeeds().Size)
	r.settle("")
	require.Equal(t, random(4), r.bucket("k"))
	require.Equal(t, int64(2), r.requests()["PutObject"])
}

// A new name that goes before COS has heard of it costs nothing.
func TestIntentUndone(t *testing.T) {
	r := newRig(t)
	release := r.block("PutObject", "other")
	in := Intent{Kind: IntentPut, Key: "k", Options: cosapi.PutOptions{ForbidOverwrite: true}}
	made := r.deferIntent(in)
	gone := r.deferIntent(Intent{Kind: IntentDelete, Key: "k"})
	require.ErrorIs(t, made.end().err, ErrOvertaken)
	gone.succeeds()
	release()
	r.settle("")
	require.Zero(t, r.requests()["DeleteObject"])
	require.Equal(t, []string(nil), filter(r.keys(), "k"))
}

func TestDeferRefuses(t *testing.T) {
	r := newRig(t)
	base := r.put("k", random(5))
	for _, c := range []struct {
		in   Intent
		want error
	}{
		{Intent{Kind: "rename", Key: "k"}, syscall.EINVAL},
		{Intent{Kind: IntentDelete, Key: "k"}, syscall.EINVAL},
		{Intent{Kind: IntentAttrs, Key: "k"}, syscall.EINVAL},
		{Intent{Kind: IntentPut, Key: "k", Body: random(maxBody + 1)}, syscall.EINVAL},
		{Intent{Kind: IntentDelete, Key: strings.Repeat("k", 851), Base: base}, cosapi.NameTooLong},
	} {
		require.ErrorIs(t, r.stage.Defer(r.ctx(), c.in, nil), c.want)
	}
	require.NoError(t, r.stage.Defer(r.ctx(), del(base), nil))
	require.ErrorIs(t, r.stage.Defer(r.ctx(), set(base, "1"), nil), os.ErrNotExist)
	require.NoError(t, r.stage.Check())
	require.NoError(t, r.stage.Close())
	require.ErrorIs(t, r.stage.Defer(r.ctx(), del(base), nil), os.ErrClosed)
	r.open()
}

// What cannot be recorded is refused, and what was recorded before stays.
func TestDeferOnABrokenDisk(t *testing.T) {
	r := newRig(t)
	base := r.put("k", random(5))
	first := r.deferIntent(set(base, "1"))
	in := r.stage.Intents()[0]
	aside := r.stage.path(in.id + todoSuffix + newSuffix)
	require.NoError(t, os.Mkdir(aside, 0o700))
	require.Error(t, r.stage.Defer(r.ctx(), set(base, "2"), nil))
	require.NoError(t, ignoreMissing(os.Remove(aside)))
	require.Equal(t, "1", first.succeeds().Meta["mode"])
}

// Beyond its bound, Defer waits for room.
func TestDeferWaitsForRoom(t *testing.T) {
	r := newRig(t)
	b := &r.stage.intents
	b.mu.Lock()
	b.pending += maxIntents
	b.mu.Unlock()
	base := r.put("k", random(5))
	ctx, cancel := context.WithCancel(r.ctx())
	cancel()
	require.ErrorIs(t, r.stage.Defer(ctx, del(base), nil), context.Canceled)
	recorded := make(chan error)
	go func() { recorded <- r.stage.Defer(r.ctx(), del(base), nil) }()
	b.mu.Lock()
	b.pending -= maxIntents
	b.announceLocked()
	b.mu.Unlock()
	require.NoError(t, <-recorded)
}

// Close leaves what is pending to the next Open, which tells of it and goes on.
func TestIntentsAcrossClose(t *testing.T) {
	r := newRig(t)
	base := r.put("k", random(5))
	r.server.Faults.Add(costest.Fault{Status: 503})
	keys := []string{"k", "a &<link>\té", "dir/"}
	change := r.deferIntent(Intent{Kind: IntentAttrs, Key: keys[0], Base: base, Options: meta("1")})
	link := r.deferIntent(Intent{Kind: IntentPut, Key: keys[1], Body: []byte("to"), Options: meta("2")})
	mark := r.deferIntent(Intent{Kind: IntentPut, Key: keys[2], Options: meta("3")})
	before := r.stage.Intents()
	require.NoError(t, r.stage.Close())
	for _, d := range []deferred{change, link, mark} {
		require.ErrorIs(t, d.end().err, ErrStageClosed)
	}
	r.open()
	after := r.stage.Intents()
	require.Len(t, after, 3)
	ends := make(chan outcome, 3)
	for i, in := range after {
		require.Equal(t, keys[i], in.Key)
		require.Equal(t, before[i].Body, in.Body)
		require.Equal(t, before[i].Options, in.Options)
		require.Equal(t, before[i].Base, in.Base)
		require.True(t, in.At.Equal(before[i].At))
		require.True(t, r.stage.Follow(in, func(o cosapi.Object, err error) { ends <- outcome{o, err} }))
	}
	r.server.Faults.Clear()
	require.NoError(t, r.stage.Drain(r.ctx()))
	for range 3 {
		require.NoError(t, (<-ends).err)
	}
	require.False(t, r.stage.Follow(after[0], nil), "it has ended")
	require.Equal(t, "1", r.head("k").Meta["mode"])
	require.Equal(t, []byte("to"), r.bucket(keys[1]))
}

// An unusable record is moved aside, and does not keep the stage from opening.
func TestUnusableIntents(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.stage.Close())
	for _, name := range []string{"01.todo.json", "02.rename.json", "03.todo.json.new"} {
		require.NoError(t, os.WriteFile(r.stage.path(name), []byte("{"), 0o600))
	}
	r.open()
	require.NoError(t, r.stage.Check())
	require.Equal(t, []string{asideDir}, r.staged())
	require.Empty(t, r.stage.Intents())
}
