package fs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// manySmall makes a directory of n files of 4 KiB, lists it, and gives the
// names in that order.
func (w *world) manySmall(dir string, n int) []string {
	w.t.Helper()
	for i := range n {
		key := fmt.Sprintf("%s/%04d", dir, i)
		_, err := w.client.Put(w.t.Context(), key, bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 4<<10)), cosapi.PutOptions{})
		require.NoError(w.t, err)
	}
	return w.ls(dir)
}

func (w *world) readSmall(dir string, names []string) {
	w.t.Helper()
	for _, name := range names {
		var i int
		_, err := fmt.Sscanf(name, "%d", &i)
		require.NoError(w.t, err)
		p, err := os.ReadFile(w.path(dir + "/" + name))
		require.NoError(w.t, err)
		require.Equal(w.t, bytes.Repeat([]byte{byte(i)}, 4<<10), p)
	}
}

// TestReadAheadAcrossFiles: files read in listing order are fetched ahead, each
// once, and nothing else is.
func TestReadAheadAcrossFiles(t *testing.T) {
	w := newWorld(t, nil)
	names := w.manySmall("d", 100)
	counts := w.requests(func() { w.readSmall("d", names) })
	require.Equal(t, int64(100), counts["GetObject"])
	useful, wasted := w.system.ReadAhead()
	require.GreaterOrEqual(t, useful, int64(90*4<<10))
	require.Zero(t, wasted)
	require.Zero(t, w.requests(func() { w.readSmall("d", names) })["GetObject"])
}

// TestReadAheadStopsWithItsReader: a program that reads the first few files
// only has at most a quarter more fetched for it, or 16 files.
func TestReadAheadStopsWithItsReader(t *testing.T) {
	w := newWorld(t, nil)
	names := w.manySmall("d", 200)
	w.readSmall("d", names[:100])
	w.down() // waits for what is under way
	require.LessOrEqual(t, w.server.Counts()["GetObject"], int64(100+100/4))
}

// TestNoReadAheadInDisorder: no order, nothing ahead but for chance.
func TestNoReadAheadInDisorder(t *testing.T) {
	w := newWorld(t, nil)
	names := w.manySmall("d", 200)
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	w.readSmall("d", names[:50])
	w.down()
	require.LessOrEqual(t, w.server.Counts()["GetObject"], int64(50+50/4))
}
