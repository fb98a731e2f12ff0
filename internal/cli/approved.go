package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// readApproval is the plan that somebody has looked at and agreed to.
type approval struct {
	digest string    // of the plan, in hex; "" = not known, or none was asked for
	stamp  string    // the output plan-digest that was given, which binds the time too; "" = none
	made   time.Time // of the dry run; zero for the plan of a pull request
	plan   plan.Plan // of the plan file
	whole  bool      // plan is known, so a difference can be shown
	// ofPullRequest says that the plan is the one on the pull request whose merge started this run.
	ofPullRequest bool
}

// pullRequestPlan is what plan-digest says for it.
const pullRequestPlan = "pull-request"

// planLife is how long a digest given by hand counts.
const planLife = 7 * 24 * time.Hour

var digestText = regexp.MustCompile(`^(\d{12})-[0-9a-f]{64}$`)

// asked reports whether a plan has to be held against this one.
func (a approval) asked() bool { return a.digest != "" || a.stamp != "" }

// of reports whether the plan with this digest is the approved one.
func (a approval) of(digest string) bool {
	if a.stamp != "" {
		return plan.PlanStamp(digest, a.made) == a.stamp
	}
	return digest == a.digest
}

// readApproval reads plan-file and plan-digest.
func readApproval(r *reader) {
	a := &r.out.approved
	if path := r.value("plan-file"); path != "" {
		readPlanFile(r, path)
	}
	text := r.value("plan-digest")
	if text == "" {
		return
	}
	if text == pullRequestPlan {
		if r.own("plan-digest") == "" {
			return
		}
		a.ofPullRequest = true
		switch {
		case r.command.name != "promote":
			r.problem("plan-digest", text, "is a plan of the command promote, and this is "+r.command.name)
		case a.whole:
			r.problem("plan-digest", text, "contradicts plan-file; give one of the two")
		}
		return
	}
	m := digestText.FindStringSubmatch(text)
	if m == nil {
		r.problem("plan-digest", text, "is not a digest; give the whole output plan-digest of the dry run, with its time")
		return
	}
	made, err := time.Parse(plan.PlanTime, m[1])
	if err != nil {
		r.problem("plan-digest", text, "begins with a time that is none")
	}
	if a.whole && plan.PlanStamp(a.digest, made) != text {
		r.problem("plan-digest", text, "is not the digest of the plan in plan-file")
	}
	a.stamp, a.made = text, made
}

// readPlanFile reads the report file of a dry run.
func readPlanFile(r *reader, path string) {
	text, err := r.file(path, fileLimit)
	a := &r.out.approved
	if err == nil {
		a.plan, a.digest, a.made, err = readPlan(text)
	}
	if err != nil {
		r.problem("plan-file", path, err.Error())
		return
	}
	a.whole = true
}

// readPlan reads the report file of a dry run. The plan's digest is computed, not believed.
func readPlan(text []byte) (p plan.Plan, digest string, made time.Time, err error) {
	var file struct {
		Plan   *plan.Plan `json:"plan"`
		Digest string     `json:"plan_digest"`
	}
	if err = json.Unmarshal(text, &file); err != nil {
		return p, "", made, err
	}
	if file.Plan == nil {
		return p, "", made, errors.New("holds no plan; give the report file of a dry run")
	}
	if digest, err = file.Plan.Digest(); err != nil {
		return p, "", made, err
	}
	at, _, _ := strings.Cut(file.Digest, "-")
	if made, err = time.Parse(plan.PlanTime, at); err != nil {
		return p, "", made, errors.New("holds no plan_digest with a time; give the report file of a dry run as it was written")
	}
	if plan.PlanStamp(digest, made) != file.Digest {
		return p, "", made, errors.New("the plan in it does not have the digest that stands next to it; it was changed, or made by another version of this program")
	}
	return *file.Plan, digest, made, err
}

// readExpected reads the version that the target has to name.
func readExpected(r *reader) {
	text := r.value("expected-previous")
	if text == "" {
		return
	}
	n := 0
	if _, err := fmt.Sscanf(text, "%d", &n); text != "none" && (err != nil || n <= 0 || fmt.Sprint(n) != text) {
		r.problem("expected-previous", text, "is not a version number; give the version that the target names, or none")
	}
	r.out.expected.version, r.out.expected.given = n, true
}

// approve holds the plan against what was approved, before anything is written.
func (s *session) approve(ctx context.Context, p plan.Plan) error {
	if s.set.expected.given && p.Incumbent != s.set.expected.version {
		return &registry.Error{
			Reason: registry.PlanChanged, Msg: fmt.Sprintf("%s of %s names %s, and expected-previous is %s", p.Target, p.Model, named(p.Incumbent), named(s.set.expected.version)),
			Hint: "somebody moved it since; look at the difference, and run this again with the version that it names now",
		}
	}
	if err := s.approvedByMerge(ctx, p); err != nil {
		return err
	}
	a := s.set.approved
	switch {
	case !a.asked():
		return nil
	case !a.made.IsZero() && s.p.Now().Sub(a.made) > planLife:
		return &registry.Error{
			Reason: registry.PlanExpired, Msg: fmt.Sprintf("the approved plan was made on %s, more than 7 days ago", a.made.Format("2006-01-02 15:04 UTC")),
			Hint: "make the plan anew with dry-run: true and have it approved",
		}
	case a.of(s.report.Digest):
		return nil
	}
	anew := "make the plan anew with dry-run: true and have it approved"
	if a.ofPullRequest {
		anew = "run the promotion without plan-digest after looking at the difference, or open another pull request"
	}
	hint := anew
	if !a.ofPullRequest {
		hint += "; with the report file of the dry run in plan-file the difference would be shown here"
	}
	if a.whole {
		different := a.plan.Differences(p)
		if len(different) > 12 {
			different = append(different[:12], fmt.Sprintf("and %d more", len(different)-12))
		}
		hint = "since the plan was approved:\n  " + strings.Join(different, "\n  ") + "\n  " + anew
	}
	return &registry.Error{Reason: registry.PlanChanged, Msg: "what was approved is not what would be done now; nothing was written", Hint: hint}
}

func named(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}
