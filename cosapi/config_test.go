package cosapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEndpoints(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  Config
		want string // of the key "a/b c"
	}{
		"region":           {Config{Region: "ap-guangzhou"}, "https://" + testBucket + ".cos.ap-guangzhou.myqcloud.com/a/b%20c"},
		"region with cos.": {Config{Region: "cos.ap-guangzhou"}, "https://" + testBucket + ".cos.ap-guangzhou.myqcloud.com/a/b%20c"},
		"region, path":     {Config{Region: "ap-guangzhou", PathStyle: true}, "https://cos.ap-guangzhou.myqcloud.com/" + testBucket + "/a/b%20c"},
		"IP":               {Config{Endpoint: "http://127.0.0.1:9000"}, "http://127.0.0.1:9000/" + testBucket + "/a/b%20c"},
		"IPv6":             {Config{Endpoint: "http://[::1]:9000/"}, "http://[::1]:9000/" + testBucket + "/a/b%20c"},
		"localhost":        {Config{Endpoint: "http://localhost:9000"}, "http://localhost:9000/" + testBucket + "/a/b%20c"},
		"virtual":          {Config{Endpoint: "https://cos.example.com"}, "https://" + testBucket + ".cos.example.com/a/b%20c"},
		"bucket in it":     {Config{Endpoint: "https://" + testBucket + ".cos.example.com"}, "https://" + testBucket + ".cos.example.com/a/b%20c"},
		"path style":       {Config{Endpoint: "https://cos.example.com", PathStyle: true}, "https://cos.example.com/" + testBucket + "/a/b%20c"},
		"custom domain":    {Config{Endpoint: "https://files.example.com", BucketHost: true}, "https://files.example.com/a/b%20c"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.cfg.Bucket = testBucket
			c, err := New(tc.cfg)
			require.NoError(t, err)
			require.Equal(t, tc.want, c.endpoint.url("a/b c", "").String())
			require.Equal(t, testBucket, c.Bucket())
			other, err := c.WithBucket("other-1")
			if tc.cfg.BucketHost {
				requireKind(t, Invalid, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, strings.Replace(tc.want, testBucket, "other-1", 1), other.endpoint.url("a/b c", "").String())
			require.Same(t, c.shared, other.shared)
			require.Same(t, c.http.Transport, other.http.Transport)
			_, err = c.WithBucket("Not_a_bucket")
			requireKind(t, Invalid, err)
		})
	}
}

func TestBadConfigs(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  Config
		kind Kind
		tell string
	}{
		"no bucket":        {Config{Region: "ap-guangzhou"}, Invalid, "<name>-<APPID>"},
		"bucket form":      {Config{Region: "ap-guangzhou", Bucket: "x"}, Invalid, `"x"`},
		"no place":         {Config{Bucket: testBucket}, Invalid, "neither a region nor an endpoint"},
		"region form":      {Config{Bucket: testBucket, Region: "ap/x"}, Invalid, "ap-guangzhou"},
		"endpoint form":    {Config{Bucket: testBucket, Endpoint: "127.0.0.1:9000"}, Invalid, "http or https"},
		"endpoint scheme":  {Config{Bucket: testBucket, Endpoint: "ftp://x"}, Invalid, "http or https"},
		"endpoint path":    {Config{Bucket: testBucket, Endpoint: "http://x/y"}, Invalid, "more than"},
		"endpoint secrets": {Config{Bucket: testBucket, Endpoint: "http://me:hush@x"}, Invalid, "more than"},
		"long host":        {Config{Bucket: strings.Repeat("b", 50) + "-1", Region: "ap-guangzhou"}, NameTooLong, "60"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(tc.cfg)
			requireKind(t, tc.kind, err)
			require.ErrorContains(t, err, tc.tell)
			require.NotContains(t, err.Error(), "hush")
		})
	}
}

func TestOwnHTTPClientIsNotChanged(t *testing.T) {
	own := &http.Client{}
	c, err := New(Config{Region: "ap-guangzhou", Bucket: testBucket, HTTP: own})
	require.NoError(t, err)
	require.Nil(t, own.CheckRedirect)
	require.ErrorIs(t, c.http.CheckRedirect(nil, nil), http.ErrUseLastResponse)
	require.Equal(t, "ap-guangzhou", c.Region())
}

func TestCheckKey(t *testing.T) {
	for _, key := range []string{"a", "dir/", "a//b", "./a", "../a", "a/./b", "~!@#$%^&*()+ 年", strings.Repeat("k", 850), "\a\n"} {
		require.NoError(t, CheckKey(key), "%q", key)
	}
	for key, kind := range map[string]Kind{
		"": Invalid, "/a": Invalid, `\a`: Invalid, ".": Invalid, "..": Invalid, "a/..": Invalid, "./": Invalid, "\x18": Invalid,
		"a\x1b": Invalid, "\xff": Invalid, strings.Repeat("年", 284): NameTooLong,
	} {
		requireKind(t, kind, CheckKey(key))
	}
}

func TestListsAreRateLimited(t *testing.T) {
	c, w := newWire(t, reply(200, "<ListBucketResult/>"))
	require.Nil(t, c.limits[classData])
	c.limits[classList].SetBurst(0) // nothing may pass
	_, err := c.List(t.Context(), ListOptions{})
	requireKind(t, Timeout, err)
	require.Empty(t, w.requests())
	other, err := c.WithBucket("other-1")
	require.NoError(t, err)
	_, err = other.List(t.Context(), ListOptions{})
	require.NoError(t, err, "each bucket has its own rates")
}

func TestKindsHaveNames(t *testing.T) {
	require.Len(t, kindNames, int(NotModified)+1)
	for k := Other; k <= NotModified; k++ {
		require.NotEmpty(t, k.Error())
	}
	require.Equal(t, "kind 200", Kind(200).Error())
	require.NotErrorIs(t, &Error{Kind: Denied}, NotFound)
}
