// Package actions implements the protocol of the GitHub Actions runner: inputs, outputs, the job summary, annotations,
// masks, the event, and everything that is printed.
//
// Untrusted text must never become a command or an output, or add a line to one. The package must never show a masked
// value, access files outside the workspace, or panic. It knows nothing about models. Outside Actions, it prints the
// same text without commands, so that a laptop shows what a job would show.
package actions

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"sync"

	"github.com/sethvargo/go-githubactions"
)

// Runner connects this process to the GitHub Actions runner. It is safe for concurrent use. Call Flush before the
// process ends.
type Runner struct {
	env func(string) string
	dir string

	mu          sync.Mutex // guards the fields below and the order of printed lines
	secrets     secrets
	out, err    *printer
	shown, more map[Level]int
	outputSize  int
}

// New returns a Runner for the process's environment (as from os.Getenv), output streams and working directory.
// Outside Actions, the working directory serves as the workspace.
func New(env func(string) string, stdout, stderr io.Writer, dir string) *Runner {
	r := &Runner{env: env, dir: dir, shown: map[Level]int{}, more: map[Level]int{}}
	r.out = &printer{runner: r, to: stdout}
	r.err = &printer{runner: r, to: stderr}
	return r
}

// InActions reports whether the process runs in a GitHub Actions job.
func (r *Runner) InActions() bool { return r.env("GITHUB_ACTIONS") == "true" }

// Debug reports whether the job was started with debug logging.
func (r *Runner) Debug() bool { return r.env("RUNNER_DEBUG") == "1" }

// Input returns an input without surrounding spaces, or "" if it is missing. The runner checks neither whether an input
// is present nor its type.
func (r *Runner) Input(name string) string { return library(r, nil).GetInput(name) }

// library returns a go-githubactions Action that writes to w. w must be one of our writers, because the library panics
// if a write fails.
func library(r *Runner, w io.Writer) *githubactions.Action {
	return githubactions.New(githubactions.WithWriter(w), githubactions.WithGetenv(r.env))
}

// command writes workflow commands at the beginning of a line. If Out's last line is unfinished, command ends that line
// first.
func (r *Runner) command(issue func(*githubactions.Action)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.commandLocked(issue)
}

func (r *Runner) commandLocked(issue func(*githubactions.Action)) error {
	if err := r.out.endLine(); err != nil {
		return err
	}
	var b bytes.Buffer
	issue(library(r, &b))
	_, err := r.out.to.Write(b.Bytes())
	return err
}

// Group folds the output up to EndGroup under a title. Outside Actions, it prints the title on a line of its own.
func (r *Runner) Group(title string) {
	if !r.InActions() {
		fmt.Fprintln(r.Out(), title)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.commandLocked(func(a *githubactions.Action) { a.Group(inertText(r.secrets.hide(title))) })
}

// EndGroup ends the latest group.
func (r *Runner) EndGroup() {
	if r.InActions() {
		_ = r.command(func(a *githubactions.Action) { a.EndGroup() })
	}
}

// Flush ends unfinished lines and reports how many annotations were only printed. It fails if anything could not be
// printed, now or earlier.
func (r *Runner) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := reportMore(r)
	for _, p := range []*printer{r.out, r.err} {
		_ = p.endLine() // the printer keeps the error in failed
		err = cmp.Or(err, p.failed)
	}
	return err
}
