package policy

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// state describes what a gate finds.
type state string

const (
	good   state = "met"
	worse  state = "failed"
	gone   state = "confirmed absent"
	cannot state = "could not be read, or is no measurement"
)

// effects lists, for each state of a single gate, the decisions under `on-fail: block`, `retain` and `warn`.
var effects = map[state][3]verdict.Decision{
	good:   {verdict.Promote, verdict.Promote, verdict.Promote},
	worse:  {verdict.Block, verdict.Retain, verdict.Promote},
	gone:   {verdict.Block, verdict.Block, verdict.Promote},
	cannot: {verdict.Block, verdict.Block, verdict.Block},
}

func unreadableRun(f *fact.Facts) { f.Candidate.Run = registry.Unreadable[registry.Run]("500") }

func runTag(key, value string) func(*fact.Facts) {
	return func(f *fact.Facts) {
		policytest.ChangeRun(f, func(r *registry.Run) {
			if r.Tags[key] = value; value == "" {
				delete(r.Tags, key)
			}
		})
	}
}

func metricIs(key string, value float64) func(*fact.Facts) {
	return func(f *fact.Facts) {
		policytest.ChangeRun(f, func(r *registry.Run) { r.Metrics[key] = registry.Point{Value: value} })
	}
}

func noMetric(key string) func(*fact.Facts) {
	return func(f *fact.Facts) { policytest.ChangeRun(f, func(r *registry.Run) { delete(r.Metrics, key) }) }
}

func incumbentMetrics(metrics map[string]registry.Point) func(*fact.Facts) {
	return func(f *fact.Facts) {
		policytest.ChangeIncumbent(f, func(s *fact.Subject) {
			s.Run = registry.Is(registry.Run{ID: "i", Status: "FINISHED", Metrics: metrics})
		})
	}
}

func history(points registry.Known[[]registry.Point]) func(*fact.Facts) {
	return func(f *fact.Facts) {
		f.Candidate.History = map[string]registry.Known[[]registry.Point]{"a": points}
	}
}

func datasets(all ...registry.Dataset) func(*fact.Facts) {
	return func(f *fact.Facts) { policytest.ChangeRun(f, func(r *registry.Run) { r.Datasets = all }) }
}

func mlmodel(change func(*registry.MLmodel)) func(*fact.Facts) {
	return func(f *fact.Facts) {
		m := f.Candidate.MLmodel.OrZero()
		change(&m)
		f.Candidate.MLmodel = registry.Is(m)
	}
}

func noMLmodel(f *fact.Facts) {
	f.Candidate.MLmodel = registry.Absent[registry.MLmodel]("there is no MLmodel file")
}

func filesUnreadable(f *fact.Facts) {
	f.Candidate.Files = registry.Unreadable[[]registry.File]("500")
}

func report(known registry.Known[string]) func(*fact.Facts) {
	return func(f *fact.Facts) { f.Evidence = map[string]registry.Known[string]{"e.json": known} }
}

func versionTag(key, value string) func(*fact.Facts) {
	return func(f *fact.Facts) {
		v := f.Candidate.Version.OrZero()
		v.Tags = map[string]string{key: value}
		f.Candidate.Version = registry.Is(v)
	}
}

func both(changes ...func(*fact.Facts)) func(*fact.Facts) {
	return func(f *fact.Facts) {
		for _, change := range changes {
			change(f)
		}
	}
}

// The test covers every kind of gate in every state. A part that failed or is absent must not hide a part that
// could not be evaluated.
func TestOnFail(t *testing.T) {
	const (
		metric     = "metric: a, min: 0.5"
		best       = "metric: a, min: 0.1, at: best"
		regression = "regression: a, better: higher"
		slice      = "slices: auc/*, min: 0.5, expect: [x, y]"
		signed     = "signature: same"
		artifact   = "artifact: complete, python: '>=3.10', mlflow: '>=3'"
		digest     = "artifact: digest, digest-tag: sha"
		tags       = "tags: {owner: ann}, of: run"
		card       = "description: 5, card-tag: card, card-file: MLmodel"
		lineage    = "lineage: [test, training], same-as-incumbent: [test]"
		ancestor   = "commit: ancestor, clean-tag: clean"
		age        = "age: 30d, soak: 1h, in: Staging"
		evidence   = "evidence: e.json, dataset: test, not-older-than: 7d"
		approval   = "approval: 1"
		paired     = "non-inferiority: a, better: higher, margin: 0.01"
		expression = "expression: candidate.metrics.a >= incumbent.metrics.b && candidate.metrics.b > 0"
	)
	nan := math.NaN()
	test, training := registry.Dataset{Name: "t", Digest: "d1", Context: "test"},
		registry.Dataset{Name: "u", Digest: "d2", Context: "training"}
	described := runTag("card", "see wiki")
	for name, c := range map[string]struct {
		gate   string
		change func(*fact.Facts)
		want   state
	}{
		"metric: the value is there":       {metric, nil, good},
		"metric: it is too low":            {metric, metricIs("a", 0.1), worse},
		"metric: the run has none":         {metric, noMetric("a"), gone},
		"metric: it is NaN":                {metric, metricIs("a", nan), cannot},
		"metric: the run is not readable":  {metric, unreadableRun, cannot},
		"metric: no best value was logged": {best, history(registry.Is([]registry.Point{})), gone},
		"metric: the history is not readable": {
			best, history(registry.Unreadable[[]registry.Point]("500")), cannot,
		},
		"metric: the history holds NaN": {
			best, history(registry.Is([]registry.Point{{Value: nan, Raw: "NaN"}})), cannot,
		},
		"metric: nobody asked for the history": {best, history(registry.Known[[]registry.Point]{}), cannot},
		"regression: it is worse":              {regression, metricIs("a", 0.1), worse},
		"regression: the candidate has none":   {regression, noMetric("a"), gone},
		"regression: the incumbent has none":   {regression, incumbentMetrics(nil), gone},
		"regression: the incumbent's is NaN": {
			regression, incumbentMetrics(map[string]registry.Point{"a": {Value: nan}}), cannot,
		},
		"regression: absent here, NaN there": {
			regression, both(noMetric("a"), incumbentMetrics(map[string]registry.Point{"a": {Value: nan}})), cannot,
		},
		"slices: one is too low":             {slice, metricIs("auc/x", 0.1), worse},
		"slices: an expected one is missing": {slice, noMetric("auc/x"), gone},
		"slices: too few":                    {"slices: auc/*, min: 0.5, at-least: 3", nil, gone},
		"slices: one is missing, another is NaN": {
			slice, both(noMetric("auc/x"), metricIs("auc/y", nan)), cannot,
		},
		"slices: one that the incumbent has is missing": {
			"slices: auc/*, min: 0.5, at-least: 1", noMetric("auc/x"), gone,
		},
		"signature: another one": {
			signed, mlmodel(func(m *registry.MLmodel) { m.Signature.Inputs = `[{"name":"z","type":"string"}]` }), worse,
		},
		"signature: none": {
			signed, mlmodel(func(m *registry.MLmodel) { m.Signature = registry.Signature{} }), worse,
		},
		"signature: no MLmodel": {signed, noMLmodel, gone},
		"signature: no JSON": {
			signed, mlmodel(func(m *registry.MLmodel) { m.Signature.Inputs = "{" }), cannot,
		},
		"signature: the incumbent has none": {signed, func(f *fact.Facts) {
			policytest.ChangeIncumbent(f, func(s *fact.Subject) { s.MLmodel = registry.Is(registry.MLmodel{}) })
		}, gone},
		"signature: the incumbent's is not readable": {signed, func(f *fact.Facts) {
			policytest.ChangeIncumbent(f,
				func(s *fact.Subject) { s.MLmodel = registry.Unreadable[registry.MLmodel]("500") })
		}, cannot},
		"artifact: a file is missing": {
			artifact, mlmodel(func(m *registry.MLmodel) {
				m.Parts = []registry.Part{{Key: "weights",
					Names: []string{"weights"}}}
			}), worse,
		},
		"artifact: no MLmodel":                     {artifact, noMLmodel, gone},
		"artifact: no MLmodel, files not readable": {artifact, both(noMLmodel, filesUnreadable), cannot},
		"artifact: files not readable":             {artifact, filesUnreadable, cannot},
		"artifact: no version of Python": {
			artifact, mlmodel(func(m *registry.MLmodel) { m.PythonVersion = "" }), gone,
		},
		"artifact: a file is missing and the version of MLflow is no number": {artifact,
			mlmodel(func(m *registry.MLmodel) {
				m.Parts, m.MLflowVersion = []registry.Part{{Key: "data", Names: []string{"weights"}}}, "dev"
			}), cannot},
		"artifact: no digest is on record": {digest, nil, gone},
		"artifact: another digest":         {digest, runTag("sha", "def"), worse},
		"artifact: the digest is not known": {
			digest, both(runTag("sha", "abc"),
				func(f *fact.Facts) { f.Candidate.Digest = registry.Unreadable[string]("500") }), cannot,
		},
		"tags: none":                    {tags, runTag("owner", ""), worse},
		"tags: the run is not readable": {tags, unreadableRun, cannot},
		"description: all there":        {card, described, good},
		"description: none": {
			card, both(described, func(f *fact.Facts) { f.Words.Description = "" }), worse,
		},
		"description: no model card": {card, nil, worse},
		"description: none, run not readable": {
			card, both(unreadableRun, func(f *fact.Facts) { f.Words.Description = "" }), cannot,
		},
		"description: none, files unreadable": {
			card, both(described, filesUnreadable, func(f *fact.Facts) { f.Words.Description = "" }), cannot,
		},
		"lineage: no dataset at all": {lineage, datasets(), gone},
		"lineage: one is missing":    {lineage, datasets(test), gone},
		"lineage: another one": {
			lineage, datasets(training, registry.Dataset{Name: "t", Digest: "other", Context: "test"}), worse,
		},
		"lineage: one without a digest": {
			lineage, datasets(training, registry.Dataset{Name: "t", Context: "test"}), cannot,
		},
		"lineage: the run is not readable": {lineage, unreadableRun, cannot},
		"lineage: none, incumbent unreadable": {lineage, both(datasets(), func(f *fact.Facts) {
			policytest.ChangeIncumbent(f, func(s *fact.Subject) { s.Run = registry.Unreadable[registry.Run]("500") })
		}), cannot},
		"commit: none":          {ancestor, runTag(registry.RunTagCommit, ""), gone},
		"commit: no repository": {ancestor, runTag(registry.RunTagRepository, ""), gone},
		"commit: another repository": {
			ancestor, runTag(registry.RunTagRepository, "https://h/other/churn"), worse,
		},
		"commit: a repository of no known form": {
			ancestor, runTag(registry.RunTagRepository, "https://h/group/sub/churn"), cannot,
		},
		"commit: nothing says that it is clean": {ancestor, runTag("clean", ""), gone},
		"commit: not clean":                     {ancestor, runTag("clean", "false"), worse},
		"commit: not clean, and ancestry is not known": {ancestor,
			both(runTag("clean", "false"), runTag(registry.RunTagCommit, "beef"), func(f *fact.Facts) {
				f.Commit.Contains = registry.Unreadable[bool]("403")
			}), cannot},
		"commit: none, and no workflow": {
			ancestor, both(runTag(registry.RunTagCommit, ""), func(f *fact.Facts) { f.Commit = fact.Commit{} }), cannot,
		},
		"age: too old": {age, func(f *fact.Facts) {
			policytest.ChangeRun(f, func(r *registry.Run) { r.End = policytest.Now.AddDate(0, -2, 0) })
		}, worse},
		"age: the run has no end": {
			age, func(f *fact.Facts) { policytest.ChangeRun(f, func(r *registry.Run) { r.End = time.Time{} }) }, gone,
		},
		"age: no time in the stage": {
			age, both(versionTag("other", "x"), func(f *fact.Facts) { f.Ledger = ledger.Chain{} }), cannot,
		},
		"age: no time that can be read": {age, versionTag("promoted_to_staging_at", "yesterday"), cannot},
		"age: too old, and no time to read": {age,
			both(versionTag("promoted_to_staging_at", "yesterday"), func(f *fact.Facts) {
				policytest.ChangeRun(f, func(r *registry.Run) { r.End = policytest.Now.AddDate(0, -2, 0) })
			}), cannot},
		"age: the server tells no time": {age, func(f *fact.Facts) { f.Now = time.Time{} }, cannot},
		"evidence: there is no report": {
			evidence, report(registry.Absent[string]("run r has no artifact e.json")), gone,
		},
		"evidence: it is not readable": {evidence, report(registry.Unreadable[string]("500")), cannot},
		"evidence: it is no JSON":      {evidence, report(registry.Is("{")), worse},
		"evidence: it is about another run": {
			evidence, report(registry.Is(`{"run_id":"other","passed":true}`)), cannot,
		},
		"evidence: it did not pass": {
			evidence, report(registry.Is(`{"run_id":"rcandidate","dataset_digest":"d1",` +
				`"created":"2026-05-03T09:00:00Z","passed":false}`)), worse,
		},
		"evidence: too old, and says nothing": {
			evidence, report(registry.Is(`{"run_id":"rcandidate","dataset_digest":"d1",` +
				`"created":"2026-01-03T09:00:00Z"}`)), cannot,
		},
		"approval: nobody": {approval, func(f *fact.Facts) {
			f.Review = registry.Is(fact.Review{Attempt: 1,
				Contributors: registry.Is([]fact.Contributor{{Login: "ann", Role: fact.RoleAuthor},
					{Login: "bob", Role: fact.RoleStarter}}), PullRequest: registry.Is([]fact.Approval{})})
		}, worse},
		"approval: not known": {
			approval, func(f *fact.Facts) { f.Review = registry.Unreadable[fact.Review]("403") }, cannot,
		},
		"non-inferiority: no values":      {paired, history(registry.Is([]registry.Point{})), gone},
		"non-inferiority: too few values": {paired, history(registry.Is([]registry.Point{{Value: 1}})), cannot},
		"non-inferiority: not readable":   {paired, history(registry.Unreadable[[]registry.Point]("500")), cannot},
		"non-inferiority: none here, NaN there": {paired,
			both(history(registry.Is([]registry.Point{})), func(f *fact.Facts) {
				policytest.ChangeIncumbent(f, func(s *fact.Subject) {
					points := []registry.Point{{Value: nan, Raw: "NaN"}}
					s.History = map[string]registry.Known[[]registry.Point]{"a": registry.Is(points)}
				})
			}), cannot},
		"expression: false":                 {expression, metricIs("a", 0.1), worse},
		"expression: a fact is absent":      {expression, noMetric("b"), gone},
		"expression: absent here, NaN next": {expression, both(noMetric("b"), metricIs("a", nan)), cannot},
	} {
		t.Run(name, func(t *testing.T) {
			for i, onFail := range []string{"block", "retain", "warn"} {
				f := policytest.Facts()
				policytest.ChangeRun(&f, func(r *registry.Run) {
					tags := map[string]string{}
					for key, value := range r.Tags {
						tags[key] = value
					}
					r.Tags = tags
				})
				if c.change != nil {
					c.change(&f)
				}
				v := Judge([]gates.Gate{gateOf(t, c.gate+", on-fail: "+onFail)}, f)
				if want := effects[c.want][i]; v.Decision != want || v.Effect() != want {
					t.Errorf("on-fail: %s: %s, want %s: %+v", onFail, v.Decision, want, v.Findings[0])
				}
				if got := v.Findings[0]; got.Absent != (c.want == gone) {
					t.Errorf("%s, absent %v: %s", got.Outcome, got.Absent, got.Why)
				}
			}
		})
	}
}

// A missing incumbent does not count as an absent fact. With `on-fail: warn`, a version could otherwise be promoted
// without any check.
func TestOnFail_WarnNeedsACheck(t *testing.T) {
	f := policytest.MetricFacts(map[string]float64{"a": 1}, nil)
	if v := Judge([]gates.Gate{gateOf(t, "regression: a, better: higher, on-fail: warn")},
		f); v.Decision != verdict.Block {
		t.Errorf("promoted without any check: %+v", v.Findings)
	}
	misspelt := gateOf(t, "regression: a, better: higher, against: champoin, on-fail: warn")
	f.Model = registry.Is(registry.Model{Aliases: map[string]int{"champion": 1}})
	f.Holders[registry.AliasRef("champoin")] = registry.Absent[fact.Subject]("no alias champoin")
	if v := Judge([]gates.Gate{gateOf(t, "metric: a, min: 0.5"), misspelt}, f); v.Decision != verdict.Block {
		t.Errorf("a typing error counts as an absent fact: %+v", v.Findings)
	}
}

// modes returns a policy for an alias and a stage, each with its own gate and mode.
func modes(model, alias, stage string) string {
	return strings.NewReplacer("MODEL", model, "ALIAS", alias, "STAGE", stage).Replace(`version: 1
models:
  churn:MODEL
    aliases:
      champion:
        gates: [{metric: a, min: 0.8}]ALIAS
    stages:
      Production:
        gates: [{metric: b, min: 0.8}]STAGE
`)
}

func TestReportMode(t *testing.T) {
	const onModel, onTarget = "\n    mode: ", "\n        mode: "
	alias, stage := registry.Target{Alias: "champion"}, registry.Target{Stage: "Production"}
	two := registry.Target{Alias: "champion", Stage: "Production"}
	for name, c := range map[string]struct {
		file       string
		target     registry.Target
		a, b       float64
		thresholds string
		says, does verdict.Decision
		mode       verdict.Mode
	}{
		"enforced by default": {
			modes("", "", ""), alias, 0.1, 1, "", verdict.Block, verdict.Block, verdict.Enforced,
		},
		"the target reports": {
			modes("", onTarget+"report", ""), alias, 0.1, 1, "", verdict.Block, verdict.Promote, verdict.ReportMode,
		},
		"the model reports": {
			modes(onModel+"report", "", ""), stage, 1, 0.1, "", verdict.Block, verdict.Promote, verdict.ReportMode,
		},
		"the target enforces, the model does not": {
			modes(onModel+"report", onTarget+"enforce", ""), alias, 0.1, 1, "", verdict.Block, verdict.Block,
			verdict.Enforced,
		},
		"it passes in report mode": {
			modes(onModel+"report", "", ""), alias, 1, 1, "", verdict.Promote, verdict.Promote, verdict.ReportMode,
		},
		"two targets, the failing one reports": {
			modes("", onTarget+"report", ""), two, 0.1, 1, "", verdict.Block, verdict.Promote, verdict.ReportMode,
		},
		"two targets, the failing one enforces": {
			modes("", "", onTarget+"report"), two, 0.1, 1, "", verdict.Block, verdict.Block, verdict.ReportMode,
		},
		"two targets, both fail, one enforces": {
			modes("", onTarget+"report", ""), two, 0.1, 0.1, "", verdict.Block, verdict.Block, verdict.ReportMode,
		},
		"thresholds of the workflow are enforced": {
			modes(onModel+"report", "", ""), alias, 1, 0.1, "b >= 0.5", verdict.Block, verdict.Block,
			verdict.ReportMode,
		},
		"thresholds pass, the policy does not": {
			modes(onModel+"report", "", ""), alias, 0.1, 1, "b >= 0.5", verdict.Block, verdict.Promote,
			verdict.ReportMode,
		},
		"a gate that cannot be evaluated": {
			modes(onModel+"report", "", ""), alias, math.NaN(), 1, "", verdict.Block, verdict.Promote,
			verdict.ReportMode,
		},
	} {
		t.Run(name, func(t *testing.T) {
			applied := gatesOf(t, c.file, c.target)
			thresholds, problems := Thresholds(c.thresholds, c.target)
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			v := Judge(append(applied.Gates, thresholds...),
				policytest.MetricFacts(map[string]float64{"a": c.a, "b": c.b}, nil))
			if v.Decision != c.says || v.Effect() != c.does || v.Mode != c.mode {
				t.Errorf("says %s, does %s, mode %q; want %s, %s, %q", v.Decision, v.Effect(), v.Mode, c.says, c.does,
					c.mode)
			}
			if v.NotEnforced() != (c.says != verdict.Promote && c.does == verdict.Promote) {
				t.Errorf("not enforced: %v", v.NotEnforced())
			}
		})
	}
}

// Report mode also applies to the gate for `from` and to gates with `on-fail: retain`.
func TestReportMode_ReachesEveryGate(t *testing.T) {
	a := gatesOf(t, `version: 1
models:
  churn:
    mode: report
    aliases:
      champion:
        from: [challenger]
        gates: [{metric: a, min: 0.8, on-fail: retain}, {approval: 1}]
`, registry.Target{Alias: "champion"})
	f := policytest.MetricFacts(map[string]float64{"a": 0.1}, nil)
	f.Model = registry.Is(registry.Model{Name: "churn"})
	f.Review = registry.Unreadable[fact.Review]("403")
	v := Judge(a.Gates, f)
	if v.Effect() != verdict.Promote || len(v.Failed()) != 3 {
		t.Errorf("%s, %+v", v.Effect(), v.Findings)
	}
	if bound := v.Bound(); bound.Effect() != verdict.Promote || bound.Mode != verdict.ReportMode {
		t.Errorf("a plan binds another mode: %+v", bound)
	}
	if kept := Judge(a.Gates[1:2], f); kept.Decision != verdict.Retain || kept.Effect() != verdict.Promote {
		t.Errorf("%s, %s", kept.Decision, kept.Effect())
	}
}

// Report mode does not change the digest of a target's rule, so an audit sees no change.
func TestReportMode_KeepsDigest(t *testing.T) {
	digest := func(file string) string {
		return gatesOf(t, file, registry.Target{Alias: "champion"}).Targets[0].Digest
	}
	want := digest(modes("", "", ""))
	for _, file := range []string{modes("", "\n        mode: report", ""), modes("", "\n        mode: enforce", ""),
		modes("\n    mode: report", "", "")} {
		if got := digest(file); got != want {
			t.Errorf("another digest:\n%s", file)
		}
	}
	changed := strings.Replace(modes("", "", ""), "0.8", "0.7", 1)
	if digest(changed) == want {
		t.Error("another limit has the same digest")
	}
}

func TestReportMode_InvalidValues(t *testing.T) {
	for _, mode := range []string{"Report", "reprot", "warn", "off", "true", "''", "[report]"} {
		_, err := Parse("p.yml", []byte(modes("", "\n        mode: "+mode, "")))
		if found := tree.Problems(err); len(found) != 1 ||
			!strings.Contains(found[0].Msg, "want one of enforce, report") {
			t.Errorf("%s: %v", mode, err)
		}
	}
	_, err := Parse("p.yml", []byte("version: 1\nmode: report\nmodels: {churn: {mode: report}}\n"))
	if found := tree.Problems(err); !slices.ContainsFunc(found,
		func(p tree.Problem) bool { return strings.Contains(p.Msg, "no target") }) {
		t.Errorf("a model with a mode alone: %v", err)
	}
}
