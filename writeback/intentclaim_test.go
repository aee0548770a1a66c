package writeback

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// A new file of a name whose removal COS has not heard of overwrites what was
// removed: one request in all.
func TestUploadOvertakesDelete(t *testing.T) {
	r := newRig(t)
	old := r.put("k", random(5))
	r.requests()
	gone := r.deferIntent(Intent{Kind: IntentDelete, Key: "k", Base: old})
	f := r.create("k", random(7))
	r.store(f)
	require.ErrorIs(t, gone.end().err, ErrOvertaken)
	require.Equal(t, map[string]int64{"PutObject": 1}, r.requests())
	require.Equal(t, random(7), r.bucket("k"))
	require.Equal(t, []string{"k"}, r.keys())
}

// The same a while later: what COS has is looked at before it is overwritten.
func TestUploadOverOldDelete(t *testing.T) {
	for _, changed := range []bool{false, true} {
		r := newRig(t, func(c *Config) { c.BaseTTL = time.Nanosecond })
		old := r.put("k", random(5))
		if changed {
			r.put("k", random(6))
		}
		r.deferIntent(Intent{Kind: IntentDelete, Key: "k", Base: old})
		f := r.create("k", random(7))
		_, err := f.Store(r.ctx())
		if !changed {
			require.NoError(t, err)
			require.Equal(t, []string{"k"}, r.keys())
			continue
		}
		require.ErrorIs(t, err, Conflict)
		require.Error(t, r.stage.Settle(r.ctx(), "k"), "and the delete does not mean it either")
		require.Equal(t, random(6), r.bucket("k"))
		require.Len(t, r.keys(), 2)
	}
}

// An upload waits for a delete in flight, and a change of attributes that
// comes during an upload waits for that.
func TestUploadAndIntentsTakeTurns(t *testing.T) {
	r := newRig(t)
	old := r.put("k", random(5))
	var order []string
	var mu sync.Mutex
	note := func(req *cosserver.Request) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, req.Op)
	}
	reached, hold := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	r.server.Faults.Add(costest.Fault{Op: "DeleteObject", Key: "k", Delay: 50 * time.Millisecond, OnHit: note})
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Key: "k", Hold: hold, OnHit: func(req *cosserver.Request) { note(req); close(reached) }})
	r.server.Faults.Add(costest.Fault{Op: "CopyObject", Key: "k", OnHit: note})
	gone := r.deferIntent(Intent{Kind: IntentDelete, Key: "k", Base: old, At: time.Now()})
	settled := make(chan error, 1)
	go func() { settled <- r.stage.Settle(r.ctx(), "k") }()
	require.NoError(t, <-settled)
	gone.succeeds()
	f := r.create("k", random(7))
	require.NoError(t, f.StoreLater(nil))
	<-reached
	change := r.deferIntent(Intent{Kind: IntentAttrs, Key: "k", Options: meta("1")})
	release()
	require.NoError(t, r.stage.Drain(r.ctx()))
	require.Equal(t, "1", change.succeeds().Meta["mode"])
	require.Equal(t, []string{"DeleteObject", "PutObject", "CopyObject"}, order)
	require.Equal(t, random(7), r.bucket("k"))
}

// An upload waits for what is in flight.
func TestUploadWaitsForDelete(t *testing.T) {
	r := newRig(t)
	old := r.put("k", random(5))
	reached, hold := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	r.server.Faults.Add(costest.Fault{Op: "DeleteObject", Key: "k", Hold: hold, OnHit: func(*cosserver.Request) { close(reached) }})
	gone := r.deferIntent(Intent{Kind: IntentDelete, Key: "k", Base: old})
	<-reached
	f := r.create("k", random(7))
	require.NoError(t, f.StoreLater(nil))
	require.Eventually(t, func() bool { return r.stage.Stats().Uploading == 1 }, 5*time.Second, time.Millisecond)
	require.Equal(t, int64(1), r.server.Counts()["PutObject"], "only that of the test")
	release()
	gone.succeeds()
	require.NoError(t, r.stage.Drain(r.ctx()))
	require.Equal(t, random(7), r.bucket("k"))
}

// Without the upload that was to take its place, a delete is still meant; and
// it does not delete what the upload has made after all.
func TestUploadFailsOverDelete(t *testing.T) {
	for _, stored := range []bool{false, true} {
		r := newRig(t, func(c *Config) { c.Retry = Backoff{Base: time.Hour, Cap: time.Hour} })
		old := r.put("k", random(5))
		r.deferIntent(Intent{Kind: IntentDelete, Key: "k", Base: old})
		r.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 2, ResetAfter: stored, ResetBefore: !stored})
		f := r.create("k", random(7))
		_, err := f.Store(r.ctx())
		require.ErrorIs(t, err, cosapi.Unavailable)
		require.Len(t, r.stage.Intents(), 1)
		err = r.stage.Settle(r.ctx(), "k")
		if stored {
			require.ErrorIs(t, err, cosapi.Changed)
		} else {
			require.NoError(t, err)
			require.Empty(t, r.keys())
		}
		require.NoError(t, r.stage.Drain(r.ctx()))
		require.Equal(t, random(7), r.bucket("k"))
		require.Equal(t, []string{"k"}, r.keys())
	}
}
