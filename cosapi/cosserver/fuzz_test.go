package cosserver

import (
	"encoding/xml"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDocuments gives every reader of a request's document the same bytes: it
// may refuse them, and nothing else.
func FuzzDocuments(f *testing.F) {
	for _, doc := range []string{
		corsDoc, lifecycleDoc, replicationDoc, "<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>",
		"<AccessControlPolicy><Grant><Grantee><ID>1</ID></Grantee><Permission>READ</Permission></Grant></AccessControlPolicy>",
		completeDocument([2]string{"1", "x"}), "<Delete><Quiet>true</Quiet><Object><Key>a</Key></Object></Delete>", `{"a":1}`, "", "<",
	} {
		f.Add([]byte(doc))
	}
	samples, err := filepath.Glob("../testdata/golden/*.xml") // cos-api.md 4.1 and 5
	require.NoError(f, err)
	require.NotEmpty(f, samples)
	for _, name := range samples {
		doc, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(doc)
		f.Add(doc[:len(doc)/2])
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		b := &bucketRecord{Versioning: versioningEnabled}
		for name, conf := range configurations {
			kept, err := conf.check(b, doc)
			if err == nil && conf.mime == "application/xml" {
				again, err := conf.check(b, kept)
				require.NoError(t, err, "%s: what is kept is valid", name)
				require.NotEmpty(t, again)
			}
		}
		if a, err := parseACL(doc, ownerID("")); err == nil {
			x := newXML()
			writeACL(x, ownerID(""), a)
			_, err := parseACL(x.buf, ownerID(""))
			require.NoError(t, err)
		}
		for _, v := range []any{new(deleteRequest), new(completeRequest), new(restoreRequest), new(versioningDocument), new(tagging)} {
			if err := parseXML(doc, v); err != nil {
				require.True(t, isCode(err, "MalformedXML") || isCode(err, "MissingRequestBodyError"), "%v", err)
			}
		}
	})
}

// FuzzAddress: a target is refused or gives a key that the path decodes to.
func FuzzAddress(f *testing.F) {
	for _, uri := range []string{"/", "/b-1/k", "//", "/b-1/a%2Fb", "/%", "http://h/b-1/k", "*", "/b-1/%1b?x", ""} {
		f.Add("127.0.0.1:80", uri)
		f.Add("b-1.localhost", uri)
	}
	f.Fuzz(func(t *testing.T, host, uri string) {
		got, err := address(&http.Request{Host: host, RequestURI: uri}, []string{"localhost"})
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(got.key), maxKeyBytes)
		require.True(t, strings.HasSuffix(got.path, got.key))
		require.True(t, strings.HasPrefix(got.inBucket, "/"))
	})
}

// FuzzRange: a range that is accepted lies within the object.
func FuzzRange(f *testing.F) {
	for _, r := range []string{"bytes=0-", "bytes=-5", "bytes=3-4", "bytes=9-", "bytes=-", "bytes=1-2,3-4", "bytes=99999999999999999999-"} {
		f.Add(r, int64(10))
	}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		piece, partial, err := parseRange(header, size)
		if err != nil {
			require.True(t, isCode(err, "InvalidRange"))
			return
		}
		require.True(t, piece.off >= 0 && piece.len >= 0 && piece.off <= size && piece.len <= size-piece.off, "%+v", piece)
		require.True(t, !partial || piece.len > 0)
	})
}

// FuzzXMLText: whatever is written as text is read back, but for what XML
// cannot carry.
func FuzzXMLText(f *testing.F) {
	f.Add("a&b<c>\"d'\n\r\t文")
	f.Fuzz(func(t *testing.T, s string) {
		x := newXML()
		x.text("T", s)
		var got string
		require.NoError(t, xml.Unmarshal(x.buf, &got))
		if plainXML(s) {
			require.Equal(t, s, got)
		}
	})
}
