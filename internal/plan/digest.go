package plan

import (
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// boundPlan is the part of a plan that an approval covers: ids, values and outcomes. It contains no sentences, so
// that rewording a message does not change the digest. It contains no link to the workflow run, because a different
// run applies the plan.
type boundPlan struct {
	Command   string            `json:"command"`
	Server    string            `json:"server"`
	Model     string            `json:"model"`
	Candidate string            `json:"candidate"`
	Version   int               `json:"version,omitempty"`
	Source    *registry.Source  `json:"source,omitempty"`
	Content   *Content          `json:"content,omitempty"`
	Origin    []registry.Hop    `json:"origin,omitempty"`
	Target    registry.Target   `json:"target"`
	Incumbent int               `json:"incumbent,omitempty"`
	Decision  verdict.Decision  `json:"decision,omitempty"`
	Mode      verdict.Mode      `json:"mode,omitempty"`
	Gates     []verdict.Finding `json:"gates,omitempty"`
	Policy    string            `json:"policy,omitempty"`
	Override  []string          `json:"override,omitempty"`
	Steps     []Step            `json:"steps"`
	Hold      []int             `json:"hold,omitempty"`
	Judged    *Registered       `json:"judged,omitempty"`
}

func (p Plan) bound() boundPlan {
	b := boundPlan{
		Command: p.Command, Server: p.Server, Model: p.Model, Candidate: p.Candidate, Version: p.Version,
		Source:  p.Source,
		Content: p.Content, Origin: p.Origin, Target: p.Target, Incumbent: p.Incumbent, Policy: p.Policy,
		Override: p.Override,
		Steps:    slices.Clone(p.Steps), Hold: p.Hold, Judged: p.Judged,
	}
	if p.Verdict != nil {
		verdict := p.Verdict.Bound()
		b.Decision, b.Mode = verdict.Decision, verdict.Mode
		for _, f := range verdict.Findings {
			b.Gates = append(b.Gates, f.Facts())
		}
	}
	for i := range b.Steps {
		s := &b.Steps[i]
		s.Tags = registry.WithoutSplitNotes(s.Tags)
		delete(s.Tags, registry.TagWorkflowRun)
	}
	return b
}

// Digest returns a digest that identifies the plan. It does not depend on a clock, so the same facts always result
// in the same digest.
func (p Plan) Digest() (string, error) {
	text, err := canonical.JSON(p.bound())
	if err != nil {
		return "", err
	}
	return canonical.Digest("plan/2", string(text)), nil
}

// PlanTime is the format of the time in front of a plan's digest. It omits the seconds.
const PlanTime = "200601021504"

// PlanStamp joins the time when a plan was made and the plan's digest as TIME-DIGEST, for the `plan-digest` output.
func PlanStamp(digest string, made time.Time) string {
	at := made.UTC().Format(PlanTime)
	return at + "-" + canonical.Digest("approval/1", digest, at)
}
