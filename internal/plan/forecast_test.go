package plan

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// In each case, a promotion replaces version 3 with version 4. If the ledger is signed, the forecast must count the
// promotion's own entry as signed, unless the promotion writes that entry without a signature.
func TestNextRollback_Signed(t *testing.T) {
	champion := registry.AliasRef("champion")
	promoted := func(was, now int, signed string) ledger.Entry {
		return ledger.Entry{Outcome: ledger.EntryDone, Moved: 1, Signed: signed, Record: ledger.Record{
			Command: "promote", To: now, Target: champion.Target(), Decision: verdict.Promote,
			Gates: []verdict.Finding{{Gate: "acc >= 0.5", Outcome: verdict.Pass}},
			Moves: []registry.Shift{{Ref: champion, Was: registry.PointsTo(was), Want: registry.PointsTo(now)}},
		}}
	}
	older := registry.States{champion: registry.PointsTo(3)}
	for name, c := range map[string]struct {
		ledger   ledger.Chain
		override string
		want     int
	}{
		"all signed": {ledger.Chain{Entries: []ledger.Entry{promoted(1, 2, "prod"), promoted(2, 3, "prod")}}, "", 3},
		"not signed": {ledger.Chain{Entries: []ledger.Entry{promoted(2, 3, "")}}, "", 0},
		"the last one is not signed": {
			ledger.Chain{Entries: []ledger.Entry{promoted(1, 2, "prod"), promoted(2, 3, "")}}, "", 2,
		},
		"this one will not be signed": {
			ledger.Chain{Entries: []ledger.Entry{promoted(2, 3, "prod"), promoted(3, 1, "prod"), promoted(1, 3, "")}},
			verdict.OverrideUnsigned, 1,
		},
		"an older page has the entry": {ledger.Chain{Before: older}, "", 3},
		"an unsigned entry, and an older page": {
			ledger.Chain{Before: older, Entries: []ledger.Entry{promoted(2, 3, "")}}, "", 0,
		},
	} {
		c.ledger.Keyed = true
		f := fact.Facts{
			Model: registry.Is(registry.Model{Name: "churn", Aliases: map[string]int{"champion": 3}}), Ledger: c.ledger,
			Candidate: fact.Subject{Version: registry.Is(registry.Version{Model: "churn", Number: 4, Status: "READY"})},
		}
		p := Plan{
			Model: "churn", Target: champion.Target(), Version: 4, Incumbent: 3, Steps: []Step{{
				Do: SetAlias, Model: "churn", Name: "champion", Version: 4, Was: registry.PointsTo(3),
				Want: registry.PointsTo(4),
			}},
		}
		if c.override != "" {
			p.Override = []string{c.override}
		}
		if to, why := p.NextRollback(f); to != c.want {
			t.Errorf("%s: version %d (%s), want %d", name, to, why, c.want)
		}
	}
}
