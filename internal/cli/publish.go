package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/outputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// publish prints the outcome, writes it to GitHub and the runner's files, and returns the exit code.
func publish(ctx context.Context, e *env, o report.Outcome, took time.Duration) int {
	usage := report.Usage{Took: took}
	usage.Requests, usage.Rounds = e.servers.Cost()
	annotatePolicy(e, o.Err)
	o.Page = o.Page.Map(e.runner.Hide) // must come before escaping, which would hide secrets from the search
	page := o.Page
	comment := writeComment(ctx, e, o)
	o.Result.Comment, o.Page = comment.url, append(o.Page, comment.note...)
	issue := keepIssue(ctx, e, o.Result.Audit, page)
	if issue.url != "" {
		o.Result.Comment = issue.url
	}
	o.Warnings = slices.Concat(o.Warnings, comment.warnings, issue.warnings)
	if o.Err != nil {
		printError(e, o)
	}
	asText := !e.json && o.Table == ""
	switch {
	case asText && o.HasPage:
		io.WriteString(e.runner.Out(), doc.Terminal(page, e.process.Columns)+"\n")
	case !e.json && !asText:
		o.Unwritten = append(o.Unwritten, e.runner.Table(o.Table))
	}
	if asText && (usage.Requests > 0 || o.Reason != registry.OK) {
		printLastLine(e, o.Reason, usage)
	}
	if e.runner.InActions() {
		annotateAll(e, o.Annotations())
	}
	unwritten := errors.Join(append(o.Unwritten, publishResult(e, o, usage)...)...)
	if unwritten == nil {
		return o.Reason.Exit()
	}
	return incomplete(e, o.Reason, unwritten)
}

// incomplete reports that a part of the outcome could not be written, and returns the exit code. A command that has
// done its work fails anyway, because later steps would continue without its outputs or files.
func incomplete(e *env, reason registry.Reason, unwritten error) int {
	code := reason.Exit()
	if code == registry.ExitDone {
		code = registry.ExitFailed
	}
	lines := format.Lines(unwritten.Error())
	e.console.Printf("error: the outcome (%s) could not be reported completely", reason)
	for _, line := range lines {
		e.console.Printf("  %s", line)
	}
	e.console.Printf("  hint: the changes are printed above; fix the cause and run it again; nothing is done twice")
	if e.runner.InActions() {
		e.runner.Annotate(actions.Annotation{
			Level: actions.Error, Title: "Incomplete report", Message: strings.Join(lines, "; "),
		})
	}
	return code
}

// printLastLine prints the last line: the reason and, if there were requests, their number and the time.
func printLastLine(e *env, reason registry.Reason, u report.Usage) {
	if u.Requests == 0 {
		fmt.Fprintln(e.runner.Out(), reason)
		return
	}
	fmt.Fprintf(e.runner.Out(), "%s: %d requests in %d rounds, %d ms\n",
		reason, u.Requests, u.Rounds, u.Took.Milliseconds())
}

// printError prints the error with its problems, details and hints.
func printError(e *env, o report.Outcome) {
	e.console.Printf("error: %v", o.Err)
	for _, p := range o.Problems {
		if !strings.HasSuffix(o.Err.Error(), p) {
			e.console.Printf("  %s", p)
		}
	}
	var why *registry.Error
	if !errors.As(o.Err, &why) {
		return
	}
	if why.Detail != "" {
		e.console.Printf("  %s", why.Detail)
	}
	if why.Hint != "" {
		e.console.Printf("  hint: %s", why.Hint)
	}
	if o.NotValidated {
		e.console.Printf("  hint: %s", report.ForkHint)
	}
}

func annotateAll(e *env, all []report.Annotation) {
	for _, a := range all {
		e.runner.Annotate(actions.Annotation{
			Level: actions.Level(a.Level), File: a.File, Line: a.Line, Title: a.Title, Message: a.Message,
		})
	}
}

// publishResult writes the job summary, the outputs and the report file. It returns what could not be written.
func publishResult(e *env, o report.Outcome, u report.Usage) (unwritten []error) {
	add := func(err error) { unwritten = append(unwritten, err) }
	result := o.Complete(e.command.Name, u)
	if e.process.result != nil {
		e.process.result(result)
	}
	add(e.runner.Summary(doc.Markdown(append(o.Page, maskedLinks(e, o.Page)...))))
	if e.json && !o.Printed {
		add(e.runner.Data(outputs.JSON(result)))
	}
	if !e.runner.InActions() {
		return unwritten
	}
	hide := e.addresses.Hider(result)
	for _, output := range outputs.All {
		if value, ok := output.Value(result); ok {
			add(e.runner.SetOutput(output.Name, hide(value)))
		}
	}
	file := o.Written
	if file == "" {
		var err error
		name := strings.ReplaceAll(e.command.Name, " ", "-") + "-*.json"
		file, err = e.runner.WriteReport(name, []byte(outputs.JSON(result)+"\n"))
		add(err)
	}
	add(e.runner.SetOutput("report-file", file))
	predicate, err := writePredicate(e, result.Statement)
	add(err)
	add(e.runner.SetOutput("predicate-file", predicate))
	return unwritten
}

// maskedLinks explains links to MLflow that the runner masks in the summary. The reader has to check whether they are
// masked, because the program does not know.
func maskedLinks(e *env, page doc.Page) doc.Page {
	server := e.set.Server.Tracking
	if server == "" || !strings.Contains(doc.Markdown(page), "](<"+server) {
		return nil
	}
	return doc.Page{doc.P("Links lead to ", doc.C(server), ". If that is masked, the address is stored as a secret. "+
		"Store it as a variable to get working links.")}
}

// writePredicate writes the statement's predicate to a file for actions/attest, which builds its own statement from the
// predicate. It returns the path, or "" if there is no statement.
func writePredicate(e *env, of *views.Statement) (file string, err error) {
	if of == nil {
		return "", nil
	}
	text, err := canonical.JSON(of.Predicate)
	if err != nil {
		return "", err
	}
	return e.runner.WriteReport("predicate-*.json", append(text, '\n'))
}
