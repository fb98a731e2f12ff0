package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// text is a message or one paragraph of a comment.
type text struct {
	path string
	line int
	text string
}

// extract returns the comments in all Go code in root, and the program's messages. A message is a string literal of at
// least four words.
func extract(root string) (comments, messages []text, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, rel, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		comments = append(comments, commentTexts(set, file)...)
		if isProgram(rel) {
			messages = append(messages, messageTexts(set, file)...)
		}
		return nil
	})
	return comments, messages, err
}

// isProgram reports whether the file is part of the program. Tests, doubles and tools are not.
func isProgram(path string) bool {
	dir := filepath.ToSlash(filepath.Dir(path))
	return !strings.HasSuffix(path, "_test.go") && !strings.Contains(dir+"/", "test/") && !strings.HasPrefix(dir, "tools")
}

// commentTexts returns each paragraph of the comments as one line, leaving out directives and code.
func commentTexts(set *token.FileSet, file *ast.File) []text {
	var out []text
	for _, group := range file.Comments {
		var words []string
		start := 0
		flush := func() {
			if len(words) > 0 {
				out = append(out, text{set.Position(group.Pos()).Filename, start, strings.Join(words, " ")})
			}
			words = nil
		}
		for _, c := range group.List {
			line := set.Position(c.Pos()).Line
			for i, l := range strings.Split(c.Text, "\n") {
				l = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(l, "//"), "/*"), "*/")
				isDirective := strings.HasPrefix(c.Text, "//") && l != "" && l[0] != ' ' && l[0] != '\t'
				isCode := strings.HasPrefix(l, "\t") || strings.HasPrefix(l, "   ")
				if isDirective || isCode || strings.TrimSpace(l) == "" {
					flush()
					continue
				}
				if len(words) == 0 {
					start = line + i
				}
				words = append(words, strings.TrimSpace(l))
			}
		}
		flush()
	}
	return out
}

// messageTexts returns the string literals of at least four words, leaving out indented lines of code. Literals joined
// with + form one text.
func messageTexts(set *token.FileSet, file *ast.File) []text {
	var out []text
	add := func(n ast.Expr) {
		if joined := codeLine.ReplaceAllString(literal(n), ""); isSentence(joined) {
			at := set.Position(n.Pos())
			out = append(out, text{at.Filename, at.Line, strings.Join(strings.Fields(joined), " ")})
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			if n.Tag != nil {
				n.Tag = nil // a struct tag contains wire names
			}
		case *ast.BinaryExpr:
			if n.Op == token.ADD && literal(n) != "" {
				add(n)
				return false
			}
		case *ast.BasicLit:
			add(n)
		}
		return true
	})
	return out
}

// literal returns the text of a string literal, or of an expression that joins literals with +. In such an expression,
// "`x`" replaces every other operand. If there is no literal, it returns "".
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, _ := strconv.Unquote(e.Value) // cannot fail, because the parser has accepted the literal
			return s
		}
	case *ast.ParenExpr:
		return literal(e.X)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return ""
		}
		left, right := literal(e.X), literal(e.Y)
		switch {
		case left == "" && right == "":
			return ""
		case left == "":
			left = "`x`"
		case right == "":
			right = "`x`"
		}
		return left + right
	}
	return ""
}

var (
	codeLine = regexp.MustCompile(`(?m)^ {4}.*$`)

	word    = regexp.MustCompile(`^[("'` + "`" + `]*[A-Za-z][A-Za-z'’-]*[)"'` + "`" + `.,;:!?]*$`)
	noProse = regexp.MustCompile(`^\s*[{<(\[^]|=>|;\n`) // JSON, HTML, regular expressions, scripts
)

// isSentence reports whether s has at least four words and consists mostly of words.
func isSentence(s string) bool {
	words, parts := 0, strings.Fields(s)
	for _, p := range parts {
		if word.MatchString(p) {
			words++
		}
	}
	return words >= 4 && 2*words >= len(parts) && !noProse.MatchString(s)
}

var special = regexp.MustCompile(`[\\*_{}\[\]<>#|~]`)

// markdown returns a page in which each text is a paragraph on one line, and maps each line to its text.
func markdown(texts []text) (page string, byLine map[int]text) {
	var b strings.Builder
	byLine = map[int]text{}
	line, path := 1, ""
	write := func(paragraph string) {
		b.WriteString(paragraph + "\n\n")
		line += 2
	}
	for _, t := range texts {
		if t.path != path {
			path = t.path
			write("## `" + path + "`")
		}
		byLine[line] = t
		paragraph := t.text
		if strings.Count(paragraph, "`")%2 == 1 {
			paragraph = strings.ReplaceAll(paragraph, "`", "'")
		}
		parts := strings.Split(paragraph, "`")
		for i := 0; i < len(parts); i += 2 { // odd parts are code
			parts[i] = special.ReplaceAllString(parts[i], `\$0`)
		}
		write(strings.Join(parts, "`"))
	}
	return b.String(), byLine
}

func (t text) String() string { return fmt.Sprintf("%s:%d", t.path, t.line) }
