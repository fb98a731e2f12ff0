package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// killedAt runs the story's command as a workflow run that dies after the request to this path has taken effect.
func (sc *storyRun) killedAt(t *testing.T, path string, args ...string) {
	t.Helper()
	net := sc.net
	sc.net = &network{double: sc.double, cut: posting(path)}
	sc.run(t, append(args, "--timeout", "1s")...)
	if !sc.net.dead {
		t.Fatalf("%v never sent %s", args, path)
	}
	sc.net = net
}

func newest(t *testing.T, sc *storyRun) ledger.Entry {
	t.Helper()
	e, _ := ledger.Chain{Entries: sc.state(t).entries}.Last()
	return e
}

// The next attempt finishes an `alias` command that was killed, including its record and notes.
func TestAlias_KilledIsFinished(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := story{"3.17.2", "alias", settingTwo}
		sc := s.begin(t)
		sc.killedAt(t, "registered-models/alias", s.args()...)
		if e := newest(t, sc); e.Outcome != "" || e.Record.Command != "alias" {
			t.Fatalf("entry %d is %q", e.Epoch, e.Outcome)
		}
		r, status := sc.run(t, s.args()...)
		if status != 0 || !slices.ContainsFunc(
			r.Notes, func(n string) bool { return strings.HasPrefix(n, "finishes ledger entry 2") },
		) {
			t.Errorf("status %d, %s: %v", status, r.Error, r.Notes)
		}
		if e := newest(t, sc); e.Outcome != ledger.EntryDone || e.Record.TakesOver != 2 || len(e.Record.Moves) != 2 {
			t.Errorf("%+v", e)
		}
		end := sc.state(t)
		for n, tag := range map[int]string{1: "promote.alias.shadow.at", 2: "promote.alias.challenger.at"} {
			if end.version(n).Tags[tag] == "" {
				t.Errorf("version %d lacks the tag %s", n, tag)
			}
		}
	})
}

// If a promotion was killed and no longer passes its gates, the next attempt closes its entry, so that the entry does
// not block other runs.
func TestInterruptedEntry_IsClosed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sc := mainStory.begin(t)
		sc.killedAt(t, "runs/log-batch", mainStory.args()...) // the promotion dies after its claim
		ask(t, flow{double: sc.double}, "POST", "runs/log-metric", map[string]any{
			"run_id":    "better",
			"key":       "acc",
			"value":     0.1,
			"timestamp": 1790000000000,
			"step":      9,
		})
		r, status := sc.run(t, mainStory.args()...)
		if status != registry.ExitRefused || !slices.ContainsFunc(
			r.Notes, func(n string) bool { return strings.HasPrefix(n, "closed interrupted ledger entry 2") },
		) {
			t.Errorf("status %d, %s: %v", status, r.Error, r.Notes)
		}
		if e := newest(t, sc); e.Outcome != ledger.EntryAborted || e.Moved != 0 {
			t.Errorf("entry %d: %s, %d moved", e.Epoch, e.Outcome, e.Moved)
		}
		sc.workflow++
		sc.must(t, "alias", "--model", "churn", "--assign", "shadow=1") // another command does not have to wait
	})
}

// A command for a different stage closes an interrupted entry without checking the entry's moves, so these moves never
// count as drift. If a different workflow run then repeats the promotion, the gates are evaluated again and the move is
// confirmed.
func TestInterruptedEntry_OfOtherStage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sc := story{"3.17.2", "stage", goingBack}.begin(t)
		sc.must(t, "alias", "--model", "churn", "--assign", "shadow=1")
		back := []string{
			"promote", "--model", "churn", "--candidate", "models:/churn/1", "--thresholds", "acc >= 0.5", "--stage",
			"Production", "--override", "downgrade",
		}
		sc.killedAt(t, "model-versions/transition-stage", back...)
		sc.workflow++
		sc.run(t, "alias", "--model", "churn", "--assign", "shadow=1", "--override", "takeover")
		e := newest(t, sc)
		if e.Outcome != ledger.EntryAborted || e.Moved != ledger.MovedUnknown {
			t.Fatalf("entry %d: %s, %d moved", e.Epoch, e.Outcome, e.Moved)
		}
		if r, _ := sc.run(t, "history", "--model", "churn"); len(r.History.Outside) != 0 {
			t.Errorf("told as moved by others: %v", r.History.Outside)
		}
		r, status := sc.run(t, back...)
		if status != 0 || len(r.Outside) != 0 || r.RecordID == "" || len(r.Findings) == 0 {
			t.Errorf("status %d, %s: %v, %v, judged %v", status, r.Error, r.Notes, r.Outside, r.Findings)
		}
		if e := newest(t, sc); e.Outcome != ledger.EntryDone || !e.Record.Moves[0].Confirms() || e.Record.From != 2 {
			t.Errorf("entry %d: %s, %+v, from %d", e.Epoch, e.Outcome, e.Record.Moves, e.Record.From)
		}
	})
}

// If a promotion was killed before it set the traffic tag, the next attempt sets the tag.
func TestResume_SetsTraffic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sc := mainStory.begin(t)
		args := append(mainStory.args(), "--traffic", "champion=100")
		sc.killedAt(t, "registered-models/alias", args...)
		if r, status := sc.run(t, args...); status != 0 {
			t.Errorf("status %d: %s", status, r.Error)
		}
		if got := modelTags(t, sc)[registry.TagTraffic]; got != `{"champion":100}` {
			t.Errorf("traffic %q", got)
		}
	})
}

// A repair is recorded in the ledger.
func TestRepair_IsRecorded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sc := story{"2.22.5", "alias", knownVersion}.begin(t)
		sc.must(t, "alias", "--model", "churn", "--assign", "old=2")
		ask(t, flow{double: sc.double}, "DELETE", "model-versions/delete", map[string]any{
			"name":    "churn",
			"version": "2",
		})
		sc.must(t, "doctor", "--model", "churn", "--repair", "dangling-aliases")
		old := registry.AliasRef("old")
		if e := newest(t, sc); e.Epoch != 3 || e.Outcome != ledger.EntryDone || e.Record.Moves[0].Ref != old {
			t.Errorf("%+v", e)
		}
		if _, named := sc.state(t).aliases["old"]; named {
			t.Error("the alias is still there")
		}
	})
}

func modelTags(t *testing.T, sc *storyRun) map[string]string {
	t.Helper()
	out := ask(t, flow{double: sc.double}, "GET", "registered-models/get?name=churn", nil)
	tags := map[string]string{}
	for _, tag := range out["registered_model"].(map[string]any)["tags"].([]any) {
		pair := tag.(map[string]any)
		tags[pair["key"].(string)], _ = pair["value"].(string)
	}
	return tags
}
