package cosapi

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// plainList is the document as encoding/xml reads it: the oracle.
type plainList struct {
	XMLName        xml.Name `xml:"ListBucketResult"`
	EncodingType   string
	IsTruncated    boolean
	NextMarker     string
	Name           string
	Prefix         string
	Delimiter      string
	Marker         string
	MaxKeys        int
	CommonPrefixes []struct{ Prefix string }
	Contents       []struct {
		Key, LastModified, ETag, StorageClass, RestoreStatus string
		Size                                                 int64
		Owner                                                Owner
	}
}

func (p plainList) result() listResult {
	d := listResult{EncodingType: p.EncodingType, IsTruncated: p.IsTruncated, NextMarker: p.NextMarker,
		Asked: Echo{Bucket: p.Name, Prefix: p.Prefix, Delimiter: p.Delimiter, Marker: p.Marker, Max: p.MaxKeys}}
	for _, c := range p.CommonPrefixes {
		d.CommonPrefixes = append(d.CommonPrefixes, c.Prefix)
	}
	for _, c := range p.Contents {
		d.Contents = append(d.Contents, listedObject{Key: c.Key, LastModified: c.LastModified, ETag: c.ETag,
			StorageClass: c.StorageClass, RestoreStatus: c.RestoreStatus, Size: c.Size, Owner: c.Owner})
	}
	return d
}

func TestScannerReadsWhatEncodingXMLReads(t *testing.T) {
	for name, doc := range map[string]string{
		"sample":     listAnswer,
		"references": "<ListBucketResult><Contents><Key>&lt;&gt;&amp;&quot;&apos;&#65;&#x4E2d;&#xD;</Key></Contents></ListBucketResult>",
		"CDATA":      "<ListBucketResult><NextMarker>a<![CDATA[<b>&amp;]]>c</NextMarker></ListBucketResult>",
		"comments":   "<!DOCTYPE x><!-- > --><ListBucketResult><!-- <NextMarker>no</NextMarker> --><NextMarker>a<!-- x -->b</NextMarker></ListBucketResult>",
		"prefixes":   `<c:ListBucketResult xmlns:c="urn:x"><c:Contents a="&gt;>" b='/>'><c:Key>k</c:Key ></c:Contents></c:ListBucketResult>`,
		"nested":     "<ListBucketResult><Contents><Owner><Key>no</Key><ID/></Owner><Key>a<b>no</b>c</Key><Size> 12 </Size></Contents></ListBucketResult>",
		"empty":      "<ListBucketResult/>",
		"no content": "<ListBucketResult ><Contents/><CommonPrefixes></CommonPrefixes><NextMarker/></ListBucketResult>\n",
	} {
		t.Run(name, func(t *testing.T) {
			var plain plainList
			require.NoError(t, xml.Unmarshal([]byte(doc), &plain))
			var got listResult
			require.NoError(t, got.parse([]byte(doc)))
			want := plain.result()
			if name == "no content" { // the oracle has a prefix that is not there
				want.CommonPrefixes = nil
			}
			require.Equal(t, want, got)
		})
	}
}

func TestScannerRefusesBrokenDocuments(t *testing.T) {
	for _, doc := range []string{
		"", "text", "<", "<ListBucketResult", "<ListBucketResult>", "<ListBucketResult><Contents></ListBucketResult>", "<Other/>", "</x>",
		"<ListBucketResult></ListBucketResultat>", "<ListBucketResult><Contents><Size>x</Size></Contents></ListBucketResult>",
		"<ListBucketResult><NextMarker>&nbsp;</NextMarker></ListBucketResult>", "<ListBucketResult><NextMarker>&amp</NextMarker></ListBucketResult>",
		"<ListBucketResult><NextMarker>&#xzz;</NextMarker></ListBucketResult>", "<ListBucketResult><NextMarker>&#1114112;</NextMarker></ListBucketResult>",
		"<ListBucketResult><!-- ", "<ListBucketResult><![CDATA[", "<? ", "<! ", "< a/>", "<ListBucketResult><Contents><Key>a",
		`<ListBucketResult a="`, "<ListBucketResult><CommonPrefixes><Prefix>",
	} {
		require.Error(t, new(listResult).parse([]byte(doc)), "%q", doc)
	}
}

// FuzzListParse compares with encoding/xml: what that reads is read alike.
func FuzzListParse(f *testing.F) {
	f.Add(listAnswer)
	f.Add("<ListBucketResult><Contents><Key>&lt;a<![CDATA[b]]><!-- c --></Key><Size>1</Size></Contents></ListBucketResult>")
	f.Fuzz(func(t *testing.T, doc string) {
		var got listResult
		err := got.parse([]byte(doc)) // must not crash, whatever comes
		var plain plainList
		if xml.Unmarshal([]byte(doc), &plain) != nil || oracleDiffers(doc) {
			return
		}
		require.NoError(t, err)
		want := plain.result()
		require.Equal(t, len(want.Contents), len(got.Contents))
		for i := range want.Contents {
			require.Equal(t, want.Contents[i].Key, got.Contents[i].Key)
		}
	})
}

// oracleDiffers names what the two read differently on purpose: line ends,
// document types, namespaces, and repeated elements.
func oracleDiffers(doc string) bool {
	return strings.ContainsAny(doc, "\r:") || strings.Contains(doc, "<!D") || strings.Contains(doc, "<!d") ||
		strings.Count(doc, "<Key") != strings.Count(doc, "<Contents")
}
