package costest_test

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentyun/cos-go-sdk-v5"
)

// TestSDKCopiesByParts: Upload Part - Copy, its conditions, the copy of any
// size built on it, the listing of uploads from the object's side, and Abort.
func TestSDKCopiesByParts(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		ctx, o := t.Context(), sdk(t, s).Object
		content := random(3<<20 + 5)
		put, err := o.Put(ctx, "source +1", strings.NewReader(string(content)), nil)
		require.NoError(t, err)
		source := s.Bucket + ".cos.ap-guangzhou.myqcloud.com/source +1"

		started, _, err := o.InitiateMultipartUpload(ctx, "copy", nil)
		require.NoError(t, err)
		_, _, err = o.CopyPart(ctx, "copy", started.UploadID, 1, source, &cos.ObjectCopyPartOptions{XCosCopySourceIfMatch: `"another"`})
		require.Equal(t, "PreconditionFailed", err.(*cos.ErrorResponse).Code)
		var parts []cos.Object
		for i, piece := range []string{"bytes=0-1048575", "bytes=1048576-3145732"} {
			part, _, err := o.CopyPart(ctx, "copy", started.UploadID, i+1, source, &cos.ObjectCopyPartOptions{
				XCosCopySourceRange: piece, XCosCopySourceIfMatch: put.Header.Get("ETag"),
			})
			require.NoError(t, err)
			require.NotEmpty(t, part.LastModified)
			parts = append(parts, cos.Object{PartNumber: i + 1, ETag: part.ETag})
		}
		_, _, err = o.CompleteMultipartUpload(ctx, "copy", started.UploadID, &cos.CompleteMultipartUploadOptions{Parts: parts})
		require.NoError(t, err)
		got, err := o.Get(ctx, "copy", nil)
		require.NoError(t, err)
		require.Equal(t, content, readAll(t, got.Body))

		_, _, err = o.MultiCopy(ctx, "again", source, &cos.MultiCopyOptions{PartSize: 1})
		require.NoError(t, err)
		got, err = o.Get(ctx, "again", nil)
		require.NoError(t, err)
		require.Equal(t, content, readAll(t, got.Body))

		started, _, err = o.InitiateMultipartUpload(ctx, "dropped", nil)
		require.NoError(t, err)
		open, _, err := o.ListUploads(ctx, &cos.ObjectListUploadsOptions{Prefix: "dr"})
		require.NoError(t, err)
		require.Len(t, open.Upload, 1)
		require.Equal(t, started.UploadID, open.Upload[0].UploadID)
		_, err = o.AbortMultipartUpload(ctx, "dropped", started.UploadID)
		require.NoError(t, err)
		_, err = o.AbortMultipartUpload(ctx, "dropped", started.UploadID)
		require.Equal(t, "NoSuchUpload", err.(*cos.ErrorResponse).Code)
	})
}

// TestSDKFilesAndConditions: the calls on local files, the conditions and
// overrides of GET and HEAD, and the questions whether something exists.
func TestSDKFilesAndConditions(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		ctx, c := t.Context(), sdk(t, s)
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, writeFile(path, []byte("hello world")))
		put, err := c.Object.PutFromFile(ctx, "k", path, nil)
		require.NoError(t, err)
		_, err = c.Object.GetToFile(ctx, "k", path+".back", nil)
		require.NoError(t, err)
		require.Equal(t, "hello world", string(mustRead(t, path+".back")))

		got, err := c.Object.Get(ctx, "k", &cos.ObjectGetOptions{Range: "bytes=6-", ResponseContentType: "text/x"})
		require.NoError(t, err)
		require.Equal(t, http.StatusPartialContent, got.StatusCode)
		require.Equal(t, "bytes 6-10/11", got.Header.Get("Content-Range"))
		require.Equal(t, "text/x", got.Header.Get("Content-Type"))
		require.Equal(t, "world", string(readAll(t, got.Body)))
		etag := put.Header.Get("ETag")
		_, err = c.Object.Get(ctx, "k", &cos.ObjectGetOptions{XOptionHeader: &http.Header{"If-Match": {`"another"`}}})
		require.Equal(t, "PreconditionFailed", err.(*cos.ErrorResponse).Code)
		head, err := c.Object.Head(ctx, "k", &cos.ObjectHeadOptions{XOptionHeader: &http.Header{"If-None-Match": {etag}}})
		require.Error(t, err)
		require.Equal(t, http.StatusNotModified, head.StatusCode)

		there, err := c.Object.IsExist(ctx, "k")
		require.NoError(t, err)
		require.True(t, there)
		there, err = c.Object.IsExist(ctx, "absent")
		require.NoError(t, err)
		require.False(t, there)
		there, err = c.Bucket.IsExist(ctx)
		require.NoError(t, err)
		require.True(t, there)
		_, err = c.Bucket.DeleteTagging(ctx)
		require.NoError(t, err)
	})
}

// TestSDKOptions asks as a browser does.
func TestSDKOptions(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		ctx, c := t.Context(), sdk(t, s)
		ask := &cos.ObjectOptionsOptions{Origin: "https://a.example", AccessControlRequestMethod: "PUT"}
		_, err := c.Object.Options(ctx, "k", ask)
		require.Equal(t, "AccessForbidden", err.(*cos.ErrorResponse).Code)
		_, err = c.Bucket.PutCORS(ctx, &cos.BucketPutCORSOptions{Rules: []cos.BucketCORSRule{{
			AllowedOrigins: []string{"https://*.example"}, AllowedMethods: []string{"PUT"}, MaxAgeSeconds: 60,
		}}})
		require.NoError(t, err)
		answer, err := c.Object.Options(ctx, "k", ask)
		require.NoError(t, err)
		require.Equal(t, "https://a.example", answer.Header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "60", answer.Header.Get("Access-Control-Max-Age"))
	})
}

// presigners are the ways in which the SDK makes a URL with the keys it has.
func presigners(c *cos.Client) map[string]func(context.Context, string, string, time.Duration, any, ...bool) (*url.URL, error) {
	return map[string]func(context.Context, string, string, time.Duration, any, ...bool) (*url.URL, error){
		"GetPresignedURL2": c.Object.GetPresignedURL2, "GetPresignedURL3": c.Object.GetPresignedURL3,
	}
}

// TestSDKSignsForOthers: a signature and URLs of every method that the SDK
// makes, used by a client that has no key.
func TestSDKSignsForOthers(t *testing.T) {
	sites(t, func(t *testing.T, s site) {
		c := sdk(t, s)
		secret := s.Credentials
		send := func(method string, u *url.URL, body string, authorization string) *http.Response {
			target := *u
			target.Scheme, target.Host = "http", strings.TrimPrefix(s.URL, "http://")
			req, err := http.NewRequestWithContext(t.Context(), method, target.String(), strings.NewReader(body))
			require.NoError(t, err)
			req.Host = u.Host
			if authorization != "" {
				req.Header.Set("Authorization", authorization)
			}
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			return resp
		}
		for name, sign := range presigners(c) {
			for _, step := range []struct {
				method, body string
				status       int
			}{{"PUT", "x", 200}, {"HEAD", "", 200}, {"GET", "", 200}, {"DELETE", "", 204}, {"GET", "", 404}} {
				u, err := sign(t.Context(), step.method, "a b", time.Minute, nil)
				require.NoError(t, err)
				require.Equal(t, step.status, send(step.method, u, step.body, "").StatusCode, "%s %s", name, step.method)
				if step.method == "PUT" {
					require.Equal(t, 403, send("DELETE", u, "", "").StatusCode, "a URL is good for its method only")
				}
			}
		}
		u := c.BaseURL.BucketURL.JoinPath("signed")
		authorization := c.Object.GetSignature(t.Context(), http.MethodPut, "signed", secret.SecretID, secret.SecretKey, time.Minute, nil)
		require.Equal(t, 200, send(http.MethodPut, u, "x", authorization).StatusCode)
		require.Equal(t, 403, send(http.MethodGet, u, "", authorization).StatusCode)
	})
}
