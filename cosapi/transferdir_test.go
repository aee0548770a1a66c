package cosapi_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
	"cosfs/cosapi/cosserver"
	"cosfs/cosapi/costest"
)

// makeTree writes files below a new directory; a name that ends with a slash
// is a directory.
func makeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(path, 0o700))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return dir
}

func keysOf(list []cosapi.FileResult) (keys []string) {
	for _, f := range list {
		keys = append(keys, f.Key)
	}
	return keys
}

func reasonsOf(list []cosapi.FileResult) map[string]string {
	m := map[string]string{}
	for _, f := range list {
		m[f.Key] = f.Reason
	}
	return m
}

func TestUploadDir(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	big := string(randomBytes(t, 40, 3*mib))
	dir := makeTree(t, map[string]string{"a": "aa", "sub/b c": "bb", "sub/深/d": "", "big": big, "empty/": "", ".cosfs-12.part": "x"})
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	require.NoError(t, os.Symlink("a", filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink("sub", filepath.Join(dir, "linkdir")))
	p := &progress{t: t}
	var seen []cosapi.FileResult
	o := cosapi.UploadDirOptions{OnFile: func(f cosapi.FileResult) { seen = append(seen, f) }}
	o.Threshold, o.Progress = mib, p.report
	r, err := c.UploadDir(t.Context(), dir, "to/here", o)
	require.NoError(t, err)
	require.Equal(t, []string{"to/here/a", "to/here/big", "to/here/link", "to/here/sub/b c", "to/here/sub/深/d"}, keysOf(r.Done))
	require.Equal(t, map[string]string{"to/here/.cosfs-12.part": "an unfinished download", "to/here/fifo": "not a regular file",
		"to/here/linkdir": "not a regular file"}, reasonsOf(r.Skipped))
	require.Empty(t, r.Failed)
	require.Len(t, seen, 8)
	require.Equal(t, filepath.Join(dir, "sub", "b c"), r.Done[3].Path)
	require.EqualValues(t, 2, r.Done[3].Size)
	require.Equal(t, cosapi.CRC64([]byte(big)), storedCRC(t, c, "to/here/big"))
	require.Equal(t, cosapi.CRC64([]byte("aa")), storedCRC(t, c, "to/here/link"))
	require.Equal(t, []int64{3*mib + 6, 3*mib + 6}, []int64{p.consumed, p.total})

	// Once more: only what is new or different is sent.
	o.Progress = nil
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("AA"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), []byte("n"), 0o600))
	s.ResetCounts()
	r, err = c.UploadDir(t.Context(), dir, "to/here/", o)
	require.NoError(t, err)
	require.Equal(t, []string{"to/here/a", "to/here/link", "to/here/new"}, keysOf(r.Done))
	require.Equal(t, "equal", reasonsOf(r.Skipped)["to/here/big"])
	require.Len(t, r.Skipped, 6)
	require.EqualValues(t, 5, s.BytesIn())

	o.Overwrite = true
	r, err = c.UploadDir(t.Context(), dir, "to/here", o)
	require.NoError(t, err)
	require.Len(t, r.Done, 6)
}

func TestUploadDirToTheRootThroughALink(t *testing.T) {
	c := costest.NewServer(t).Client(t)
	dir := makeTree(t, map[string]string{"a": "1", "b/c": "2"})
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	r, err := c.UploadDir(t.Context(), link, "", cosapi.UploadDirOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b/c"}, keysOf(r.Done))
	_, err = c.UploadDir(t.Context(), filepath.Join(dir, "a"), "", cosapi.UploadDirOptions{})
	require.ErrorContains(t, err, "not a directory")
	_, err = c.UploadDir(t.Context(), filepath.Join(dir, "x"), "", cosapi.UploadDirOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestUploadDirListsFailures(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	dir := makeTree(t, map[string]string{"a": "1", "b": "2", "c/d": "3", "bad\xff": "4", "e": "5"})
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	s.Faults.Add(costest.Fault{Op: "PutObject", Key: "b", Code: "AccessDenied"})
	s.Faults.Add(costest.Fault{Op: "HeadObject", Key: "e", Status: 403})
	r, err := c.UploadDir(t.Context(), dir, "", cosapi.UploadDirOptions{})
	require.ErrorIs(t, err, cosapi.Denied)
	require.ErrorContains(t, err, `3 of 6 files failed, the first is "b"`)
	require.Equal(t, []string{"b", "bad\xff", "dangling"}, keysOf(r.Failed))
	require.ErrorIs(t, r.Failed[0].Err, cosapi.Denied)
	require.ErrorIs(t, r.Failed[1].Err, cosapi.Invalid)
	require.ErrorIs(t, r.Failed[2].Err, os.ErrNotExist)
	require.Equal(t, []string{"a", "c/d", "e"}, keysOf(r.Done), "a HEAD that fails decides nothing")

	s.Faults.Clear()
	require.NoError(t, os.Remove(filepath.Join(dir, "dangling")))
	require.NoError(t, os.Remove(filepath.Join(dir, "bad\xff")))
	r, err = c.UploadDir(t.Context(), dir, "", cosapi.UploadDirOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, keysOf(r.Done))
}

func TestUploadDirCanceled(t *testing.T) {
	c := costest.NewServer(t).Client(t)
	files := map[string]string{}
	for _, name := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		files[name] = name
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := c.UploadDir(ctx, makeTree(t, files), "", cosapi.UploadDirOptions{
		Workers: 1, OnFile: func(f cosapi.FileResult) {
			if f.Key == "c" {
				cancel()
			}
		}})
	require.ErrorIs(t, err, cosapi.Canceled)
	require.Equal(t, []string{"a", "b", "c"}, keysOf(r.Done))
	require.Less(t, len(r.Done)+len(r.Failed), 26)
}

// The workers are no more than asked for, and work side by side.
func TestUploadDirWorkers(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	var mu sync.Mutex
	waiting, most := 0, 0
	hold := make(chan struct{})
	s.Faults.Add(costest.Fault{Op: "PutObject", Hold: hold, OnHit: func(*cosserver.Request) {
		mu.Lock()
		defer mu.Unlock()
		waiting++
		most = max(most, waiting)
		if waiting == 3 {
			close(hold)
		}
		if waiting >= 3 {
			waiting = -100
		}
	}})
	dir := makeTree(t, map[string]string{"a": "1", "b": "2", "c": "3", "d": "4", "e": "5"})
	r, err := c.UploadDir(t.Context(), dir, "", cosapi.UploadDirOptions{Workers: 3})
	require.NoError(t, err)
	require.Len(t, r.Done, 5)
	require.Equal(t, 3, most)
}

func TestDownloadDir(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	big := randomBytes(t, 41, 3*mib)
	for key, body := range map[string]string{"p/": "", "p/a": "aa", "p/sub/": "", "p/sub/b c": "bb", "p/empty/": "", "p/深/d": "", "px": "no"} {
		put(t, c, key, []byte(body))
	}
	put(t, c, "p/big", big)
	dir := filepath.Join(t.TempDir(), "made", "here")
	p := &progress{t: t}
	o := cosapi.DownloadDirOptions{}
	o.PartSize, o.Progress = mib, p.report
	r, err := c.DownloadDir(t.Context(), "p", dir, o)
	require.NoError(t, err)
	require.Equal(t, []string{"p/a", "p/big", "p/empty/", "p/sub/", "p/sub/b c", "p/深/d"}, keysOf(r.Done))
	require.Equal(t, []string{"a", "big", "empty", "sub", "深"}, names(t, dir))
	require.Equal(t, cosapi.CRC64(big), fileCRC(t, filepath.Join(dir, "big")))
	require.DirExists(t, filepath.Join(dir, "empty"))
	require.Equal(t, []int64{3*mib + 4, 3*mib + 4}, []int64{p.consumed, p.total})

	o.Progress = nil
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a"), []byte("XX"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mine"), []byte("stays"), 0o600))
	s.ResetCounts()
	r, err = c.DownloadDir(t.Context(), "p/", dir, o)
	require.NoError(t, err)
	require.Equal(t, []string{"p/a", "p/empty/", "p/sub/"}, keysOf(r.Done))
	require.Equal(t, map[string]string{"p/big": "equal", "p/sub/b c": "equal", "p/深/d": "equal"}, reasonsOf(r.Skipped))
	require.EqualValues(t, 1, s.Counts()["GetObject"])
	require.Equal(t, cosapi.CRC64([]byte("aa")), fileCRC(t, filepath.Join(dir, "a")))
	require.FileExists(t, filepath.Join(dir, "mine"))

	o.Overwrite = true
	r, err = c.DownloadDir(t.Context(), "p/", dir, o)
	require.NoError(t, err)
	require.Len(t, r.Done, 6)
}

// Keys that are no file names fail one by one, and never leave the directory.
func TestDownloadDirListsFailures(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	for _, key := range []string{"ok", "../out", "a/../../out", "a//b", "a/./b", "n\x00l", "full/", "locked"} {
		put(t, c, key, []byte("x"))
	}
	put(t, c, "clash", []byte("x"))
	put(t, c, "clash/below", []byte("x"))
	s.Faults.Add(costest.Fault{Op: "GetObject", Key: "locked", Code: "AccessDenied"})
	outer := t.TempDir()
	r, err := c.DownloadDir(t.Context(), "", filepath.Join(outer, "in"), cosapi.DownloadDirOptions{Workers: 1})
	require.Error(t, err)
	require.Equal(t, []string{"clash", "ok"}, keysOf(r.Done))
	require.Equal(t, []string{"../out", "a/../../out", "a/./b", "a//b", "clash/below", "full/", "locked", "n\x00l"}, keysOf(r.Failed))
	for _, f := range r.Failed {
		var e *cosapi.Error
		require.ErrorAs(t, f.Err, &e, f.Key)
		require.Equal(t, f.Key, e.Key)
	}
	require.Equal(t, []string{"in"}, names(t, outer))
	require.Equal(t, []string{"clash", "ok"}, names(t, filepath.Join(outer, "in")))
}

func TestDownloadDirRefuses(t *testing.T) {
	s := costest.NewServer(t)
	c := s.Client(t)
	file := filepath.Join(makeTree(t, map[string]string{"f": ""}), "f")
	_, err := c.DownloadDir(t.Context(), "", file, cosapi.DownloadDirOptions{})
	require.ErrorIs(t, err, syscall.ENOTDIR)
	s.Faults.Add(costest.Fault{Op: "ListObjects", Code: "AccessDenied"})
	r, err := c.DownloadDir(t.Context(), "", t.TempDir(), cosapi.DownloadDirOptions{})
	require.ErrorIs(t, err, cosapi.Denied)
	require.ErrorContains(t, err, "ended early, after 0 files")
	require.Equal(t, cosapi.DirResult{Partial: true}, r)
}

// What was uploaded comes back as it was.
func TestDirRoundTrip(t *testing.T) {
	c := costest.NewServer(t).Client(t)
	files := map[string]string{"a": "1", "b/c": string(randomBytes(t, 42, 100_000)), "b/d/e": "", "b/空 白": "x"}
	dir, back := makeTree(t, files), t.TempDir()
	_, err := c.UploadDir(t.Context(), dir, "x", cosapi.UploadDirOptions{})
	require.NoError(t, err)
	r, err := c.DownloadDir(t.Context(), "x", back, cosapi.DownloadDirOptions{})
	require.NoError(t, err)
	require.Len(t, r.Done, len(files))
	for name, content := range files {
		got, err := os.ReadFile(filepath.Join(back, name))
		require.NoError(t, err)
		require.True(t, content == string(got), name)
	}
}
