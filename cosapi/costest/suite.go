package costest

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// TestClient is the conformance suite: what a client, and the service behind
// it, must do. dial gives a client of a bucket that exists; the suite writes
// under a prefix of its own, removes what it wrote, and needs no other state.
func TestClient(t *testing.T, dial func(t *testing.T) *cosapi.Client) {
	groups := []struct {
		name  string
		cases []suiteCase
	}{
		{"bucket", bucketCases}, {"object", objectCases}, {"key", keyCases}, {"copy", copyCases},
		{"delete", deleteCases}, {"list", listCases}, {"multipart", multipartCases}, {"acl", aclCases},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.cases {
				t.Run(c.name, func(t *testing.T) { c.run(newSuite(t, dial(t))) })
			}
		})
	}
}

// suiteCase is one promise and its test.
type suiteCase struct {
	name string
	run  func(*suite)
}

// suite is what a case works with.
type suite struct {
	*testing.T
	*require.Assertions
	ctx    context.Context
	c      *cosapi.Client
	prefix string // of every key of this case
}

func newSuite(t *testing.T, c *cosapi.Client) *suite {
	s := &suite{T: t, Assertions: require.New(t), ctx: t.Context(), c: c, prefix: "costest-" + rand.Text()[:10] + "/"}
	t.Cleanup(s.clean)
	return s
}

// clean removes everything under the prefix. The test's own context has ended
// by then.
func (s *suite) clean() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for u, err := range s.c.Uploads(ctx, s.prefix) {
		s.NoError(err)
		s.NoError(s.c.AbortUpload(ctx, u.Key, u.ID))
	}
	for page, err := range s.c.Pages(ctx, cosapi.ListOptions{Prefix: s.prefix}) {
		s.NoError(err)
		var keys []string
		for _, e := range page.Entries {
			keys = append(keys, e.Key)
		}
		failures, err := s.c.DeleteMulti(ctx, keys)
		s.NoError(err)
		s.Empty(failures)
	}
}

// key is a key of this case.
func (s *suite) key(name string) string { return s.prefix + name }

// put stores an object that has to succeed.
func (s *suite) put(name, body string) cosapi.Object {
	s.Helper()
	o, err := s.c.Put(s.ctx, s.key(name), strings.NewReader(body), cosapi.PutOptions{})
	s.NoError(err, name)
	return o
}

// get reads a range of whatever version there is.
func (s *suite) get(name string, r cosapi.Range) []byte {
	s.Helper()
	body, err := s.read(cosapi.Version{Key: s.key(name)}, r)
	s.NoError(err, name)
	return body
}

func (s *suite) read(v cosapi.Version, r cosapi.Range) ([]byte, error) {
	body, err := s.c.Get(s.ctx, v, r)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// whole is the range of everything.
func whole() cosapi.Range { return cosapi.Range{Off: 0, Len: -1} }

// bytesOf makes n bytes that differ from place to place and from seed to seed.
func bytesOf(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func reader(b []byte) *bytes.Reader { return bytes.NewReader(b) }

// The variables that name a bucket of a real service for the suite.
const (
	endpointVar  = "COSFS_TEST_ENDPOINT" // URL of the service or of the bucket's region
	bucketVar    = "COSFS_TEST_BUCKET"   // name-APPID
	regionVar    = "COSFS_TEST_REGION"
	secretIDVar  = "COS_SECRET_ID"
	secretKeyVar = "COS_SECRET_KEY"
	tokenVar     = "COS_SESSION_TOKEN"
)

// Endpoint gives the configuration of the real bucket that the environment
// names. Without one the test is skipped, which is the normal case.
func Endpoint(t testing.TB) cosapi.Config {
	t.Helper()
	if os.Getenv(endpointVar) == "" {
		t.Skipf("%s is not set: there is no other service than our own to test against", endpointVar)
	}
	return cosapi.Config{
		Endpoint: os.Getenv(endpointVar), Bucket: os.Getenv(bucketVar), Region: os.Getenv(regionVar),
		Credentials: cosapi.Static(cosapi.Credentials{
			SecretID: os.Getenv(secretIDVar), SecretKey: os.Getenv(secretKeyVar), Token: os.Getenv(tokenVar),
		}),
	}
}
