package writeback

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// rig is a stage over a real server, checked and closed when the test ends.
type rig struct {
	*testing.T
	server *costest.Server
	client *cosapi.Client
	cfg    Config
	stage  *Stage

	mu     sync.Mutex // guards events
	events []Event
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{T: t, server: costest.NewServer(t)}
	cc := r.server.Config()
	cc.MaxAttempts = 2
	var err error
	r.client, err = cosapi.New(cc)
	require.NoError(t, err)
	r.cfg = Config{
		Dir: filepath.Join(t.TempDir(), "stage"), Store: r.client, OpenBase: r.openBase, PartSize: mib, FreeFloor: -1,
		Host: "host", Retry: Backoff{Base: time.Millisecond, Cap: 20 * time.Millisecond},
		Observe: func(e Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
		},
	}
	for _, c := range change {
		c(&r.cfg)
	}
	r.open()
	t.Cleanup(func() { r.close() })
	return r
}

func (r *rig) open() {
	r.Helper()
	var err error
	r.stage, err = Open(r.cfg)
	require.NoError(r, err)
}

// close checks, closes, and checks what is on the disk once more by opening.
func (r *rig) close() {
	r.Helper()
	require.NoError(r, r.stage.Check())
	require.NoError(r, r.stage.Close())
}

func (r *rig) reopen() {
	r.Helper()
	r.close()
	r.open()
	require.NoError(r, r.stage.Check())
}

// remote is a Base over plain GETs.
type remote struct {
	client  *cosapi.Client
	version cosapi.Version
}

func (r *rig) openBase(v cosapi.Version) (Base, error) { return remote{r.client, v}, nil }

func (b remote) Close() error { return nil }

func (b remote) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	body, err := b.client.Get(ctx, b.version, cosapi.Range{Off: off, Len: int64(len(p))})
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return io.ReadFull(body, p)
}

func (r *rig) ctx() context.Context { return r.Context() }

func (r *rig) create(key string, content []byte) *File {
	r.Helper()
	f, err := r.stage.Create(key, cosapi.PutOptions{})
	require.NoError(r, err)
	r.write(f, content, 0)
	return f
}

func (r *rig) edit(base cosapi.Object) *File {
	r.Helper()
	f, err := r.stage.Edit(base, cosapi.PutOptions{Attrs: base.Attrs})
	require.NoError(r, err)
	return f
}

func (r *rig) write(f *File, p []byte, off int64) {
	r.Helper()
	n, err := f.WriteAt(r.ctx(), p, off)
	require.NoError(r, err)
	require.Equal(r, len(p), n)
}

func (r *rig) read(f *File) []byte {
	r.Helper()
	p := make([]byte, f.Size())
	n, err := f.ReadAt(r.ctx(), p, 0)
	require.NoError(r, err)
	require.Len(r, p, n)
	return p
}

func (r *rig) store(f *File) cosapi.Object {
	r.Helper()
	o, err := f.Store(r.ctx())
	require.NoError(r, err)
	require.False(r, f.Dirty())
	return o
}

// put makes an object behind the stage's back.
func (r *rig) put(key string, content []byte) cosapi.Object {
	r.Helper()
	other := r.server.Client(r)
	o, err := other.Put(r.ctx(), key, newReader(content), cosapi.PutOptions{})
	require.NoError(r, err)
	return o
}

// bucket is the content of an object, by a whole GET, checked by the client.
func (r *rig) bucket(key string) []byte {
	r.Helper()
	body, err := r.client.Get(r.ctx(), cosapi.Version{Key: key}, cosapi.Range{Len: -1})
	require.NoError(r, err)
	defer body.Close()
	p, err := io.ReadAll(body)
	require.NoError(r, err)
	return p
}

func (r *rig) keys() (keys []string) {
	r.Helper()
	for page, err := range r.client.Pages(r.ctx(), cosapi.ListOptions{}) {
		require.NoError(r, err)
		for _, e := range page.Entries {
			keys = append(keys, e.Key)
		}
	}
	return keys
}

// requests are the server's counters since the last call, without zeros.
func (r *rig) requests() map[string]int64 {
	counts := map[string]int64{}
	for op, n := range r.server.Counts() {
		if n != 0 {
			counts[op] = n
		}
	}
	r.server.ResetCounts()
	return counts
}

// staged are the names in the stage's directory that mean something.
func (r *rig) staged() (names []string) {
	r.Helper()
	entries, err := os.ReadDir(r.cfg.Dir)
	require.NoError(r, err)
	for _, e := range entries {
		if e.Name() != lockName && !strings.HasSuffix(e.Name(), spareSuffix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// uploads is the number of unfinished multipart uploads.
func (r *rig) uploads() (n int) {
	r.Helper()
	for _, err := range r.client.Uploads(r.ctx(), "") {
		require.NoError(r, err)
		n++
	}
	return n
}

func random(n int) []byte {
	p := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = rng.Read(p)
	return p
}

// contextUntil ends when something has come about.
func contextUntil(r *rig, when func() bool) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.ctx())
	go func() {
		for !when() && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	return ctx, cancel
}

// mkdirInTheWay makes the next durable record of a file fail.
func mkdirInTheWay(f *File) error { return os.Mkdir(f.stage.path(f.id+asideSuffix), 0o700) }

func clearTheWay(f *File) error { return ignoreMissing(os.Remove(f.stage.path(f.id + asideSuffix))) }
