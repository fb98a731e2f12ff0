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
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// finishReport prints and publishes the report, and returns the exit code.
func finishReport(ctx context.Context, s *session) int {
	s.report.Requests, s.report.Rounds = s.servers.cost()
	if s.report.Digest != "" {
		s.report.Stamped = plan.PlanStamp(s.report.Digest, s.p.Now())
	}
	s.report.Receipt.Warnings = slices.Concat(s.report.Receipt.Warnings, s.console.warned(), s.report.Untold())
	compareSignatures(s)
	page := s.report.Page().Map(s.runner.Hide) // before escaping, which would hide secrets from the search
	commentNote := writeComment(ctx, s, page)
	keepIssue(ctx, s, page)
	if s.report.Err != nil {
		printError(s, s.report.Err)
	}
	hasPage := s.report.Err == nil || s.report.Judged || s.report.Applied ||
		len(s.report.Suggest)+len(s.report.Histories) > 0
	if !s.json && hasPage {
		io.WriteString(s.runner.Out(), doc.Text(page)+"\n")
	}
	if !s.json && (s.report.Requests > 0 || s.report.Reason != registry.OK) {
		printLastLine(s)
	}
	annotateReport(s)
	publishReport(s, append(page, commentNote...))
	return s.report.Reason.Exit()
}

// printLastLine prints the last line: the reason, the number of requests and the time.
func printLastLine(s *session) {
	fmt.Fprintf(s.runner.Out(), "%s: %d requests in %d rounds, %d ms\n",
		s.report.Reason, s.report.Requests, s.report.Rounds, s.report.Took.Milliseconds())
}

// printError prints the error with its problems, details and hints.
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

// annotateReport creates annotations for failed gates, the error and warnings.
func annotateReport(s *session) {
	if s.runner.InActions() {
		annotateAll(s, s.report.Annotations())
	}
}

func annotateAll(s *session, all []report.Annotation) {
	for _, a := range all {
		s.runner.Annotate(actions.Annotation{
			Level: actions.Level(a.Level), File: a.File, Line: a.Line, Title: a.Title, Message: a.Message,
		})
	}
}

// publishReport writes the job summary, the outputs and the report file. If one of them cannot be written, it prints a
// warning, and the result of the command does not change.
func publishReport(s *session, page doc.Page) {
	result := s.report.Result()
	if s.p.result != nil {
		s.p.result(result)
	}
	var err error
	s.console.warnIf(s.runner.Summary(doc.Markdown(page)))
	if s.json && !s.printed {
		s.console.warnIf(s.runner.Data(resultText(result)))
	}
	if !s.runner.InActions() {
		return
	}
	for _, o := range Outputs {
		if o.value != nil {
			s.console.warnIf(s.runner.SetOutput(o.Name, o.value(result)))
		}
	}
	if s.written == "" {
		name := "mlflow-promote-" + s.report.Command + "-*.json"
		s.written, err = s.runner.WriteReport(name, []byte(resultText(result)+"\n"))
		s.console.warnIf(err)
	}
	s.console.warnIf(s.runner.SetOutput("report-file", s.written))
	s.console.warnIf(s.runner.SetOutput("predicate-file", writePredicate(s, result.Statement)))
}

// writePredicate writes the predicate of a statement into a file for actions/attest, which builds its own statement. It
// returns the path, or "" without a statement.
func writePredicate(s *session, of *ledger.Statement) (file string) {
	if of == nil {
		return ""
	}
	text, err := canonical.JSON(of.Predicate)
	if err == nil {
		file, err = s.runner.WriteReport("mlflow-promote-predicate-*.json", append(text, '\n'))
	}
	s.console.warnIf(err)
	return file
}
