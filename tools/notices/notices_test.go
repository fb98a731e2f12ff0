package notices

import (
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// The notices name every module that the real program contains, each with a licence.
func TestOf_Program(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "github.com/mlflow-promote/mlflow-promote")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Of(program)
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(got), line)[1:]
	if want := len(info.Deps) + 2; len(sections) != want { // Go, and the CA certificates in the image
		t.Errorf("%d sections, want %d", len(sections), want)
	}
	if !strings.HasPrefix(sections[0], "Go's runtime and standard library, "+info.GoVersion+"\n") {
		t.Errorf("the first section is not Go: %.80s", sections[0])
	}
	for i, m := range info.Deps {
		section := sections[i+1]
		if !strings.HasPrefix(section, m.Path+" "+m.Version+"\n") {
			t.Errorf("the section of %s begins with %.80q", m.Path, section)
		}
		if folded := strings.ToLower(section); !strings.Contains(folded, "copyright") || len(section) < 900 {
			t.Errorf("the section of %s contains no licence:\n%s", m.Path, section)
		}
	}
	for _, want := range []string{
		"THIRD_PARTY_LICENSES/Cephes-LICENSE", "Mozilla Public License, version 2.0", "Apache License", "Copyright 2009 The Go Authors",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestText(t *testing.T) {
	cache := t.TempDir()
	write := func(name string) {
		t.Helper()
		file := filepath.Join(cache, "example.com/!upper@v1.0.0-!r!c", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("text of "+name+"\r\n\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old := &debug.Module{Path: "example.com/old", Version: "v0.1.0"}
	replaced := &debug.Module{Path: old.Path, Version: old.Version, Replace: &debug.Module{
		Path: "example.com/Upper", Version: "v1.0.0-RC",
	}}
	for _, name := range []string{"main.go", "licenses.go", "check-copyright.sh", "testdata/LICENSE", "unlicensed"} {
		write(name)
	}
	for name, m := range map[string]*debug.Module{"no folder": old, "no licence in it": replaced} {
		if got, err := text("go1.26", []*debug.Module{m}, cache); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
	wanted := []string{"COPYING", "License.md", "NOTICE", "PATENTS", "THIRD_PARTY/Sun-LICENSE", "deep/LICENCE.txt"}
	for _, name := range wanted {
		write(name)
	}
	got, err := text("go1.26", []*debug.Module{replaced}, cache)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(got), line+"example.com/Upper v1.0.0-RC\n")
	want := "Source: https://pkg.go.dev/example.com/Upper@v1.0.0-RC\n\n"
	for _, name := range wanted {
		want += "--- " + name + "\n\ntext of " + name + "\n\n"
	}
	if section != want+line+authorities {
		t.Errorf("got\n%s\nwant\n%s", section, want)
	}
}

// The copies of Go's licence and patent grant match the Go version that builds releases.
func TestGoTexts(t *testing.T) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"LICENSE": goLicense, "PATENTS": goPatents} {
		got, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), name))
		if err != nil {
			t.Skip("this installation of Go comes without its licence")
		}
		if string(got) != want {
			t.Errorf("tools/notices/go-%s is not Go's %s: copy it", name, name)
		}
	}
}
