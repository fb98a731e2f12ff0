package gates

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// scored returns an evaluation run of a model in which ok is yes, no or failed on each row, and n is a number.
func scored(run, model string, ok ...string) fact.Scored {
	s := fact.Scored{
		RunID: run, Model: model, Subjects: 1, LinkedBy: fact.LinkedByModel, End: policytest.Now.Add(-time.Hour),
		Datasets: []fact.DatasetRows{{DataRef: registry.DataRef{Name: "golden", Digest: "d1"}, Rows: len(ok)}},
		Scorers:  fact.ScorersDigest{Digest: "sha256:" + strings.Repeat("a", 64), Hashed: 2, Total: 2},
	}
	for i, word := range ok {
		score := fact.Score{Scorer: "ok", Source: "CODE", Kind: fact.ScoreYesNo, Digest: "one"}
		switch word {
		case "yes":
			score.Value = 1
		case "failed":
			score.Kind = fact.ScoreNone
		}
		s.Rows = append(s.Rows, fact.Row{
			TraceID: fmt.Sprintf("%s-%d", run, i), Input: fmt.Sprint(i), Shown: fmt.Sprintf(`{"q": "%d"}`, i), Model: model,
			Latency: time.Duration(i+1) * time.Second, Tokens: float64(10 * (i + 1)), Cost: math.NaN(),
			Scores: []fact.Score{score, {
				Scorer: "n", Source: "LLM_JUDGE", Kind: fact.ScoreNumber, Value: float64(i % 5), Digest: "two",
			}},
		})
	}
	return stating(s)
}

// stating sets the run's metrics to what its rows say.
func stating(s fact.Scored) fact.Scored {
	s.Metrics = map[string]registry.Point{}
	for _, name := range []string{"ok", "n"} {
		sum, count := 0.0, 0.0
		for _, row := range s.Rows {
			for _, sc := range row.Scores {
				if sc.Scorer == name && (sc.Kind == fact.ScoreYesNo || sc.Kind == fact.ScoreNumber) {
					sum, count = sum+sc.Value, count+1
				}
			}
		}
		if count > 0 {
			s.Metrics[name+"/mean"] = registry.Point{Value: sum / count, Raw: fmt.Sprint(sum / count)}
		}
	}
	return s
}

func many(n int, word string) (out []string) {
	for range n {
		out = append(out, word)
	}
	return out
}

// evaluated returns facts with an evaluation run of the candidate and one of the incumbent. A run without an id
// means that there is no run.
func evaluated(mine, theirs fact.Scored) fact.Facts {
	known := func(s fact.Scored) map[string]registry.Known[fact.Scored] {
		k := registry.Absent[fact.Scored]("experiment qa has no finished evaluation run of it")
		if s.RunID != "" {
			k = registry.Is(s)
		}
		return map[string]registry.Known[fact.Scored]{"qa": k}
	}
	f := policytest.Facts()
	f.Candidate.Scored = known(mine)
	policytest.ChangeIncumbent(&f, func(s *fact.Subject) { s.Scored = known(theirs) })
	return f
}

func TestEvaluation(t *testing.T) {
	good := scored("mine", "m-1", many(30, "yes")...)
	base := scored("theirs", "m-0", many(30, "yes")...)
	with := func(s fact.Scored, change func(*fact.Scored)) fact.Scored {
		s.Rows, s.Datasets = slices.Clone(s.Rows), slices.Clone(s.Datasets)
		for i := range s.Rows {
			s.Rows[i].Scores = slices.Clone(s.Rows[i].Scores)
		}
		change(&s)
		return s
	}
	on := func(s fact.Scored, rows int, change func(*fact.Row)) fact.Scored {
		return with(s, func(s *fact.Scored) {
			for i := range rows {
				change(&s.Rows[i])
			}
		})
	}
	saying := func(n int, word string) fact.Scored {
		return scored("mine", "m-1", append(many(n, word), many(30-n, "yes")...)...)
	}
	digest := "sha256:" + strings.Repeat("a", 64)
	texts := on(good, 30, func(r *fact.Row) {
		r.Scores = []fact.Score{{Scorer: "ok", Source: "CODE", Kind: fact.ScoreText, Text: "good"}}
	})
	reviewed := func(value float64) fact.Scored {
		return on(saying(1, "no"), 1, func(r *fact.Row) {
			r.Scores[0].Replaced = true
			r.Scores = append(r.Scores,
				fact.Score{Scorer: "ok", Source: "HUMAN", Kind: fact.ScoreYesNo, Value: value, Late: true})
		})
	}
	for name, c := range map[string]struct {
		gate         string
		mine, theirs fact.Scored
		want         verdict.Outcome
		why          string
	}{
		"min": {"min: 0.9", saying(2, "no"), base, verdict.Pass, ""},
		"min missed": {
			"min: 0.95", saying(2, "no"), base,
			verdict.Fail, `ok is 0.933333; wanted >= 0.95; worst rows: "no" for "{'q': '0'}" (mine-0), "no"`,
		},
		"max":         {"max: 0.95", saying(2, "no"), base, verdict.Pass, ""},
		"max missed":  {"max: 0.9", saying(2, "no"), base, verdict.Fail, "ok is 0.933333; wanted <= 0.9"},
		"no such run": {"min: 0", fact.Scored{}, base, verdict.Inconclusive, "no finished evaluation run"},
		"other name":  {"evaluation: 'no', min: 0", good, base, verdict.Inconclusive, `it has "n", "ok"`},
		"percentile":  {"evaluation: n/p90, min: 4, max: 4", good, base, verdict.Pass, ""},
		"median":      {"evaluation: n/median, max: 1", good, base, verdict.Fail, "n/median is 2"},
		"texts":       {"min: 0", texts, base, verdict.Inconclusive, "ok returns texts"},
		"worst":       {"worst: 'yes'", good, base, verdict.Pass, ""},
		"worst missed": {
			"worst: yes", saying(1, "no"), base,
			verdict.Fail, `1 of 30 rows miss yes: "no" for "{'q': '0'}" (mine-0)`,
		},
		"worst number": {"evaluation: n, worst: 1", good, base, verdict.Fail, "6 of 30 rows miss >= 1"},
		"lower":        {"evaluation: n, worst: 4, better: lower", good, base, verdict.Pass, ""},
		"lower missed": {"evaluation: n, worst: 3, better: lower", good, base, verdict.Fail, "6 of 30 rows miss <= 3"},
		"worst text":   {"worst: good", texts, base, verdict.Pass, ""},
		"wrong text":   {"worst: great", texts, base, verdict.Fail, `30 of 30 rows miss great: "good"`},
		"text of yes":  {"worst: great", good, base, verdict.Inconclusive, "ok returns yes or no"},

		"rows":         {"min: 0, rows: 30", good, base, verdict.Pass, ""},
		"too few rows": {"min: 0, rows: 31", good, base, verdict.Fail, "only 30 rows"},
		"no rows": {
			"min: 0", with(good, func(s *fact.Scored) { s.Rows = nil }), base,
			verdict.Inconclusive, "no rows",
		},
		"a row is gone": {
			"min: 0", with(good, func(s *fact.Scored) { s.Rows = s.Rows[1:] }), base,
			verdict.Inconclusive, "the dataset has 30 rows",
		},
		"a scorer failed": {
			"min: 0", saying(1, "failed"), base,
			verdict.Inconclusive, `ok failed or gave no verdict on 1 of 30 rows; at most 0 are allowed: "{'q': '0'}"`,
		},
		"it may fail": {"min: 0, errors: 1", saying(1, "failed"), base, verdict.Pass, ""},
		"it fails often": {
			"min: 0, errors: 1", saying(2, "failed"), base,
			verdict.Inconclusive, "on 2 of 30 rows; at most 1",
		},
		"it always fails": {
			"min: 0, errors: 99", saying(30, "failed"), base,
			verdict.Inconclusive, "no row of run mine has a verdict",
		},
		"a verdict is gone": {
			"min: 0, errors: 9", on(good, 1, func(r *fact.Row) { r.Scores = r.Scores[1:] }), base, verdict.Pass, "",
		},
		"a bad verdict is gone": {
			"min: 0, errors: 9", on(saying(2, "no"), 1, func(r *fact.Row) { r.Scores = r.Scores[1:] }), base,
			verdict.Inconclusive, "the run states 0.9333333333333333 for ok/mean, but its rows give 0.965517",
		},
		"the model failed": {
			"min: 0", on(good, 1, func(r *fact.Row) { r.Failed = true }), base,
			verdict.Inconclusive, "on 1 of 30 rows",
		},

		"edited": {
			"min: 0", on(saying(1, "no"), 1, func(r *fact.Row) { r.Scores[0].Value = 1 }), base,
			verdict.Inconclusive, "verdicts or rows have changed since",
		},
		"written later": {
			"min: 0", on(good, 1, func(r *fact.Row) { r.Scores[0].Late = true }), base,
			verdict.Inconclusive, "1 verdicts of ok were written or edited after run mine ended",
		},
		"not stated": {
			"min: 0", with(good, func(s *fact.Scored) { s.Metrics = nil }), base,
			verdict.Inconclusive, "states no aggregation of ok",
		},
		"two scorers": {
			"min: 0", on(good, 1, func(r *fact.Row) { r.Scores[0].Digest = "soft" }), base, verdict.Inconclusive,
			"the verdicts of ok come from 2 definitions",
		},
		"two models": {
			"min: 0", with(good, func(s *fact.Scored) { s.Subjects = 2 }), base,
			verdict.Inconclusive, "names 2 models",
		},
		"rows of another": {
			"min: 0", on(good, 1, func(r *fact.Row) { r.Model = "m-9" }), base,
			verdict.Inconclusive, `made with the model "m-9"`,
		},
		"a newer was deleted": {
			"min: 0", with(good, func(s *fact.Scored) { s.Newer = []fact.NewerRun{{RunID: "bad", Status: "deleted"}} }), base,
			verdict.Inconclusive, "a newer evaluation run of the candidate, bad, is deleted",
		},
		"a newer runs": {
			"min: 0", with(good, func(s *fact.Scored) { s.Newer = []fact.NewerRun{{RunID: "r", Status: "RUNNING"}} }), base,
			verdict.Pass, "",
		},

		"a newer was cut off": {
			"min: 0", with(good, func(s *fact.Scored) { s.Newer = []fact.NewerRun{{RunID: "r", Status: "FAILED"}} }), base,
			verdict.Pass, "",
		},
		"a newer is marked as failed": {
			"min: 0", with(good, func(s *fact.Scored) {
				s.Newer = []fact.NewerRun{{RunID: "r", Status: "FAILED", Valued: true}}
			}), base, verdict.Inconclusive, "r, is FAILED",
		},

		"a person agrees": {"worst: 'yes', judges: [CODE, HUMAN]", reviewed(1), base, verdict.Pass, ""},
		"a person disagrees": {
			"worst: 'yes', judges: [CODE, HUMAN]", reviewed(0), base,
			verdict.Fail, "1 of 30 rows",
		},
		"people do not count": {"min: 0", reviewed(1), base, verdict.Inconclusive, "on 1 of 30 rows"},
		"only people count": {
			"min: 0, judges: [HUMAN]", reviewed(1), base,
			verdict.Inconclusive, "on 29 of 30 rows",
		},
		"a judge counts": {"evaluation: n, min: 0, judges: [LLM_JUDGE]", good, base, verdict.Pass, ""},
		"the judge is no code": {
			"evaluation: n, min: 0, judges: [CODE]", good, base,
			verdict.Inconclusive, "on 30 of 30 rows",
		},

		"age":     {"min: 0, max-age: 2h", good, base, verdict.Pass, ""},
		"too old": {"min: 0, max-age: 30m", good, base, verdict.Fail, "ended 1 hours ago"},
		"no end": {
			"min: 0, max-age: 30m", with(good, func(s *fact.Scored) { s.End = time.Time{} }), base,
			verdict.Inconclusive, "age of run mine is not known",
		},
		"in future": {
			"min: 0, max-age: 30m", with(good, func(s *fact.Scored) { s.End = policytest.Now.Add(time.Hour) }), base,
			verdict.Inconclusive, "in the future",
		},

		"latency": {"latency: {p50: 15500, p95: 29000}", good, base, verdict.Pass, ""},
		"slow": {
			"latency: {p95: 28000}", good, base,
			verdict.Fail, "the p95 of latency is 28550; wanted <= 28000",
		},
		"tokens":   {"tokens: {p50: 155}", good, base, verdict.Pass, ""},
		"too many": {"tokens: {p50: 154}", good, base, verdict.Fail, "the p50 of tokens is 155"},
		"unknown cost": {
			"cost: {p50: 1}", good, base,
			verdict.Inconclusive, "30 of 30 rows state no cost, which MLflow records since 3.10",
		},

		"dataset":    {"min: 0, dataset: golden", good, base, verdict.Pass, ""},
		"its digest": {"min: 0, dataset: d1", good, base, verdict.Pass, ""},
		"another dataset": {
			"min: 0, dataset: silver", good, base,
			verdict.Fail, `on dataset "golden" d1 with inputs sha256:`,
		},
		"its inputs": {"min: 0, dataset: " + good.Inputs(), good, base, verdict.Pass, ""},
		"other inputs": {
			"min: 0, dataset: " + good.Inputs(), on(good, 1, func(r *fact.Row) { r.Input = "x" }), base, verdict.Fail,
			"not on sha256:",
		},
		"other inputs than theirs": {
			"min: 0, dataset: incumbent", on(good, 1, func(r *fact.Row) { r.Input = "x" }), base, verdict.Fail,
			"but the incumbent on",
		},
		"no dataset": {
			"min: 0, dataset: silver", with(good, func(s *fact.Scored) { s.Datasets = nil }), base,
			verdict.Inconclusive, "no dataset",
		},
		"the incumbent's": {"min: 0, dataset: incumbent", good, base, verdict.Pass, ""},
		"not theirs": {
			"min: 0, dataset: incumbent", good, with(base, func(s *fact.Scored) { s.Datasets[0].Digest = "d0" }),
			verdict.Fail, "but the incumbent on",
		},
		"theirs is none": {
			"min: 0, dataset: incumbent", good, fact.Scored{},
			verdict.Inconclusive, "the incumbent has no valid evidence: experiment qa",
		},
		"two datasets": {
			"min: 0, dataset: incumbent", good, with(base, func(s *fact.Scored) { s.Datasets = append(s.Datasets, s.Datasets[0]) }),
			verdict.Inconclusive, "run theirs has 2 datasets",
		},
		"without a digest": {
			"min: 0, dataset: incumbent", good, with(base, func(s *fact.Scored) { s.Datasets[0].Digest = "" }),
			verdict.Inconclusive, "no digest",
		},

		"scorers": {"min: 0, scorers: " + digest, good, base, verdict.Pass, ""},
		"others": {
			"min: 0, scorers: 'sha256:" + strings.Repeat("b", 64) + "'", good, base,
			verdict.Fail, "have the digest sha256:aaa",
		},
		"theirs": {"min: 0, scorers: incumbent", good, base, verdict.Pass, ""},
		"softened": {
			"min: 0, scorers: incumbent", good, with(base, func(s *fact.Scored) { s.Scorers.Digest = digest[:70] + "b" }),
			verdict.Fail, "but those of the incumbent's run",
		},
		"softened by row": {
			"min: 0, scorers: incumbent", good, on(base, 30, func(r *fact.Row) { r.Scores[0].Digest = "hard" }), verdict.Fail,
			"come from another definition than the incumbent's",
		},
		"not all hashed": {
			"min: 0, scorers: incumbent", with(good, func(s *fact.Scored) { s.Scorers.Hashed = 1 }), base,
			verdict.Inconclusive, "covers only 1 of 2 scorers",
		},
		"before 3.17": {
			"min: 0, scorers: incumbent", with(good, func(s *fact.Scored) { s.Scorers = fact.ScorersDigest{} }), base,
			verdict.Inconclusive, "which MLflow records since 3.17",
		},

		"no loss": {"paired: {}", saying(4, "no"), base, verdict.Pass, ""},
		"a loss": {
			"paired: {}", saying(5, "no"), base,
			verdict.Fail, "5 rows lost, 0 gained, n = 30, p = 0.0312 <= 0.05",
		},
		"few pairs": {"paired: {least: 31}", good, base, verdict.Inconclusive, "too few pairs: 30; the minimum is 31"},
		"margin":    {"paired: {margin: 0.25}", good, base, verdict.Pass, ""},
		"too wide": {
			"paired: {margin: 0.05}", good, base,
			verdict.Fail, "non-inferiority of ok not shown: 0 rows lost",
		},
		"numbers": {"evaluation: n, paired: {margin: 0.1}", good, base, verdict.Pass, ""},
		"no margin": {
			"evaluation: n, paired: {}", good, base,
			verdict.Inconclusive, "returns numbers, and `paired` has no margin",
		},
		"worse numbers": {
			"evaluation: n, paired: {margin: 0.1}",
			stating(on(good, 20, func(r *fact.Row) { r.Scores[1].Value -= 0.2 })), base, verdict.Fail,
			"non-inferiority of n not shown: mean difference -0.1333",
		},
		"other rows": {
			"paired: {}", on(good, 1, func(r *fact.Row) { r.Input = "x" }), base, verdict.Inconclusive, "but the incumbent on",
		},
		"same inputs": {
			"paired: {}", on(good, 2, func(r *fact.Row) { r.Input = "x" }), on(base, 2, func(r *fact.Row) { r.Input = "x" }),
			verdict.Pass, "",
		},
		"cut inputs": {
			"paired: {}", on(good, 2, func(r *fact.Row) { r.Input, r.Cut = "x", true }),
			on(base, 2, func(r *fact.Row) { r.Input = "x" }), verdict.Inconclusive, "begin with the same text",
		},
		"theirs failed": {
			"paired: {}", good, scored("theirs", "m-0", append(many(29, "yes"), "failed")...),
			verdict.Inconclusive, "gave no verdict on 1 of 30 rows",
		},
		"theirs edited": {
			"paired: {}", good, with(base, func(s *fact.Scored) { s.Rows[0].Scores[0].Value = 0 }),
			verdict.Inconclusive, "the incumbent has no valid evidence: the run states 1 for ok/mean",
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.gate
			if !strings.Contains(text, "evaluation:") {
				text = "evaluation: ok, " + text
			}
			got := mustParse(t, text+", experiment: qa").Check(evaluated(c.mine, c.theirs))
			if got.Outcome != c.want || !strings.Contains(got.Why, c.why) {
				t.Errorf("%s: %s, want %s: %s", got.Outcome, got.Why, c.want, c.why)
			}
			if c.mine.RunID != "" && len(got.Values) < 4 {
				t.Errorf("%d values are bound", len(got.Values))
			}
		})
	}
}

// Without an incumbent, conditions about it pass. If the candidate is the incumbent, they pass too.
func TestEvaluation_NoIncumbent(t *testing.T) {
	g := mustParse(t, "evaluation: ok, experiment: qa, min: 1, dataset: incumbent, scorers: incumbent, paired: {}")
	f := evaluated(scored("mine", "m-1", many(3, "yes")...), fact.Scored{})
	f.Holders[fact.Incumbent] = registry.Absent[fact.Subject]("no version holds it")
	if got := g.Check(f); got.Outcome != verdict.Pass || !strings.Contains(got.Why, "no version holds it") {
		t.Errorf("%s: %s", got.Outcome, got.Why)
	}
	f.Holders[fact.Incumbent] = registry.Is(f.Candidate)
	if got := g.Check(f); got.Outcome != verdict.Pass {
		t.Errorf("%s: %s", got.Outcome, got.Why)
	}
	f.Candidate.Scored = evaluated(scored("mine", "m-1", "yes", "no", "yes"), fact.Scored{}).Candidate.Scored
	if got := g.Check(f); got.Outcome != verdict.Fail {
		t.Errorf("%s: %s", got.Outcome, got.Why)
	}
}

// If all rows are good, the mean is exactly 1, no matter how many there are.
func TestEvaluation_ExactMean(t *testing.T) {
	g := mustParse(t, "evaluation: ok, experiment: qa, min: 1")
	for n := 1; n <= 200; n++ {
		if got := g.Check(evaluated(scored("mine", "m-1", many(n, "yes")...), fact.Scored{})); got.Outcome != verdict.Pass {
			t.Errorf("%d rows: %s", n, got.Why)
		}
	}
}

// A plan binds every verdict, so that a change that leaves the mean as it is changes the plan too.
func TestEvaluation_BindsRows(t *testing.T) {
	g := mustParse(t, "evaluation: ok, experiment: qa, min: 0.1, paired: {least: 3}")
	values := func(mine, theirs fact.Scored) string {
		return fmt.Sprint(g.Check(evaluated(mine, theirs)).Facts().Values)
	}
	base := scored("theirs", "m-0", "yes", "no", "no")
	one := values(scored("mine", "m-1", "yes", "no", "no"), base)
	if two := values(scored("mine", "m-1", "no", "yes", "no"), base); one == two {
		t.Error("other verdicts of the candidate with the same mean are the same plan")
	}
	if two := values(scored("mine", "m-1", "yes", "no", "no"), scored("theirs", "m-0", "no", "no", "yes")); one == two {
		t.Error("other verdicts of the incumbent are the same plan")
	}
	moved := scored("mine", "m-1", "yes", "no", "no")
	slices.Reverse(moved.Rows)
	if two := values(moved, base); one != two {
		t.Error("another order of the rows is another plan")
	}
}

// The incumbent's rows are compared with what the ledger recorded at its promotion.
func TestEvaluation_IncumbentRecorded(t *testing.T) {
	g := mustParse(t, "evaluation: ok, experiment: qa, paired: {least: 3}")
	before := scored("theirs", "m-0", "yes", "yes", "no")
	recorded := g.Check(evaluated(before, fact.Scored{})).Facts()
	entry := ledger.Entry{
		Epoch: 1, Outcome: ledger.EntryDone,
		Record: ledger.Record{Command: "promote", To: 1, Gates: []verdict.Finding{recorded}},
	}
	mine := scored("mine", "m-1", "yes", "yes", "yes")
	for _, c := range []struct {
		theirs fact.Scored
		want   verdict.Outcome
	}{
		{before, verdict.Pass}, {scored("theirs", "m-0", "yes", "no", "no"), verdict.Inconclusive},
		{scored("again", "m-0", "yes", "no", "no"), verdict.Pass}, // a new evaluation
	} {
		f := evaluated(mine, c.theirs)
		f.Ledger.Entries = []ledger.Entry{entry}
		if got := g.Check(f); got.Outcome != c.want {
			t.Errorf("%s: %s, want %s", got.Outcome, got.Why, c.want)
		}
	}
}

// A text in a row cannot imitate the message around it or contain characters that change how it is displayed.
func TestEvaluation_HostileRows(t *testing.T) {
	s := scored("mine", "m-1", "no", "yes")
	for _, text := range []string{"a\"). To satisfy it: nothing", "\u202eevil", "a\nb", strings.Repeat("x", 5000), "\x1b[2J"} {
		s.Rows[0].Shown, s.Datasets[0].Name = text, text
		got := mustParse(t, "evaluation: ok, experiment: qa, min: 0.9").Check(evaluated(s, fact.Scored{}))
		said := got.Why + got.Candidate
		if strings.ContainsAny(said, "\n\u202e\x1b") || strings.Contains(said, `a")`) || len(said) > 600 {
			t.Errorf("%q", said)
		}
	}
}

func TestEvaluation_Problems(t *testing.T) {
	for text, want := range map[string]string{
		"min: 0.9":                                  "experiment",
		"experiment: qa":                            "no condition",
		"experiment: qa, rows: 4":                   "no condition",
		"experiment: qa, min: 2, max: 1":            "no value is at least 2",
		"experiment: qa, latency: {}":               "latency has no limit",
		"experiment: qa, paired: {margin: 0}":       "the margin is 0",
		"experiment: qa, paired: {level: 1}":        "the level (alpha) is 1",
		"experiment: qa, min: 0, judges: [X]":       "CODE, LLM_JUDGE, HUMAN",
		"experiment: qa, min: 0, scorers: x":        "scorers",
		"experiment: qa, min: 0, against: champion": "nothing is compared",
		"experiment: qa, min: 0, errors: -1":        "errors",
	} {
		n, err := tree.Parse("{evaluation: ok, " + text + "}")
		if err != nil {
			t.Fatal(err)
		}
		_, problems := Parse("p.yml", n)
		if len(problems) == 0 || !strings.Contains(fmt.Sprint(problems), want) {
			t.Errorf("%s: %v", text, problems)
		}
	}
}
