package rules

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var challengerEndless = rule{
	Rule: audit.Rule{
		ID:       "challenger-endless",
		Title:    "Challenger has been on trial for too long",
		Severity: audit.Low,
		Why:      "A trial that never ends costs traffic and brings no new insight.",
		Fix: "compare the challenger with the champion: `mlflow-promote compare --model MODEL --candidate " +
			"models:/MODEL/VERSION --against champion`; then promote the challenger, or remove its alias with " +
			"`mlflow-promote alias --model MODEL --assign ALIAS=none`",
		Settings: []audit.Setting{
			{
				Name:    "aliases",
				About:   "aliases of versions on trial",
				Kind:    audit.Names,
				Default: []string{"challenger", "canary", "shadow"},
			},
			{Name: "max-age", About: "maximum length of a trial", Kind: audit.Span, Default: 90 * day},
		},
	},
	needs: audit.Needs{Ledger: true},
	model: func(s ruleInput) (out []result) {
		for _, t := range s.targets {
			if !slices.Contains(s.names("aliases"), t.alias) {
				continue
			}
			since, marked := s.movedAt(t)
			switch age := s.Now.Sub(since); {
			case marked && age > s.span("max-age"):
				out = append(out, t.finds("version %d has been %s since %s (%s)", t.version.Number, t.ref, date(since),
					days(age)))
			// A trial cannot have lasted longer than the version has existed.
			case !marked && s.Now.Sub(t.version.Created) > s.span("max-age"):
				out = append(out, t.unjudged("it is unknown how long version %d has been %s: it was set outside "+
					"this tool", t.version.Number, t.ref))
			}
		}
		return out
	},
}
