package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/ledgertest"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/signing"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var ctx = context.Background()

var start = time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)

func open(m *ledgertest.Memory) *Ledger {
	return &Ledger{
		Store: m, Founder: m, Model: "churn", Now: func() time.Time { return start },
		Pause: func(_ context.Context, try int) bool { return try < 5 },
	}
}

// promoter returns a promotion of the version by the given attempt of the given workflow run.
func promoter(l *Ledger, v View, run string, attempt, version int) *Promotion {
	return &Promotion{
		Ledger: l, View: v,
		Claim: Claim{
			Holder: Holder{Run: run, Attempt: attempt, Nonce: run + fmt.Sprint(attempt)},
			Link:   "https://github.example/" + run,
		},
		Record: func(version int) Record {
			return Record{
				Command: "promote", Server: "https://mlflow.example", Model: "churn", To: version, Target: registry.Target{Alias: "champion"},
				Moves: []registry.Shift{registry.ParseShift("@champion", fmt.Sprint(version-1), fmt.Sprint(version))}, Plan: "plan",
				Gates: []verdict.Finding{{Gate: "test_f1 >= 0.5", Outcome: verdict.Pass, Candidate: "ö 0.9"}},
			}
		},
	}
}

func look(t *testing.T, l *Ledger) View {
	t.Helper()
	v, err := l.Look(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// promote writes one complete entry.
func promote(t *testing.T, l *Ledger, version int) Entry {
	t.Helper()
	p := promoter(l, look(t, l), fmt.Sprint(version), 1, version)
	if err := p.Begin(ctx, version); err != nil {
		t.Fatal(err)
	}
	if err := p.End(ctx, nil, moved); err != nil {
		t.Fatal(err)
	}
	e, held := p.Entry()
	if !held {
		t.Fatal("no entry")
	}
	return e
}

var moved = []registry.Ref{registry.AliasRef("champion")}

func TestPromotion_RoundTrip(t *testing.T) {
	l := open(ledgertest.New())
	first, second := promote(t, l, 1), promote(t, l, 2)
	got := look(t, l).Facts().Entries
	if diff := cmp.Diff([]Entry{first, second}, got); diff != "" {
		t.Error(diff)
	}
	if second.Record.Previous != first.Digest || second.Outcome != EntryDone || second.Moved != 1 {
		t.Errorf("%+v", second)
	}
	if holders, ok := look(t, l).Facts().LastRecorded(registry.AliasRef("champion")); !ok || holders.String() != "2" {
		t.Errorf("left at %q", holders)
	}
}

func TestClaim_Concurrent(t *testing.T) {
	for _, begun := range []bool{false, true} {
		t.Run(fmt.Sprintf("begun %v", begun), func(t *testing.T) {
			m := ledgertest.New()
			l := open(m)
			if begun {
				promote(t, l, 1)
			}
			v := look(t, l)
			var wg sync.WaitGroup
			errs := make([]error, 8)
			for i := range errs {
				wg.Go(func() { errs[i] = promoter(l, v, fmt.Sprint("run", i), 1, 2+i).Begin(ctx, 2+i) })
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				var busy *BusyError
				switch {
				case err == nil:
					won++
				case !errors.As(err, &busy) || registry.ReasonOf(err) != registry.Conflict ||
					!strings.Contains(err.Error(), "https://github.example/run"):
					t.Errorf("a loser is told %v", err)
				}
			}
			if won != 1 {
				t.Errorf("%d won", won)
			}
			if begun {
				return
			}
			if len(m.Pages) != 1 {
				t.Errorf("%d pages stay, wanted the ledger's alone", len(m.Pages))
			}
		})
	}
}

func TestClaim_Takeover(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	dead := promoter(l, View{}, "7", 1, 1)
	if err := dead.Begin(ctx, 1); err != nil {
		t.Fatal(err)
	}
	v := look(t, l)
	stranger := promoter(l, v, "8", 3, 2)
	if err := stranger.Begin(ctx, 2); registry.ReasonOf(err) != registry.Conflict {
		t.Errorf("a stranger goes on beside an open entry: %v", err)
	}
	again := promoter(l, v, "7", 2, 1)
	if err := again.Begin(ctx, 1); err != nil {
		t.Errorf("a later attempt of the same run is refused: %v", err)
	}
	if err := dead.End(ctx, nil, moved); registry.ReasonOf(err) != registry.Conflict {
		t.Errorf("the holder wakes up and reports success: %v", err)
	}
	stranger = promoter(l, look(t, l), "8", 1, 2)
	stranger.Claim.Takeover, stranger.Claim.Moved = true, 1
	if err := stranger.Begin(ctx, 2); err != nil {
		t.Errorf("the user's word is not taken: %v", err)
	}
	if err := again.End(ctx, nil, moved); registry.ReasonOf(err) != registry.Conflict {
		t.Errorf("the second holder reports success: %v", err)
	}
	var ends []string
	for _, e := range look(t, l).Facts().Entries {
		ends = append(ends, fmt.Sprintf("%d:%s after %d:%d", e.Epoch, e.Outcome, e.Moved, e.Record.TakesOver))
	}
	if diff := cmp.Diff(
		"1:superseded after 0:0 2:superseded after 1:1 3: after 0:2", strings.Join(ends, " "),
	); diff != "" {
		t.Error(diff)
	}
}

// If the response to a claim is lost, reading the page shows whether the claim was stored.
func TestClaim_LostResponse(t *testing.T) {
	for name, stored := range map[string]bool{"after it was stored": true, "before it was stored": false} {
		t.Run(name, func(t *testing.T) {
			m := ledgertest.New()
			l := open(m)
			promote(t, l, 1)
			p := promoter(l, look(t, l), "9", 1, 2)
			lost := 2
			m.Before = func(op, page string) error {
				if op != "write" || lost == 0 {
					return nil
				}
				lost--
				if stored {
					_, kv, _ := claimBatch(
						p.View.page, Claim{Holder: p.Claim.Holder, Link: p.Claim.Link, Now: start, Record: p.Record(2)},
						signing.KeyPair{},
					)
					maps.Copy(m.Pages[page], kv)
				}
				return &registry.Error{Reason: registry.Unknown, Msg: "the answer was lost"}
			}
			if err := p.Begin(ctx, 2); err != nil {
				t.Fatal(err)
			}
			if err := p.End(ctx, nil, moved); err != nil {
				t.Fatal(err)
			}
			if n := len(look(t, l).Facts().Entries); n != 2 {
				t.Errorf("%d entries", n)
			}
		})
	}
}

func TestLook_TwoReads(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	for i := range 3*PageEntries + 5 {
		promote(t, l, i+1)
	}
	m.Reads = 0
	v := look(t, l)
	if m.Reads != 1 || len(v.Facts().Entries) != 5 || v.page.last() != 3*PageEntries+5 {
		t.Errorf("%d reads, %d entries on the page, %d in all", m.Reads, len(v.Facts().Entries), v.page.last())
	}
	place := m.Places["churn"]
	place.Tail = "" // without the hint, Look reads all pages and finds the same newest one
	m.Places["churn"] = place
	if far := look(t, l); far.page.last() != v.page.last() {
		t.Errorf("%d entries without the hint", far.page.last())
	}
	if holders, ok := v.Facts().LastRecorded(registry.AliasRef("champion")); !ok ||
		holders.String() != fmt.Sprint(3*PageEntries+5) {
		t.Errorf("left at %q", holders)
	}
}

func TestBack_ReadsAsFarAsNeeded(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	for i := range 3*PageEntries + 5 {
		promote(t, l, i+1)
	}
	v := look(t, l)
	for want, enough := range map[int]func(Chain) bool{
		5:                 func(Chain) bool { return true },
		5 + PageEntries:   func(got Chain) bool { return len(got.Entries) > 5 },
		5 + 3*PageEntries: func(Chain) bool { return false },
	} {
		got, err := l.Back(context.Background(), v, enough)
		if err != nil || len(got.Entries) != want || got.Entries[0].Epoch != 3*PageEntries+5-want+1 {
			t.Errorf("%d entries, want %d: %v", len(got.Entries), want, err)
		}
	}
	m.Pages["page-2"][linkKey(PageEntries+PageEntries)] = "edited"
	if _, err := l.Back(context.Background(), v, func(Chain) bool { return false }); err == nil {
		t.Error("a page that does not fit was read")
	}
}

func TestReady_ConcurrentPages(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	for i := range PageEntries {
		promote(t, l, i+1)
	}
	v := look(t, l)
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() { errs[i] = promoter(l, v, fmt.Sprint("run", i), 1, 100+i).Begin(ctx, 100+i) })
	}
	wg.Wait()
	if won := slices.IndexFunc(errs, func(err error) bool { return err == nil }); won < 0 || len(m.Pages) != 2 {
		t.Errorf("won %d, %d pages", won, len(m.Pages))
	}
	if e, open := look(t, l).Facts().Open(); !open || e.Epoch != PageEntries+1 {
		t.Errorf("entry %d, open %v", e.Epoch, open)
	}
}

// The next run notices if any value on a page has been edited or removed. The anchor and the version summaries reveal
// whether an entry was removed or the ledger was shortened.
func TestTampering(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	var marks []registry.Version
	for i := range 4 {
		e := promote(t, l, i+1)
		text, err := canonical.JSON(summary.Summary{Ledger: "page-1", Epoch: e.Epoch, Sha256: e.RecordDigest()})
		if err != nil {
			t.Fatal(err)
		}
		marks = append(
			marks, registry.Version{Number: i + 1, Tags: map[string]string{registry.TagRecord: string(text)}},
		)
	}
	check := func() error {
		v, err := l.Look(ctx)
		if err != nil {
			return err
		}
		// a removed outcome stops the next run
		if standing, e := v.ClaimState(Holder{}, false); standing != Free {
			return lost("churn", fmt.Sprintf("entry %d is open", e.Epoch))
		}
		return l.reader().Check(v, map[string]string{registry.TagAnchor: m.Anchors["churn"]}, marks...)
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	whole := maps.Clone(m.Pages["page-1"])
	noticed := 0
	try := func(name string, tamper func(kv map[string]string)) {
		m.Pages["page-1"] = maps.Clone(whole)
		tamper(m.Pages["page-1"])
		var newer *NewerError
		if err := check(); registry.ReasonOf(err) != registry.LedgerLost && !errors.As(err, &newer) {
			t.Errorf("%s is not noticed: %v", name, err)
			return
		}
		noticed++
	}
	for _, key := range slices.Sorted(maps.Keys(whole)) {
		try("editing "+key, func(kv map[string]string) { kv[key] = edited(kv[key]) })
		try("removing "+key, func(kv map[string]string) { delete(kv, key) })
	}
	for n := 1; n <= 4; n++ {
		try(fmt.Sprintf("removing entry %d", n), func(kv map[string]string) { removeFrom(kv, n, n) })
		try(fmt.Sprintf("cutting from entry %d", n), func(kv map[string]string) { removeFrom(kv, n, 4) })
	}
	try("another next page", func(kv map[string]string) { kv[keyNext] = "page-9" })
	m.Pages["page-1"] = whole
	for name, anchor := range map[string]string{
		"another page": `{"run":"page-9","epoch":0,"sha256":"x"}`, "another digest": `{"run":"page-1","epoch":0,"sha256":"x"}`, "no JSON": "x",
	} {
		m.Anchors["churn"] = anchor
		if err := check(); registry.ReasonOf(err) != registry.LedgerLost {
			t.Errorf("an anchor of %s is not noticed: %v", name, err)
		}
	}
	delete(m.Places, "churn")
	if err := check(); registry.ReasonOf(err) != registry.LedgerLost {
		t.Errorf("a ledger that is gone is not noticed: %v", err)
	}
	t.Logf("%d ways of tampering, all noticed: %d", 2*len(whole)+9, noticed)
}

// edited returns the text with its last character replaced by a different one of the same kind.
func edited(text string) string {
	last := text[len(text)-1]
	if last == '1' {
		return text[:len(text)-1] + "2"
	}
	return text[:len(text)-1] + "1"
}

func removeFrom(kv map[string]string, first, last int) {
	for n := first; n <= last; n++ {
		for key := range kv {
			if len(key) >= 7 && key[1:7] == fmt.Sprintf("%06d", n) {
				delete(kv, key)
			}
		}
	}
}

func TestLook_NewerFormat(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	promote(t, l, 1)
	m.Pages["page-1"][keyFormat] = "3"
	_, err := l.Look(ctx)
	var newer *NewerError
	if !errors.As(err, &newer) || registry.ReasonOf(err) != registry.Unsupported {
		t.Errorf("%v", err)
	}
}

func TestReady_FileStore(t *testing.T) {
	m := ledgertest.New()
	m.Single = true
	l := open(m)
	for range 2 {
		if err := promoter(l, View{}, "1", 1, 1).Begin(ctx, 1); registry.ReasonOf(err) != registry.Unsupported {
			t.Errorf("%v", err)
		}
	}
	if len(m.Pages) != 0 || m.Spare != 1 || m.Why == "" {
		t.Errorf("%d pages stay, %d were tried, noted %q", len(m.Pages), m.Spare, m.Why)
	}
}

func TestClaim_LongRecord(t *testing.T) {
	m := ledgertest.New()
	l := open(m)
	p := promoter(l, View{}, "1", 1, 1)
	short := p.Record
	p.Record = func(version int) Record {
		r := short(version)
		for range 400 {
			r.Gates = append(r.Gates, verdict.Finding{Gate: strings.Repeat("ü", 60), Outcome: verdict.Pass})
		}
		return r
	}
	if err := p.Begin(ctx, 1); err != nil {
		t.Fatal(err)
	}
	e, _ := look(t, l).Facts().Open()
	if e.Record.LeftOut == 0 || len(e.Record.Gates)+e.Record.LeftOut != 401 {
		t.Errorf("%d gates, %d left out", len(e.Record.Gates), e.Record.LeftOut)
	}
}

// An outcome counts the moves that have been made. A move counts if an earlier attempt made it and this attempt
// confirmed it, but not if the target had already been moved before the record was written.
func TestPromotion_Made(t *testing.T) {
	r := Record{Moves: []registry.Shift{
		registry.ParseShift("@champion", "1", "2"), registry.ParseShift("@reader", "2", "2"), registry.ParseShift("Production", "1", "2"),
	}}
	champion, reader := registry.AliasRef("champion"), registry.AliasRef("reader")
	for name, c := range map[string]struct {
		moved []registry.Ref
		want  int
	}{
		"nothing":                     {nil, 0},
		"one was confirmed":           {[]registry.Ref{champion, reader}, 1},
		"one was confirmed, one made": {[]registry.Ref{champion, reader, registry.StageRef("Production")}, 2},
		"another target":              {[]registry.Ref{registry.AliasRef("shadow")}, 0},
	} {
		if got := countMade(r, c.moved); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
