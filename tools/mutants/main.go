// Command mutants turns the judging code wrong in small ways, one after the other, and shows that a named test notices
// each: a test that passes on wrong code is none. Every file is put back as it was.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// mutant is one way to be wrong.
type mutant struct {
	what     string
	file     string // below internal/
	from, to string // from is there exactly once
	test     string // that must fail
}

var mutants = []mutant{
	{"an operator turned", "policy/gates/compare.go", "return value >= limit", "return value <= limit", "TestGates"},
	{"a limit that excludes itself", "policy/gates/compare.go", "return value <= limit", "return value < limit", "TestMetric_LimitsAreInclusive"},
	{"NaN and infinity are measurements", "registry/model.go", "return !math.IsNaN(p.Value) && math.Abs(p.Value) < math.MaxFloat64", "return !math.IsNaN(p.Value) || true", "TestNaNFailsEveryOperator"},
	{"a model's 0 is believed, although the run says NaN", "fact/value.go", "case math.IsNaN(last.Value):\n\t\treturn last", "case math.IsNaN(last.Value):\n\t\treturn m.Point", "TestChoose/a_zero_of_a_run_that_logged_NaN"},
	{"a model's 0 is believed, although its run has gone on", "fact/value.go", "case !ok || last.Step != m.Step || !last.Time.Equal(m.Time):\n", "case !ok || last.Step != m.Step || !last.Time.Equal(m.Time):\n\t\treturn m.Point\n", "TestChoose/a_zero_before_the_last_of_its_run"},
	{"inconclusive passes", "verdict/verdict.go", "return !f.Absent || f.OnFail != OnFailWarn", "return false", "TestOnFail"},
	{"only the first gate is judged", "policy/judge.go", "for _, g := range list {\n\t\tf := g.Check", "for _, g := range list[:min(1, len(list))] {\n\t\tf := g.Check", "TestGates"},
	{"a target without gates passes", "verdict/verdict.go", "if len(v.Findings) == 0 {\n\t\tv.Decision = Block", "if len(v.Findings) == 0 {\n\t\tv.Decision = Promote", "TestTargetsNeedGates"},
	{"retain comes before block", "verdict/verdict.go", "if f.Blocks() {\n\t\t\tv.Decision = Block", "if f.Blocks() && v.Decision != Retain {\n\t\t\tv.Decision = Block", "TestOnFail_BlockBeforeRetain"},
	{"an exception never runs out", "policy/waiver.go", "return err != nil || now.IsZero() || !now.Before(day.AddDate(0, 0, 1))", "return err != nil && day.IsZero()", "TestWaiver_Expires"},
	{"the author's own approval counts", "policy/approvals/approvals.go", "barred := len(why) > 0", "barred := false", "TestApproval_RolesAndStates"},
	{"the mapped trainer approves", "fact/review.go", "add(login, RoleTrainer)", "_ = login", "TestApproval_Outcomes"},
	{"an approval of an earlier attempt counts", "policy/approvals/approvals.go", "attempt != 1 && !g.AnyAttempt", "attempt < 0", "TestApproval_Outcomes"},
	{"an approval of any environment counts", "policy/approvals/approvals.go", "g.Environment != \"\" && strings.EqualFold(a.Environment, g.Environment)", "true", "TestApproval_RolesAndStates"},
	{"a report about another run counts", "policy/gates/gate_evidence.go", "case d.RunID != \"\" && (run.ID == \"\" || d.RunID != run.ID):", "case false:", "TestEvidence_OddForms"},
	{"a key may be there twice", "evidence/json.go", "if seen[key] {", "if false {", "TestEvidence_OddForms"},
	{"another spelling of a key is overlooked", "evidence/place.go", "case strings.EqualFold(k, key):", "case false:", "TestEvidence_OddForms"},
	{"a result lowers the level of its rule", "evidence/sarif.go", "level = max(level, levelOr(p.at(\"level\"), Informational))", "level = levelOr(p.at(\"level\"), level)", "TestEvidence_OddForms"},
	{"a slice may vanish", "policy/gates/gate_slices.go", "if !slices.Contains(names, name) {", "if false {", "TestSlices_MissingSlice"},
	{"an expression is evaluated without its facts", "policy/gates/gate_expression.go", "if len(gaps) > 0 {", "if false {", "TestExpression_NeedsAllFacts"},
	{"a new required input is no breaking change", "signature/signature.go", "if c.required {", "if false {", "TestCompare"},
	{"the margin is given twice", "policy/gates/gate_regression.go", "limit := theirs.Value.Value + m.of(theirs.Value.Value)", "limit := theirs.Value.Value + 2*m.of(theirs.Value.Value)", "TestRegression_Margins"},
	{"a wrong tail of the distribution", "policy/gates/student.go", "return 1 - tail", "return tail", "TestNonInferiority_SciPy"},
	{"late gates are judged in a plan", "policy/judge.go", "if !g.Deferred {", "if true {", "TestForPlan"},
	{"anybody's comment is a plan", "github/client.go", "return err == nil && author.login() == me, err", "return err == nil && author.login() != \"\" && me != \"\", err", "TestWhatIsNotOursIsNoPlan"},
	{"a review of an older commit counts", "github/review.go", "case r.Commit != head:", "case r.Commit == \"\":", "TestReview_PullRequest"},
	{"anybody who may read approves", "github/review.go", "if !may {", "if !may && asked < 0 {", "TestReview_PullRequest"},
	{"who rejected has approved", "policy/approvals/approvals.go", "mine && a.State == fact.Rejected", "mine && a.State == \"\"", "TestApproval_Outcomes"},
	{"half of the approvals is enough", "github/review.go", "return registry.Unreadable[[]T](err.Error())", "return registry.Is(found)", "TestReview_PartUnreadable"},
	{"a lost answer is a refusal", "github/errors.go", "return wire.Unclear", "return false", "TestACommentWhoseAnswerIsLostIsNeitherMissingNorDoubled"},
	{"a logged model of another experiment belongs", "registry/belongs.go", "case m.ExperimentID == \"\" || m.ExperimentID != run.ExperimentID:", "case m.ExperimentID == \"\":", "TestBelongsToRun"},
	{"files that claim to be a logged model are it", "registry/belongs.go", "\tcase !m.IsAt(source, roots...):", "\tcase false:", "TestBelongsToRun"},
	{"a logged model without an experiment belongs", "registry/belongs.go", "case m.ExperimentID == \"\" || m.ExperimentID != run.ExperimentID:", "case m.ExperimentID != run.ExperimentID:", "TestBelongsToRun"},
	{"a logged model of another run belongs", "registry/belongs.go", "case m.SourceRunID != \"\" && m.SourceRunID != run.ID:", "case false:", "TestBelongsToRun"},
	{"a logged model needs a source run", "registry/belongs.go", "case m.SourceRunID != \"\" && m.SourceRunID != run.ID:", "case m.SourceRunID != run.ID:", "TestBelongsToRun"},
	{"a logged model that no run lists belongs", "registry/belongs.go", "\tcase !listed:", "\tcase !listed && false:", "TestBelongsToRun"},
	{"a logged model belongs by its place", "registry/belongs.go", "\tif logged != nil {\n\t\treturn loggedBelongs(source, *logged, run, roots)\n\t}", "\tif logged != nil && loggedBelongs(source, *logged, run, roots) == \"\" {\n\t\treturn \"\"\n\t}", "TestBelongsToRun"},
	{"files anywhere belong", "registry/belongs.go", "\tif _, ok := ArtifactPath(source, run, roots...); !ok {", "\tif _, ok := ArtifactPath(source, run, roots...); !ok && source == \"\" {", "TestBelongsToRun"},
	{"files belong to a run without an id", "registry/belongs.go", "\tif !ok || run.ID == \"\" {", "\tif !ok {", "TestBelongsToRun"},
	{"a path may climb", "registry/belongs.go", "case segment == \"..\", strings", "case strings", "TestBelongsToRun"},
	{"a path may climb in code", "registry/belongs.go", "strings.Contains(folded, \"%2e\"), ", "", "TestBelongsToRun"},
	{"a slash may be hidden", "registry/belongs.go", "strings.Contains(folded, \"%2f\"), ", "", "TestBelongsToRun"},
	{"a query is part of a path", "registry/belongs.go", "strings.ContainsAny(rest, `\\?#`)", "strings.ContainsAny(rest, `\\#`)", "TestBelongsToRun"},
	{"a backslash is part of a path", "registry/belongs.go", "strings.ContainsAny(rest, `\\?#`)", "strings.ContainsAny(rest, `?#`)", "TestBelongsToRun"},
	{"a control character is part of a path", "registry/belongs.go", " || strings.ContainsFunc(rest, isControl)", "", "TestBelongsToRun"},
	{"hosts are one", "registry/belongs.go", "if l.scheme != root.scheme || l.host != root.host || l.absolute", "if l.scheme != root.scheme || l.absolute", "TestBelongsToRun"},
	{"schemes are one", "registry/belongs.go", "if l.scheme != root.scheme || l.host", "if l.host", "TestBelongsToRun"},
	{"relative is absolute", "registry/belongs.go", "l.host != root.host || l.absolute != root.absolute ||", "l.host != root.host ||", "TestBelongsToRun"},
	{"the artifacts themselves are a model", "registry/belongs.go", "len(l.segments) <= n ||", "len(l.segments) < n ||", "TestBelongsToRun"},
	{"any folder is below any other", "registry/belongs.go", "len(l.segments) <= n ||\n\t\t!slices.Equal(l.segments[:n], root.segments) {", "len(l.segments) <= n {", "TestBelongsToRun"},
	{"moves are not looked at", "registry/belongs.go", "for _, where := range at.moved(roots) {", "for _, where := range at.moved(nil) {", "TestBelongsToRun"},
	{"every store was moved", "registry/belongs.go", "\t\tif _, ok := l.below(to); ok {", "\t\tif _, ok := l.below(to); ok || len(l.segments) >= len(to.segments) {", "TestBelongsToRun"},
	{"another run is the same registration", "registry/belongs.go", "\tcase v.RunID != s.RunID:\n\t\treturn false\n", "", "TestSameRegistration"},
	{"another logged model is the same registration", "registry/belongs.go", "return v.Source == \"models:/\"+s.ModelID || SameLocation(v.Source, s.ArtifactURI)", "return true", "TestSameRegistration"},
	{"a logged model has one spelling", "registry/belongs.go", "return v.Source == \"models:/\"+s.ModelID || SameLocation(v.Source, s.ArtifactURI)", "return v.Source == \"models:/\"+s.ModelID", "TestSameRegistration"},
	{"a place has one spelling", "registry/belongs.go", "\twas, okWas := ArtifactPath(v.Source, run)\n\tnow, okNow := ArtifactPath(s.URI, run)\n\treturn okWas && okNow && was == now", "\treturn false", "TestSameRegistration"},
	{"another folder is the same registration", "registry/belongs.go", "return okWas && okNow && was == now", "return okWas && okNow && (was == now || true)", "TestSameRegistration"},
	{"another source is what was judged", "plan/plan.go", "return v.RunID == r.RunID && (v.Source == r.Source || r.place != \"\" && v.Source == r.place)", "return v.RunID == r.RunID", "TestRegistered_Is"},
	{"another run is what was judged", "plan/plan.go", "return v.RunID == r.RunID && (v.Source", "return (v.Source", "TestRegistered_Is"},
	{"no source is what was judged", "plan/plan.go", "r.place != \"\" && v.Source == r.place", "v.Source == r.place || v.Source == \"\"", "TestRegistered_Is"},
	{"a version that was not judged is moved", "apply/run.go", "if err != nil || want.Is(v) {", "if err != nil || want.Is(v) || true {", "TestRun_VersionThatWasNotJudged"},
	{"a version that is gone is moved", "apply/run.go", "\tcase known.IsAbsent():\n\t\treturn value, &registry", "\tcase false:\n\t\treturn value, &registry", "TestRun_VersionThatWasNotJudged"},
	{"a version that cannot be read is moved", "apply/run.go", "\tcase !ok:\n\t\treturn value, &registry", "\tcase !ok && false:\n\t\treturn value, &registry", "TestRun_VersionThatWasNotJudged"},
	{"a copy with other files is moved", "apply/run.go", "if err != nil || want.IsAt(place) {", "if err != nil || want.IsAt(place) || true {", "TestRun_CopyOfOtherFiles"},
	{"the place of a copy does not matter", "plan/plan.go", "\tif registry.IsCopy(r.Source) {\n", "\tif false {\n", "TestPlan_ExpectsPlace"},
	{"the place of every version is asked for", "plan/plan.go", "\tif registry.IsCopy(r.Source) {\n", "\tif true {\n", "TestPlan_ExpectsPlace"},
	{"every place is that of the copy", "plan/plan.go", "return p == place || registry.SameLocation(p, place) })", "return p != \"\" })", "TestPlan_ExpectsPlace"},
	{"a run that is no proof is one", "fact/value.go", "\tcase !readable && (want.OfRun || !s.Run.IsAbsent()):", "\tcase !readable && want.OfRun:", "TestChoose"},
	{"a model without a run has a run's value", "fact/value.go", "\tcase !readable && (want.OfRun || !s.Run.IsAbsent()):", "\tcase !readable && !s.Run.IsAbsent():", "TestChoose"},
	{"of: run is overlooked", "fact/value.go", "\tcase want.OfRun:\n", "\tcase false:\n", "TestChoose"},
	{"a run's value is every model's", "fact/value.go", "\tif one {\n", "\tif one || true {\n", "TestChoose"},
	{"the run's last value is the model's", "fact/value.go", "if row.Dataset == (registry.DataRef{}) && !own && row.Step == last.Step {", "if own && !own {", "TestChoose"},
	{"epochs after the model's step do not count", "fact/value.go", "!own && row.Step == last.Step {", "!own {", "TestChoose"},
	{"a model that the run measured is none of its", "registry/belongs.go", "func(v ModelMetric) bool { return v.RunID == r.ID })", "func(v ModelMetric) bool { return v.RunID == \"\" })", "TestRun_HasModel"},
	{"a model of another run is one of this", "registry/belongs.go", "return m.ExperimentID == r.ExperimentID && (m.SourceRunID == \"\" || m.SourceRunID == r.ID)", "return m.ExperimentID == r.ExperimentID", "TestRun_HasModel"},
	{"siblings do not matter", "fact/value.go", "\tif len(others) == 0 {\n\t\treturn true, \"\"", "\tif len(others) >= 0 {\n\t\treturn true, \"\"", "TestChoose"},
	{"siblings that are not known do not matter", "fact/value.go", "\t\tif !ok {\n\t\t\treturn false, fmt.Sprintf(\"the models of run", "\t\tif !ok && run.ID == \"\" {\n\t\t\treturn false, fmt.Sprintf(\"the models of run", "TestChoose"},
	{"models of MLflow 2 do not matter", "fact/value.go", "\tif s.Logged.IsAbsent() {\n", "\tif false {\n", "TestChoose"},
	{"folders that a run does not list do not matter", "fact/value.go", "\tif s.Unlisted() {\n", "\tif false {\n", "TestChoose"},
	{"folders that are not known do not matter", "fact/value.go", "\t\tif !ok && len(others) == 0 {", "\t\tif !ok && len(others) < 0 {", "TestChoose"},
	{"a run that lists its models is searched", "fact/value.go", "len(run.LoggedPaths()) == 0\n", "len(run.LoggedPaths()) >= 0\n", "TestChoose"},
	{"a model is one of the other models", "mlflow/files.go", "\t\t\treturn dir == own || slices.Contains(found", "\t\t\treturn slices.Contains(found", "TestOtherModels"},
	{"a model in a model is another one", "mlflow/files.go", "dir == own || slices.Contains(found, strings.TrimSuffix(parent, \"/\"))", "dir == own || parent == \"/\"", "TestOtherModels"},
	{"folders in folders are not looked into", "mlflow/files.go", "\t\t\treturn dir == own || slices.Contains(found", "\t\t\treturn dir != \"\" || slices.Contains(found", "TestOtherModels"},
	{"a model is its own sibling", "fact/value.go", "\t\t\tif path != s.Path {", "\t\t\tif path != \"\" {", "TestChoose"},
	{"the other model's row is this one's", "fact/value.go", "\t\t\tif c.measured(r).Same(row.Point) {", "\t\t\tif false {", "TestChoose"},
	{"rows are the same by their value alone", "registry/model.go", "return p.Raw == q.Raw && p.Step == q.Step && p.Time.Equal(q.Time)", "return p.Raw == q.Raw && p.Step == q.Step", "TestChoose"},
	{"several rows of a step count", "fact/value.go", "\t\tif other.Step == row.Step && !other.Point.Same(row.Point) {", "\t\tif other.Step < row.Step && other.Step > row.Step {", "TestChoose"},
	{"rows of other steps spoil a row", "fact/value.go", "\t\tif other.Step == row.Step && !other.Point.Same(row.Point) {", "\t\tif !other.Point.Same(row.Point) {", "TestChoose"},
	{"the first output's row counts", "fact/value.go", "\t\tif of == 0 && there && listed", "\t\tif false && there && listed", "TestChoose"},
	{"an output of another step spoils a row", "fact/value.go", " && step == row.Step && atStep == row.Step && c.mayBeFirst", " && step == row.Step && atStep >= 0 && c.mayBeFirst", "TestChoose"},
	{"a row of another step may be a guess", "fact/value.go", " && step == row.Step && atStep == row.Step && c.mayBeFirst", " && step >= 0 && atStep == row.Step && c.mayBeFirst", "TestChoose"},
	{"every output may be the first", "fact/value.go", "return !self.Created.After(other.Created) || place(self.ID) < place(other.ID)", "return true || place(self.ID) < place(other.ID)", "TestChoose"},
	{"the first output is the first made", "fact/value.go", "return !self.Created.After(other.Created) || place(self.ID) < place(other.ID)", "return !self.Created.After(other.Created) || false && place(self.ID) < place(other.ID)", "TestChoose"},
	{"the first output is the first listed", "fact/value.go", "return !self.Created.After(other.Created) || place(self.ID) < place(other.ID)", "return self.Created.Before(other.Created) || place(self.ID) < place(other.ID) && other.Created.Before(self.Created)", "TestChoose"},
	{"values of other runs are the source run's", "fact/value.go", "if r.Key != c.key || r.RunID != c.run.ID || r.Step != row.Step {", "if r.Key != c.key || r.Step != row.Step {", "TestChoose"},
	{"strangers evaluate", "fact/value.go", "\tcase !allowed:", "\tcase !allowed && false:", "TestChoose"},
	{"a named experiment is one more", "fact/value.go", "\tif len(c.want.EvaluatedIn) > 0 {\n\t\tallowed = slices", "\tif len(c.want.EvaluatedIn) > 0 {\n\t\tallowed = allowed || slices", "TestChoose"},
	{"failed evaluations count", "fact/value.go", "\tcase e.Status == \"FAILED\" || e.Status == \"KILLED\":", "\tcase false:", "TestChoose"},
	{"an old evaluation counts", "fact/value.go", "return slices.DeleteFunc(slices.Clone(rows), func(m registry.ModelMetric) bool { return m.RunID != newest.RunID })", "return slices.DeleteFunc(slices.Clone(rows), func(m registry.ModelMetric) bool { return m.RunID == newest.RunID+\"x\" })", "TestChoose"},
	{"the first step counts", "fact/value.go", "\t\tlast := rows[len(rows)-1]", "\t\tlast := rows[0]", "TestChoose"},
	{"steps do not matter", "fact/value.go", "return cmp.Or(cmp.Compare(a.Step, b.Step), a.Time.Compare(b.Time), cmp", "return cmp.Or(a.Time.Compare(b.Time), cmp", "TestChoose"},
	{"evaluations that are not known do not matter", "fact/value.go", "\tcase c.unknown != \"\" && c.want.Run != SourceRun:", "\tcase false:", "TestChoose"},
	{"the source run depends on evaluations", "fact/value.go", "\tcase c.unknown != \"\" && c.want.Run != SourceRun:", "\tcase c.unknown != \"\":", "TestChoose"},
	{"the first of several kinds counts", "fact/value.go", "\tcase len(fit) == 1:", "\tcase len(fit) >= 1:", "TestChoose"},
	{"the kind of run does not matter", "fact/value.go", "(want.Run == \"\" || v.Kind == want.Run) && (want.Dataset", "(want.Dataset", "TestChoose"},
	{"the dataset does not matter", "fact/value.go", " && (want.Dataset == \"\" || v.Dataset.Is(want.Dataset)) {", " {", "TestChoose"},
	{"a dataset has no digest", "registry/model.go", "return text != \"\" && (d.Name == text || d.Digest == text)", "return text != \"\" && d.Name == text", "TestChoose"},
	{"digests of one name are apart", "fact/value.go", "\tif want.Dataset != \"\" {\n\t\tfit, rest = newestOfName(fit, rest)\n\t}", "", "TestChoose"},
	{"the oldest digest counts", "fact/value.go", "v.Time.After(fit[have].Time)", "v.Time.Before(fit[have].Time)", "TestChoose"},
	{"a dataset's value counts twice", "fact/value.go", "\t\t\tthere = false // the run's last value is that of the dataset", "\t\t\t_ = there", "TestChoose"},
	{"any kind compares with any other", "fact/value.go", "case want.OfRun, v.Kind == with.Kind && v.Dataset == with.Dataset:", "case want.OfRun, v.Dataset == with.Dataset:", "TestChooseLike"},
	{"any data compares with any other", "fact/value.go", "case want.OfRun, v.Kind == with.Kind && v.Dataset == with.Dataset:", "case want.OfRun, v.Kind == with.Kind:", "TestChooseLike"},
	{"newer data of a name compares", "fact/value.go", "v.Dataset.Name == with.Dataset.Name && (want.Dataset != \"\" || with.Kind == SourceRun):", "v.Dataset.Name == with.Dataset.Name:", "TestChooseLike"},
	{"data of training has to be the same", "fact/value.go", "(want.Dataset != \"\" || with.Kind == SourceRun):", "want.Dataset != \"\":", "TestChooseLike"},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	survived := 0
	fmt.Printf("%-48s %-28s %s\n", "wrong in this way", "file", "killed by")
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
	fmt.Printf("%d of %d killed\n", len(mutants)-survived, len(mutants))
	if survived > 0 {
		os.Exit(1)
	}
}

// try applies the mutant, runs its test and puts the file back.
func (m mutant) try(ctx context.Context) (verdict string, err error) {
	path := "internal/" + m.file
	was, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(was), m.from); n != 1 {
		return "", fmt.Errorf("%s holds %q %d times", path, m.from, n)
	}
	if out, err := m.run(ctx); err != nil {
		return "", fmt.Errorf("%s fails without it: %s", m.test, out)
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

// run runs the mutant's test, without the cache.
func (m mutant) run(ctx context.Context) (string, error) {
	pkg, err := m.tested()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-run", "^"+m.test+"$", pkg).CombinedOutput()
	return string(out), err
}

// tested is the folder of the package that has the mutant's test.
func (m mutant) tested() (string, error) {
	name, _, _ := strings.Cut(m.test, "/")
	files, err := filepath.Glob("internal/*/*_test.go")
	deeper, _ := filepath.Glob("internal/*/*/*_test.go") // the pattern is the same but for one level
	for _, file := range append(files, deeper...) {
		code, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(code), "\nfunc "+name+"(") {
			return "./" + filepath.Dir(file), nil
		}
	}
	return "", cmp.Or(err, fmt.Errorf("no package has the test %s", name))
}
