package cosapi

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

const benchSize = 64 << 20

// benchClient is a client of a server that stores nothing: what is measured
// is the client and the kernel's loopback.
func benchClient(b *testing.B) *Client {
	content := make([]byte, benchSize)
	crc := fmt.Sprint(CRC64(content))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"e"`)
		w.Header().Set(crcHeader, crc)
		if r.Method == http.MethodPut {
			_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 1<<20))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(benchSize))
		_, _ = w.Write(content)
	}))
	b.Cleanup(server.Close)
	c, err := New(Config{Endpoint: server.URL, Bucket: testBucket, Credentials: Static(testCredentials)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.CloseIdleConnections)
	return c
}

func BenchmarkPut(b *testing.B) {
	c := benchClient(b)
	body := bytes.NewReader(make([]byte, benchSize))
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Put(b.Context(), "k", body, PutOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	c := benchClient(b)
	buf := make([]byte, 1<<20)
	b.SetBytes(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		r, err := c.Get(b.Context(), Version{Key: "k", ETag: "e", Size: benchSize}, Range{0, -1})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, buf); err != nil {
			b.Fatal(err)
		}
		_ = r.Close()
	}
}
