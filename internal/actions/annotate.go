package actions

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// Level is the weight of an annotation.
type Level string

const (
	Error   Level = "error"
	Warning Level = "warning"
	Notice  Level = "notice"
)

// What GitHub shows of one step: this many annotations of each level, and this much of a message.
const (
	annotationsShown  = 10
	annotationMessage = 4096
	annotationTitle   = 255
)

// Annotation is a remark that the page of the job shows, at a line of a file if it names one.
type Annotation struct {
	Level   Level
	File    string // in the workspace; "" = of no file
	Line    int    // from 1; 0 = of the whole file
	Title   string
	Message string
}

// Annotate shows a, or prints it once as many are shown as GitHub does. Flush then says how many there were.
func (r *Runner) Annotate(a Annotation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a = r.prepare(a)
	switch {
	case !r.InActions():
		r.printPlain(a, "")
	case r.shown[a.Level] < annotationsShown:
		r.shown[a.Level]++
		_ = r.commandLocked(func(lib *githubactions.Action) { a.issue(lib) })
	default:
		r.more[a.Level]++
		r.printPlain(a, string(a.Level)+": ")
	}
}

func (r *Runner) prepare(a Annotation) Annotation {
	if a.Level != Error && a.Level != Warning {
		a.Level = Notice
	}
	a.File = inert(r.secrets.hide(r.inWorkspace(a.File)))
	a.Title = strings.ReplaceAll(inertText(r.secrets.hide(a.Title)), "\n", " ")
	a.Title = atMost(a.Title, annotationTitle)
	a.Message = atMost(inertText(r.secrets.hide(a.Message)), annotationMessage)
	return a
}

// issue gives the library the whole map at once, since it keeps only the last, and the message as an argument, since a
// message may hold a percent sign.
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

// printPlain writes file:line: title: message, which editors know how to follow.
func (r *Runner) printPlain(a Annotation, prefix string) {
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
		r.err.hold([]byte(line))
		_ = r.err.end()
	}
}

// sayMore is the last word on annotations. It is not one more of a level that is full.
func (r *Runner) sayMore() error {
	for _, level := range []Level{Error, Warning, Notice} {
		n := r.more[level]
		if n == 0 {
			continue
		}
		r.more[level] = 0
		text := fmt.Sprintf("and %d more of level %s; the log of this step has them all", n, level)
		if err := r.commandLocked(func(lib *githubactions.Action) { lib.Noticef("%s", text) }); err != nil {
			return err
		}
	}
	return nil
}

// inWorkspace words a file as the diff of a pull request does: relative, without ./. Any other file is none of it.
func (r *Runner) inWorkspace(file string) string {
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

// atMost cuts to a number of characters.
func atMost(s string, n int) string {
	if len(s) <= n {
		return s
	}
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}
