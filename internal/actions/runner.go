// Package actions speaks the protocol of the GitHub Actions runner: inputs, outputs, summary, annotations, masks, the
// event, and every line that is printed.
//
// It must never let text from elsewhere become a command, an output or a second line of either, never show a masked
// value in any sink, never leave the workspace, and never panic. It knows nothing of models. Outside Actions it prints
// the same, without commands, so that a laptop sees what a job would.
package actions

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/sethvargo/go-githubactions"
)

// Runner is this process's side of the protocol. It is safe for concurrent use. Call Flush before the process ends.
type Runner struct {
	env func(string) string
	dir string

	mu          sync.Mutex // everything below, and the order of what is printed
	secrets     secrets
	out, err    *printer
	shown, more map[Level]int
	outputSize  int
}

// New takes the environment (like os.Getenv), the streams and the working directory of the process. The directory takes
// the place of the workspace outside Actions.
func New(env func(string) string, stdout, stderr io.Writer, dir string) *Runner {
	r := &Runner{env: env, dir: dir, shown: map[Level]int{}, more: map[Level]int{}}
	r.out = &printer{runner: r, to: stdout}
	r.err = &printer{runner: r, to: stderr}
	return r
}

// InActions tells a job from a laptop.
func (r *Runner) InActions() bool { return r.env("GITHUB_ACTIONS") == "true" }

// Debug says whether the person who started the job asked for details.
func (r *Runner) Debug() bool { return r.env("RUNNER_DEBUG") == "1" }

// Input returns an input, trimmed; "" if it was not given. The runner enforces neither presence nor type.
func (r *Runner) Input(name string) string { return r.library(nil).GetInput(name) }

// library is the mandated one, on a writer of ours: it panics where writing fails.
func (r *Runner) library(w io.Writer) *githubactions.Action {
	return githubactions.New(githubactions.WithWriter(w), githubactions.WithGetenv(r.env))
}

// command issues workflow commands at the start of a line. Lines begun by Out are ended first.
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
	issue(r.library(&b))
	_, err := r.out.to.Write(b.Bytes())
	return err
}

// Group folds what is printed until EndGroup under a title. Outside Actions the title is a line.
func (r *Runner) Group(title string) {
	if !r.InActions() {
		fmt.Fprintln(r.Out(), title)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.commandLocked(func(a *githubactions.Action) { a.Group(inertText(r.secrets.hide(title))) })
}

// EndGroup ends the group begun last.
func (r *Runner) EndGroup() {
	if r.InActions() {
		_ = r.command(func(a *githubactions.Action) { a.EndGroup() })
	}
}

// Flush ends lines left open and says how many annotations were not shown as such.
func (r *Runner) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.sayMore()
	for _, p := range []*printer{r.out, r.err} {
		if e := p.endLine(); err == nil {
			err = e
		}
	}
	return err
}
