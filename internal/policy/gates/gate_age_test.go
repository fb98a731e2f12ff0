package gates

import (
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// soaking returns facts with the given ledger entries and the given time in the version's tag. The alias challenger
// points to version 2.
func soaking(entries []ledger.Entry, tag string) fact.Facts {
	f := policytest.Facts()
	f.Ledger = ledger.Chain{Entries: entries}
	v := f.Candidate.Version.OrZero()
	v.Tags = map[string]string{}
	if tag != "" {
		v.Tags[registry.AliasTimeTag("challenger")] = tag
	}
	f.Candidate.Version = registry.Is(v)
	m := f.Model.OrZero()
	m.Aliases = map[string]int{"challenger": 2}
	f.Model = registry.Is(m)
	return f
}

const pass, fail, unsure = verdict.Pass, verdict.Fail, verdict.Inconclusive

// moved returns the entry for a move of the alias challenger that happened the given number of hours ago.
func moved(hours int, outcome string, move registry.Shift) ledger.Entry {
	at := policytest.Now.Add(-time.Duration(hours) * time.Hour)
	move.Ref = registry.AliasRef("challenger")
	e := ledger.Entry{Epoch: 1000 - hours, Outcome: outcome, Ended: at}
	e.Record = ledger.Record{At: at.Add(-time.Minute).Format(time.RFC3339), Moves: []registry.Shift{move}}
	return e
}

// ago returns the time the given number of hours ago, as text.
func ago(hours int) string {
	return policytest.Now.Add(-time.Duration(hours) * time.Hour).Format(time.RFC3339)
}

func TestAge_SoakFromLedger(t *testing.T) {
	one, two := registry.PointsTo(1), registry.PointsTo(2)
	here, away := registry.Shift{Was: one, Want: two}, registry.Shift{Was: two, Want: one}
	still := registry.Shift{Was: two, Want: two}
	done := func(hours int, move registry.Shift) ledger.Entry { return moved(hours, ledger.EntryDone, move) }
	aborted := moved(30, ledger.EntryAborted, away)
	aborted.Moved = 1
	backdated, timeless := done(3, here), done(48, here)
	backdated.Ended = policytest.Now.Add(-900 * time.Hour)
	timeless.Ended, timeless.Record.At = time.Time{}, ""
	const byEntry = "version 2 has been in challenger for 3 hours (ledger entry 997); the minimum is 24h"
	const unknown = "no finished ledger entry says when version 2 was moved to challenger"
	const tag = "tag promote.alias.challenger.at of version 2 says "
	type entries = []ledger.Entry
	for name, c := range map[string]struct {
		entries entries
		tag     string
		want    verdict.Outcome
		why     string
	}{
		"long enough":                  {entries{done(48, here)}, "", pass, ""},
		"the tag agrees":               {entries{done(48, here)}, ago(48), pass, ""},
		"not long enough":              {entries{done(3, here)}, "", fail, byEntry},
		"the tag says longer":          {entries{done(3, here)}, ago(330 * 24), unsure, tag + `"2025-06-07`},
		"the tag says shorter":         {entries{done(48, here)}, ago(47), unsure, tag},
		"the tag is no time":           {entries{done(48, here)}, "yesterday", unsure, tag + `"yesterday"`},
		"a tag and no entry":           {nil, ago(48), unsure, unknown},
		"an entry that was given up":   {entries{moved(48, ledger.EntryAborted, here)}, ago(48), unsure, unknown},
		"an entry that is open":        {entries{moved(48, "", here)}, ago(48), unsure, unknown},
		"moved away, and back by hand": {entries{done(48, here), done(47, away)}, "", unsure, unknown},
		"moved away and back": {
			entries{done(48, here), done(47, away), done(3, here)}, "", fail, byEntry,
		},
		"confirmed later":                    {entries{done(48, here), done(3, still)}, "", pass, ""},
		"only confirmed":                     {entries{done(48, still)}, ago(900), pass, ""},
		"given up after it had moved it off": {entries{done(48, here), aborted, done(3, still)}, "", fail, byEntry},
		"an end before the beginning":        {entries{backdated}, "", fail, byEntry},
		"no time":                            {entries{timeless}, "", unsure, unknown},
		"in the future":                      {entries{done(-48, here)}, "", unsure, "is in the future"},
	} {
		t.Run(name, func(t *testing.T) {
			got := mustParse(t, "age: any, soak: 24h, in: challenger").Check(soaking(c.entries, c.tag))
			if got.Outcome != c.want || !strings.Contains(got.Why, c.why) {
				t.Errorf("%s: %s, want %s: %s", got.Outcome, got.Why, c.want, c.why)
			}
		})
	}
}

func TestAge_SoakWithoutALedger(t *testing.T) {
	gate := mustParse(t, "age: any, soak: 24h, in: Staging")
	for name, c := range map[string]struct {
		updated time.Time
		want    verdict.Outcome
		why     string
	}{
		"not changed for long": {policytest.Now.Add(-48 * time.Hour), pass, ""},
		"changed since": {
			policytest.Now.Add(-3 * time.Hour), fail, "for 3 hours (MLflow's time of the last change)",
		},
		"no time": {time.Time{}, unsure, "without the promotion ledger, it is not known"},
	} {
		f := policytest.Facts()
		f.Ledger = ledger.Chain{Off: "the ledger input is off"}
		v := f.Candidate.Version.OrZero()
		v.Updated = c.updated
		v.Tags = map[string]string{registry.StageTimeTag("Staging"): ago(330 * 24)}
		f.Candidate.Version = registry.Is(v)
		if got := gate.Check(f); got.Outcome != c.want || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %s: %s, want %s: %s", name, got.Outcome, got.Why, c.want, c.why)
		}
	}

	f := soaking(nil, ago(48))
	f.Ledger.Off = "the ledger input is off"
	got := mustParse(t, "age: any, soak: 24h, in: challenger").Check(f)
	const want = "without the promotion ledger, it is not known how long version 2 has been in challenger: the ledger " +
		"input is off"
	if got.Outcome != verdict.Inconclusive || got.Why != want {
		t.Errorf("an alias: %s: %s", got.Outcome, got.Why)
	}
}

func TestAge_SoakOfTagAlias(t *testing.T) {
	here := registry.Shift{Was: registry.PointsTo(1), Want: registry.PointsTo(2)}
	f := soaking([]ledger.Entry{moved(48, ledger.EntryDone, here)}, "")
	f.Fallback = &fact.Fallback{Holders: map[string]registry.Versions{"challenger": {1, 2}}}
	gate := mustParse(t, "age: any, soak: 24h, in: challenger")
	if got := gate.Check(f); got.Outcome != verdict.Pass {
		t.Errorf("%s: %s", got.Outcome, got.Why)
	}
	f.Fallback.Holders["challenger"] = []int{1, 2, 3}
	if got := gate.Check(f); got.Outcome != verdict.Fail {
		t.Errorf("another version has it: %s: %s", got.Outcome, got.Why)
	}
}
