package integration

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	cos "github.com/tencentyun/cos-go-sdk-v5"
)

var sparseMiB = flag.Int64("sparse", 512, "MiB of the file of TestSparse; 6144 and 61440 are the sizes people ask about")

// A file that is written at its two ends only is stored whole, and costs
// neither memory nor much of the local disk.
func TestSparse(t *testing.T) {
	const limit = 200 << 20 // bytes of memory, whatever the size
	size := *sparseMiB << 20
	m := newBox(t, "--sync", "none").mount()
	start := time.Now()
	f, err := os.Create(filepath.Join(m.dir, "sparse"))
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("first"), 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("last"), size-4)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	peak := m.peak()
	t.Logf("%d MiB stored in %v; peak resident memory %d MiB", size>>20, time.Since(start).Round(time.Millisecond), peak>>20)
	require.Less(t, peak, limit)

	head, err := m.sdk.Object.Head(t.Context(), "sparse", nil)
	require.NoError(t, err)
	require.Equal(t, size, head.ContentLength)
	require.Equal(t, "first\x00", m.span("bytes=0-5"))
	require.Equal(t, "\x00last", m.span("bytes=-5"))
	m.down()
}

// span reads a range of the object of TestSparse.
func (b *box) span(r string) string {
	b.t.Helper()
	answer, err := b.sdk.Object.Get(b.t.Context(), "sparse", &cos.ObjectGetOptions{Range: r})
	require.NoError(b.t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(b.t, err)
	return string(body)
}
