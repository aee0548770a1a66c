package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cosfs/cosapi/costest"
)

// shell runs command lines against a test server, as a user would type them.
type shell struct {
	*costest.Server
	t     *testing.T
	env   []string
	dir   string // of files
	stdin io.Reader
}

func newShell(t *testing.T, options ...costest.Option) *shell {
	t.Helper()
	s := costest.NewServer(t, options...)
	return &shell{Server: s, t: t, dir: t.TempDir(), stdin: strings.NewReader(""), env: []string{
		"COS_SECRET_ID=" + s.Credentials.SecretID, "COS_SECRET_KEY=" + s.Credentials.SecretKey, "COS_ENDPOINT=" + s.URL,
	}}
}

// run is one command. B stands for the server's bucket and D for the
// directory of files.
func (s *shell) run(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	full := []string{}
	for _, a := range args {
		if a == "B" || strings.HasPrefix(a, "B:/") {
			a = s.Bucket + a[1:]
		}
		full = append(full, strings.Replace(a, "D/", s.dir+"/", 1))
	}
	var out, errs bytes.Buffer
	p := &program{args: full, env: s.env, stdin: s.stdin, stdout: &out, stderr: &errs}
	root := newRoot(p)
	root.SetArgs(full)
	code = report(&errs, root.ExecuteContext(s.t.Context()))
	require.NotContains(s.t, out.String()+errs.String(), s.Credentials.SecretKey)
	return code, out.String(), errs.String()
}

// ok is a command that succeeds without a word on stderr.
func (s *shell) ok(args ...string) string {
	s.t.Helper()
	code, stdout, stderr := s.run(args...)
	require.Zero(s.t, code, "%v: %s", args, stderr)
	require.Empty(s.t, stderr, "%v", args)
	return stdout
}

// fails is a command that fails with a code and a sentence.
func (s *shell) fails(code int, sentence string, args ...string) {
	s.t.Helper()
	got, stdout, stderr := s.run(args...)
	require.Equal(s.t, code, got, "%v: %s%s", args, stdout, stderr)
	require.Contains(s.t, stderr, sentence, "%v", args)
	require.True(s.t, strings.HasPrefix(stderr, "cosfs: ") || code == exitPartly, stderr)
}

// json is what a command prints with --json, decoded.
func (s *shell) json(args ...string) map[string]any {
	s.t.Helper()
	var v map[string]any
	require.NoError(s.t, json.Unmarshal([]byte(s.ok(append(args, "--json")...)), &v), "%v", args)
	return v
}

// lines is what a list prints with --json, decoded line by line.
func (s *shell) lines(args ...string) []map[string]any {
	s.t.Helper()
	var all []map[string]any
	for line := range strings.Lines(s.ok(append(args, "--json")...)) {
		var v map[string]any
		require.NoError(s.t, json.Unmarshal([]byte(line), &v), "%v: %s", args, line)
		all = append(all, v)
	}
	return all
}

// file makes a file below D/.
func (s *shell) file(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(s.t, os.WriteFile(path, []byte(content), 0o644))
	return path
}

// put stores an object by the client.
func (s *shell) object(key, content string) {
	s.t.Helper()
	s.stdin = strings.NewReader(content)
	s.ok("object", "put", "-", "B:/"+key)
}

// TestCallMistakes: what is wrong on a command line is refused before
// anything is sent, with exit code 2.
func TestCallMistakes(t *testing.T) {
	s := newShell(t)
	s.file("text", "x")
	before := s.Counts()
	for _, tc := range []struct {
		want string
		args []string
	}{
		{`"ls" is not a command of cosfs bucket`, []string{"bucket", "ls"}},
		{"names no object", []string{"object", "head", "B"}},
		{"names no object", []string{"object", "get", "B:/"}},
		{"does not name a bucket", []string{"object", "ls", "photos"}},
		{"cannot be a key", []string{"object", "head", "B:/a/../.."}},
		{"arguments given", []string{"object", "put", "D/text"}},
		{"arguments given", []string{"object", "rm"}},
		{"unknown flag", []string{"object", "ls", "B", "--colour"}},
		{"not between 1MiB and 5GiB", []string{"object", "upload", "D/text", "B", "--part-size", "1k"}},
		{"between 1 and 1024", []string{"object", "download", "B:/a", "--parallel", "0"}},
		{"is a directory: add -r", []string{"object", "upload", "D/", "B"}},
		{"is not a directory", []string{"object", "upload", "-r", "D/text", "B"}},
		{"stdin has no name", []string{"object", "put", "-", "B:/dir/"}},
		{"is not name=value", []string{"object", "put", "D/text", "B:/a", "--meta", "x"}},
		{"is not key=value", []string{"object", "put", "D/text", "B:/a", "--tag", "x"}},
		{"not of the form", []string{"object", "put", "D/text", "B:/a", "--header", "x"}},
		{"would show a key", []string{"object", "put", "D/text", "B:/a", "--header", "Authorization: q-sign"}},
		{"neither 32 bytes", []string{"object", "put", "D/text", "B:/a", "--customer-key-file", "D/text"}},
		{"--customer-key-file", []string{"object", "head", "B:/a", "--customer-key-file", "D/none"}},
		{"is not a time", []string{"object", "head", "B:/a", "--if-modified-since", "yesterday"}},
		{"add --yes", []string{"object", "rm", "-r", "B:/a"}},
		{"one bucket or prefix at a time", []string{"object", "rm", "-r", "--yes", "B:/a", "B:/b"}},
		{"leave -r out", []string{"object", "rm", "-r", "--yes", "--version-id", "v", "B:/a"}},
		{"goes with -r", []string{"object", "rm", "--all-versions", "B:/a"}},
		{"of another bucket", []string{"object", "rm", "B:/a", "other-1250000000:/a"}},
		{"cannot be a key", []string{"object", "rm", "B"}},
		{"neither copy nor replaced", []string{"object", "cp", "B:/a", "B:/b", "--metadata-directive", "x"}},
		{"add --metadata-directive replaced", []string{"object", "cp", "B:/a", "B:/b", "--content-type", "text/plain"}},
		{"--part-size", []string{"object", "cp", "B:/a", "B:/b", "--part-size", "1k"}},
		{`--method "brew" is not one of`, []string{"object", "presign", "B:/a", "-X", "brew"}},
		{"less than a second", []string{"object", "presign", "B:/a", "--expires", "1ms"}},
		{"has no name", []string{"object", "sign", "B:/a", "--query", "=x"}},
		{"lives 1 day at least", []string{"object", "restore", "B:/a", "--days", "0"}},
		{"exactly one of them", []string{"object", "acl", "put", "B:/a"}},
		{"exactly one of them", []string{"bucket", "acl", "put", "B", "D/text", "--acl", "private"}},
		{"exactly one of them", []string{"object", "tagging", "put", "B:/a"}},
		{"neither Enabled nor Suspended", []string{"bucket", "versioning", "put", "B", "on"}},
		{"not the JSON", []string{"bucket", "cors", "put", "B", "D/text"}},
		{"the document cannot be read", []string{"bucket", "cors", "put", "B", "D/none"}},
		{"is empty", []string{"bucket", "lifecycle", "put", "B", "-"}},
		{"the policy is not JSON", []string{"bucket", "policy", "put", "B", "D/text"}},
		{"either one upload is named", []string{"bucket", "uploads", "abort", "B:/a"}},
		{"add --yes", []string{"bucket", "uploads", "abort", "--all", "B"}},
		{"is not a number of rows", []string{"object", "ls", "B", "--max", "-1"}},
		{"is not a number of rows", []string{"bucket", "versions", "B", "--max", "-1"}},
		{"leave --passwd-file out", []string{"object", "ls", "B", "--anonymous", "--passwd-file", "x"}},
		{"--log-level", []string{"object", "ls", "B", "--log-level", "loud"}},
	} {
		s.fails(exitUsage, tc.want, tc.args...)
	}
	require.Equal(t, before, s.Counts(), "a mistake is found before anything is sent")
}

func TestCallWithoutPlace(t *testing.T) {
	code, _, stderr := inProcess(t, []string{"COS_SECRET_ID=i", "COS_SECRET_KEY=k"}, "object", "ls", "b-1250000000")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "needs its region")
	code, _, stderr = inProcess(t, []string{"COS_REGION=ap-guangzhou", "COS_SECRET_ID=i"}, "bucket", "list")
	require.Equal(t, exitDenied, code)
	require.Contains(t, stderr, "COS_SECRET_KEY is not")
}

// TestCallFailures: one error of each class, its exit code and its sentence.
func TestCallFailures(t *testing.T) {
	s := newShell(t)
	s.object("there", "x")
	text := s.file("text", "y")
	for _, tc := range []struct {
		code int
		want string
		args []string
	}{
		{exitNotFound, "test-1250000000:/none does not exist", []string{"object", "head", "B:/none"}},
		{exitNotFound, "does not exist", []string{"object", "get", "B:/none"}},
		{exitNotFound, "does not exist", []string{"object", "download", "B:/none", "D/x"}},
		{exitNotFound, "does not exist", []string{"object", "cp", "B:/none", "B:/x"}},
		{exitNotFound, "the bucket none-1250000000 does not exist", []string{"object", "ls", "none-1250000000"}},
		{exitNotFound, "has none set", []string{"bucket", "cors", "get", "B"}},
		{exitNotFound, "has no such upload", []string{"bucket", "uploads", "abort", "B:/a", "0123456789abcdef"}},
		{exitConflict, "exists already", []string{"object", "put", text, "B:/there", "--forbid-overwrite"}},
		{exitConflict, "exists already", []string{"bucket", "create", "B"}},
		{exitConflict, "is not empty", []string{"bucket", "delete", "B"}},
		{exitConflict, "is not the version", []string{"object", "head", "B:/there", "--if-match", "0123"}},
		{exitConflict, "is not the version", []string{"object", "append", text, "B:/new", "--position", "7"}},
		{exitUsage, "InvalidRange", []string{"object", "get", "B:/there", "--offset", "9"}},
		{exitUsage, "copy onto itself", []string{"object", "cp", "B:/there", "B:/there"}},
		{exitUsage, "ObjectNotAppendable", []string{"object", "append", text, "B:/there"}},
		{exitDenied, "leave --anonymous out", []string{"object", "head", "B:/there", "--anonymous"}},
		{exitFailed, "check the path", []string{"object", "put", "D/none", "B:/x"}},
	} {
		s.fails(tc.code, tc.want, tc.args...)
	}
	s.env[1] = "COS_SECRET_KEY=wrong"
	s.fails(exitDenied, "does not belong to its secret id", "object", "get", "B:/there")
	s.env[2] = "COS_ENDPOINT=http://127.0.0.1:1"
	s.fails(exitUnreachable, "cannot be reached", "object", "ls", "B")
}

func TestInterruptedCall(t *testing.T) {
	s := newShell(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, _, stderr := inProcessContext(ctx, s.env, "object", "ls", s.Bucket)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "interrupted")
}

// Completion is cobra's; what is ours are the values and the silence about
// names that would cost requests.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		code, stdout, _ := inProcess(t, nil, "completion", shell)
		require.Zero(t, code)
		require.Contains(t, stdout, "cosfs")
	}
	complete := func(args ...string) string {
		code, stdout, _ := inProcess(t, nil, append([]string{"__complete"}, args...)...)
		require.Zero(t, code)
		return stdout
	}
	require.Contains(t, complete("object", "pre"), "presign")
	require.Contains(t, complete("object", "restore", "--tier", ""), "Expedited")
	require.Contains(t, complete("object", "ls", ""), ":4\n", "no file names for a bucket")
	require.Contains(t, complete("object", "put", ""), ":0\n", "file names for a file")
}

func TestCallHelp(t *testing.T) {
	for _, cmd := range []string{"bucket", "object"} {
		code, stdout, _ := inProcess(t, nil, cmd)
		require.Zero(t, code)
		require.Contains(t, stdout, callExitCodesHelp)
		require.Contains(t, stdout, "--json")
	}
}
