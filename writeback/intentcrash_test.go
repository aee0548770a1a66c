package writeback

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// deferOnce defers one intent of each kind and says so. It is told of their
// ends before the records go, and then does not go on.
func deferOnce(s *Stage, client *cosapi.Client) error {
	ctx := context.Background()
	told := make(chan error, 3)
	done := func(_ cosapi.Object, err error) {
		told <- err
		select {}
	}
	for _, in := range []Intent{
		{Kind: IntentDelete, Key: "old"},
		{Kind: IntentAttrs, Key: "kept", Options: meta("1")},
		{Kind: IntentPut, Key: "new", Body: []byte("to"), Options: cosapi.PutOptions{ForbidOverwrite: true}},
	} {
		if in.Kind != IntentPut {
			base, err := client.Head(ctx, in.Key)
			if err != nil {
				return err
			}
			in.Base = base
		}
		if err := s.Defer(ctx, in, done); err != nil {
			return err
		}
	}
	fmt.Println("recorded")
	go func() { _ = s.Settle(ctx, "") }()
	for range 3 {
		if err := <-told; err != nil {
			return err
		}
	}
	fmt.Println("carried out")
	select {}
}

// Killed at each point between the promise and the end of its record: what
// was deferred is what the bucket has after the next Open, and it was done
// once, also where somebody else has changed the bucket meanwhile.
func TestIntentsKilled(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault costest.Fault // killed when it strikes; without one, once all is carried out
	}{
		{"recorded", costest.Fault{}},
		{"before the delete", costest.Fault{Op: "DeleteObject"}},
		{"after the delete", costest.Fault{Op: "DeleteObject", ResetAfter: true}},
		{"before the put", costest.Fault{Op: "PutObject", Key: "new"}},
		{"after the put", costest.Fault{Op: "PutObject", Key: "new", ResetAfter: true}},
		{"before the copy", costest.Fault{Op: "CopyObject"}},
		{"after the copy", costest.Fault{Op: "CopyObject", ResetAfter: true}},
		{"before the records go", costest.Fault{}},
	} {
		for _, meddled := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, ", meddled: ", meddled), func(t *testing.T) {
				killIntents(newRig(t), c.name, c.fault, meddled)
			})
		}
	}
}

func killIntents(r *rig, point string, fault costest.Fault, meddled bool) {
	require.NoError(r, r.stage.Close())
	r.put("old", random(5))
	r.put("kept", random(6))
	hold, recorded := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	r.Cleanup(release)
	var v *victim
	if fault.Op != "" {
		fault.Times = 1
		fault.OnHit = func(*cosserver.Request) {
			<-recorded // puts do not wait for it
			require.NoError(r, v.cmd.Process.Kill())
		}
		if !fault.ResetAfter {
			fault.Hold, fault.ResetBefore = hold, true
		}
		r.server.Faults.Add(fault)
	}
	if point == "recorded" {
		for _, op := range []string{"DeleteObject", "PutObject", "CopyObject"} {
			r.server.Faults.Add(costest.Fault{Op: op, Hold: hold, ResetBefore: true})
		}
	}
	v = startChild(r, "intents")
	require.True(r, v.lines.Scan())
	require.Equal(r, "recorded", v.lines.Text())
	close(recorded)
	if fault.Op == "" {
		if point != "recorded" {
			require.True(r, v.lines.Scan())
		}
		require.NoError(r, v.cmd.Process.Kill())
	}
	v.rest()
	release()
	r.server.Faults.Clear()
	if meddled { // with what was deleted and changed
		r.put("old", random(8))
		r.put("kept", random(9))
	}
	r.open()
	require.NoError(r, r.stage.Drain(r.ctx()))
	require.NoError(r, r.stage.Check())
	require.Empty(r, r.staged())
	require.Equal(r, []byte("to"), r.bucket("new"))
	if meddled {
		require.Equal(r, []string{"kept", "new", "old"}, r.keys())
		require.Equal(r, random(8), r.bucket("old"))
		require.Empty(r, r.head("kept").Meta, "theirs")
		return
	}
	require.Equal(r, []string{"kept", "new"}, r.keys())
	require.Equal(r, "1", r.head("kept").Meta["mode"])
	require.Equal(r, random(6), r.bucket("kept"))
}
