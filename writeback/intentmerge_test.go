package writeback

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// v is a version of the key k.
func v(etag string) cosapi.Object {
	return cosapi.Object{Version: cosapi.Version{Key: "k", ETag: etag, Size: 1}}
}

func del(base cosapi.Object) Intent { return Intent{Kind: IntentDelete, Key: "k", Base: base} }

func set(base cosapi.Object, mode string) Intent {
	return Intent{Kind: IntentAttrs, Key: "k", Base: base, Options: meta(mode)}
}

func put(base cosapi.Object, body string, forbid bool) Intent {
	in := Intent{Kind: IntentPut, Key: "k", Base: base, Body: []byte(body)}
	in.Options.ForbidOverwrite = forbid
	return in
}

func TestMerge(t *testing.T) {
	var none cosapi.Object
	withMode := func(in Intent, mode string) Intent {
		forbid := in.Options.ForbidOverwrite
		in.Options = meta(mode)
		in.Options.ForbidOverwrite = forbid
		return in
	}
	for _, c := range []struct {
		name        string
		first, then Intent
		want        Intent
		fate        fate
	}{
		{"deleted twice", del(v("a")), del(none), del(v("a")), shared},
		{"deleted, theirs deleted", del(v("a")), del(v("b")), del(v("b")), shared},
		{"new, deleted", put(none, "x", true), del(none), del(none), nothing},
		{"overwritten, deleted", put(v("a"), "x", false), del(none), del(v("a")), taken},
		{"overwritten unseen, deleted", put(none, "x", false), del(v("a")), del(v("a")), taken},
		{"overwritten unseen, deleted unseen", put(none, "x", false), del(none), del(none), apart},
		{"changed, deleted", set(v("a"), "1"), del(v("a")), del(v("a")), taken},
		{"deleted, made", del(v("a")), put(none, "x", true), put(v("a"), "x", false), taken},
		{"changed, overwritten", set(v("a"), "1"), put(none, "x", true), put(v("a"), "x", false), taken},
		{"new, overwritten", put(none, "x", true), put(none, "y", false), put(none, "y", true), shared},
		{"overwritten twice", put(v("a"), "x", false), put(none, "y", true), put(v("a"), "y", false), shared},
		{"new, changed", put(none, "x", true), set(none, "1"), withMode(put(none, "x", true), "1"), shared},
		{"changed twice", set(v("a"), "1"), set(none, "2"), set(v("a"), "2"), shared},
		{"changed, theirs changed", set(v("a"), "1"), set(v("b"), "2"), set(v("b"), "2"), taken},
		{"deleted, theirs changed", del(v("a")), set(v("b"), "1"), set(v("b"), "1"), taken},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, fate, err := merge(c.first, c.then)
			require.NoError(t, err)
			require.Equal(t, c.fate, fate)
			require.Equal(t, c.want, got)
		})
	}
	_, _, err := merge(del(v("a")), set(v("a"), "1"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSucceed(t *testing.T) {
	var none cosapi.Object
	refused := &cosapi.Error{Kind: cosapi.Denied}
	for _, c := range []struct {
		name   string
		first  Intent
		now    cosapi.Object
		failed error
		then   Intent
		want   Intent
		over   bool
		err    error
	}{
		{"made, deleted", put(none, "x", true), v("b"), nil, del(none), del(v("b")), false, nil},
		{"made, changed", put(none, "x", true), v("b"), nil, set(none, "1"), set(v("b"), "1"), false, nil},
		{"made, made", put(none, "x", true), v("b"), nil, put(none, "y", true), put(v("b"), "y", false), false, nil},
		{"changed, deleted", set(v("a"), "1"), v("b"), nil, del(v("a")), del(v("b")), false, nil},
		{"deleted, made", del(v("a")), none, nil, put(none, "x", true), put(none, "x", true), false, nil},
		{"deleted, deleted", del(v("a")), none, nil, del(v("a")), del(v("a")), true, nil},
		{"deleted, theirs deleted", del(v("a")), none, nil, del(v("b")), del(v("b")), false, nil},
		{"deleted, changed", del(v("a")), none, nil, set(none, "1"), set(none, "1"), true, os.ErrNotExist},
		{"not made, deleted", put(none, "x", true), none, refused, del(none), del(none), true, nil},
		{"not made, changed", put(none, "x", true), none, refused, set(none, "1"), set(none, "1"), true, cosapi.Denied},
		{"not made, made", put(none, "x", true), none, refused, put(none, "y", true), put(none, "y", true), false, nil},
		{"not overwritten, deleted", put(v("a"), "x", false), none, refused, del(none), del(v("a")), false, nil},
		{"not changed, deleted", set(v("a"), "1"), none, refused, del(v("a")), del(v("a")), false, nil},
		{"not deleted, changed", del(v("a")), none, refused, set(v("a"), "1"), set(v("a"), "1"), false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, over, err := succeed(c.first, c.now, c.failed, c.then)
			require.Equal(t, c.over, over)
			require.Equal(t, c.want, got)
			require.ErrorIs(t, err, c.err)
		})
	}
}

// cell is COS with one key: what a model of intents is carried out on.
type cell struct {
	etag, body, mode string // no etag: nothing is there
	versions         int
}

func (c *cell) object() cosapi.Object {
	if c.etag == "" {
		return cosapi.Object{}
	}
	return v(c.etag)
}

func (c *cell) carryOut(t *testing.T, in Intent) cosapi.Object {
	t.Helper()
	c.versions++
	etag := fmt.Sprint("e", c.versions)
	switch in.Kind {
	case IntentDelete:
		require.True(t, is(c.object(), in.Base), "deletes what it does not mean")
		c.etag = ""
	case IntentPut:
		require.False(t, c.etag != "" && in.Options.ForbidOverwrite, "a new name that exists")
		c.etag, c.body, c.mode = etag, string(in.Body), in.Options.Meta["mode"]
	case IntentAttrs:
		require.True(t, is(c.object(), in.Base), "changes what it does not mean")
		c.etag, c.mode = etag, in.Options.Meta["mode"]
	}
	return c.object()
}

// Whatever a program does to a name, and however much of it is merged before
// COS hears of it: COS has in the end what the program was told.
func TestMergeAsModelled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 3000 {
		var cos, want cell
		if rng.IntN(2) == 0 {
			cos = cell{etag: "e0", body: "old"}
			want = cos
		}
		known := cos.object() // what the program's side knows of COS; empty while that is open
		var line []Intent
		sent := false // the first is in flight
		carry := func() {
			done := line[0]
			object := cos.carryOut(t, done)
			line, sent = line[1:], false
			for len(line) > 0 {
				left, over, _ := succeed(done, object, nil, line[0])
				if !over {
					line[0] = left
					break
				}
				line = line[1:]
			}
			if len(line) == 0 {
				known = cos.object()
			}
		}
		for step := range 2 + rng.IntN(8) {
			if len(line) > 0 && rng.IntN(3) == 0 {
				if sent {
					carry()
				}
				sent = len(line) > 0 && rng.IntN(2) == 0
			}
			in := randomChange(rng, &want, known, step)
			known = cosapi.Object{}
			if n := len(line); n > 0 && !(n == 1 && sent) {
				merged, fate, err := merge(line[n-1], in)
				require.NoError(t, err)
				switch fate {
				case nothing:
					line = line[:n-1]
				case apart:
					line = append(line, in)
				default:
					line[n-1] = merged
				}
				continue
			}
			line = append(line, in)
		}
		for len(line) > 0 {
			carry()
		}
		require.Equal(t, want.etag == "", cos.etag == "")
		if want.etag != "" {
			require.Equal(t, [2]string{want.body, want.mode}, [2]string{cos.body, cos.mode})
		}
	}
}

// randomChange is something a program may do to a name as it sees it.
func randomChange(rng *rand.Rand, want *cell, known cosapi.Object, step int) Intent {
	mode := fmt.Sprint(step)
	if want.etag == "" {
		*want = cell{etag: "seen", body: mode}
		in := put(cosapi.Object{}, mode, true)
		return in
	}
	switch rng.IntN(3) {
	case 0:
		want.etag = ""
		return del(known)
	case 1:
		want.mode = mode
		return set(known, mode)
	}
	want.body, want.mode = mode, mode
	in := put(known, mode, false)
	in.Options.Attrs = meta(mode).Attrs
	return in
}
