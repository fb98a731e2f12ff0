package audit

import (
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var challengerEndless = rule{
	AuditRule: registry.AuditRule{
		ID: "challenger-endless", Title: "A challenger without end", Severity: registry.Low,
		Why: "An experiment that nobody ends costs traffic and tells nothing any more.",
		Fix: "compare the two with `mlflow-promote compare --model MODEL --candidate models:/MODEL/VERSION --against champion`, then promote the challenger, or remove its alias with `mlflow-promote alias --model MODEL --alias ALIAS=none`",
		Settings: []registry.AuditSetting{
			{Name: "aliases", About: "aliases of versions on trial", Kind: registry.AuditNames, Default: []string{"challenger", "canary", "shadow"}},
			{Name: "max-age", About: "how long a trial may take", Kind: registry.AuditSpan, Default: 90 * day},
		},
	},
	needs: registry.AuditNeeds{Ledger: true},
	model: func(s scene) (out []result) {
		for _, t := range s.targets {
			if !slices.Contains(s.names("aliases"), t.alias) {
				continue
			}
			since, marked := s.since(t)
			switch age := s.Now.Sub(since); {
			case marked && age > s.span("max-age"):
				out = append(out, t.finds("version %d is %s since %s, %s", t.version.Number, t.ref, date(since), days(age)))
			case !marked && s.Now.Sub(t.version.Created) > s.span("max-age"): // a younger version cannot be on trial for longer
				out = append(out, t.unjudged("since when version %d is %s is not known: it was set outside this tool", t.version.Number, t.ref))
			}
		}
		return out
	},
}
