package inputs

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
)

// readApproval is the plan that somebody has looked at and agreed to.
type approval struct {
	Digest string    // of the plan, in hex; "" = not known, or none was asked for
	stamp  string    // the output plan-digest that was given, which binds the time too; "" = none
	Made   time.Time // of the dry run; zero for the plan of a pull request
	Plan   plan.Plan // of the plan file
	Whole  bool      // plan is known, so a difference can be shown
	// OfPullRequest says that the plan is the one on the pull request whose merge started this run.
	OfPullRequest bool
}

// pullRequestPlan is what plan-digest says for it.
const pullRequestPlan = "pull-request"

// PlanLife is how long a digest given by hand counts.
const PlanLife = 7 * 24 * time.Hour

var digestText = regexp.MustCompile(`^(\d{12})-[0-9a-f]{64}$`)

// Asked reports whether a plan has to be held against this one.
func (a approval) Asked() bool { return a.Digest != "" || a.stamp != "" }

// Of reports whether the plan with this digest is the approved one.
func (a approval) Of(digest string) bool {
	if a.stamp != "" {
		return plan.PlanStamp(digest, a.Made) == a.stamp
	}
	return digest == a.Digest
}

// readApproval reads plan-file and plan-digest.
func readApproval(r *reader) {
	a := &r.out.Approved
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
		a.OfPullRequest = true
		switch {
		case r.command.Name != "promote":
			r.problem("plan-digest", text, "is a plan of the command promote, and this is "+r.command.Name)
		case a.Whole:
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
	if a.Whole && plan.PlanStamp(a.Digest, made) != text {
		r.problem("plan-digest", text, "is not the digest of the plan in plan-file")
	}
	a.stamp, a.Made = text, made
}

// readPlanFile reads the report file of a dry run.
func readPlanFile(r *reader, path string) {
	text, err := r.file(path, FileLimit)
	a := &r.out.Approved
	if err == nil {
		a.Plan, a.Digest, a.Made, err = ReadPlan(text)
	}
	if err != nil {
		r.problem("plan-file", path, err.Error())
		return
	}
	a.Whole = true
}

// ReadPlan reads the report file of a dry run. The plan's digest is computed, not believed.
func ReadPlan(text []byte) (p plan.Plan, digest string, made time.Time, err error) {
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
	r.out.Expected.Version, r.out.Expected.Given = n, true
}
