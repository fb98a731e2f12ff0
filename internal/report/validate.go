package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Validate is the outcome of the command validate.
func Validate(r Run) Outcome {
	return r.outcome(view{headline: r.headline(validated), next: r.next()})
}

func validated(r Run) Line {
	model := C(r.Plan.Model)
	switch {
	case !r.Judged:
		return line("Not judged: no gate applies to ", model)
	case r.notEnforced():
		return line("Not enforced: ", model, " would have been "+r.otherwise())
	}
	return line(r.passed(), model)
}

// passed counts the gates that passed or did not apply. A gate that is still to be judged is no pass, and neither is one
// that only warns.
func (j Judgement) passed() string {
	all, pending, warned := len(j.Verdict.Findings), 0, 0
	for _, f := range j.Verdict.Findings {
		switch {
		case f.Outcome == verdict.Pending:
			pending++
		case f.Warns():
			warned++
		}
	}
	begin, rest := "Passed", ""
	if pending > 0 {
		begin, rest = "Passed so far", fmt.Sprintf(", %d judged when it is applied", pending)
	}
	if warned > 0 {
		rest += fmt.Sprintf(", %d only a warning", warned)
	}
	if rest != "" {
		rest += ","
	}
	return fmt.Sprintf("%s: %d of %d gates%s for ", begin, all-pending-warned, all, rest)
}

// validateCommand judges another candidate by the same gates.
func (r Run) validateCommand() string {
	words := []string{"mlflow-promote", "validate", "--model", format.ShellWord(r.Plan.Model), "--candidate", "runs:/RUN_ID/model"}
	t := r.Plan.Target
	if t.Alias != "" {
		words = append(words, "--alias", format.ShellWord(t.Alias))
	}
	if t.Stage != "" {
		words = append(words, "--stage", t.Stage)
	}
	var gates []string
	for _, f := range r.Verdict.Findings {
		if f.File == thresholdsInput {
			gates = append(gates, f.Gate)
		}
	}
	if r.Policy != "" {
		words = append(words, "--policy-file", format.ShellWord(r.Policy))
	}
	if len(gates) > 0 {
		words = append(words, "--thresholds", format.ShellWord(strings.Join(gates, "\n")))
	}
	return folded(words)
}

// folded writes a command over as many lines as it takes to keep them short; an option stays with its value.
func folded(words []string) string {
	var b strings.Builder
	width := 0
	for i, w := range words {
		n := utf8.RuneCountInString(w)
		opens := strings.HasPrefix(w, "--")
		if next := i + 1; opens && next < len(words) {
			n += 1 + utf8.RuneCountInString(words[next])
		}
		switch {
		case i == 0:
		case opens && width+1+n > maxCommand:
			b.WriteString(" \\\n  ")
			width = 2
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(w)
		width += utf8.RuneCountInString(w)
	}
	return b.String()
}

// maxCommand is how many characters of a command are on one line of a page.
const maxCommand = 84
