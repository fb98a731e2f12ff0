package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
)

// pair returns the key pair whose seed is the given letter, repeated 32 times.
func pair(seed string) signing.KeyPair {
	k, err := signing.Generate(bytes.NewReader(bytes.Repeat([]byte(seed), 32)))
	if err != nil {
		panic(err)
	}
	return k
}

// ring returns a ring of keys with these seeds, which are also the names of the keys.
func ring(seeds ...string) (r signing.Ring) {
	for _, s := range seeds {
		r = append(r, signing.Key{Name: s, Public: pair(s).Public()})
	}
	return r
}

// signedBy returns a ledger that accepts the keys with these seeds and signs with the first of them.
func signedBy(m *ledgertest.Memory, seeds ...string) *Ledger {
	l := open(m)
	l.Ring, l.Key = ring(seeds...), pair(seeds[0])
	return l
}

// confirmed reads and confirms the newest page.
func confirmed(t *testing.T, l *Ledger) View {
	t.Helper()
	v, err := confirm(l)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func confirm(l *Ledger) (View, error) {
	tags, err := l.Founder.Tags(ctx, l.Model)
	if err != nil {
		return View{}, err
	}
	v, err := l.Look(ctx)
	return l.Confirm(ctx, v, err, tags)
}

// try writes one complete entry, or returns the error that prevented this.
func try(l *Ledger, version int) error {
	v, err := confirm(l)
	if err != nil {
		return err
	}
	p := promoter(l, v, fmt.Sprint(version), 1, version)
	if err := p.Begin(ctx, version); err != nil {
		return err
	}
	return p.End(ctx, nil, moved)
}

func mustPromote(t *testing.T, l *Ledger, versions ...int) {
	t.Helper()
	for _, v := range versions {
		if err := try(l, v); err != nil {
			t.Fatal(err)
		}
	}
}

// wholeHistory reads the whole history of the ledger.
func wholeHistory(t *testing.T, l *Ledger) History {
	t.Helper()
	h, err := Load(ctx, l.reader())
	tags := map[string]string{registry.TagAnchor: l.Store.(*ledgertest.Memory).Anchors[l.Model]}
	if h, err = h.Anchored(ctx, l.reader(), tags, err); err != nil {
		t.Fatal(err)
	}
	return h
}

// brief lists entries as "number:version outcome key".
func brief(entries []Entry) string {
	var out []string
	for _, e := range entries {
		signed := e.Signed
		if signed == "" {
			signed = "unsigned"
		}
		out = append(out, fmt.Sprintf("%d:%d %s %s", e.Epoch, e.Record.To, e.Outcome, signed))
	}
	return strings.Join(out, ", ")
}

func TestSigned_WhatIsWrittenIsRead(t *testing.T) {
	m := ledgertest.New()
	l := signedBy(m, "a")
	for n := 1; n <= PageEntries+2; n++ {
		mustPromote(t, l, n)
	}
	v := confirmed(t, l)
	if got := brief(v.Facts().Entries); got != "33:33 done a, 34:34 done a" {
		t.Error(got)
	}
	h := wholeHistory(t, l)
	if len(h.Entries) != PageEntries+2 || h.Broken != nil || len(h.Foreign) > 0 || len(h.Pages) != 2 {
		t.Errorf("%d entries, %+v, %+v", len(h.Entries), h.Broken, h.Foreign)
	}
	back, err := l.Back(ctx, v, func(Chain) bool { return false })
	if err != nil || len(back.Entries) != PageEntries+2 {
		t.Errorf("%d entries, %v", len(back.Entries), err)
	}
	offline, err := ParseHistory(Reader{Model: "churn", Ring: l.Ring}, h.Pages)
	if diff := cmp.Diff(h.Entries, offline.Entries); diff != "" || err != nil {
		t.Error(diff, err)
	}
	unchecked, err := ParseHistory(Reader{Model: "churn"}, h.Pages)
	if err != nil || len(unchecked.Entries) != PageEntries+2 ||
		unchecked.Entries[0].Signed != pair("a").Public().Fingerprint() {
		t.Errorf("%d entries, %v", len(unchecked.Entries), err)
	}
	if reads := len(m.Pages["page-1"]); reads < 100 {
		t.Errorf("%d values", reads)
	}
}

// A ledger becomes signed once the policy lists keys, however many entries its newest page contains.
func TestSigned_FromUnsigned(t *testing.T) {
	for name, entries := range map[string]int{"one entry": 1, "a full page": PageEntries, "two pages": PageEntries + 3} {
		t.Run(name, func(t *testing.T) {
			m := ledgertest.New()
			plain := open(m)
			for n := range entries {
				promote(t, plain, n+1)
			}
			l := signedBy(m, "a")
			mustPromote(t, l, 100, 101)
			h := wholeHistory(t, l)
			if h.Broken != nil || len(h.Entries) != entries+2 {
				t.Fatalf("%d entries, %+v", len(h.Entries), h.Broken)
			}
			chain := h.Chain(l.reader())
			if got := brief(chain.Decisive().Entries); !strings.Contains(got, ":100 done a, ") ||
				len(chain.Decisive().Entries) != 2 || chain.Decisive().Before != nil {
				t.Error(got)
			}
			back, err := l.Back(ctx, confirmed(t, l), func(Chain) bool { return false })
			if err != nil || len(back.Entries) != entries+2 {
				t.Errorf("%d entries, %v", len(back.Entries), err)
			}
			if left, ok := confirmed(t, l).Facts().LastRecorded(moved[0]); !ok || left.String() != "101" {
				t.Errorf("left at %s", left)
			}
			if err := try(plain, 7); registry.ReasonOf(err) != registry.BadPolicy {
				t.Errorf("a program without keys goes on: %v", err)
			}
		})
	}
}

// A signed page proves which entries were on the unsigned page before it. Any other entry on that page is not intact.
func TestSigned_FromUnsigned_Edited(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(m *ledgertest.Memory, l *Ledger)
		at   int
	}{
		"an entry in the place of the end of the page": {func(m *ledgertest.Memory, l *Ledger) {
			removeFrom(m.Pages["page-1"], 3, 3)
			promote(t, open(m), 66)
		}, 3},
		"all entries": {func(m *ledgertest.Memory, l *Ledger) {
			removeFrom(m.Pages["page-1"], 1, 3)
			promote(t, open(m), 66)
			promote(t, open(m), 67)
			promote(t, open(m), 68)
		}, 1},
	} {
		m := ledgertest.New()
		promote(t, open(m), 1)
		promote(t, open(m), 2)
		l := signedBy(m, "a")
		mustPromote(t, l, 3)
		next := m.Pages["page-1"][keyNext]
		delete(m.Pages["page-1"], keyNext)
		place := m.Places["churn"]
		m.Places["churn"] = registry.LedgerPlace{ID: place.ID, First: place.First}
		c.edit(m, l)
		m.Pages["page-1"][keyNext], m.Places["churn"] = next, place
		h, err := Load(ctx, l.reader())
		if err != nil || h.Broken == nil || h.Broken.Epoch != c.at {
			t.Errorf("%s: %+v, %v", name, h.Broken, err)
		}
	}
}

// An open unsigned entry is not resumed but closed, and a signed page follows.
func TestSigned_FromAnOpenEntry(t *testing.T) {
	m := ledgertest.New()
	dead := promoter(open(m), View{}, "7", 1, 1)
	if err := dead.Begin(ctx, 1); err != nil {
		t.Fatal(err)
	}
	l := signedBy(m, "a")
	if err := try(l, 2); registry.ReasonOf(err) != registry.Conflict {
		t.Errorf("its lease runs: %v", err)
	}
	l.Now = func() time.Time { return start.Add(Lease + time.Second) }
	mustPromote(t, l, 2)
	if got := brief(wholeHistory(t, l).Entries); got != "1:1 superseded unsigned, 3:2 done a" {
		t.Error(got)
	}
	if err := dead.End(ctx, nil, moved); registry.ReasonOf(err) != registry.Conflict {
		t.Errorf("its holder reports success: %v", err)
	}
}

// While one run adds the first signed page, a run without keys cannot claim an entry on the old page, and vice versa.
func TestSigned_FromUnsigned_Race(t *testing.T) {
	for _, first := range []string{"claim", "page"} {
		m := ledgertest.New()
		plain, l := open(m), signedBy(m, "a")
		promote(t, plain, 1)
		pv, sv := confirmed(t, plain), confirmed(t, l)
		one, two := promoter(plain, pv, "1", 1, 2), promoter(l, sv, "2", 1, 3)
		if first == "page" {
			one, two = two, one
		}
		if err := one.Begin(ctx, 2); err != nil {
			t.Fatal(err)
		}
		if err := two.Begin(ctx, 3); registry.ReasonOf(err) != registry.Conflict {
			t.Errorf("%s first: %v", first, err)
		}
	}
}

// A program that does not know about signatures finds a newer record version, whichever page it reads first.
func TestSigned_OldProgramsStop(t *testing.T) {
	m := ledgertest.New()
	plain := open(m)
	promote(t, plain, 1)
	mustPromote(t, signedBy(m, "a"), 2)
	kv := m.Pages["page-1"]
	e, why := readEntry(2, kv)
	if why != "" || e.Record.Version <= RecordVersion || e.Record.Previous != mustEntry(t, kv, 1).Digest {
		t.Errorf("%s: %+v", why, e.Record)
	}
	if m.Pages["page-3"][keyFormat] != "2" && m.Pages["page-2"][keyFormat] != "2" {
		t.Error("no page has the newer format")
	}
}

func mustEntry(t *testing.T, kv map[string]string, n int) Entry {
	t.Helper()
	e, why := readEntry(n, kv)
	if why != "" {
		t.Fatal(why)
	}
	return e
}

// forger writes entries of its own to a page, either unsigned or signed with a key that the policy does not list.
func forger(m *ledgertest.Memory, id string, key signing.KeyPair) *Ledger {
	l := open(m)
	l.Ring, l.Key = signing.Ring{{Name: "x", Public: key.Public()}}, key
	return l
}

// claimOn claims the next number on a page as an honest writer would, and returns the values.
func claimOn(p page, l *Ledger, version int, at time.Time, change func(*Claim)) (Entry, map[string]string) {
	one := promoter(l, View{}, fmt.Sprint("x", version), 1, version)
	one.Claim.Record, one.Claim.Now = one.Record(version), at
	if change != nil {
		change(&one.Claim)
	}
	e, kv, err := claimBatch(p, one.Claim, l.Key)
	if err != nil {
		panic(err)
	}
	return e, kv
}

// TestBelief covers every rule about which entries are believed, with the reason for each refusal. Every entry comes
// after two believed ones.
func TestBelief(t *testing.T) {
	type scene struct {
		m *ledgertest.Memory
		l *Ledger
		p page
	}
	stolen := signing.Key{Name: "s", Public: pair("s").Public(), NotBetween: [2]time.Time{start.Add(-time.Hour), start.Add(time.Hour)}}
	old := signing.Key{Name: "o", Public: pair("o").Public(), Until: start}
	with := func(s scene, key string) *Ledger {
		l := *s.l
		l.Key = signing.KeyPair{}
		if key != "" {
			l.Key = pair(key)
		}
		return &l
	}
	write := func(s scene, kv map[string]string) { maps.Copy(s.m.Pages["page-1"], kv) }
	for name, c := range map[string]struct {
		forge func(s scene)
		why   string // "" if the entry is believed
	}{
		"our own":  {func(s scene) { _, kv := claimOn(s.p, s.l, 3, start, nil); write(s, kv) }, ""},
		"unsigned": {func(s scene) { _, kv := claimOn(s.p, with(s, ""), 3, start, nil); write(s, kv) }, "it is not signed"},
		"an unknown key": {
			func(s scene) { _, kv := claimOn(s.p, with(s, "x"), 3, start, nil); write(s, kv) },
			"but the policy lists no such key",
		},
		"a stolen week": {
			func(s scene) { _, kv := claimOn(s.p, with(s, "s"), 3, start, nil); write(s, kv) }, "in a period",
		},
		"after the key's end": {
			func(s scene) { _, kv := claimOn(s.p, with(s, "o"), 3, start, nil); write(s, kv) }, "after that key's last day",
		},
		"dated before the entry that it follows": {
			func(s scene) { _, kv := claimOn(s.p, s.l, 3, start.Add(-time.Second), nil); write(s, kv) }, "dated before",
		},
		"of another ledger": {func(s scene) {
			s.p.ledger = "page-9"
			_, kv := claimOn(s.p, s.l, 3, start, nil)
			write(s, kv)
		}, "wrong"},
		"of another model": {func(s scene) {
			s.p.model = "wine"
			_, kv := claimOn(s.p, s.l, 3, start, nil)
			write(s, kv)
		}, "wrong"},
		"a record about another model": {func(s scene) {
			_, kv := claimOn(s.p, s.l, 3, start, func(c *Claim) { c.Record.Model = "wine" })
			write(s, kv)
		}, "about the model"},
		"of another number": {func(s scene) {
			s.p.free = 4
			e, kv := claimOn(s.p, s.l, 3, start, nil)
			s.p.free = 3
			_, mine := claimOn(s.p, with(s, ""), 3, start, nil)
			mine[claimSigKey(3)] = kv[claimSigKey(e.Epoch)]
			write(s, mine)
		}, "wrong"},
		"a swapped signature": {func(s scene) {
			_, kv := claimOn(s.p, s.l, 3, start, nil)
			kv[claimSigKey(3)] = s.m.Pages["page-1"][claimSigKey(2)]
			write(s, kv)
		}, "wrong"},
		"a truncated signature": {func(s scene) {
			_, kv := claimOn(s.p, s.l, 3, start, nil)
			kv[claimSigKey(3)] = kv[claimSigKey(3)][:60]
			write(s, kv)
		}, "malformed"},
		"a signature in another encoding": {func(s scene) {
			_, kv := claimOn(s.p, s.l, 3, start, nil)
			kv[claimSigKey(3)] = strings.TrimRight(kv[claimSigKey(3)], "=")
			write(s, kv)
		}, "malformed"},
		"an edited link": {func(s scene) {
			_, kv := claimOn(s.p, s.l, 3, start, nil)
			kv[linkKey(3)] = "https://elsewhere.example"
			write(s, kv)
		}, "wrong"},
		"an edited lease": {func(s scene) {
			e, kv := claimOn(s.p, s.l, 3, start, nil)
			e.Lease = e.Lease.Add(time.Second)
			kv[claimKey(3)] = claimText(e, signedFormat)
			write(s, kv)
		}, "wrong"},
		"an entry that follows from nothing": {func(s scene) {
			s.p.tip.digest = "x"
			_, kv := claimOn(s.p, s.l, 3, start, nil)
			write(s, kv)
		}, "does not follow"},
		"an entry that leaves a free number out": {func(s scene) {
			s.p.free = 4
			s.p.tip.number = 3
			_, kv := claimOn(s.p, s.l, 3, start, nil)
			write(s, kv)
		}, "does not follow"},
		"an entry that skips what is there": {func(s scene) {
			s.p.tip = link{1, mustEntry(t, s.m.Pages["page-1"], 1).Digest}
			_, kv := claimOn(s.p, s.l, 3, start, nil)
			write(s, kv)
		}, ""},
		"garbage": {func(s scene) { write(s, map[string]string{claimKey(3): "garbage"}) }, "its record was edited"},
		"a part of a record": {
			func(s scene) { write(s, map[string]string{recordKey(3) + ".00": "{}"}) }, "its record was edited",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := ledgertest.New()
			l := signedBy(m, "a")
			mustPromote(t, l, 1, 2)
			c.forge(scene{m, l, confirmed(t, l).page})
			l.Ring = append(l.Ring, stolen, old)
			facts := confirmed(t, l).Facts()
			switch {
			case c.why == "":
				if len(facts.Entries) != 3 || len(facts.Foreign) > 0 {
					t.Errorf("%s, foreign %+v", brief(facts.Entries), facts.Foreign)
				}
			case len(facts.Entries) != 2 || len(facts.Foreign) != 1 || !strings.Contains(facts.Foreign[0].Why, c.why):
				t.Errorf("%s, foreign %+v", brief(facts.Entries), facts.Foreign)
			}
			// whatever was forged, the next promotion succeeds once the forged lease has expired
			l.Now = func() time.Time { return start.Add(2 * Lease) }
			if c.why == "" {
				return
			}
			mustPromote(t, l, 9)
			h := wholeHistory(t, l)
			if last := h.Entries[len(h.Entries)-1]; last.Record.To != 9 || last.Outcome != EntryDone || h.Broken != nil {
				t.Errorf("%s, %+v", brief(h.Entries), h.Broken)
			}
		})
	}
}

// Each kind of wrong signature is refused with its own reason, whether it is for a claim, for an outcome or for the
// head of a page.
func TestSignatures_Refused(t *testing.T) {
	stolen := signing.Key{Name: "s", Public: pair("s").Public(), NotBetween: [2]time.Time{start.Add(-time.Hour), start.Add(time.Hour)}}
	old := signing.Key{Name: "o", Public: pair("o").Public(), Until: start}
	by := func(key string, change func(*message)) func(message, string, string) string {
		return func(m message, _, _ string) string {
			if change != nil {
				change(&m)
			}
			return pair(key).Sign(m.text())
		}
	}
	const wrong, malformed = "by the key a is wrong: it was edited, or copied from elsewhere", "its signature is malformed"
	for name, c := range map[string]struct {
		// forge returns the signature to store. good is the correct signature of the message, and other is the
		// signature of a different message.
		forge func(m message, good, other string) string
		why   string
	}{
		"unknown key":      {by("x", nil), "but the policy lists no such key"},
		"expired key":      {by("o", nil), "by the key o after that key's last day"},
		"stolen week":      {by("s", nil), "by the key s in a period when that key does not count"},
		"wrong ledger":     {by("a", func(m *message) { m.Ledger = "page-9" }), wrong},
		"wrong model":      {by("a", func(m *message) { m.Model = "wine" }), wrong},
		"wrong number":     {by("a", func(m *message) { m.Number++ }), wrong},
		"swapped":          {func(_ message, _, other string) string { return other }, wrong},
		"truncated":        {func(_ message, good, _ string) string { return good[:60] }, malformed},
		"another encoding": {func(_ message, good, _ string) string { return strings.TrimRight(good, "=") }, malformed},
	} {
		t.Run(name, func(t *testing.T) {
			m := ledgertest.New()
			l := signedBy(m, "a")
			mustPromote(t, l, 1, 2)
			l.Ring = append(l.Ring, stolen, old)
			p, kv := confirmed(t, l).page, m.Pages["page-1"]
			for key, signed := range map[string]message{
				claimSigKey(2): p.claimMessage(p.entries[1], kv), outcomeSigKey(2): p.outcomeMessage(p.entries[1], kv),
				keySig: p.headMessage(),
			} {
				good := kv[key]
				if pair("a").Sign(signed.text()) != good {
					t.Fatalf("%s is not the signature of its message", key)
				}
				kv[key] = c.forge(signed, good, kv[claimSigKey(1)])
				v, err := confirm(l)
				var said []string
				for _, f := range v.Facts().Foreign {
					said = append(said, f.String())
				}
				if err != nil {
					said = append(said, err.Error())
				}
				if len(said) != 1 || !strings.Contains(said[0], c.why) {
					t.Errorf("%s: %q", key, said)
				}
				kv[key] = good
			}
		})
	}
}

// TestBelief_Outcomes covers every rule about outcomes. Our run claims the entry, and an attacker closes it.
func TestBelief_Outcomes(t *testing.T) {
	for name, c := range map[string]struct {
		key    string
		at     time.Time
		change func(kv map[string]string)
		why    string
	}{
		"our own":            {"a", start, nil, ""},
		"unsigned":           {"", start, nil, "it is not signed"},
		"an unknown key":     {"x", start, nil, "lists no such key"},
		"before its claim":   {"a", start.Add(-time.Second), nil, "dated before its claim"},
		"in the future":      {"a", start.Add(time.Hour), nil, "in the future"},
		"another entry's":    {"a", start, func(kv map[string]string) { kv[outcomeSigKey(2)] = kv[outcomeSigKey(1)] }, "wrong"},
		"garbage":            {"a", start, func(kv map[string]string) { kv[outcomeKey(2)] = "garbage" }, "edited"},
		"edited":             {"a", start, func(kv map[string]string) { kv[outcomeKey(2)] = edited(kv[outcomeKey(2)]) }, "edited"},
		"a signature alone":  {"a", start, func(kv map[string]string) { delete(kv, outcomeKey(2)) }, "edited"},
		"the claim's":        {"a", start, func(kv map[string]string) { kv[outcomeSigKey(2)] = kv[claimSigKey(2)] }, "wrong"},
		"nothing but a mark": {"a", start, func(kv map[string]string) { kv[notifiedKey(2, 0)] = notifiedMark }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := ledgertest.New()
			l := signedBy(m, "a")
			mustPromote(t, l, 1)
			p := promoter(l, confirmed(t, l), "2", 1, 2)
			if err := p.Begin(ctx, 2); err != nil {
				t.Fatal(err)
			}
			key := signing.KeyPair{}
			if c.key != "" {
				key = pair(c.key)
			}
			kv, _ := p.View.page.close(key, p.entry, EntryDone, registry.OK, 2, c.at)
			maps.Copy(m.Pages["page-1"], kv)
			if c.change != nil {
				c.change(m.Pages["page-1"])
			}
			v := confirmed(t, l)
			e, open := v.Facts().Open()
			if open != (c.why != "") {
				t.Fatalf("%s", brief(v.Facts().Entries))
			}
			if c.why == "" {
				return
			}
			if c.why != "open" && (len(v.page.foreign) != 1 || !strings.Contains(v.page.foreign[0].Why, c.why)) {
				t.Errorf("%+v", v.page.foreign)
			}
			if standing, _ := v.ClaimState(Holder{}, false); standing != Busy || e.Epoch != 2 {
				t.Errorf("%v", standing)
			}
			// the entry's own run can no longer close it, but a run that takes it over succeeds
			if err := p.End(ctx, nil, moved); c.why != "open" && registry.ReasonOf(err) != registry.Conflict {
				t.Errorf("%v", err)
			}
			if c.why == "open" {
				return
			}
			next := promoter(l, confirmed(t, l), "3", 1, 3)
			next.Claim.Takeover = true
			if err := errors.Join(next.Begin(ctx, 3), next.End(ctx, nil, moved)); err != nil {
				t.Fatal(err)
			}
			if got := brief(wholeHistory(t, l).Entries); got != "1:1 done a, 2:2 superseded a, 3:3 done a" {
				t.Error(got)
			}
		})
	}
}

// TestExclusion covers every rule about which claims exclude other runs. It does not matter who made the claim.
func TestExclusion(t *testing.T) {
	for name, c := range map[string]struct {
		key    string
		at     time.Time // when the claim was made; the next run begins at start
		change func(e *Entry, kv map[string]string)
		ended  bool
		take   bool
		want   ClaimState
	}{
		"a believed claim":                       {key: "a", at: start, want: Busy},
		"a believed claim after its lease":       {key: "a", at: start.Add(-2 * Lease), want: Busy},
		"a believed claim that is taken over":    {key: "a", at: start, take: true, want: Granted},
		"an unsigned claim":                      {at: start, want: Busy},
		"an unsigned claim cannot be taken":      {at: start, take: true, want: Busy},
		"an unsigned claim at its lease's end":   {at: start.Add(-Lease), want: Free},
		"one second before its lease's end":      {at: start.Add(time.Second - Lease), want: Busy},
		"an unsigned claim with an outcome":      {at: start, ended: true, want: Free},
		"a lease that is too long":               {at: start.Add(slack + time.Second), want: Free},
		"a clock that is a little ahead":         {at: start.Add(slack), want: Busy},
		"a key that the policy does not list":    {key: "x", at: start, want: Busy},
		"a claim that cannot be read":            {at: start, change: func(e *Entry, kv map[string]string) { kv[claimKey(e.Epoch)] = "x" }, want: Free},
		"a claim whose record does not fit":      {at: start, change: func(e *Entry, kv map[string]string) { kv[recordKey(e.Epoch)+".00"] = "{}" }, want: Free},
		"a claim without a link to its holder":   {at: start, change: func(e *Entry, kv map[string]string) { delete(kv, linkKey(e.Epoch)) }, want: Free},
		"a signed claim that was copied to ours": {key: "a", at: start, change: func(e *Entry, kv map[string]string) { kv[claimSigKey(e.Epoch)] = "x" }, want: Busy},
	} {
		t.Run(name, func(t *testing.T) {
			m := ledgertest.New()
			l := signedBy(m, "a")
			l.Now = func() time.Time { return start.Add(-3 * Lease) }
			mustPromote(t, l, 1)
			writer := *l
			writer.Key = signing.KeyPair{}
			if c.key != "" {
				writer.Key = pair(c.key)
			}
			p := confirmed(t, l).page
			e, kv := claimOn(p, &writer, 2, c.at, nil)
			if c.ended {
				o, _ := p.close(writer.Key, e, EntryAborted, registry.Conflict, 0, c.at)
				maps.Copy(kv, o)
			}
			if c.change != nil {
				c.change(&e, kv)
			}
			maps.Copy(m.Pages["page-1"], kv)
			l.Now = func() time.Time { return start }
			v := confirmed(t, l)
			if got, _ := v.ClaimState(Holder{Run: "9"}, c.take); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
			next := promoter(l, v, "9", 1, 9)
			next.Claim.Takeover = c.take
			switch err := next.Begin(ctx, 9); {
			case c.want == Busy && registry.ReasonOf(err) != registry.Conflict:
				t.Errorf("%v", err)
			case c.want == Busy:
			case err != nil:
				t.Errorf("%v", err)
			default:
				if err := next.End(ctx, nil, moved); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A later attempt of the same workflow run resumes only a believed claim.
func TestExclusion_SameRun(t *testing.T) {
	for _, signed := range []bool{true, false} {
		m := ledgertest.New()
		l := signedBy(m, "a")
		mustPromote(t, l, 1)
		writer := *l
		if !signed {
			writer.Key, writer.Unsigned = signing.KeyPair{}, true
		}
		if err := promoter(&writer, confirmed(t, l), "7", 1, 2).Begin(ctx, 2); err != nil {
			t.Fatal(err)
		}
		want := Busy
		if signed {
			want = Ours
		}
		if got, _ := confirmed(t, l).ClaimState(Holder{Run: "7", Attempt: 2}, false); got != want {
			t.Errorf("signed %v: %d", signed, got)
		}
	}
}

// Writable reports what a writer of a signed ledger is missing.
func TestSigned_Writable(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *Ledger)
		reason registry.Reason
		says   string
	}{
		"the key":             {func(*Ledger) {}, registry.OK, ""},
		"a policy without":    {func(l *Ledger) { l.Ring = nil }, registry.BadPolicy, "lists no keys"},
		"no key":              {func(l *Ledger) { l.Key = signing.KeyPair{} }, registry.BadInput, "no key to sign with"},
		"a key not listed":    {func(l *Ledger) { l.Key = pair("x") }, registry.BadPolicy, "does not list the key"},
		"an expired key":      {func(l *Ledger) { l.Ring[0].Until = start.Add(time.Second) }, registry.OK, ""},
		"a key that is over":  {func(l *Ledger) { l.Ring[0].Until = l.Now().Add(5 * time.Second) }, registry.BadPolicy, "is not valid at present"},
		"unsigned on purpose": {func(l *Ledger) { l.Key, l.Unsigned = signing.KeyPair{}, true }, registry.OK, ""},
	} {
		m := ledgertest.New()
		l := signedBy(m, "a")
		mustPromote(t, l, 1)
		v := confirmed(t, l)
		c.change(l)
		if name == "a key that is over" {
			l.Now = func() time.Time { return start.Add(time.Minute) }
		}
		err := promoter(l, v, "2", 1, 2).Begin(ctx, 2)
		if registry.ReasonOf(err) != c.reason || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An entry that was deliberately written without a key is foreign, and the next signed entry skips it.
func TestSigned_UnsignedOnPurpose(t *testing.T) {
	m := ledgertest.New()
	l := signedBy(m, "a")
	mustPromote(t, l, 1)
	unsigned := *l
	unsigned.Key, unsigned.Unsigned = signing.KeyPair{}, true
	if err := try(&unsigned, 2); err != nil {
		t.Fatal(err)
	}
	mustPromote(t, l, 3)
	h := wholeHistory(t, l)
	if got := brief(h.Entries); got != "1:1 done a, 3:3 done a" || len(h.Foreign) != 1 || h.Foreign[0].Number != 2 {
		t.Errorf("%s, %+v", got, h.Foreign)
	}
	if s := h.Entries[1].Record.Skipped; len(s) != 1 || s[0].Number != 2 || len(s[0].Digest) != 16 {
		t.Errorf("%+v", s)
	}
}

// Promoters that accept different keys do not believe each other's entries, but still exclude each other. A reader that
// accepts both keys sees the entries of both.
func TestSigned_DifferentKeys(t *testing.T) {
	m := ledgertest.New()
	a, b, both := signedBy(m, "a"), signedBy(m, "b"), signedBy(m, "a", "b")
	mustPromote(t, both, 1)
	b.Ring = ring("b", "a")
	mustPromote(t, b, 2)
	running := promoter(a, confirmed(t, a), "3", 1, 3)
	if err := running.Begin(ctx, 3); err != nil {
		t.Fatal(err)
	}
	if err := try(b, 4); registry.ReasonOf(err) != registry.Conflict {
		t.Errorf("%v", err)
	}
	b.Ring = b.Ring[:1]
	b.Now = func() time.Time { return start.Add(Lease) }
	if err := try(b, 4); registry.ReasonOf(err) != registry.LedgerLost {
		t.Errorf("the head of the page is signed by a key that is not listed: %v", err)
	}
	b.Ring = signing.Ring{{Name: "b", Public: pair("b").Public()}, {Name: "a", Public: pair("a").Public(), Until: start.Add(1)}}
	if err := try(b, 4); registry.ReasonOf(err) != registry.Conflict {
		t.Errorf("%v", err)
	}
}

// A number is skipped if an attacker has stored something under it, but not if only notification marks are stored
// there.
func TestSigned_TouchedNumbers(t *testing.T) {
	m := ledgertest.New()
	l := signedBy(m, "a")
	mustPromote(t, l, 1)
	for i, key := range []string{
		claimKey(2), linkKey(3), outcomeKey(4), claimSigKey(5), outcomeSigKey(6), recordKey(7) + ".44", notifiedKey(8, 0),
	} {
		m.Pages["page-1"][key] = fmt.Sprint("x", i)
	}
	mustPromote(t, l, 2)
	if got := brief(wholeHistory(t, l).Entries); got != "1:1 done a, 8:2 done a" {
		t.Error(got)
	}
}

// If an attacker uses up every number on a page, the next promotion begins a new page.
func TestSigned_NumbersUsedUp(t *testing.T) {
	m := ledgertest.New()
	l := signedBy(m, "a")
	mustPromote(t, l, 1)
	for n := 2; n <= PageEntries; n++ {
		m.Pages["page-1"][claimKey(n)] = "x"
	}
	mustPromote(t, l, 2, 3)
	if got := brief(wholeHistory(t, l).Entries); got != "1:1 done a, 33:2 done a, 34:3 done a" {
		t.Error(got)
	}
}

// Entries stay in order even if the server's clock moves back.
func TestSigned_ClockMovesBack(t *testing.T) {
	m := ledgertest.New()
	l := signedBy(m, "a")
	mustPromote(t, l, 1)
	l.Now = func() time.Time { return start.Add(-10 * time.Minute) }
	mustPromote(t, l, 2)
	if got := brief(wholeHistory(t, l).Entries); got != "1:1 done a, 2:2 done a" {
		t.Error(got)
	}
	l.Now = func() time.Time { return start.Add(20 * time.Minute) }
	mustPromote(t, l, 3)
	l.Now = func() time.Time { return start.Add(4 * time.Minute) } // the page's head is not too far ahead
	if err := try(l, 3); registry.ReasonOf(err) != registry.LedgerLost || !strings.Contains(err.Error(), "clock") {
		t.Errorf("%v", err)
	}
}

// An entry from a period in which its key was barred is not believed, but the entries after it are.
func TestSigned_StolenWeek(t *testing.T) {
	m := ledgertest.New()
	l := signedBy(m, "a", "b")
	mustPromote(t, l, 1)
	l.Now = func() time.Time { return start.Add(time.Hour) }
	l.Key = pair("b")
	mustPromote(t, l, 2)
	l.Now = func() time.Time { return start.Add(3 * time.Hour) }
	l.Key = pair("a")
	mustPromote(t, l, 3)
	l.Ring[1].NotBetween = [2]time.Time{start.Add(time.Minute), start.Add(2 * time.Hour)}
	mustPromote(t, l, 4)
	h := wholeHistory(t, l)
	if got := brief(h.Entries); got != "1:1 done a, 3:3 done a, 4:4 done a" || len(h.Foreign) != 1 {
		t.Errorf("%s, %+v", got, h.Foreign)
	}
}

// Entries without a signature are shown, but decide nothing.
func TestChain_Decisive(t *testing.T) {
	c := Chain{Entries: []Entry{{Epoch: 1}, {Epoch: 2, Signed: "a"}}, Before: registry.States{moved[0]: registry.PointsTo(1)}}
	if got := c.Decisive(); len(got.Entries) != 2 || got.Before == nil {
		t.Errorf("%+v", got)
	}
	c.Keyed = true
	if got := c.Decisive(); len(got.Entries) != 1 || got.Entries[0].Epoch != 2 || got.Before != nil {
		t.Errorf("%+v", got)
	}
}
