// Command mutants turns the judging code wrong in small ways, one after the other, and shows that a named test notices
// each: a test that passes on wrong code is none. Every file is put back as it was.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
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
	{"an operator turned", "policy/compare.go", "return value >= limit", "return value <= limit", "TestGates"},
	{"a limit that excludes itself", "policy/compare.go", "return value <= limit", "return value < limit", "TestLimitsIncludeThemselves"},
	{"NaN and infinity are measurements", "registry/model.go", "return !math.IsNaN(p.Value) && math.Abs(p.Value) < math.MaxFloat64", "return !math.IsNaN(p.Value) || true", "TestDefect4GatesKnowOneOperatorAndNaNPasses"},
	{"inconclusive passes", "registry/verdict.go", "return f.Outcome == Inconclusive", "return false", "TestWhatCannotBeJudgedBlocksWhateverOnFailSays"},
	{"only the first gate is judged", "policy/gate.go", "for _, g := range gates {\n\t\tf := g.Check", "for _, g := range gates[:min(1, len(gates))] {\n\t\tf := g.Check", "TestGates"},
	{"a target without gates passes", "registry/verdict.go", "if len(v.Findings) == 0 {\n\t\tv.Decision = Block", "if len(v.Findings) == 0 {\n\t\tv.Decision = Promote", "TestDefect3NoGateOnTheWayToProduction"},
	{"retain comes before block", "registry/verdict.go", "if f.Blocks() {\n\t\t\tv.Decision = Block", "if f.Blocks() && v.Decision != Retain {\n\t\t\tv.Decision = Block", "TestBlockComesBeforeRetain"},
	{"an exception never runs out", "policy/waiver.go", "return err != nil || now.IsZero() || !now.Before(day.AddDate(0, 0, 1))", "return err != nil && day.IsZero()", "TestAnExceptionEndsWithItsDay"},
	{"the author's own approval counts", "policy/gate_approval.go", "barred := len(why) > 0", "barred := false", "TestApproval_WhoRoleState"},
	{"the mapped trainer approves", "registry/review.go", "add(login, RoleTrainer)", "_ = login", "TestApproval_Outcomes"},
	{"an approval of an earlier attempt counts", "policy/gate_approval.go", "attempt != 1 && !g.anyAttempt", "attempt < 0", "TestApproval_Outcomes"},
	{"an approval of any environment counts", "policy/gate_approval.go", "g.environment != \"\" && strings.EqualFold(a.Environment, g.environment)", "true", "TestApproval_WhoRoleState"},
	{"a report about another run counts", "policy/gate_evidence.go", "case d.RunID != \"\" && (run.ID == \"\" || d.RunID != run.ID):", "case false:", "TestEvidence_OddForms"},
	{"a key may be there twice", "evidence/json.go", "if seen[key] {", "if false {", "TestEvidence_OddForms"},
	{"another spelling of a key is overlooked", "evidence/place.go", "case strings.EqualFold(k, key):", "case false:", "TestEvidence_OddForms"},
	{"a result lowers the level of its rule", "evidence/sarif.go", "level = max(level, levelOr(p.at(\"level\"), Informational))", "level = levelOr(p.at(\"level\"), level)", "TestEvidence_OddForms"},
	{"a slice may vanish", "policy/gate_slices.go", "if !slices.Contains(names, name) {", "if false {", "TestASliceOfTheIncumbentMayNotVanish"},
	{"an expression is evaluated without its facts", "policy/gate_expression.go", "if why != \"\" {", "if why == \"never\" {", "TestAnExpressionNeedsEveryFactItNames"},
	{"a new required input is no breaking change", "policy/signature.go", "if c.required {", "if false {", "TestSignatureChanges"},
	{"the margin is given twice", "policy/gate_regression.go", "limit := theirs.Value + m.of(theirs.Value)", "limit := theirs.Value + 2*m.of(theirs.Value)", "TestMargins"},
	{"a wrong tail of the distribution", "policy/student.go", "return 1 - tail", "return tail", "TestNonInferiorityAgreesWithSciPy"},
	{"late gates are judged in a plan", "policy/gate.go", "if !g.Late {", "if true {", "TestLateGatesArePendingInAPlan"},
	{"anybody's comment is a plan", "github/comment.go", "if found.User.login() == me {", "if me != \"\" {", "TestWhatIsNotOursIsNoPlan"},
	{"a review of an older commit counts", "github/review.go", "case r.Commit != head:", "case r.Commit == \"\":", "TestReview_PullRequest"},
	{"anybody who may read approves", "github/review.go", "if !may {", "if !may && asked < 0 {", "TestReview_PullRequest"},
	{"who rejected has approved", "policy/gate_approval.go", "mine && a.State == registry.Rejected", "mine && a.State == \"\"", "TestApproval_Outcomes"},
	{"half of the approvals is enough", "github/review.go", "return registry.Unreadable[[]T](err.Error())", "return registry.Is(found)", "TestReview_PartUnreadable"},
	{"a lost answer is a refusal", "github/errors.go", "return wire.Unclear", "return false", "TestACommentWhoseAnswerIsLostIsNeitherMissingNorDoubled"},
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

// run runs the mutant's test, quietly and without the cache. What judges is tested in the package policy, and what is told
// of GitHub where it is read.
func (m mutant) run(ctx context.Context) (string, error) {
	pkg := "./internal/policy"
	if strings.HasPrefix(m.file, "github/") {
		pkg = "./internal/github"
	}
	out, err := exec.CommandContext(ctx, "go", "test", "-count=1", "-vet=off", "-run", "^"+m.test+"$", pkg).CombinedOutput()
	if strings.Contains(string(out), "no tests to run") {
		return "there is no such test", fmt.Errorf("no test")
	}
	return string(out), err
}
