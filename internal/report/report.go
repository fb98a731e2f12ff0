package report

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Report is everything a page or a result says, gathered when the command has ended, well or badly.
type Report struct {
	Command string
	Reason  registry.Reason
	Dry     bool
	DryWhy  string // why it is a dry run although nobody asked for one
	Facts   fact.Facts
	Judged  bool
	Verdict verdict.Verdict
	Plan    plan.Plan
	Planned bool
	Digest  string // of the plan
	Stamped string // the digest with the minute in front, as people pass it on
	Receipt plan.Receipt
	Ledger  LedgerNote
	GitHub
	Histories  []History
	Statement  *ledger.Statement // that was asked for
	Audit      *Audit
	Applied    bool
	Err        error
	Title      Line // with Body: a page of its own kind
	Body       Doc
	Data       any      // what the page says, for programs
	Policy     string   // the file that was judged by; "" where none was
	PolicyNote string   // why the policy was left aside
	NoPolicy   string   // where a policy was looked for and not found
	Problems   []string // with the inputs or the policy file
	// Signature is how the candidate's contract relates to the incumbent's, where a reviewer is to see it.
	Signature        string
	SignatureChanges []string

	Suggest  []string // thresholds to paste, where there was no gate
	Server   *registry.Server
	Tracking string // address for links
	Workflow Workflow
	Requests int
	Rounds   int
	Took     time.Duration
}

// Page composes the page: verdict first, then why, then what happened, then what to do next.
func (r Report) Page() Doc {
	if len(r.Histories) > 0 || r.Command == "history" && r.Err == nil {
		return r.historyPage()
	}
	if r.Audit != nil {
		return r.auditPage()
	}
	d := append(r.promise(), Heading{r.headline()})
	if r.Dry {
		d = append(d, Para{line(dryLine(r))})
	}
	d = append(d, r.reportMode()...)
	if len(r.Plan.Override) > 0 {
		d = append(d, Para{line("Overridden for this run: ", C(strings.Join(r.Plan.Override, ", ")))})
	}
	if r.Body != nil {
		if pr := r.pullRequestRow(); pr != nil {
			d = append(d, Table{[]string{"", ""}, pr})
		}
		return append(d, r.Body...)
	}
	if r.Server != nil {
		d = append(d, r.serverTable()...)
		d = append(d, r.problem()...)
		d = append(d, r.steps()...)
		d = append(d, r.notes()...)
		return append(d, r.next()...)
	}
	d = append(d, r.waivers()...)
	d = append(d, r.subject()...)
	d = append(d, r.problem()...)
	if r.Judged && len(r.Verdict.Findings) > 0 {
		d = append(d, r.gateTable())
		d = append(d, fixes(r.Verdict)...)
	}
	d = append(d, r.signature()...)
	if len(r.Suggest) > 0 {
		d = append(d, Para{line("The candidate passes these thresholds (its own values, rounded); paste them, then adjust:")},
			Code{"yaml", "thresholds: |\n  " + strings.Join(r.Suggest, "\n  ")})
	}
	d = append(d, r.steps()...)
	d = append(d, r.notes()...)
	return append(d, r.next()...)
}

func dryLine(r Report) string {
	if r.DryWhy != "" {
		return "Dry run (" + r.DryWhy + "): nothing was written."
	}
	return "Dry run: nothing was written."
}

// headline is the verdict in one line.
func (r Report) headline() Line {
	l := r.outcome()
	if r.Command == "promote" && r.notEnforced() {
		l = append(l, T("; it would have been "+r.otherwise()))
	}
	return l
}

// outcome says what happened, or would happen.
func (r Report) outcome() Line {
	model, target := C(r.Plan.Model), targetSpan(r.Plan.Target)
	number := strconv.Itoa(r.number())
	if r.Title != nil {
		return r.Title
	}
	if r.NotValidated() {
		return notValidated
	}
	switch r.Reason {
	case registry.OK, registry.Unchanged:
	case registry.Retained:
		return line("Kept: ", target, " of ", model, " names version "+strconv.Itoa(r.Plan.Incumbent)+" still; the candidate is not better")
	case registry.BadPolicy:
		return line("Bad policy: ", C(message(r.Err)))
	case registry.Blocked:
		return line("Blocked: ", shortfall(r.Verdict), " for ", model)
	case registry.NoGates:
		return line("Refused: no gate says what ", model, " must achieve")
	case registry.Unknown:
		return line("Not known whether it took effect: ", C(message(r.Err)))
	case registry.Cancelled:
		return line("Cancelled")
	default:
		if r.Reason.Exit() == registry.ExitRefused {
			return line("Refused: ", C(message(r.Err)))
		}
		return line("Failed: ", C(message(r.Err)))
	}
	switch {
	case r.Server != nil && r.Planned && r.Reason == registry.OK && !r.Dry:
		return line("Repaired: ", model)
	case r.Server != nil:
		return line("Server: ", C(r.Server.Address))
	case r.Command == "validate" && !r.Judged:
		return line("Not judged: no gate applies to ", model)
	case r.Command == "validate" && r.notEnforced():
		return line("Not enforced: ", model, " would have been "+r.otherwise())
	case r.Command == "validate":
		return line(r.passed(), model)
	case r.Command == "alias":
		return r.aliasHeadline()
	case r.Reason == registry.Unchanged && r.Plan.Moves():
		return line("Unchanged: ", target, " of ", model, " names version ", number)
	case r.Command == "rollback":
		return r.rollbackHeadline()
	case r.Reason == registry.Unchanged && r.Command == "promote":
		return line("Unchanged: ", target, " of ", model, " names version ", number, " already")
	case r.Reason == registry.Unchanged:
		return line("Unchanged: ", model, " has version ", number, " already")
	case r.Dry && r.Command == "promote" && r.Plan.Confirms() && r.Plan.Resumes == 0:
		return line("Would adopt: ", target, " of ", model, " names version ", number, " already, moved there by ", r.movers(), "; that would be judged again and recorded")
	case r.Dry && r.notesOnly():
		return line("Would move nothing: ", target, " of ", model, " names version ", number, " already; only notes on it would be written")
	case r.notesOnly():
		return line("Unchanged: ", target, " of ", model, " names version ", number, " already; only notes on it were written")
	case r.Dry && r.Command == "promote":
		return line("Would promote ", model, " to ", target)
	case r.Dry:
		return line("Would register ", model)
	case r.Command == "promote" && r.Plan.Confirms() && r.Plan.Resumes == 0:
		return line("Adopted: ", target, " of ", model, " names version ", number, " already, moved there by ", r.movers(), "; judged and recorded")
	case r.Command == "promote":
		return line("Promoted: ", target, " of ", model, " names version ", number, r.was())
	}
	return line("Registered: ", model, " version ", number)
}

// movers says who moved the target to where it was found.
func (r Report) movers() string {
	if len(r.Plan.MovedOutside(r.Facts)) == 0 {
		return "a promotion that was cut off"
	}
	return "others"
}

// notesOnly reports a promotion that has nothing to move, and nothing of an earlier one to finish: what moved the target
// got no further.
func (r Report) notesOnly() bool {
	return r.Command == "promote" && r.Reason == registry.OK && !r.Plan.Moves() && r.Plan.Resumes == 0
}

// passed counts the gates that passed or did not apply. A gate that is still to be judged is no pass, and neither is one
// that only warns.
func (r Report) passed() string {
	all, pending, warned := len(r.Verdict.Findings), 0, 0
	for _, f := range r.Verdict.Findings {
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

// shortfall counts the gates that did not pass and are no mere warning: "1 of 3 gates failed, 1 could not be evaluated".
func shortfall(v verdict.Verdict) string {
	failed, unclear, all := 0, 0, len(v.Findings)
	for _, f := range v.Failed() {
		if f.Outcome == verdict.Inconclusive {
			unclear++
		} else {
			failed++
		}
	}
	switch {
	case unclear == 0:
		return fmt.Sprintf("%d of %d gates failed", failed, all)
	case failed == 0:
		return fmt.Sprintf("%d of %d gates could not be evaluated", unclear, all)
	}
	return fmt.Sprintf("%d of %d gates failed, %d could not be evaluated", failed, all, unclear)
}

// notEnforced reports whether the command went ahead although the gates said otherwise.
func (r Report) notEnforced() bool {
	return r.Judged && r.Err == nil && r.Verdict.NotEnforced()
}

// otherwise is what the gates would have decided, were they enforced.
func (r Report) otherwise() string {
	if r.Verdict.Decision == verdict.Retain {
		return "kept back in favour of the incumbent: " + shortfall(r.Verdict)
	}
	return "blocked: " + shortfall(r.Verdict)
}

// reportMode says that gates were judged and not enforced, and how to enforce them.
func (r Report) reportMode() Doc {
	if !r.Judged || r.Verdict.Mode != verdict.ReportMode {
		return nil
	}
	var targets []string
	for _, f := range r.Verdict.Findings {
		if f.Mode == verdict.ReportMode && !slices.Contains(targets, f.Target) {
			targets = append(targets, f.Target)
		}
	}
	return Doc{Para{line(
		"Report mode: the gates for ", C(strings.Join(targets, ", ")), " are judged and shown, and block nothing. ",
		"To enforce them, remove ", C("mode: report"), " from ", C(r.Policy), ".",
	)}}
}

// targetSpan names the target as data: an alias behind @ would be a mention of somebody.
func targetSpan(t registry.Target) Line {
	switch {
	case t.Alias != "" && t.Stage != "":
		return line(C(registry.AliasRef(t.Alias).String()), " and ", t.Stage)
	case t.Alias != "":
		return line(C(registry.AliasRef(t.Alias).String()))
	}
	return line(t.Stage)
}

// was says what the target named before.
func (r Report) was() string {
	switch {
	case r.Plan.Incumbent == r.number():
		return "" // a part of the target named it already
	case r.crowded():
		return ", before that " + versions(registry.PointsTo(r.Facts.StageHolders...))
	case r.Plan.Incumbent == 0:
		return ", which named none"
	}
	return fmt.Sprintf(", was %d", r.Plan.Incumbent)
}

// crowded reports a stage that held several versions, none of which was the incumbent.
func (r Report) crowded() bool {
	return r.Plan.Incumbent == 0 && r.Plan.Target.Stage != "" && len(r.Facts.StageHolders) > 1
}

// number is the candidate's version number as far as it is known.
func (r Report) number() int {
	if r.Receipt.Version != 0 {
		return r.Receipt.Version
	}
	return r.Plan.Version
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// subject names what was judged and where to look at it.
func (r Report) subject() Doc {
	if !r.Planned {
		return nil
	}
	rows := [][]Line{{line("model"), line(r.modelLink())}}
	if r.Plan.Candidate != "" {
		rows = append(rows, []Line{line("candidate"), line(C(r.Plan.Candidate))})
	}
	if run, ok := r.Facts.Candidate.Run.Get(); ok {
		rows = append(rows, []Line{line("run"), line(Span{Text: run.ID, Code: true, URL: r.runURL(run)})})
		if commit := run.Tags[registry.RunTagCommit]; commit != "" {
			rows = append(rows, []Line{line("trained from commit"), line(Span{Text: commit, Code: true, URL: r.Workflow.commit(run)})})
		}
	}
	if n := r.number(); n != 0 {
		rows = append(rows, []Line{line("version"), line(Span{Text: strconv.Itoa(n), URL: r.versionURL(n)})})
	}
	if !r.Plan.Target.Empty() {
		incumbent := "none"
		switch {
		case r.crowded():
			incumbent = "several: " + versions(registry.PointsTo(r.Facts.StageHolders...))
		case r.Plan.Incumbent != 0:
			incumbent = strconv.Itoa(r.Plan.Incumbent)
		}
		if r.Policy != "" {
			rows = append(rows, []Line{line("policy"), line(C(r.Policy))})
		}
		rows = append(rows, []Line{line("target"), targetSpan(r.Plan.Target)}, []Line{line(r.replaced()), line(incumbent)})
	}
	rows = append(append(rows, r.approvedRow()...), r.pullRequestRow()...)
	return Doc{Table{[]string{"", ""}, rows}}
}

// replaced is what to call the version that the target named when it was looked at: after a finished rollback it is the
// one that was taken back.
func (r Report) replaced() string {
	if r.Command == "rollback" && r.Applied && r.Reason == registry.OK {
		return "was"
	}
	return "incumbent"
}

// problem is the error with its wire detail and hint.
func (r Report) problem() Doc {
	if r.Err == nil {
		return nil
	}
	var d Doc
	if r.NotValidated() {
		d = append(d, Para{line(ForkHint)}, Para{line("What was found: ", C(r.Err.Error()))})
	}
	var e *registry.Error
	if !errors.As(r.Err, &e) {
		return append(d, Para{line("Error: ", C(r.Err.Error()))})
	}
	if r.Reason == registry.Cancelled || r.Reason == registry.Blocked {
		d = append(d, Para{line(C(e.Msg))})
	}
	if e.Detail != "" {
		d = append(d, Para{line("Request: ", C(e.Detail))})
	}
	return append(d, hint(e.Hint)...)
}

// hint is what to do. Of several lines the first leads in the others: versions that were looked at, commands, choices.
func hint(text string) Doc {
	if text == "" {
		return nil
	}
	lead, rest, several := strings.Cut(text, "\n")
	d := Doc{Para{line("What to do: ", lead)}}
	if !several {
		return d
	}
	var items []Line
	for l := range strings.SplitSeq(rest, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			items = append(items, line(l))
		}
	}
	return append(d, List{items})
}

// waivers are among the first lines: somebody took something on.
func (r Report) waivers() Doc {
	var items []Line
	for _, w := range r.Verdict.Waivers {
		items = append(items, line("Exception: ", C(w)))
	}
	if r.PolicyNote != "" {
		items = append(items, line("Without the policy: ", C(r.PolicyNote)))
	}
	if len(items) == 0 {
		return nil
	}
	return Doc{List{items}}
}

// brief shortens a measured number to six digits, for reading. It stays whole where the shortening would make it look
// equal to what it is compared with.
func brief(text string, f verdict.Finding) string {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) <= 8 || len(text) > 24 || math.Abs(v) == math.MaxFloat64 { // a digest may look like a number
		return text
	}
	short := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, other := range append(strings.Fields(f.Wanted), f.Candidate, f.Incumbent) {
		w, err := strconv.ParseFloat(other, 64)
		if err == nil && w != v && short(w) == short(v) {
			return text
		}
	}
	return short(v)
}

func (r Report) gateTable() Table {
	t := Table{Head: []string{"gate", "wanted", "candidate", "incumbent", "verdict"}}
	if r.Policy != "" {
		t.Head = append(t.Head, "line")
	}
	for _, f := range r.Verdict.Findings {
		row := []Line{
			line(C(f.Gate)), line(C(f.Wanted)), line(C(observed(f))), line(orDash(brief(f.Incumbent, f))), line(outcome(f)),
		}
		if r.Policy != "" {
			at := Span{Text: "–"}
			if f.Line > 0 {
				at = Span{Text: strconv.Itoa(f.Line), URL: r.Workflow.line(f.File, f.Line)}
			}
			if f.File != r.Policy {
				at = Span{Text: f.File}
			}
			row = append(row, line(at))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// outcome names what a finding does where that is not the rule.
func outcome(f verdict.Finding) string {
	switch {
	case f.Waived():
		return string(f.Outcome) + ", waived"
	case f.Mode == verdict.ReportMode && (f.Blocks() || f.Retains()):
		return string(f.Outcome) + ", not enforced"
	case f.Retains():
		return "fail, keeps the incumbent"
	case f.Warns():
		return string(f.Outcome) + ", only a warning"
	}
	return string(f.Outcome)
}

func orDash(data string) any {
	if data == "" {
		return "–"
	}
	return C(data)
}

// fixes explains every finding that is not a plain pass.
func fixes(v verdict.Verdict) Doc {
	var items []Line
	for _, f := range v.Findings {
		if f.Why == "" {
			continue
		}
		l := line(C(f.Gate), ": ", f.Why)
		if f.Fix != "" {
			stop := "."
			if strings.HasSuffix(f.Why, "?") {
				stop = ""
			}
			l = append(l, line(stop, " To satisfy it: ", f.Fix)...)
		}
		items = append(items, append(l, T(".")))
	}
	if len(items) == 0 {
		return nil
	}
	return Doc{List{items}}
}

// steps lists what was done, or would be.
func (r Report) steps() Doc {
	if r.Applied && len(r.Receipt.Results) > 0 {
		t := Table{Head: []string{"step", "from", "to", "result"}}
		for _, s := range r.Receipt.Results {
			step := s.Step
			if r.number() != 0 {
				step = step.For(r.number())
			}
			result := string(s.Done)
			if s.Note != "" {
				result += ": " + s.Note
			}
			t.Rows = append(t.Rows, []Line{r.stepName(step), line(orDash(step.Was.String())), line(orDash(wanted(step, s))), line(result)})
		}
		return Doc{Para{line("What was done:")}, t}
	}
	if r.shown() && len(r.Plan.Steps) > 0 {
		t := Table{Head: []string{"step", "from", "to"}}
		for _, s := range r.Plan.Steps {
			t.Rows = append(t.Rows, []Line{r.stepName(s), line(orDash(s.Was.String())), line(orDash(wanted(s, plan.StepResult{})))})
		}
		words := newVersion(r.Plan)
		if len(words) > 0 && r.PullRequest != nil { // a reviewer reads the moves
			words = Doc{Details{"Tags of the new version", words}}
		}
		return append(append(Doc{Para{line(r.would())}, t}, words...), Para{line("Plan digest: ", C(r.Stamped))})
	}
	return nil
}

// shown reports whether the plan is all there is: of a dry run, and of a pull request.
func (r Report) shown() bool { return r.Dry || r.PullRequest != nil && !r.Applied }

func (r Report) would() string {
	if r.PullRequest != nil {
		return "What merging would do:"
	}
	return "What would be done:"
}

// newVersion lists the words that go with a creation: they are part of what a dry run promises.
func newVersion(p plan.Plan) Doc {
	for _, s := range p.Steps {
		if s.Do != plan.CreateVersion {
			continue
		}
		t := Table{Head: []string{"tag of the new version", "value"}}
		for _, key := range slices.Sorted(maps.Keys(s.Tags)) {
			t.Rows = append(t.Rows, []Line{line(C(key)), line(C(short(s.Tags[key])))})
		}
		d := Doc{t}
		if s.Description != "" {
			d = append(d, Para{line("Its description: ", C(short(s.Description)))})
		}
		return d
	}
	return nil
}

func wanted(s plan.Step, result plan.StepResult) string {
	switch {
	case s.Do == plan.CreateVersion && !result.Saw.IsZero():
		return result.Saw.String()
	case s.Name == registry.TagRecord:
		return "this decision in short"
	case s.Want.Text == plan.AtTime:
		return "the time of the move"
	}
	if s.Want.Versions.Has(registry.NextVersion) {
		return short(withNew(s.Want.Versions.Without(registry.NextVersion)))
	}
	return short(s.Want.String())
}

// withNew lists these versions and the one that is to be created.
func withNew(others registry.Versions) string {
	if len(others) == 0 {
		return "the new version"
	}
	return others.String() + ",the new version"
}

// short cuts a value for a table cell.
func short(text string) string {
	if r := []rune(text); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return text
}

func (r Report) stepName(s plan.Step) Line {
	switch s.Do {
	case plan.CreateModel:
		return line("create registered model ", C(s.Model))
	case plan.CreateVersion:
		return line("register ", C(s.Source.URI))
	case plan.SetAlias:
		return line("move alias ", C(s.Name))
	case plan.DeleteAlias:
		return line("remove alias ", C(s.Name))
	case plan.TagAlias:
		return line("move tag ", C(registry.FallbackTag(s.Name)))
	case plan.SetModelTag:
		return line("set tag ", C(s.Name), " of the registered model")
	case plan.SetStage:
		if s.Archive {
			return line("move to stage ", C(s.Name), ", archive its other holders")
		}
		return line("move to stage ", C(s.Name))
	case plan.Describe:
		return line("describe the version")
	}
	if s.Version != r.number() { // not the candidate
		return line("set tag ", C(s.Name), " of version "+strconv.Itoa(s.Version))
	}
	return line("set tag ", C(s.Name))
}

func (r Report) notes() Doc {
	var items []Line
	for _, n := range r.Plan.Notes {
		items = append(items, line(n))
	}
	if r.NoPolicy != "" {
		items = append(items, line(r.NoPolicy))
	}
	items = append(items, r.ledgerNotes()...)
	items = append(items, r.gitHubNotes()...)
	for _, w := range r.Receipt.Warnings {
		items = append(items, line("warning: ", w))
	}
	for _, n := range r.unread() {
		items = append(items, line(C(n)))
	}
	if len(items) == 0 {
		return nil
	}
	return Doc{List{items}}
}

// unread says what could not be read of the candidate's files, and what that does not touch.
func (r Report) unread() []string {
	why := r.Facts.Candidate.MLmodel.Why()
	if why == "" || why == "not gathered" || !r.Planned {
		return nil
	}
	notes := []string{"no lineage from the MLmodel file: " + why}
	if run, ok := r.Facts.Candidate.Run.Get(); ok && run.ArtifactURI != "" {
		notes = append(notes, "the server reads the run's files under "+run.ArtifactURI+"; gates on metrics do not need them, gates on the model's files do")
	}
	return notes
}

// next is the command or line to use from here.
func (r Report) next() Doc {
	switch {
	case r.Reason == registry.OK && r.Command == "promote" && !r.Dry:
		return Doc{Para{line("Load it with:")}, Code{"python", r.loading()}}
	case r.Reason == registry.OK && r.Command == "register" && !r.Dry:
		return Doc{Para{line("Promote it with:")},
			Code{"sh", fmt.Sprintf("mlflow-promote promote --model %s --candidate %s --alias champion --thresholds '…'", format.ShellWord(r.Plan.Model), format.ShellWord(fmt.Sprintf("models:/%s/%d", r.Plan.Model, r.number())))}}
	case r.Reason == registry.Blocked:
		return Doc{Para{line("Judge another candidate, writing nothing, with:")}, Code{"sh", r.validateCommand()}}
	case r.PullRequest != nil && r.Reason == registry.OK && len(r.Plan.Steps) > 0:
		return Doc{Para{line("After the merge the same step applies this plan, and nothing else, with:")}, Code{"yaml", "command: promote\nplan-digest: pull-request"}}
	case r.Dry && r.Reason == registry.OK:
		return Doc{Para{line("Run the same without ", C("dry-run"), " to carry it out.")}}
	}
	return nil
}

// loading is a whole Python program that loads what the target names, with the stock client.
func (r Report) loading() string {
	if alias := r.Plan.Target.Alias; alias != "" && r.Facts.Fallback != nil && r.Plan.Target.Stage == "" {
		return fmt.Sprintf(`import mlflow
client = mlflow.MlflowClient()
versions = [v for v in client.search_model_versions(%q) if v.tags.get(%q) == "true"]
holder = max(versions, key=lambda v: int(v.version))  # of several, while it is moved, the highest number
model = mlflow.pyfunc.load_model(f"models:/{holder.name}/{holder.version}")`, nameFilter(r.Plan.Model), registry.FallbackTag(alias))
	}
	return fmt.Sprintf("import mlflow\nmodel = mlflow.pyfunc.load_model(%q)", r.ModelURI())
}

// nameFilter is a term of MLflow's search, whose grammar has two kinds of quotes and no escapes.
func nameFilter(name string) string {
	if strings.Contains(name, "'") {
		return `name="` + name + `"`
	}
	return "name='" + name + "'"
}

// aliasHeadline says what became of the aliases asked for.
func (r Report) aliasHeadline() Line {
	model := C(r.Plan.Model)
	if r.Reason == registry.Unchanged {
		return line("Unchanged: the aliases of ", model, " are as asked for")
	}
	l := line("Aliases of ", model)
	if r.Dry {
		l = line("Would set aliases of ", model)
	}
	for i, s := range r.Plan.Steps {
		if s.Kind() != plan.Move {
			break
		}
		glue := ", "
		if i == 0 {
			glue = ": "
		}
		l = append(append(l, T(glue)), aliasSpan(s)...)
	}
	return l
}

func aliasSpan(s plan.Step) Line {
	switch {
	case s.Do == plan.SetModelTag:
		return line(C(s.Name), " is ", C(s.Want.Text))
	case s.Want.IsZero():
		return line(C(registry.AliasRef(s.Name).String()), " removed")
	}
	return line(C(registry.AliasRef(s.Name).String()), " names "+s.Want.String())
}

// validateCommand judges another candidate by the same gates.
func (r Report) validateCommand() string {
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
		if f.File == "thresholds" {
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

// ModelURI is how a consumer loads what the target names; "" where no version is known.
func (r Report) ModelURI() string {
	t := r.Plan.Target
	switch {
	case r.Plan.Model == "" || r.number() == 0:
		return ""
	case r.moved() && t.Alias != "" && r.Facts.Fallback == nil:
		return "models:/" + r.Plan.Model + "@" + t.Alias
	case r.moved() && t.Stage != "":
		return "models:/" + r.Plan.Model + "/" + t.Stage
	}
	return fmt.Sprintf("models:/%s/%d", r.Plan.Model, r.number())
}

// moved reports whether the target names the candidate now.
func (r Report) moved() bool {
	return !r.Dry && (r.Command == "promote" || r.Command == "rollback") && (r.Reason == registry.OK || r.Reason == registry.Unchanged)
}

func (r Report) modelLink() Span {
	return Span{Text: r.Plan.Model, Code: true, URL: r.link("/#/models/" + url.PathEscape(r.Plan.Model))}
}

func (r Report) versionURL(n int) string { return r.VersionURL(strconv.Itoa(n)) }

// VersionURL is the page of a version in MLflow; the model's own where the version is "".
func (r Report) VersionURL(version string) string {
	path := "/#/models/" + url.PathEscape(r.Plan.Model)
	if version != "" {
		path += "/versions/" + version
	}
	return r.link(path)
}

func (r Report) runURL(run registry.Run) string {
	return r.link("/#/experiments/" + url.PathEscape(run.ExperimentID) + "/runs/" + url.PathEscape(run.ID))
}

func (r Report) link(path string) string {
	if r.Tracking == "" {
		return ""
	}
	return strings.TrimSuffix(r.Tracking, "/") + path
}

func (r Report) serverTable() Doc {
	s := r.Server
	yes := func(b bool, no string) string {
		if b {
			return "yes"
		}
		return no
	}
	or := func(text, none string) string {
		if text == "" {
			return none
		}
		return text
	}
	models := strconv.Itoa(s.Models)
	if s.MoreModels {
		models = "more than " + models
	}
	t := Table{[]string{"what", "found"}, [][]Line{
		{line("MLflow version"), line(C(or(s.Version, "not told")))},
		{line("store"), line(or(s.Store, "not told") + ": " + s.StoreWhy)},
		{line("login"), line(loginText(s.Login)...)},
		{line("registered models this login sees"), line(models)},
		{line("aliases"), line(yes(s.Aliases, "no: they came with MLflow 2.3; a tag alias_<alias>=true stands for each"))},
		{line("logged models"), line(yes(s.LoggedModels, "no: they came with MLflow 3.0; run artifacts are used"))},
		{line("workspaces"), line(yes(s.Workspaces, "no"))},
		{line("artifacts"), line(s.Artifacts)},
	}}
	if s.Ledger.State != "" {
		t.Rows = append(t.Rows, []Line{line("promotion ledger"), line(C(s.Ledger.State))})
	}
	if s.Ledger.State != "" && s.Ledger.Guard != "" {
		t.Rows = append(t.Rows, []Line{line("who may edit it"), line(s.Ledger.Guard)})
	}
	d := Doc{t}
	var items []Line
	for _, w := range s.Warnings {
		items = append(items, line("warning: ", C(w)))
	}
	if len(items) > 0 {
		d = append(d, List{items})
	}
	if len(s.Ledger.Grants) > 0 {
		d = append(d, Para{line("So that another login, here ", C("USER"), ", may promote this model with the same ledger:")}, Code{"", strings.Join(s.Ledger.Grants, "\n")})
	}
	return d
}

// loginText says who the server takes us for and what was granted.
func loginText(known registry.Known[registry.Login]) []any {
	l, ok := known.Get()
	name := any(C(l.User))
	if l.User == "" {
		name = "a user name that is a credential, so it is not shown"
	}
	switch {
	case !ok:
		return []any{known.Why()}
	case l.Admin:
		return []any{name, ", an administrator"}
	case len(l.Rights) == 0:
		return []any{name, ", with the rights that everybody has"}
	}
	var rights []string
	for _, model := range slices.Sorted(maps.Keys(l.Rights)) {
		rights = append(rights, l.Rights[model]+" on "+model)
	}
	return []any{name, ", with ", C(short(strings.Join(rights, ", ")))}
}

func hintOf(err error) string {
	var e *registry.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}
