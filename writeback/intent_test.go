package writeback

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// outcome is what a done was told.
type outcome struct {
	object cosapi.Object
	err    error
}

// deferred is an intent whose end a test waits for.
type deferred struct {
	r    *rig
	ends chan outcome
}

func (r *rig) deferIntent(in Intent) deferred {
	r.Helper()
	d := deferred{r, make(chan outcome, 2)}
	require.NoError(r, r.stage.Defer(r.ctx(), in, func(o cosapi.Object, err error) { d.ends <- outcome{o, err} }))
	return d
}

func (d deferred) end() outcome {
	d.r.Helper()
	select {
	case o := <-d.ends:
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

// slow keeps what is deferred from being carried out until it is settled.
func slow(c *Config) { c.Retry = Backoff{Base: 1e9, Cap: 1e9} }

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
