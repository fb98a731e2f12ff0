package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

// judgeNewest is the text of the fix, in which the newest version's number replaces NEWEST.
const judgeNewest = "check the newest version with `mlflow-promote validate --model MODEL --candidate " +
	"models:/MODEL/NEWEST --alias ALIAS`; then promote it, or delete it if it is not wanted"

var championStale = rule{
	Rule: audit.Rule{
		ID:       "champion-stale",
		Title:    "Champion is old, or a newer version is waiting",
		Severity: audit.Low,
		Why: "A model that is not replaced gets less accurate as its data changes. A newer version that waits for " +
			"weeks may have been forgotten.",
		Fix: judgeNewest,
		Settings: []audit.Setting{
			{
				Name:    "aliases",
				About:   "aliases of production versions",
				Kind:    audit.Names,
				Default: []string{"champion"},
			},
			{
				Name:    "stages",
				About:   "stages of production versions",
				Kind:    audit.Names,
				Default: []string{"Production"},
			},
			{
				Name:    "max-age",
				About:   "maximum time for which a version may stay live",
				Kind:    audit.Span,
				Default: 365 * day,
			},
			{
				Name:    "waiting",
				About:   "maximum time for which a newer version may wait",
				Kind:    audit.Span,
				Default: 90 * day,
			},
		},
	},
	needs: audit.Needs{Ledger: true},
	model: func(s ruleInput) (out []result) {
		for _, t := range s.targets {
			if !slices.Contains(s.names("aliases"), t.alias) && !slices.Contains(s.names("stages"), t.stage) {
				continue
			}
			since, marked := s.movedAt(t)
			text := "version %d has been at %s since %s (%s)"
			if !marked {
				since, text = t.version.Created, "version %d is at %s and was created on %s (%s ago)"
			}
			if age := s.Now.Sub(since); age > s.span("max-age") {
				out = append(out, t.finds(text, t.version.Number, t.ref, date(since), days(age)))
				continue
			}
			if r, found := s.newerVersion(t); found {
				out = append(out, r)
			}
		}
		return out
	},
}

// newerVersion returns a finding if a newer version has been waiting for too long. Blocked versions do not count.
func (s ruleInput) newerVersion(t target) (result, bool) {
	newest, known := s.Newest.Get()
	switch {
	case !known && s.Model.Newest > t.version.Number:
		return t.unjudged("version %d is newer, but its creation time is unknown", s.Model.Newest), true
	case !known || newest.Number <= t.version.Number || newest.Blocked() ||
		s.Now.Sub(newest.Created) <= s.span("waiting"):
		return result{}, false
	}
	r := t.finds("version %d is at %s, but version %d has been waiting since %s", t.version.Number, t.ref,
		newest.Number, date(newest.Created))
	r.key = fmt.Sprint(newest.Number)
	r.fix = strings.ReplaceAll(judgeNewest, "NEWEST", r.key)
	return r, true
}
