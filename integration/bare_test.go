package integration

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

// bareClient is the yardstick of the listing benchmarks: net/http and a
// signature. It keeps one connection, reads every page to its end and throws
// it away; of the XML it decodes nothing but where the next page begins, so a
// client that looks at rows cannot be faster.
type bareClient struct {
	t    testing.TB
	url  string
	sign *cosapi.Client
	http http.Client
	body bytes.Buffer
}

func (b *box) bare() *bareClient {
	b.t.Helper()
	c, err := cosapi.New(b.clientConfig())
	require.NoError(b.t, err)
	return &bareClient{t: b.t, url: b.url + "/" + bucket + "/", sign: c}
}

// clientConfig is the configuration of cosapi for the box's bucket.
func (b *box) clientConfig() cosapi.Config {
	return cosapi.Config{
		Endpoint: b.url, Region: "ap-guangzhou", Bucket: bucket, PathStyle: true,
		Credentials: cosapi.Static(cosapi.Credentials{SecretID: b.id, SecretKey: b.key}),
	}
}

// list reads all pages below prefix, of everything or, with a delimiter, of
// what is directly there, and counts them.
func (c *bareClient) list(prefix, delimiter string) (pages int) {
	for marker, more := "", true; more; pages++ {
		marker, more = c.page(prefix, delimiter, marker)
	}
	return pages
}

func (c *bareClient) page(prefix, delimiter, marker string) (next string, more bool) {
	q := url.Values{"prefix": {prefix}, "delimiter": {delimiter}, "marker": {marker}, "max-keys": {"1000"}, "encoding-type": {"url"}}
	auth, err := c.sign.Authorization(c.t.Context(), http.MethodGet, "", time.Hour, cosapi.SignOptions{Query: q})
	require.NoError(c.t, err)
	req, err := http.NewRequest(http.MethodGet, c.url+"?"+q.Encode(), nil)
	require.NoError(c.t, err)
	req.Header.Set("Authorization", auth)
	resp, err := c.http.Do(req)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	c.body.Reset()
	_, err = c.body.ReadFrom(resp.Body)
	require.NoError(c.t, err)
	require.Equal(c.t, http.StatusOK, resp.StatusCode, "%s", c.body.Bytes())
	_, after, more := bytes.Cut(c.body.Bytes(), []byte("<NextMarker>"))
	encoded, _, _ := bytes.Cut(after, []byte("<"))
	next, err = url.QueryUnescape(unescapeXML(encoded))
	require.NoError(c.t, err)
	return next, more
}

func unescapeXML(text []byte) string {
	var s string
	if err := xml.Unmarshal(fmt.Appendf(nil, "<s>%s</s>", text), &s); err != nil {
		return string(text)
	}
	return s
}

// fill puts n empty objects into the bucket.
func (b *box) fill(n int, key func(i int) string) {
	b.t.Helper()
	client, err := cosapi.New(b.clientConfig())
	require.NoError(b.t, err)
	var g errgroup.Group
	g.SetLimit(16)
	for i := range n {
		g.Go(func() error {
			_, err := client.Put(b.t.Context(), key(i), strings.NewReader(""), cosapi.PutOptions{})
			return err
		})
	}
	require.NoError(b.t, g.Wait())
}
