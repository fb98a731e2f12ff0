package policytest

import (
	"maps"
	"strconv"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Review returns a review for the first attempt of a workflow run. author made the change, and starter started the run.
func Review(author, starter string, said ...fact.Approval) fact.Review {
	entered, reviews := []fact.Approval{}, []fact.Approval{}
	for _, a := range said {
		if a.Environment != "" {
			entered = append(entered, a)
		} else {
			reviews = append(reviews, a)
		}
	}
	return fact.Review{
		Attempt: 1,
		Contributors: registry.Is([]fact.Contributor{
			{Login: author, Role: fact.RoleAuthor}, {Login: starter, Role: fact.RoleStarter},
		}),
		Environments: registry.Is(entered),
		PullRequest:  registry.Is(reviews),
	}
}

// Approved returns an approval of the environment, or of the pull request if environment is "".
func Approved(environment, login string) fact.Approval {
	return fact.Approval{Login: login, Environment: environment, State: fact.Approved}
}

// Now is the server's time in Facts.
var Now = time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)

// Facts returns a complete set of facts. Every gate in Gates passes with them.
func Facts() fact.Facts {
	subject := func(ref string, number int) fact.Subject {
		m := registry.MLmodel{Flavors: map[string]map[string]any{"sklearn": {}}, PythonVersion: "3.11.7",
			MLflowVersion: "3.17.2",
			Signature:     registry.Signature{Inputs: `[{"name":"a","type":"long"}]`, Outputs: `[{"type":"double"}]`}}
		var folds []registry.Point
		for i, v := range []float64{0.8, 0.81, 0.83, 0.79, 0.82, 0.85} {
			folds = append(folds, registry.Point{Value: v + 0.01*float64(number)*(1+0.1*float64(i%2)), Step: int64(i)})
		}
		metrics := map[string]registry.Point{}
		for _, name := range []string{"a", "b", "auc/x", "auc/y"} {
			metrics[name] = registry.Point{Value: 0.9}
		}
		return fact.Subject{
			Ref: ref,
			Version: registry.Is(registry.Version{Model: "churn", Number: number, Stage: "Staging",
				Tags: map[string]string{"promoted_to_staging_at": "2026-05-01T10:00:00Z"}}),
			Run: registry.Is(registry.Run{ID: "r" + ref, Status: "FINISHED", End: Now.Add(-time.Hour), User: "ann",
				Metrics: metrics, Params: map[string]string{"depth": "3"},
				Tags: map[string]string{registry.RunTagCommit: "c0ffee",
					registry.RunTagRepository: "https://h/acme/churn", "clean": "true", "owner": "ann"},
				Datasets: []registry.Dataset{{Name: "t", Digest: "d1", Context: "test"},
					{Name: "u", Digest: "d2", Context: "training"}}}),
			MLmodel: registry.Is(m), Digest: registry.Is("abc"),
			Files:   registry.Is([]registry.File{{Path: "MLmodel", Size: 10}, {Path: "model.skops", Size: 90}}),
			History: map[string]registry.Known[[]registry.Point]{"a": registry.Is(folds)},
		}
	}
	return fact.Facts{
		Candidate: subject("candidate", 2),
		Holders:   map[registry.Ref]registry.Known[fact.Subject]{fact.Incumbent: registry.Is(subject("incumbent", 1))},
		Model:     registry.Is(registry.Model{Name: "churn", Aliases: map[string]int{}}),
		Words:     fact.Words{Description: "what this version is for", Tags: map[string]string{"owner": "ann"}},
		Commit:    fact.Commit{Repository: "acme/churn", Heads: []string{"c0ffee"}, Contains: registry.Is(true)},
		Review:    registry.Is(Review("ann", "bob", Approved("", "eve"), Approved("production", "joe"))),
		Evidence: map[string]registry.Known[string]{"e.json": registry.Is(`{"run_id":"rcandidate",` +
			`"dataset_digest":"d1","created":"2026-05-03T09:00:00Z","passed":true,"results":{"p":0.1}}`)},
		Ledger: ledger.Chain{Entries: []ledger.Entry{InStaging(2, "2026-05-01T10:00:00Z")}},
		Now:    Now,
	}
}

// InStaging returns the ledger entry for a promotion to Staging.
func InStaging(number int, at string) ledger.Entry {
	ended, _ := time.Parse(time.RFC3339, at)
	moves := []registry.Shift{{Ref: registry.StageRef("Staging"), Want: registry.PointsTo(number)}}
	return ledger.Entry{Epoch: 1, Outcome: ledger.EntryDone, Ended: ended, Record: ledger.Record{At: at, Moves: moves}}
}

// ChangeIncumbent applies a change to the incumbent, if there is one.
func ChangeIncumbent(f *fact.Facts, change func(*fact.Subject)) {
	s, ok := f.Holders[fact.Incumbent].Get()
	if ok {
		change(&s)
		f.Holders = map[registry.Ref]registry.Known[fact.Subject]{fact.Incumbent: registry.Is(s)}
	}
}

// ChangeRun applies a change to the candidate's run, if it is known.
func ChangeRun(f *fact.Facts, change func(*registry.Run)) {
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

// Subject returns a version whose run has these metrics.
func Subject(ref string, number int, metrics map[string]float64) fact.Subject {
	run := registry.Run{ID: "r-" + ref, Metrics: map[string]registry.Point{}}
	for k, v := range metrics {
		run.Metrics[k] = registry.Point{Value: v, Raw: strconv.FormatFloat(v, 'g', -1, 64)}
	}
	return fact.Subject{Ref: ref, Version: registry.Is(registry.Version{Number: number}), Run: registry.Is(run)}
}

// MetricFacts returns the facts for a candidate and a champion with these metrics. If champion is nil, there is no
// champion.
func MetricFacts(candidate, champion map[string]float64) fact.Facts {
	f := fact.Facts{
		Target: registry.Target{Alias: "champion"}, Candidate: Subject("candidate", 2, candidate),
		Holders: map[registry.Ref]registry.Known[fact.Subject]{},
	}
	known := registry.Absent[fact.Subject]("there is no champion")
	if champion != nil {
		known = registry.Is(Subject("models:/churn/1", 1, champion))
	}
	f.Holders[fact.Incumbent], f.Holders[registry.AliasRef("champion")] = known, known
	return f
}
