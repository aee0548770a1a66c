package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi"
)

// What somebody tries who has read nothing is answered with what helps.
func TestNewcomerIsHelped(t *testing.T) {
	s := newShell(t)
	s.fails(exitConflict, "it is this account's, and can be used", "bucket", "create", "B")
	s.fails(exitUsage, "follows after \":/\"", "object", "ls", s.Bucket+"/a.txt")
	s.fails(exitUsage, "--acl public-read", "bucket", "acl", "put", "B", "public-read")
	s.fails(exitUsage, "--tag key=value", "bucket", "tagging", "put", "B", "a=b")
	s.ok("bucket", "versioning", "put", "B", "enabled")
	require.Equal(t, "Enabled\n", s.ok("bucket", "versioning", "get", "B"))
	require.Contains(t, s.ok("--version"), version())
}

// The refusal of rm -r says what would go, which is not all that begins alike.
func TestRmRefusalNamesTheTree(t *testing.T) {
	s := newShell(t)
	s.fails(exitUsage, "removes every object of the bucket "+s.Bucket+":", "object", "rm", "-r", "B")
	s.fails(exitUsage, "removes every object below "+s.Bucket+":/d/:", "object", "rm", "-r", "B:/d/")
	s.fails(exitUsage, "removes the object "+s.Bucket+":/d and every object below it as a directory:", "object", "rm", "-r", "B:/d")
}

// Keys that no file can have are named, leave nothing outside, and what is
// too long for a file name leaves nothing beside either.
func TestDownloadOfHostileKeys(t *testing.T) {
	s := newShell(t)
	long := strings.Repeat("n", 300)
	for _, key := range []string{"h/../../evil", "h//a", "h/.", "h/" + long, "h/good"} {
		_, err := s.Client(t).Put(t.Context(), key, strings.NewReader("x"), cosapi.PutOptions{})
		require.NoError(t, err)
	}
	code, _, stderr := s.run("object", "download", "-r", "B:/h", "D/in/out")
	require.Equal(t, exitPartly, code, stderr)
	require.Contains(t, stderr, "cosfs: h/../../evil: ")
	require.Contains(t, stderr, "to a file of another name")
	require.Contains(t, stderr, "file name too long")
	require.Contains(t, stderr, "4 of 5 files failed")
	require.Equal(t, []string{"in", "in/out", "in/out/good"}, filesBelow(t, s.dir))
}

// A listing that ended early is told although files failed as well: otherwise
// "1 of 1 files failed" would be all that is heard of the rest.
func TestTransferThatEndedEarlySaysSo(t *testing.T) {
	var out, errs bytes.Buffer
	r := &remote{p: &program{stdout: &out, stderr: &errs}, printer: &printer{out: &out}}
	one := []cosapi.FileResult{{Key: "k", Path: "p", Err: &cosapi.Error{Op: "GetObject", Key: "k", Kind: cosapi.Denied}}}
	early := &cosapi.Error{Op: "DownloadDir", Kind: cosapi.Unavailable, Message: "ended early"}
	require.Equal(t, error(early), r.showTransfer("download", cosapi.DirResult{Failed: one, Partial: true}, early))
	require.ErrorContains(t, r.showTransfer("download", cosapi.DirResult{Failed: one}, early), "1 of 1 files failed")
	require.Contains(t, errs.String(), "cosfs: p: ")
}

func filesBelow(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); rel != "." {
			names = append(names, rel)
		}
		return err
	}))
	return names
}
