package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vbauerster/mpb/v8"

	"cosfs/cosapi/costest"
)

func TestUploadDownload(t *testing.T) {
	s := newShell(t)
	content := strings.Repeat("0123456789abcdef", 160<<10) // 2.5 MiB
	path := s.file("big.txt", content)
	line := s.ok("object", "upload", path, "B:/up/", "--part-size", "1MiB", "--threshold", "1MiB", "--meta", "a=b")
	require.Regexp(t, `^test-1250000000:/up/big.txt +2.5MiB +ETag \w+-3\n$`, line)
	head := s.json("object", "head", "B:/up/big.txt")
	require.Equal(t, map[string]any{"a": "b"}, head["metadata"])
	require.Equal(t, "text/plain; charset=utf-8", head["content_type"])

	require.Contains(t, s.ok("object", "download", "B:/up/big.txt", s.dir+"/down", "--part-size", "1MiB"), "2.5MiB")
	require.Equal(t, content, read(t, filepath.Join(s.dir, "down")))
	into := s.json("object", "download", "B:/up/big.txt", filepath.Dir(s.file("sub/x", "")))
	require.Equal(t, filepath.Join(s.dir, "sub", "big.txt"), into["file"])
	require.Equal(t, 2.5*(1<<20), into["size"])

	s.stdin = strings.NewReader(content)
	require.Equal(t, "piped", s.json("object", "upload", "-", "B:/piped")["key"])
	require.Equal(t, content, s.ok("object", "get", "B:/piped"))
}

// An upload that was interrupted goes on with the parts that are stored.
func TestUploadResumes(t *testing.T) {
	s := newShell(t)
	path := s.file("big", strings.Repeat("0123456789abcdef", 192<<10)) // 3 MiB
	args := []string{"object", "upload", path, "B:/big", "--part-size", "1MiB", "--threshold", "1MiB", "--parallel", "1"}
	s.Faults.Add(costest.Fault{Op: "UploadPart", Skip: 2, Status: http.StatusForbidden, Code: "AccessDenied"})
	s.fails(exitDenied, "test-1250000000:/big is denied", args...)
	s.Faults.Clear()
	before := s.Counts()["UploadPart"]
	s.ok(args...)
	require.Equal(t, before+1, s.Counts()["UploadPart"], "one part was missing")
}

func TestDirectories(t *testing.T) {
	s := newShell(t)
	s.file("src/a", "1")
	s.file("src/sub/b", "22")
	up := s.json("object", "upload", "-r", "D/src", "B:/tree")
	require.Len(t, up["done"], 2)
	require.Empty(t, up["failed"])
	again := s.json("object", "upload", "-r", "D/src", "B:/tree")
	require.Empty(t, again["done"])
	require.Equal(t, "equal", again["skipped"].([]any)[0].(map[string]any)["reason"])

	require.Regexp(t, `^download +2 done \(3B\) +0 skipped +0 failed\n$`, s.ok("object", "download", "-r", "B:/tree", "D/dst"))
	require.Equal(t, "22", read(t, filepath.Join(s.dir, "dst", "sub", "b")))

	s.Faults.Add(costest.Fault{Op: "PutObject", Key: "tree/a", Status: http.StatusForbidden, Code: "AccessDenied"})
	s.fails(exitPartly, "1 of 2 files failed", "object", "upload", "-r", "--overwrite", "D/src", "B:/tree")
	code, stdout, stderr := s.run("object", "upload", "-r", "--overwrite", "D/src", "B:/tree", "--json")
	require.Equal(t, exitPartly, code)
	require.Contains(t, stdout, `"error": "PutObject of test-1250000000:/tree/a is denied`)
	require.Contains(t, stderr, "src/a: ")
}

// A removal of many says which failed, goes on, and ends with a code of its
// own.
func TestPartFailuresOfRm(t *testing.T) {
	s := newShell(t)
	s.object("a", "x")
	s.object("bell\a", "x") // no document can carry this key, so that it is deleted alone
	s.Faults.Add(costest.Fault{Op: "DeleteObject", Status: http.StatusForbidden, Code: "AccessDenied"})
	code, stdout, stderr := s.run("object", "rm", "-r", "--yes", "B", "--json")
	require.Equal(t, exitPartly, code, stderr)
	require.Contains(t, stderr, "1 of 2 failed")
	require.Contains(t, stdout, `"done": 1`)
	require.Contains(t, stdout, `"key": "bell\u0007"`)
}

// The bar itself, drawn into a buffer as if somebody watched.
func TestProgressBar(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, "film.mp4", 4096, mpb.WithAutoRefresh())
	p.report(1024, 4096)
	p.report(4096, 4096)
	p.finish(nil)
	require.Contains(t, out.String(), "film.mp4")
	require.Contains(t, out.String(), "4.0 KiB / 4.0 KiB")
	require.Contains(t, out.String(), "/s", "a rate")
	require.Contains(t, out.String(), "done")

	out.Reset()
	p = newProgress(&out, "half", 0, mpb.WithAutoRefresh()) // its size becomes known later
	p.report(1024, 4096)
	p.finish(errors.New("broken"))
	require.Contains(t, out.String(), "1.0 KiB / 4.0 KiB")
	require.NotContains(t, out.String(), "done")

	out.Reset()
	p = newProgress(&out, "empty", 0, mpb.WithAutoRefresh())
	p.finish(nil)
	require.Contains(t, out.String(), "empty")
}

// A directory's total grows while files of it are already through; the bar
// must not be complete before its end.
func TestProgressOfGrowingTotal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, "dir", 10, mpb.WithAutoRefresh())
	p.report(10, 10)
	require.False(t, p.bar.Completed())
	p.report(10, 2048)
	p.report(2048, 2048)
	p.finish(nil)
	require.True(t, p.bar.Completed())
	require.Contains(t, out.String(), "2.0 KiB / 2.0 KiB")
}

func TestPace(t *testing.T) {
	begin := time.Unix(1_000_000, 0)
	var p pace
	at := func(seconds float64) time.Time { return begin.Add(time.Duration(seconds * float64(time.Second))) }
	require.Zero(t, p.rate(begin))
	p.report(at(0), 0, 100<<20)
	require.Equal(t, "0B/s ETA -", p.text(at(0)))
	for i := range 80 { // a burst of buffers each second, 1 MiB in all
		for j := range 8 {
			p.report(at(float64(i+1)+float64(j)/1e4), int64(i*8+j+1)<<17, 100<<20)
		}
	}
	require.InDelta(t, 1<<20, p.rate(at(80.01)), 1<<17)
	require.Regexp(t, `^(1\.\dMiB|9\d\d\.\dKiB)/s ETA (1[89]|2[0-2])s$`, p.text(at(80.01)))
	require.LessOrEqual(t, len(p.samples), 42, "memory is bounded")
	require.Less(t, p.rate(at(100)), p.rate(at(80.01))/2, "it sinks when nothing moves")
}

// Nothing is drawn where nobody watches, and nothing need be asked for it.
func TestProgressIsOff(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "err"))
	require.NoError(t, err)
	defer file.Close()
	for _, w := range []io.Writer{new(bytes.Buffer), file} {
		r := &remote{p: &program{stderr: w}}
		bar := r.progress("x", 1)
		require.Nil(t, bar)
		require.Nil(t, bar.callback())
		bar.report(1, 1)
		bar.finish(nil)
	}
	body := strings.NewReader("x")
	require.Same(t, body, metered(body, 1, nil))
}

func TestMeters(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, "x", 10, mpb.WithAutoRefresh())
	body := metered(strings.NewReader("0123456789"), 10, p)
	_, err := io.CopyN(io.Discard, body, 7)
	require.NoError(t, err)
	require.EqualValues(t, 7, p.bar.Current())
	_, err = body.Seek(0, io.SeekStart)
	require.NoError(t, err)
	w := &meteredWriter{Writer: io.Discard, p: p, size: 10}
	_, err = io.Copy(w, body)
	require.NoError(t, err)
	require.EqualValues(t, 10, w.off)
	p.finish(nil)
}

func TestByteCount(t *testing.T) {
	for n, want := range map[byteCount]string{0: "0B", 1023: "1023B", 1024: "1.0KiB", 1536: "1.5KiB", 5 << 30: "5.0GiB", 3 << 50: "3.0PiB"} {
		require.Equal(t, want, n.String())
	}
}
