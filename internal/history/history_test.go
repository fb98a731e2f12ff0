package history

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

func TestTrafficWords(t *testing.T) {
	for text, want := range map[string]string{
		`{"challenger":10,"champion":90}`: "champion 90 %, challenger 10 %",
		`{"b":50,"a":50}`:                 "a 50 %, b 50 %",
		`{}`:                              "{}",
		"by hand":                         "by hand",
	} {
		if got := TrafficWords(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// The text about a move shows who made it, both in a workflow and on a laptop.
func TestPerson(t *testing.T) {
	for want, origin := range map[string]ledger.Origin{
		"ann":                                   {Actor: "ann", OSUser: "x", Login: "y"},
		"eva (system user)":                     {OSUser: "eva", Login: "eva"},
		"eva (system user), bot (MLflow login)": {OSUser: "eva", Login: "bot"},
		"bot (MLflow login)":                    {Login: "bot"},
		"–":                                     {},
	} {
		page := doc.Page{doc.Para{Line: person(ledger.Record{Origin: origin})}}
		if got := strings.TrimSpace(doc.Terminal(page, 0)); got != want {
			t.Errorf("%+v: %q, want %q", origin, got, want)
		}
	}
}

// Without the policy's keys, the names of keys are not compared.
func TestSaved_CompareSigner(t *testing.T) {
	const file = `{"history":{"model":"churn","pages":[{"page":"p"}],"entries":[{"signed_by":"other"}]}}`
	saved, err := Read([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	result := map[string]any{"history": Result{Model: "churn", Entries: []Entry{{Signed: "prod"}}}}
	const want = `history.entries[0].signed_by: the file contains "other", but the stored pages contain "prod"`
	if got := saved.Compare(result, true).Differences; !slices.Contains(got, want) {
		t.Errorf("with keys: %q", got)
	}
	without := strings.Join(saved.Compare(result, false).Differences, "\n")
	if strings.Contains(without, "signed_by") {
		t.Errorf("without keys: %s", without)
	}
}

// An entry listed as foreign is left out only if it is signed.
func TestSaved_Believed(t *testing.T) {
	saved := Saved{Foreign: []ledger.Foreign{{Number: 1}, {Number: 3}}}
	var got []int
	for _, e := range saved.Believed([]ledger.Entry{{Epoch: 1}, {Epoch: 2, Signed: "k"}, {Epoch: 3, Signed: "k"}}) {
		got = append(got, e.Epoch)
	}
	if diff := cmp.Diff([]int{1, 2}, got); diff != "" {
		t.Error(diff)
	}
}

// No cell is a formula or contains a line break, and a CSV reader returns each value unchanged.
func TestHistoryCSV(t *testing.T) {
	e := ledger.Entry{Epoch: 1, Outcome: ledger.EntryDone, Ended: time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)}
	e.Record.Command, e.Record.Actor, e.Record.Initiator = "promote", "=cmd()", " +1"
	e.Record.Justification = "one, \"two\"\nthree"
	e.Record.Moves = []registry.Shift{registry.ParseShift("@champion", "", "7")}
	view := View{Evidence: func(ledger.Record) string { return "no gate" }}
	text := view.Table([]History{{Model: "-churn", Entries: []ledger.Entry{e}}})
	if strings.Count(text, "\r\n") != 2 || strings.Count(text, "\n") != 2 {
		t.Errorf("lines do not end as RFC 4180 requires: %q", text)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i, name := range rows[0] {
		if rows[1][i] != "" {
			got[name] = rows[1][i]
		}
	}
	want := map[string]string{
		"model": "'-churn", "entry": "1", "time": "2026-05-03T10:00:00Z", "command": "promote",
		"target_kind": "alias", "target": "champion", "to": "7", "actor": "'=cmd()", "initiator": "' +1",
		"justification": "one, \"two\" three", "outcome": "done", "evidence": "no gate",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
