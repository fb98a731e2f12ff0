package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
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
			"remove the alias or stage if it is unused",
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
	model: func(s scene) (out []result) {
		l, ok, _ := s.ledger()
		pairs := maps.Clone(s.pairs("pairs"))
		for _, e := range l.Entries {
			if t := e.Record.Target; t.Alias != "" && t.Stage != "" && e.Outcome == ledger.EntryDone {
				pairs[t.Alias] = t.Stage
			}
		}
		for _, alias := range slices.Sorted(maps.Keys(pairs)) {
			stage, n := pairs[alias], s.Model.Aliases[alias]
			holders := s.holders(stage)
			if n == 0 || holders == "" || slices.Contains(strings.Split(holders, ","), strconv.Itoa(n)) {
				continue
			}
			if ok && (s.under(l, "@"+alias) || s.under(l, stage)) {
				continue
			}
			out = append(out, result{version: n, alias: alias, stage: stage, message: fmt.Sprintf("@%s names version %d, and %s in %s", alias, n, are(holders), stage)})
		}
		return out
	},
}
