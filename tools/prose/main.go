// Command prose uses Vale and the rules in .vale to check the README, the docs, the comments in the Go code, and every
// message in the program.
//
//	make prose             (part of make lint)
//	make prose ARGS=-all   (also lists the alerts that are only counted)
//
// It first writes the comments and messages to .cache/prose. These files are not in the repository, because they repeat
// the code and would change with almost every commit.
//
// .vale/uncleared lists the files and folders whose alerts are only counted. No other file may have an alert. An entry
// must be removed when its last alert is gone.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	all := flag.Bool("all", false, "list the alerts of uncleared files too")
	flag.Parse()
	if err := run(*all); err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		os.Exit(1)
	}
}

const list = ".vale/uncleared"

func run(all bool) error {
	content, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	uncleared := map[string]int{} // the number of alerts for each entry
	for _, place := range strings.Fields(string(content)) {
		uncleared[place] = 0
	}
	alerts, err := check()
	if err != nil {
		return err
	}
	failed := false
	for _, a := range alerts {
		place := placeOf(a.path, uncleared)
		if place != "" {
			uncleared[place]++
		}
		if place == "" || all {
			fmt.Printf("%s:%d: %s\n", a.path, a.line, a.message)
		}
		failed = failed || place == ""
	}
	var cleared []string
	for _, place := range slices.Sorted(maps.Keys(uncleared)) {
		if uncleared[place] == 0 {
			cleared = append(cleared, place)
			continue
		}
		fmt.Printf("%s: %d alerts, not cleared yet\n", place, uncleared[place])
	}
	if len(cleared) > 0 {
		fmt.Printf("%s: remove the entries without alerts: %s\n", list, strings.Join(cleared, ", "))
	}
	if failed || len(cleared) > 0 {
		return errors.New("failed")
	}
	return nil
}

// placeOf returns the entry for a file or, if there is none, for its nearest parent folder. If neither is listed, it
// returns "".
func placeOf(file string, places map[string]int) string {
	for ; file != "."; file = path.Dir(file) {
		if _, listed := places[file]; listed {
			return file
		}
	}
	return ""
}

type alert struct {
	path    string
	line    int
	message string
}

// check extracts the comments and messages and returns Vale's alerts, ordered by file and line.
func check() ([]alert, error) {
	comments, messages, err := extract(".")
	if err != nil {
		return nil, err
	}
	const dir = ".cache/prose"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	origin := map[string]map[int]text{}
	for name, texts := range map[string][]text{"comments.md": comments, "messages.md": messages} {
		page, byLine := markdown(texts)
		file := filepath.Join(dir, name)
		origin[file] = byLine
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			return nil, err
		}
	}
	pages, err := documents()
	if err != nil {
		return nil, err
	}
	found, err := vale(append(pages, slices.Sorted(maps.Keys(origin))...))
	if err != nil {
		return nil, err
	}
	var out []alert
	for file, alerts := range found {
		for _, a := range alerts {
			at := text{path: file, line: a.Line}
			if t, extracted := origin[file][a.Line]; extracted {
				at = t
			}
			out = append(out, alert{at.path, at.line, a.Message})
		}
	}
	slices.SortFunc(out, func(a, b alert) int {
		return strings.Compare(fmt.Sprintf("%s:%06d:%s", a.path, a.line, a.message), fmt.Sprintf("%s:%06d:%s", b.path, b.line, b.message))
	})
	return out, nil
}

// documents returns the paths of the pages that are written for people.
func documents() ([]string, error) {
	var out []string
	for _, pattern := range []string{"*.md", "docs/*.md", ".github/*.md", ".github/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

type valeAlert struct {
	Line    int
	Message string
}

// vale returns the alerts in each file. Vale's exit code is 1 if there are any.
func vale(files []string) (map[string][]valeAlert, error) {
	args := append([]string{"--config", ".vale/vale.ini", "--output", "JSON"}, files...)
	out, err := exec.Command(".cache/bin/vale", args...).Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return nil, fmt.Errorf("run vale, which tools/setup lint installs: %w", err)
	}
	var found map[string][]valeAlert
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, fmt.Errorf("read the output of vale: %w", err)
	}
	return found, nil
}
