package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// approval is the plan that somebody has looked at and agreed to.
type approval struct {
	digest string        // in hex; "" = none was asked for
	made   time.Time     // zero where the digest does not tell
	plan   registry.Plan // of the plan file
	whole  bool          // plan is known, so a difference can be shown
	// ofPullRequest says that the plan is the one on the pull request whose merge started this run.
	ofPullRequest bool
}

// pullRequestPlan is what plan-digest says for it.
const pullRequestPlan = "pull-request"

// planLife is how long a digest given by hand counts.
const planLife = 7 * 24 * time.Hour

// minute is how a digest says when its plan was made.
const minute = "200601021504"

var digestText = regexp.MustCompile(`^(?:(\d{12})-)?([0-9a-f]{64})$`)

// stamped is the digest as people pass it on.
func stamped(digest string, at time.Time) string {
	if digest == "" {
		return ""
	}
	return at.UTC().Format(minute) + "-" + digest
}

// approval reads plan-file and plan-digest.
func (r *reader) approval() {
	a := &r.out.approved
	if path := r.value("plan-file"); path != "" {
		r.planFile(path)
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
		r.problem("plan-digest", text, "is not a digest; give the output plan-digest of the dry run")
		return
	}
	if a.whole && a.digest != m[2] {
		r.problem("plan-digest", text, "is not the digest of the plan in plan-file")
	}
	a.digest = m[2]
	if m[1] != "" {
		made, err := time.Parse(minute, m[1])
		if err != nil {
			r.problem("plan-digest", text, "begins with a time that is none")
		}
		a.made = made
	}
}

// planFile reads the report file of a dry run.
func (r *reader) planFile(path string) {
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
func readPlan(text []byte) (p registry.Plan, digest string, made time.Time, err error) {
	var file struct {
		Plan   *registry.Plan `json:"plan"`
		Digest string         `json:"plan_digest"`
	}
	if err = json.Unmarshal(text, &file); err != nil {
		return p, "", made, err
	}
	if file.Plan == nil {
		return p, "", made, errors.New("holds no plan; give the report file of a dry run")
	}
	digest, err = file.Plan.Digest()
	if at, _, ok := strings.Cut(file.Digest, "-"); ok && err == nil {
		made, err = time.Parse(minute, at)
	}
	return *file.Plan, digest, made, err
}

// expected reads the version that the target has to name.
func (r *reader) expected() {
	text := r.value("expected-previous")
	if text == "" {
		return
	}
	n := 0
	if _, err := fmt.Sscanf(text, "%d", &n); text != "none" && (err != nil || n <= 0 || fmt.Sprint(n) != text) {
		r.problem("expected-previous", text, "is not a version number; give the version that the target names, or none")
	}
	r.out.expected, r.out.expects = n, true
}

// approve holds the plan against what was approved, before anything is written.
func (s *session) approve(ctx context.Context, p registry.Plan) error {
	if s.set.expects && p.Incumbent != s.set.expected {
		return &registry.Error{
			Reason: registry.PlanChanged, Msg: fmt.Sprintf("%s of %s names %s, and expected-previous is %s", p.Target, p.Model, named(p.Incumbent), named(s.set.expected)),
			Hint: "somebody moved it since; look at the difference, and run this again with the version that it names now",
		}
	}
	if err := s.approvedByMerge(ctx, p); err != nil {
		return err
	}
	a := s.set.approved
	switch {
	case a.digest == "":
		return nil
	case !a.made.IsZero() && s.p.Now().Sub(a.made) > planLife:
		return &registry.Error{
			Reason: registry.PlanExpired, Msg: fmt.Sprintf("the approved plan was made on %s, more than 7 days ago", a.made.Format("2006-01-02 15:04 UTC")),
			Hint: "make the plan anew with dry-run: true and have it approved",
		}
	case a.digest == s.report.Digest:
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
