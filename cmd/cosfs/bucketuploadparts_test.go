package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// TestPartCommands makes an object call by call: a part sent, a range copied,
// a part from stdin, in no order.
func TestPartCommands(t *testing.T) {
	s := newShell(t)
	mebibyte := strings.Repeat("0123456789abcdef", 64<<10)
	s.object("source", "head"+mebibyte+"tail")
	id := strings.TrimSpace(s.ok("bucket", "uploads", "start", "B:/film.mp4", "--meta", "a=b"))
	s.fails(exitConflict, "has no parts yet", "bucket", "uploads", "complete", "B:/film.mp4", id)

	s.stdin = strings.NewReader("end")
	last := s.json("bucket", "uploads", "put", "-", "B:/film.mp4", id, "3")
	require.Equal(t, 3.0, last["size"])
	copied := s.json("bucket", "uploads", "copy", "B:/source", "B:/film.mp4", id, "2", "--offset", "4", "--length", "1048576")
	require.Equal(t, 1048576.0, copied["size"])
	first := s.ok("bucket", "uploads", "put", s.file("one", mebibyte), "B:/film.mp4", id, "1", "--content-md5")
	require.Regexp(t, `^part 1 +1\.0MiB +ETag [0-9a-f]{32}\n$`, first)
	parts := s.lines("bucket", "uploads", "parts", "B:/film.mp4", id)
	require.Len(t, parts, 3)
	require.Equal(t, copied["etag"], parts[1]["etag"])

	made := s.json("bucket", "uploads", "complete", "B:/film.mp4", id)
	require.Equal(t, float64(2<<20+3), made["size"])
	require.Equal(t, mebibyte+mebibyte+"end", s.ok("object", "get", "B:/film.mp4"))
	head := s.json("object", "head", "B:/film.mp4")
	require.Equal(t, "video/mp4", head["content_type"])
	require.Equal(t, map[string]any{"a": "b"}, head["metadata"])
	s.fails(exitNotFound, "no such upload", "bucket", "uploads", "complete", "B:/film.mp4", id)
}

// TestCompleteOfNamedParts: the ETags named are compared, and what is not
// named is thrown away.
func TestCompleteOfNamedParts(t *testing.T) {
	s := newShell(t)
	id := s.json("bucket", "uploads", "start", "B:/k")["upload_id"].(string)
	one := s.json("bucket", "uploads", "put", s.file("one", "1"), "B:/k", id, "1")["etag"].(string)
	s.ok("bucket", "uploads", "put", s.file("two", "2"), "B:/k", id, "2")
	complete := func(parts ...string) []string {
		return append([]string{"bucket", "uploads", "complete", "B:/k", id}, parts...)
	}
	s.fails(exitUsage, "is not NUMBER:ETAG", complete("1")...)
	s.fails(exitConflict, "has no part 2", complete("1:"+one, "2:"+one)...)
	s.object("k", "there")
	s.fails(exitConflict, "exists already", complete("1:"+one, "--forbid-overwrite")...)
	s.ok(complete("1:" + one)...)
	require.Equal(t, "1", s.ok("object", "get", "B:/k"))
}

// TestPartMistakes are refused by the client, without a request for the part.
func TestPartMistakes(t *testing.T) {
	s := newShell(t)
	s.object("source", "four")
	id := s.json("bucket", "uploads", "start", "B:/k")["upload_id"].(string)
	for _, number := range []string{"0", "10001", "one"} {
		s.fails(exitUsage, "is not the number of a part", "bucket", "uploads", "put", s.file("f", "x"), "B:/k", id, number)
	}
	for _, rng := range [][]string{{"--offset", "5"}, {"--offset", "1", "--length", "4"}, {"--offset", "-1"}} {
		s.fails(exitUsage, "reach beyond the 4 bytes", append([]string{"bucket", "uploads", "copy", "B:/source", "B:/k", id, "1"}, rng...)...)
	}
	s.fails(exitConflict, "is not the version", "bucket", "uploads", "copy", "B:/source", "B:/k", id, "1", "--source-if-match", "another")
	s.fails(exitNotFound, "no such upload", "bucket", "uploads", "put", s.file("f", "x"), "B:/k", "none", "1")
	parts, err := s.Client(t).Parts(t.Context(), "k", id)
	require.NoError(t, err)
	require.Equal(t, []cosapi.Part(nil), parts)
}
