package cli

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mlflow-promote/mlflow-promote/internal/policy"
)

// question matches a command on a page and the answer below it.
var question = regexp.MustCompile("(?s)```sh\n([^`]*?)\n```\n\n```text\n(.*?)\n```")

// costs matches the last line of a command's output, which the page leaves out.
var costs = regexp.MustCompile(`\n*[a-z-]+: \d+ requests in some rounds, \d+ ms\n$`)

// cmdPageCommands runs every command in a document that is followed by an answer, and compares the output with the
// answer. With -update, it rewrites the answers.
func cmdPageCommands(ts *testscript.TestScript, neg bool, args []string) {
	path := "../../docs/" + args[0]
	page, err := os.ReadFile(path)
	ts.Check(err)
	asked := 0
	got := question.ReplaceAllFunc(page, func(found []byte) []byte {
		asked++
		part := question.FindSubmatch(found)
		var out strings.Builder
		for _, line := range strings.Split(string(part[1]), "\n") {
			out.WriteString(playLine(ts, line))
		}
		return []byte("```sh\n" + string(part[1]) + "\n```\n\n```text\n" + strings.TrimSpace(out.String()) + "\n```")
	})
	switch {
	case asked == 0:
		ts.Fatalf("%s asks nothing", args[0])
	case *update:
		ts.Check(os.WriteFile(path, got, 0o644))
	case !bytes.Equal(got, page):
		ts.Fatalf("the commands of %s print something else; run with -update", args[0])
	}
}

// playLine runs a line from a document: either the program, whose output is written to a file if the line says so, or
// cat.
func playLine(ts *testscript.TestScript, line string) string {
	line, file, redirected := strings.Cut(line, " > ")
	words := strings.Fields(strings.ReplaceAll(line, "'", ""))
	var out string
	switch words[0] {
	case "mlflow-promote":
		stdout, stderr := runProgram(ts, words[1:])
		if out = costs.ReplaceAllString(stdout, "\n"); stageOf(ts).status != 0 {
			ts.Fatalf("%s\n%s%s", line, stdout, stderr)
		}
	case "cat":
		out = strings.ReplaceAll(ts.ReadFile(words[1]), "\r\n", "\n")
	default:
		ts.Fatalf("the page runs %q", line)
	}
	if redirected {
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(out), 0o644))
		return ""
	}
	return out
}

// cmdEdits edits every value of an export, one at a time. With the given policy, the comparison must find each edit and
// report its path.
func cmdEdits(ts *testscript.TestScript, neg bool, args []string) {
	p, err := policy.Parse(args[1], []byte(ts.ReadFile(args[1])))
	ts.Check(err)
	export := ts.ReadFile(args[0])
	if got := editsFound(export, p.Ledger.Ring); len(got) > 0 {
		ts.Fatalf("the unchanged export differs: %s", got)
	}
	for path, edited := range edits(export) {
		found := editsFound(edited, p.Ledger.Ring)
		if !slices.ContainsFunc(found, func(d string) bool { return strings.Contains(d, path) }) {
			ts.Fatalf("the edit of %s was not found: %v", path, found)
		}
	}
}
