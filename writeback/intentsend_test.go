package writeback

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// Deletes share requests, and each ends with its own answer.
func TestDeletesAreBatched(t *testing.T) {
	const n = 1500
	r := newRig(t)
	all := make([]deferred, n)
	objects := make([]cosapi.Object, n)
	var puts sync.WaitGroup
	for w := range 8 {
		puts.Go(func() {
			for i := w; i < n; i += 8 {
				o, err := r.client.Put(context.Background(), fmt.Sprintf("d/%d", i), nil, cosapi.PutOptions{})
				if err != nil {
					t.Error(err)
				}
				objects[i] = o
			}
		})
	}
	puts.Wait()
	r.requests()
	for i, o := range objects {
		all[i] = r.deferIntent(Intent{Kind: IntentDelete, Key: o.Key, Base: o})
	}
	r.settle("d/")
	for _, d := range all {
		d.succeeds()
	}
	counts := r.requests()
	require.LessOrEqual(t, counts["DeleteMultipleObjects"], int64(6))
	require.Zero(t, counts["HeadObject"])
	require.Empty(t, r.keys())
}

func TestDeletesOneByOne(t *testing.T) {
	for _, code := range []string{"AccessDenied", "MethodNotAllowed"} {
		r := newRig(t)
		r.server.Faults.Add(costest.Fault{Op: "DeleteMultipleObjects", Times: 1, Code: code})
		var all []deferred
		for _, key := range []string{"a", "b", "c"} {
			all = append(all, r.deferIntent(Intent{Kind: IntentDelete, Key: key, Base: r.put(key, random(5))}))
		}
		r.settle("")
		for _, d := range all {
			d.succeeds()
		}
		require.Empty(t, r.keys())
		require.Equal(t, int64(3), r.requests()["DeleteObject"])
	}
}

// Keys of one request may be refused one by one.
func TestDeleteRefused(t *testing.T) {
	r := newRig(t)
	a := r.put("a", random(5))
	r.server.Faults.Add(costest.Fault{Op: "DeleteObject", Code: "AccessDenied"})
	d := r.deferIntent(Intent{Kind: IntentDelete, Key: "a", Base: a})
	require.ErrorIs(t, r.stage.Settle(r.ctx(), "a"), cosapi.Denied)
	require.ErrorIs(t, d.end().err, cosapi.Denied)
	require.Equal(t, []string{"a"}, r.keys())
	require.Empty(t, r.staged(), "a refusal is final")
	require.Equal(t, 1, r.stage.Stats().Refused)
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Equal(t, Refused, r.events[len(r.events)-1].Kind)
}

// An old delete asks first, and leaves alone what somebody else has stored.
func TestOldDeleteIsChecked(t *testing.T) {
	r := newRig(t)
	same, other, gone := r.put("same", random(5)), r.put("other", random(5)), r.put("gone", random(5))
	r.put("other", random(6))
	require.NoError(t, r.client.Delete(r.ctx(), "gone"))
	r.requests()
	ago := time.Now().Add(-time.Minute)
	mine := r.deferIntent(Intent{Kind: IntentDelete, Key: "same", Base: same, At: ago})
	theirs := r.deferIntent(Intent{Kind: IntentDelete, Key: "other", Base: other, At: ago})
	nobodys := r.deferIntent(Intent{Kind: IntentDelete, Key: "gone", Base: gone, At: ago})
	require.ErrorIs(t, r.stage.Settle(r.ctx(), ""), cosapi.Changed)
	mine.succeeds()
	nobodys.succeeds()
	end := theirs.end()
	require.ErrorIs(t, end.err, cosapi.Changed)
	require.Equal(t, int64(6), end.object.Size, "what is there instead")
	require.Equal(t, map[string]int64{"HeadObject": 3, "DeleteObject": 1}, r.requests())
	require.Equal(t, []string{"other"}, r.keys())
}

func TestAttrsOfAnotherVersion(t *testing.T) {
	r := newRig(t)
	base := r.put("k", random(5))
	r.put("k", random(6))
	d := r.deferIntent(Intent{Kind: IntentAttrs, Key: "k", Base: base, Options: meta("1")})
	require.ErrorIs(t, r.stage.Settle(r.ctx(), "k"), cosapi.Changed)
	require.ErrorIs(t, d.end().err, cosapi.Changed)
	require.Empty(t, r.head("k").Meta)
}

// chmod, chown and utimens in a row are one copy.
func TestAttrsAreCoalesced(t *testing.T) {
	r := newRig(t)
	base := r.put("k", random(5))
	r.requests()
	var all []deferred
	for i := range 3 {
		all = append(all, r.deferIntent(Intent{Kind: IntentAttrs, Key: "k", Base: base, Options: meta(fmt.Sprint(i))}))
	}
	for _, d := range all {
		require.Equal(t, "2", d.succeeds().Meta["mode"])
	}
	require.Equal(t, map[string]int64{"CopyObject": 1}, r.requests())
}

// The copy of an object of many parts has another ETag: when its answer is
// lost, what is there is found to be ours.
func TestAttrsAnswerLost(t *testing.T) {
	r := newRig(t)
	f := r.create("k", random(3*mib))
	base := r.store(f)
	require.NoError(t, f.Finish(nil))
	r.server.Faults.Add(costest.Fault{Op: "CopyObject", Times: 1, ResetAfter: true})
	d := r.deferIntent(Intent{Kind: IntentAttrs, Key: "k", Base: base, Options: meta("1")})
	r.settle("")
	require.Equal(t, r.head("k").ETag, d.succeeds().ETag)
	require.Equal(t, "1", r.head("k").Meta["mode"])
}

// Objects above 5 GiB go by parts; which way is taken is told by what asks
// first. (The object is small: only its base says otherwise.)
func TestAttrsOfTheLargest(t *testing.T) {
	r := newRig(t)
	base := r.put("k", random(5))
	base.Size = 6 << 30
	r.requests()
	r.deferIntent(Intent{Kind: IntentAttrs, Key: "k", Base: base, Options: meta("1")}).succeeds()
	require.Equal(t, int64(1), r.requests()["HeadObject"])
}

func TestPutRefused(t *testing.T) {
	r := newRig(t)
	r.put("k", random(5))
	in := Intent{Kind: IntentPut, Key: "k", Body: random(7), Options: cosapi.PutOptions{ForbidOverwrite: true}}
	require.ErrorIs(t, r.deferIntent(in).end().err, cosapi.Exists)
	require.Equal(t, random(5), r.bucket("k"))
}

// An endpoint that does not know x-cos-forbid-overwrite is asked.
func TestPutWithoutForbid(t *testing.T) {
	r := newRig(t)
	r.put("taken", random(5))
	r.server.Faults.Add(costest.Fault{Op: "PutObject", Times: 1, Code: "NotImplemented"})
	forbid := cosapi.PutOptions{ForbidOverwrite: true}
	free := Intent{Kind: IntentPut, Key: "free", Body: random(7), Options: forbid}
	require.Equal(t, int64(7), r.deferIntent(free).succeeds().Size)
	taken := Intent{Kind: IntentPut, Key: "taken", Body: random(7), Options: forbid}
	require.ErrorIs(t, r.deferIntent(taken).end().err, cosapi.Exists)
	require.Equal(t, random(5), r.bucket("taken"))
}

// An old overwrite asks first.
func TestOldPutIsChecked(t *testing.T) {
	r := newRig(t)
	base := r.put("k", random(5))
	ago := time.Now().Add(-time.Minute)
	in := Intent{Kind: IntentPut, Key: "k", Base: base, Body: random(7), At: ago}
	now := r.deferIntent(in).succeeds()
	r.put("k", random(6))
	in.Base = now
	require.ErrorIs(t, r.deferIntent(in).end().err, cosapi.Changed)
	require.Equal(t, random(6), r.bucket("k"))
}
