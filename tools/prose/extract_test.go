package main

import (
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

const source = `// Package p has a comment
// of two lines.
//
//	code := ignored()
//
// And a second paragraph.
package p

import "a/b c/d e/f g" // imported

//go:generate ignored by us too

type t struct {
	A int ` + "`json:\"one two three four\"`" + ` // a field
}

var (
	short = "only three words"
	long  = "one two " +
		"three four"
	mixed = "the model " + name + " was not found"
	hint  = "start the server like this:\n    mlflow server --host 0.0.0.0 --port 5000"
	query = ` + "`{\"one\": \"two three four five\"}`" + `
)
`

func TestExtract(t *testing.T) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range append(commentTexts(set, file), messageTexts(set, file)...) {
		got = append(got, x.String()+" "+x.text)
	}
	want := []string{
		"p.go:1 Package p has a comment of two lines.",
		"p.go:6 And a second paragraph.",
		"p.go:9 imported",
		"p.go:14 a field",
		"p.go:19 one two three four",
		"p.go:21 the model `x` was not found",
		"p.go:22 start the server like this:",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestMarkdown(t *testing.T) {
	page, byLine := markdown([]text{{"a.go", 7, "uses `*x*` and *y*"}, {"b.go", 2, "an odd ` sign"}})
	want := "## `a.go`\n\nuses `*x*` and \\*y\\*\n\n## `b.go`\n\nan odd ' sign\n\n"
	if page != want {
		t.Errorf("%q\nwant %q", page, want)
	}
	if byLine[3].line != 7 || byLine[7].line != 2 {
		t.Errorf("%v", byLine)
	}
}
