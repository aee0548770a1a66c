package cosapi

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkListPage decodes a full page, the unit of every large listing.
func BenchmarkListPage(b *testing.B) {
	var doc strings.Builder
	doc.WriteString("<?xml version='1.0' encoding='utf-8' ?>\n<ListBucketResult><Name>n</Name><EncodingType>url</EncodingType>")
	for i := range MaxListPage {
		fmt.Fprintf(&doc, "<Contents><Key>some/directory/of/files/name%%20%07d.dat</Key><LastModified>2023-11-14T22:13:20.000Z</LastModified>"+
			"<ETag>&quot;5eb63bbbe01eeed093cb22bb8f5acdc3&quot;</ETag><Size>%d</Size><Owner><ID>1250000000</ID>"+
			"<DisplayName>1250000000</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>", i, i)
	}
	doc.WriteString("</ListBucketResult>")
	raw := []byte(doc.String())
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		var result listResult
		if err := result.parse(raw); err != nil {
			b.Fatal(err)
		}
		if page, err := result.page(); err != nil || len(page.Entries) != MaxListPage {
			b.Fatal(err)
		}
	}
}
