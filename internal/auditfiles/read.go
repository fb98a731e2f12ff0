package auditfiles

import (
	"fmt"
	"path"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/audit/rules"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// baselineLimit is the maximum size of a baseline in bytes. 100,000 findings take up about 60 MB.
const baselineLimit = 128 << 20

// Baseline reads the report file of an earlier audit, which must have had the same scope and registry. It returns nil
// if name is "".
func Baseline(r *actions.Runner, name string, scope, server string) (*rules.Baseline, error) {
	if name == "" {
		return nil, nil
	}
	text, err := r.ReadWorkspace(name, baselineLimit)
	var file report.SavedAudit
	if err == nil {
		file, err = report.ReadAudit(text)
	}
	switch {
	case err != nil:
	case file.Totals.Scope != scope:
		err = fmt.Errorf("is for scope %s, but this audit has scope %s; use a baseline with the same scope",
			file.Totals.Scope, scope)
	case file.Totals.Server != server:
		err = fmt.Errorf("is for the registry %s, but this audit reads %s; use a baseline from the same registry",
			file.Totals.Server, server)
	default:
		return rules.NewBaseline(file.Findings, file.Totals.Unjudged), nil
	}
	return nil, &registry.Error{
		Reason: registry.BadInput,
		Msg:    inputs.Problem{Input: "baseline-file", Saw: name, Want: inputs.WithoutPath(err, name).Error()}.String(),
		Hint: "leave baseline-file empty for the first audit; " +
			"afterwards, set it to the file in that audit's report-file output",
	}
}

// Plans reads the report files of approved dry runs. The last part of a pattern's path may contain wildcards.
func Plans(r *actions.Runner, patterns []string) ([]rules.ApprovedPlan, error) {
	var out []rules.ApprovedPlan
	for _, pattern := range patterns {
		names, err := matching(r, pattern)
		if err == nil && len(names) == 0 {
			return nil, &registry.Error{
				Reason: registry.BadInput,
				Msg:    fmt.Sprintf("approved-plans: no file matches %q", pattern),
				Hint: "check the folder and whether an earlier step downloads the plans; " +
					"without plans, leave approved-plans empty",
			}
		}
		file := pattern
		for _, name := range names {
			var text []byte
			file = name
			var saved report.SavedPlan
			if text, err = r.ReadWorkspace(name, inputs.FileLimit); err == nil {
				saved, err = report.ReadPlan(text)
			}
			if err != nil {
				break
			}
			out = append(out, rules.ApprovedPlan{File: name, Plan: saved.Plan, Digest: saved.Digest, Made: saved.Made})
		}
		if err != nil {
			problem := inputs.Problem{Input: "approved-plans", Saw: file, Want: inputs.WithoutPath(err, file).Error()}
			return nil, &registry.Error{
				Reason: registry.BadInput,
				Msg:    problem.String(),
				Hint:   "list the report files of approved dry runs, one per line; * is a wildcard",
			}
		}
	}
	return out, nil
}

// matching returns the files in the workspace that match the pattern. Only the last part of the pattern's path may
// contain a wildcard.
func matching(r *actions.Runner, pattern string) ([]string, error) {
	if !strings.Contains(pattern, "*") {
		return []string{pattern}, nil
	}
	folder, last := path.Split(pattern)
	names, err := r.ListWorkspace(path.Clean(folder + "."))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range names {
		if ok, err := path.Match(last, name); err != nil {
			return nil, err
		} else if ok {
			out = append(out, folder+name)
		}
	}
	return out, nil
}
