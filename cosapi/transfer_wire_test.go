package cosapi_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/costest"
)

// withoutCRC is a gateway that drops COS's checksum.
type withoutCRC struct{ http.ResponseWriter }

func (w withoutCRC) WriteHeader(status int) {
	w.Header().Del("x-cos-hash-crc64ecma")
	w.ResponseWriter.WriteHeader(status)
}

func (w withoutCRC) Write(p []byte) (int, error) {
	w.Header().Del("x-cos-hash-crc64ecma")
	return w.ResponseWriter.Write(p)
}

func TestTransfersBehindAGatewayWithoutChecksums(t *testing.T) {
	s := costest.NewServer(t)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(withoutCRC{w}, r) }))
	t.Cleanup(gateway.Close)
	cfg := s.Config()
	cfg.Endpoint = gateway.URL
	c, err := cosapi.New(cfg)
	require.NoError(t, err)

	big := string(randomBytes(t, 60, 3*mib))
	dir, back := makeTree(t, map[string]string{"small": "s", "big": big}), t.TempDir()
	o := cosapi.UploadDirOptions{}
	o.Threshold = mib
	r, err := c.UploadDir(t.Context(), dir, "", o)
	require.NoError(t, err)
	require.Len(t, r.Done, 2)
	r, err = c.UploadDir(t.Context(), dir, "", o)
	require.NoError(t, err)
	require.Equal(t, []string{"small"}, keysOf(r.Skipped), "its ETag is its MD5")
	require.Equal(t, []string{"big"}, keysOf(r.Done), "nothing tells what is in it")

	down := cosapi.DownloadDirOptions{}
	down.PartSize = mib
	_, err = c.DownloadDir(t.Context(), "", back, down)
	require.NoError(t, err)
	require.Equal(t, cosapi.CRC64([]byte(big)), fileCRC(t, filepath.Join(back, "big")))
	r, err = c.DownloadDir(t.Context(), "", back, down)
	require.NoError(t, err)
	require.Equal(t, []string{"small"}, keysOf(r.Skipped))
}

// allocated is what f allocates in all, freed or not, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Neither a put nor a part nor a range is held in memory: all the memory that
// client and server ask for is a fraction of the bytes that they move.
func TestTransfersHoldNoPartInMemory(t *testing.T) {
	const size = 32 * mib
	c, _ := sharedRoot(t, t.TempDir())
	path, crc := localFile(t, 61, size)
	for _, tt := range []struct {
		name string
		run  func() error
	}{
		{"one put", func() error {
			_, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: size})
			return err
		}},
		{"two parts", func() error {
			_, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{PartSize: size / 2})
			return err
		}},
		{"two ranges", func() error {
			_, err := c.Download(t.Context(), cosapi.Version{Key: "k"}, path+"2", cosapi.DownloadOptions{PartSize: size / 2})
			return err
		}},
	} {
		n := allocated(func() { require.NoError(t, tt.run(), tt.name) })
		require.Less(t, n, uint64(size/8), tt.name)
	}
	require.Equal(t, crc, fileCRC(t, path+"2"))
}

// An encrypted file goes up and comes down with the customer's key.
func TestTransfersWithACustomersKey(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	path, crc := localFile(t, 62, 3*mib)
	key := bytes.Repeat([]byte("k"), 32)
	_, err := c.Upload(t.Context(), "k", path, cosapi.UploadOptions{Threshold: 1, PutOptions: cosapi.PutOptions{
		Attrs: cosapi.Attrs{Encryption: cosapi.Encryption{CustomerKey: key}}}})
	require.NoError(t, err)
	require.Zero(t, s.Counts()["ListMultipartUploads"])
	_, err = c.Download(t.Context(), cosapi.Version{Key: "k"}, path+"2", cosapi.DownloadOptions{})
	require.Error(t, err, "the key is needed to read")
	_, err = c.Download(t.Context(), cosapi.Version{Key: "k"}, path+"2", cosapi.DownloadOptions{
		PartSize: mib, HeadOptions: cosapi.HeadOptions{CustomerKey: key}})
	require.NoError(t, err)
	require.Equal(t, crc, fileCRC(t, path+"2"))
}
