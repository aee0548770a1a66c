package cosapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listAnswer is the sample of cos-api.md 5.3.
const listAnswer = `<?xml version='1.0' encoding='utf-8' ?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
	<Name>mybucket-1250000000</Name><EncodingType>url</EncodingType><Prefix>p%20q/</Prefix><Marker/><MaxKeys>3</MaxKeys>
	<Delimiter>/</Delimiter><IsTruncated>true</IsTruncated><NextMarker>p%20q/sub/</NextMarker>
	<CommonPrefixes><Prefix>p%20q/b%2B/</Prefix></CommonPrefixes>
	<CommonPrefixes><Prefix>p%20q/sub/</Prefix></CommonPrefixes>
	<Unknown><Key>x</Key></Unknown>
	<Contents>
		<Key>p%20q/</Key><LastModified>2023-11-14T22:13:20.000Z</LastModified><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>0</Size>
		<Owner><ID>1250000000</ID><DisplayName>1250000000</DisplayName></Owner><StorageClass>STANDARD</StorageClass>
	</Contents>
	<Contents>
		<Key>p%20q/c+%2B.txt</Key><LastModified>2023-11-14T22:13:21.500Z</LastModified><ETag>"5eb63bbbe01eeed093cb22bb8f5acdc3"</ETag><Size>11</Size>
		<StorageClass>STANDARD_IA</StorageClass>
	</Contents>
</ListBucketResult>`

func TestListMergesAndDecodes(t *testing.T) {
	c, w := newWire(t, reply(200, listAnswer))
	page, err := c.List(t.Context(), ListOptions{Prefix: "p q/", Delimiter: "/", Max: 3})
	require.NoError(t, err)
	require.Equal(t, Page{
		Next:  "p q/sub/",
		Asked: Echo{Bucket: "mybucket-1250000000", Prefix: "p q/", Delimiter: "/", EncodingType: "url", Max: 3},
		Entries: []Entry{
			{Object: Object{Version: Version{"p q/", "d41d8cd98f00b204e9800998ecf8427e", 0}, Attrs: Attrs{StorageClass: "STANDARD"},
				Modified: time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC), Listed: true}, Owner: Owner{"1250000000", "1250000000"}},
			{Object: Object{Version: Version{Key: "p q/b+/"}}, Prefix: true},
			{Object: Object{Version: Version{"p q/c++.txt", helloETag, 11}, Attrs: Attrs{StorageClass: "STANDARD_IA"},
				Modified: time.Date(2023, 11, 14, 22, 13, 21, 5e8, time.UTC), Listed: true}},
			{Object: Object{Version: Version{Key: "p q/sub/"}}, Prefix: true},
		},
	}, page)
	r := w.requests()[0]
	require.Equal(t, "prefix=p%20q%2F&delimiter=%2F&max-keys=3&encoding-type=url", r.URL.RawQuery)
	verifySignature(t, r.Request, testCredentials)
}

func TestListThroughAGatewayThatDoesNotEncode(t *testing.T) {
	c, w := newWire(t, reply(200, `<ListBucketResult><Contents><Key>100%25 a&amp;b</Key><LastModified>yesterday</LastModified></Contents>
		<IsTruncated>TRUE</IsTruncated></ListBucketResult>`))
	page, err := c.List(t.Context(), ListOptions{Max: 5000})
	require.NoError(t, err)
	require.Equal(t, "100%25 a&b", page.Entries[0].Key)
	require.True(t, page.Entries[0].Modified.IsZero())
	require.Equal(t, "100%25 a&b", page.Next, "without NextMarker the last entry is the marker")
	require.Equal(t, "max-keys=1000&encoding-type=url", w.requests()[0].URL.RawQuery)
}

func TestListRefusesWhatIsNoPage(t *testing.T) {
	for name, body := range map[string]string{
		"bad escape":         "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key></Contents></ListBucketResult>",
		"bad prefix":         "<ListBucketResult><EncodingType>url</EncodingType><CommonPrefixes><Prefix>%zz</Prefix></CommonPrefixes></ListBucketResult>",
		"bad marker":         "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextMarker>%</NextMarker></ListBucketResult>",
		"truncated, nowhere": "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
		"other root":         "<ListVersionsResult/>",
		"empty":              "",
	} {
		t.Run(name, func(t *testing.T) {
			c, w := newWire(t, reply(200, body))
			_, err := c.List(t.Context(), ListOptions{})
			requireKind(t, Unavailable, err)
			require.Len(t, w.requests(), 5)
		})
	}
}

func TestPages(t *testing.T) {
	page := func(key, next string) http.HandlerFunc {
		return reply(200, "<ListBucketResult><Contents><Key>"+key+"</Key></Contents><IsTruncated>"+
			map[bool]string{true: "true", false: "false"}[next != ""]+"</IsTruncated><NextMarker>"+next+"</NextMarker></ListBucketResult>")
	}
	collect := func(c *Client) (keys string, err error) {
		for p, err := range c.Pages(t.Context(), ListOptions{}) {
			if err != nil {
				return keys, err
			}
			for _, e := range p.Entries {
				keys += e.Key
			}
		}
		return keys, nil
	}
	c, w := newWire(t, page("a", "a"), page("b", "b"), page("c", ""))
	keys, err := collect(c)
	require.NoError(t, err)
	require.Equal(t, "abc", keys)
	require.Equal(t, "marker=b&max-keys=1000&encoding-type=url", w.requests()[2].URL.RawQuery)

	c, _ = newWire(t, page("a", "a"), fault(403, "AccessDenied"))
	keys, err = collect(c)
	requireKind(t, Denied, err)
	require.Equal(t, "a", keys)

	c, w = newWire(t, page("a", "a"))
	_, err = collect(c)
	requireKind(t, Unavailable, err) // would never end
	require.Len(t, w.requests(), 2)

	c, w = newWire(t, page("a", "a"))
	for range c.Pages(t.Context(), ListOptions{}) {
		break
	}
	require.Len(t, w.requests(), 1)
}

func TestTimesOfDocuments(t *testing.T) {
	want := time.Date(2017, 1, 18, 16, 4, 17, 0, time.UTC)
	for _, s := range []string{"2017-01-18T16:04:17.000Z", "2017-01-18T16:04:17Z", "2017-01-18T16:04:17", "Wed Jan 18 16:04:17 2017",
		"2017-01-19T00:04:17+08:00", "Wed, 18 Jan 2017 16:04:17 GMT"} {
		require.Equal(t, want, parseTime(s), s)
	}
	require.True(t, parseTime("").IsZero())
}

func TestUploads(t *testing.T) {
	first := `<ListMultipartUploadsResult><Encoding-Type>url</Encoding-Type><NextKeyMarker>big%20file</NextKeyMarker>
		<NextUploadIdMarker>aa01</NextUploadIdMarker><IsTruncated>true</IsTruncated>
		<Upload><Key>big%20file</Key><UploadId>aa01</UploadId><Initiator><ID>qcs::1</ID><DisplayName>1</DisplayName></Initiator>
		<Owner><ID>qcs::2</ID><DisplayName>2</DisplayName></Owner><StorageClass>STANDARD</StorageClass><Initiated>2023-11-14T22:13:20.000Z</Initiated></Upload>
		<CommonPrefixes><Prefix>d%2F</Prefix></CommonPrefixes></ListMultipartUploadsResult>`
	second := `<ListMultipartUploadsResult><Upload><Key>z</Key><UploadId>bb</UploadId></Upload></ListMultipartUploadsResult>`
	c, w := newWire(t, reply(200, first), reply(200, second))
	var got []Upload
	for u, err := range c.Uploads(t.Context(), "b") {
		require.NoError(t, err)
		got = append(got, u)
	}
	require.Equal(t, []Upload{{Key: "big file", ID: "aa01", StorageClass: "STANDARD", Owner: Owner{"qcs::2", "2"}, Initiator: Owner{"qcs::1", "1"},
		Initiated: time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)}, {Key: "z", ID: "bb"}}, got)
	require.Equal(t, "uploads&prefix=b&key-marker=big%20file&upload-id-marker=aa01&max-uploads=1000&encoding-type=url", w.requests()[1].URL.RawQuery)

	c, _ = newWire(t, reply(200, first))
	page, err := c.UploadsPage(t.Context(), UploadsOptions{Delimiter: "/", Max: 10})
	require.NoError(t, err)
	require.Equal(t, []string{"d/"}, page.Prefixes)
	require.True(t, page.More)

	var last error
	for _, err := range c.Uploads(t.Context(), "") { // the same page for ever
		last = err
	}
	requireKind(t, Unavailable, last)
	for _, bad := range []string{strings.Replace(first, "<Key>big%20file", "<Key>%z", 1), strings.Replace(first, "d%2F", "%", 1)} {
		c, _ = newWire(t, reply(200, bad))
		_, err = c.UploadsPage(t.Context(), UploadsOptions{})
		requireKind(t, Unavailable, err)
	}
	c, _ = newWire(t, reply(200, first))
	for range c.Uploads(t.Context(), "") {
		break
	}
}
