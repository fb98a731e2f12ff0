package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/chunk"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func history(t *testing.T, l *Ledger) []Saved {
	t.Helper()
	h, err := Load(ctx, l.reader())
	if err != nil {
		t.Fatal(err)
	}
	return h.Pages
}

// Only the last entry on the last page may be open. If an earlier entry has no outcome, the ledger was edited.
func TestParseHistory_OpenEntry(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	for i := range PageEntries + 1 {
		promote(t, l, i+1)
	}
	delete(m.Pages["page-1"], outcomeKey(PageEntries))
	if h, err := ParseHistory(Reader{Model: "churn"}, history(t, l)); err != nil || h.Broken == nil || h.Broken.Epoch != PageEntries {
		t.Errorf("%+v, %v", h.Broken, err)
	}
}

// Records of version 1 stay readable and keep their digests, and new entries can follow them.
func TestRecord_Version1(t *testing.T) {
	var pages []Saved
	text, err := os.ReadFile("testdata/record1.json")
	if err := errors.Join(err, json.Unmarshal(text, &pages)); err != nil {
		t.Fatal(err)
	}
	m := ledgertest.New()
	m.Pages["page-1"] = maps.Clone(pages[0].Values)
	m.Places["churn"] = registry.LedgerPlace{ID: "churn", First: "page-1"}
	l := open(m)
	old := look(t, l).Facts().Entries
	if len(old) != 2 || old[1].Record.Version != 1 ||
		old[0].RecordDigest() != "7f164fead9297c6f1d3c81d6cf86773b170e43de0048f5b0eb7eedb7aa85a417" {
		t.Fatalf("%+v", old)
	}
	if e := promote(t, l, 3); e.Record.Version != RecordVersion || e.Record.Previous != old[1].Digest {
		t.Errorf("%+v", e)
	}
	live, err := Load(ctx, l.reader())
	if len(live.Entries) != 3 || live.Broken != nil || err != nil || live.Continues(pages) != nil {
		t.Errorf("%d entries, broken %v, %v", len(live.Entries), live.Broken, err)
	}
}

func TestLook_NewerRecord(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	p := promoter(l, View{}, "1", 1, 1)
	if err := p.Begin(ctx, 1); err != nil {
		t.Fatal(err)
	}
	kv := m.Pages["page-1"]
	e, _ := p.Entry()
	text := strings.Replace(e.Text, fmt.Sprintf(`"record_version":%d`, RecordVersion), `"record_version":99`, 1)
	maps.DeleteFunc(kv, func(key, _ string) bool { return key[0] == 'r' && key != keyReset })
	maps.Copy(kv, chunk.Split(recordKey(1), text))
	e.Text = text
	kv[claimKey(1)] = claimText(e, plainFormat)
	_, err := l.Look(ctx)
	var newer *NewerError
	if !errors.As(err, &newer) || registry.ReasonOf(err) != registry.Unsupported {
		t.Errorf("%v", err)
	}
}

// If the whole chain and its anchor have been rewritten, the chain looks sound, but a copy kept elsewhere reveals the
// first entry that differs. Additional entries in the live ledger do not count as a difference.
func TestHistory_Continues(t *testing.T) {
	write := func(versions ...int) (*ledgertest.Memory, []Saved) {
		m := ledgertest.New()
		l := open(m)
		for _, v := range versions {
			promote(t, l, v)
		}
		return m, history(t, l)
	}
	_, kept := write(1, 2, 3)
	many := make([]int, PageEntries+3)
	for i := range many {
		many[i] = i + 1
	}
	_, long := write(many...)
	for name, c := range map[string]struct {
		live  []Saved
		epoch int // 0 if there is no difference
	}{
		"the same":               {kept, 0},
		"one more":               {second(write(1, 2, 3, 4)), 0},
		"pages more":             {long, 0},
		"rewritten from entry 2": {second(write(1, 7, 3)), 2},
		"rewritten at the end":   {second(write(1, 2, 7, 8)), 3},
		"cut":                    {second(write(1, 2)), 3},
		"gone":                   {nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			live, err := ParseHistory(Reader{Model: "churn"}, c.live)
			if live.Broken != nil || err != nil {
				t.Fatalf("the chain itself shows it: %v, %v", live.Broken, err)
			}
			switch b := live.Continues(kept); {
			case b == nil && c.epoch != 0:
				t.Error("not noticed")
			case b != nil && b.Epoch != c.epoch:
				t.Errorf("%+v, want entry %d", *b, c.epoch)
			}
		})
	}
	other := slices.Clone(long)
	other[1].Page = "page-9"
	if b := (History{Pages: other}).Continues(long); b == nil || b.Epoch != PageEntries+1 {
		t.Errorf("another second page: %+v", b)
	}
	forged, live := write(1, 7, 3)
	h, err := ParseHistory(Reader{Model: "churn"}, live)
	if b := h.Check(map[string]string{registry.TagAnchor: forged.Anchors["churn"]}); b != nil || err != nil {
		t.Errorf("a chain that was rewritten with its anchor can be told without a copy: %+v", b)
	}
}

func second[A, B any](_ A, b B) B { return b }

// The history is checked against the anchor and the version summaries in the same way as the newest page is before a
// promotion.
func TestHistory_Check(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	var marks []registry.Version
	for i := range PageEntries + 2 {
		e := promote(t, l, i+1)
		text, _ := canonical.JSON(summary.Summary{Ledger: "page-1", Epoch: e.Epoch, Sha256: e.RecordDigest()})
		marks = append(
			marks, registry.Version{Number: i + 1, Tags: map[string]string{registry.TagRecord: string(text)}},
		)
	}
	anchored := map[string]string{registry.TagAnchor: m.Anchors["churn"]}
	whole := history(t, l)
	cut := slices.Clone(whole)
	cut[1] = Saved{Page: whole[1].Page, Values: maps.Clone(whole[1].Values)}
	removeFrom(cut[1].Values, PageEntries+2, PageEntries+2)
	wrong := slices.Clone(marks)
	wrong[4] = registry.Version{
		Number: 5, Tags: map[string]string{registry.TagRecord: `{"ledger":"page-1","epoch":5,"sha256":"x"}`},
	}
	for name, c := range map[string]struct {
		pages  []Saved
		tags   map[string]string
		marks  []registry.Version
		broken bool
		epoch  int
	}{
		"as it is":                {whole, anchored, marks, false, 0},
		"the tail was cut":        {cut, anchored, marks, true, PageEntries + 2},
		"the newest page is gone": {whole[:1], anchored, nil, true, 0},
		"all is gone":             {nil, anchored, nil, true, 0},
		"the anchor was removed":  {whole, nil, nil, true, 0},
		"the anchor was edited":   {whole, map[string]string{registry.TagAnchor: "x"}, nil, true, 0},
		"the anchor names nothing": {
			whole, map[string]string{registry.TagAnchor: `{"run":"","epoch":0,"sha256":""}`}, nil, true, 0,
		},
		"an old mark differs": {whole, anchored, wrong, true, 5},
		"none was ever begun": {nil, nil, nil, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := ParseHistory(Reader{Model: "churn"}, c.pages)
			b := h.Check(c.tags, c.marks...)
			if (b != nil) != c.broken || b != nil && b.Epoch != c.epoch || err != nil {
				t.Errorf("found %+v, %v", b, err)
			}
		})
	}
}

// If a page does not match the anchor, none of its entries counts as intact.
func TestHistory_ReplacedPage(t *testing.T) {
	m := ledgertest.New()
	l := signedBy(m, "a")
	mustPromote(t, l, 1, 2)
	kv, anchor := m.Pages["page-1"], m.Anchors["churn"]
	clear(kv)
	maps.Copy(kv, head("churn", 0, "", "", "", nil))
	promote(t, open(m), 66)
	m.Anchors["churn"] = anchor
	kv[claimKey(3)] = "x" // there is no entry 2
	h, err := Load(ctx, l.reader())
	if err != nil || h.Broken == nil || h.Broken.Epoch != 2 {
		t.Fatalf("%+v, %v", h.Broken, err)
	}
	if h, err = h.Anchored(ctx, l.reader(), tagsOf(l), err); err != nil || h.Broken == nil || h.Broken.Epoch != 0 {
		t.Errorf("%+v, %v", h.Broken, err)
	}
}
