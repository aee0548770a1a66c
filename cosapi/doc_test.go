package cosapi

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// packageDoc is what pkg.go.dev would show.
func packageDoc(t *testing.T) *doc.Package {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(set, files, "cosfs/cosapi")
	require.NoError(t, err)
	return p
}

func TestEveryPublicNameIsExplained(t *testing.T) {
	p := packageDoc(t)
	comments := map[string]string{"the package": p.Doc}
	functions := func(prefix string, list []*doc.Func) {
		for _, f := range list {
			comments[prefix+f.Name] = f.Doc
		}
	}
	functions("", p.Funcs)
	values := append(append([]*doc.Value{}, p.Consts...), p.Vars...)
	for _, typ := range p.Types {
		comments[typ.Name] = typ.Doc
		functions("", typ.Funcs)
		functions(typ.Name+".", typ.Methods)
		values = append(append(values, typ.Consts...), typ.Vars...)
	}
	for _, v := range values {
		for _, name := range v.Names {
			comments[name] = v.Doc
		}
	}
	require.Greater(t, len(comments), 150)
	for name, comment := range comments {
		require.NotEmpty(t, strings.TrimSpace(comment), "%s has no doc comment", name)
		first, _, _ := strings.Cut(comment, " ")
		if _, method, ok := strings.Cut(name, "."); ok && ast.IsExported(method) {
			require.Equal(t, method, first, "the comment of %s begins with another name", name)
		}
	}
}

// TestSizesHaveUnits: a number of bytes, bits, seconds or days says which.
func TestSizesHaveUnits(t *testing.T) {
	units := regexp.MustCompile(`(?i)bytes?\b|bit/s|MiB|KiB|seconds|\bs;|days?\b|60 s|from 1|rows|number|position|parts?\b|at once|length|CRC|status|milliseconds|HTTP|keys`)
	for _, typ := range packageDoc(t).Types {
		for _, spec := range typ.Decl.Specs {
			fields, ok := spec.(*ast.TypeSpec).Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range fields.Fields.List {
				ident, ok := f.Type.(*ast.Ident)
				if !ok || ident.Name != "int64" && ident.Name != "uint64" {
					continue
				}
				for _, name := range f.Names {
					if name.IsExported() {
						require.Regexp(t, units, f.Doc.Text()+f.Comment.Text()+typ.Doc, "%s.%s has no unit", typ.Name, name)
					}
				}
			}
		}
	}
}

// TestSeedNamesAreFound: whoever comes from the seeds finds each of their
// functions by its name.
func TestSeedNamesAreFound(t *testing.T) {
	rows, err := os.ReadFile("costest/testdata/rows.tsv")
	require.NoError(t, err)
	var all strings.Builder
	p := packageDoc(t)
	for _, f := range p.Funcs {
		all.WriteString(f.Doc)
	}
	for _, typ := range p.Types {
		all.WriteString(typ.Doc)
		for _, f := range append(append([]*doc.Func{}, typ.Funcs...), typ.Methods...) {
			all.WriteString(f.Doc)
		}
		ast.Inspect(typ.Decl, func(n ast.Node) bool {
			if f, ok := n.(*ast.Field); ok {
				all.WriteString(f.Doc.Text() + f.Comment.Text())
			}
			return true
		})
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^\w+\t[a-z,]+\t(?:StreamBody\.)?([a-z]+(?:_[a-z0-9]+)+)[( ]`).FindAllStringSubmatch(string(rows), -1) {
		found++
		require.Regexp(t, `\b`+m[1]+`\b`, all.String(), "%s", m[1])
	}
	require.Greater(t, found, 50)
}
