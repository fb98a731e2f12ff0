package fact

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func TestFacts_NotPassed(t *testing.T) {
	champion := registry.AliasRef("champion")
	entry := func(signed string, r ledger.Record) ledger.Entry {
		r.To, r.Target = 2, champion.Target()
		r.Moves = []registry.Shift{{Ref: champion, Want: registry.PointsTo(2)}}
		return ledger.Entry{Outcome: ledger.EntryDone, Signed: signed, Record: r}
	}
	passed := ledger.Record{
		Command: "promote", Decision: verdict.Promote, Gates: []verdict.Finding{{Gate: "acc >= 0.5"}},
	}
	ungated := ledger.Record{Command: "promote", Decision: verdict.Promote}
	imported := ledger.Record{Command: "import", Change: ledger.Imported}
	const none, bypassed = "no signed entry", "without passing gates"
	for name, c := range map[string]struct {
		keyed   bool
		entries []ledger.Entry
		want    string // part of the expected reason; "" if the version passed
	}{
		"never judged":                         {false, nil, ""},
		"never judged, with keys":              {true, nil, none},
		"passed":                               {false, []ledger.Entry{entry("", passed)}, ""},
		"passed without a signature, but keys": {true, []ledger.Entry{entry("", passed)}, none},
		"passed and signed":                    {true, []ledger.Entry{entry("prod", passed)}, ""},
		"imported":                             {false, []ledger.Entry{entry("", imported)}, ""},
		"imported and not signed":              {true, []ledger.Entry{entry("", imported)}, none},
		"imported and signed":                  {true, []ledger.Entry{entry("prod", imported)}, ""},
		"ungated":                              {false, []ledger.Entry{entry("", ungated)}, bypassed},
		"ungated without a signature":          {true, []ledger.Entry{entry("", ungated)}, bypassed},
		"ungated, imported later":              {true, []ledger.Entry{entry("prod", ungated), entry("prod", imported)}, ""},
		"ungated after it passed":              {true, []ledger.Entry{entry("prod", passed), entry("prod", ungated)}, bypassed},
	} {
		f := Facts{Ledger: ledger.Chain{Keyed: c.keyed, Entries: c.entries}}
		got := f.notPassed(champion.Target(), 2, false)
		if got == "" != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A forecast reads only the newest page of the ledger. A version that is not on that page may have passed earlier.
func TestFacts_NotPassedUnread(t *testing.T) {
	champion := registry.AliasRef("champion")
	about := func(to int) ledger.Entry {
		return ledger.Entry{Outcome: ledger.EntryDone, Record: ledger.Record{
			Command: "promote", Decision: verdict.Promote, Gates: []verdict.Finding{{Gate: "acc >= 0.5"}}, To: to,
			Target: champion.Target(), Moves: []registry.Shift{{Ref: champion, Want: registry.PointsTo(to)}},
		}}
	}
	for name, c := range map[string]struct {
		entries []ledger.Entry
		want    bool
	}{
		"no entry":                          {nil, true},
		"an entry about another version":    {[]ledger.Entry{about(3)}, true},
		"an entry about it, not signed":     {[]ledger.Entry{about(2)}, false},
		"an older entry about it, unsigned": {[]ledger.Entry{about(2), about(3)}, false},
	} {
		f := Facts{Ledger: ledger.Chain{Keyed: true, Entries: c.entries}}
		if got := f.notPassed(champion.Target(), 2, true); got == "" != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	f := Facts{Ledger: ledger.Chain{Keyed: true, Foreign: []ledger.Foreign{{Number: 4, Entry: about(2)}}}}
	if f.notPassed(champion.Target(), 2, true) == "" {
		t.Error("an entry that is not believed was taken for a good one")
	}
}
