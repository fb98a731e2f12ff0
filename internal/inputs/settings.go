package inputs

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Settings contains the inputs after they have been checked. If Problems is not empty, do not use the other fields.
type Settings struct {
	Server      Server
	Secrets     []string
	Intent      plan.Intent
	Judging     Judging
	Bundle      string // folder that contains the candidate, or that `export` writes; "" if none exists
	Against     string // version to compare with: a number, an alias or a stage
	PolicyTests string // folder
	Doctor      Doctor
	Safety
	Signing
	ImportOnly []registry.Ref // aliases and stages to import; nil for all
	History    History
	Audit      Audit
	Approved   Approval
	GitHub     GitHub
	Notify     Notify

	Problems []Problem
}

// Problem is one thing that is wrong with an input. Saw is the value, or "" if the value is missing or secret. Want
// says what is wrong and, after a semicolon, what to write instead.
type Problem struct{ Input, Saw, Want string }

// predicate matches a Want without a subject. The value or the input is then the subject.
var predicate = regexp.MustCompile(`^(adds|assigns|cannot|contains|does|exists|has|is|lists|must|needs|works|would) `)

// String returns one sentence: `model is missing; …` or `stage: "live" is not a stage; …`.
func (p Problem) String() string {
	subject := p.Input
	if saw := strconv.Quote(p.Saw); p.Saw != "" && !strings.HasPrefix(p.Want, saw) {
		subject += ": " + saw
	}
	if predicate.MatchString(p.Want) {
		return subject + " " + p.Want
	}
	return subject + ": " + p.Want
}

// Read reads and checks all of the command's inputs. value returns an input, file reads a file in the workspace,
// and env returns an environment variable. Times without an offset are in zone.
func Read(
	c Command, value func(string) string, file func(string, int64) ([]byte, error), env func(string) string,
	zone *time.Location,
) Settings {
	r := &reader{command: c, value: value, file: file, env: env, zone: zone}
	needsPolicy := r.valueIfTaken("require-policy") != "" && r.bool("require-policy")
	timeout := r.duration("timeout")
	s := c.read(r)
	s.Judging.PolicyFile, s.Judging.NeedsPolicy, s.Timeout = value("policy-file"), needsPolicy, timeout
	s.Intent.Command = c.Name
	if c := s.Intent.Query.Candidate; c.Latest && len(r.problems) > 0 { // the server will not be asked for the number
		r.problem("candidate", c.Text, "latest may change between the check and the move; write the version's number")
	}
	s.Problems, s.Secrets = r.problems, r.secrets
	return s
}
