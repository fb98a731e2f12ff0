package ledger

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

var forgedLedgers = flag.Int("forged", 330, "number of forged ledgers")

// An attacker of a ledger. An outsider may create pages and take free names. An editor may write to all pages, name and
// anchor, but values are written once. The third changes the database.
type attacker int

const (
	outsider attacker = iota
	editor
	database
)

func (a attacker) String() string { return []string{"outsider", "editor", "database"}[a] }

// forgery is one forged ledger. Its author has no key that the policy lists.
type forgery struct {
	*rand.Rand
	t       *testing.T
	who     attacker
	m       *ledgertest.Memory
	l       *Ledger
	genuine map[string]Entry // what our promotions wrote, by the digest of the record
	did     []string
	now     time.Time
	made    int
}

// begin writes an honest ledger: over one or several pages, with an unsigned beginning or not, with several keys, with
// foreign entries and an open one.
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
	other := *f.l // another model's ledger, by the same keys
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

// promote makes an honest entry, with either key.
func (f *forgery) promote(version int) {
	f.l.Key = pair([]string{"a", "b"}[f.IntN(2)])
	v, err := confirm(f.l)
	if err != nil {
		f.t.Fatalf("%v: %v", f.did, err)
	}
	f.finish(promoter(f.l, v, fmt.Sprint(version), 1, version), version)
}

func (f *forgery) finish(p *Promotion, version int) {
	if err := errors.Join(p.Begin(ctx, version), p.End(ctx, nil, moved)); err != nil {
		f.t.Fatalf("%v: %v", f.did, err)
	}
	e, _ := p.Entry()
	f.genuine[e.Text] = e
	f.now = f.now.Add(time.Duration(f.IntN(100)) * time.Second)
}

// page adds a page of the attacker's own.
func (f *forgery) page(kv map[string]string) string {
	f.made++
	id := fmt.Sprint("x", f.made)
	f.m.Pages[id] = kv
	if f.who == outsider {
		f.m.Homes[id] = "theirs"
	}
	return id
}

// put writes values as the attacker may.
func (f *forgery) put(id string, kv map[string]string) {
	switch {
	case f.who == outsider || f.m.Pages[id] == nil: // on pages of their own only
	case f.who == editor:
		_ = f.m.Write(ctx, id, kv)
	default:
		maps.Copy(f.m.Pages[id], kv)
	}
}

// ours returns a random page of the honest ledger, with its id.
func (f *forgery) ours() (string, map[string]string) {
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(f.m.Pages)), func(id string) bool {
		return f.m.Pages[id][keyModel] != "churn" || id[0] == 'x'
	})
	if len(ids) == 0 {
		return "", map[string]string{}
	}
	id := ids[f.IntN(len(ids))]
	return id, f.m.Pages[id]
}

// any returns a random page.
func (f *forgery) any() (string, map[string]string) {
	ids := slices.Sorted(maps.Keys(f.m.Pages))
	id := ids[f.IntN(len(ids))]
	return id, f.m.Pages[id]
}

// squat takes the name of the ledger before its first promotion, with a forged ledger, an open claim or nothing there.
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
	f.did = append(f.did, "squat")
}

// number returns a number near the end of a page.
func (f *forgery) number(kv map[string]string) int {
	n := 0
	fmt.Sscan(kv[keyBase], &n)
	return n + 1 + f.IntN(min(PageEntries, len(kv)/8+4))
}

// moves are the ways to forge.
var moves = map[string]func(f *forgery){
	"a page elsewhere with our values": func(f *forgery) {
		_, kv := f.ours()
		f.page(maps.Clone(kv))
	},
	"a page elsewhere with an open claim": func(f *forgery) {
		id, kv := f.ours()
		copied := f.page(maps.Clone(kv))
		p, err := parse(f.l.reader(), Saved{Page: id, Values: kv})
		if err == nil && p.free != 0 {
			_, claim := claimOn(p, forger(f.m, "x", pair("x")), 666, f.now, nil)
			maps.Copy(f.m.Pages[copied], claim)
		}
	},
	"the name leads elsewhere": func(f *forgery) {
		id, _ := f.any()
		if place := f.m.Places["churn"]; f.who != outsider || place.ID == "x" || f.m.Homes[place.First] == "theirs" {
			f.m.Places["churn"] = registry.LedgerPlace{
				ID: place.ID, First: []string{id, place.First, "nothing"}[f.IntN(3)], Tail: []string{id, "", "nothing"}[f.IntN(3)],
				Deleted: f.IntN(3) == 0,
			}
		}
	},
	"the anchor leads elsewhere": func(f *forgery) {
		if f.who == outsider {
			return
		}
		id, kv := f.any()
		text := []string{"x", anchorText(page{id: id}), fmt.Sprintf(`{"run":%q,"epoch":%s,"sha256":"x"}`, id, orNone(kv[keyBase]))}
		f.m.Anchors["churn"] = text[f.IntN(3)]
		if f.IntN(4) == 0 {
			delete(f.m.Anchors, "churn")
		}
	},
	"an unsigned claim": func(f *forgery) { f.claim(signing.KeyPair{}) },
	"a claim by x":      func(f *forgery) { f.claim(pair("x")) },
	"junk in a number": func(f *forgery) {
		id, kv := f.ours()
		n := f.number(kv)
		keys := []string{
			claimKey(n), linkKey(n), recordKey(n) + ".00", outcomeKey(n), claimSigKey(n), outcomeSigKey(n), notifiedKey(n, 0),
		}
		f.put(id, map[string]string{keys[f.IntN(len(keys))]: "junk"})
	},
	"all numbers": func(f *forgery) {
		id, kv := f.ours()
		base := 0
		fmt.Sscan(kv[keyBase], &base)
		for n := base + 1; n <= base+PageEntries; n++ {
			if !occupied(kv, n) {
				f.put(id, map[string]string{linkKey(n): "junk"})
			}
		}
	},
	"a forged outcome": func(f *forgery) {
		id, kv := f.ours()
		n := f.number(kv)
		e, why := readClaim(n, kv)
		if why != "" {
			return
		}
		x := page{format: signedFormat}
		o, _ := x.close(pair("x"), e, EntryDone, registry.OK, 1, f.now)
		if f.IntN(2) == 0 {
			delete(o, outcomeSigKey(n))
		}
		f.put(id, o)
	},
	"another next page": func(f *forgery) {
		id, _ := f.ours()
		next, _ := f.any()
		f.put(id, map[string]string{keyNext: []string{next, "nothing"}[f.IntN(2)]})
	},
	"a replayed entry": func(f *forgery) {
		id, _ := f.ours()
		_, from := f.any()
		n, m := f.number(from), f.number(f.m.Pages[id])
		kv := map[string]string{}
		for key, value := range slot(from, n) {
			kv[key[:1]+fmt.Sprintf("%06d", m)+key[7:]] = value
		}
		f.put(id, kv)
	},
	"a forged page after ours": func(f *forgery) {
		id, kv := f.ours()
		p, err := parse(f.l.reader(), Saved{Page: id, Values: kv})
		if err != nil {
			return
		}
		x := forger(f.m, "x", pair("x"))
		if f.IntN(2) == 0 {
			x = open(f.m)
		}
		next := f.page(nil)
		f.m.Pages[next] = p.headAfter("page-1").values(x, next)
		f.put(id, map[string]string{keyNext: next})
		if f.who != outsider && f.IntN(2) == 0 {
			f.m.Anchors["churn"] = anchorText(page{id: next, base: p.base})
		}
	},
	"an edited value": func(f *forgery) {
		if f.who != database {
			return
		}
		_, kv := f.ours()
		keys := slices.Sorted(maps.Keys(kv))
		if len(keys) > 0 {
			key := keys[f.IntN(len(keys))]
			kv[key] = edited(kv[key])
		}
	},
	"a removed value": func(f *forgery) {
		if f.who != database {
			return
		}
		_, kv := f.ours()
		keys := slices.Sorted(maps.Keys(kv))
		if len(keys) > 0 {
			delete(kv, keys[f.IntN(len(keys))])
		}
	},
	"entries cut": func(f *forgery) {
		if f.who == database {
			_, kv := f.ours()
			n := f.number(kv)
			removeFrom(kv, n, n+f.IntN(3))
		}
	},
	"two entries swapped": func(f *forgery) {
		if f.who != database {
			return
		}
		_, kv := f.ours()
		n, m := f.number(kv), f.number(kv)
		one, two := slot(kv, n), slot(kv, m)
		removeFrom(kv, n, n)
		removeFrom(kv, m, m)
		for from, to := range map[int]map[string]string{m: one, n: two} {
			for key, value := range to {
				kv[key[:1]+fmt.Sprintf("%06d", from)+key[7:]] = value
			}
		}
	},
	"signatures swapped": func(f *forgery) {
		if f.who == database {
			_, kv := f.ours()
			one, two := claimSigKey(f.number(kv)), outcomeSigKey(f.number(kv))
			kv[one], kv[two] = orNone(kv[two]), orNone(kv[one])
		}
	},
	"a page removed": func(f *forgery) {
		if f.who == database && f.IntN(3) == 0 {
			id, _ := f.ours()
			delete(f.m.Pages, id)
		}
	},
}

// claim forges a claim that follows from ours.
func (f *forgery) claim(key signing.KeyPair) {
	id, kv := f.ours()
	p, err := parse(f.l.reader(), Saved{Page: id, Values: kv})
	if err != nil || p.free == 0 {
		return
	}
	p.free = max(p.free, f.number(kv))
	x := *f.l
	x.Key = key
	_, values := claimOn(p, &x, 666, f.now.Add(time.Duration(f.IntN(5)-2)*10*time.Minute), nil)
	f.put(id, values)
}

// judge checks that every entry that may decide something is one of ours, as we wrote it.
func (f *forgery) judge(when string, entries []Entry) {
	f.t.Helper()
	last := 0
	for _, e := range entries {
		ours, known := f.genuine[e.Text]
		outcome := e.Outcome == "" || e.Outcome == EntrySuperseded || e.Digest == ours.Digest && e.Outcome == ours.Outcome
		switch {
		case !known || ours.Epoch != e.Epoch || !e.Lease.Equal(ours.Lease) || ours.Holder != e.Holder || ours.Link != e.Link:
			f.t.Errorf("%s: entry %d is not ours; %v by %s", when, e.Epoch, f.did, f.who)
		case !outcome:
			f.t.Errorf("%s: entry %d has another outcome; %v by %s", when, e.Epoch, f.did, f.who)
		case e.Epoch <= last:
			f.t.Errorf("%s: entry %d comes after %d; %v by %s", when, e.Epoch, last, f.did, f.who)
		}
		last = e.Epoch
	}
}

// read reads everything that can be read.
func (f *forgery) read(when string) (all []Entry) {
	v, err := confirm(f.l)
	if err == nil {
		f.judge(when, v.Facts().Decisive().Entries)
		if back, err := f.l.Back(ctx, v, func(Chain) bool { return false }); err == nil {
			f.judge(when+", back", back.Decisive().Entries)
		}
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

// Whatever others write, copy, reorder or cut, no entry decides anything that none of our keys signed. An outsider stops
// nothing. After an editor, promotions fail by name and work again after a repair, with all our earlier entries.
func TestForgedLedgers(t *testing.T) {
	names := slices.Sorted(maps.Keys(moves))
	count := map[string]int{}
	for seed := range *forgedLedgers {
		f := &forgery{
			Rand: rand.New(rand.NewPCG(uint64(seed), 1)), t: t, who: attacker(seed % 3), m: ledgertest.New(), genuine: map[string]Entry{},
		}
		f.begin()
		for range 1 + f.IntN(4) {
			name := names[f.IntN(len(names))]
			f.did = append(f.did, name)
			moves[name](f)
			f.read("after " + name)
		}
		count[fmt.Sprint(f.who, ": ", f.goOn(seed))]++
		if t.Failed() {
			t.Fatalf("seed %d: %s: %s", seed, f.who, strings.Join(f.did, ", "))
		}
	}
	t.Log(count)
}

// goOn promotes once more and says what was necessary.
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
	if err != nil && f.who == outsider {
		f.t.Fatalf("seed %d: an outsider stops promotions: %v: %v", seed, f.did, err)
	}
	if registry.ReasonOf(err) == registry.Conflict {
		f.now = f.now.Add(4 * Lease)
		how, err = "goes on after the lease", next()
	}
	if err != nil {
		if registry.ReasonOf(err) != registry.LedgerLost && registry.ReasonOf(err) != registry.Conflict {
			f.t.Errorf("%v fails with %v", f.did, err)
		}
		f.now = f.now.Add(4 * Lease)
		if _, err = f.l.Repair(ctx, tagsOf(f.l), ""); err == nil {
			how, err = "goes on after a repair", next()
		}
	}
	if err != nil && f.who == editor {
		f.t.Fatalf("seed %d: an editor stops promotions for good: %v: %v", seed, f.did, err)
	}
	all := f.read("at the end")
	if err != nil {
		return "lost"
	}
	if f.who != database && len(all) != before+1 {
		f.t.Errorf("%d entries of %d are left after %v by %s (%s)", len(all), before+1, f.did, f.who, how)
	}
	return how
}
