package registry

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func anyFinding(t *rapid.T) Finding {
	return Finding{
		Gate:    rapid.SampledFrom([]string{"a", "b"}).Draw(t, "gate"),
		Outcome: rapid.SampledFrom([]Outcome{Pass, Fail, Inconclusive, NotApplicable, Pending}).Draw(t, "outcome"),
		OnFail:  rapid.SampledFrom([]Effect{"", OnFailBlock, OnFailRetain, OnFailWarn}).Draw(t, "on-fail"),
		Mode:    rapid.SampledFrom([]Mode{Enforced, ReportMode}).Draw(t, "mode"),
		Absent:  rapid.Bool().Draw(t, "absent"),
		Waiver:  rapid.SampledFrom([]string{"", "by ann"}).Draw(t, "waiver"),
		Late:    rapid.Bool().Draw(t, "late"),
	}
}

// A gate in report mode changes nothing about what happens, and nothing else lets a gate off.
func TestVerdict_EffectIsOfEnforcedGates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(anyFinding), 1, 6).Draw(t, "findings")
		v := Verdict{Findings: all}.Sum()
		var enforced []Finding
		for _, f := range all {
			if f.Mode == Enforced {
				enforced = append(enforced, f)
			}
		}
		want := Promote
		if len(enforced) > 0 {
			want = Verdict{Findings: enforced}.Sum().Decision
		}
		if v.Effect() != want || (v.Mode == ReportMode) != (len(enforced) < len(all)) {
			t.Fatalf("effect %s, mode %q; want %s", v.Effect(), v.Mode, want)
		}
		if v.Decision == Promote && v.Effect() != Promote {
			t.Fatal("the gates say promote, and it is not promoted")
		}
		if bound := v.Bound(); bound.Mode != v.Mode {
			t.Fatalf("a plan binds mode %q, not %q", bound.Mode, v.Mode)
		}
	})
}

// Only a waiver, retain, warn or report mode lets a failed gate off, and only a waiver or an absent thing with warn one that
// could not be evaluated.
func TestFinding_Blocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFinding(t)
		open := f.Outcome == Fail && f.OnFail != OnFailRetain && f.OnFail != OnFailWarn ||
			f.Outcome == Inconclusive && !(f.Absent && f.OnFail == OnFailWarn)
		if f.Blocks() != (open && f.Waiver == "") {
			t.Fatalf("%+v blocks: %v", f, f.Blocks())
		}
		said := 0
		for _, one := range []bool{f.Blocks(), f.Retains(), f.Warns()} {
			if one {
				said++
			}
		}
		missed := f.Waiver == "" && (f.Outcome == Fail || f.Outcome == Inconclusive)
		if missed != (said == 1) {
			t.Fatalf("%+v blocks %v, retains %v, warns %v", f, f.Blocks(), f.Retains(), f.Warns())
		}
	})
}

// Whoever reads the record, its short form or the event can tell that nothing was enforced.
func TestMode_IsOnRecord(t *testing.T) {
	verdict := Verdict{Findings: []Finding{{Gate: "a", Target: "champion", Outcome: Fail, Mode: ReportMode}}}.Sum()
	p := Plan{Command: "promote", Model: "churn", Verdict: &verdict, Target: Target{Alias: "champion"}}
	r := NewLedgerRecord(p, "digest", Intent{}, Origin{}, Facts{}, 2, time.Time{})
	for {
		shorter, ok := r.Shorter()
		if !ok {
			break
		}
		r = shorter
	}
	if r.Mode != ReportMode || r.Decision != Block {
		t.Errorf("the shortest record: %+v", r)
	}
	resumed := Verdict{Decision: r.Decision, Mode: r.Mode, Findings: r.Gates}
	if resumed.Effect() != Promote {
		t.Error("a promotion in report mode that is finished later is blocked, because its record had no room for the gates")
	}
	var short Record
	if err := json.Unmarshal([]byte(NewRecord(p, "digest", Intent{}, 2, time.Time{}, Place{})), &short); err != nil || short.Mode != ReportMode {
		t.Errorf("the short record: %v %+v", err, short)
	}
	if e := NewEvent("1", r); e.Record.Mode != ReportMode || e.Record.Decision != Block {
		t.Errorf("the event: %+v", e.Record)
	}
	passed := Verdict{Findings: []Finding{{Gate: "a", Outcome: Pass}}}.Sum()
	p.Verdict = &passed
	event, err := json.Marshal(NewEvent("1", NewLedgerRecord(p, "digest", Intent{}, Origin{}, Facts{}, 2, time.Time{})))
	if err != nil || strings.Contains(string(event), `"mode":`) || strings.Contains(string(event), "decision") {
		t.Errorf("an enforced promotion: %v %s", err, event)
	}
}
