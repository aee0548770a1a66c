package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// putNothing are the options of a plain write.
var putNothing cosapi.PutOptions

func TestPutHeadGet(t *testing.T) {
	s := newShell(t)
	path := s.file("note.txt", "hello\n")
	line := s.ok("object", "put", path, "B:/dir/", "--meta", "colour=blue", "--cache-control", "no-store",
		"--storage-class", "STANDARD_IA", "--tag", "a=1", "--content-md5", "--header", "x-cos-meta-by: header")
	require.Regexp(t, `^test-1250000000:/dir/note.txt +6B +ETag \w+\n$`, line)

	head := s.json("object", "head", "B:/dir/note.txt")
	for name, want := range map[string]any{
		"bucket": s.Bucket, "key": "dir/note.txt", "size": 6.0, "content_type": "text/plain; charset=utf-8",
		"cache_control": "no-store", "storage_class": "STANDARD_IA",
		"metadata": map[string]any{"colour": "blue", "by": "header"},
	} {
		require.Equal(t, want, head[name], name)
	}
	require.IsType(t, "", head["crc64"], "64 bits do not fit a JSON number")
	modified, err := time.Parse(time.RFC3339, head["last_modified"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), modified, time.Hour)
	text := s.ok("object", "head", "B:/dir/note.txt")
	require.Regexp(t, `(?m)^x-cos-meta-colour +blue$`, text)
	require.Regexp(t, `(?m)^Storage class +STANDARD_IA$`, text)

	require.Equal(t, "hello\n", s.ok("object", "get", "B:/dir/note.txt"))
	require.Equal(t, "ell", s.ok("object", "get", "B:/dir/note.txt", "--offset", "1", "--length", "3"))
	out := filepath.Join(s.dir, "out")
	require.Empty(t, s.ok("object", "get", "B:/dir/note.txt", out))
	require.Equal(t, "hello\n", read(t, out))
	require.Equal(t, "text/x", s.json("object", "get", "B:/dir/note.txt", out, "--response-content-type", "text/x")["content_type"])
	etag := head["etag"].(string)
	require.Equal(t, "hello\n", s.ok("object", "get", "B:/dir/note.txt", "--if-match", etag))
	s.fails(exitConflict, "has not changed", "object", "get", "B:/dir/note.txt", "--if-none-match", etag)
	s.fails(exitConflict, "has not changed", "object", "head", "B:/dir/note.txt", "--if-modified-since", "2999-01-01")
}

// A file of a failed get neither appears nor replaces what was there.
func TestGetLeavesNothingHalf(t *testing.T) {
	s := newShell(t)
	s.object("a", strings.Repeat("x", 1<<10))
	out := s.file("out", "before")
	s.Faults.Add(costest.Fault{Op: "GetObject", Corrupt: true})
	s.fails(exitFailed, "do not agree", "object", "get", "B:/a", out)
	require.Equal(t, "before", read(t, out))
	entries, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestCustomerKey(t *testing.T) {
	s := newShell(t)
	key := s.file("key", strings.Repeat("k", 32))
	s.stdin = strings.NewReader("secret")
	s.ok("object", "put", "-", "B:/a", "--customer-key-file", key)
	require.Equal(t, "secret", s.ok("object", "get", "B:/a", "--customer-key-file", key))
	base64 := s.file("key64", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n")
	require.Equal(t, "secret", s.ok("object", "get", "B:/a", "--customer-key-file", base64))
	code, stdout, _ := s.run("object", "get", "B:/a")
	require.NotZero(t, code)
	require.Empty(t, stdout)
}

func TestLs(t *testing.T) {
	s := newShell(t)
	for _, key := range []string{"a", "dir/1", "dir/2", "dir/sub/3", "z\n"} {
		s.object(key, "12345")
	}
	keys := func(args ...string) (keys []string) {
		for _, line := range s.lines(append([]string{"object", "ls"}, args...)...) {
			keys = append(keys, line["key"].(string))
		}
		return keys
	}
	require.Equal(t, []string{"a", "dir/", "z\n"}, keys("B"))
	require.Equal(t, []string{"dir/1", "dir/2", "dir/sub/"}, keys("B:/dir/"))
	require.Equal(t, []string{"dir/"}, keys("B:/d"), "a prefix is any beginning of a key")
	require.Equal(t, []string{"a", "dir/1", "dir/2", "dir/sub/3", "z\n"}, keys("-r", "B"))
	require.Equal(t, []string{"dir/2", "dir/sub/3", "z\n"}, keys("-r", "B", "--after", "dir/1"))

	code, stdout, stderr := s.run("object", "ls", "B", "--max", "2")
	require.Zero(t, code)
	require.Contains(t, stderr, `more follows: --after "dir/"`)
	require.Equal(t, 3, strings.Count(stdout, "\n"))
	require.Equal(t, []string{"z\n"}, keys("B", "--after", "dir/"))

	first := s.lines("object", "ls", "B")[0]
	for _, name := range []string{"key", "size", "etag", "last_modified"} {
		require.Contains(t, first, name)
	}
	require.Equal(t, map[string]any{"key": "dir/", "prefix": true}, s.lines("object", "ls", "B")[1])
	table := s.ok("object", "ls", "B", "--bytes")
	require.Regexp(t, `(?m)^- +- +DIR +dir/$`, table)
	require.Contains(t, table, `"z\n"`, "a terminal gets no control characters")
}

func TestLsOfManyPages(t *testing.T) {
	s := newShell(t)
	client := s.Client(t)
	for i := range 1005 {
		_, err := client.Put(t.Context(), fmt.Sprintf("k%04d", i), strings.NewReader(""), putNothing)
		require.NoError(t, err)
	}
	require.Len(t, s.lines("object", "ls", "B"), 1005)
	require.Equal(t, 1005.0, s.json("object", "rm", "-r", "--yes", "B")["done"])
	require.Empty(t, s.lines("object", "ls", "B"))
}

// A reader that has enough (| head) ends a list with one sentence.
func TestReaderGoesAway(t *testing.T) {
	s := newShell(t)
	s.object("a", "x")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	defer w.Close()
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"cosfs", "object", "ls", s.Bucket}, s.env, w, &stderr)
	require.Equal(t, exitFailed, code)
	require.Equal(t, "cosfs: nobody reads the output any more\n", stderr.String())
}

func TestRm(t *testing.T) {
	s := newShell(t)
	for _, key := range []string{"a", "b", "c", "d/1", "d/2"} {
		s.object(key, "x")
	}
	require.Empty(t, s.ok("object", "rm", "B:/a"))
	require.Empty(t, s.ok("object", "rm", "B:/b", "B:/none", "B:/c"))
	require.Equal(t, "delete", s.json("object", "rm", "B:/none")["action"])

	require.Regexp(t, `^test-1250000000:/d/1 .*\ntest-1250000000:/d/2 `, s.ok("object", "rm", "-r", "--dry-run", "B:/d/"))
	require.Equal(t, []map[string]any{{"key": "d/1"}, {"key": "d/2"}}, s.lines("object", "rm", "-r", "--dry-run", "B:/d/"))
	require.Len(t, s.lines("object", "ls", "-r", "B"), 2)
	require.Empty(t, s.ok("object", "rm", "-r", "--yes", "B:/d/"))
	require.Empty(t, s.lines("object", "ls", "-r", "B"))
}

func TestCp(t *testing.T) {
	s := newShell(t)
	s.stdin = strings.NewReader("content")
	s.ok("object", "put", "-", "B:/a.txt", "--meta", "m=1")
	const other = "other-1250000000"
	s.ok("bucket", "create", other)

	require.Contains(t, s.ok("object", "cp", "B:/a.txt", "B:/b.txt"), "b.txt")
	require.Equal(t, map[string]any{"m": "1"}, s.json("object", "head", "B:/b.txt")["metadata"])
	copied := s.json("object", "cp", "B:/a.txt", other+":/dir/")
	require.Equal(t, "dir/a.txt", copied["key"])
	require.Equal(t, other, copied["bucket"])
	require.Equal(t, "content", s.ok("object", "get", other+":/dir/a.txt"))
	s.ok("object", "cp", "B:/a.txt", other)
	require.Equal(t, "content", s.ok("object", "get", other+":/a.txt"))

	s.ok("object", "cp", "B:/a.txt", "B:/a.txt", "--metadata-directive", "replaced", "--meta", "m=2", "--content-type", "x/y")
	head := s.json("object", "head", "B:/a.txt")
	require.Equal(t, map[string]any{"m": "2"}, head["metadata"])
	require.Equal(t, "x/y", head["content_type"])
	etag := head["etag"].(string)
	s.ok("object", "cp", "B:/a.txt", "B:/c", "--source-if-match", etag, "--storage-class", "STANDARD_IA")
	s.fails(exitConflict, "has not changed", "object", "cp", "B:/a.txt", "B:/c", "--source-if-none-match", etag)
	s.fails(exitConflict, "exists already", "object", "cp", "B:/a.txt", "B:/c", "--forbid-overwrite")
	s.fails(exitNotFound, other+":/none does not exist", "object", "cp", other+":/none", "B:/c")
}

func TestCpByParts(t *testing.T) {
	s := newShell(t)
	content := strings.Repeat("0123456789abcdef", 160<<10) // 2.5 MiB
	s.stdin = strings.NewReader(content)
	s.ok("object", "put", "-", "B:/big", "--meta", "m=1", "--content-type", "x/y")
	s.ok("object", "cp", "B:/big", "B:/copy", "--part-size", "1MiB")
	head := s.json("object", "head", "B:/copy")
	require.Equal(t, map[string]any{"m": "1"}, head["metadata"])
	require.Equal(t, "x/y", head["content_type"])
	require.Contains(t, head["etag"], "-3")
	require.Equal(t, content, s.ok("object", "get", "B:/copy"))
	require.Equal(t, s.json("object", "head", "B:/big")["crc64"], head["crc64"])

	s.fails(exitConflict, "exists already", "object", "cp", "B:/big", "B:/copy", "--part-size", "1MiB", "--forbid-overwrite")
	s.Faults.Add(costest.Fault{Op: "UploadPartCopy", Status: http.StatusForbidden, Code: "AccessDenied"})
	s.fails(exitDenied, "denied", "object", "cp", "B:/big", "B:/failed", "--part-size", "1MiB")
	require.Empty(t, s.lines("bucket", "uploads", "list", "B"), "a copy that failed leaves no parts")
}

func TestAppend(t *testing.T) {
	s := newShell(t)
	for i, text := range []string{"one\n", "two\n"} {
		s.stdin = strings.NewReader(text)
		appended := s.json("object", "append", "-", "B:/log")
		require.Equal(t, float64(4*(i+1)), appended["next_position"])
	}
	require.Regexp(t, `6B +next position 14`, s.ok("object", "append", s.file("three", "three\n"), "B:/log", "--position", "8"))
	require.Equal(t, "one\ntwo\nthree\n", s.ok("object", "get", "B:/log"))
	require.Equal(t, "appendable", s.json("object", "head", "B:/log")["type"])
}

func TestRestore(t *testing.T) {
	s := newShell(t, costest.WithConfig(func(c *cosserver.Config) { c.RestoreDelay = time.Hour }))
	s.stdin = strings.NewReader("cold")
	s.ok("object", "put", "-", "B:/cold", "--storage-class", "ARCHIVE")
	s.fails(exitConflict, "have it restored first", "object", "get", "B:/cold")
	require.Equal(t, "restore", s.json("object", "restore", "B:/cold", "--days", "2", "--tier", "Expedited")["action"])
	s.fails(exitConflict, "is being restored already", "object", "restore", "B:/cold")
	require.Contains(t, s.json("object", "head", "B:/cold")["restore"], `ongoing-request="true"`)
}

func TestObjectTags(t *testing.T) {
	s := newShell(t)
	s.object("a", "x")
	require.JSONEq(t, `{"tags":[]}`, s.ok("object", "tagging", "get", "B:/a", "--json"))
	s.ok("object", "tagging", "put", "B:/a", "--tag", "k=v")
	require.Regexp(t, `KEY +VALUE\nk +v\n`, s.ok("object", "tagging", "get", "B:/a"))
	s.stdin = strings.NewReader(`{"tags":[{"key":"n","value":"2"}]}`)
	s.ok("object", "tagging", "put", "B:/a", "-")
	require.JSONEq(t, `{"tags":[{"key":"n","value":"2"}]}`, s.ok("object", "tagging", "get", "B:/a", "--json"))
	s.ok("object", "tagging", "delete", "B:/a")
	require.JSONEq(t, `{"tags":[]}`, s.ok("object", "tagging", "get", "B:/a", "--json"))
}

// fetch is a request by something that knows nothing of COS.
func fetch(t *testing.T, method, url, body string, header http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

func TestPresign(t *testing.T) {
	s := newShell(t)
	presign := func(args ...string) string {
		return strings.TrimSuffix(s.ok(append([]string{"object", "presign"}, args...)...), "\n")
	}
	status, _ := fetch(t, http.MethodPut, presign("-X", "PUT", "B:/dir/ä b.txt"), "by anybody", nil)
	require.Equal(t, http.StatusOK, status)
	status, body := fetch(t, http.MethodGet, presign("B:/dir/ä b.txt"), "", nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "by anybody", body)

	get := presign("B:/dir/ä b.txt")
	status, body = fetch(t, http.MethodDelete, get, "", nil)
	require.Equal(t, http.StatusForbidden, status, "the URL is for one method")
	require.Contains(t, body, "SignatureDoesNotMatch")
	status, body = fetch(t, http.MethodGet, presign("B", "--query", "prefix=dir/"), "", nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "<Contents>")
	status, body = fetch(t, http.MethodGet, presign("B:/dir/ä b.txt", "--query", "tagging"), "", nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "<Tagging")

	withHeader := presign("-X", "PUT", "B:/typed", "--header", "Content-Type: x/y")
	status, _ = fetch(t, http.MethodPut, withHeader, "z", http.Header{"Content-Type": {"a/b"}})
	require.Equal(t, http.StatusForbidden, status)
	status, _ = fetch(t, http.MethodPut, withHeader, "z", http.Header{"Content-Type": {"x/y"}})
	require.Equal(t, http.StatusOK, status)

	v := s.json("object", "presign", "B:/a", "--expires", "90m", "-X", "head")
	require.Equal(t, "HEAD", v["method"])
	expires, err := time.Parse(time.RFC3339, v["expires_at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(90*time.Minute), expires, time.Minute)
	require.Contains(t, v["url"], "q-signature=")
}

func TestSign(t *testing.T) {
	s := newShell(t)
	s.object("a", "signed")
	value := strings.TrimSpace(s.ok("object", "sign", "B:/a"))
	url := s.URL + "/" + s.Bucket + "/a"
	status, body := fetch(t, http.MethodGet, url, "", http.Header{"Authorization": {value}})
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "signed", body)
	status, _ = fetch(t, http.MethodGet, url, "", nil)
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, s.json("object", "sign", "B:/a")["authorization"], "q-sign-algorithm=sha1")
	s.fails(exitDenied, "--anonymous", "object", "sign", "B:/a", "--anonymous")
}

func TestPublicBucketNeedsNoKey(t *testing.T) {
	s := newShell(t)
	s.object("a", "for all")
	s.ok("bucket", "acl", "put", "B", "--acl", "public-read")
	s.env = []string{"COS_ENDPOINT=" + s.URL}
	require.Equal(t, "for all", s.ok("object", "get", "B:/a", "--anonymous"))
	s.fails(exitDenied, "no credentials", "object", "get", "B:/a")
}
