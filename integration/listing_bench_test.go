package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkListing lists 10,000 objects by `ls -l` (in one directory) and by
// `find` (in 200 directories) through a fresh mount of the program, and by a
// bare client that reads the same pages and throws them away (bareClient), at
// once and with 20 ms of latency per request. It reports the medians of both
// and "of-bare": bare time / ours, 1 is as fast as the bare client.
//
//	go test ./integration -run '^$' -bench Listing -benchtime 11x
func BenchmarkListing(b *testing.B) {
	box := newBox(b, "--sync", "none")
	box.fill(10_000, func(i int) string { return fmt.Sprintf("flat/file-%05d.txt", i) })
	box.fill(10_000, func(i int) string { return fmt.Sprintf("tree/dir-%03d/file-%05d.txt", i/50, i) })
	for _, latency := range []time.Duration{0, 20 * time.Millisecond} {
		box.steer("latency?d=" + latency.String())
		b.Run(fmt.Sprintf("ls -l/%v", latency), func(b *testing.B) {
			box.compare(b, "flat/", "/", "ls", "-l", "flat")
		})
		b.Run(fmt.Sprintf("find/%v", latency), func(b *testing.B) {
			box.compare(b, "tree/", "", "find", "tree")
		})
	}
}

// compare times a program in a fresh mount and a bare client, by turns.
func (b *box) compare(t *testing.B, prefix, delimiter, name string, args ...string) {
	var ours, bare []time.Duration
	for t.Loop() {
		bare = append(bare, b.timeBare(prefix, delimiter))
		ours = append(ours, b.timeMounted(t, name, args...))
	}
	o, r := median(ours), median(bare)
	t.ReportMetric(float64(r)/float64(o), "of-bare")
	t.ReportMetric(float64(o.Microseconds())/1000, "ours-ms")
	t.ReportMetric(float64(r.Microseconds())/1000, "bare-ms")
	t.ReportMetric(0, "ns/op")
}

// timeBare lists with a client that has its connection already, as a mount has.
func (b *box) timeBare(prefix, delimiter string) time.Duration {
	client := b.bare()
	defer client.http.CloseIdleConnections()
	client.page("no/", "", "")
	began := time.Now()
	client.list(prefix, delimiter)
	return time.Since(began)
}

// timeMounted times a program whose output goes to a file, cold.
func (b *box) timeMounted(t *testing.B, name string, args ...string) time.Duration {
	m := b.mount()
	defer m.down()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	cmd := exec.Command(tool(t, name), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = m.dir, out, os.Stderr
	began := time.Now()
	require.NoError(t, cmd.Run())
	return time.Since(began)
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
