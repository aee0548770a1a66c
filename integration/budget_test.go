package integration

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// rm -rf of 1000 listed files in one directory makes at most 6 requests
// (design.md 7).
func TestRmRequests(t *testing.T) {
	m := newBox(t).mount()
	dir := filepath.Join(m.dir, "d")
	m.script(t, "mkdir ../d; cd ../d; seq 1000 | xargs -n 250 -P 4 touch")
	m.down()
	m.up()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1000)
	m.steer("reset")
	m.run("rm", "-rf", dir)
	m.down() // all of it has been sent
	counts := m.counts()
	var requests int64
	for _, n := range counts {
		requests += n
	}
	t.Logf("rm -rf of 1000 files: %v", counts)
	require.LessOrEqual(t, requests, int64(6), "%v", counts)
	require.Zero(t, counts["HeadObject"], "%v", counts)
	_, err = m.sdk.Object.Head(t.Context(), "d/1", nil)
	require.Error(t, err)
}
