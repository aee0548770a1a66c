package writeback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// names is a program's view of a bucket to which it only defers, and uploads.
type names struct {
	r    *rig
	rng  *rand.Rand
	want map[string]cell

	mu    sync.Mutex // guards wrong
	wrong []error
}

// Random changes of a few names, uploads among them, over a server where now
// and then something goes wrong, and with the stage closed and opened in
// between: in the end the bucket is what the program was told.
func TestIntentsAsModelled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := newRig(t)
	n := &names{r: r, rng: rand.New(rand.NewPCG(seed, 2)), want: map[string]cell{}}
	for _, op := range []string{"PutObject", "CopyObject", "DeleteObject", "DeleteMultipleObjects"} {
		r.server.Faults.Add(costest.Fault{Op: op, Skip: 3, Times: 3, Status: 503})
		r.server.Faults.Add(costest.Fault{Op: op, Skip: 5, Times: 1, ResetBefore: true})
	}
	for step := range 400 {
		n.step(step)
	}
	require.NoError(t, r.stage.Drain(r.ctx()))
	n.mu.Lock()
	defer n.mu.Unlock()
	require.Empty(t, n.wrong)
	var keys []string
	for key, c := range n.want {
		if c.etag == "" {
			continue
		}
		keys = append(keys, key)
		require.Equal(t, c.body, string(r.bucket(key)), key)
		require.Equal(t, c.mode, r.head(key).Meta["mode"], key)
	}
	require.ElementsMatch(t, keys, r.keys())
}

func (n *names) step(step int) {
	key := fmt.Sprint("k", n.rng.IntN(4))
	c := n.want[key]
	switch x := n.rng.IntN(40); {
	case x == 0:
		require.NoError(n.r, n.r.stage.Drain(n.r.ctx()))
		n.r.reopen()
	case x < 6:
		_ = n.r.stage.Settle(n.r.ctx(), key) // it may fail for the moment
	case x < 12 && c.etag == "":
		n.upload(key, fmt.Sprint(step))
	default:
		in := randomChange(n.rng, &c, cosapi.Object{}, step)
		in.Key = key
		n.change(in)
		n.want[key] = c
	}
}

// change defers an intent that means what those before it leave. If there are
// none any more, COS has it.
func (n *names) change(in Intent) {
	told := n.r.stage.Defer(n.r.ctx(), in, func(_ cosapi.Object, err error) { n.told(in.Key, err) })
	if errors.Is(told, syscall.EINVAL) {
		in.Base = n.r.head(in.Key)
		told = n.r.stage.Defer(n.r.ctx(), in, func(_ cosapi.Object, err error) { n.told(in.Key, err) })
	}
	require.NoError(n.r, told)
}

func (n *names) told(key string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil && !errors.Is(err, ErrOvertaken) {
		n.wrong = append(n.wrong, fmt.Errorf("%s: %w", key, err))
	}
}

func (n *names) upload(key, body string) {
	f := n.r.create(key, []byte(body))
	for {
		_, err := f.Store(n.r.ctx())
		if err == nil {
			break
		}
		require.False(n.r, errors.Is(err, Conflict), "%v", err) // and the faults pass
	}
	require.NoError(n.r, f.Finish(nil))
	n.want[key] = cell{etag: "seen", body: body}
}
