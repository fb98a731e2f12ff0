package ledger

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

var forgedLedgers = flag.Int("forged", 330, "number of forged ledgers")

// forgery is one forged ledger, in memory.
type forgery struct {
	*ledgertest.Forger
	t       *testing.T
	m       *ledgertest.Memory
	l       *Ledger
	genuine map[string]Entry // the entries that our promotions wrote, keyed by the text of their record
	now     time.Time
	// believed is called for every entry that decides something although none of our keys signed it
	believed func(format string, args ...any)
}

// begin writes an honest ledger of one or more pages. It may begin unsigned, uses several keys, and contains foreign
// entries and an open entry.
func (f *forgery) begin() {
	f.now = start
	f.l = signedBy(f.m, "a", "b")
	f.l.Now = func() time.Time { return f.now }
	if f.IntN(4) == 0 {
		f.squat()
	}
	if f.IntN(4) == 0 {
		plain := open(f.m)
		for n := range 1 + f.IntN(3) {
			if err := try(plain, 900+n); err != nil {
				f.t.Fatalf("unsigned: %v", err)
			}
		}
	}
	entries := 1 + f.IntN(5)
	if f.IntN(6) == 0 {
		entries = PageEntries - 2 + f.IntN(5)
	}
	for n := range entries {
		f.promote(n + 1)
		if f.IntN(8) == 0 {
			unsigned := *f.l
			unsigned.Key, unsigned.Unsigned = signing.KeyPair{}, true
			_ = try(&unsigned, 800+n)
			f.now = f.now.Add(Lease)
		}
	}
	other := *f.l // a ledger of a different model, with the same keys
	other.Model = "wine"
	p := promoter(&other, View{}, "wine", 1, 1)
	record := p.Record
	p.Record = func(version int) Record { r := record(version); r.Model = "wine"; return r }
	if err := errors.Join(p.Begin(ctx, 1), p.End(ctx, nil, moved)); err != nil {
		f.t.Fatal(err)
	}
	if f.IntN(3) == 0 {
		p := promoter(f.l, confirmed(f.t, f.l), "open", 1, 77)
		if err := p.Begin(ctx, 77); err != nil {
			f.t.Fatal(err)
		}
		e, _ := p.Entry()
		f.genuine[e.Text] = e
	}
}

// promote writes an honest entry, signed by either key.
func (f *forgery) promote(version int) {
	f.l.Key = pair([]string{"a", "b"}[f.IntN(2)])
	v, err := confirm(f.l)
	if err != nil {
		f.t.Fatalf("%v: %v", f.Did, err)
	}
	f.finish(promoter(f.l, v, fmt.Sprint(version), 1, version), version)
}

func (f *forgery) finish(p *Promotion, version int) {
	if err := errors.Join(p.Begin(ctx, version), p.End(ctx, nil, moved)); err != nil {
		f.t.Fatalf("%v: %v", f.Did, err)
	}
	e, _ := p.Entry()
	f.genuine[e.Text] = e
	f.now = f.now.Add(time.Duration(f.IntN(100)) * time.Second)
}

// squat takes the ledger's name before the first promotion, so that the name leads to a forged ledger, to an open
// claim, or to nothing.
func (f *forgery) squat() {
	x := open(f.m)
	if f.IntN(2) == 0 {
		x = signedBy(f.m, "x")
	}
	if f.IntN(3) > 0 {
		p := promoter(x, View{}, "x", 1, 666)
		_ = p.Begin(ctx, 666)
		if f.IntN(2) == 0 {
			_ = p.End(ctx, nil, moved)
		}
		for id := range f.m.Pages {
			f.m.Homes[id] = "theirs"
		}
	} else {
		f.m.Places["churn"] = registry.LedgerPlace{ID: "x", First: "nothing", Deleted: f.IntN(2) == 0}
	}
	clear(f.m.Anchors)
	f.Did = append(f.Did, "squat")
}

// judge checks that every entry that can decide something was written by our promotions and has not been changed.
func (f *forgery) judge(when string, entries []Entry) {
	f.t.Helper()
	last := 0
	for _, e := range entries {
		ours, known := f.genuine[e.Text]
		outcome := e.Outcome == "" || e.Outcome == EntrySuperseded || e.Digest == ours.Digest && e.Outcome == ours.Outcome
		switch {
		case !known || ours.Epoch != e.Epoch || !e.Lease.Equal(ours.Lease) || ours.Holder != e.Holder || ours.Link != e.Link:
			f.believed("%s: entry %d is not ours; %v by %s", when, e.Epoch, f.Did, f.Who)
		case !outcome:
			f.believed("%s: entry %d has another outcome; %v by %s", when, e.Epoch, f.Did, f.Who)
		case e.Epoch <= last:
			f.believed("%s: entry %d comes after %d; %v by %s", when, e.Epoch, last, f.Did, f.Who)
		}
		last = e.Epoch
	}
}

// read reads the ledger in every possible way.
func (f *forgery) read(when string) (all []Entry) {
	v, err := confirm(f.l)
	if err == nil {
		f.judge(when, v.Facts().Decisive().Entries)
		if back, err := f.l.Back(ctx, v, func(Chain) bool { return false }); err == nil {
			f.judge(when+", back", back.Decisive().Entries)
		}
		outbox, _ := f.l.Outbox(ctx, v) // notifications are sent for whatever can be read
		f.judge(when+", outbox", outbox.Entries)
	}
	r := f.l.reader()
	h, err := Salvage(ctx, r)
	f.judge(when+", salvaged", h.Chain(r).Decisive().Entries)
	if h, err = h.Anchored(ctx, r, tagsOf(f.l), err); err == nil {
		all = h.Chain(r).Decisive().Entries
		f.judge(when+", history", all)
	}
	return all
}

// Whatever an attacker writes, copies, reorders or removes, an entry decides something only if one of our keys signed
// it. An outsider cannot prevent promotions. After an attack by an editor, promotions fail with a specific reason, and
// a repair makes them work again without losing any of our earlier entries.
func TestForgedLedgers(t *testing.T) {
	count := map[string]int{}
	for seed := range *forgedLedgers {
		f := newForgery(t, seed, pair("x"))
		f.begin()
		f.Now = f.now
		f.Forge(func(kind string) { f.read("after " + kind) })
		count[fmt.Sprint(f.Who, ": ", f.goOn(seed))]++
		if t.Failed() {
			t.Fatalf("seed %d: %s: %s", seed, f.Who, strings.Join(f.Did, ", "))
		}
	}
	t.Logf("forged ledgers: %v", count)
}

// If the attacker has a key that the policy lists, readers believe the same forgeries. This shows that the forgeries
// are well made.
func TestForgedLedgers_WithKey(t *testing.T) {
	believed := map[string]bool{}
	for seed := range 90 {
		f := newForgery(t, seed, pair("a"))
		f.begin()
		f.Now, f.believed = f.now, func(string, ...any) { believed[fmt.Sprint(f.Who)] = true }
		f.Forge(func(string) { f.read("") })
	}
	if !believed["editor"] || !believed["operator"] {
		t.Errorf("believed only by %v", believed)
	}
}

func newForgery(t *testing.T, seed int, key signing.KeyPair) *forgery {
	m, who := ledgertest.New(), ledgertest.Attacker(seed%3)
	return &forgery{
		Forger: &ledgertest.Forger{
			Rand: rand.New(rand.NewPCG(uint64(seed), 1)), Carrier: &ledgertest.InMemory{Memory: m, Who: who, Model: "churn"},
			Who: who, Model: "churn", Key: key, Lie: func(r map[string]any) { r["actor"] = "mallory" },
		},
		t: t, m: m, genuine: map[string]Entry{}, believed: t.Errorf,
	}
}

// goOn promotes once more, and returns what it took for that to succeed.
func (f *forgery) goOn(seed int) string {
	before := len(f.genuine)
	next := func() error {
		v, err := confirm(f.l)
		if err != nil {
			return err
		}
		p := promoter(f.l, v, "next", 1, 99)
		p.Claim.Takeover = true
		if err := errors.Join(p.Begin(ctx, 99), p.End(ctx, nil, moved)); err != nil {
			return err
		}
		e, _ := p.Entry()
		f.genuine[e.Text] = e
		return nil
	}
	how, err := "goes on at once", next()
	if err != nil && f.Who == ledgertest.Outsider {
		f.t.Fatalf("seed %d: an outsider stops promotions: %v: %v", seed, f.Did, err)
	}
	if registry.ReasonOf(err) == registry.Conflict {
		f.now = f.now.Add(4 * Lease)
		how, err = "goes on after the lease", next()
	}
	if err != nil {
		if registry.ReasonOf(err) != registry.LedgerLost && registry.ReasonOf(err) != registry.Conflict {
			f.t.Errorf("%v fails with %v", f.Did, err)
		}
		f.now = f.now.Add(4 * Lease)
		if _, err = f.l.Repair(ctx, tagsOf(f.l), ""); err == nil {
			how, err = "goes on after a repair", next()
		}
	}
	if err != nil && f.Who == ledgertest.Editor {
		f.t.Fatalf("seed %d: an editor stops promotions for good: %v: %v", seed, f.Did, err)
	}
	all := f.read("at the end")
	if err != nil {
		return "lost"
	}
	if f.Who != ledgertest.Operator && len(all) != before+1 {
		f.t.Errorf("%d entries of %d are left after %v by %s (%s)", len(all), before+1, f.Did, f.Who, how)
	}
	return how
}
