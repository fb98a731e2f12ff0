package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// ValidateOutcome returns the outcome of the `validate` command.
func ValidateOutcome(r Run) Outcome {
	return r.outcome(view{headline: r.headline(validated), next: r.next()})
}

// validated returns the headline for a validation in which nothing was blocked.
func validated(r Run) doc.Line {
	model := doc.C(r.Plan.Model)
	switch {
	case !r.Judged:
		return doc.L("Nothing evaluated: no gate applies to ", model)
	case r.notEnforced():
		return doc.L("Not enforced: ", r.ifEnforced(model))
	}
	return r.passed(model)
}

// passed counts the gates that passed or did not apply. It counts waived gates, deferred gates and warnings separately.
func (j Judgement) passed(model doc.Span) doc.Line {
	all, waived, deferred, warned := len(j.Verdict.Findings), j.Verdict.Waived(), 0, 0
	for _, f := range j.Verdict.Findings {
		switch {
		case f.Outcome == verdict.Pending:
			deferred++
		case f.Warns():
			warned++
		}
	}
	begin := "Passed"
	var others []string
	if deferred > 0 {
		begin = "Passed so far"
		others = append(others, fmt.Sprintf("%d deferred until the promotion", deferred))
	}
	if warned > 0 {
		others = append(others, fmt.Sprintf("%d warning only", warned))
	}
	if waived > 0 {
		begin += " (" + format.Plural(waived, "gate") + " waived)"
	}
	l := doc.L(fmt.Sprintf("%s: %d of %d gates for ", begin, all-waived-deferred-warned, all), model)
	if len(others) > 0 {
		l = append(l, doc.T(" ("+strings.Join(others, ", ")+")"))
	}
	return l
}

// validateCommand returns a command that validates a different candidate with the same gates.
func (r Run) validateCommand() string {
	words := []string{
		"mlflow-promote", "validate", "--model", format.ShellWord(r.Plan.Model), "--candidate", "runs:/RUN_ID/model",
	}
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

// folded splits a command into short lines. An option and its value stay on the same line.
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

// maxCommand is the maximum length of a line in a command, in characters.
const maxCommand = 84
