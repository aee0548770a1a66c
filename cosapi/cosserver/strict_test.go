package cosserver

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A signature that leaves out the host would hold for any bucket.
func TestV4WantsTheHostSigned(t *testing.T) {
	err := v4Signed(awsSite(t), awsScope, "x-amz-content-sha256;x-amz-date")
	require.True(t, isCode(err, "AccessDenied"), "%v", err)
}

// v4Signed is a signature of awsKey for GET /?acl, as a holder of the secret
// makes it; the request that comes with it has more.
func v4Signed(s *Server, scope, headers string, sent ...string) error {
	const date, hash = "x-amz-date: 20130524T000000Z", "x-amz-content-sha256: " + emptyHash
	r := awsRequest("GET", "/?acl", hash, date)
	c := &call{s: s, r: r, q: parseQuery(r.URL.RawQuery)}
	toSign := v4Algorithm + "\n20130524T000000Z\n" + scope + "\n" +
		sha256Hex(c.v4Request(v4Signature{headers: strings.Split(headers, ";")}, "/"))
	auth := awsAuthorization(headers, v4Sign(awsSecret, scope, toSign))
	auth = strings.Replace(auth, awsScope, scope, 1)
	return authenticateAny(s, awsRequest("GET", "/?acl", append([]string{hash, date, auth}, sent...)...))
}

func TestV4HoldsForWhatWasSigned(t *testing.T) {
	s := awsSite(t)
	const headers = "host;x-amz-content-sha256;x-amz-date"
	require.NoError(t, v4Signed(s, awsScope, headers))
	require.NoError(t, v4Signed(s, awsScope, headers, "User-Agent: any"))
	for _, h := range []string{"x-amz-copy-source: b/k", "x-amz-acl: public-read", "x-cos-acl: public-read", "x-cos-content-sha256: other"} {
		err := v4Signed(s, awsScope, headers, h)
		require.True(t, isCode(err, "AccessDenied"), "%s: %v", h, err)
	}
	for _, scope := range []string{"19990101/us-east-1/s3/aws4_request", "20130524/us-east-1/ec2/aws4_request", "20130524/us-east-1/s3/rubbish"} {
		err := v4Signed(s, scope, headers)
		require.True(t, isCode(err, "AccessDenied"), "%s: %v", scope, err)
	}
}

func TestNothingFollowsTheRootOfADocument(t *testing.T) {
	s := newSite(t, nil)
	const good = "<Delete><Object><Key>a</Key></Object></Delete>"
	s.must("POST", "/?delete", good+"\n<!-- the end -->\n", "Content-MD5: "+md5Base64(good+"\n<!-- the end -->\n"))
	for _, rest := range []string{"rubbish", "<Delete/>", "<", "</Delete>", "&amp;"} {
		s.refuses(400, "MalformedXML", "POST", "/?delete", good+rest, "Content-MD5: "+md5Base64(good+rest))
	}
}

func TestRangesHaveNoSigns(t *testing.T) {
	s := newSite(t, nil)
	s.must("PUT", "/k", "0123456789")
	for _, r := range []string{"+5-9", "5-+9", "-+3", "--3"} {
		a := s.must("GET", "/k", "", "Range: bytes="+r)
		require.Equal(t, http.StatusOK, a.status, r)
		require.Equal(t, "0123456789", a.body, r)
	}
	_, err := (&call{r: &http.Request{Header: http.Header{"X-Cos-Copy-Source-Range": {"bytes=+1-2"}}}}).copyRange(10)
	require.True(t, isCode(err, "InvalidArgument"), "%v", err)
}

// Where the host names the bucket, a key may be called as the admin's paths.
func TestAdminShadowsNoKey(t *testing.T) {
	s := newSite(t, func(c *Config) { c.Admin, c.Domains = true, []string{"cos.test"} })
	s.must("PUT", "/-/counts", "mine")
	a := s.send("GET", "/-/counts", nil, "Host: "+testBucket+".cos.test")
	require.Equal(t, "mine", a.body)
	a = s.send("GET", "/"+testBucket+"/-/counts", nil)
	require.Equal(t, "mine", a.body)
}

func TestAnAccountHas200Buckets(t *testing.T) {
	both(t, func(s *site) {
		put := func(i int) answer { return s.send("PUT", fmt.Sprintf("/b%d-1250000000", i), nil) }
		for i := range 199 { // with the site's own it is 200
			require.Equal(s, http.StatusOK, put(i).status)
		}
		a := put(199)
		require.Equal(s, http.StatusBadRequest, a.status)
		require.Equal(s, "TooManyBuckets", a.code())
		require.Equal(s, "BucketAlreadyOwnedByYou", put(0).code())
		require.Equal(s, http.StatusNoContent, s.send("DELETE", "/b0-1250000000", nil).status)
		require.Equal(s, http.StatusOK, put(199).status)
	})
}
