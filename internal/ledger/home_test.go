package ledger

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// away returns the ledger of a login that is not allowed to write to the home experiment.
func away(m *ledgertest.Memory, keys bool) *Ledger {
	m.Away = "mlflow-promotions-ann"
	if keys {
		return signedBy(m, "a")
	}
	return open(m)
}

// A ledger outside the home experiment is read like any other. The run that begins the ledger reports the experiment's
// name.
func TestAway_IsReadByOthers(t *testing.T) {
	for _, keys := range []bool{true, false} {
		m := ledgertest.New()
		p := promoter(away(m, keys), View{}, "1", 1, 1)
		if err := p.Begin(ctx, 1); err != nil {
			t.Fatal(err)
		}
		if err := p.End(ctx, nil, moved); err != nil {
			t.Fatal(err)
		}
		if got := p.View.Away(); got != m.Away {
			t.Errorf("keys %v: began in %q", keys, got)
		}
		others := open(m)
		if keys {
			others = signedBy(m, "a")
		}
		m.Away = ""
		for version := 2; version <= PageEntries+2; version++ {
			mustPromote(t, others, version)
		}
		h := wholeHistory(t, others)
		if len(h.Entries) != PageEntries+2 || len(h.Pages) != 2 || h.Pages[1].Experiment != "mlflow-promotions-ann" {
			t.Errorf("keys %v: %d entries, %d pages", keys, len(h.Entries), len(h.Pages))
		}
	}
}

// A ledger outside the home experiment is believed only if it has an anchor, a mark or a signature. Each of these
// requires a listed key or permission to edit the model, so an outsider cannot provide any of them.
func TestAway_IsProven(t *testing.T) {
	for name, c := range map[string]struct {
		keys   bool
		change func(m *ledgertest.Memory, first string)
		want   string // "" if the ledger is found, "none", or a reason
	}{
		"nothing was changed":           {false, func(*ledgertest.Memory, string) {}, ""},
		"nothing was changed, keys":     {true, func(*ledgertest.Memory, string) {}, ""},
		"no anchor and no mark":         {false, bare, "none"},
		"no anchor and no mark, signed": {true, bare, "ledger-lost"},
		"no anchor": {
			false, func(m *ledgertest.Memory, _ string) { clear(m.Anchors) }, "ledger-lost",
		},
		"the name leads elsewhere": {false, func(m *ledgertest.Memory, _ string) {
			forge(m, "page-90", "theirs")
			m.Places["churn"] = registry.LedgerPlace{ID: "churn", First: "page-90"}
		}, ""},
		"a forged ledger, and the anchor stays": {false, func(m *ledgertest.Memory, _ string) {
			forge(m, "page-90", "theirs")
			m.Places["churn"] = registry.LedgerPlace{ID: "churn", First: "page-90", Tail: "page-90"}
		}, ""},
		"the name cannot be read": {false, func(m *ledgertest.Memory, _ string) {
			m.Before = func(op, _ string) error {
				if op == "locate" {
					return &registry.Error{Reason: registry.Forbidden, Msg: "hidden"}
				}
				return nil
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := ledgertest.New()
			l := away(m, c.keys)
			mustPromote(t, l, 1, 2)
			first := m.Places["churn"].First
			c.change(m, first)
			v, err := confirm(l)
			got := string(registry.ReasonOf(err))
			switch {
			case err == nil && !v.Exists():
				got = "none"
			case err == nil && v.ID() == first && len(v.Facts().Entries) == 2:
				got = ""
			}
			if got != c.want {
				t.Errorf("%q: %v, %s with %d entries", got, err, v.ID(), len(v.Facts().Entries))
			}
		})
	}
}

// An outsider can make the ledger's name lead to any page. If there is an anchor, the history is still complete, and
// promotions continue after a full page.
func TestName_LeadsToAnotherPage(t *testing.T) {
	for name, c := range map[string]struct{ first, tail string }{
		"our second page":                   {"page-2", ""},
		"no page, and then our newest":      {"nothing", "page-2"},
		"a foreign page, and then ours":     {"page-90", "page-2"},
		"our second page, and then nothing": {"page-2", "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			m := ledgertest.New()
			l := signedBy(m, "a")
			mustPromote(t, l, 1, 2)
			forge(m, "page-90", "theirs")
			for version := 3; version <= 2*PageEntries+2; version++ {
				if version == PageEntries+2 {
					m.Places["churn"] = registry.LedgerPlace{ID: "churn", First: c.first, Tail: c.tail}
				}
				mustPromote(t, l, version)
			}
			h, err := Salvage(ctx, l.reader())
			h, err = h.Anchored(ctx, l.reader(), tagsOf(l), err)
			if err != nil || len(h.Entries) != 2*PageEntries+2 || h.Broken != nil {
				t.Errorf("%d entries, %v, %v", len(h.Entries), h.Broken, err)
			}
		})
	}
}

// bare removes every proof from the model.
func bare(m *ledgertest.Memory, _ string) {
	clear(m.Anchors)
	clear(m.Tagged)
}

// forge creates a page with a single unsigned entry in the given experiment.
func forge(m *ledgertest.Memory, id, experiment string) {
	x := open(ledgertest.New())
	_ = try(x, 66)
	m.Pages[id] = x.Store.(*ledgertest.Memory).Pages["page-1"]
	m.Homes[id] = experiment
}

// Without keys, a login that may edit the model can move the anchor, but it cannot replace a ledger in the home
// experiment.
func TestAway_DoesNotReplaceHome(t *testing.T) {
	for name, place := range map[string]registry.LedgerPlace{
		"its name is gone":         {},
		"its name is that of home": {ID: "churn", First: "page-1"},
	} {
		m := ledgertest.New()
		l := open(m)
		mustPromote(t, l, 1)
		forge(m, "page-90", "theirs")
		s, _ := l.reader().stored(ctx, "page-90")
		p, err := parse(l.reader(), s)
		if err != nil {
			t.Fatal(err)
		}
		m.Anchors["churn"] = anchorText(p)
		m.Places["churn"] = place
		if v, err := confirm(l); registry.ReasonOf(err) != registry.LedgerLost {
			t.Errorf("%s: %v, %s", name, err, v.ID())
		}
	}
}

// racer is a founder that waits for its turn before each operation. Its login has its own experiment.
type racer struct {
	*ledgertest.Memory
	home string
	turn func()
}

func (r racer) Page(ctx context.Context, model, experiment string) (string, string, error) {
	r.turn()
	page, _, err := r.Memory.Page(ctx, model, cmp.Or(experiment, r.home))
	return page, r.home, err
}

func (r racer) Found(ctx context.Context, model, suffix, page string) (Place, error) {
	r.turn()
	return r.Memory.Found(ctx, model, suffix, page)
}

func (r racer) Tag(ctx context.Context, model, key, value string) error {
	r.turn()
	return r.Memory.Tag(ctx, model, key, value)
}

func (r racer) Tags(ctx context.Context, model string) (map[string]string, error) {
	r.turn()
	return r.Memory.Tags(ctx, model)
}

func (r racer) Write(ctx context.Context, page string, values map[string]string) error {
	r.turn()
	return r.Memory.Write(ctx, page, values)
}

// Two logins begin a model's ledger at the same moment, each in its own experiment or in the home experiment, and the
// ledger's name is either free or taken. At most one of the two gets an entry, and later runs find that entry.
func TestAway_Race(t *testing.T) {
	began, none := 0, 0
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 1))
		m := ledgertest.New()
		if seed%2 == 0 {
			m.Places["churn"] = registry.LedgerPlace{ID: "churn", First: "page-77"}
		}
		homes := []string{"ours-1", "ours-2"}
		if seed%3 == 0 {
			homes[0] = ""
		}
		turns := []chan struct{}{make(chan struct{}), make(chan struct{})}
		var entries [2]bool
		var wg sync.WaitGroup
		ended := make(chan int, 2)
		for i, home := range homes {
			l := open(m)
			f := racer{m, home, func() { <-turns[i] }}
			l.Store, l.Founder = f, f
			v := confirmed(t, open(m))
			p := promoter(l, v, fmt.Sprint(i), 1, i+1)
			wg.Go(func() {
				if p.Begin(ctx, i+1) == nil {
					entries[i] = true
				}
				ended <- i
			})
		}
		for running := []int{0, 1}; len(running) > 0; {
			i := random.IntN(len(running))
			// each login performs several operations in a row, so that one of them can get far ahead of the other
			for n := random.IntN(8); n >= 0 && len(running) > 0; n-- {
				select {
				case turns[running[i%len(running)]] <- struct{}{}:
				case over := <-ended:
					if len(running) == 2 {
						running = []int{1 - over}
					} else {
						running = nil
					}
				}
			}
		}
		wg.Wait()
		switch {
		case entries[0] && entries[1]:
			t.Fatalf("seed %d: both have an entry: %v %v", seed, m.Anchors, m.Places)
		case entries[0] || entries[1]:
			began++
			v, err := confirm(open(m))
			if err != nil || len(v.Facts().Entries) != 1 {
				t.Fatalf("seed %d: the entry is not found: %v", seed, err)
			}
		default:
			none++
			if strings.Contains(m.Anchors["churn"], "page") {
				t.Fatalf("seed %d: nobody began, but there is an anchor", seed)
			}
		}
	}
	t.Logf("one of two began the ledger in %d races, and none in %d", began, none)
	if began < 1000 {
		t.Error("too few began")
	}
}
