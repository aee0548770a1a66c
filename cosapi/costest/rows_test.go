package costest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every row of the seeds' operations, parameters, results and exceptions has a
// client part, a server part, or both: testdata/rows.tsv. A test says which it
// exercises in its comment,
//
//	//rows:client B1 B10-B14
//	//rows:server B1
//
// where server means requests that no client wrote. A test that can be skipped
// exercises nothing.

// tagged are the directories whose tests count.
var tagged = []string{"..", "../cosserver", ".", "../../integration"}

// part is one half of a row.
type part struct{ row, side string }

func (p part) String() string { return p.side + " part of " + p.row }

func TestEveryRowHasATest(t *testing.T) {
	names, wanted := readRows(t)
	tests := map[part][]string{}
	for _, dir := range tagged {
		for test, parts := range readTags(t, dir) {
			for _, p := range parts {
				require.Contains(t, names, p.row, "%s names a row that does not exist", test)
				tests[p] = append(tests[p], test)
			}
		}
	}
	var missing []string
	for _, p := range wanted {
		if len(tests[p]) == 0 {
			missing = append(missing, fmt.Sprintf("the %s (%s)", p, names[p.row]))
		}
	}
	require.Empty(t, missing, "%d of %d parts have no test", len(missing), len(wanted))
}

// readRows gives the names of the rows, and the parts that need a test.
func readRows(t *testing.T) (names map[string]string, wanted []part) {
	t.Helper()
	raw, err := os.ReadFile("testdata/rows.tsv")
	require.NoError(t, err)
	names = map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSpace(line), "\t")
		require.Len(t, fields, 3, line)
		require.NotContains(t, names, fields[0])
		names[fields[0]] = fields[2]
		for side := range strings.SplitSeq(fields[1], ",") {
			require.Contains(t, []string{"client", "server"}, side, line)
			wanted = append(wanted, part{fields[0], side})
		}
	}
	require.Len(t, names, 266)
	return names, wanted
}

// readTags gives the parts that the tests of a directory name.
func readTags(t *testing.T, dir string) map[string][]part {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files, dir)
	var parsed []*ast.File
	set := token.NewFileSet()
	for _, name := range files {
		f, err := parser.ParseFile(set, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		parsed = append(parsed, f)
	}
	tags, problems := collectTags(set, parsed)
	require.Empty(t, problems)
	return tags
}

// collectTags finds tags, and what is wrong with them.
func collectTags(set *token.FileSet, files []*ast.File) (tags map[string][]part, problems []string) {
	tags = map[string][]part{}
	skips := skipping(files)
	for _, f := range files {
		file := set.Position(f.Package).Filename
		attached := map[*ast.Comment]bool{}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Doc == nil {
				continue
			}
			var parts []part
			for _, c := range fn.Doc.List {
				found, err := parseTag(c.Text)
				if err != nil {
					problems = append(problems, fmt.Sprintf("%s: %s: %v", file, fn.Name.Name, err))
				}
				attached[c] = true
				parts = append(parts, found...)
			}
			if len(parts) == 0 {
				continue
			}
			if problem := whyNoTest(file, f, fn, skips); problem != "" {
				problems = append(problems, fmt.Sprintf("%s: %s %s, so that it exercises no row", file, fn.Name.Name, problem))
				continue
			}
			tags[file+" "+fn.Name.Name] = parts
		}
		for _, group := range f.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//rows:") && !attached[c] {
					problems = append(problems, file+": a tag that belongs to no function: "+c.Text)
				}
			}
		}
	}
	return tags, problems
}

var testName = regexp.MustCompile(`^Test([^a-z]|$)`)

// whyNoTest says why the function may not run in every `go test`.
func whyNoTest(file string, f *ast.File, fn *ast.FuncDecl, skips map[string]bool) string {
	switch {
	case !strings.HasSuffix(file, "_test.go"):
		return "is not in a test file"
	case fn.Recv != nil || !testName.MatchString(fn.Name.Name) || fn.Name.Name == "TestMain":
		return "is no test"
	case hasBuildTag(f):
		return "is built only under a condition"
	case skips[fn.Name.Name]:
		return "can be skipped"
	}
	return ""
}

func hasBuildTag(f *ast.File) bool {
	return slices.ContainsFunc(f.Comments, func(g *ast.CommentGroup) bool {
		return g.Pos() < f.Package && slices.ContainsFunc(g.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:build") })
	})
}

// skipping are the functions of a package that skip a test, themselves or
// through others. Names alone decide: too many is safe.
func skipping(files []*ast.File) map[string]bool {
	calls := map[string]map[string]bool{}
	for _, f := range files {
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			if calls[fn.Name.Name] == nil {
				calls[fn.Name.Name] = map[string]bool{}
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					calls[fn.Name.Name][called(call)] = true
				}
				return true
			})
		}
	}
	// costest.Endpoint skips the tests of packages that are parsed without it.
	skips := map[string]bool{"Skip": true, "Skipf": true, "SkipNow": true, "Endpoint": true, "Short": true}
	for grown := true; grown; {
		grown = false
		for name, inside := range calls {
			if !skips[name] && slices.ContainsFunc(slices.Collect(maps.Keys(inside)), func(c string) bool { return skips[c] }) {
				skips[name], grown = true, true
			}
		}
	}
	return skips
}

func called(call *ast.CallExpr) string {
	switch fn := call.Fun.(type) {
	case *ast.Ident:
		return fn.Name
	case *ast.SelectorExpr:
		return fn.Sel.Name
	}
	return ""
}

// parseTag reads a comment line; nothing if it is no tag.
func parseTag(line string) ([]part, error) {
	text, ok := strings.CutPrefix(line, "//rows:")
	if !ok {
		return nil, nil
	}
	fields := strings.Fields(text)
	if len(fields) < 2 || fields[0] != "client" && fields[0] != "server" {
		return nil, fmt.Errorf("%s: want //rows:client or //rows:server and rows", line)
	}
	var parts []part
	for _, item := range fields[1:] {
		rows, err := expand(item)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		for _, row := range rows {
			parts = append(parts, part{row, fields[0]})
		}
	}
	return parts, nil
}

// expand gives the rows of B1 or B1-B3.
func expand(item string) ([]string, error) {
	m := regexp.MustCompile(`^([A-Z])(\d+)(?:-([A-Z])(\d+))?$`).FindStringSubmatch(item)
	if m == nil || m[3] != "" && m[1] != m[3] {
		return nil, fmt.Errorf("%q is no row and no range of rows", item)
	}
	from, _ := strconv.Atoi(m[2])
	to := from
	if m[4] != "" {
		to, _ = strconv.Atoi(m[4])
	}
	var rows []string
	for n := from; n <= to; n++ {
		rows = append(rows, m[1]+strconv.Itoa(n))
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("the range %q is empty", item)
	}
	return rows, nil
}

// TestTagsCannotFool gives the checklist what must not count.
func TestTagsCannotFool(t *testing.T) {
	const head = "package p\n\nimport \"testing\"\n\n"
	collect := func(name, source string) (map[string][]part, []string) {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err, source)
		return collectTags(set, []*ast.File{f})
	}
	tags, problems := collect("a_test.go", head+"// TestA is one.\n//\n//rows:client B1-B3 O1\n//rows:server X9\nfunc TestA(t *testing.T) { t.Fail() }\n")
	require.Empty(t, problems)
	require.Equal(t, []part{{"B1", "client"}, {"B2", "client"}, {"B3", "client"}, {"O1", "client"}, {"X9", "server"}}, tags["a_test.go TestA"])

	for what, source := range map[string]string{
		"can be skipped":                  head + "//rows:client B1\nfunc TestA(t *testing.T) { t.Run(\"x\", func(t *testing.T) { if true { t.Skip(\"no\") } }) }\n",
		"through a helper can be skipped": head + "//rows:client B1\nfunc TestA(t *testing.T) { need(t) }\nfunc need(t *testing.T) { deeper(t) }\nfunc deeper(t *testing.T) { t.SkipNow() }\n",
		"is no test":                      head + "//rows:client B1\nfunc Testa(t *testing.T) {}\n",
		"is built only":                   "//go:build never\n\n" + head + "//rows:client B1\nfunc TestA(t *testing.T) {}\n",
		"belongs to no function":          head + "//rows:client B1\n\nfunc TestA(t *testing.T) {}\n",
		"is no row":                       head + "//rows:client B1,B2\nfunc TestA(t *testing.T) {}\n",
		"want //rows":                     head + "//rows:both B1\nfunc TestA(t *testing.T) {}\n",
		"is empty":                        head + "//rows:client B3-B1\nfunc TestA(t *testing.T) {}\n",
	} {
		tags, problems := collect("a_test.go", source)
		require.Len(t, problems, 1, what)
		require.Contains(t, problems[0], strings.ReplaceAll(what, "through a helper ", ""))
		require.Empty(t, tags)
	}
	_, problems = collect("a.go", head+"//rows:client B1\nfunc TestA(t *testing.T) {}\n")
	require.Len(t, problems, 1)
}
