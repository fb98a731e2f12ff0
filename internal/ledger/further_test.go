package ledger

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Gates protect the target of a promotion, but not the additional aliases that move with the target. An import does not
// change which targets are protected.
func TestChain_ProtectsOnlyTargets(t *testing.T) {
	champion, previous := registry.AliasRef("champion"), registry.AliasRef("previous")
	promotion := Entry{Epoch: 1, Outcome: EntryDone, Record: Record{
		Command: "promote", To: 2, Target: champion.Target(), Gates: []verdict.Finding{{Gate: "acc >= 0.5"}},
		Moves: []registry.Shift{
			{Ref: champion, Was: registry.PointsTo(1), Want: registry.PointsTo(2)},
			{Ref: previous, Want: registry.PointsTo(1)},
		},
	}}
	imported := Entry{Epoch: 2, Outcome: EntryDone, Record: Record{
		Command: "import", Change: Imported,
		Moves: []registry.Shift{{Ref: champion, Was: registry.PointsTo(3), Want: registry.PointsTo(3)}},
	}}
	l := Chain{Entries: []Entry{promotion, imported}}
	for ref, want := range map[registry.Ref]bool{champion: true, previous: false} {
		if e, protected := l.Protects(ref); protected != want || protected && e.Epoch != 1 {
			t.Errorf("%s is protected: %v by entry %d, want %v by entry 1", ref, protected, e.Epoch, want)
		}
	}
	if left, _ := l.LastRecorded(champion); !left.Equal(registry.PointsTo(3)) {
		t.Errorf("last recorded state of %s is %s, want 3", champion, left)
	}
}
