package integration

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	cos "github.com/tencentyun/cos-go-sdk-v5"
)

const mib = 1 << 20

// killedSize is 64 MiB, or COSFS_TEST_RESUME_MIB of them: the promise is made
// for 1 GiB, which takes too long for every run.
func killedSize(t *testing.T) int64 {
	text, ok := os.LookupEnv("COSFS_TEST_RESUME_MIB")
	if !ok {
		return 64 * mib
	}
	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, int64(16))
	return n * mib
}

// noiseFile is a file in which no part equals another.
func noiseFile(t *testing.T, size int64) string {
	path := filepath.Join(t.TempDir(), "big")
	f, err := os.Create(path)
	require.NoError(t, err)
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), size)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return path
}

// TestUploadKilled kills `cosfs object upload` half-way with SIGKILL, and runs
// it again: it sends what is missing and at most one part more. The server is
// started anew in between, so that nothing of the first run is under way any
// more, and its counters are those of the second.
func TestUploadKilled(t *testing.T) {
	size := killedSize(t)
	path := noiseFile(t, size)
	b := newBox(t, "--sync", "none", "--latency", "5ms")
	b.killUpload(path, size/mib/2)
	b.stop()
	b.serve("--sync", "none")
	b.sdk = b.newSDK()

	stored := b.storedParts("k")
	missing := size - stored
	require.Greater(t, stored, int64(0), "parts of the first run are there")
	require.Greater(t, missing, int64(0), "it was killed before its end")
	b.steer("reset")
	out, err := b.cosfs(b.uploadArgs(path)...)
	require.NoError(t, err, out)
	stats := b.stats()
	t.Logf("%d of %d bytes were missing; %d bytes came in %d parts", missing, size, stats.BytesIn, stats.Counts["UploadPart"])
	require.LessOrEqual(t, stats.Counts["UploadPart"], missing/mib+1)
	require.GreaterOrEqual(t, stats.BytesIn, missing)
	require.LessOrEqual(t, stats.BytesIn, missing+mib)
	require.Equal(t, fileSum(t, path), b.objectSum("k"))
	open, _, err := b.sdk.Bucket.ListMultipartUploads(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, open.Uploads)
}

func (b *box) uploadArgs(path string) []string {
	return []string{"object", "upload", path, bucket + ":/k", "--endpoint", b.url, "--part-size", "1MiB", "--threshold", "1MiB"}
}

// killUpload kills an upload when the server has so many of its parts.
func (b *box) killUpload(path string, parts int64) {
	b.t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(b.bin, b.uploadArgs(path)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = b.env(), &said, &said
	require.NoError(b.t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // what it ended with is asked for below
		close(ended)
	}()
	for waiting := true; waiting && b.counts()["UploadPart"] < parts; {
		select {
		case <-ended:
			waiting = false
		default:
		}
	}
	_ = cmd.Process.Kill() // fails if it has ended, which is found next
	<-ended
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(b.t, status.Signaled() && status.Signal() == syscall.SIGKILL, "%s: %s", cmd.ProcessState, said.String())
}

// storedParts is the size in bytes of the parts of the one open upload.
func (b *box) storedParts(key string) (size int64) {
	b.t.Helper()
	open, _, err := b.sdk.Bucket.ListMultipartUploads(b.t.Context(), nil)
	require.NoError(b.t, err)
	require.Len(b.t, open.Uploads, 1)
	require.Equal(b.t, key, open.Uploads[0].Key)
	for marker := ""; ; {
		page, _, err := b.sdk.Object.ListParts(b.t.Context(), key, open.Uploads[0].UploadID, &cos.ObjectListPartsOptions{PartNumberMarker: marker})
		require.NoError(b.t, err)
		for _, p := range page.Parts {
			size += p.Size
		}
		if !page.IsTruncated {
			return size
		}
		marker = page.NextPartNumberMarker
	}
}
