package scores

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// The documentation of the gate `evaluation`.
const (
	Passes = "the newest finished evaluation run of the candidate in the experiment meets every condition"
	Notes  = "`mlflow.genai.evaluate(..., model_id=...)` of MLflow 3.4 or later writes such a run. The value is " +
		"computed from its rows. The gate is inconclusive if rows or verdicts are missing, were changed later, or do " +
		"not add up to what the run states. See [Evaluation runs](#evaluation-runs)."
	Example = `evaluation: correctness
experiment: qa-evaluation
min: 0.9
rows: 5
dataset: incumbent
paired: {least: 5}`
	Facts = `candidate:
  evaluation:
    experiment: qa-evaluation
    dataset: golden
    scores: {correctness: ["yes", "yes", "yes", "yes", "yes"]}
incumbent:
  version: 1
  evaluation:
    experiment: qa-evaluation
    dataset: golden
    scores: {correctness: ["yes", "no", "yes", "yes", "yes"]}`
)

// Sources are the kinds of judges, in MLflow's words.
var Sources = []string{"CODE", "LLM_JUDGE", "HUMAN"}

// Key is the shape of the gate's main key.
var Key = tree.Text("name of a scorer, or of one of its aggregations such as correctness/p90; without one, the mean")

// Fields are the gate's other keys.
var Fields = []tree.Field{
	{Name: "experiment", Required: true, Add: "experiment: NAME",
		Shape: tree.Text("name or id of the experiment with the evaluation runs; runs elsewhere do not count")},
	tree.Optional("min", tree.Number("smallest value that passes; yes is 1 and no is 0")),
	tree.Optional("max", tree.Number("largest value that passes")),
	tree.Optional("worst", tree.Shape{
		Kind: tree.KindText, About: "value that every row must reach: yes, no, a number, or a text of the scorer",
		Or: &tree.Shape{Kind: tree.KindNumber},
	}),
	tree.Optional("better", tree.OneOf("which direction is better: higher (default) or lower", "higher", "lower")),
	tree.Optional("rows", tree.Integer("minimum number of rows with a verdict", 1)),
	tree.Optional("errors",
		tree.Integer("maximum number of rows whose scorer failed or gave no verdict; default 0", 0)),
	tree.Optional("dataset",
		tree.Text("digest of the inputs (strongest), name or digest of the dataset, or incumbent")),
	tree.Optional("scorers", tree.Pattern("incumbent, or the digest of all scorers such as sha256:…",
		`^(incumbent|sha256:[0-9a-f]{64})$`)),
	tree.Optional("judges", tree.List("kinds of judges whose verdicts count; default: CODE and LLM_JUDGE",
		tree.OneOf("a kind of judge", Sources...))),
	tree.Optional("max-age", tree.Duration("maximum age of the evaluation run")),
	tree.Optional("latency", quantiles("largest time per row in milliseconds, as p50 or p95")),
	tree.Optional("tokens", quantiles("largest number of tokens per row, as p50 or p95")),
	tree.Optional("cost", quantiles("largest cost per row in US dollars, as p50 or p95")),
	tree.Optional("paired", tree.Object("compare with the incumbent row by row: margin, level (alpha, default 0.05) "+
		"and least (minimum number of pairs, default 20)",
		tree.Optional("margin", tree.Number("smallest loss that matters, above 0; required for numbers")),
		tree.Optional("level", tree.Number("alpha: p-value at which the test decides; default 0.05")),
		tree.Optional("least", tree.Integer("minimum number of pairs; default 20", 3)),
	)),
	tree.Optional("against", tree.Text("alias or stage to compare with instead of the target's incumbent")),
}

// Incumbent is the word for the incumbent in the keys dataset and scorers.
const Incumbent = "incumbent"

func quantiles(about string) tree.Shape {
	return tree.Object(about, tree.Optional("p50", tree.Number("limit of the median")),
		tree.Optional("p95", tree.Number("limit of the 95th percentile")))
}

// Settings are the conditions of one gate.
type Settings struct {
	name, experiment string
	min, max         *float64
	worst            *worst
	lower            bool
	rows, errors     int
	dataset, scorers string
	judges           []string
	maxAge           time.Duration
	maxAgeText       string
	use              []useLimit
	paired           *paired
}

// worst is the value that every row must reach.
type worst struct {
	text  string  // as written
	value float64 // for yes, no and numbers
	kind  fact.ScoreKind
}

// useLimit limits what a row may use.
type useLimit struct {
	what     string // latency, tokens or cost
	quantile string // p50 or p95
	most     float64
}

// paired are the settings of the comparison row by row.
type paired struct {
	margin, level float64 // margin is 0 if none exists
	least         int
}

// Parse reads the conditions of a gate that the shapes have checked.
func Parse(n *tree.Node) (Settings, error) {
	s := Settings{
		name: n.Str("evaluation"), experiment: n.Str("experiment"), lower: n.Str("better") == "lower",
		rows: n.Int("rows", 0), errors: n.Int("errors", 0), dataset: n.Str("dataset"), scorers: n.Str("scorers"),
		judges: n.Texts("judges"), maxAgeText: n.Str("max-age"), maxAge: tree.ParseDuration(n.Str("max-age")),
	}
	s.min, s.max = number(n, "min"), number(n, "max")
	if v := n.Get("worst"); v != nil {
		s.worst = parseWorst(v)
	}
	for _, what := range []string{"latency", "tokens", "cost"} {
		if limits := n.Get(what); limits != nil {
			before := len(s.use)
			for _, q := range []string{"p50", "p95"} {
				if most, ok := limits.Float(q); ok {
					s.use = append(s.use, useLimit{what, q, most})
				}
			}
			if len(s.use) == before {
				return s, n.Problem(what, "%s has no limit; add p50 or p95", what)
			}
		}
	}
	if v := n.Get("paired"); v != nil {
		r := paired{level: 0.05, least: v.Int("least", 20)}
		if level, ok := v.Float("level"); ok {
			r.level = level
		}
		margin, given := v.Float("margin")
		r.margin = margin
		switch {
		case given && margin <= 0:
			return s, v.Problem("margin",
				"the margin is %s; it must be above 0, because it says how much worse is acceptable",
				format.Number(margin))
		case r.level <= 0 || r.level >= 0.5:
			return s, v.Problem("level", "the level (alpha) is %s; it must be between 0 and 0.5, such as 0.05",
				format.Number(r.level))
		}
		s.paired = &r
	}
	switch {
	case s.min == nil && s.max == nil && s.worst == nil && s.paired == nil && len(s.use) == 0:
		return s, n.Problem("evaluation", "evaluation %s has no condition; add min, max, worst, paired, latency, "+
			"tokens or cost", s.name)
	case s.min != nil && s.max != nil && *s.min > *s.max:
		return s, n.Problem("max", "no value is at least %s and at most %s; correct min or max",
			format.Number(*s.min), format.Number(*s.max))
	case n.Has("against") && !s.Compares():
		return s, n.Problem("against", "nothing is compared; add paired, `dataset: incumbent` or "+
			"`scorers: incumbent`, or remove against")
	}
	return s, nil
}

func number(n *tree.Node, key string) *float64 {
	if v, ok := n.Float(key); ok {
		return &v
	}
	return nil
}

func parseWorst(v *tree.Node) *worst {
	w := worst{text: v.Text, kind: fact.ScoreText}
	switch yes, is := YesNo(v.Text); {
	case v.Kind == tree.KindNumber:
		w.kind, w.value = fact.ScoreNumber, v.Number()
	case is:
		w.kind = fact.ScoreYesNo
		if yes {
			w.value = 1
		}
	}
	return &w
}

// YesNo reports whether a text is a verdict of yes or no, as MLflow reads it, and which one.
func YesNo(text string) (yes, is bool) {
	switch strings.ToLower(text) {
	case "yes", "true":
		return true, true
	case "no", "false":
		return false, true
	}
	return false, false
}

// Compares reports whether the conditions need the evaluation run of another version.
func (s Settings) Compares() bool {
	return s.paired != nil || s.dataset == Incumbent || s.scorers == Incumbent
}

// Needs returns the facts that the conditions need.
func (s Settings) Needs() fact.Needs {
	needs := fact.Needs{ScoredIn: []string{s.experiment}}
	if s.Compares() {
		needs.HolderScores, needs.Ledger = needs.ScoredIn, true
	}
	return needs
}

// Wanted returns the conditions as text.
func (s Settings) Wanted() string {
	var parts []string
	add := func(layout string, args ...any) { parts = append(parts, fmt.Sprintf(layout, args...)) }
	if s.min != nil {
		add(">= %s", format.Number(*s.min))
	}
	if s.max != nil {
		add("<= %s", format.Number(*s.max))
	}
	if s.worst != nil {
		add("every row %s", s.worst.words(s.lower))
	}
	if s.paired != nil {
		add("%s", s.paired)
	}
	for _, u := range s.use {
		add("%s %s <= %s", u.quantile, u.what, format.Number(u.most))
	}
	if s.rows > 0 {
		add("%d rows", s.rows)
	}
	if s.errors > 0 {
		add("at most %d without a verdict", s.errors)
	}
	if s.dataset != "" {
		add("dataset %s", s.dataset)
	}
	if s.scorers != "" {
		add("scorers %s", format.Shorten(s.scorers, 20))
	}
	if len(s.judges) > 0 {
		add("judges %s", strings.Join(s.judges, ", "))
	}
	if s.maxAge > 0 {
		add("at most %s old", s.maxAgeText)
	}
	return strings.Join(parts, "; ")
}

func (w worst) words(lower bool) string {
	switch {
	case w.kind == fact.ScoreNumber && lower:
		return "<= " + w.text
	case w.kind == fact.ScoreNumber:
		return ">= " + w.text
	}
	return w.text
}

func (r paired) String() string {
	if r.margin > 0 {
		return fmt.Sprintf("not worse by %s, p <= %s, n >= %d", format.Number(r.margin), format.Number(r.level),
			r.least)
	}
	return fmt.Sprintf("no loss shown, p > %s, n >= %d", format.Number(r.level), r.least)
}

// counts reports whether a score comes from a judge that counts.
func (s Settings) counts(sc fact.Score) bool {
	if len(s.judges) == 0 {
		return sc.Source != "HUMAN"
	}
	return slices.Contains(s.judges, sc.Source)
}

// used returns a value that is bound into the plan.
func used(of string, run fact.Scored, metric, value, kind string) verdict.Used {
	u := verdict.Used{Of: of, Metric: metric, Value: value, RunID: run.RunID, Kind: kind}
	if len(run.Datasets) == 1 {
		u.Dataset, u.Digest = run.Datasets[0].Name, run.Datasets[0].Digest
	}
	return u
}
