package costest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tencentyun/cos-go-sdk-v5"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// sdk is the official client, unchanged, pointed at our server: it builds its
// own URLs and Host, only the connection goes elsewhere.
func sdk(t *testing.T, s site) *cos.Client {
	t.Helper()
	bucket, err := url.Parse("http://" + s.Bucket + ".cos.ap-guangzhou.myqcloud.com")
	require.NoError(t, err)
	service, err := url.Parse("http://cos.ap-guangzhou.myqcloud.com")
	require.NoError(t, err)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(s.URL, "http://"))
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return cos.NewClient(&cos.BaseURL{BucketURL: bucket, ServiceURL: service}, &http.Client{
		Transport: &cos.AuthorizationTransport{
			SecretID: s.Credentials.SecretID, SecretKey: s.Credentials.SecretKey, Transport: transport,
		},
	})
}

// site is a server with a bucket, wherever it runs.
type site struct {
	URL, Bucket string
	Credentials cosapi.Credentials
}

// stores runs a test against both stores.
func stores(t *testing.T, run func(t *testing.T, s *costest.Server)) {
	t.Run("memory", func(t *testing.T) { run(t, costest.NewServer(t)) })
	t.Run("directory", func(t *testing.T) {
		run(t, costest.NewServer(t, costest.WithRoot(t.TempDir()), costest.WithConfig(unsynced)))
	})
}

// sites runs a test against both stores, and against the program.
func sites(t *testing.T, run func(t *testing.T, s site)) {
	stores(t, func(t *testing.T, s *costest.Server) { run(t, site{s.URL, s.Bucket, s.Credentials}) })
	t.Run("program", func(t *testing.T) { run(t, served(t)) })
}

func readAll(t *testing.T, r io.ReadCloser) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return b
}

func writeFile(path string, b []byte) error { return os.WriteFile(path, b, 0o600) }

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// sdkKeys are keys the official client can send: it refuses those that
// collapse to the root.
var sdkKeys = []string{
	"plain", "a b", "文件/名 字.txt", "a+b", "100%", "~tilde~", "a#b?c&d=e;f", `quo'te"s`, "a//b", "dir/", ".hidden",
	strings.Repeat("长", 283) + "x",
}

func TestSDKObjects(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		ctx, c := t.Context(), sdk(t, s)
		for _, key := range sdkKeys {
			body := []byte("content of " + key)
			_, err := c.Object.Put(ctx, key, bytes.NewReader(body), &cos.ObjectPutOptions{
				ObjectPutHeaderOptions: &cos.ObjectPutHeaderOptions{
					ContentType: "text/plain", XCosMetaXXX: &http.Header{"x-cos-meta-mode": {"33188"}},
				},
			})
			require.NoError(t, err, key)
			resp, err := c.Object.Get(ctx, key, nil)
			require.NoError(t, err, key)
			require.Equal(t, body, readAll(t, resp.Body))
			resp, err = c.Object.Get(ctx, key, &cos.ObjectGetOptions{Range: "bytes=3-6"})
			require.NoError(t, err)
			require.Equal(t, http.StatusPartialContent, resp.StatusCode)
			require.Equal(t, body[3:7], readAll(t, resp.Body))
			resp, err = c.Object.Head(ctx, key, nil)
			require.NoError(t, err)
			require.Equal(t, "33188", resp.Header.Get("x-cos-meta-mode"))
			require.Equal(t, "text/plain", resp.Header.Get("Content-Type"))
			require.Equal(t, int64(len(body)), resp.ContentLength)
			_, err = c.Object.Delete(ctx, key)
			require.NoError(t, err)
			_, err = c.Object.Head(ctx, key, nil)
			require.True(t, cos.IsNotFoundError(err), "%v", err)
		}
	})
}

func TestSDKListing(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		ctx, c := t.Context(), sdk(t, s)
		for i := range 25 {
			for _, dir := range []string{"", "d+1/", "d 2/"} {
				_, err := c.Object.Put(ctx, fmt.Sprintf("%sf%02d", dir, i), strings.NewReader("x"), nil)
				require.NoError(t, err)
			}
		}
		var names []string
		marker := ""
		for {
			page, _, err := c.Bucket.Get(ctx, &cos.BucketGetOptions{
				Delimiter: "/", Marker: marker, MaxKeys: 10, EncodingType: "url",
			})
			require.NoError(t, err)
			names = append(names, page.CommonPrefixes...)
			for _, o := range page.Contents {
				names = append(names, o.Key)
			}
			if !page.IsTruncated {
				break
			}
			marker, err = url.QueryUnescape(page.NextMarker)
			require.NoError(t, err)
		}
		require.Len(t, names, 27)
		require.Equal(t, []string{"d%202/", "d%2B1/"}, names[:2])
		page, _, err := c.Bucket.Get(ctx, &cos.BucketGetOptions{Prefix: "d+1/"})
		require.NoError(t, err)
		require.Len(t, page.Contents, 25)
		require.Equal(t, "d+1/f00", page.Contents[0].Key)
	})
}

func TestSDKCopyAndDeleteMulti(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		ctx, c := t.Context(), sdk(t, s)
		body := random(100_000)
		_, err := c.Object.Put(ctx, "from 源+", bytes.NewReader(body), nil)
		require.NoError(t, err)
		source := c.BaseURL.BucketURL.Host + "/from 源+"
		_, _, err = c.Object.Copy(ctx, "to", source, nil)
		require.NoError(t, err)
		_, err = c.Object.Delete(ctx, "from 源+")
		require.NoError(t, err)
		resp, err := c.Object.Get(ctx, "to", nil)
		require.NoError(t, err)
		require.Equal(t, body, readAll(t, resp.Body))
		_, _, err = c.Object.Copy(ctx, "to2", source, nil)
		require.True(t, cos.IsNotFoundError(err), "%v", err)

		result, _, err := c.Object.DeleteMulti(ctx, &cos.ObjectDeleteMultiOptions{
			Objects: []cos.Object{{Key: "to"}, {Key: "missing"}},
		})
		require.NoError(t, err)
		require.Len(t, result.DeletedObjects, 2)
		_, err = c.Object.Head(ctx, "to", nil)
		require.True(t, cos.IsNotFoundError(err))
	})
}

func TestSDKMultipart(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		ctx, c := t.Context(), sdk(t, s)
		body := random(2<<20 + 100)
		up, _, err := c.Object.InitiateMultipartUpload(ctx, "big", nil)
		require.NoError(t, err)
		opt := &cos.CompleteMultipartUploadOptions{}
		for i := 0; i*(1<<20) < len(body); i++ {
			piece := body[i<<20 : min(len(body), (i+1)<<20)]
			resp, err := c.Object.UploadPart(ctx, "big", up.UploadID, i+1, bytes.NewReader(piece), nil)
			require.NoError(t, err)
			opt.Parts = append(opt.Parts, cos.Object{PartNumber: i + 1, ETag: resp.Header.Get("ETag")})
		}
		parts, _, err := c.Object.ListParts(ctx, "big", up.UploadID, nil)
		require.NoError(t, err)
		require.Len(t, parts.Parts, 3)
		uploads, _, err := c.Bucket.ListMultipartUploads(ctx, nil)
		require.NoError(t, err)
		require.Len(t, uploads.Uploads, 1)
		done, _, err := c.Object.CompleteMultipartUpload(ctx, "big", up.UploadID, opt)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(done.ETag, `-3"`), done.ETag)
		resp, err := c.Object.Get(ctx, "big", &cos.ObjectGetOptions{Range: "bytes=1048000-2097200"})
		require.NoError(t, err)
		require.Equal(t, body[1048000:2097201], readAll(t, resp.Body))
	})
}

// unsynced spares the disk: no test of this package cuts the power.
func unsynced(c *cosserver.Config) { c.Sync = cosserver.SyncNone }
