package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// repository is the directory of README.md, seen from this package.
const repository = "../.."

// codeBlocks are the contents of README's blocks that open with exactly the
// given words.
func codeBlocks(t *testing.T, words string) []string {
	t.Helper()
	fence := regexp.MustCompile("(?ms)^```" + regexp.QuoteMeta(words) + "\n(.*?)^```$")
	var blocks []string
	for _, m := range fence.FindAllStringSubmatch(read(t, filepath.Join(repository, "README.md")), -1) {
		blocks = append(blocks, m[1])
	}
	require.NotEmpty(t, blocks, words)
	return blocks
}

// The blocks that need no account run as they stand, one after the other, in
// a home of their own.
func TestReadmeCommandsRun(t *testing.T) {
	m := newMountOf(t)
	bin := filepath.Join(m.home, "bin")
	// Root's cache is below /var, which belongs to the machine and not to a
	// test; this is the only thing that is different.
	wrapper := "#!/bin/sh\nif [ \"$1\" = mount ]; then set -- \"$@\" --cache-dir " + m.cache + "; fi\nexec " + bin + "/cosfs \"$@\"\n"
	require.NoError(t, os.Mkdir(filepath.Join(m.home, "first"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(m.home, "first", "cosfs"), []byte(wrapper), 0o755))
	script := exec.Command("bash", "-euo", "pipefail", "-c", strings.Join(codeBlocks(t, "sh run"), "\n"))
	script.Dir = repository
	script.Env = append(os.Environ(),
		"HOME="+m.home, "GOBIN="+bin, "PATH="+m.home+"/first:"+os.Getenv("PATH"),
		"GOPATH="+goEnv(t, "GOPATH"), "GOCACHE="+goEnv(t, "GOCACHE"))
	code, stdout, stderr := output(t, script)
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "SEMANTICS.md")
	require.Contains(t, stdout, `"etag":`)
	_, mounted, err := mountAt(m.dir)
	require.NoError(t, err)
	require.False(t, mounted)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// The commands that need an account are at least ones that the program takes.
func TestReadmeMountLinesAreTaken(t *testing.T) {
	found := 0
	for line := range strings.Lines(strings.Join(codeBlocks(t, "sh"), "")) {
		args := strings.Fields(line)
		if len(args) == 0 || args[0] != "cosfs" {
			continue
		}
		args = oldLine(args[1:])
		if args[0] == "mount" {
			requireTaken(t, args[1:])
			found++
		}
	}
	require.Greater(t, found, 2)
}

// So are those on buckets and objects, wherever in a line they stand: the
// command is there, and takes the flags and as many arguments.
func TestReadmeCallsAreTaken(t *testing.T) {
	calls := regexp.MustCompile(`cosfs ((?:bucket|object) [^|#)<>\n]*)`)
	found := calls.FindAllStringSubmatch(strings.Join(codeBlocks(t, "sh"), ""), -1)
	for _, m := range found {
		cmd, rest, err := newRoot(&program{}).Find(strings.Fields(m[1]))
		require.NoError(t, err, m[1])
		require.NotNil(t, cmd.RunE, m[1])
		require.NoError(t, cmd.ParseFlags(rest), m[1])
		require.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()), m[1])
	}
	require.Greater(t, len(found), 12)
}

func TestReadmeFstabLinesAreTaken(t *testing.T) {
	for line := range strings.Lines(strings.Join(codeBlocks(t, "fstab"), "")) {
		fields := strings.Fields(line)
		require.Len(t, fields, 6, line)
		require.Equal(t, fsType, fields[2])
		requireTaken(t, []string{fields[0], fields[1], "-o", fields[3]})
	}
}

func requireTaken(t *testing.T, args []string) {
	t.Helper()
	c := new(mountConfig)
	flags := pflag.NewFlagSet("mount", pflag.ContinueOnError)
	c.register(flags)
	require.NoError(t, flags.Parse(args), args)
	require.NoError(t, c.parse(flags, flags.Args()), args)
	require.Equal(t, "photos-1250000000", c.source.bucket)
	require.Contains(t, c.mountpoint, "/mnt/")
}

// The tables of README are those of the program: every flag and exit code,
// and none that is not there.
func TestReadmeTablesAreComplete(t *testing.T) {
	readme := read(t, filepath.Join(repository, "README.md"))
	c := new(mountConfig)
	flags := pflag.NewFlagSet("mount", pflag.ContinueOnError)
	c.register(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "options" {
			require.Contains(t, readme, "`--"+f.Name+"`")
		}
	})
	for _, m := range regexp.MustCompile("(?m)^\\| `--.*$").FindAllString(readme, -1) {
		for _, name := range regexp.MustCompile("`--([a-z-]+)`").FindAllStringSubmatch(m, -1) {
			require.NotNil(t, flags.Lookup(name[1]), name[1])
		}
		cells := strings.Split(m, "|")
		for _, option := range regexp.MustCompile("`([a-z_]+)=?`").FindAllStringSubmatch(cells[4], -1) {
			require.Contains(t, oldOptions, option[1])
		}
	}
	for line := range strings.Lines(exitCodesHelp) {
		if code, meaning, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			require.Contains(t, readme, "| "+code+" | "+meaning+" |")
		}
	}
}
