// Command mutants breaks the code that judges models in many small ways, one at a time, and checks that a test fails
// each time. A test that passes on broken code proves nothing. Every file is restored afterwards.
package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// mutant is one change that breaks the code.
type mutant struct {
	what     string
	file     string // relative to internal/
	from, to string // from must occur exactly once in the file
	test     string // the test that must fail
}

var mutants = []mutant{
	{
		what: "a search without outputs counts for candidate best",
		file: "mlflow/gather/best.go",
		from: "if run.Outputs != nil || len(s.models) == 0 {",
		to:   "if true || len(s.models) == 0 {",
		test: "TestBest_SearchWithoutOutputs",
	},
	{
		what: "a search without outputs counts in an audit",
		file: "mlflow/crawl/details.go",
		from: "!ok || !logged || run.Outputs != nil {",
		to:   "!ok || !logged || true {",
		test: "TestAudit_SearchWithoutOutputs",
	},
	{
		what: "an operator is reversed",
		file: "policy/compare/operator.go",
		from: "return value >= limit",
		to:   "return value <= limit",
		test: "TestGates",
	},
	{
		what: "a limit excludes itself",
		file: "policy/compare/operator.go",
		from: "return value <= limit",
		to:   "return value < limit",
		test: "TestMetric_LimitsAreInclusive",
	},
	{
		what: "NaN and infinity count as measurements",
		file: "registry/model.go",
		from: "return !math.IsNaN(p.Value) && math.Abs(p.Value) < math.MaxFloat64",
		to:   "return !math.IsNaN(p.Value) || true",
		test: "TestThresholds_NaN",
	},
	{
		what: "a model's 0 counts although the run has NaN",
		file: "fact/value.go",
		from: "case math.IsNaN(last.Value):\n\t\treturn last",
		to:   "case math.IsNaN(last.Value):\n\t\treturn m.Point",
		test: "TestChoose/a_zero_of_a_run_that_logged_NaN",
	},
	{
		what: "a model's 0 counts although its run continued",
		file: "fact/value.go",
		from: "case !ok || last.Step != m.Step || !last.Time.Equal(m.Time):\n",
		to:   "case !ok || last.Step != m.Step || !last.Time.Equal(m.Time):\n\t\treturn m.Point\n",
		test: "TestChoose/a_zero_before_the_last_of_its_run",
	},
	{
		what: "inconclusive passes",
		file: "verdict/verdict.go",
		from: "return !f.Absent || f.OnFail != OnFailWarn",
		to:   "return false",
		test: "TestOnFail",
	},
	{
		what: "only the first gate is judged",
		file: "policy/judge.go",
		from: "for _, g := range list {\n\t\tf := g.Check",
		to:   "for _, g := range list[:min(1, len(list))] {\n\t\tf := g.Check",
		test: "TestGates",
	},
	{
		what: "a target without gates passes",
		file: "verdict/verdict.go",
		from: "if len(v.Findings) == 0 {\n\t\tv.Decision = Block",
		to:   "if len(v.Findings) == 0 {\n\t\tv.Decision = Promote",
		test: "TestTargets_NeedGates",
	},
	{
		what: "retain wins over block",
		file: "verdict/verdict.go",
		from: "if f.Blocks() {\n\t\t\tv.Decision = Block",
		to:   "if f.Blocks() && v.Decision != Retain {\n\t\t\tv.Decision = Block",
		test: "TestOnFail_BlockBeforeRetain",
	},
	{
		what: "a waiver never expires",
		file: "policy/waiver.go",
		from: "return err != nil || now.IsZero() || !now.Before(day.AddDate(0, 0, 1))",
		to:   "return err != nil && day.IsZero()",
		test: "TestWaiver_Expires",
	},
	{
		what: "the author's own approval counts",
		file: "policy/approvals/approvals.go",
		from: "barred := len(why) > 0",
		to:   "barred := false",
		test: "TestApproval_RolesAndStates",
	},
	{
		what: "the mapped trainer's approval counts",
		file: "fact/review.go",
		from: "add(login, RoleTrainer)",
		to:   "_ = login",
		test: "TestApproval_Outcomes",
	},
	{
		what: "an approval of an earlier attempt counts",
		file: "policy/approvals/approvals.go",
		from: "attempt != 1 && !g.AnyAttempt",
		to:   "attempt < 0",
		test: "TestApproval_Outcomes",
	},
	{
		what: "an approval of any environment counts",
		file: "policy/approvals/approvals.go",
		from: "g.Environment != \"\" && strings.EqualFold(a.Environment, g.Environment)",
		to:   "true",
		test: "TestApproval_RolesAndStates",
	},
	{
		what: "a report about another run counts",
		file: "policy/gates/gate_evidence.go",
		from: "case d.RunID != \"\" && (run.ID == \"\" || d.RunID != run.ID):",
		to:   "case false:",
		test: "TestEvidence_OddForms",
	},
	{
		what: "duplicate keys are accepted",
		file: "evidence/json.go",
		from: "if seen[key] {",
		to:   "if false {",
		test: "TestEvidence_OddForms",
	},
	{
		what: "a key in different case is ignored",
		file: "evidence/node.go",
		from: "case strings.EqualFold(k, key):",
		to:   "case false:",
		test: "TestEvidence_OddForms",
	},
	{
		what: "a result lowers the level of its rule",
		file: "evidence/sarif.go",
		from: "level = max(level, levelOr(p.at(\"level\"), Informational))",
		to:   "level = levelOr(p.at(\"level\"), level)",
		test: "TestEvidence_OddForms",
	},
	{
		what: "a missing slice passes",
		file: "policy/gates/gate_slices.go",
		from: "if !slices.Contains(names, name) {",
		to:   "if false {",
		test: "TestSlices_MissingSlice",
	},
	{
		what: "an expression is evaluated without its facts",
		file: "policy/gates/gate_expression.go",
		from: "if len(gaps) > 0 {",
		to:   "if false {",
		test: "TestExpression_NeedsAllFacts",
	},
	{
		what: "a new required input is not breaking",
		file: "signature/signature.go",
		from: "if c.required {",
		to:   "if false {",
		test: "TestCompare",
	},
	{
		what: "the margin is doubled",
		file: "policy/gates/gate_regression.go",
		from: "return value + m.Fixed + math.Abs(value)*m.Percent/100",
		to:   "return value + 2*m.Fixed + math.Abs(value)*m.Percent/50",
		test: "TestRegression_Margins",
	},
	{
		what: "the wrong tail of the distribution",
		file: "policy/compare/ttest.go",
		from: "return 1 - tail",
		to:   "return tail",
		test: "TestNonInferiority_SciPy",
	},
	{
		what: "deferred gates are judged in a plan",
		file: "policy/judge.go",
		from: "if !g.Deferred {",
		to:   "if true {",
		test: "TestForPlan",
	},
	{
		what: "anyone's comment counts as a plan",
		file: "github/client.go",
		from: "return err == nil && author.login() == me, err",
		to:   "return err == nil && author.login() != \"\" && me != \"\", err",
		test: "TestCommented_OnlyOurs",
	},
	{
		what: "a review of an older commit counts",
		file: "github/review.go",
		from: "case r.Commit != head:",
		to:   "case r.Commit == \"\":",
		test: "TestReview_PullRequest",
	},
	{
		what: "read access is enough to approve",
		file: "github/review.go",
		from: "if !may {",
		to:   "if !may && asked < 0 {",
		test: "TestReview_PullRequest",
	},
	{
		what: "a rejection counts as approval",
		file: "policy/approvals/approvals.go",
		from: "mine && a.State == fact.Rejected",
		to:   "mine && a.State == \"\"",
		test: "TestApproval_Outcomes",
	},
	{
		what: "partly read approvals count",
		file: "github/review.go",
		from: "return registry.Unreadable[[]T](err.Error())",
		to:   "return registry.Is(found)",
		test: "TestReview_PartUnreadable",
	},
	{
		what: "a lost response counts as a refusal",
		file: "github/errors.go",
		from: "return httpErr.Unclear",
		to:   "return false",
		test: "TestComment_LostResponse",
	},
	{
		what: "a logged model of another experiment belongs",
		file: "registry/run_of_source.go",
		from: "case m.ExperimentID == \"\" || m.ExperimentID != run.ExperimentID:",
		to:   "case m.ExperimentID == \"\":",
		test: "TestBelongsToRun",
	},
	{
		what: "artifacts that claim to be a logged model belong",
		file: "registry/run_of_source.go",
		from: "\tcase !m.IsAt(source, roots...):",
		to:   "\tcase false:",
		test: "TestBelongsToRun",
	},
	{
		what: "a logged model without an experiment belongs",
		file: "registry/run_of_source.go",
		from: "case m.ExperimentID == \"\" || m.ExperimentID != run.ExperimentID:",
		to:   "case m.ExperimentID != run.ExperimentID:",
		test: "TestBelongsToRun",
	},
	{
		what: "a logged model of another run belongs",
		file: "registry/run_of_source.go",
		from: "case m.SourceRunID != \"\" && m.SourceRunID != run.ID:",
		to:   "case false:",
		test: "TestBelongsToRun",
	},
	{
		what: "a logged model must have a source run",
		file: "registry/run_of_source.go",
		from: "case m.SourceRunID != \"\" && m.SourceRunID != run.ID:",
		to:   "case m.SourceRunID != run.ID:",
		test: "TestBelongsToRun",
	},
	{
		what: "an unlisted logged model belongs",
		file: "registry/run_of_source.go",
		from: "\tcase !listed:",
		to:   "\tcase !listed && false:",
		test: "TestBelongsToRun",
	},
	{
		what: "a logged model belongs by its location",
		file: "registry/run_of_source.go",
		from: "\tif logged != nil {\n\t\treturn loggedBelongs(source, *logged, run, roots)\n\t}",
		to:   "\tif logged != nil && loggedBelongs(source, *logged, run, roots) == \"\" {\n\t\treturn \"\"\n\t}",
		test: "TestBelongsToRun",
	},
	{
		what: "artifacts anywhere belong",
		file: "registry/run_of_source.go",
		from: "\tif _, ok := ArtifactPath(source, run, roots...); !ok {",
		to:   "\tif _, ok := ArtifactPath(source, run, roots...); !ok && source == \"\" {",
		test: "TestBelongsToRun",
	},
	{
		what: "artifacts belong to a run without an id",
		file: "registry/run_of_source.go",
		from: "\tif !ok || run.ID == \"\" {",
		to:   "\tif !ok {",
		test: "TestBelongsToRun",
	},
	{
		what: "a path may leave the run",
		file: "registry/run_of_source.go",
		from: "case segment == \"..\",\n",
		to:   "case ",
		test: "TestBelongsToRun",
	},
	{
		what: "an encoded path may leave the run",
		file: "registry/run_of_source.go",
		from: "strings.Contains(folded, \"%2e\"), ",
		to:   "",
		test: "TestBelongsToRun",
	},
	{
		what: "an encoded slash is accepted",
		file: "registry/run_of_source.go",
		from: "strings.Contains(folded, \"%2f\"), ",
		to:   "",
		test: "TestBelongsToRun",
	},
	{
		what: "a query is part of a path",
		file: "registry/run_of_source.go",
		from: "strings.ContainsAny(rest, `\\?#`)",
		to:   "strings.ContainsAny(rest, `\\#`)",
		test: "TestBelongsToRun",
	},
	{
		what: "a backslash is part of a path",
		file: "registry/run_of_source.go",
		from: "strings.ContainsAny(rest, `\\?#`)",
		to:   "strings.ContainsAny(rest, `?#`)",
		test: "TestBelongsToRun",
	},
	{
		what: "a control character is part of a path",
		file: "registry/run_of_source.go",
		from: " || strings.ContainsFunc(rest, isControl)",
		to:   "",
		test: "TestBelongsToRun",
	},
	{
		what: "hosts are ignored",
		file: "registry/run_of_source.go",
		from: "if l.scheme != root.scheme || l.host != root.host || l.absolute",
		to:   "if l.scheme != root.scheme || l.absolute",
		test: "TestBelongsToRun",
	},
	{
		what: "schemes are ignored",
		file: "registry/run_of_source.go",
		from: "if l.scheme != root.scheme || l.host",
		to:   "if l.host",
		test: "TestBelongsToRun",
	},
	{
		what: "relative paths equal absolute ones",
		file: "registry/run_of_source.go",
		from: "l.host != root.host || l.absolute != root.absolute ||",
		to:   "l.host != root.host ||",
		test: "TestBelongsToRun",
	},
	{
		what: "the artifact folder itself is a model",
		file: "registry/run_of_source.go",
		from: "len(l.segments) <= n ||",
		to:   "len(l.segments) < n ||",
		test: "TestBelongsToRun",
	},
	{
		what: "every folder is below every other",
		file: "registry/run_of_source.go",
		from: "len(l.segments) <= n ||\n\t\t!slices.Equal(l.segments[:n], root.segments) {",
		to:   "len(l.segments) <= n {",
		test: "TestBelongsToRun",
	},
	{
		what: "moves are ignored",
		file: "registry/run_of_source.go",
		from: "for _, where := range at.moved(roots) {",
		to:   "for _, where := range at.moved(nil) {",
		test: "TestBelongsToRun",
	},
	{
		what: "every store counts as moved",
		file: "registry/run_of_source.go",
		from: "\t\tif _, ok := l.below(to); ok {",
		to:   "\t\tif _, ok := l.below(to); ok || len(l.segments) >= len(to.segments) {",
		test: "TestBelongsToRun",
	},
	{
		what: "another run is the same registration",
		file: "registry/run_of_source.go",
		from: "\tcase v.RunID != s.RunID:\n\t\treturn false\n",
		to:   "",
		test: "TestSameRegistration",
	},
	{
		what: "another logged model is the same registration",
		file: "registry/run_of_source.go",
		from: "return v.Source == \"models:/\"+s.ModelID || SameLocation(v.Source, s.ArtifactURI)",
		to:   "return true",
		test: "TestSameRegistration",
	},
	{
		what: "a logged model is only found by id",
		file: "registry/run_of_source.go",
		from: "return v.Source == \"models:/\"+s.ModelID || SameLocation(v.Source, s.ArtifactURI)",
		to:   "return v.Source == \"models:/\"+s.ModelID",
		test: "TestSameRegistration",
	},
	{
		what: "a location is only found as written",
		file: "registry/run_of_source.go",
		from: "\twas, okWas := ArtifactPath(v.Source, run)\n\tnow, okNow := ArtifactPath(s.URI, run)\n\treturn " +
			"okWas && okNow && was == now",
		to:   "\treturn false",
		test: "TestSameRegistration",
	},
	{
		what: "another folder is the same registration",
		file: "registry/run_of_source.go",
		from: "return okWas && okNow && was == now",
		to:   "return okWas && okNow && (was == now || true)",
		test: "TestSameRegistration",
	},
	{
		what: "a version with another source counts as judged",
		file: "plan/registered.go",
		from: "case v.RunID != r.RunID, v.Source != r.Source && (r.place == \"\" || v.Source != r.place):",
		to:   "case v.RunID != r.RunID:",
		test: "TestRegistered_Is",
	},
	{
		what: "a version of another run counts as judged",
		file: "plan/registered.go",
		from: "case v.RunID != r.RunID, v.Source",
		to:   "case v.Source",
		test: "TestRegistered_Is",
	},
	{
		what: "a version without a source counts as judged",
		file: "plan/registered.go",
		from: "(r.place == \"\" || v.Source != r.place):",
		to:   "v.Source != r.place && v.Source != \"\":",
		test: "TestRegistered_Is",
	},
	{
		what: "a version that was registered again counts as judged",
		file: "plan/registered.go",
		from: "case !r.Created.IsZero() && !v.Created.Equal(r.Created):",
		to:   "case false:",
		test: "TestRegistered_Is",
	},
	{
		what: "a version whose files are being uploaded counts as judged",
		file: "plan/registered.go",
		from: "case r.Status != \"\" && v.Status != r.Status:",
		to:   "case false:",
		test: "TestRegistered_Is",
	},
	{
		what: "a version that is replaced during its move is not noticed",
		file: "apply/versions.go",
		from: "bool { return !isMoved(r.Version) })",
		to:   "bool { return true })",
		test: "TestRun_ReplacedWhileMoved",
	},
	{
		what: "the other versions of a plan are not compared",
		file: "apply/run.go",
		from: "\tif len(v.others) > 0 {\n",
		to:   "\tif false {\n",
		test: "TestRun_ReplacedWhileMoved",
	},
	{
		what: "an unjudged version is moved",
		file: "apply/versions.go",
		from: "if why := want.Differs(now); why != \"\" {",
		to:   "if why := want.Differs(now); why != \"\" && false {",
		test: "TestRun_VersionThatWasNotJudged",
	},
	{
		what: "a deleted version is moved",
		file: "apply/versions.go",
		from: "\tcase known.IsAbsent():\n\t\treturn value, &registry",
		to:   "\tcase false:\n\t\treturn value, &registry",
		test: "TestRun_VersionThatWasNotJudged",
	},
	{
		what: "an unreadable version is moved",
		file: "apply/versions.go",
		from: "\tcase !ok:\n\t\treturn value, &registry",
		to:   "\tcase !ok && false:\n\t\treturn value, &registry",
		test: "TestRun_VersionThatWasNotJudged",
	},
	{
		what: "a copy with other files is moved",
		file: "apply/versions.go",
		from: "if err != nil || want.IsAt(place) {",
		to:   "if err != nil || want.IsAt(place) || true {",
		test: "TestRun_CopyOfOtherFiles",
	},
	{
		what: "the place of a copy does not matter",
		file: "plan/registered.go",
		from: "\tif registry.IsCopy(r.Source) {\n",
		to:   "\tif false {\n",
		test: "TestPlan_ExpectsPlace",
	},
	{
		what: "the place of every version is asked for",
		file: "plan/registered.go",
		from: "\tif registry.IsCopy(r.Source) {\n",
		to:   "\tif true {\n",
		test: "TestPlan_ExpectsPlace",
	},
	{
		what: "every place is that of the copy",
		file: "plan/registered.go",
		from: "return p == place || registry.SameLocation(p, place) })",
		to:   "return p != \"\" })",
		test: "TestPlan_ExpectsPlace",
	},
	{
		what: "an unreadable run counts as proof",
		file: "fact/value.go",
		from: "\tcase !readable && (want.OfRun || !s.Run.IsAbsent()):",
		to:   "\tcase !readable && want.OfRun:",
		test: "TestChoose",
	},
	{
		what: "a model without a run gets a run's value",
		file: "fact/value.go",
		from: "\tcase !readable && (want.OfRun || !s.Run.IsAbsent()):",
		to:   "\tcase !readable && !s.Run.IsAbsent():",
		test: "TestChoose",
	},
	{
		what: "of: run is ignored",
		file: "fact/value.go",
		from: "\tcase want.OfRun:\n",
		to:   "\tcase false:\n",
		test: "TestChoose",
	},
	{
		what: "a run's value counts for every model",
		file: "fact/value.go",
		from: "\tif one {\n",
		to:   "\tif one || true {\n",
		test: "TestChoose",
	},
	{
		what: "the run's last value counts for the model",
		file: "fact/value.go",
		from: "if row.Dataset == (registry.DataRef{}) && !own && row.Step == last.Step {",
		to:   "if own && !own {",
		test: "TestChoose",
	},
	{
		what: "epochs after the model's step are ignored",
		file: "fact/value.go",
		from: "!own && row.Step == last.Step {",
		to:   "!own {",
		test: "TestChoose",
	},
	{
		what: "a model that the run measured is not its own",
		file: "registry/run_of_source.go",
		from: "func(v ModelMetric) bool { return v.RunID == r.ID })",
		to:   "func(v ModelMetric) bool { return v.RunID == \"\" })",
		test: "TestRun_HasModel",
	},
	{
		what: "a model of another run is its own",
		file: "registry/run_of_source.go",
		from: "return m.ExperimentID == r.ExperimentID && (m.SourceRunID == \"\" || m.SourceRunID == r.ID)",
		to:   "return m.ExperimentID == r.ExperimentID",
		test: "TestRun_HasModel",
	},
	{
		what: "other models are ignored",
		file: "fact/value.go",
		from: "\tif len(others) == 0 {\n\t\treturn true, \"\"",
		to:   "\tif len(others) >= 0 {\n\t\treturn true, \"\"",
		test: "TestChoose",
	},
	{
		what: "unknown other models are ignored",
		file: "fact/value.go",
		from: "\t\tif !ok {\n\t\t\treturn false, fmt.Sprintf(\"the models of run",
		to:   "\t\tif !ok && run.ID == \"\" {\n\t\t\treturn false, fmt.Sprintf(\"the models of run",
		test: "TestChoose",
	},
	{
		what: "models of MLflow 2 are ignored",
		file: "fact/value.go",
		from: "\tif s.Logged.IsAbsent() {\n",
		to:   "\tif false {\n",
		test: "TestChoose",
	},
	{
		what: "folders that a run does not list do not matter",
		file: "fact/value.go",
		from: "\tif s.Unlisted() {\n",
		to:   "\tif false {\n",
		test: "TestChoose",
	},
	{
		what: "folders that are not known do not matter",
		file: "fact/value.go",
		from: "\t\tif !ok && len(others) == 0 {",
		to:   "\t\tif !ok && len(others) < 0 {",
		test: "TestChoose",
	},
	{
		what: "a run that lists its models is searched",
		file: "fact/value.go",
		from: "len(run.LoggedPaths()) == 0\n",
		to:   "len(run.LoggedPaths()) >= 0\n",
		test: "TestChoose",
	},
	{
		what: "a model is one of the other models",
		file: "mlflow/tree.go",
		from: "\t\t\treturn dir == own || slices.Contains(found",
		to:   "\t\t\treturn slices.Contains(found",
		test: "TestOtherModels",
	},
	{
		what: "a model in a model is another one",
		file: "mlflow/tree.go",
		from: "dir == own || slices.Contains(found, strings.TrimSuffix(parent, \"/\"))",
		to:   "dir == own || parent == \"/\"",
		test: "TestOtherModels",
	},
	{
		what: "folders in folders are not looked into",
		file: "mlflow/tree.go",
		from: "\t\t\treturn dir == own || slices.Contains(found",
		to:   "\t\t\treturn dir != \"\" || slices.Contains(found",
		test: "TestOtherModels",
	},
	{
		what: "a model counts as another model",
		file: "fact/value.go",
		from: "\t\t\tif path != s.Path {",
		to:   "\t\t\tif path != \"\" {",
		test: "TestChoose",
	},
	{
		what: "another model's value counts",
		file: "fact/value.go",
		from: "\t\t\tif c.measured(r).Same(row.Point) {",
		to:   "\t\t\tif false {",
		test: "TestChoose",
	},
	{
		what: "values are compared without their time",
		file: "registry/model.go",
		from: "return p.Raw == q.Raw && p.Step == q.Step && p.Time.Equal(q.Time)",
		to:   "return p.Raw == q.Raw && p.Step == q.Step",
		test: "TestChoose",
	},
	{
		what: "several values at one step count",
		file: "fact/value.go",
		from: "\t\tif other.Step == row.Step && !other.Point.Same(row.Point) {",
		to:   "\t\tif other.Step < row.Step && other.Step > row.Step {",
		test: "TestChoose",
	},
	{
		what: "values at other steps disqualify a value",
		file: "fact/value.go",
		from: "\t\tif other.Step == row.Step && !other.Point.Same(row.Point) {",
		to:   "\t\tif !other.Point.Same(row.Point) {",
		test: "TestChoose",
	},
	{
		what: "a value that may be the first output's counts",
		file: "fact/value.go",
		from: "\t\tif of == 0 && there && listed",
		to:   "\t\tif false && there && listed",
		test: "TestChoose",
	},
	{
		what: "an output at another step disqualifies a value",
		file: "fact/value.go",
		from: " && step == row.Step && atStep == row.Step && c.mayBeFirst",
		to:   " && step == row.Step && atStep >= 0 && c.mayBeFirst",
		test: "TestChoose",
	},
	{
		what: "a value at another step may be a guess",
		file: "fact/value.go",
		from: " && step == row.Step && atStep == row.Step && c.mayBeFirst",
		to:   " && step >= 0 && atStep == row.Step && c.mayBeFirst",
		test: "TestChoose",
	},
	{
		what: "every output may be the first",
		file: "fact/value.go",
		from: "return !self.Created.After(other.Created) || place(self.ID) < place(other.ID)",
		to:   "return true || place(self.ID) < place(other.ID)",
		test: "TestChoose",
	},
	{
		what: "the first output is the first created",
		file: "fact/value.go",
		from: "return !self.Created.After(other.Created) || place(self.ID) < place(other.ID)",
		to:   "return !self.Created.After(other.Created) || false && place(self.ID) < place(other.ID)",
		test: "TestChoose",
	},
	{
		what: "the first output is the first listed",
		file: "fact/value.go",
		from: "return !self.Created.After(other.Created) || place(self.ID) < place(other.ID)",
		to: "return self.Created.Before(other.Created) || place(self.ID) < place(other.ID) && " +
			"other.Created.Before(self.Created)",
		test: "TestChoose",
	},
	{
		what: "values of other runs count for the source run",
		file: "fact/value.go",
		from: "if r.Key != c.key || r.RunID != c.run.ID || r.Step != row.Step {",
		to:   "if r.Key != c.key || r.Step != row.Step {",
		test: "TestChoose",
	},
	{
		what: "evaluations by strangers count",
		file: "fact/value.go",
		from: "\tcase !allowed:",
		to:   "\tcase !allowed && false:",
		test: "TestChoose",
	},
	{
		what: "a listed experiment is only added",
		file: "fact/value.go",
		from: "\tif len(c.want.EvaluatedIn) > 0 {\n\t\tallowed = slices",
		to:   "\tif len(c.want.EvaluatedIn) > 0 {\n\t\tallowed = allowed || slices",
		test: "TestChoose",
	},
	{
		what: "failed evaluations count",
		file: "fact/value.go",
		from: "\tcase e.Status == \"FAILED\" || e.Status == \"KILLED\":",
		to:   "\tcase false:",
		test: "TestChoose",
	},
	{
		what: "an old evaluation counts",
		file: "fact/value.go",
		from: "return slices.DeleteFunc(slices.Clone(rows), func(m registry.ModelMetric) bool { return m.RunID != " +
			"newest.RunID })",
		to: "return slices.DeleteFunc(slices.Clone(rows), func(m registry.ModelMetric) bool { return m.RunID == " +
			"newest.RunID+\"x\" })",
		test: "TestChoose",
	},
	{
		what: "the first step counts",
		file: "fact/value.go",
		from: "\t\tlast := rows[len(rows)-1]",
		to:   "\t\tlast := rows[0]",
		test: "TestChoose",
	},
	{
		what: "steps are ignored",
		file: "fact/value.go",
		from: "return cmp.Or(cmp.Compare(a.Step, b.Step), a.Time.Compare(b.Time), cmp",
		to:   "return cmp.Or(a.Time.Compare(b.Time), cmp",
		test: "TestChoose",
	},
	{
		what: "unknown evaluations are ignored",
		file: "fact/value.go",
		from: "\tcase c.unknown != \"\" && c.want.Run != SourceRun:",
		to:   "\tcase false:",
		test: "TestChoose",
	},
	{
		what: "the source run depends on evaluations",
		file: "fact/value.go",
		from: "\tcase c.unknown != \"\" && c.want.Run != SourceRun:",
		to:   "\tcase c.unknown != \"\":",
		test: "TestChoose",
	},
	{
		what: "the first of several kinds counts",
		file: "fact/value.go",
		from: "\tcase len(fit) == 1:",
		to:   "\tcase len(fit) >= 1:",
		test: "TestChoose",
	},
	{
		what: "the kind of run is ignored",
		file: "fact/value.go",
		from: "(want.Run == \"\" || v.Kind == want.Run) && (want.Dataset",
		to:   "(want.Dataset",
		test: "TestChoose",
	},
	{
		what: "the dataset is ignored",
		file: "fact/value.go",
		from: " && (want.Dataset == \"\" || v.Dataset.Is(want.Dataset)) {",
		to:   " {",
		test: "TestChoose",
	},
	{
		what: "the digest of a dataset is ignored",
		file: "registry/model.go",
		from: "return text != \"\" && (d.Name == text || d.Digest == text)",
		to:   "return text != \"\" && d.Name == text",
		test: "TestChoose",
	},
	{
		what: "digests of one dataset are separate",
		file: "fact/value.go",
		from: "\tif want.Dataset != \"\" {\n\t\tfit, rest = newestOfName(fit, rest)\n\t}",
		to:   "",
		test: "TestChoose",
	},
	{
		what: "the oldest digest counts",
		file: "fact/value.go",
		from: "v.Time.After(fit[have].Time)",
		to:   "v.Time.Before(fit[have].Time)",
		test: "TestChoose",
	},
	{
		what: "a dataset's value counts twice",
		file: "fact/value.go",
		from: "\t\t\tthere = false // the run's last value was measured on that dataset",
		to:   "\t\t\t_ = there",
		test: "TestChoose",
	},
	{
		what: "different kinds are compared",
		file: "fact/value.go",
		from: "case want.OfRun, v.Kind == with.Kind && v.Dataset == with.Dataset:",
		to:   "case want.OfRun, v.Dataset == with.Dataset:",
		test: "TestChooseLike",
	},
	{
		what: "different datasets are compared",
		file: "fact/value.go",
		from: "case want.OfRun, v.Kind == with.Kind && v.Dataset == with.Dataset:",
		to:   "case want.OfRun, v.Kind == with.Kind:",
		test: "TestChooseLike",
	},
	{
		what: "newer data of the same name is compared",
		file: "fact/value.go",
		from: "v.Dataset.Name == with.Dataset.Name &&\n\t\t\t(want.Dataset != \"\" || with.Kind == SourceRun):",
		to:   "v.Dataset.Name == with.Dataset.Name:",
		test: "TestChooseLike",
	},
	{
		what: "training data must be equal",
		file: "fact/value.go",
		from: "(want.Dataset != \"\" || with.Kind == SourceRun):",
		to:   "want.Dataset != \"\":",
		test: "TestChooseLike",
	},
	{
		what: "an unsigned entry is verified as if it were signed",
		file: "ledger/belief.go",
		from: "\tif !there {\n\t\treturn \"it is not signed\", false\n\t}\n",
		to:   "\t_ = there\n",
		test: "TestBelief",
	},
	{
		what: "a wrong signature counts",
		file: "ledger/belief.go",
		from: "case err != nil && !barred:",
		to:   "case false:",
		test: "TestBelief",
	},
	{
		what: "an entry need not follow from an earlier one",
		file: "ledger/belief.go",
		from: "case !p.continues(*e):",
		to:   "case false:",
		test: "TestBelief",
	},
	{
		what: "times may run backwards",
		file: "ledger/belief.go",
		from: "case e.Claimed().Before(p.latest):",
		to:   "case false:",
		test: "TestBelief",
	},
	{
		what: "a record about another model counts",
		file: "ledger/belief.go",
		from: "case modelID(e.Record.Model) != p.model:",
		to:   "case false:",
		test: "TestBelief",
	},
	{
		what: "an expired key counts",
		file: "ledger/belief.go",
		from: "\tcase barred:\n\t\treturn err.Error(), true\n",
		to:   "",
		test: "TestBelief",
	},
	{
		what: "nothing follows from an entry of a stolen week",
		file: "ledger/belief.go",
		from: "barred && bad == \"\"",
		to:   "barred && bad == \"x\"",
		test: "TestSigned_StolenWeek",
	},
	{
		what: "an entry from the future counts",
		file: "ledger/belief.go",
		from: "if p.ahead(e.Claimed()) {",
		to:   "if false {",
		test: "TestSigned_ClockMovesBack",
	},
	{
		what: "a skipped open entry stays open",
		file: "ledger/belief.go",
		from: "if before.Outcome == \"\" {",
		to:   "if false {",
		test: "TestBelief_Outcomes",
	},
	{
		what: "a forged outcome is replaced",
		file: "ledger/belief.go",
		from: "if p.stuck = why != \"\"; p.stuck {",
		to:   "if p.stuck = false; why != \"\" {",
		test: "TestBelief_Outcomes",
	},
	{
		what: "a signature without its outcome is ignored",
		file: "ledger/belief.go",
		from: "b.kv[outcomeKey(e.Epoch)]+b.kv[outcomeSigKey(e.Epoch)] != \"\"",
		to:   "b.kv[outcomeKey(e.Epoch)] != \"\"",
		test: "TestBelief_Outcomes",
	},
	{
		what: "an unsigned outcome counts",
		file: "ledger/belief.go",
		from: "return closed, \"it is not signed\"",
		to:   "return closed, \"\"",
		test: "TestBelief_Outcomes",
	},
	{
		what: "an outcome with a wrong signature counts",
		file: "ledger/belief.go",
		from: "return closed, err.Error()",
		to:   "return closed, \"\"",
		test: "TestBelief_Outcomes",
	},
	{
		what: "an outcome before its claim counts",
		file: "ledger/belief.go",
		from: "if closed.Ended.Before(e.Claimed()) || b.page.ahead(closed.Ended) {",
		to:   "if b.page.ahead(closed.Ended) {",
		test: "TestBelief_Outcomes",
	},
	{
		what: "an outcome from the future counts",
		file: "ledger/belief.go",
		from: "if closed.Ended.Before(e.Claimed()) || b.page.ahead(closed.Ended) {",
		to:   "if closed.Ended.Before(e.Claimed()) {",
		test: "TestBelief_Outcomes",
	},
	{
		what: "an entry follows from any digest",
		file: "ledger/belief.go",
		from: "if l.digest != e.Record.Previous {",
		to:   "if false {",
		test: "TestBelief",
	},
	{
		what: "numbers may be left out of the skips",
		file: "ledger/belief.go",
		from: "if !skipped[n] {",
		to:   "if false {",
		test: "TestBelief",
	},
	{
		what: "marks of notifications use up numbers",
		file: "ledger/belief.go",
		from: "m == n && key[0] != 's'",
		to:   "m == n",
		test: "TestSigned_TouchedNumbers",
	},
	{
		what: "a head with a wrong signature counts",
		file: "ledger/signed.go",
		from: "\tcase err != nil:\n\t\treturn damaged(r.Model, fmt.Sprintf(\"the head",
		to:   "\tcase false:\n\t\treturn damaged(r.Model, fmt.Sprintf(\"the head",
		test: "TestRepair",
	},
	{
		what: "claims that are not believed exclude nobody",
		file: "ledger/exclusion.go",
		from: "if f.Claim && excludes(f.Entry, now) {",
		to:   "if false {",
		test: "TestExclusion",
	},
	{
		what: "claims with an outcome exclude",
		file: "ledger/exclusion.go",
		from: "if f.Claim && excludes(f.Entry, now) {",
		to:   "if excludes(f.Entry, now) {",
		test: "TestExclusion",
	},
	{
		what: "a lease never ends",
		file: "ledger/exclusion.go",
		from: "return now.Before(e.Lease) && ",
		to:   "return ",
		test: "TestExclusion",
	},
	{
		what: "a lease may be as long as it likes",
		file: "ledger/exclusion.go",
		from: " && !e.Lease.After(now.Add(Lease+slack))",
		to:   "",
		test: "TestExclusion",
	},
	{
		what: "a later attempt is kept out",
		file: "ledger/exclusion.go",
		from: "case h.LaterAttemptOf(e.Holder):",
		to:   "case false:",
		test: "TestExclusion_SameRun",
	},
	{
		what: "nothing can be taken over",
		file: "ledger/exclusion.go",
		from: "case takeover, p.keyed",
		to:   "case p.keyed",
		test: "TestExclusion",
	},
	{
		what: "an unsigned open entry never ends",
		file: "ledger/exclusion.go",
		from: "case takeover, p.keyed && e.Signed == \"\" && now.After(e.Lease):",
		to:   "case takeover:",
		test: "TestSigned_FromAnOpenEntry",
	},
	{
		what: "a ledger outside the home experiment counts by its name",
		file: "ledger/find.go",
		from: "s.Experiment == home &&",
		to:   "true &&",
		test: "TestSquattedName",
	},
	{
		what: "unsigned entries decide",
		file: "ledger/chain.go",
		from: "\tif !l.Keyed {\n\t\treturn l\n\t}\n",
		to:   "\tif true {\n\t\treturn l\n\t}\n",
		test: "TestChain_Decisive",
	},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	survived := 0
	fmt.Printf("%-48s %-28s %s\n", "wrong change", "file", "failing test")
	for _, m := range mutants {
		verdict, err := m.try(ctx)
		if err != nil {
			fmt.Fprintf(os.Stderr, "mutants: %s: %v\n", m.what, err)
			stop()
			os.Exit(2)
		}
		if verdict == "SURVIVED" {
			survived++
		}
		fmt.Printf("%-48s %-28s %s\n", m.what, m.file, verdict)
	}
	fmt.Printf("tests noticed %d of %d wrong changes\n", len(mutants)-survived, len(mutants))
	if survived > 0 {
		os.Exit(1)
	}
}

// try applies the mutant, runs its test and restores the file.
func (m mutant) try(ctx context.Context) (verdict string, err error) {
	path := "internal/" + m.file
	was, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(was), m.from); n != 1 {
		return "", fmt.Errorf("%s contains %q %d times, want once", path, m.from, n)
	}
	if out, err := m.run(ctx); err != nil {
		return "", fmt.Errorf("%s fails without the mutant: %s", m.test, out)
	}
	defer func() {
		if back := os.WriteFile(path, was, 0o644); err == nil {
			err = back
		}
	}()
	if err := os.WriteFile(path, []byte(strings.Replace(string(was), m.from, m.to, 1)), 0o644); err != nil {
		return "", err
	}
	out, err := m.run(ctx)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "SURVIVED", nil
	case !strings.Contains(out, "--- FAIL: "+m.test):
		return "", fmt.Errorf("the mutant does not compile: %s", out)
	}
	return m.test, nil
}

// run runs the mutant's test, bypassing the test cache.
func (m mutant) run(ctx context.Context) (string, error) {
	pkg, err := m.testPackage()
	if err != nil {
		return "", err
	}
	test := exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-run", "^"+m.test+"$", pkg)
	out, err := test.CombinedOutput()
	return string(out), err
}

// testPackage returns the folder of the package that contains the mutant's test.
func (m mutant) testPackage() (string, error) {
	name, _, _ := strings.Cut(m.test, "/")
	folder := ""
	err := filepath.WalkDir("internal", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(code), "\nfunc "+name+"(") {
			folder = "./" + filepath.Dir(path)
			return fs.SkipAll
		}
		return err
	})
	if err == nil && folder == "" {
		err = fmt.Errorf("no package has a test %s", name)
	}
	return folder, err
}
