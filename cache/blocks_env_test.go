package cache

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// bed is a cache over a real server. Its invariants are checked at the end of
// every test.
type bed struct {
	t      testing.TB
	server *costest.Server
	client *cosapi.Client
	cache  *Cache
	cfg    Config

	mu     sync.Mutex
	events []Event // guarded by mu
}

func newBed(t testing.TB, change func(*Config), opts ...costest.Option) *bed {
	e := &bed{t: t, server: costest.NewServer(t, opts...)}
	e.client = e.server.Client(t)
	e.cfg = Config{Dir: t.TempDir(), Source: e.client, Observe: e.observe, FreeFloor: 1}
	if change != nil {
		change(&e.cfg)
	}
	e.open()
	t.Cleanup(func() {
		e.settle()
		require.NoError(t, e.cache.Check())
		require.NoError(t, e.cache.Close())
	})
	return e
}

func (e *bed) observe(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = append(e.events, ev)
}

func (e *bed) count(kind EventKind) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.events {
		if ev.Kind == kind {
			n++
		}
	}
	return n
}

func (e *bed) open() {
	c, err := Open(e.cfg)
	require.NoError(e.t, err)
	e.cache = c
}

// reopen is a remount.
func (e *bed) reopen() {
	e.settle()
	require.NoError(e.t, e.cache.Check())
	require.NoError(e.t, e.cache.Close())
	e.open()
}

// settle waits for the fetches of closed Objects and for what goes on in the
// background, but not for files that are to be synced.
func (e *bed) settle() {
	e.t.Helper()
	require.Eventually(e.t, func() bool { return e.cache.Stats().Tasks == 0 }, waitLimit, waitStep)
}

// content is reproducible noise.
func content(seed uint64, n int64) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	io.ReadFull(r, p)
	return p
}

// put stores an object and returns it with its bytes.
func (e *bed) put(key string, n int64) (cosapi.Object, []byte) {
	p := content(uint64(len(key))+uint64(n), n)
	obj, err := e.client.Put(context.Background(), key, bytes.NewReader(p), cosapi.PutOptions{})
	require.NoError(e.t, err)
	return obj, p
}

// get opens an Object that is closed at the end of the test.
func (e *bed) get(v cosapi.Version) *Object {
	o, err := e.cache.Get(v)
	require.NoError(e.t, err)
	e.t.Cleanup(func() { o.Close() }) // a test may have closed it
	return o
}

func (e *bed) gets() int64 { return e.server.Counts()["GetObject"] }

// readAll reads as the kernel does, in sequence.
func (e *bed) readAll(o *Object, step int) []byte {
	var all []byte
	buf := make([]byte, step)
	for {
		n, err := o.ReadAt(context.Background(), buf, int64(len(all)))
		all = append(all, buf[:n]...)
		if err == io.EOF {
			return all
		}
		require.NoError(e.t, err)
	}
}

func (e *bed) requireRead(o *Object, p []byte, off, n int64) {
	e.t.Helper()
	buf := make([]byte, n)
	got, err := o.ReadAt(context.Background(), buf, off)
	if off+n > int64(len(p)) {
		require.ErrorIs(e.t, err, io.EOF)
	} else {
		require.NoError(e.t, err)
	}
	want := p[off:min(off+n, int64(len(p)))]
	require.True(e.t, bytes.Equal(want, buf[:got]), "bytes [%d,%d) differ", off, off+n)
}

func (e *bed) fill(o *Object) {
	e.t.Helper()
	require.NoError(e.t, o.Fill(context.Background()))
}

// How long a test waits for what must come, and how often it looks.
const (
	waitLimit = 20 * time.Second
	waitStep  = time.Millisecond
)

// waiting is how many readers wait for fetches of the Object's version.
func (o *Object) waiting() (n int) {
	o.b.mu.Lock()
	defer o.b.mu.Unlock()
	for _, f := range o.b.fetches {
		n += len(f.waiters)
	}
	return n
}
