package cosapi_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// victimOf tells the test binary which transfer it is to be killed in; the
// variables after it tell where.
const (
	victimOf       = "COSAPI_VICTIM_OF"
	victimEndpoint = "COSAPI_VICTIM_ENDPOINT"
	victimPath     = "COSAPI_VICTIM_PATH"
	victimPiece    = 64 << 10 // bytes of a range
)

func TestMain(m *testing.M) {
	if op := os.Getenv(victimOf); op != "" {
		transferUntilKilled(op)
	}
	os.Exit(m.Run())
}

// transferUntilKilled exits with 0, which the test takes for a failure, if it
// comes to the end.
func transferUntilKilled(op string) {
	c, err := cosapi.New(cosapi.Config{
		Endpoint: os.Getenv(victimEndpoint), Bucket: costest.Bucket,
		Credentials: cosapi.Static(cosapi.Credentials{SecretID: "AKIDshared", SecretKey: "secret"}),
	})
	if err == nil && op == "upload" {
		_, err = c.Upload(context.Background(), "k", os.Getenv(victimPath), cosapi.UploadOptions{Threshold: 1})
	}
	if err == nil && op == "download" {
		_, err = c.Download(context.Background(), cosapi.Version{Key: "k"}, os.Getenv(victimPath), cosapi.DownloadOptions{PartSize: victimPiece})
	}
	if err != nil {
		panic(err)
	}
	os.Exit(0)
}

// killIn runs a transfer in a process of its own and kills it, with SIGKILL,
// when the server has seen a number of its requests.
func killIn(t *testing.T, s *costest.Server, op, path, request string, after int) {
	t.Helper()
	reached, hold := make(chan struct{}, 1), make(chan struct{})
	s.Faults.Add(costest.Fault{Op: request, Skip: after, Times: 1, Hold: hold, OnHit: func(*cosserver.Request) { reached <- struct{}{} }})
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimOf+"="+op, victimEndpoint+"="+s.URL, victimPath+"="+path)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	<-reached
	require.NoError(t, cmd.Process.Kill())
	require.ErrorContains(t, cmd.Wait(), "killed")
	close(hold)
}

func TestKilledUploadResumes(t *testing.T) {
	const size = 24 * mib
	root := t.TempDir()
	path, crc := localFile(t, 50, size)
	t.Run("killed", func(t *testing.T) {
		_, s := sharedRoot(t, root)
		killIn(t, s, "upload", path, "UploadPart", 16)
	})
	t.Run("resumed", func(t *testing.T) {
		c, s := sharedRoot(t, root)
		up, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1})
		require.NoError(t, err)
		require.Equal(t, crc, storedCRC(t, c, "k"))
		require.GreaterOrEqual(t, up.Resumed, 12, "16 parts had come, of which 4 others may have been on their way")
		require.EqualValues(t, size-int64(up.Resumed)*mib, s.BytesIn())
		require.Empty(t, openUploads(t, c))
	})
}

func TestKilledDownloadResumes(t *testing.T) {
	const size = 32 * victimPiece
	root := t.TempDir()
	path := filepath.Join(t.TempDir(), "target")
	var object cosapi.Object
	t.Run("killed", func(t *testing.T) {
		c, s := sharedRoot(t, root)
		object = put(t, c, "k", randomBytes(t, 51, size))
		killIn(t, s, "download", path, "GetObject", 16)
		require.NoFileExists(t, path)
	})
	t.Run("resumed", func(t *testing.T) {
		c, s := sharedRoot(t, root)
		_, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, path, cosapi.DownloadOptions{PartSize: victimPiece})
		require.NoError(t, err)
		require.Equal(t, object.CRC64, fileCRC(t, path))
		require.LessOrEqual(t, s.Counts()["GetObject"], int64(32-12))
		require.Equal(t, s.Counts()["GetObject"]*victimPiece, s.BytesOut())
		require.Equal(t, []string{"target"}, names(t, filepath.Dir(path)))
	})
}
