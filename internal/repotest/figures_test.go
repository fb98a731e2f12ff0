package repotest

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

var lower = flag.Bool("lower", false, "write smaller figures to testdata/figures.txt; it never writes larger ones")

// limits contains the largest allowed value of each figure. The limits keep the code readable.
var limits = map[string]int{
	"methods of a type":        25,
	"parameters of a function": 6,
	"fields of a struct":       25, // not counting fields with a json tag
	"lines of a package":       3499,
	"lines over 120 columns":   0, // only in the program itself; a tab counts as 4 columns
	"long test names":          0, // 40 characters or more

	"files that change a struct": 3, // through a pointer; see changers
}

// TestFigures compares the code with the limits. testdata/figures.txt lists the figures that currently exceed them. The
// list may only shrink: the test fails if a figure is above its entry, or if the entry is more than a tenth above the
// figure. With -v, the test logs the place of each long line and long name.
func TestFigures(t *testing.T) {
	const list = "testdata/figures.txt"
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	exceptions := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if line == "" {
			continue
		}
		key, value, _ := cutLast(line, ": ")
		if exceptions[key], err = strconv.Atoi(value); err != nil {
			t.Fatalf("%s: %v", list, err)
		}
	}
	files := goFiles(t)
	log := func(place string) {
		if testing.Verbose() {
			t.Log(place)
		}
	}
	found := exceeding(files, log)
	const shared = "files that change a struct"
	for name, changing := range changers(files) {
		if len(changing) > limits[shared] {
			found[shared+": "+name] = len(changing)
			log(name + " is changed by " + strings.Join(changing, ", "))
		}
	}
	if *lower {
		for key, listed := range exceptions {
			if tooLarge(listed, found[key]) {
				exceptions[key] = found[key]
			}
		}
		maps.DeleteFunc(exceptions, func(_ string, value int) bool { return value == 0 })
		var b strings.Builder
		for _, key := range slices.Sorted(maps.Keys(exceptions)) {
			fmt.Fprintf(&b, "%s: %d\n", key, exceptions[key])
		}
		if err := os.WriteFile(list, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range found {
		if value > exceptions[key] {
			figure, _, _ := strings.Cut(key, ": ")
			t.Errorf("%s: %d, want at most %d", key, value, max(exceptions[key], limits[figure]))
		}
	}
	for key, listed := range exceptions {
		if tooLarge(listed, found[key]) {
			t.Errorf("%s lists %q with %d, now %d; run: go test ./internal/repotest -run TestFigures -lower",
				list, key, listed, found[key])
		}
	}
}

// tooLarge reports whether an entry is more than a tenth above the figure.
func tooLarge(listed, found int) bool { return found*10 < listed*9 }

func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}

// goFile is one Go source file.
type goFile struct {
	path string
	pkg  string // its folder
	test bool
	text string
	ast  *ast.File
}

// production reports whether the file is part of the program. Test doubles and tools are not.
func (f goFile) production() bool {
	return !f.test && !isDouble(f.pkg) && !strings.HasPrefix(f.pkg, "tools/") &&
		f.pkg != "internal/attacks" && f.pkg != "internal/matrix"
}

// isDouble reports whether a folder is a test double or part of one.
func isDouble(folder string) bool { return strings.Contains(folder+"/", "test/") }

// exceeding returns every figure that is above its limit, keyed by "figure: place". It calls report for each long line
// and each long name.
func exceeding(files []goFile, report func(place string)) map[string]int {
	figures := map[string]int{}
	for _, f := range files {
		add := func(figure, place string, n int) { figures[figure+": "+place] += n }
		if f.test {
			for _, d := range f.ast.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && isTestName(fn.Name.Name) && len(fn.Name.Name) >= 40 {
					add("long test names", "all", 1)
					report(f.pkg + ": " + fn.Name.Name)
				}
			}
			continue
		}
		add("lines of a package", f.pkg, strings.Count(f.text, "\n"))
		if f.production() {
			for i, line := range strings.Split(f.text, "\n") {
				if utf8.RuneCountInString(line)+3*strings.Count(line, "\t") > 120 {
					add("lines over 120 columns", "all", 1)
					report(fmt.Sprintf("%s:%d: long line", f.path, i+1))
				}
			}
		}
		for _, d := range f.ast.Decls {
			name := declared(d)
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
				name = receiver(fn)
				add("methods of a type", f.pkg+"."+name, 1)
				name += "." + fn.Name.Name
			}
			functions, structs := 0, 0
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncType:
					functions = max(functions, n.Params.NumFields())
				case *ast.StructType:
					structs = max(structs, ownFields(n))
				}
				return true
			})
			add("parameters of a function", f.pkg+"."+name, functions)
			add("fields of a struct", f.pkg+"."+name, structs)
		}
	}
	maps.DeleteFunc(figures, func(key string, n int) bool {
		figure, _, _ := strings.Cut(key, ": ")
		return n <= limits[figure]
	})
	return figures
}

func isTestName(name string) bool {
	return strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz") || strings.HasPrefix(name, "Benchmark")
}

// declared returns the name of a function, or of the first type, variable or constant in a declaration.
func declared(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Name.Name
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				return s.Name.Name
			case *ast.ValueSpec:
				return s.Names[0].Name
			}
		}
	}
	return ""
}

// receiver returns the name of the type that a method belongs to.
func receiver(fn *ast.FuncDecl) string {
	name := ""
	ast.Inspect(fn.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return true
	})
	return name
}

// ownFields counts the fields in a struct, excluding those with a json tag.
func ownFields(s *ast.StructType) int {
	n := 0
	for _, f := range s.Fields.List {
		if f.Tag != nil {
			if _, wire := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Lookup("json"); wire {
				continue
			}
		}
		n += max(1, len(f.Names))
	}
	return n
}

// goFiles reads every Go file in the repository, including tests.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var out []goFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		out = append(out, goFile{rel, filepath.ToSlash(filepath.Dir(rel)), strings.HasSuffix(path, "_test.go"), string(text), file})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestExceeding(t *testing.T) {
	many := strings.Repeat("func (t *T[X]) M() {}\n", 26)
	for want, c := range map[string]struct {
		source string
		test   bool
		n      int
	}{
		"methods of a type: internal/p.T":          {source: "type T[X any] int\n" + many, n: 26},
		"parameters of a function: internal/p.f":   {source: "func f(a, b, c, d, e, f, g int) {}", n: 7},
		"parameters of a function: internal/p.T.f": {source: "func (T) f(int, int, int, int, int, int, int) {}", n: 7},
		"parameters of a function: internal/p.v":   {source: "var v = func(a, b, c, d, e, f, g int) {}", n: 7},
		"fields of a struct: internal/p.T":         {source: "type T struct {" + strings.Repeat("_ int\n", 26) + "}", n: 26},
		"lines of a package: internal/p":           {source: strings.Repeat("\n", 3499), n: 3500},
		"lines over 120 columns: all":              {source: "\tvar x = `" + strings.Repeat("ü", 107) + "`", n: 1},
		"long test names: all":                     {source: "func Test" + strings.Repeat("a", 36) + "() {}", test: true, n: 1},
		"":                                         {source: "type T struct {" + strings.Repeat("A int `json:\"a\"`\n", 26) + "}\nvar x = `" + strings.Repeat("ü", 110) + "`"},
	} {
		text := "package p\n" + c.source
		file, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		got := exceeding([]goFile{{"internal/p/a.go", "internal/p", c.test, text, file}}, func(string) {})
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[want] != c.n) {
			t.Errorf("%v, want %q with %d", got, want, c.n)
		}
	}
}
