package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
)

// A message has at least three words. The extra word goes between the first two.
var (
	message = regexp.MustCompile(`[a-z]+,? [a-z]+,? [a-z]+`)
	between = regexp.MustCompile(`[a-z],? [a-z]`)
)

// stored lists constants that look like messages but are stored in records and tags.
var stored = []string{"truncation"}

// matching matches the names of functions in package strings that search in a string.
var matching = regexp.MustCompile(`^(Contains|Count|Cut|EqualFold|Has|Index|LastIndex|Replace|Split|Trim)`)

// reworded returns the Go source with an extra word in each message, and the number of messages. Strings that the code
// searches for are left unchanged.
func reworded(path string, source []byte) ([]byte, int, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, 0, err
	}
	kept := map[*ast.BasicLit]bool{}
	var found []*ast.BasicLit
	ast.Inspect(file, func(n ast.Node) bool {
		for _, below := range sought(n) {
			ast.Inspect(below, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok {
					kept[lit] = true
				}
				return true
			})
		}
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && !kept[lit] && message.MatchString(lit.Value) {
			found = append(found, lit)
		}
		return true
	})
	for _, lit := range slices.Backward(found) {
		at := set.Position(lit.Pos()).Offset + between.FindStringIndex(lit.Value)[1] - 1
		source = slices.Concat(source[:at], []byte("other "), source[at:])
	}
	return source, len(found), nil
}

// sought returns the parts of a node that contain strings for programs rather than people.
func sought(n ast.Node) (parts []ast.Node) {
	switch n := n.(type) {
	case *ast.ImportSpec:
		return []ast.Node{n.Path}
	case *ast.Field:
		if n.Tag != nil {
			return []ast.Node{n.Tag}
		}
	case *ast.CaseClause:
		for _, e := range n.List {
			parts = append(parts, e)
		}
	case *ast.KeyValueExpr:
		return []ast.Node{n.Key}
	case *ast.IndexExpr:
		return []ast.Node{n.Index}
	case *ast.BinaryExpr:
		if n.Op == token.EQL || n.Op == token.NEQ {
			return []ast.Node{n.X, n.Y}
		}
	case *ast.ValueSpec:
		if slices.Contains(stored, n.Names[0].Name) {
			return []ast.Node{n}
		}
	case *ast.CallExpr:
		name, ok := n.Fun.(*ast.SelectorExpr)
		if !ok {
			return nil
		}
		pkg, _ := name.X.(*ast.Ident)
		if pkg != nil && (pkg.Name == "regexp" || pkg.Name == "strings" && matching.MatchString(name.Sel.Name)) {
			return []ast.Node{n}
		}
	}
	return parts
}
