package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

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

// Processes that make files in one directory do not wait for each other: 8 of
// them reach at least 5 times one when each request takes 20 ms (design.md 3
// no. 16). The latency is the server's, so the machine's load matters little.
func TestCreatingInParallel(t *testing.T) {
	const files, processes = 40, 8
	m := newBox(t).mount()
	m.steer("latency?d=20ms")
	create := func(processes int) time.Duration {
		dir := filepath.Join(m.dir, fmt.Sprint("by", processes))
		require.NoError(t, os.Mkdir(dir, 0o755))
		start := time.Now()
		m.scriptIn(t, dir, fmt.Sprintf(`
			for p in $(seq %d); do
				(for i in $(seq %d); do printf '%%4096s' $i > $p.$i; done) &
			done
			wait`, processes, files))
		return time.Since(start)
	}
	one := create(1)
	m.steer("reset")
	many := create(processes)
	ratio := processes * one.Seconds() / many.Seconds()
	t.Logf("%d files of 4 KiB by one process: %v; %d by %d: %v; %.1f times the speed", files, one, files*processes, processes, many, ratio)
	require.GreaterOrEqual(t, ratio, 5.0)
	require.Equal(t, int64(files*processes), m.counts()["PutObject"]-1, "one request a file, and the directory's marker")
	m.down()
}
