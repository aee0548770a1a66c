package fs

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sum adds up requests.
func sum(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// The request budgets of design.md section 7 which this part keeps already.
func TestRequestBudgets(t *testing.T) {
	w := newWorld(t, nil)
	require.NoError(t, os.Mkdir(w.path("d"), 0o755))
	require.Empty(t, w.ls("d"))
	require.NoError(t, w.nameBook.MarkPosix(t.Context())) // once per mount

	t.Run("a new small file in a listed directory", func(t *testing.T) {
		counts := w.requests(func() { w.write("d/f", "body") })
		require.Equal(t, map[string]int64{"PutObject": 1}, counts)
	})
	t.Run("the same with attributes set before close", func(t *testing.T) {
		counts := w.requests(func() {
			f, err := os.Create(w.path("d/g"))
			require.NoError(t, err)
			_, err = f.WriteString("body")
			require.NoError(t, err)
			require.NoError(t, f.Chmod(0o600))
			require.NoError(t, f.Chown(1, 2))
			require.NoError(t, os.Chtimes(w.path("d/g"), time.Unix(1, 0), time.Unix(2, 0)))
			require.NoError(t, f.Close())
		})
		require.Equal(t, map[string]int64{"PutObject": 1}, counts)
	})
	t.Run("reading what was just written", func(t *testing.T) {
		require.Empty(t, w.requests(func() { require.Equal(t, "body", w.read("d/f")) }))
	})
	t.Run("overwriting it with O_TRUNC", func(t *testing.T) {
		counts := w.requests(func() { w.write("d/f", "other") })
		require.Equal(t, map[string]int64{"PutObject": 1}, counts)
	})
	t.Run("renaming it", func(t *testing.T) {
		counts := w.requests(func() { require.NoError(t, os.Rename(w.path("d/f"), w.path("d/h"))) })
		require.Equal(t, map[string]int64{"CopyObject": 1, "DeleteObject": 1}, counts)
	})
	t.Run("reading a small file cold, attributes fresh, and again", func(t *testing.T) {
		w.remount()
		require.Len(t, w.ls("d"), 2)
		_, err := os.Stat(w.path("d/h"))
		require.NoError(t, err)
		counts := w.requests(func() { require.Equal(t, "other", w.read("d/h")) })
		require.Equal(t, map[string]int64{"GetObject": 1}, counts)
		require.Empty(t, w.requests(func() { require.Equal(t, "other", w.read("d/h")) }))
	})
	t.Run("a name that is absent", func(t *testing.T) {
		w.remount()
		counts := w.requests(func() { _, _ = os.Stat(w.path("absent")) })
		require.LessOrEqual(t, sum(counts), int64(2))
	})
	t.Run("reading 64 MiB in order", func(t *testing.T) {
		w.put("big", string(make([]byte, 64<<20)))
		counts := w.requests(func() { require.Len(t, w.read("big"), 64<<20) })
		require.LessOrEqual(t, counts["GetObject"], int64(64/8+2))
	})
	t.Run("listing 2500 objects", func(t *testing.T) {
		for i := range 2500 {
			w.put(fmt.Sprintf("many/%04d", i), "")
		}
		w.remount()
		_, err := os.Stat(w.path("many"))
		require.NoError(t, err)
		counts := w.requests(func() { require.Len(t, w.ls("many"), 2500) })
		require.EqualValues(t, 3, counts["ListObjects"])
	})
}
