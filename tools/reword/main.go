// Command reword inserts an extra word into every message of the program, in a copy of the repository, and runs all
// scripts in internal/cli on the copy. It lists every change that other programs can see. The digests of plans and
// records must not change. Otherwise, better wording would invalidate approved plans, and records would differ for no
// reason.
//
//	go run ./tools/reword
package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	changed, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "reword:", err)
		os.Exit(2)
	}
	if changed > 0 {
		os.Exit(1)
	}
}

// run rewords a copy of the repository and returns how many lines with digests have changed.
func run() (changed int, err error) {
	dir, err := os.MkdirTemp("", "reword")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	messages, err := copyReworded(".", dir)
	if err != nil {
		return 0, err
	}
	fmt.Printf("%d messages have an extra word\n", messages)
	test := exec.Command("go", "test", "./internal/cli", "-run", "TestScripts", "-update", "-pin")
	test.Dir = dir
	if out, err := test.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("the scripts fail on the copy: %w\n%s", err, out)
	}
	return compare("internal/cli/testdata/pins", filepath.Join(dir, "internal/cli/testdata/pins"))
}

// copyReworded copies the repository without its caches, and returns how many messages it has reworded. In the copied
// scripts, it leaves out the lines that check text.
func copyReworded(from, to string) (messages int, err error) {
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == ".cache" || d.Name() == "bin"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, path), 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch {
		case isProgram(path):
			n := 0
			if text, n, err = reworded(path, text); err != nil {
				return err
			}
			messages += n
		case strings.HasSuffix(path, ".txtar"):
			text = unchecked(text)
		}
		return os.WriteFile(filepath.Join(to, path), text, 0o644)
	})
	return messages, err
}

// isProgram reports whether the file is part of the program. Tests and test doubles are not.
func isProgram(path string) bool {
	path = filepath.ToSlash(path)
	return strings.HasPrefix(path, "internal/") && strings.HasSuffix(path, ".go") &&
		!strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "test/")
}

// check matches a line in a script that checks text.
var check = regexp.MustCompile(`(?m)^(?:! )?(?:stdout|stderr|cmp|grep) .*$`)

// unchecked returns a script without the lines that check text.
func unchecked(script []byte) []byte {
	commands, files, found := bytes.Cut(script, []byte("\n-- "))
	commands = check.ReplaceAll(commands, nil)
	if found {
		commands = append(append(commands, "\n-- "...), files...)
	}
	return commands
}

var digest = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

// compare prints the lines in the pins that differ, and returns how many of them contain a digest.
func compare(was, now string) (digests int, err error) {
	files, err := filepath.Glob(filepath.Join(was, "*.txt"))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no pins in %s: %w", was, err)
	}
	others := 0
	for _, path := range files {
		before, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		after, err := os.ReadFile(filepath.Join(now, filepath.Base(path)))
		if err != nil {
			return 0, err
		}
		for _, line := range missing(string(before), string(after)) {
			if digest.MatchString(line) {
				digests++
				fmt.Printf("digest: %s: %.200s\n", filepath.Base(path), line)
			} else {
				others++
				fmt.Printf("text:   %s: %.200s\n", filepath.Base(path), line)
			}
		}
	}
	fmt.Printf("%d scripts: %d lines with digests and %d other lines that programs read change\n", len(files), digests, others)
	return digests, nil
}

// missing returns the lines in text that other does not contain.
func missing(text, other string) (out []string) {
	count := map[string]int{}
	for _, line := range strings.Split(other, "\n") {
		count[line]++
	}
	for _, line := range strings.Split(text, "\n") {
		if count[line]--; count[line] < 0 {
			out = append(out, line)
		}
	}
	return out
}
