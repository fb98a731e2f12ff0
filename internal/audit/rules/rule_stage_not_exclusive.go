package rules

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var stageNotExclusive = rule{
	Rule: audit.Rule{
		ID:       "stage-not-exclusive",
		Title:    "Several versions are in an exclusive stage",
		Severity: audit.High,
		Why: "`models:/NAME/STAGE` loads the version with the highest number, which may not be the intended one. " +
			"Two transitions at the same time can cause this, and MLflow does not prevent it.",
		Fix: "promote the right version with `mlflow-promote promote --model MODEL --candidate " +
			"models:/MODEL/VERSION --stage STAGE`, which archives the others",
		Settings: []audit.Setting{
			{
				Name:    "stages",
				About:   "stages that may contain only one version",
				Kind:    audit.Names,
				Default: []string{"Production"},
			},
		},
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: func(s ruleInput) (out []result) {
		l, ok, _ := s.ledger()
		for _, stage := range s.names("stages") {
			ref := registry.StageRef(stage)
			versions := s.versionsAt(ref)
			recorded, _ := l.LastRecorded(ref)
			// The recorded promotion left the stage like this, or a promotion is currently running.
			if len(versions.Versions) < 2 || ok && (recorded.Equal(versions) || s.promotionRunning(l, ref)) {
				continue
			}
			out = append(out, result{stage: stage,
				message: fmt.Sprintf("%s are all in %s", versionsText(versions), stage)})
		}
		return out
	},
}
