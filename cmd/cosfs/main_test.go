package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// asProgram makes the test binary behave as cosfs, so that tests start real
// processes, and the daemons that those start are cosfs too.
const asProgram = "COSFS_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// inProcess runs a command line without a new process.
func inProcess(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return inProcessContext(t.Context(), env, args...)
}

func inProcessContext(ctx context.Context, env []string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, append([]string{"cosfs"}, args...), env, &out, &errs)
	return code, out.String(), errs.String()
}

// command is a process that runs the program with a home of its own.
func command(t *testing.T, home string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Env = []string{
		asProgram + "=1", "HOME=" + home, "PATH=" + os.Getenv("PATH"),
		"GORACE=atexit_sleep_ms=0", // with -race every process would end a second later
	}
	return cmd
}

// output runs a command to its end.
func output(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	// Files and not pipes: a daemon that kept one open would be found by its
	// lines there, not by a test that waits for ever.
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "out"))
	require.NoError(t, err)
	defer out.Close()
	errs, err := os.Create(filepath.Join(dir, "err"))
	require.NoError(t, err)
	defer errs.Close()
	cmd.Stdout, cmd.Stderr = out, errs
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	return cmd.ProcessState.ExitCode(), read(t, out.Name()), read(t, errs.Name())
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestVersion(t *testing.T) {
	code, stdout, stderr := inProcess(t, nil, "version")
	require.Zero(t, code)
	require.Empty(t, stderr)
	require.Regexp(t, `^cosfs \S+ \(go1\.\S+ linux/\w+\)\n$`, stdout)
}

func TestUsageErrors(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"mout", "a"}, `"mout" is not a command`},
		{[]string{"version", "now"}, "1 arguments given, 0 expected"},
		{[]string{"mount", "--no-such-flag"}, "unknown flag: --no-such-flag"},
		{[]string{"mount", "--cache-size", "many", "b-1", dir}, `"many" is not a size`},
		{[]string{"mount", "b-1"}, "1 arguments given, 2 expected"},
		{[]string{"mount", "--local", dir, "b-1", dir}, "2 arguments given, 1 expected"},
		{[]string{"mount", "nobucket", dir, "--region", "r"}, `"nobucket" does not name a bucket`},
		{[]string{"mount", "b-1250000000", dir}, "needs its region"},
		{[]string{"mount", "--local", dir, dir + "/m", "--region", "r"}, "--local has its own endpoint"},
		{[]string{"mount", "b-1250000000", dir, "--region", "r", "-o", "colour=red"}, `option "colour" is unknown`},
		{[]string{"mount", "b-1250000000", dir, "--region", "r", "-o", "accessKeyId=AKID"}, "would show the key"},
		{[]string{"mount", "b-1250000000", dir, "--region", "r", "--parallel", "0"}, "--parallel 0"},
		{[]string{"mount", "b-1250000000", dir, "--region", "r", "--part-size", "5k"}, "--part-size 5KiB"},
		{[]string{"mount", "b-1250000000", dir, "--region", "r", "--acl", "world"}, `--acl "world" is not one of`},
		{[]string{"mount", "b-1250000000", dir, "--region", "r", "--storage-class", "st-1"}, `--storage-class "ST-1"`},
		{[]string{"mount", "b-1250000000", dir, "--region", "r", "--log-level", "loud"}, `--log-level "loud"`},
		{[]string{"mount", "b-1250000000", dir, "--region", "r", "--attr-ttl", "-1s"}, "cannot be negative"},
		{[]string{"mount", "b-1250000000", dir, "--region", "r", "--ready-fd", "7"}, "for cosfs itself"},
		{[]string{"mount", "b-1250000000", dir, "--region", "r", "--umask", "777"}, "leave no permission"},
		{[]string{"serve"}, "serve needs --root"},
		{[]string{"serve", "--root", dir, "--sync", "often"}, `--sync "often"`},
		{[]string{"serve", "--root", dir, "--log-level", "loud"}, `--log-level "loud"`},
	} {
		code, stdout, stderr := inProcess(t, nil, tc.args...)
		require.Equal(t, exitUsage, code, "%v: %s", tc.args, stderr)
		require.Contains(t, stderr, tc.want)
		require.Empty(t, stdout)
	}
}

func TestHelpNamesEveryExitCodeAndFlag(t *testing.T) {
	code, stdout, _ := inProcess(t, nil, "mount", "--help")
	require.Zero(t, code)
	require.Contains(t, stdout, exitCodesHelp)
	for _, flag := range []string{"--endpoint", "--local", "--cache-dir", "--passwd-file", "--attr-ttl", "--options"} {
		require.Contains(t, stdout, flag)
	}
	require.NotContains(t, stdout, "ready-fd")
	code, stdout, _ = inProcess(t, nil)
	require.Zero(t, code, "no command at all is a question, not a mistake")
	require.Contains(t, stdout, "umount")
}

func TestOldLine(t *testing.T) {
	for _, tc := range []struct{ in, want []string }{
		{[]string{"b-1250000000", "/mnt", "-o", "ro"}, []string{"mount", "--attrs=exact", "b-1250000000", "/mnt", "-o", "ro"}},
		{[]string{"1250000000:b", "/mnt"}, []string{"mount", "--attrs=exact", "1250000000:b", "/mnt"}},
		{[]string{"b-1250000000:/dir", "/mnt"}, []string{"mount", "--attrs=exact", "b-1250000000:/dir", "/mnt"}},
		{[]string{"mount", "b-1", "/mnt"}, []string{"mount", "b-1", "/mnt"}},
		{[]string{"umount", "/mnt"}, []string{"umount", "/mnt"}},
		{[]string{"serve", "--root", "x"}, []string{"serve", "--root", "x"}},
		{[]string{"--help", "x"}, []string{"--help", "x"}},
		{nil, nil},
	} {
		require.Equal(t, tc.want, oldLine(tc.in))
	}
}
