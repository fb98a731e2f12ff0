package policy

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// mustParse parses one gate, written as the keys of a mapping.
func mustParse(t rapid.TB, text string) gates.Gate {
	t.Helper()
	n, err := tree.Parse("{" + text + "}")
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	g, problems := gates.Parse("p.yml", n)
	if len(problems) > 0 {
		t.Fatalf("%s: %v", text, problems)
	}
	return g
}

var dawn = time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)

// rich are facts in which everything is known, and every gate of lawGates passes.
func rich() fact.Facts {
	subject := func(ref string, number int) fact.Subject {
		m := registry.MLmodel{Flavors: map[string]map[string]any{"sklearn": {}}, PythonVersion: "3.11.7", MLflowVersion: "3.17.2", Signature: registry.Signature{Inputs: `[{"name":"a","type":"long"}]`, Outputs: `[{"type":"double"}]`}}
		var folds []registry.Point
		for i, v := range []float64{0.8, 0.81, 0.83, 0.79, 0.82, 0.85} {
			folds = append(folds, registry.Point{Value: v + 0.01*float64(number)*(1+0.1*float64(i%2)), Step: int64(i)})
		}
		metrics := map[string]registry.Point{}
		for _, name := range []string{"a", "b", "auc/x", "auc/y"} {
			metrics[name] = registry.Point{Value: 0.9}
		}
		return fact.Subject{
			Ref:     ref,
			Version: registry.Is(registry.Version{Model: "churn", Number: number, Stage: "Staging", Tags: map[string]string{"promoted_to_staging_at": "2026-05-01T10:00:00Z"}}),
			Run: registry.Is(registry.Run{ID: "r" + ref, Status: "FINISHED", End: dawn.Add(-time.Hour), User: "ann", Metrics: metrics, Params: map[string]string{"depth": "3"},
				Tags:     map[string]string{registry.RunTagCommit: "c0ffee", registry.RunTagRepository: "https://h/acme/churn", "clean": "true", "owner": "ann"},
				Datasets: []registry.Dataset{{Name: "t", Digest: "d1", Context: "test"}, {Name: "u", Digest: "d2", Context: "training"}}}),
			MLmodel: registry.Is(m), Digest: registry.Is("abc"),
			Files:   registry.Is([]registry.File{{Path: "MLmodel", Size: 10}, {Path: "model.skops", Size: 90}}),
			History: map[string]registry.Known[[]registry.Point]{"a": registry.Is(folds)},
		}
	}
	return fact.Facts{
		Candidate: subject("candidate", 2), Holders: map[string]registry.Known[fact.Subject]{fact.Incumbent: registry.Is(subject("incumbent", 1))},
		Model:    registry.Is(registry.Model{Name: "churn", Aliases: map[string]int{}}),
		Words:    fact.Words{Description: "what this version is for", Tags: map[string]string{"owner": "ann"}},
		Commit:   fact.Commit{Repository: "acme/churn", Heads: []string{"c0ffee"}, Contains: registry.Is(true)},
		Review:   registry.Is(reviewOf("ann", "bob", approved("", "eve"), approved("production", "joe"))),
		Evidence: map[string]registry.Known[string]{"e.json": registry.Is(`{"run_id":"rcandidate","dataset_digest":"d1","created":"2026-05-03T09:00:00Z","passed":true,"results":{"p":0.1}}`)},
		Ledger:   ledger.Chain{Entries: []ledger.Entry{inStaging(2, "2026-05-01T10:00:00Z")}},
		Now:      dawn,
	}
}

// inStaging is the ledger's entry of a promotion to Staging.
func inStaging(number int, at string) ledger.Entry {
	ended, _ := time.Parse(time.RFC3339, at)
	moves := []ledger.Shift{{Ref: "Staging", Want: strconv.Itoa(number)}}
	return ledger.Entry{Epoch: 1, Outcome: ledger.EntryDone, Ended: ended, Record: ledger.Record{At: at, Moves: moves}}
}

// lawGates are one gate of each kind, and more where a kind has several sides.
var lawGates = []string{
	"metric: a, min: 0.5", "metric: a, max: 0.95, at: best", "metric: a, min: 0.1, at: 3", "regression: a, better: higher", "regression: a, better: lower, margin-percent: 1",
	"slices: auc/*, min: 0.5, expect: [x, y]", "signature: same", "signature: present", "artifact: complete, flavors: [sklearn], deny: [pickle], python: '>=3.10'",
	"tags: {owner: ann}", "tags: {owner: ann}, of: run", "description: 5, card-file: MLmodel", "lineage: [test, training], same-as-incumbent: [test]",
	"commit: head, clean-tag: clean", "commit: ancestor", "age: 30d, soak: 1h, in: Staging", "evidence: e.json, dataset: test, not-older-than: 7d, require: {p: '<= 0.2'}",
	"approval: 2, environment: production", "approval: 1", "non-inferiority: a, better: higher, margin: 0.01", `expression: 'candidate.metrics["a"] >= incumbent.metrics.b && candidate.params.depth == "3" && candidate.datasets.test == "d1"'`,
}

func TestEveryGatePassesOnRichFacts(t *testing.T) {
	covered := map[string]bool{}
	for _, text := range lawGates {
		if f := mustParse(t, text).Check(rich()); f.Outcome != verdict.Pass {
			t.Errorf("%s: %s: %s", text, f.Outcome, f.Why)
		}
		for _, k := range gates.Names() {
			covered[k] = covered[k] || len(text) > len(k) && text[:len(k)+1] == k+":"
		}
	}
	for _, k := range gates.Names() {
		if !covered[k] {
			t.Errorf("no gate of the kind %s is held to the laws", k)
		}
	}
}

// removals take one thing away from the facts, or make it something that is no measurement.
var removals = map[string]func(*fact.Facts){
	"the candidate's run":     func(f *fact.Facts) { f.Candidate.Run = registry.Unreadable[registry.Run]("gone") },
	"the candidate's MLmodel": func(f *fact.Facts) { f.Candidate.MLmodel = registry.Unreadable[registry.MLmodel]("gone") },
	"the candidate's files":   func(f *fact.Facts) { f.Candidate.Files = registry.Unreadable[[]registry.File]("gone") },
	"the candidate's history": func(f *fact.Facts) { f.Candidate.History = nil },
	"the incumbent's run": func(f *fact.Facts) {
		base(f, func(s *fact.Subject) { s.Run = registry.Unreadable[registry.Run]("gone") })
	},
	"the incumbent's MLmodel": func(f *fact.Facts) {
		base(f, func(s *fact.Subject) { s.MLmodel = registry.Unreadable[registry.MLmodel]("gone") })
	},
	"the incumbent's signature": func(f *fact.Facts) {
		base(f, func(s *fact.Subject) {
			if _, ok := s.MLmodel.Get(); ok {
				s.MLmodel = registry.Is(registry.MLmodel{})
			}
		})
	},
	"the incumbent's history": func(f *fact.Facts) { base(f, func(s *fact.Subject) { s.History = nil }) },
	"one fold of the incumbent": func(f *fact.Facts) {
		base(f, func(s *fact.Subject) {
			p, _ := s.History["a"].Get()
			s.History = map[string]registry.Known[[]registry.Point]{"a": registry.Is(p[min(1, len(p)):])}
		})
	},
	"the incumbent": func(f *fact.Facts) {
		f.Holders = map[string]registry.Known[fact.Subject]{fact.Incumbent: registry.Unreadable[fact.Subject]("gone")}
	},
	"the words":                func(f *fact.Facts) { f.Words = fact.Words{} },
	"the commit":               func(f *fact.Facts) { f.Commit = fact.Commit{} },
	"the review":               func(f *fact.Facts) { f.Review = registry.Known[fact.Review]{} },
	"everything of the review": func(f *fact.Facts) { review(f, func(r *fact.Review) { *r = fact.Review{} }) },
	"the contributors": func(f *fact.Facts) {
		review(f, func(r *fact.Review) { r.Contributors = registry.Unreadable[[]fact.Contributor]("gone") })
	},
	"the reviews of the pull request": func(f *fact.Facts) {
		review(f, func(r *fact.Review) { r.PullRequest = registry.Unreadable[[]fact.Approval]("gone") })
	},
	"the approvals of environments": func(f *fact.Facts) {
		review(f, func(r *fact.Review) { r.Environments = registry.Unreadable[[]fact.Approval]("gone") })
	},
	"the attempt":           func(f *fact.Facts) { review(f, func(r *fact.Review) { r.Attempt = 0 }) },
	"the evidence":          func(f *fact.Facts) { f.Evidence = nil },
	"the time":              func(f *fact.Facts) { f.Now = time.Time{} },
	"the datasets":          func(f *fact.Facts) { run(f, func(r *registry.Run) { r.Datasets = nil }) },
	"the tags of the run":   func(f *fact.Facts) { run(f, func(r *registry.Run) { r.Tags = nil }) },
	"the parameters":        func(f *fact.Facts) { run(f, func(r *registry.Run) { r.Params = nil }) },
	"all metrics":           func(f *fact.Facts) { run(f, func(r *registry.Run) { r.Metrics = nil }) },
	"everything of the run": func(f *fact.Facts) { run(f, func(r *registry.Run) { *r = registry.Run{} }) },
	"everything":            func(f *fact.Facts) { *f = fact.Facts{Holders: f.Holders} },
	"the version":           func(f *fact.Facts) { f.Candidate.Version = registry.Absent[registry.Version]("not registered") },
	"the incumbent's metrics": func(f *fact.Facts) {
		base(f, func(s *fact.Subject) {
			if _, ok := s.Run.Get(); ok {
				s.Run = registry.Is(registry.Run{ID: "x", Status: "FINISHED"})
			}
		})
	},
	"the end of the run": func(f *fact.Facts) { run(f, func(r *registry.Run) { r.End = time.Time{} }) },
	"the finiteness of a metric": func(f *fact.Facts) {
		run(f, func(r *registry.Run) { r.Metrics["a"] = registry.Point{Value: math.NaN()} })
	},
	"the range of a metric": func(f *fact.Facts) {
		run(f, func(r *registry.Run) { r.Metrics["a"] = registry.Point{Value: -math.MaxFloat64} })
	},
	"a slice": func(f *fact.Facts) { run(f, func(r *registry.Run) { delete(r.Metrics, "auc/x") }) },
}

func base(f *fact.Facts, change func(*fact.Subject)) {
	s, ok := f.Holders[fact.Incumbent].Get()
	if ok {
		change(&s)
		f.Holders = map[string]registry.Known[fact.Subject]{fact.Incumbent: registry.Is(s)}
	}
}

func run(f *fact.Facts, change func(*registry.Run)) {
	r, ok := f.Candidate.Run.Get()
	if ok {
		r.Metrics = maps.Clone(r.Metrics)
		if r.Metrics == nil {
			r.Metrics = map[string]registry.Point{}
		}
		change(&r)
		f.Candidate.Run = registry.Is(r)
	}
}

// rank orders outcomes from the best to the worst.
func rank3(o verdict.Outcome) int {
	return slices.Index([]verdict.Outcome{verdict.Pass, verdict.NotApplicable, verdict.Fail, verdict.Inconclusive}, o)
}

// Law: with a confirmed incumbent, taking a fact away never improves a gate, whatever the facts were.
func TestLessEvidenceIsNeverBetter(t *testing.T) {
	names := slices.Sorted(maps.Keys(removals))
	rapid.Check(t, func(t *rapid.T) {
		g := mustParse(t, rapid.SampledFrom(lawGates).Draw(t, "gate"))
		f := rich()
		value := rapid.OneOf(rapid.SampledFrom([]float64{0, -1, 0.4, 0.9, math.NaN(), math.Inf(1), math.MaxFloat64}), rapid.Float64Range(-2, 2))
		run(&f, func(r *registry.Run) {
			for _, key := range slices.Sorted(maps.Keys(r.Metrics)) {
				if rapid.Bool().Draw(t, "change "+key) {
					r.Metrics[key] = registry.Point{Value: value.Draw(t, key)}
				}
			}
		})
		before := g.Check(f)
		for range rapid.IntRange(1, 3).Draw(t, "removals") {
			name := rapid.SampledFrom(names).Draw(t, "remove")
			if name == "everything" || name == "a slice" && g.ID != "slices auc/*" {
				continue
			}
			if v := gateNeedsVersion(g); name == "the version" && v {
				continue // not being registered is a fact of its own, not one that is missing
			}
			if name == "the incumbent's metrics" && g.ID == "slices auc/*" {
				continue // that the incumbent never had slices is how every team begins
			}
			removals[name](&f)
			after := g.Check(f)
			if rank3(after.Outcome) < rank3(before.Outcome) {
				t.Fatalf("%s was %s (%s) and is %s without %s (%s)", g.ID, before.Outcome, before.Why, after.Outcome, name, after.Why)
			}
			before = after
		}
	})
}

func gateNeedsVersion(g gates.Gate) bool { return g.ID == "age" }

// Law: no gate passes on facts of which it names one that is not known or not finite.
func TestWhatIsNotKnownNeverPasses(t *testing.T) {
	for _, text := range lawGates {
		g := mustParse(t, text)
		changed := 0
		for name, remove := range removals {
			f := rich()
			remove(&f)
			got := g.Check(f)
			if got.Outcome != verdict.Pass {
				changed++
				continue
			}
			if name == "everything" {
				t.Errorf("%s passes on nothing", text)
			}
		}
		if changed == 0 {
			t.Errorf("%s passes whatever is taken away", text)
		}
	}
}

// Law: the same facts give the same verdict, byte for byte, whatever the order in which a server lists them (1,000
// orders).
func TestTheOrderOfFactsDoesNotMatter(t *testing.T) {
	var gates []gates.Gate
	for i, text := range lawGates {
		g := mustParse(t, text)
		g.ID = fmt.Sprint(i, g.ID)
		gates = append(gates, g)
	}
	want := Judge(gates, rich())
	rapid.Check(t, func(t *rapid.T) {
		for range 10 {
			f := rich()
			run(&f, func(r *registry.Run) { r.Datasets = rapid.Permutation(r.Datasets).Draw(t, "datasets") })
			files, _ := f.Candidate.Files.Get()
			f.Candidate.Files = registry.Is(rapid.Permutation(files).Draw(t, "files"))
			review(&f, func(r *fact.Review) {
				r.Contributors = registry.Is(rapid.Permutation(r.Contributors.OrZero()).Draw(t, "contributors"))
				r.Environments = registry.Is(rapid.Permutation(r.Environments.OrZero()).Draw(t, "environments"))
				r.PullRequest = registry.Is(rapid.Permutation(r.PullRequest.OrZero()).Draw(t, "reviews"))
			})
			if got := Judge(gates, f); !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v\n%+v", got, want)
			}
		}
	})
}
