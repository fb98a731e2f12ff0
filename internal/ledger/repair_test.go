package ledger

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

func tagsOf(l *Ledger) map[string]string {
	tags := map[string]string{}
	if text := l.Store.(*ledgertest.Memory).Anchors[l.Model]; text != "" {
		tags[registry.TagAnchor] = text
	}
	return tags
}

// Whatever an editor does to a signed ledger, promotions stop with a specific reason, and a single command makes them
// work again. All earlier signed entries remain. A write to the old page that is still in flight arrives too late to
// count.
func TestRepair(t *testing.T) {
	later := func(l *Ledger) { l.Now = func() time.Time { return start.Add(2 * Lease) } }
	for name, c := range map[string]struct {
		damage func(t *testing.T, m *ledgertest.Memory, l *Ledger)
		wants  string // entries afterwards
		works  bool   // whether promotions continue even without a repair
	}{
		"the next page of a full page is another run": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			for n := 3; n <= PageEntries; n++ {
				m.Pages["page-1"][claimKey(n)] = "x"
			}
			m.Pages["page-1"][keyNext] = "page-99"
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a"},
		"the next page of a full page is a forged page": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			for n := 3; n <= PageEntries; n++ {
				m.Pages["page-1"][claimKey(n)] = "x"
			}
			x := forger(m, "x", pair("x"))
			old := confirmed(t, l).page
			kv := old.headAfter("page-1").values(x, "page-9")
			m.Pages["page-9"], m.Pages["page-1"][keyNext] = kv, "page-9"
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a"},
		"the next page of a full page may not be read": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			for n := 3; n <= PageEntries; n++ {
				m.Pages["page-1"][claimKey(n)] = "x"
			}
			m.Pages["page-1"][keyNext], m.Before = "page-99", forbidden("read", "page-99")
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a"},
		"the name may not be read, and the anchor names another run": {
			damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
				m.Before, m.Anchors["churn"] = forbidden("locate", "churn"), `{"run":"page-99","epoch":0,"sha256":"x"}`
			}, wants: "1:1 done a, 2:2 done a, 33:9 done a",
		},
		"the outcome of the open entry is forged": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			if err := promoter(l, confirmed(t, l), "3", 1, 3).Begin(ctx, 3); err != nil {
				t.Fatal(err)
			}
			m.Pages["page-1"][outcomeKey(3)] = "done|ok|1|2026-05-03T10:00:00Z|x"
			later(l)
		}, wants: "1:1 done a, 2:2 done a, 3:3 superseded a, 33:9 done a"},
		"the anchor is gone": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			delete(m.Anchors, "churn")
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a"},
		"the anchor names another run": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			m.Anchors["churn"] = `{"run":"page-99","epoch":0,"sha256":"x"}`
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a"},
		"the anchor and the experiment name another run": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			m.Anchors["churn"] = `{"run":"page-99","epoch":0,"sha256":"x"}`
			m.Places["churn"] = registry.LedgerPlace{ID: "churn", First: "page-99"}
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a"},
		"the anchor names a forged unsigned page at home": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			m.Pages["page-9"] = head("churn", 0, "", "", "", nil)
			p, err := parse(Reader{Model: "churn"}, Saved{Page: "page-9", Values: m.Pages["page-9"]})
			if err != nil {
				t.Fatal(err)
			}
			m.Anchors["churn"] = anchorText(p)
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a"},
		"a forged unsigned page replaces the ledger": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			m.Anchors["churn"], m.Places["churn"] = "x", registry.LedgerPlace{ID: "churn", First: "page-9", Tail: "page-9"}
			m.Pages["page-9"] = head("churn", 0, "", "", "", nil)
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a"},
		"a forged unsigned ledger with its anchor replaces ours": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			m.Pages["page-9"] = head("churn", 0, "", "", "", nil)
			p, err := parse(Reader{Model: "churn"}, Saved{Page: "page-9", Values: m.Pages["page-9"]})
			if err != nil {
				t.Fatal(err)
			}
			m.Anchors["churn"], m.Places["churn"] = anchorText(p), registry.LedgerPlace{ID: "churn", First: "page-9"}
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a"},
		"the anchor and the name are gone": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			clear(m.Anchors)
			clear(m.Places)
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a"},
		"the same, and the ledger is outside the home experiment": {
			damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
				m.Homes["page-1"] = "mlflow-promotions-ann"
				m.Anchors["churn"] = `{"run":"page-99","epoch":0,"sha256":"x"}`
				m.Places["churn"] = registry.LedgerPlace{ID: "churn", First: "page-99"}
			}, wants: "1:1 done a, 2:2 done a, 33:9 done a",
		},
		"all numbers are used up": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			for n := 3; n <= PageEntries; n++ {
				m.Pages["page-1"][claimKey(n)] = "x"
			}
		}, wants: "1:1 done a, 2:2 done a, 33:9 done a", works: true},
		"the anchor names the right run with a wrong digest": {damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {
			m.Anchors["churn"] = `{"run":"page-1","epoch":7,"sha256":"x"}`
		}, works: true, wants: "1:1 done a, 2:2 done a, 3:9 done a"},
		"nothing happened": {
			damage: func(t *testing.T, m *ledgertest.Memory, l *Ledger) {}, works: true, wants: "1:1 done a, 2:2 done a, 3:9 done a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := ledgertest.New()
			l := signedBy(m, "a")
			mustPromote(t, l, 1, 2)
			late := promoter(l, confirmed(t, l), "late", 1, 7)
			c.damage(t, m, l)
			if !c.works {
				err := try(l, 8)
				if why := registry.ReasonOf(err); why != registry.LedgerLost && why != registry.Conflict {
					t.Errorf("before the repair: %v", err)
				}
			}
			v, err := l.Repair(ctx, tagsOf(l), "")
			if c.works {
				if registry.ReasonOf(err) != registry.BadInput {
					t.Errorf("it is repaired although it is not damaged: %v", err)
				}
				mustPromote(t, l, 9)
				if got := brief(wholeHistory(t, l).Entries); got != c.wants {
					t.Error(got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := late.Begin(ctx, 7); registry.ReasonOf(err) != registry.Conflict && !strings.Contains(fmt.Sprint(err), "full") {
				t.Errorf("a claim on the old page still counts: %v", err)
			}
			if v.ID() != "page-1" {
				t.Errorf("another ledger: %s", v.ID())
			}
			mustPromote(t, l, 9)
			h := wholeHistory(t, l)
			if got := brief(h.Entries); got != c.wants || h.Broken != nil {
				t.Errorf("%s, %+v", got, h.Broken)
			}
			if b := h.Check(tagsOf(l)); b != nil {
				t.Errorf("%+v", b)
			}
			if _, err := l.Repair(ctx, tagsOf(l), ""); registry.ReasonOf(err) != registry.BadInput {
				t.Errorf("repaired twice: %v", err)
			}
		})
	}
}

func TestRepair_Refused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *ledgertest.Memory, l *Ledger)
		reason registry.Reason
	}{
		"without keys":           {func(m *ledgertest.Memory, l *Ledger) { l.Ring = nil }, registry.BadInput},
		"without the key":        {func(m *ledgertest.Memory, l *Ledger) { l.Key = signing.KeyPair{} }, registry.BadInput},
		"while a promotion runs": {func(m *ledgertest.Memory, l *Ledger) {}, registry.Conflict},
		"if the newest page was deleted": {func(m *ledgertest.Memory, l *Ledger) {
			delete(m.Pages, "page-1")
		}, registry.BadInput},
	} {
		m := ledgertest.New()
		l := signedBy(m, "a")
		mustPromote(t, l, 1)
		if err := promoter(l, confirmed(t, l), "2", 1, 2).Begin(ctx, 2); err != nil {
			t.Fatal(err)
		}
		delete(m.Anchors, "churn")
		c.change(m, l)
		before := len(m.Pages)
		if _, err := l.Repair(ctx, tagsOf(l), ""); registry.ReasonOf(err) != c.reason || len(m.Pages) != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A renamed model keeps its anchor, but its ledger continues only if the user specifies the former name.
func TestRepair_Renamed(t *testing.T) {
	m := ledgertest.New()
	l := signedBy(m, "a")
	mustPromote(t, l, 1, 2)
	m.Anchors["loyalty"] = m.Anchors["churn"]
	delete(m.Anchors, "churn")
	renamed := *l
	renamed.Model = "loyalty"
	rename := func(p *Promotion) *Promotion {
		record := p.Record
		p.Record = func(version int) Record { r := record(version); r.Model = "loyalty"; return r }
		return p
	}
	if _, err := confirm(&renamed); registry.ReasonOf(err) != registry.LedgerLost {
		t.Errorf("%v", err)
	}
	if _, err := renamed.Repair(ctx, tagsOf(&renamed), ""); registry.ReasonOf(err) != registry.BadInput {
		t.Errorf("%v", err)
	}
	v, err := renamed.Repair(ctx, tagsOf(&renamed), "churn")
	if err != nil {
		t.Fatal(err)
	}
	p := rename(promoter(&renamed, v, "9", 1, 9))
	if err := p.Begin(ctx, 9); err != nil {
		t.Fatal(err)
	}
	if err := p.End(ctx, nil, moved); err != nil {
		t.Fatal(err)
	}
	h := wholeHistory(t, &renamed)
	if got := brief(h.Entries); got != "1:1 done a, 2:2 done a, 33:9 done a" || h.Broken != nil {
		t.Errorf("%s %+v", got, h.Broken)
	}
	offline, err := ParseHistory(Reader{Model: "loyalty", Ring: l.Ring}, h.Pages)
	if err != nil || len(offline.Entries) != 3 {
		t.Errorf("%d, %v", len(offline.Entries), err)
	}
	// an anchor that points to a different model's ledger is refused
	m.Anchors["wine"] = m.Anchors["loyalty"]
	wine := *l
	wine.Model = "wine"
	if _, err := confirm(&wine); registry.ReasonOf(err) != registry.LedgerLost {
		t.Errorf("%v", err)
	}
}

// forbidden returns a function that refuses the given operation on the given page or name.
func forbidden(op, page string) func(string, string) error {
	return func(o, p string) error {
		if o == op && p == page {
			return &registry.Error{Reason: registry.Forbidden, Msg: "403"}
		}
		return nil
	}
}

// An attacker who takes a ledger's name before the first promotion cannot prevent promotions and is never believed.
func TestSquattedName(t *testing.T) {
	for name, squat := range map[string]func(m *ledgertest.Memory){
		"a forged ledger elsewhere": func(m *ledgertest.Memory) {
			x := open(m)
			for n := 1; n <= 3; n++ {
				p := promoter(x, View{}, fmt.Sprint(n), 1, n)
				if n > 1 {
					v, _ := x.Look(ctx)
					p.View = v
				}
				_ = p.Begin(ctx, n)
				_ = p.End(ctx, nil, moved)
			}
			delete(m.Anchors, "churn")
			m.Homes["page-1"] = "theirs"
		},
		"an open claim elsewhere": func(m *ledgertest.Memory) {
			_ = promoter(open(m), View{}, "1", 1, 1).Begin(ctx, 1)
			delete(m.Anchors, "churn")
			m.Homes["page-1"] = "theirs"
		},
		"a run that is not there": func(m *ledgertest.Memory) {
			m.Places["churn"] = registry.LedgerPlace{ID: "x", First: "page-77"}
		},
		"a page of another model": func(m *ledgertest.Memory) {
			m.Pages["page-50"] = head("wine", 0, "", "", "", nil)
			m.Places["churn"] = registry.LedgerPlace{ID: "x", First: "page-50"}
		},
		"a run that may not be read": func(m *ledgertest.Memory) {
			m.Places["churn"] = registry.LedgerPlace{ID: "x", First: "page-77"}
			m.Before = forbidden("read", "page-77")
		},
		"a name that may not be read": func(m *ledgertest.Memory) {
			m.Places["churn"] = registry.LedgerPlace{ID: "x", First: "page-77"}
			m.Before = forbidden("locate", "churn")
		},
		"a deleted experiment": func(m *ledgertest.Memory) {
			m.Places["churn"] = registry.LedgerPlace{ID: "x", First: "page-77", Deleted: true}
		},
		"a newer format": func(m *ledgertest.Memory) {
			m.Pages["page-50"] = map[string]string{keyFormat: "99", keyModel: "churn"}
			m.Homes["page-50"] = "theirs"
			m.Places["churn"] = registry.LedgerPlace{ID: "x", First: "page-50"}
		},
		"a signed ledger by an unknown key": func(m *ledgertest.Memory) {
			x := signedBy(m, "x")
			_ = try(x, 1)
			delete(m.Anchors, "churn")
			m.Homes["page-1"] = "theirs"
		},
	} {
		for _, c := range []struct {
			keys bool
			away string
		}{{true, ""}, {false, ""}, {true, "ours"}, {false, "ours"}} {
			t.Run(fmt.Sprintf("%s, keys %v, away %q", name, c.keys, c.away), func(t *testing.T) {
				m := ledgertest.New()
				squat(m)
				theirs := maps.Clone(m.Pages)
				l := open(m)
				if c.keys {
					l = signedBy(m, "a")
				}
				m.Away = c.away
				mustPromote(t, l, 10, 11)
				h := wholeHistory(t, l)
				if len(h.Entries) != 2 || h.Entries[0].Record.To != 10 || h.Broken != nil {
					t.Errorf("%s, %+v", brief(h.Entries), h.Broken)
				}
				for id, kv := range theirs {
					if !maps.Equal(kv, m.Pages[id]) {
						t.Errorf("their page %s was changed", id)
					}
				}
				// the tags on the attacker's experiment make no difference later
				for _, first := range []string{"page-77", "page-1", h.Pages[0].Page, "page-50"} {
					m.Places["churn"] = registry.LedgerPlace{ID: "x", First: first, Tail: first}
					if got := confirmed(t, l); got.ID() != h.Pages[0].Page || len(got.Facts().Entries) != 2 {
						t.Errorf("found %s", got.ID())
					}
				}
			})
		}
	}
}

// Two runs that find the name taken agree on the same ledger.
func TestSquattedName_Race(t *testing.T) {
	m := ledgertest.New()
	m.Places["churn"] = registry.LedgerPlace{ID: "x", First: "page-77"}
	l := signedBy(m, "a")
	v := confirmed(t, l)
	one, two := promoter(l, v, "1", 1, 1), promoter(l, v, "2", 1, 2)
	if err := one.Begin(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := two.Begin(ctx, 2); registry.ReasonOf(err) != registry.Conflict {
		t.Errorf("%v", err)
	}
	if len(m.Pages) != 1 {
		t.Errorf("%d pages", len(m.Pages))
	}
}

// If an outsider owns the home experiment, a signed ledger begins in the login's own experiment, and the anchor points
// to it.
func TestTakenHome(t *testing.T) {
	for name, before := range map[string]func(op, page string) error{
		"which can be read": nil,
		"which is hidden": func(op, page string) error {
			if op == "home" {
				return &registry.Error{Reason: registry.Forbidden, Msg: "403"}
			}
			return nil
		},
	} {
		m := ledgertest.New()
		m.Away, m.Before = "home-of-ci", before
		l := signedBy(m, "a")
		for n := 1; n <= PageEntries+1; n++ {
			mustPromote(t, l, n)
		}
		if h := wholeHistory(t, l); len(h.Entries) != PageEntries+1 || len(h.Pages) != 2 || h.Broken != nil {
			t.Errorf("%s: %d entries, %d pages, %+v", name, len(h.Entries), len(h.Pages), h.Broken)
		}
		m.Pages["page-99"] = head("churn", 0, "", "", "", nil) // a forged page that an editor writes next to ours
		m.Homes["page-99"] = m.Homes["page-1"]
		p, err := parse(Reader{Model: "churn"}, Saved{Page: "page-99", Values: m.Pages["page-99"]})
		if err != nil {
			t.Fatal(err)
		}
		m.Anchors["churn"], m.Places["churn"] = anchorText(p), registry.LedgerPlace{ID: "churn", First: "page-99"}
		if err := try(l, 98); registry.ReasonOf(err) != registry.LedgerLost {
			t.Errorf("%s: a forged ledger replaces it: %v", name, err)
		}
		if _, err := l.Repair(ctx, tagsOf(l), ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		mustPromote(t, l, 99)
	}
}
