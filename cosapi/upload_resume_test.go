package cosapi_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// resumeSize is 64 MiB, or COSFS_TEST_RESUME_MIB of them: the promise is made
// for 1 GiB, which takes too long for every run.
func resumeSize(t *testing.T) int64 {
	n, err := strconv.ParseInt(os.Getenv("COSFS_TEST_RESUME_MIB"), 10, 64)
	if err != nil {
		return 64 * mib
	}
	require.Greater(t, n, int64(1))
	return n * mib
}

// An upload that is given up half-way sends, when it is called again, what is
// missing and at most one part more. Each subtest is one life of client and
// server: bytes of the first cannot be counted in the second.
func TestResumedUploadSendsWhatIsMissing(t *testing.T) {
	size, root := resumeSize(t), t.TempDir()
	path, crc := localFile(t, 20, size)
	o := cosapi.UploadOptions{PartSize: mib, Threshold: mib}
	t.Run("killed", func(t *testing.T) {
		c, _ := sharedRoot(t, root)
		ctx, report := canceling(t, size/2)
		o := o
		o.Progress = report
		up, err := c.Upload(ctx, "k", path, o)
		require.ErrorIs(t, err, cosapi.Canceled)
		require.ErrorContains(t, err, up.UploadID+" keeps")
		_, err = c.Head(t.Context(), "k")
		require.ErrorIs(t, err, cosapi.NotFound)
	})
	t.Run("resumed", func(t *testing.T) {
		c, s := sharedRoot(t, root)
		left := openUploads(t, c)
		require.Len(t, left, 1)
		parts, err := c.Parts(t.Context(), "k", left[0].ID)
		require.NoError(t, err)
		missing := size
		for _, p := range parts {
			missing -= p.Size
		}
		require.Less(t, missing, size*3/4, "half of it had been sent")
		require.Greater(t, missing, size/4)

		p := &progress{t: t}
		o := o
		o.Progress = p.report
		up, err := c.Upload(t.Context(), "k", path, o)
		require.NoError(t, err)
		require.Equal(t, len(parts), up.Resumed)
		require.Equal(t, left[0].ID, up.UploadID)
		t.Logf("%d of %d bytes were missing, %d were sent in %d parts", missing, size, s.BytesIn(), s.Counts()["UploadPart"])
		require.GreaterOrEqual(t, s.BytesIn(), missing)
		require.LessOrEqual(t, s.BytesIn(), missing+mib)
		require.LessOrEqual(t, s.Counts()["UploadPart"], missing/mib+1)
		require.Equal(t, []int64{size, size}, []int64{p.consumed, p.total})
		require.Equal(t, crc, up.CRC64)
		require.Equal(t, crc, storedCRC(t, c, "k"))
		require.Empty(t, openUploads(t, c))
	})
}
