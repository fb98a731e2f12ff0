package gates

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/casefacts"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// mustParse parses one gate, written as the keys of a mapping.
func mustParse(t rapid.TB, text string) Gate {
	t.Helper()
	return parseGate(t, "{"+text+"}")
}

// parseGate parses one gate, written as in a policy file.
func parseGate(t rapid.TB, text string) Gate {
	t.Helper()
	n, err := tree.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	g, problems := Parse("p.yml", n)
	if len(problems) > 0 {
		t.Fatalf("%s: %v", text, problems)
	}
	return g
}

// sample is a gate together with facts with which it passes.
type sample struct {
	text  string
	gate  Gate
	facts func() fact.Facts
}

// samples returns gates in many forms, including the example for each kind.
func samples(t rapid.TB) (out []sample) {
	t.Helper()
	for _, text := range policytest.Gates {
		out = append(out, sample{text, mustParse(t, text), policytest.Facts})
	}
	for _, k := range Kinds {
		out = append(out, sample{k.Example, parseGate(t, k.Example), func() fact.Facts { return factsOf(t, k) }})
	}
	return out
}

// factsOf returns the facts with which a kind's example passes.
func factsOf(t rapid.TB, k Kind) fact.Facts {
	t.Helper()
	n, err := tree.Parse(k.Facts)
	if err != nil {
		t.Fatalf("facts of %s: %v", k.Name, err)
	}
	var c tree.Checker
	if c.Check(tree.Object("", casefacts.Fields...), n, "the facts"); len(c.Problems) > 0 {
		t.Fatalf("facts of %s: %v", k.Name, c.Problems)
	}
	return casefacts.Read(n, "churn")
}

func TestGates_PassOnGoodFacts(t *testing.T) {
	for _, s := range samples(t) {
		if f := s.gate.Check(s.facts()); f.Outcome != verdict.Pass {
			t.Errorf("%s: %s: %s", s.text, f.Outcome, f.Why)
		}
	}
}

// removals maps a description to a function that removes one fact or replaces a value with one that is not finite.
var removals = withUngathered(map[string]func(*fact.Facts){
	"the candidate's run": func(f *fact.Facts) { f.Candidate.Run = registry.Unreadable[registry.Run]("gone") },
	"the candidate's MLmodel": func(f *fact.Facts) {
		f.Candidate.MLmodel = registry.Unreadable[registry.MLmodel]("gone")
	},
	"the candidate's files":   func(f *fact.Facts) { f.Candidate.Files = registry.Unreadable[[]registry.File]("gone") },
	"the candidate's history": func(f *fact.Facts) { f.Candidate.History = nil },
	"the incumbent's run": func(f *fact.Facts) {
		policytest.ChangeIncumbent(f, func(s *fact.Subject) { s.Run = registry.Unreadable[registry.Run]("gone") })
	},
	"the incumbent's MLmodel": func(f *fact.Facts) {
		policytest.ChangeIncumbent(f,
			func(s *fact.Subject) { s.MLmodel = registry.Unreadable[registry.MLmodel]("gone") })
	},
	"the incumbent's signature": func(f *fact.Facts) {
		policytest.ChangeIncumbent(f, func(s *fact.Subject) {
			if _, ok := s.MLmodel.Get(); ok {
				s.MLmodel = registry.Is(registry.MLmodel{})
			}
		})
	},
	"the incumbent's history": func(f *fact.Facts) {
		policytest.ChangeIncumbent(f,
			func(s *fact.Subject) { s.History = nil })
	},
	"one fold of the incumbent": func(f *fact.Facts) {
		policytest.ChangeIncumbent(f, func(s *fact.Subject) {
			p, _ := s.History["a"].Get()
			s.History = map[string]registry.Known[[]registry.Point]{"a": registry.Is(p[min(1, len(p)):])}
		})
	},
	"the incumbent": func(f *fact.Facts) {
		f.Holders = map[registry.Ref]registry.Known[fact.Subject]{fact.Incumbent: registry.Unreadable[fact.Subject]("gone")}
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
	"the attempt":  func(f *fact.Facts) { review(f, func(r *fact.Review) { r.Attempt = 0 }) },
	"the evidence": func(f *fact.Facts) { f.Evidence = nil },
	"the time":     func(f *fact.Facts) { f.Now = time.Time{} },
	"the datasets": func(f *fact.Facts) {
		policytest.ChangeRun(f,
			func(r *registry.Run) { r.Datasets = nil })
	},
	"the tags of the run": func(f *fact.Facts) { policytest.ChangeRun(f, func(r *registry.Run) { r.Tags = nil }) },
	"the parameters":      func(f *fact.Facts) { policytest.ChangeRun(f, func(r *registry.Run) { r.Params = nil }) },
	"all metrics":         func(f *fact.Facts) { policytest.ChangeRun(f, func(r *registry.Run) { r.Metrics = nil }) },
	"everything of the run": func(f *fact.Facts) {
		policytest.ChangeRun(f,
			func(r *registry.Run) { *r = registry.Run{} })
	},
	"everything":  func(f *fact.Facts) { *f = fact.Facts{Holders: f.Holders} },
	"the version": func(f *fact.Facts) { f.Candidate.Version = registry.Absent[registry.Version]("not registered") },
	"the incumbent's metrics": func(f *fact.Facts) {
		policytest.ChangeIncumbent(f, func(s *fact.Subject) {
			if _, ok := s.Run.Get(); ok {
				s.Run = registry.Is(registry.Run{ID: "x", Status: "FINISHED"})
			}
		})
	},
	"the end of the run": func(f *fact.Facts) {
		policytest.ChangeRun(f,
			func(r *registry.Run) { r.End = time.Time{} })
	},
	"the finiteness of a metric": func(f *fact.Facts) {
		policytest.ChangeRun(f, func(r *registry.Run) { r.Metrics["a"] = registry.Point{Value: math.NaN()} })
	},
	"the range of a metric": func(f *fact.Facts) {
		policytest.ChangeRun(f, func(r *registry.Run) { r.Metrics["a"] = registry.Point{Value: -math.MaxFloat64} })
	},
	"a slice": func(f *fact.Facts) { policytest.ChangeRun(f, func(r *registry.Run) { delete(r.Metrics, "auc/x") }) },
})

// withUngathered adds removals that make a fact "not gathered". Fields that are added to Facts later are included
// automatically.
func withUngathered(all map[string]func(*fact.Facts)) map[string]func(*fact.Facts) {
	for _, name := range knowable(reflect.TypeFor[fact.Facts]()) {
		all["facts: "+name] = func(f *fact.Facts) { reflect.ValueOf(f).Elem().FieldByName(name).SetZero() }
	}
	for _, name := range knowable(reflect.TypeFor[fact.Subject]()) {
		remove := func(s *fact.Subject) { reflect.ValueOf(s).Elem().FieldByName(name).SetZero() }
		all["candidate: "+name] = func(f *fact.Facts) { remove(&f.Candidate) }
		all["incumbent: "+name] = func(f *fact.Facts) { policytest.ChangeIncumbent(f, remove) }
	}
	return all
}

// knowable returns the fields of a struct that record whether their value is known.
func knowable(t reflect.Type) (names []string) {
	for _, f := range reflect.VisibleFields(t) {
		if _, ok := f.Type.MethodByName("Gathered"); ok {
			names = append(names, f.Name)
		}
	}
	return names
}

// outcomeRank orders outcomes from best to worst.
func outcomeRank(o verdict.Outcome) int {
	return slices.Index([]verdict.Outcome{verdict.Pass, verdict.NotApplicable, verdict.Fail, verdict.Inconclusive}, o)
}

// With a confirmed incumbent, removing a fact never improves a gate's outcome.
func TestGates_LessEvidenceIsNotBetter(t *testing.T) {
	names := slices.Sorted(maps.Keys(removals))
	all := samples(t)
	rapid.Check(t, func(t *rapid.T) {
		chosen := all[rapid.IntRange(0, len(all)-1).Draw(t, "gate")]
		g, f := chosen.gate, chosen.facts()
		value := rapid.OneOf(rapid.SampledFrom([]float64{0, -1, 0.4, 0.9, math.NaN(), math.Inf(1), math.MaxFloat64}),
			rapid.Float64Range(-2, 2))
		policytest.ChangeRun(&f, func(r *registry.Run) {
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
			if name == "the version" && g.ID == "age" {
				continue // being unregistered is a valid fact about a candidate
			}
			if name == "the incumbent's metrics" && strings.HasPrefix(g.ID, "slices ") {
				continue // for a new policy, it is normal that the incumbent has no slices
			}
			removals[name](&f)
			after := g.Check(f)
			if outcomeRank(after.Outcome) < outcomeRank(before.Outcome) {
				t.Fatalf("%s was %s (%s) and is %s without %s (%s)", g.ID, before.Outcome, before.Why, after.Outcome,
					name, after.Why)
			}
			before = after
		}
	})
}

// No gate passes if a fact that it uses is unknown or not finite.
func TestGates_UnknownNeverPasses(t *testing.T) {
	for _, s := range samples(t) {
		changed := 0
		for name, remove := range removals {
			f := s.facts()
			remove(&f)
			got := s.gate.Check(f)
			if got.Outcome != verdict.Pass {
				changed++
				continue
			}
			if name == "everything" {
				t.Errorf("%s passes on nothing", s.text)
			}
		}
		if changed == 0 {
			t.Errorf("%s passes whatever is removed", s.text)
		}
	}
}

// Findings do not depend on the order of the server's lists. The test tries 1,000 orders.
func TestGates_IgnoreOrderOfFacts(t *testing.T) {
	all := samples(t)
	var want []verdict.Finding
	for _, s := range all {
		want = append(want, s.gate.Check(s.facts()))
	}
	rapid.Check(t, func(t *rapid.T) {
		for range 10 {
			for i, s := range all {
				f := s.facts()
				shuffle(t, &f)
				if got := s.gate.Check(f); !reflect.DeepEqual(got, want[i]) {
					t.Fatalf("%+v\n%+v", got, want[i])
				}
			}
		}
	})
}

// shuffle reorders the lists in the facts.
func shuffle(t *rapid.T, f *fact.Facts) {
	policytest.ChangeRun(f, func(r *registry.Run) { r.Datasets = rapid.Permutation(r.Datasets).Draw(t, "datasets") })
	if files, ok := f.Candidate.Files.Get(); ok {
		f.Candidate.Files = registry.Is(rapid.Permutation(files).Draw(t, "files"))
	}
	review(f, func(r *fact.Review) {
		r.Contributors = registry.Is(rapid.Permutation(r.Contributors.OrZero()).Draw(t, "contributors"))
		r.Environments = registry.Is(rapid.Permutation(r.Environments.OrZero()).Draw(t, "environments"))
		r.PullRequest = registry.Is(rapid.Permutation(r.PullRequest.OrZero()).Draw(t, "reviews"))
	})
}
