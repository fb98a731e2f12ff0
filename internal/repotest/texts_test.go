package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// readsOrWritesText lists the functions that are allowed to parse or format a ref or a list of versions, each with the
// reason.
var readsOrWritesText = map[string]string{
	"internal/registry/ref.go ParseRef":               "reads refs",
	"internal/registry/ref.go String":                 "writes refs",
	"internal/login/sigv4.go canonicalHeaders":        "joins the values of a header",
	"internal/registry/versions.go UnmarshalText":     "reads versions",
	"internal/registry/names.go CheckAlias":           "checks what users write",
	"internal/policy/gates/baseline.go ParseBaseline": "reads what users write",
	"internal/policy/thresholds.go thresholdBaseline": "reads what users write",
	"internal/report/links.go modelURI":               "writes models:/NAME@ALIAS",
	"internal/sarif/sarif.go locationURI":             "writes models:/NAME@ALIAS",
	"internal/report/gates.go observed":               "reads another text",
	"internal/inputs/channels.go parseDispatch":       "reads WORKFLOW@REF",
	"internal/inputs/reader.go list":                  "reads lists that users write",
	"internal/inputs/assign.go readAssignments":       "reads what users write",
	"internal/mlflow/crawl/live.go askTogether":       "writes a filter",
	"internal/policy/tree/yaml.go Canonical":          "writes YAML",
	"internal/github/client.go hasNext":               "reads a header",
	"internal/rescue/rescue.go Error":                 "writes a list of overrides",
}

// Refs and lists of versions are text only where they are read or written. Everywhere else, functions must use
// registry.Ref or registry.Versions instead of parsing or formatting strings.
func TestTexts_OfRefsAndVersions(t *testing.T) {
	used := map[string]bool{}
	err := filepath.WalkDir("../../internal", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasSuffix(path, "test"), d.IsDir() && d.Name() == "testdata":
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !handlesText(f) {
				continue
			}
			name := strings.TrimPrefix(filepath.ToSlash(path), "../../") + " " + f.Name.Name
			if used[name] = true; readsOrWritesText[name] == "" {
				t.Errorf("%s: take the text apart with registry.ParseRef or registry.ParseState", name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range readsOrWritesText {
		if !used[name] {
			t.Errorf("%s is listed and handles no such text", name)
		}
	}
}

// handlesText reports whether a function passes a ref's prefix or a comma to a function in package strings, or joins a
// prefix and a string.
func handlesText(f *ast.FuncDecl) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			called, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				break
			}
			from, ok := called.X.(*ast.Ident)
			found = found || ok && from.Name == "strings" && slices.ContainsFunc(n.Args, func(arg ast.Expr) bool {
				return isText(arg, "@", "tag ", "{new}", ",")
			})
		case *ast.BinaryExpr:
			found = found || n.Op == token.ADD && (isText(n.X, "@", "tag ") || isText(n.Y, "@", "tag "))
		}
		return true
	})
	return found
}

// isText reports whether an expression is one of the literals in texts, or the constant for a prefix.
func isText(e ast.Expr, texts ...string) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "aliasPrefix" || e.Name == "tagTextPrefix"
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return err == nil && e.Kind == token.STRING && slices.Contains(texts, text)
	}
	return false
}
