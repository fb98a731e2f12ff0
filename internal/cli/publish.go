package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// finishReport reports the command and returns its exit status.
func finishReport(ctx context.Context, s *session) int {
	s.report.Requests, s.report.Rounds = s.servers.cost()
	if s.report.Digest != "" {
		s.report.Stamped = plan.PlanStamp(s.report.Digest, s.p.Now())
	}
	s.report.Receipt.Warnings = slices.Concat(s.report.Receipt.Warnings, s.console.warned(), s.report.Untold())
	compareSignatures(s)
	page := s.report.Page().Map(s.runner.Hide) // before anything is escaped: an escaped secret is not found any more
	remark := writeComment(ctx, s, page)
	keepIssue(ctx, s, page)
	if s.report.Err != nil {
		printError(s, s.report.Err)
	}
	if !s.json && (s.report.Err == nil || s.report.Judged || s.report.Applied || len(s.report.Suggest)+len(s.report.Histories) > 0) {
		io.WriteString(s.runner.Out(), report.Text(page)+"\n")
	}
	if !s.json && (s.report.Requests > 0 || s.report.Reason != registry.OK) {
		printLastLine(s)
	}
	annotateReport(s)
	publishReport(s, append(page, remark...))
	return s.report.Reason.Exit()
}

// printLastLine prints the last line: how it ended, and what that cost.
func printLastLine(s *session) {
	fmt.Fprintf(s.runner.Out(), "%s: %d requests in %d rounds, %d ms\n", s.report.Reason, s.report.Requests, s.report.Rounds, s.report.Took.Milliseconds())
}

// printError shows an error as the person who gets it at 2 a.m. needs it: what, where on the wire, what to do.
func printError(s *session, err error) {
	s.console.printf("error: %v", err)
	for _, p := range s.report.Problems {
		if !strings.HasSuffix(err.Error(), p) {
			s.console.printf("  %s", p)
		}
	}
	var e *registry.Error
	if !errors.As(err, &e) {
		return
	}
	if e.Detail != "" {
		s.console.printf("  %s", e.Detail)
	}
	if e.Hint != "" {
		s.console.printf("  hint: %s", e.Hint)
	}
	if s.report.NotValidated() {
		s.console.printf("  hint: %s", report.ForkHint)
	}
}

// annotateReport puts what failed on the page of the job.
func annotateReport(s *session) {
	if !s.runner.InActions() {
		return
	}
	for _, f := range s.report.Verdict.Findings {
		annotateFinding(s, f)
	}
	if err := s.report.Err; err != nil {
		message := err.Error()
		var e *registry.Error
		if errors.As(err, &e) && e.Hint != "" {
			message += "\nhint: " + e.Hint
		}
		s.runner.Annotate(actions.Annotation{Level: actions.Error, Title: "mlflow-promote: " + string(s.report.Reason), Message: message})
	}
	for _, w := range s.report.Receipt.Warnings {
		s.runner.Annotate(actions.Annotation{Level: actions.Warning, Title: "mlflow-promote", Message: w})
	}
}

// annotateFinding marks a gate that did not pass, at its line where it has one in the repository.
func annotateFinding(s *session, f verdict.Finding) {
	a := actions.Annotation{Level: actions.Error, Title: "Gate " + string(f.Outcome), Message: f.Gate + ": " + f.Why}
	switch {
	case f.Outcome != verdict.Fail && f.Outcome != verdict.Inconclusive:
		return
	case f.Waived():
		a.Level, a.Title = actions.Notice, "Gate waived"
		a.Message += "; " + f.Exception()
	case f.Mode == verdict.ReportMode:
		a.Level = actions.Warning
		a.Message += "; not enforced (report mode)"
	case f.Retains(), !f.Blocks():
		a.Level = actions.Warning
	}
	if f.Fix != "" {
		a.Message += ". To satisfy it: " + f.Fix
	}
	if f.File != policy.ThresholdsInput {
		a.File, a.Line = f.File, f.Line
	}
	s.runner.Annotate(a)
}

// publishReport writes the summary, the outputs and the report file. What cannot be written is said, and changes nothing
// about what was done.
func publishReport(s *session, page report.Doc) {
	result := s.report.Result()
	if s.p.result != nil {
		s.p.result(result)
	}
	var err error
	s.console.say(s.runner.Summary(report.Markdown(page)))
	if s.json && !s.printed {
		s.console.say(s.runner.Data(resultText(result)))
	}
	if !s.runner.InActions() {
		return
	}
	for _, o := range Outputs {
		if o.value != nil {
			s.console.say(s.runner.SetOutput(o.Name, o.value(result)))
		}
	}
	if s.written == "" {
		s.written, err = s.runner.WriteReport("mlflow-promote-"+s.report.Command+"-*.json", []byte(resultText(result)+"\n"))
		s.console.say(err)
	}
	s.console.say(s.runner.SetOutput("report-file", s.written))
	s.console.say(s.runner.SetOutput("predicate-file", writePredicate(s, result.Statement)))
}

// writePredicate writes the predicate of a statement into a file, for actions/attest, which makes the statement itself.
func writePredicate(s *session, of *ledger.Statement) (file string) {
	if of == nil {
		return ""
	}
	text, err := canonical.JSON(of.Predicate)
	if err == nil {
		file, err = s.runner.WriteReport("mlflow-promote-predicate-*.json", append(text, '\n'))
	}
	s.console.say(err)
	return file
}
