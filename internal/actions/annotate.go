package actions

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Level is the severity of an annotation.
type Level string

const (
	Error   Level = "error"
	Warning Level = "warning"
	Notice  Level = "notice"
)

// For each step, GitHub shows this many annotations of each level, and this many characters of each text.
const (
	annotationsShown  = 10
	annotationMessage = 4096
	annotationTitle   = 255
)

// Annotation is a message that GitHub shows on the job's page and, if File is set, next to that line of the file.
type Annotation struct {
	Level   Level
	File    string // relative to the workspace; "" for none
	Line    int    // counted from 1; 0 for the whole file
	Title   string
	Message string
}

// Annotate shows the annotation. Once GitHub's limit for the level has been reached, further annotations are only
// printed, and Flush reports how many there were.
func (r *Runner) Annotate(a Annotation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a = prepare(r, a)
	switch {
	case !r.InActions():
		printPlain(r, a, "")
	case r.shown[a.Level] < annotationsShown:
		r.shown[a.Level]++
		_ = r.commandLocked(func(lib *githubactions.Action) { a.issue(lib) })
	default:
		r.more[a.Level]++
		printPlain(r, a, string(a.Level)+": ")
	}
}

func prepare(r *Runner, a Annotation) Annotation {
	if a.Level != Error && a.Level != Warning {
		a.Level = Notice
	}
	a.File = inert(r.secrets.hide(inWorkspace(r, a.File)))
	a.Title = strings.ReplaceAll(inertText(r.secrets.hide(a.Title)), "\n", " ")
	a.Title = format.Shorten(a.Title, annotationTitle)
	a.Message = format.Shorten(inertText(r.secrets.hide(a.Message)), annotationMessage)
	return a
}

// issue sets all fields in one call, because the library keeps only those from the last call. It passes the message as
// an argument rather than as the format, because the message may contain a percent sign.
func (a Annotation) issue(lib *githubactions.Action) {
	fields := map[string]string{}
	if a.Title != "" {
		fields["title"] = a.Title
	}
	if a.File != "" {
		fields["file"] = a.File
		if a.Line > 0 {
			fields["line"] = strconv.Itoa(a.Line)
		}
	}
	lib = lib.WithFieldsMap(fields)
	switch a.Level {
	case Error:
		lib.Errorf("%s", a.Message)
	case Warning:
		lib.Warningf("%s", a.Message)
	default:
		lib.Noticef("%s", a.Message)
	}
}

// printPlain prints "file:line: title: message", a format that editors turn into a link.
func printPlain(r *Runner, a Annotation, prefix string) {
	if a.File != "" {
		prefix += a.File + ":"
		if a.Line > 0 {
			prefix += strconv.Itoa(a.Line) + ":"
		}
		prefix += " "
	}
	if a.Title != "" {
		prefix += a.Title + ": "
	}
	_ = r.err.endLine()
	for line := range strings.SplitSeq(prefix+a.Message, "\n") {
		r.err.buffer([]byte(line))
		_ = r.err.end()
	}
}

// reportMore says how many annotations were only printed. It does so in a notice, because the limit for their own level
// has been reached.
func reportMore(r *Runner) error {
	for _, level := range []Level{Error, Warning, Notice} {
		n := r.more[level]
		if n == 0 {
			continue
		}
		r.more[level] = 0
		text := fmt.Sprintf("%d more %s annotations are in this step's log", n, level)
		if err := r.commandLocked(func(lib *githubactions.Action) { lib.Noticef("%s", text) }); err != nil {
			return err
		}
	}
	return nil
}

// inWorkspace returns a path in the form used in GitHub's diffs: relative to the workspace, and without a leading ./.
// It returns "" for a file outside the workspace.
func inWorkspace(r *Runner, file string) string {
	if file == "" {
		return ""
	}
	if filepath.IsAbs(file) {
		rel, err := filepath.Rel(r.workspace(), file)
		if err != nil {
			return ""
		}
		file = rel
	}
	file = path.Clean(filepath.ToSlash(file))
	if file == ".." || strings.HasPrefix(file, "../") {
		return ""
	}
	return file
}
