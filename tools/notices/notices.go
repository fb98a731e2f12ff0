// Package notices collects the licences of everything that is linked into a Go program.
package notices

import (
	"bytes"
	"debug/buildinfo"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"unicode"
)

// File is the name under which the licences are shipped.
const File = "THIRD_PARTY_NOTICES.txt"

// Go's licence and patent grant are part of this repository, because not every installation of Go contains them.
var (
	//go:embed go-LICENSE
	goLicense string
	//go:embed go-PATENTS
	goPatents string
)

// licenceFile matches the names of files that contain a licence or belong to one.
var licenceFile = regexp.MustCompile(`(?i)^(.*[-_.])?(licen[sc]e|copying|notice|patents|copyright)([-_.].*)?$`)

// code matches the names of scripts and source files, such as check-copyright.sh.
var code = regexp.MustCompile(`\.(go|sh|py|js|yml|yaml|json|html)$`)

const authorities = `The container image also contains Mozilla's list of certificate authorities (https://wiki.mozilla.org/CA), under the
Mozilla Public License 2.0 (https://mozilla.org/MPL/2.0/).
`

const line = "================================================================================\n"

// Of returns the licences of Go and of all modules that the program contains according to `go version -m`. It reads
// them from the module cache. It fails if a module has no licence.
func Of(program string) ([]byte, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	settings, err := exec.Command("go", "env", "-json", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("read Go's settings: %w", err)
	}
	var cache struct{ GOMODCACHE string }
	if err := json.Unmarshal(settings, &cache); err != nil {
		return nil, err
	}
	return text(info.GoVersion, info.Deps, cache.GOMODCACHE)
}

func text(goVersion string, modules []*debug.Module, cache string) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("The program mlflow-promote contains the software in this list, under these licences.\n\n")
	fmt.Fprintf(&out, "%sGo's runtime and standard library, %s\nSource: https://go.dev/dl/\n\n", line, goVersion)
	fmt.Fprintf(&out, "--- LICENSE\n\n%s\n--- PATENTS\n\n%s\n", goLicense, goPatents)
	for _, m := range modules {
		if m.Replace != nil {
			m = m.Replace
		}
		files, err := licences(filepath.Join(cache, escaped(m.Path)+"@"+escaped(m.Version)))
		if err != nil {
			return nil, fmt.Errorf("find licence of %s: %w", m.Path, err)
		}
		fmt.Fprintf(&out, "%s%s %s\nSource: https://pkg.go.dev/%s@%s\n\n", line, m.Path, m.Version, m.Path, m.Version)
		for _, f := range files {
			fmt.Fprintf(&out, "--- %s\n\n%s\n", f.name, f.text)
		}
	}
	out.WriteString(line + authorities)
	return out.Bytes(), nil
}

type licence struct{ name, text string }

// licences returns the licences in a module's folder, ordered by name. It fails if there is none.
func licences(module string) ([]licence, error) {
	var out []licence
	err := filepath.WalkDir(module, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "testdata" {
			return filepath.SkipDir // not linked
		}
		if d.IsDir() || !licenceFile.MatchString(d.Name()) || code.MatchString(d.Name()) {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(module, path)
		if err != nil {
			return err
		}
		tidy := strings.TrimRight(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n") + "\n"
		out = append(out, licence{filepath.ToSlash(name), tidy})
		return nil
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%s has no such file", module)
	}
	return out, err
}

// escaped returns a path or version as Go's cache and proxies write it: each upper-case letter as "!" and the
// lower-case letter.
func escaped(name string) string {
	var out strings.Builder
	for _, c := range name {
		if unicode.IsUpper(c) {
			out.WriteByte('!')
		}
		out.WriteRune(unicode.ToLower(c))
	}
	return out.String()
}
