package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func found(rule string, severity audit.Severity, key string) audit.Finding {
	return audit.Finding{Rule: rule, Severity: severity, Model: "churn", Message: key, Fingerprint: rule + key}
}

func trends(j Judgement) string {
	var out []string
	for _, f := range j.Findings {
		out = append(out, f.Message+" "+string(f.Trend))
	}
	return strings.Join(out, "; ")
}

func TestTrend(t *testing.T) {
	baseline := []audit.Finding{found("no-run", audit.Medium, "a"), found("run-gone", audit.High, "b"),
		found("tag-schema", audit.Low, "c")}
	rules := []audit.Rule{{ID: "no-run"}, {ID: "run-gone"}, {ID: "tag-schema"}}
	for _, c := range []struct {
		when string
		j    Judgement
		on   []audit.Rule
		want string
	}{
		{
			"one stays, one is new, two are gone",
			Judgement{Findings: []audit.Finding{found("no-run", audit.Medium, "a"),
				found("no-run", audit.Medium, "d")}}, rules, "a unchanged; d new; b fixed; c fixed",
		},
		{"a rule was switched off", Judgement{}, rules[:2], "a fixed; b fixed"},
		{
			"a rule could not judge", Judgement{Unjudged: []audit.Unjudged{{Rule: "run-gone"}}}, rules,
			"a fixed; b (could not be checked this time) unchanged; c fixed",
		},
		{
			"the model could not be read", Judgement{Unjudged: []audit.Unjudged{{}}}, rules[:1],
			"a (could not be checked this time) unchanged",
		},
	} {
		if got := trends(NewBaseline(slices.Clone(baseline), nil).Compare("churn", c.j, c.on)); got != c.want {
			t.Errorf("%s: %s, want %s", c.when, got, c.want)
		}
	}
	accepted := found("no-run", audit.Medium, "a")
	accepted.Accepted = "by ann"
	b := NewBaseline([]audit.Finding{accepted, {Rule: "no-run", Model: "gone", Fingerprint: "x"}}, nil)
	if got := trends(b.Compare("churn", Judgement{Findings: baseline[:1]}, rules)); got != "a new" {
		t.Errorf("no longer accepted: %s", got)
	}
	if got := b.GoneModels(); !cmp.Equal(got, []string{"gone"}) {
		t.Errorf("models left: %v", got)
	}
	var none *Baseline
	if got := trends(none.Compare("churn", Judgement{Findings: baseline[:1]}, rules)); got != "a " ||
		none.GoneModels() != nil {
		t.Errorf("without a baseline: %s", got)
	}
}

// The note is added only once, even if a finding is carried over several times.
func TestCompare_NotCheckedNoteOnce(t *testing.T) {
	f := found("no-run", audit.Medium, "a")
	for range 3 {
		f = NewBaseline([]audit.Finding{f}, nil).Compare("churn", Judgement{Unjudged: []audit.Unjudged{{}}},
			[]audit.Rule{{ID: "no-run"}}).Findings[0]
	}
	if f.Message != "a"+notChecked {
		t.Errorf("%s", f.Message)
	}
}

func TestConfirmed(t *testing.T) {
	a := New(Config{})
	both, first, second := found("moved-outside", audit.High, "both"), found("moved-outside", audit.High, "first"),
		found("dangling-alias", audit.High, "second")
	still := found("no-run", audit.Medium, "still") // this rule does not track moves, so only the second read counts
	got := a.Confirmed(Judgement{Findings: []audit.Finding{both, first}},
		Judgement{Findings: []audit.Finding{both, second, still}})
	if trends(got) != "both ; still " {
		t.Errorf("%s", trends(got))
	}
	blind := a.Confirmed(Judgement{Unjudged: []audit.Unjudged{{Rule: second.Rule, Count: 1, Why: "503"}}},
		Judgement{Findings: []audit.Finding{second}})
	if len(blind.Findings) != 0 || len(blind.Unjudged) != 1 || blind.Unjudged[0].Rule != second.Rule {
		t.Errorf("found in the second reading, but not checked in the first: %+v", blind)
	}
}

func TestTally(t *testing.T) {
	tally := NewTally(audit.Totals{})
	tally.CountModel(audit.Snapshot{Model: registry.Model{Name: "churn", Aliases: map[string]int{"champion": 2}},
		Versions: []registry.Version{{Number: 1}, {Number: 2}, {Number: 3, Stage: "Production"}}})
	as := func(f audit.Finding, trend audit.Trend, accepted string) audit.Finding {
		f.Trend, f.Accepted = trend, accepted
		return f
	}
	tally.Add(Judgement{
		Findings: []audit.Finding{
			as(found("no-run", audit.Medium, "a"), audit.TrendUnchanged, ""),
			as(found("no-run", audit.Medium, "b"), audit.TrendNew, ""),
			as(found("run-gone", audit.High, "c"), audit.TrendUnchanged, ""),
			as(found("run-gone", audit.High, "d"), audit.TrendFixed, ""),
			as(found("run-gone", audit.High, "e"), audit.TrendNew, "by ann"),
		},
		Unjudged: []audit.Unjudged{{Rule: "run-gone", Count: 2, Why: "503", Where: "churn"}},
	})
	tally.Add(Judgement{Unjudged: []audit.Unjudged{{Rule: "run-gone", Count: 3, Why: "404", Where: "fraud"}}})
	tally.CountRegisters(audit.Snapshot{
		Inventory:  []audit.LiveVersion{{Verdict: audit.VerdictPassed}, {Verdict: audit.VerdictPassed}},
		Exceptions: []audit.Exception{{Kind: "waiver", State: audit.ExceptionOpen}, {Kind: "import", State: "past"}},
	})
	want := audit.Totals{
		Models: 1, Versions: 3, Live: 2, Aliases: 1,
		Findings: map[audit.Severity]int{audit.High: 1, audit.Medium: 2, audit.Low: 0},
		Accepted: 1, New: 1, Unchanged: 2, Fixed: 1, ByRule: map[string]int{"no-run": 2, "run-gone": 1},
		Unjudged:  []audit.Unjudged{{Rule: "run-gone", Count: 5, Why: "503", Where: "churn"}},
		Inventory: map[string]int{"passed": 2}, Exceptions: map[audit.ExceptionKind]int{"waiver": 1},
	}
	if diff := cmp.Diff(want, tally.Totals); diff != "" {
		t.Error(diff)
	}
	if tally.Totals.Total() != 3 || tally.Failures(audit.High) != 0 || tally.Failures(audit.Medium) != 1 ||
		tally.Failures(audit.Low) != 1 {
		t.Errorf("only new findings must fail the audit: %+v", tally.Failing)
	}
	if tally.Worst[0].Message != "c" || tally.Worst[1].Message != "b" || tally.Fixed[0].Message != "d" {
		t.Errorf("worst %v, fixed %v", tally.Worst, tally.Fixed)
	}
}

// The summary shows the ten worst findings, whatever order they arrive in.
func TestTally_Worst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []audit.Finding
		tally := NewTally(audit.Totals{})
		for i := range rapid.IntRange(0, 40).Draw(t, "findings") {
			f := found(rapid.SampledFrom(rules).Draw(t, "rule").ID,
				rapid.SampledFrom(audit.Severities).Draw(t, "severity"), fmt.Sprint(i))
			all = append(all, f)
			tally.Add(Judgement{Findings: []audit.Finding{f}})
		}
		slices.SortFunc(all, worse)
		if diff := cmp.Diff(all[:min(len(all), maxWorst)], append([]audit.Finding{}, tally.Worst...)); len(all) > 0 &&
			diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestBefore(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"2.9.2", "2.10.0", true}, {"2.10.0", "2.9.2", false}, {"3.0.0rc1", "3.0.0", true}, {"3.0.0", "3.0.0", false},
		{"3", "3.0.1", true}, {"", "1.0.0", false}, {"main", "1.0.0", false}, {"1.0.0", "", false},
	} {
		if got := before(c.a, c.b); got != c.want {
			t.Errorf("%q before %q: %v", c.a, c.b, got)
		}
	}
	affected := func(version string) (out []string) {
		for _, a := range Advisories {
			if a.affects(version) {
				out = append(out, a.ID)
			}
		}
		return out
	}
	for version, want := range map[string][]string{
		"3.17.2": nil, "3.16.1": nil, "": nil, "2.22.4": {"CVE-2026-2614", "CVE-2026-2635"},
		"2.22.3":   {"CVE-2025-11201", "CVE-2026-2614", "CVE-2026-2635"},
		"3.0.0rc1": {"CVE-2025-11201", "CVE-2026-2614", "CVE-2026-2635"},
		"3.10.1":   {"CVE-2026-0545", "CVE-2026-2635", "CVE-2026-64849"},
		"2.3.0":    {"CVE-2023-2356", "CVE-2023-2780", "CVE-2023-6831", "CVE-2024-1560", "CVE-2025-11201"},
	} {
		if diff := cmp.Diff(want, affected(version)); diff != "" {
			t.Errorf("%s: %s", version, diff)
		}
	}
}

// A newly published vulnerability is a new finding, but an upgrade to a version with the same vulnerabilities is not.
func TestServerVulnerable_Fingerprint(t *testing.T) {
	known := Advisories
	defer func() { Advisories = known }()
	fingerprint := func(version string) string { return New(Config{Server: version}).Server().Findings[0].Fingerprint }
	first := fingerprint("3.14.0")
	if fingerprint("3.14.1") != first {
		t.Error("the same vulnerabilities of another version are a new finding")
	}
	Advisories = append(slices.Clone(known), Advisory{ID: "CVE-2099-1", What: "more", Fixed: []string{"9.0.0"}})
	if fingerprint("3.14.0") == first {
		t.Error("another vulnerability does not change the finding, so a baseline hides it")
	}
}

// A finding has the same fingerprint in every audit, and no two findings share one.
func TestFingerprints(t *testing.T) {
	seen := map[string]string{}
	for _, c := range cases {
		s := newSound()
		c.plant(s)
		a := New(s.Config)
		again := New(s.Config)
		first, second := a.Model(s.Snapshot).Findings, again.Model(s.Snapshot).Findings
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("%s: %s", c.when, diff)
		}
		own := map[string]bool{}
		for _, f := range first {
			if own[f.Fingerprint] {
				t.Errorf("%s: %s: two findings have the fingerprint %s", c.rule, c.when, f.Fingerprint)
			}
			own[f.Fingerprint] = true
			place := fmt.Sprint(f.Rule, f.Version, f.Alias, f.Stage)
			if had, ok := seen[f.Fingerprint]; ok && had != place {
				t.Errorf("%s and %s share %s", had, place, f.Fingerprint)
			}
			seen[f.Fingerprint] = place
		}
	}
	s := newSound()
	s.Policy, s.Ledger = nil, registry.Absent[ledger.Chain]("")
	s.version(2).Tags[registry.AliasTimeTag("champion")] = "2025-01-01T00:00:00Z"
	early := New(s.Config).Model(s.Snapshot).Findings
	s.Config.Now = now.AddDate(0, 1, 0)
	later := New(s.Config).Model(s.Snapshot).Findings
	if early[0].Fingerprint != later[0].Fingerprint || early[0].Message == later[0].Message {
		t.Errorf("a month later: %+v and %+v", early[0], later[0])
	}
}

// Anything that a rule could not check counts with the rule's severity. With a baseline, it counts only if the rule
// could check less than before.
func TestFailingUnjudged(t *testing.T) {
	rules := []audit.Rule{{ID: "artifact-missing", Severity: audit.High}, {ID: "no-run", Severity: audit.Medium}}
	some := func(rule string, n int) audit.Unjudged { return audit.Unjudged{Rule: rule, Count: n} }
	for name, c := range map[string]struct {
		then *Baseline
		now  []audit.Unjudged
		at   audit.Severity
		want int
	}{
		"all was judged":          {nil, nil, audit.Low, 0},
		"a rule of that severity": {nil, []audit.Unjudged{some("artifact-missing", 1)}, audit.High, 1},
		"a rule below it":         {nil, []audit.Unjudged{some("no-run", 1)}, audit.High, 0},
		"two, one of them low enough": {
			nil, []audit.Unjudged{some("artifact-missing", 1), some("no-run", 1)}, audit.Medium, 2,
		},
		"a model that cannot be read": {nil, []audit.Unjudged{some("", 1)}, audit.High, 1},
		"as many as in the baseline": {
			NewBaseline(nil, []audit.Unjudged{some("artifact-missing", 3)}),
			[]audit.Unjudged{some("artifact-missing", 3)}, audit.High, 0,
		},
		"more than in the baseline": {
			NewBaseline(nil, []audit.Unjudged{some("artifact-missing", 3)}),
			[]audit.Unjudged{some("artifact-missing", 4)}, audit.High, 1,
		},
		"none in the baseline, some now": {
			NewBaseline(nil, nil), []audit.Unjudged{some("artifact-missing", 1)}, audit.High, 1,
		},
	} {
		if got := c.then.FailingUnjudged(c.now, rules, c.at); len(got) != c.want {
			t.Errorf("%s: %v, want %d", name, got, c.want)
		}
	}
}
