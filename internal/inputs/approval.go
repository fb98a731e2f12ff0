package inputs

import (
	"regexp"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// Approval contains the approved plan that the inputs specify: the plan itself or its digest.
type Approval struct {
	Digest  string    // the `plan-digest` input, which also contains the time of the dry run; "" if empty
	stamp   string    // time of the dry run; zero for a plan from a pull request
	Made    time.Time // the plan, if HasPlan is set
	Plan    plan.Plan // whether Plan is known, so that differences can be shown
	HasPlan bool      // Plan is known, so differences can be shown
	// OfPullRequest means that the approved plan is in the comment on the merged pull request.
	OfPullRequest bool
}

// pullRequestPlan is the value of `plan-digest` that selects the plan on the merged pull request.
const pullRequestPlan = "pull-request"

// PlanLife is how long an approved plan is valid.
const PlanLife = 7 * 24 * time.Hour

var digestText = regexp.MustCompile(`^(\d{12})-[0-9a-f]{64}$`)

// Asked reports whether the inputs specify an approved plan.
func (a Approval) Asked() bool { return a.Digest != "" || a.stamp != "" }

// Matches reports whether the digest belongs to the approved plan.
func (a Approval) Matches(digest string) bool {
	if a.stamp != "" {
		return plan.PlanStamp(digest, a.Made) == a.stamp
	}
	return digest == a.Digest
}

// readApproval returns the approved plan from the `plan-file` and `plan-digest` inputs.
func readApproval(r *reader) (a Approval) {
	if path := r.value("plan-file"); path != "" {
		a = readPlanFile(r, path)
	}
	text := r.value("plan-digest")
	if text == "" {
		return a
	}
	if text == pullRequestPlan {
		if r.valueIfTaken("plan-digest") == "" {
			return a
		}
		a.OfPullRequest = true
		switch {
		case r.command.Name != "promote":
			r.problem("plan-digest", text, "works only with the promote command, not with "+r.command.Name)
		case a.HasPlan:
			r.problem("plan-digest", text, "cannot be combined with plan-file; remove one of them")
		}
		return a
	}
	m := digestText.FindStringSubmatch(text)
	if m == nil {
		r.problem("plan-digest", text, "is not a plan digest; use the dry run's whole plan-digest output, "+
			"including the time at its start")
		return a
	}
	made, err := time.Parse(plan.PlanTime, m[1])
	if err != nil {
		r.problem("plan-digest", text, "does not start with a valid time; "+
			"use the dry run's whole plan-digest output")
	}
	if a.HasPlan && plan.PlanStamp(a.Digest, made) != text {
		r.problem("plan-digest", text, "is not the digest of the plan in plan-file; set only one of the two inputs")
	}
	a.stamp, a.Made = text, made
	return a
}

// readPlanFile returns the plan in a dry run's report file.
func readPlanFile(r *reader, path string) Approval {
	text, err := r.file(path, FileLimit)
	var saved report.SavedPlan
	if err == nil {
		saved, err = report.ReadPlan(text)
	}
	if err != nil {
		r.problem("plan-file", path, WithoutPath(err, path).Error())
		return Approval{}
	}
	return Approval{Plan: saved.Plan, Digest: saved.Digest, Made: saved.Made, HasPlan: true}
}
