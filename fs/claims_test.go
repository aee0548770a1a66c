package fs

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a", "ab", false},
		{"a/", "a/b", true},
		{"a/", "a", true},
		{"a/", "ab", false},
		{"a/", "a/b/", true},
		{"a/b/", "a/c/", false},
		{"a/b", "a/b/c", false}, // a file and a key below a directory of the same name: two objects
	} {
		require.Equal(t, c.want, overlap(c.a, c.b), "%q %q", c.a, c.b)
		require.Equal(t, c.want, overlap(c.b, c.a), "%q %q", c.b, c.a)
	}
}

func TestClaimsExcludeEachOther(t *testing.T) {
	var c claims
	var wg sync.WaitGroup
	held := map[string]int{}
	var mu sync.Mutex
	for i := range 64 {
		wg.Go(func() {
			key := []string{"a", "b", "d/x", "d/"}[i%4]
			release, err := c.acquire(t.Context(), key)
			require.NoError(t, err)
			mu.Lock()
			for k, n := range held {
				require.False(t, n > 0 && overlap(k, key), "%q while %q is held", key, k)
			}
			held[key]++
			mu.Unlock()
			mu.Lock()
			held[key]--
			mu.Unlock()
			release()
		})
	}
	wg.Wait()
	require.Empty(t, c.queue)
}

// A subtree claim that waits is not overtaken by later claims below it.
func TestClaimsAreFair(t *testing.T) {
	var c claims
	first, err := c.acquire(t.Context(), "d/x")
	require.NoError(t, err)

	tree := make(chan func(), 1)
	go func() {
		release, err := c.acquire(t.Context(), "d/")
		require.NoError(t, err)
		tree <- release
	}()
	require.Eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return len(c.queue) == 2 }, time.Second, time.Millisecond)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.acquire(ctx, "d/y")
	require.ErrorIs(t, err, context.Canceled, "d/y must queue behind d/")

	first()
	(<-tree)()
	require.Empty(t, c.queue)
}
