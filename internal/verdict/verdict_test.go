package verdict

import (
	"testing"

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

// A gate in report mode never changes what happens, whereas an enforced gate always counts.
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
			t.Fatalf("got effect %s, mode %q, want effect %s", v.Effect(), v.Mode, want)
		}
		if v.Decision == Promote && v.Effect() != Promote {
			t.Fatal("the gates decide promote, but the effect is another")
		}
		if bound := v.Bound(); bound.Mode != v.Mode {
			t.Fatalf("the plan has mode %q, want %q", bound.Mode, v.Mode)
		}
	})
}

// A failed gate blocks unless it is waived or its `on-fail` is retain or warn. A gate that cannot be evaluated blocks
// unless it is waived, or unless its fact is absent and its `on-fail` is warn.
func TestFinding_Blocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFinding(t)
		open := f.Outcome == Fail && f.OnFail != OnFailRetain && f.OnFail != OnFailWarn ||
			f.Outcome == Inconclusive && !(f.Absent && f.OnFail == OnFailWarn)
		if f.Blocks() != (open && f.Waiver == "") {
			t.Fatalf("%+v: got Blocks() = %v", f, f.Blocks())
		}
		said := 0
		for _, one := range []bool{f.Blocks(), f.Retains(), f.Warns()} {
			if one {
				said++
			}
		}
		missed := f.Waiver == "" && (f.Outcome == Fail || f.Outcome == Inconclusive)
		if missed != (said == 1) {
			t.Fatalf("%+v: blocks %v, retains %v, warns %v", f, f.Blocks(), f.Retains(), f.Warns())
		}
	})
}
