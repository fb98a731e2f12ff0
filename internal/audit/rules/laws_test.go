package rules

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// anyModel draws an arbitrary response from the server. Parts of the response may contradict each other, and strings
// may contain anything.
func anyModel(t *rapid.T) audit.Snapshot {
	text := rapid.OneOf(rapid.String(),
		rapid.SampledFrom([]string{"", "churn", "a`b", "::error::x", "\x00\u202e", "s3://b/k", "file:///etc",
			"models:/m/1", "READY", strings.Repeat("x", 6000)}))
	number := rapid.IntRange(-1, 6)
	m := audit.Snapshot{
		Model: registry.Model{Name: text.Draw(t, "name"), Description: text.Draw(t, "description"),
			Aliases: map[string]int{}, Tags: map[string]string{}, Hidden: rapid.Bool().Draw(t, "hidden"),
			Newest: number.Draw(t, "newest")},
		Runs:     map[string]registry.Known[registry.Run]{},
		MLmodels: map[int]registry.Known[registry.MLmodel]{}, Files: map[int]registry.Known[[]registry.File]{},
	}
	for range rapid.IntRange(0, 3).Draw(t, "aliases") {
		m.Model.Aliases[rapid.OneOf(text, rapid.SampledFrom([]string{"champion", "challenger", "staging"})).Draw(t,
			"alias")] = number.Draw(t, "version")
	}
	for n := range rapid.IntRange(0, 4).Draw(t, "versions") {
		v := registry.Version{
			Model: m.Model.Name, Number: n + 1, RunID: text.Draw(t, "run"), Source: text.Draw(t, "source"),
			Status: text.Draw(t, "status"), Created: now.AddDate(0, 0, -rapid.IntRange(0, 900).Draw(t, "age")),
			Stage: rapid.SampledFrom([]string{"", "None", "Staging", "Production", "Archived", "x"}).Draw(t, "stage"),
			Tags: map[string]string{text.Draw(t, "key"): text.Draw(t, "value"),
				registry.TagRecord: text.Draw(t, "record")},
		}
		m.Versions = append(m.Versions, v)
		m.Runs[v.RunID] = rapid.SampledFrom([]registry.Known[registry.Run]{{}, registry.Absent[registry.Run]("404"),
			registry.Unreadable[registry.Run]("503"),
			registry.Is(registry.Run{ID: v.RunID, ArtifactURI: v.Source, Status: text.Draw(t, "state")})}).Draw(t,
			"run fact")
		m.MLmodels[v.Number] = rapid.SampledFrom([]registry.Known[registry.MLmodel]{{},
			registry.Absent[registry.MLmodel]("404"), registry.Unreadable[registry.MLmodel]("500"),
			registry.Is(registry.MLmodel{Parts: []registry.Part{{Names: []string{text.Draw(t, "file")}}}})}).Draw(t,
			"descriptor")
		m.Files[v.Number] = rapid.SampledFrom([]registry.Known[[]registry.File]{{},
			registry.Absent[[]registry.File]("404"), registry.Is([]registry.File{{Path: "MLmodel", Size: 1}})}).Draw(t,
			"files")
	}
	var l ledger.Chain
	for n := range rapid.IntRange(0, 3).Draw(t, "entries") {
		e := promoted(n+1, number.Draw(t, "from"), number.Draw(t, "to"), now.AddDate(0, 0, -10+n),
			text.Draw(t, "digest"))
		e.Outcome = rapid.SampledFrom([]string{"", ledger.EntryDone, ledger.EntryAborted,
			ledger.EntrySuperseded}).Draw(t, "outcome")
		e.Record.Moves = append(e.Record.Moves, registry.ParseShift(
			rapid.SampledFrom([]string{"@champion", "Production", "tag x", ""}).Draw(t, "ref"), "",
			rapid.SampledFrom([]string{"", "1", "1,2", "x"}).Draw(t, "want"),
		))
		l.Entries = append(l.Entries, e)
	}
	m.Ledger = rapid.SampledFrom([]registry.Known[ledger.Chain]{{}, registry.Absent[ledger.Chain](""),
		registry.Unreadable[ledger.Chain]("503"), registry.Is(l), registry.Is(l)}).Draw(t, "ledger")
	return m
}

// For any model, every rule returns the same results each time. All findings are complete, and no two share a
// fingerprint.
func TestRules_AnyModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyModel(t)
		a := New(Config{Policy: policyOf(gates),
			Scope: rapid.SampledFrom([]string{audit.ScopeAll, audit.ScopeLive}).Draw(t, "scope"), Now: now,
			Server: rapid.SampledFrom([]string{"", "3.17.2", "2.9.2"}).Draw(t, "server")})
		j := a.Model(m)
		if again := a.Model(m); fmt.Sprint(again) != fmt.Sprint(j) {
			t.Fatalf("another answer: %.500v\n%.500v", j, again)
		}
		seen := map[string]bool{}
		for _, f := range j.Findings {
			if f.Message == "" || f.Fix == "" || len(f.Fingerprint) != 32 || seen[f.Fingerprint] ||
				len(f.Message) > 2*maxMessage {
				t.Fatalf("%.500v", f)
			}
			seen[f.Fingerprint] = true
		}
		for _, u := range j.Unjudged {
			if u.Count == 0 || u.Why == "" {
				t.Fatalf("%+v", u)
			}
		}
	})
}

func BenchmarkHundredVersions(b *testing.B) {
	s := newSound()
	s.Policy = nil
	for n := 3; n <= 100; n++ {
		s.add(n)
	}
	a := New(s.Config)
	for b.Loop() {
		a.Model(s.Snapshot)
	}
}
