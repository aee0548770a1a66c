package cosapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// golden are the documents of cos-api.md 4.1 and 5.
func golden(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/golden/*.xml")
	require.NoError(t, err)
	require.Len(t, names, 27)
	docs := map[string][]byte{}
	for _, name := range names {
		docs[filepath.Base(name)], err = os.ReadFile(name)
		require.NoError(t, err)
	}
	return docs
}

// echoing answers every request with one document.
type echoing struct {
	status int
	body   []byte
}

func (e echoing) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	return &http.Response{StatusCode: e.status, Header: http.Header{"X-Cos-Request-Id": {"r"}}, ContentLength: int64(len(e.body)),
		Body: io.NopCloser(bytes.NewReader(e.body)), Request: r}, nil
}

// decoders are the calls that read a document, each through all that a real
// answer goes through.
func decoders(c *Client) map[string]func(ctx context.Context) error {
	drop := func(_ any, err error) error { return err }
	parts := []Part{{Number: 1, ETag: "x", Size: 1}}
	return map[string]func(ctx context.Context) error{
		"Buckets": func(ctx context.Context) error {
			n := 0
			for _, err := range c.Buckets(ctx) {
				if n++; err != nil || n > 5000 {
					return err
				}
			}
			return nil
		},
		"List":              func(ctx context.Context) error { return drop(c.List(ctx, ListOptions{})) },
		"Versions":          func(ctx context.Context) error { return drop(c.Versions(ctx, VersionsOptions{})) },
		"UploadsPage":       func(ctx context.Context) error { return drop(c.UploadsPage(ctx, UploadsOptions{})) },
		"PartsPage":         func(ctx context.Context) error { return drop(c.PartsPage(ctx, "k", "id", PartsOptions{})) },
		"Parts":             func(ctx context.Context) error { return drop(c.Parts(ctx, "k", "id")) },
		"ACL":               func(ctx context.Context) error { return drop(c.ACL(ctx, "k")) },
		"BucketLocation":    func(ctx context.Context) error { return drop(c.BucketLocation(ctx)) },
		"BucketCORS":        func(ctx context.Context) error { return drop(c.BucketCORS(ctx)) },
		"BucketLifecycle":   func(ctx context.Context) error { return drop(c.BucketLifecycle(ctx)) },
		"BucketReplication": func(ctx context.Context) error { return drop(c.BucketReplication(ctx)) },
		"BucketTagging":     func(ctx context.Context) error { return drop(c.BucketTagging(ctx)) },
		"BucketVersioning":  func(ctx context.Context) error { return drop(c.BucketVersioning(ctx)) },
		"BucketPolicy":      func(ctx context.Context) error { return drop(c.BucketPolicy(ctx)) },
		"ObjectTagging":     func(ctx context.Context) error { return drop(c.ObjectTagging(ctx, "k", "")) },
		"StartUpload":       func(ctx context.Context) error { return drop(c.StartUpload(ctx, "k", PutOptions{})) },
		"CompleteUpload":    func(ctx context.Context) error { return drop(c.CompleteUpload(ctx, "k", "id", parts)) },
		"Copy":              func(ctx context.Context) error { return drop(c.Copy(ctx, Version{Key: "a"}, "k", CopyOptions{})) },
		"CopyPart": func(ctx context.Context) error {
			return drop(c.CopyPart(ctx, "k", "id", 1, Version{Key: "a", Size: 1}, Range{0, 1}))
		},
		"DeleteVerbose": func(ctx context.Context) error {
			_, _, err := c.DeleteVerbose(ctx, []ObjectID{{Key: "k"}})
			return err
		},
		"errors": func(ctx context.Context) error { return c.PutBucketVersioning(ctx, VersioningEnabled) },
	}
}

func echoingClient(t testing.TB, status int, body []byte) *Client {
	t.Helper()
	c, err := New(Config{Endpoint: "http://127.0.0.1", Bucket: testBucket, MaxAttempts: 1, HTTP: &http.Client{Transport: echoing{status, body}}})
	require.NoError(t, err)
	c.limits = limiters{} // no time is spent on waiting for turns
	return c
}

// TestGoldenDocuments: each is read by the call it answers.
func TestGoldenDocuments(t *testing.T) {
	docs := golden(t)
	for call, name := range map[string]string{
		"Buckets": "01-get-service-1", "List": "03-list-objects-1", "Versions": "04-versions-1", "UploadsPage": "05-list-multipart-uploads-1",
		"PartsPage": "15-list-parts-1", "ACL": "06-acl-1", "BucketLocation": "02-location-1", "BucketCORS": "07-cors-1",
		"BucketLifecycle": "08-lifecycle-1", "BucketReplication": "10-replication-1", "BucketTagging": "11-tagging-1",
		"BucketVersioning": "09-versioning-1", "ObjectTagging": "11-tagging-1", "StartUpload": "14-initiate-1",
		"CompleteUpload": "16-complete-2", "Copy": "17-copy-and-part-copy-1", "CopyPart": "17-copy-and-part-copy-2", "DeleteVerbose": "12-multi-delete-2",
	} {
		doc, ok := docs[name+".xml"]
		require.True(t, ok, name)
		require.NoError(t, decoders(echoingClient(t, 200, doc))[call](t.Context()), call)
		err := decoders(echoingClient(t, 200, docs["00-error.xml"]))[call](t.Context())
		require.ErrorIs(t, err, NotFound, "%s: an error inside a 200", call)
	}
	err := decoders(echoingClient(t, 403, docs["19-errors-1.xml"]))["errors"](t.Context())
	require.Equal(t, "SignatureDoesNotMatch", requireKind(t, Denied, err).Code)
}

// FuzzAnswers gives every decoder of the client the same answer: it may refuse
// it with an *Error, and nothing else.
func FuzzAnswers(f *testing.F) {
	for _, doc := range golden(f) {
		f.Add(doc, false)
		f.Add(doc[:len(doc)/2], false)
	}
	for _, doc := range []string{"", "<", "\xff\xfe", `{"code":"x"}`, "<Error/>", "<Error><Code>NoSuchKey", strings.Repeat("<a>", 1000)} {
		f.Add([]byte(doc), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, failed bool) {
		status := http.StatusOK
		if failed {
			status = http.StatusBadRequest
		}
		for name, call := range decoders(echoingClient(t, status, body)) {
			err := call(t.Context())
			var known *Error
			require.True(t, err == nil || errors.As(err, &known), "%s: %v", name, err)
			require.False(t, failed && err == nil, name)
		}
	})
}
