package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var stageAliasDisagree = rule{
	Rule: audit.Rule{
		ID:       "stage-alias-disagree",
		Title:    "Alias and stage lead to different versions",
		Severity: audit.Medium,
		Why: "Consumers that load by stage and consumers that load by alias run different models. The usual cause " +
			"is an unfinished migration from stages to aliases.",
		Fix: "to keep the alias's version, run `mlflow-promote promote --model MODEL --candidate " +
			"models:/MODEL/VERSION --alias ALIAS --stage STAGE`; to keep the stage's version, promote that one; or " +
			"remove the alias or stage if it is not used",
		Settings: []audit.Setting{
			{
				Name:    "pairs",
				About:   "stage that each alias corresponds to",
				Kind:    audit.Pairs,
				Default: map[string]string{"champion": "Production", "production": "Production", "staging": "Staging"},
			},
		},
	},
	needs:  audit.Needs{Ledger: true},
	moving: true,
	model: func(s ruleInput) (out []result) {
		l, ok, _ := s.ledger()
		pairs := maps.Clone(s.pairs("pairs"))
		for _, e := range l.Entries {
			if t := e.Record.Target; t.Alias != "" && t.Stage != "" && e.Outcome == ledger.EntryDone {
				pairs[t.Alias] = t.Stage
			}
		}
		for _, alias := range slices.Sorted(maps.Keys(pairs)) {
			stage, n := pairs[alias], s.Model.Aliases[alias]
			aliasRef, stageRef := registry.AliasRef(alias), registry.StageRef(stage)
			versions := s.versionsAt(stageRef)
			if n == 0 || versions.IsZero() || versions.Versions.Has(n) {
				continue
			}
			if ok && (s.promotionRunning(l, aliasRef) || s.promotionRunning(l, stageRef)) {
				continue
			}
			out = append(out, result{version: n, alias: alias, stage: stage,
				message: fmt.Sprintf("@%s points to version %d, but %s in %s", alias, n, versionsAre(versions), stage)})
		}
		return out
	},
}
