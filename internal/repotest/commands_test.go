package repotest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// command matches a command in a message, up to the end of the line. verb matches a verb in a format string.
var (
	command = regexp.MustCompile(`(?:mlflow-promote [a-z]+|--allowed-hosts)[^\n]*`)
	verb    = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)
)

// Messages contain commands that people paste into a shell. Anyone may have chosen the names of models, aliases and
// runs, so such a command must quote each name as a single word.
func TestPastedCommands_Quoted(t *testing.T) {
	for path := range sources(t) {
		if strings.Contains(path, "test/") || !strings.HasPrefix(path, "internal/") {
			continue // test doubles and tools print no hints for users
		}
		file, err := parser.ParseFile(token.NewFileSet(), root+path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range unquoted(file) {
			t.Errorf("%s: %s; use registry.ShellWord", path, problem)
		}
	}
}

// TestUnquoted checks that unquoted finds the mistakes.
func TestUnquoted(t *testing.T) {
	for source, want := range map[string]int{
		`fmt.Sprintf("mlflow-promote doctor --model %s", m)`:                                        1,
		`fmt.Sprintf("mlflow-promote doctor --model %q", m)`:                                        1,
		`fmt.Sprintf("%s: mlflow-promote doctor --model %s", m, registry.ShellWord(m))`:             0,
		`fmt.Sprintf("mlflow-promote doctor --model %s\n    in %s", registry.ShellWord(m), m)`:      0,
		`fmt.Sprintf("mlflow-promote promote --candidate models:/%s/%d", registry.ShellWord(m), n)`: 0,
		`fmt.Sprintf("mlflow-promote promote --candidate models:/%s/%d", m, n)`:                     1,
		`"mlflow-promote doctor --model " + m + " --repair x"`:                                      1,
		`"mlflow-promote doctor --model " + registry.ShellWord(m) + " --alias " + a`:                1,
		`fmt.Sprintf("mlflow-promote alias takes %d %% of all, %s", n, registry.ShellWord(m))`:      0,
		`"run mlflow-promote history\n" + m`:                                                        0,
		`fmt.Sprintf("start with --allowed-hosts %s", host)`:                                        1,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nvar x = "+source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := unquoted(file); len(got) != want {
			t.Errorf("%s: %q, want %d problems", source, got, want)
		}
	}
}

// unquoted lists the values that are inserted into a command without quotes, whether by a format string or with +.
func unquoted(file *ast.File) (problems []string) {
	joined := map[ast.Node]bool{} // operands of a larger sum, which is checked as a whole
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			problems = append(problems, inFormat(n)...)
		case *ast.BinaryExpr:
			if n.Op == token.ADD && !joined[n] {
				problems = append(problems, inSum(terms(n, joined))...)
			}
		}
		return true
	})
	return problems
}

func inFormat(call *ast.CallExpr) (problems []string) {
	for i, arg := range call.Args {
		format, ok := literal(arg)
		if !ok {
			continue
		}
		format = strings.ReplaceAll(format, "%%", "  ")
		in := command.FindAllStringIndex(format, -1)
		for nth, at := range verb.FindAllStringIndex(format, -1) {
			for _, c := range in {
				value := i + 1 + nth
				if at[0] < c[0] || at[0] >= c[1] || value >= len(call.Args) || strings.HasSuffix(format[at[0]:at[1]], "d") {
					continue
				}
				if !isQuoted(call.Args[value]) {
					problems = append(problems, fmt.Sprintf("value %d of %q is not quoted", nth+1, format))
				}
			}
		}
	}
	return problems
}

func inSum(sum []ast.Expr) (problems []string) {
	before := ""
	for _, term := range sum {
		if text, ok := literal(term); ok {
			before += text
			continue
		}
		line := before[strings.LastIndex(before, "\n")+1:]
		if command.MatchString(line) && !isQuoted(term) {
			problems = append(problems, fmt.Sprintf("what follows %q is not quoted", line))
		}
		before += "x"
	}
	return problems
}

// terms returns the operands of a sum, from left to right.
func terms(e ast.Expr, joined map[ast.Node]bool) []ast.Expr {
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.ADD {
		joined[b] = true
		return append(terms(b.X, joined), terms(b.Y, joined)...)
	}
	return []ast.Expr{e}
}

func literal(e ast.Expr) (string, bool) {
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.ADD {
		left, isLeft := literal(b.X)
		right, isRight := literal(b.Y)
		return left + right, isLeft && isRight
	}
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// isQuoted reports whether an expression is a call to ShellWord.
func isQuoted(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name == "ShellWord"
	case *ast.SelectorExpr:
		return f.Sel.Name == "ShellWord"
	}
	return false
}
