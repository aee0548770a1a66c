package integration

import (
	"encoding/json"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "cosfs"

// arrows are the imports that packages of this module may make of each other
// (the picture in README.md). A package that is not here may import none.
var arrows = map[string][]string{
	"cmd/cosfs":        {"fs", "cache", "writeback", "cosapi", "cosapi/cosserver"},
	"fs":               {"cache", "writeback", "cosapi"},
	"cache":            {"cosapi"},
	"writeback":        {"cosapi"},
	"cosapi":           {},
	"cosapi/cosserver": {"cosapi"},
	"cosapi/costest":   {"cosapi", "cosapi/cosserver"},
	"scripts/objects":  {"cosapi"},

	"integration/bench": {"cosapi"},
}

// reserved are modules that only the named packages may import outside tests.
var reserved = map[string][]string{
	"github.com/hanwen/go-fuse/v2":        {"fs"},
	"github.com/spf13":                    {"cmd/cosfs"},
	"github.com/prometheus":               {"cmd/cosfs"},
	"github.com/tencentyun/cos-go-sdk-v5": {}, // an oracle, not a part
	"github.com/stretchr/testify":         {"cosapi/costest"},
	"net/http/httptest":                   {"cosapi/costest"},
	"testing":                             {"cosapi/costest"},
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Standard   bool
	Module     *struct{ Path string }
	Imports    []string
	Deps       []string
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// ours are the packages of this module among the dependencies of all of it.
func ours(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Module,Imports,Deps", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	require.NoError(t, err)
	var found []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := dec.Decode(&p)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if p.Module != nil && p.Module.Path == module {
			found = append(found, p)
		}
	}
	require.NotEmpty(t, found)
	return found
}

func TestLayeringArrows(t *testing.T) {
	for _, p := range ours(t) {
		allowed, known := arrows[p.name()]
		if p.name() == "integration" {
			require.Empty(t, p.Imports, "integration holds nothing but tests")
			continue
		}
		require.True(t, known, "package %s has no place in the picture: add it to arrows and README.md, or do without it", p.name())
		for _, imported := range p.Imports {
			if target, inside := strings.CutPrefix(imported, module+"/"); inside {
				require.Contains(t, allowed, target, "%s must not import %s", p.name(), target)
			}
		}
	}
}

func TestLayeringReservedModules(t *testing.T) {
	for _, p := range ours(t) {
		for _, imported := range p.Imports {
			for prefix, users := range reserved {
				if imported == prefix || strings.HasPrefix(imported, prefix+"/") {
					require.Contains(t, users, p.name(), "%s must not import %s", p.name(), imported)
				}
			}
		}
	}
}

// The program that users run carries no test support, not even indirectly.
func TestLayeringOfTheProgram(t *testing.T) {
	for _, p := range ours(t) {
		if p.name() != "cmd/cosfs" {
			continue
		}
		for _, dep := range p.Deps {
			require.NotContains(t, []string{module + "/cosapi/costest", "testing", "net/http/httptest"}, dep)
			require.False(t, strings.HasPrefix(dep, "github.com/tencentyun/"), dep)
			require.False(t, strings.HasPrefix(dep, "github.com/stretchr/"), dep)
		}
		return
	}
	require.Fail(t, "no cmd/cosfs")
}

// A package is named for what it does.
func TestLayeringNames(t *testing.T) {
	for _, p := range ours(t) {
		require.False(t, slices.Contains([]string{"util", "utils", "types", "common", "helpers", "misc", "internal"}, path.Base(p.ImportPath)), p.ImportPath)
	}
}
