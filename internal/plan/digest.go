package plan

import (
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// boundPlan is the part of a plan that an approval covers: ids, values and outcomes. It has no sentences, so that
// better wording does not change the digest. It has no link to the workflow run, because another run applies the plan.
type boundPlan struct {
	Command   string            `json:"command"`
	Server    string            `json:"server"`
	Model     string            `json:"model"`
	Candidate string            `json:"candidate"`
	Version   int               `json:"version,omitempty"`
	Source    *registry.Source  `json:"source,omitempty"`
	Content   *Content          `json:"content,omitempty"`
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
		Content: p.Content, Target: p.Target, Incumbent: p.Incumbent, Policy: p.Policy, Override: p.Override,
		Steps: slices.Clone(p.Steps), Hold: p.Hold, Judged: p.Judged,
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

// Digest returns an identifier of the plan. It depends on no clock, so the same facts give the same digest.
func (p Plan) Digest() (string, error) {
	text, err := canonical.JSON(p.bound())
	if err != nil {
		return "", err
	}
	return canonical.Digest("plan/2", string(text)), nil
}

// PlanTime is the format of the time in front of a plan's digest. It has no seconds.
const PlanTime = "200601021504"

// PlanStamp joins a plan's digest and the time when the plan was made: TIME-DIGEST. It is the output plan-digest.
func PlanStamp(digest string, made time.Time) string {
	at := made.UTC().Format(PlanTime)
	return at + "-" + canonical.Digest("approval/1", digest, at)
}
