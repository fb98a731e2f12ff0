package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func judge(t *testing.T, thresholds string, f fact.Facts) verdict.Verdict {
	t.Helper()
	gates, problems := Thresholds(thresholds, registry.Target{Alias: "champion"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return Judge(gates, f)
}

func TestGates(t *testing.T) {
	type m = map[string]float64
	for name, c := range map[string]struct {
		thresholds          string
		candidate, champion m
		want                []verdict.Outcome
		decision            verdict.Decision
	}{
		"the limit is met": {
			"a >= 1", m{"a": 1}, nil, []verdict.Outcome{verdict.Pass}, verdict.Promote,
		},
		"the limit is not met": {
			"a > 1", m{"a": 1}, nil, []verdict.Outcome{verdict.Fail}, verdict.Block,
		},
		"lower is better": {
			"loss <= 0.1", m{"loss": 0.2}, nil, []verdict.Outcome{verdict.Fail}, verdict.Block,
		},
		"the metric is absent": {
			"a <= 1", m{"b": 0}, nil, []verdict.Outcome{verdict.Inconclusive}, verdict.Block,
		},
		"NaN with <=": {
			"a <= 1", m{"a": math.NaN()}, nil, []verdict.Outcome{verdict.Inconclusive}, verdict.Block,
		},
		"NaN with !=": {
			"a != 1", m{"a": math.NaN()}, nil, []verdict.Outcome{verdict.Inconclusive}, verdict.Block,
		},
		"infinity": {
			"a >= 1", m{"a": math.Inf(1)}, nil, []verdict.Outcome{verdict.Inconclusive}, verdict.Block,
		},
		"infinity as SQL stores keep it": {
			"a >= 1", m{"a": math.MaxFloat64}, nil, []verdict.Outcome{verdict.Inconclusive}, verdict.Block,
		},
		"every gate is checked": {
			"a >= 1\nb >= 1\na >= 0", m{"a": 0.5}, nil,
			[]verdict.Outcome{verdict.Fail, verdict.Inconclusive, verdict.Pass}, verdict.Block,
		},
		"better than the champion": {
			"a >= champion - 0.1", m{"a": 0.95}, m{"a": 1}, []verdict.Outcome{verdict.Pass}, verdict.Promote,
		},
		"worse than the champion": {
			"a >= champion - 0.1", m{"a": 0.8}, m{"a": 1}, []verdict.Outcome{verdict.Fail}, verdict.Block,
		},
		"a negative baseline": {
			"a >= champion - 0.1", m{"a": -1.05}, m{"a": -1}, []verdict.Outcome{verdict.Pass}, verdict.Promote,
		},
		"the champion lacks the metric": {
			"a >= champion", m{"a": 1}, m{"b": 1}, []verdict.Outcome{verdict.Inconclusive}, verdict.Block,
		},
		"the champion's metric is NaN": {
			"a >= champion", m{"a": 1}, m{"a": math.NaN()}, []verdict.Outcome{verdict.Inconclusive}, verdict.Block,
		},
		"no champion and no other gate": {
			"a >= champion", m{"a": 1}, nil, []verdict.Outcome{verdict.Inconclusive}, verdict.Block,
		},
		"no champion, and another gate passes": {
			"a >= champion\na >= 0.5", m{"a": 1}, nil, []verdict.Outcome{verdict.NotApplicable, verdict.Pass},
			verdict.Promote,
		},
		"no champion, and the other gate fails": {
			"a >= champion\na >= 5", m{"a": 1}, nil, []verdict.Outcome{verdict.Inconclusive, verdict.Fail},
			verdict.Block,
		},
		"incumbent means the version at the target": {
			"a > incumbent + 0.1", m{"a": 1.2}, m{"a": 1}, []verdict.Outcome{verdict.Pass}, verdict.Promote,
		},
		"no gate at all": {"# nothing", m{"a": 1}, nil, nil, verdict.Block},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(t, c.thresholds, policytest.MetricFacts(c.candidate, c.champion))
			var got []verdict.Outcome
			for _, f := range v.Findings {
				got = append(got, f.Outcome)
				if f.Outcome != verdict.Pass && f.Why == "" {
					t.Errorf("%s: %s without a reason", f.Gate, f.Outcome)
				}
				if f.Blocks() && f.Fix == "" {
					t.Errorf("%s blocks without a hint", f.Gate)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if v.Decision != c.decision {
				t.Errorf("decision %s, want %s", v.Decision, c.decision)
			}
		})
	}
}

func TestGates_UnreadableFact(t *testing.T) {
	f := policytest.MetricFacts(map[string]float64{"a": 1}, map[string]float64{"a": 0})
	f.Candidate.Run = registry.Unreadable[registry.Run]("run r is deleted")
	if v := judge(t, "a >= 0", f); v.Decision != verdict.Block ||
		!strings.Contains(v.Findings[0].Why, "run r is deleted") {
		t.Errorf("%+v", v)
	}
	f = policytest.MetricFacts(map[string]float64{"a": 1}, nil)
	f.Holders[registry.AliasRef("champion")] = registry.Unreadable[fact.Subject]("alias champion names version 9, which does not exist")
	if v := judge(t, "a >= champion\na >= 0", f); v.Decision != verdict.Block {
		t.Errorf("an unreadable incumbent was taken for a missing one: %+v", v)
	}
	f.Holders = nil
	if v := judge(t, "a >= champion\na >= 0", f); v.Decision != verdict.Block {
		t.Errorf("an incumbent that was not gathered was taken for a missing one: %+v", v)
	}
}

// If several versions are in the stage, the hint lists these versions and does not suggest an alias.
func TestHint_StageWithSeveralVersions(t *testing.T) {
	const several = "Production of churn is held by several versions, 1,4: which is the incumbent cannot be told"
	for _, c := range []struct {
		line   string
		target registry.Target
		want   string
	}{
		{
			"a >= Production", registry.Target{Alias: "champion"},
			"archive all but one of the versions 1, 4 in Production",
		},
		{
			"a >= incumbent", registry.Target{Stage: "Production"},
			"archive all but one of the versions 1, 4 in Production",
		},
		{
			"a >= champion", registry.Target{Stage: "Production"},
			"make the incumbent readable, or point the alias to an existing version",
		},
	} {
		f := policytest.MetricFacts(map[string]float64{"a": 0.9}, nil)
		f.Target, f.Shared = c.target, map[string]registry.Versions{"Production": {1, 4}}
		f.Holders[registry.StageRef("Production")] = registry.Unreadable[fact.Subject](several)
		f.Holders[registry.AliasRef("Production")] = registry.Absent[fact.Subject]("no version of churn has the alias Production")
		f.Holders[registry.AliasRef("champion")] = registry.Unreadable[fact.Subject]("alias champion of churn names version 9, which " +
			"does not exist")
		if f.Holders[fact.Incumbent] = f.Holders[registry.AliasRef("champion")]; c.target.Alias == "" {
			f.Holders[fact.Incumbent] = f.Holders[registry.StageRef("Production")]
		}
		gates, problems := Thresholds(c.line, c.target)
		if v := Judge(gates, f); len(problems) > 0 || v.Decision != verdict.Block || v.Findings[0].Fix != c.want {
			t.Errorf("%s to %s: %v, %+v", c.line, c.target, problems, v.Findings)
		}
	}
}

func TestRegression_CandidateIsIncumbent(t *testing.T) {
	f := policytest.MetricFacts(map[string]float64{"a": 1}, map[string]float64{"a": 1})
	f.Candidate.Version = registry.Is(registry.Version{Number: 1})
	if v := judge(t, "a > champion", f); v.Decision != verdict.Promote {
		t.Errorf("a strict comparison blocks a re-run: %+v", v)
	}
}

func TestThresholds_Problems(t *testing.T) {
	for line, want := range map[string]string{
		"accuracy":             "there is no comparison",
		">= 1":                 "the metric before >= is empty: is the input",
		"a >=":                 "the limit after >= is empty: is the input or step output set?",
		"a >= abc":             `"abc" is neither a number nor a version to compare with`,
		"a >= nan":             `"nan" is neither a number nor a version to compare with`,
		"a >= Inf":             `"Inf" is neither a number nor a version to compare with`,
		"a >= 1_000":           "neither a number",
		"a >= 0x1p-2":          "neither a number",
		"a >= 1e999":           "neither a number",
		"a >= 85%":             "neither a number",
		"a >= champion * x":    `cannot read "* x" after champion; write champion - 0.01, champion * 1.005 or champion + 1%`,
		"a >= champion * 0":    `cannot read "* 0" after champion`,
		"a >= champion * -1":   `cannot read "* -1" after champion`,
		"a >= champion * 101%": `cannot read "* 101%" after champion`,
		"a >= champion / 2":    `cannot read "/ 2" after champion`,
		"a >= champion - 100%": "leaves nothing of champion",
		"a >= champion - 1 %%": `cannot read "- 1 %%"`,
		"a >= champion -":      `cannot read "- " after champion`,
		"a >= champion-x":      `"champion-x" is neither a number nor a version`,
		"a >= 1.01 * champion": `cannot read "* champion" after 1.01`,
		"0.9 <= a":             "0.9 is a number; write the metric first",
		"a >= 0.85 b >= 0.8":   "one threshold per line, under `thresholds: |`",
		"a >= champion b<1":    "there is more than one comparison",
		"0.8 <= a <= 0.9":      "there is more than one comparison",
		`"a >= 1`:              "there is no comparison",
		"a >= 1 # good":        `cannot read "# good" after 1`,
		"a >= champion - inf":  `cannot read "- inf"`,
		"a >= champion - -0.1": `cannot read "- -0.1"`,
		"a >= @latest":         `"latest" is reserved`,
		"a >= @v7":             "reserved by MLflow",
		"a = 1":                "there is no comparison",
	} {
		gates, problems := Thresholds("ok >= 1\n"+line, registry.Target{Alias: "champion"})
		if len(problems) != 1 || !strings.Contains(problems[0], want) || !strings.HasPrefix(problems[0], "line 2, ") {
			t.Errorf("%q: %v, want %q", line, problems, want)
		}
		if len(gates) != 1 {
			t.Errorf("%q: %d other gates", line, len(gates))
		}
	}
}

// Thresholds may be separated by commas and semicolons, which are ignored inside quotes and brackets.
func TestThresholds_Separators(t *testing.T) {
	for text, want := range map[string][]string{
		"a >= 1, b <= 2":                    {"1 a >= 1", "1 b <= 2"},
		"a >= 1; b <= 2;":                   {"1 a >= 1", "1 b <= 2"},
		"a >= 1,b<=2;c>3\n\n d  <  4 ,\r\n": {"1 a >= 1", "1 b<=2", "1 c>3", "3 d < 4"},
		",;\n,":                             nil,
		"# a >= 1, b >= 2\nc >= 3":          {"2 c >= 3"},
		`"a,b; c" >= 1, d[x, y] >= 2`:       {`1 "a,b; c" >= 1`, "1 d[x, y] >= 2"},
		`d["x[1],y"] >= 2, "a]b" >= 1`:      {`1 d["x[1],y"] >= 2`, `1 "a]b" >= 1`},
		"a >= champion - 0.01, b >= 0.5":    {"1 a >= champion - 0.01", "1 b >= 0.5"},
		"a b >= 1;c >= champion * 1.005":    {"1 a b >= 1", "1 c >= champion * 1.005"},
		"a >= 1 ;\tb[ü, é] <= champion+1%":  {"1 a >= 1", "1 b[ü, é] <= champion+1%"},
	} {
		gates, problems := Thresholds(text, registry.Target{Alias: "champion"})
		var got []string
		for _, g := range gates {
			got = append(got, fmt.Sprintf("%d %s", g.Line, g.ID))
		}
		if diff := cmp.Diff(want, got); diff != "" || len(problems) > 0 {
			t.Errorf("%q: %v\n%s", text, problems, diff)
		}
	}
	for text, want := range map[string]string{
		"a >= 0,85":              "write decimals with a point",
		"a >= 1, # good, b >= 2": "a comment needs a line of its own",
		"# limits a >= 1 b >= 2": "`thresholds: |`",
		"a >= 1 b >= 2\n":        "`thresholds: |`",
		`"a >= 1, b >= 2`:        "there is no comparison",
		"a[x >= 1, b >= 2":       "there is no comparison",
	} {
		if _, problems := Thresholds(text, registry.Target{}); !strings.Contains(strings.Join(problems, "\n"), want) {
			t.Errorf("%q: %q, want %q", text, problems, want)
		}
	}
}

// A limit may be a factor or a percentage of the other version's value. The finding contains the resulting number.
func TestThresholds_Margins(t *testing.T) {
	for line, c := range map[string]struct {
		mine, theirs float64
		want         verdict.Outcome
		wanted       string
	}{
		"a >= champion * 1.005": {0.9045, 0.9, verdict.Pass, ">= champion * 1.005 = 0.9045"},
		"a >= champion *1.01":   {0.9045, 0.9, verdict.Fail, ">= champion * 1.01 = 0.909"},
		"a >= champion*1.02":    {0.95, 0, verdict.Inconclusive, ">= champion * 1.02 = 0"},
		"a <= champion * 0.5":   {-2, -1, verdict.Inconclusive, "<= champion * 0.5 = -0.5"},
		"a <= champion + 1%":    {0.202, 0.2, verdict.Pass, "<= champion + 1% = 0.202"},
		"a <= champion+2 %":     {0.205, 0.2, verdict.Fail, "<= champion + 2% = 0.204"},
		"a >= champion - 3%":    {-1.03, -1, verdict.Pass, ">= champion - 3% = -1.03"},
		"a >= champion - 4%":    {0, 0, verdict.Pass, ">= champion - 4% = 0"},
		"a <= champion + 200%":  {3, 1, verdict.Pass, "<= champion + 200% = 3"},
		"a <= champion * 10":    {3, 1e308, verdict.Inconclusive, "<= champion * 10 = +Inf"},
		"a >= champion-0.1":     {0.8, 0.9, verdict.Pass, ">= champion - 0.1"},
		"a >= champion-5%":      {0.8, 0.9, verdict.Fail, ">= champion - 5% = 0.855"},
		"a > incumbent+0.1":     {1, 0.9, verdict.Fail, "> incumbent + 0.1"},
	} {
		v := judge(t, line, policytest.MetricFacts(map[string]float64{"a": c.mine}, map[string]float64{"a": c.theirs}))
		if f := v.Findings[0]; f.Outcome != c.want || f.Wanted != c.wanted || f.Outcome != verdict.Pass && f.Fix == "" {
			t.Errorf("%s with %v and %v: %s, %q, %s", line, c.mine, c.theirs, f.Outcome, f.Wanted, f.Why)
		}
	}
	gates, _ := Thresholds("a >= champion-1", registry.Target{Alias: "champion-1"})
	if got := gates[0].Needs.Holders; !slices.Equal(got, []registry.Ref{registry.AliasRef("champion-1")}) {
		t.Errorf("champion-1 is the target's alias, but the gate reads %v", got)
	}
}

// A comparison with an alias that does not exist is inconclusive and blocks, even if other gates pass.
func TestThresholds_MissingAlias(t *testing.T) {
	f := policytest.MetricFacts(map[string]float64{"a": 1}, map[string]float64{"a": 0.5})
	f.Holders[registry.AliasRef("champoin")] = registry.Absent[fact.Subject]("no version has the alias champoin")
	for _, line := range []string{"a >= @champoin", "a >= @champoin - 0.1", "a >= @champoin * 1.1", "a < @champoin + 1%"} {
		if v := judge(t, line+", a >= 0.5", f); v.Findings[0].Outcome != verdict.Inconclusive || v.Decision != verdict.Block {
			t.Errorf("%s: %+v", line, v.Findings[0])
		}
	}
}

func TestNeeds_NoDuplicates(t *testing.T) {
	list, _ := Thresholds("a >= champion\nb >= champion - 1\nc >= @challenger\nd >= production\ne >= incumbent\nf >= 1",
		registry.Target{})
	want := []registry.Ref{registry.AliasRef("champion"), registry.AliasRef("challenger"),
		registry.AliasRef("production"), registry.StageRef("Production")}
	if diff := cmp.Diff(want, gates.Needs(list).Holders); diff != "" {
		t.Error(diff)
	}
}

func TestSuggest(t *testing.T) {
	f := policytest.MetricFacts(
		map[string]float64{"test_f1": 0.9, "loss": 0.2, "bad": math.NaN(), "Train_f1": 1, "train_loss": 0},
		map[string]float64{"test_f1": 0.8, "loss": 0.1})
	target := registry.Target{Alias: "champion"}
	lines := Suggest(f, target)
	if diff := cmp.Diff([]string{
		"test_f1 >= 0.891", "test_f1 >= incumbent", "loss <= 0.202", "# Train_f1 >= 0.99 (training data)",
		"# train_loss <= 0 (training data)",
	}, lines); diff != "" {
		t.Error(diff)
	}
	if v := judge(t, strings.Join(lines, "\n"), f); v.Decision != verdict.Promote {
		t.Errorf("the suggested thresholds block the candidate: %+v", v)
	}
}

// A suggested limit has at most three digits, and the candidate passes it.
func TestSuggest_ShortLimitsPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-1e6, 1e6).Draw(t, "value")
		for _, op := range []compare.Operator{">=", "<="} {
			r := rounded(op, v)
			if !op.Holds(v, r) || r != threeDigits(r) {
				t.Fatalf("%v %s %v", v, op, r)
			}
		}
	})
	if got := format.Number(rounded(">=", 0.9090909090909091)) + " " +
		format.Number(rounded("<=", 0.12345)); got != "0.909 0.124" {
		t.Error(got)
	}
}

// A gate passes only if both versions' values are finite. Removing a metric never leads to a promotion.
func TestThresholds_NeedFiniteValues(t *testing.T) {
	values := []float64{0, 1, -1, 0.5, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64}
	rapid.Check(t, func(t *rapid.T) {
		mine, theirs := rapid.SampledFrom(values).Draw(t, "mine"), rapid.SampledFrom(values).Draw(t, "theirs")
		op := rapid.SampledFrom(compare.Operators).Draw(t, "op")
		gates, problems := Thresholds("a "+string(op)+" champion - 0.5\na "+string(op)+" 0.25",
			registry.Target{Alias: "champion"})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		v := Judge(gates, policytest.MetricFacts(map[string]float64{"a": mine}, map[string]float64{"a": theirs}))
		finite := func(x float64) bool { return registry.Point{Value: x}.Finite() }
		if v.Findings[0].Outcome == verdict.Pass && !(finite(mine) && finite(theirs)) ||
			v.Findings[1].Outcome == verdict.Pass && !finite(mine) {
			t.Fatalf("passed on %v against %v", mine, theirs)
		}
		for _, less := range []fact.Facts{policytest.MetricFacts(nil, map[string]float64{"a": theirs}),
			policytest.MetricFacts(map[string]float64{"a": mine}, map[string]float64{})} {
			if got := Judge(gates, less); got.Decision == verdict.Promote {
				t.Fatalf("less evidence promotes: %+v", got)
			}
		}
	})
}

// Every line is either a gate or a problem, and the parser never panics.
func FuzzThresholds(f *testing.F) {
	for _, s := range []string{"a >= 1", "a >= champion - 0.01", "a\x00b<=-1e-9", "::error::>=1", "a >= @ü", "a>=",
		"# x", "a >= 1, b<2; c>champion*1%", `"a,b" >= [`, "# a>1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		gates, problems := Thresholds(text, registry.Target{Alias: "champion"})
		if parts := thresholdParts(text); len(gates)+len(problems) < len(parts) {
			t.Fatalf("%d gates and %d problems of %d parts", len(gates), len(problems), len(parts))
		}
		if len(gates) > 0 && Judge(gates, fact.Facts{}).Decision == verdict.Promote {
			t.Fatal("promoted without any fact")
		}
	})
}
