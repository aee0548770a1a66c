package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The examples of SEMANTICS.md do what they say.
func TestSemantics(t *testing.T) {
	text, err := os.ReadFile("../fs/SEMANTICS.md")
	require.NoError(t, err)
	m := newBox(t).mount()
	section := ""
	examples := 0
	for i, block := range strings.Split(string(text), "```") {
		if i%2 == 0 {
			if at := strings.LastIndex(block, "\n## "); at >= 0 {
				section, _, _ = strings.Cut(block[at+4:], "\n")
			}
			continue
		}
		session, ok := strings.CutPrefix(block, "console\n")
		require.True(t, ok, "a block that is no example: %s", block)
		examples++
		t.Run(section, func(t *testing.T) {
			dir := filepath.Join(m.dir, fmt.Sprint("example", i))
			require.NoError(t, os.Mkdir(dir, 0o755))
			require.Equal(t, session, replay(t, dir, session))
		})
	}
	require.Greater(t, examples, 8)
}

// replay runs a session's commands in one shell, as a terminal would show it.
func replay(t *testing.T, dir, session string) string {
	t.Helper()
	var script strings.Builder
	for line := range strings.Lines(session) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			fmt.Fprintf(&script, "echo %s\n%s", quote("$ "+strings.TrimSpace(command)), command)
		}
	}
	cmd := exec.Command("bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
