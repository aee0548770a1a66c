package cosapi_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

const mib = 1 << 20

// random is content that is the same for the same seed.
func random(seed uint64, size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}), size)
}

// localFile writes a file of random content and gives its path and CRC64.
func localFile(t *testing.T, seed uint64, size int64) (path string, crc uint64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "local")
	f, err := os.Create(path)
	require.NoError(t, err)
	h := cosapi.NewCRC64()
	_, err = io.Copy(io.MultiWriter(f, h), random(seed, size))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return path, h.Sum64()
}

// fileCRC is the CRC64 of a file.
func fileCRC(t *testing.T, path string) uint64 {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	h := cosapi.NewCRC64()
	_, err = io.Copy(h, f)
	require.NoError(t, err)
	return h.Sum64()
}

// storedCRC reads an object and gives the CRC64 of what came.
func storedCRC(t *testing.T, c *cosapi.Client, key string) uint64 {
	t.Helper()
	r, err := c.Get(t.Context(), cosapi.Version{Key: key}, cosapi.Range{Len: -1})
	require.NoError(t, err)
	defer r.Close()
	h := cosapi.NewCRC64()
	_, err = io.Copy(h, r)
	require.NoError(t, err)
	return h.Sum64()
}

func put(t *testing.T, c *cosapi.Client, key string, body []byte) cosapi.Object {
	t.Helper()
	o, err := c.Put(t.Context(), key, bytes.NewReader(body), cosapi.PutOptions{})
	require.NoError(t, err)
	return o
}

// randomBytes is random of a size that fits in memory.
func randomBytes(t *testing.T, seed uint64, size int64) []byte {
	t.Helper()
	b, err := io.ReadAll(random(seed, size))
	require.NoError(t, err)
	return b
}

// progress records what a callback was told, and checks its promises.
type progress struct {
	t               *testing.T
	mu              sync.Mutex // guards the fields below; only held by the callback if calls are serial
	consumed, total int64
	calls           int
}

func (p *progress) report(consumed, total int64) {
	if !p.mu.TryLock() {
		p.t.Error("two calls of Progress at once")
		return
	}
	defer p.mu.Unlock()
	if consumed < p.consumed || consumed > total {
		p.t.Errorf("progress went from %d to %d of %d", p.consumed, consumed, total)
	}
	p.consumed, p.total = consumed, total
	p.calls++
}

// openUploads are the unfinished uploads of a bucket.
func openUploads(t *testing.T, c *cosapi.Client) (all []cosapi.Upload) {
	t.Helper()
	for u, err := range c.Uploads(t.Context(), "") {
		require.NoError(t, err)
		all = append(all, u)
	}
	return all
}

// sharedRoot is a client and a server of a store that outlives it. Both end
// with the test, so that a subtest is one life of a process.
func sharedRoot(t *testing.T, root string) (*cosapi.Client, *costest.Server) {
	t.Helper()
	s := costest.NewServer(t, costest.WithRoot(root), costest.WithConfig(func(c *cosserver.Config) {
		c.Accounts = []cosserver.Account{{SecretID: "AKIDshared", SecretKey: "secret"}}
		c.Sync = cosserver.SyncNone
	}))
	s.Credentials = cosapi.Credentials{SecretID: "AKIDshared", SecretKey: "secret"}
	return s.Client(t), s
}

// counting is a client of its own and the number of its requests by
// operation: those that another client gave up may reach the server later.
func counting(t *testing.T, s *costest.Server) (*cosapi.Client, func(op string) int) {
	t.Helper()
	var mu sync.Mutex
	counts := map[string]int{}
	cfg := s.Config()
	cfg.Observe = func(call cosapi.Call) {
		mu.Lock()
		defer mu.Unlock()
		counts[call.Op]++
	}
	c, err := cosapi.New(cfg)
	require.NoError(t, err)
	return c, func(op string) int {
		mu.Lock()
		defer mu.Unlock()
		return counts[op]
	}
}

// canceling gives a context and a progress callback that ends it once a
// number of bytes are through.
func canceling(t *testing.T, after int64) (context.Context, func(consumed, total int64)) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, func(consumed, _ int64) {
		if consumed >= after {
			cancel()
		}
	}
}

// busy are answers of an overloaded service that ask to come again soon.
func busy(op string, times int) costest.Fault {
	return costest.Fault{Op: op, Times: times, Status: http.StatusServiceUnavailable, Code: "SlowDown"}
}
