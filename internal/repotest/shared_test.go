package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// changers returns, for each struct type in the program, the files that change such a struct through a pointer by
// assigning to a field or to an element of a field. It leaves out files that only read the struct, create it, or change
// a copy. It also leaves out errors, because the function that creates an error completes it before other code sees it.
func changers(files []goFile) map[string][]string {
	packages := map[string][]goFile{}
	for _, f := range files {
		if f.production() {
			packages[module+f.pkg] = append(packages[module+f.pkg], f)
		}
	}
	c := &checker{packages: packages, done: map[string]*types.Package{}, found: map[string]map[string]bool{}}
	for name := range packages {
		c.Import(name)
	}
	out := map[string][]string{}
	for name, files := range c.found {
		out[name] = slices.Sorted(maps.Keys(files))
	}
	return out
}

// checker type-checks the packages in this module. All other packages are left empty, and errors about them are
// ignored.
type checker struct {
	packages map[string][]goFile
	done     map[string]*types.Package
	found    map[string]map[string]bool
}

// Import checks a package after checking the packages that it imports.
func (c *checker) Import(name string) (*types.Package, error) {
	if p, ok := c.done[name]; ok {
		return p, nil
	}
	all, set := map[string]*ast.File{}, token.NewFileSet()
	for _, f := range c.packages[name] { // parsed again, because all positions in a package must come from one file set
		file, err := parser.ParseFile(set, f.path, f.text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		all[f.path] = file
	}
	if len(all) == 0 {
		c.done[name] = types.NewPackage(name, path.Base(name))
		c.done[name].MarkComplete()
		return c.done[name], nil
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	config := types.Config{Importer: c, Error: func(error) {}, FakeImportC: true}
	p, _ := config.Check(name, set, slices.Collect(maps.Values(all)), info)
	c.done[name] = p
	for at, file := range all {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, to := range n.Lhs {
					c.changed(info, at, to)
				}
			case *ast.IncDecStmt:
				c.changed(info, at, n.X)
			}
			return true
		})
	}
	return p, nil
}

// changed records that a file assigns to an expression, provided that the expression is part of a struct behind a
// pointer.
func (c *checker) changed(info *types.Info, file string, to ast.Expr) {
	for {
		switch x := to.(type) {
		case *ast.IndexExpr:
			to = x.X
		case *ast.ParenExpr:
			to = x.X
		case *ast.SelectorExpr:
			if info.Selections[x] == nil {
				return
			}
			if pointer, ok := info.TypeOf(x.X).Underlying().(*types.Pointer); ok {
				named, ok := pointer.Elem().(*types.Named)
				if ok && named.Obj().Pkg() != nil && named.Obj().Name() != "Error" {
					name := strings.TrimPrefix(named.Obj().Pkg().Path(), module) + "." + named.Obj().Name()
					if c.found[name] == nil {
						c.found[name] = map[string]bool{}
					}
					c.found[name][file] = true
				}
				return
			}
			to = x.X
		default:
			return
		}
	}
}

func TestChangers(t *testing.T) {
	source := map[string]string{
		"internal/p/t.go": "package p\ntype T struct { A int; B map[string]int; S struct{ C int } }\nfunc (t *T) Set() { t.A = 1 }",
		"internal/p/b.go": "package p\nfunc b(t *T) { t.B[`x`]++ }",
		"internal/p/c.go": "package p\nfunc c() { t := T{}; t.A = 1; _ = t }",
		"internal/q/q.go": "package q\nimport `" + module + "internal/p`\ntype own struct { t *p.T }\nfunc q(o own) int { o.t.S.C = 2; return o.t.A }",
		"internal/q/r.go": "package q\nfunc r(o *own) int { return o.t.A }",
	}
	var files []goFile
	for name, text := range source {
		files = append(files, goFile{path: name, pkg: path.Dir(name), text: text})
	}
	got := changers(files)
	want := []string{"internal/p/b.go", "internal/p/t.go", "internal/q/q.go"}
	if !slices.Equal(got["internal/p.T"], want) || len(got) != 1 {
		t.Errorf("%v, want %v", got, want)
	}
}
