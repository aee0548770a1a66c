package cosapi

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPutSendsEveryChoice(t *testing.T) {
	c, w := newWire(t, stored(hello, "x-cos-version-id: v1"))
	o := PutOptions{
		Attrs: Attrs{
			ContentType: "text/plain", CacheControl: "no-cache", ContentDisposition: "inline", ContentEncoding: "identity",
			ContentLanguage: "zh", Expires: "never", StorageClass: "STANDARD_IA",
			Meta:       map[string]string{"mode": "33188", "X-Attr": "a b"},
			Encryption: Encryption{Algorithm: "cos/kms", KMSKeyID: "kid", Context: "e30="},
		},
		ACL:          "public-read",
		Grants:       Grants{FullControl: GrantTo("1"), Read: GrantTo("2/3", "4"), Write: "w", ReadACP: "ra", WriteACP: "wa"},
		ContentMD5:   true,
		TrafficLimit: 1 << 20,
		Tags:         []Tag{{"a b", "1&2"}, {"c", ""}},
		Header:       http.Header{"x-cos-custom": {"yes"}},
	}
	body := strings.NewReader(hello)
	_, err := body.Seek(3, io.SeekStart)
	require.NoError(t, err)
	object, err := c.Put(t.Context(), "k", body, o)
	require.NoError(t, err)
	require.Equal(t, Object{
		Version: helloVersion, Attrs: o.Attrs, VersionID: "v1",
		Modified: time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC),
		CRC64:    CRC64([]byte(hello)), HasCRC64: true,
	}, object)

	r := w.requests()[0]
	require.Equal(t, hello, string(r.body), "the body is sent from its beginning")
	require.Equal(t, int64(len(hello)), r.ContentLength)
	for name, want := range map[string]string{
		"Content-Type": "text/plain", "Cache-Control": "no-cache", "Content-Disposition": "inline",
		"Content-Encoding": "identity", "Content-Language": "zh", "Expires": "never",
		"x-cos-storage-class": "STANDARD_IA", "x-cos-meta-mode": "33188", "x-cos-meta-x-attr": "a b",
		"x-cos-server-side-encryption": "cos/kms", "x-cos-server-side-encryption-cos-kms-key-id": "kid",
		"x-cos-server-side-encryption-context": "e30=", "x-cos-acl": "public-read",
		"x-cos-grant-full-control": `id="qcs::cam::uin/1:uin/1"`,
		"x-cos-grant-read":         `id="qcs::cam::uin/2:uin/3",id="qcs::cam::uin/4:uin/4"`,
		"x-cos-grant-write":        "w", "x-cos-grant-read-acp": "ra", "x-cos-grant-write-acp": "wa",
		"Content-MD5": "XrY7u+Ae7tCTyyK7j1rNww==", "x-cos-traffic-limit": "1048576",
		"x-cos-tagging": "a%20b=1%262&c=", "x-cos-custom": "yes", "User-Agent": "cosfs",
		"x-cos-forbid-overwrite": "",
	} {
		require.Equal(t, want, r.Header.Get(name), name)
	}
	verifySignature(t, r.Request, testCredentials)
}

func TestPutEmptyAlwaysHasALength(t *testing.T) {
	c, w := newWire(t, stored(""))
	for _, body := range []io.ReadSeeker{nil, strings.NewReader("")} {
		_, err := c.Put(t.Context(), "dir/", body, PutOptions{})
		require.NoError(t, err)
	}
	for _, r := range w.requests() {
		require.Equal(t, "0", r.Header.Get("Content-Length"))
		require.Empty(t, r.TransferEncoding)
		verifySignature(t, r.Request, testCredentials)
	}
}

func TestPutOfDamagedBytes(t *testing.T) {
	c, w := newWire(t, stored("hellO"), stored(hello))
	_, err := c.Put(t.Context(), "k", strings.NewReader(hello), PutOptions{})
	require.NoError(t, err)
	require.Len(t, w.requests(), 2, "sent again")

	c, w = newWire(t, stored("hellO"))
	_, err = c.Put(t.Context(), "k", strings.NewReader(hello), PutOptions{})
	requireKind(t, Corrupt, err)
	require.Len(t, w.requests(), 5)
}

func TestPutThroughAGatewayWithoutCRC(t *testing.T) {
	var log bytes.Buffer
	w := &wire{handlers: []http.HandlerFunc{reply(200, "", `ETag: "`+helloETag+`"`)}}
	c := newTestClient(t, w, func(cfg *Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for range 2 {
		o, err := c.Put(t.Context(), "k", strings.NewReader(hello), PutOptions{})
		require.NoError(t, err)
		require.Equal(t, CRC64([]byte(hello)), o.CRC64)
	}
	require.Equal(t, 1, strings.Count(log.String(), crcHeader), "told once")

	_, err := c.Put(t.Context(), "k", strings.NewReader("other"), PutOptions{})
	requireKind(t, Corrupt, err) // the ETag is an MD5, of something else
	_, err = c.Put(t.Context(), "k", strings.NewReader("other"), PutOptions{
		Attrs: Attrs{Encryption: Encryption{CustomerKey: make([]byte, 32)}}})
	require.NoError(t, err, "with SSE-C the ETag is no MD5")
}

func TestForbidOverwriteIsNotRepeatedBlindly(t *testing.T) {
	o := PutOptions{ForbidOverwrite: true}
	same := reply(200, "", helloHeaders("Content-Length: 11")...)
	other := reply(200, "", `ETag: "x"`, "Content-Length: 11", crcHeader+": 1")
	for name, tc := range map[string]struct {
		answers []http.HandlerFunc
		methods string
		kind    Kind // Other: success
	}{
		"refused at once":       {[]http.HandlerFunc{fault(409, "FileAlreadyExists")}, "PUT", Exists},
		"lost, it is ours":      {[]http.HandlerFunc{hangUp, same}, "PUT HEAD", Other},
		"lost, somebody's":      {[]http.HandlerFunc{hangUp, other}, "PUT HEAD", Exists},
		"lost, not there":       {[]http.HandlerFunc{hangUp, reply(404, ""), stored(hello)}, "PUT HEAD PUT", Other},
		"landed late":           {[]http.HandlerFunc{fault(500, "InternalError"), reply(404, ""), fault(409, "FileAlreadyExists"), same}, "PUT HEAD PUT HEAD", Other},
		"cannot be looked at":   {[]http.HandlerFunc{hangUp, reply(403, "")}, "PUT HEAD", Unavailable},
		"refused for other use": {[]http.HandlerFunc{fault(403, "AccessDenied")}, "PUT", Denied},
	} {
		t.Run(name, func(t *testing.T) {
			c, w := newWire(t, tc.answers...)
			object, err := c.Put(t.Context(), "k", strings.NewReader(hello), o)
			var methods []string
			for _, r := range w.requests() {
				methods = append(methods, r.Method)
				if r.Method == http.MethodPut {
					require.Equal(t, "true", r.Header.Get("x-cos-forbid-overwrite"))
				}
			}
			require.Equal(t, tc.methods, strings.Join(methods, " "))
			if tc.kind == Other {
				require.NoError(t, err)
				require.Equal(t, helloVersion, object.Version)
			} else {
				requireKind(t, tc.kind, err)
			}
		})
	}
}

func TestArgumentsAreCheckedBeforeSending(t *testing.T) {
	c, w := newWire(t, hangUp)
	for name, tc := range map[string]struct {
		key  string
		o    PutOptions
		kind Kind
	}{
		"long key":        {strings.Repeat("k", 851), PutOptions{}, NameTooLong},
		"root":            {"a/../", PutOptions{}, Invalid},
		"meta value":      {"k", PutOptions{Attrs: Attrs{Meta: map[string]string{"a": "年"}}}, Invalid},
		"meta blank":      {"k", PutOptions{Attrs: Attrs{Meta: map[string]string{"a": "x "}}}, Invalid},
		"meta line":       {"k", PutOptions{Attrs: Attrs{Meta: map[string]string{"a": "x\r\ny"}}}, Invalid},
		"meta name":       {"k", PutOptions{Attrs: Attrs{Meta: map[string]string{"a_b": "x"}}}, Invalid},
		"meta empty name": {"k", PutOptions{Attrs: Attrs{Meta: map[string]string{"": "x"}}}, Invalid},
		"meta size":       {"k", PutOptions{Attrs: Attrs{Meta: map[string]string{"a": strings.Repeat("x", 2048)}}}, TooLarge},
		"content type":    {"k", PutOptions{Attrs: Attrs{ContentType: "a\nb"}}, Invalid},
		"customer key":    {"k", PutOptions{Attrs: Attrs{Encryption: Encryption{CustomerKey: []byte("short")}}}, Invalid},
		"traffic limit":   {"k", PutOptions{TrafficLimit: 100}, Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.Put(t.Context(), tc.key, strings.NewReader("x"), tc.o)
			requireKind(t, tc.kind, err)
			_, err = c.StartUpload(t.Context(), tc.key, tc.o)
			requireKind(t, tc.kind, err)
			_, err = c.Copy(t.Context(), Version{Key: "src"}, tc.key, CopyOptions{Replace: true, PutOptions: tc.o})
			requireKind(t, tc.kind, err)
		})
	}
	require.Empty(t, w.requests())
}

// hugeBody is measured, but never read.
type hugeBody struct{ strings.Reader }

func (b *hugeBody) Seek(_ int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return MaxPutSize + 1, nil
	}
	return 0, nil
}

// brokenBody fails where its field says.
type brokenBody struct {
	*strings.Reader
	seek, read error
}

func (b brokenBody) Seek(off int64, whence int) (int64, error) {
	n, err := b.Reader.Seek(off, whence)
	return n, errors.Join(err, b.seek)
}

func (b brokenBody) Read(p []byte) (int, error) { return 0, b.read }

func TestBodiesThatCannotBeSent(t *testing.T) {
	c, w := newWire(t, stored(hello))
	_, err := c.Put(t.Context(), "k", new(hugeBody), PutOptions{})
	requireKind(t, TooLarge, err)
	_, err = c.Put(t.Context(), "k", brokenBody{strings.NewReader("x"), io.ErrClosedPipe, nil}, PutOptions{})
	require.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = c.Put(t.Context(), "k", brokenBody{strings.NewReader("x"), nil, io.ErrNoProgress}, PutOptions{ContentMD5: true})
	require.ErrorIs(t, err, io.ErrNoProgress)
	require.Empty(t, w.requests())
	_, err = c.Put(t.Context(), "k", brokenBody{strings.NewReader("x"), nil, io.ErrNoProgress}, PutOptions{})
	require.ErrorIs(t, err, io.ErrNoProgress)
	require.LessOrEqual(t, len(w.requests()), 1, "a broken source is not tried again")
}
