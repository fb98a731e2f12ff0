package rules

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var now = time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)

const gates = "version: 1\nmodels:\n  churn:\n    aliases:\n      champion:\n        gates:\n          - metric: " +
	"acc\n            min: 0.8\n"

// policyOf parses a policy file.
func policyOf(text string) *policy.Policy {
	p, err := policy.Parse("policy.yml", []byte(text), Rules()...)
	if err != nil {
		panic(fmt.Sprint(err, tree.Problems(err)))
	}
	return &p
}

// healthyModel is a model without findings. Version 2 is the champion. This tool promoted it after version 1, under the
// policy above.
type healthyModel struct {
	audit.Snapshot
	Config
}

func newSound() *healthyModel {
	p := policyOf(gates)
	s := &healthyModel{Config: Config{Policy: p, Scope: audit.ScopeAll, Now: now, Server: "3.17.2"}}
	s.Model = registry.Model{
		Name: "churn", Description: "who leaves", Tags: map[string]string{}, Aliases: map[string]int{"champion": 2},
		Newest: 2, Created: now.AddDate(0, -2, 0),
	}
	s.Runs, s.Experiments = map[string]registry.Known[registry.Run]{},
		map[string]registry.Known[registry.Experiment]{"7": registry.Is(registry.Experiment{ID: "7", Name: "churn"})}
	s.MLmodels, s.Files = map[int]registry.Known[registry.MLmodel]{}, map[int]registry.Known[[]registry.File]{}
	for n := 1; n <= 2; n++ {
		s.add(n)
	}
	s.Newest = registry.Is(s.Versions[1])
	digest := p.Rules[0].Targets[0].Digest
	s.Ledger = registry.Is(ledger.Chain{Entries: []ledger.Entry{
		promoted(1, 0, 1, now.AddDate(0, -1, 0), digest), promoted(2, 1, 2, now.AddDate(0, 0, -7), digest),
	}})
	return s
}

// skops is the only part of the model in each version.
var skops = []registry.Part{{Key: "sklearn.pickled_model", Names: []string{"model.skops"}}}

// add adds a version with a run and files.
func (s *healthyModel) add(n int) *registry.Version {
	id := fmt.Sprintf("r%d", n)
	s.Versions = append(s.Versions, registry.Version{
		Model: "churn", Number: n, RunID: id, Source: "mlflow-artifacts:/7/" + id + "/artifacts/model", Stage: "None",
		Status: "READY",
		Tags:   map[string]string{}, Created: now.AddDate(0, -1, n),
	})
	s.Runs[id] = registry.Is(registry.Run{
		ID: id, ExperimentID: "7", Status: "FINISHED", ArtifactURI: "mlflow-artifacts:/7/" + id + "/artifacts",
		Start:    now.AddDate(0, -1, n),
		Datasets: []registry.Dataset{{Name: "train", Digest: "d41d8", Context: "training"}},
	})
	s.MLmodels[n] = registry.Is(registry.MLmodel{Parts: skops, Sha256: "sum" + id, SizeBytes: 7})
	s.Files[n] = registry.Is([]registry.File{{Path: "MLmodel", Size: 100}, {Path: "model.skops", Size: 1000}})
	return &s.Versions[len(s.Versions)-1]
}

// trace derives the origins of live versions from their sources, unless the test has set them.
func (s *healthyModel) trace() {
	if s.Origins == nil {
		s.Origins = map[int]audit.Origin{}
	}
	for _, v := range s.Versions {
		if _, noted := s.Origins[v.Number]; !noted && v.RunID != "" && s.Live(v) {
			s.Origins[v.Number] = audit.Origin{
				Version: registry.Is(v), Logged: registry.Absent[registry.LoggedModel]("it is no logged model"),
			}
		}
	}
}

// logged makes a version come from a logged model of its run, and lets the test change both.
func (s *healthyModel) logged(n int, change func(*registry.LoggedModel, *registry.Run)) {
	m := registry.LoggedModel{
		ID: "m-00000000000000000000000000000001", ExperimentID: "7", SourceRunID: s.version(n).RunID,
		ArtifactURI: "mlflow-artifacts:/7/models/m-00000000000000000000000000000001/artifacts",
	}
	s.version(n).Source = m.ArtifactURI
	s.run(n, func(r *registry.Run) {
		r.Outputs = []registry.ModelOutput{{ModelID: m.ID}}
		change(&m, r)
	})
	s.Origins = map[int]audit.Origin{n: {Version: registry.Is(*s.version(n)), Logged: registry.Is(m)}}
}

// copied turns a version into a copy of root.
func (s *healthyModel) copied(n int, root registry.Known[registry.Version]) {
	s.version(n).Source = "models:/dev/4"
	none := registry.Absent[registry.LoggedModel]("it is no logged model")
	s.Origins = map[int]audit.Origin{n: {Version: root, Logged: none}}
}

func (s *healthyModel) version(n int) *registry.Version { return &s.Versions[n-1] }

// run changes a version's run.
func (s *healthyModel) run(n int, change func(*registry.Run)) {
	id := s.version(n).RunID
	r := s.Runs[id].OrZero()
	change(&r)
	s.Runs[id] = registry.Is(r)
}

// entries replaces the entries in the ledger with the result of a function.
func (s *healthyModel) entries(change func([]ledger.Entry) []ledger.Entry) {
	l := s.Ledger.OrZero()
	l.Entries = change(l.Entries)
	s.Ledger = registry.Is(l)
}

// last changes the newest entry.
func (s *healthyModel) last(change func(*ledger.Entry)) {
	s.entries(func(all []ledger.Entry) []ledger.Entry { change(&all[len(all)-1]); return all })
}

// promoted returns an entry that moved champion.
func promoted(epoch, from, to int, at time.Time, digest string) ledger.Entry {
	was := ""
	if from > 0 {
		was = fmt.Sprint(from)
	}
	return ledger.Entry{
		Epoch: epoch, Outcome: ledger.EntryDone, Moved: 1, Ended: at, Lease: at.Add(15 * time.Minute),
		Digest: fmt.Sprintf("digest %d", epoch),
		Record: ledger.Record{
			Command: "promote", Model: "churn", To: to, From: from, Epoch: epoch,
			Target: registry.Target{Alias: "champion"}, Origin: ledger.Origin{Actor: "ann"},
			Moves:    []registry.Shift{registry.ParseShift("@champion", was, fmt.Sprint(to))},
			Rules:    map[registry.Ref]string{registry.AliasRef("champion"): digest},
			Decision: verdict.Promote,
			Gates:    []verdict.Finding{{Gate: "metric acc", Target: "champion", Outcome: verdict.Pass}},
			Plan:     fmt.Sprintf("plan %d", epoch),
			Contents: ledger.Contents{MLmodel: fmt.Sprintf("sumr%d", to), Files: 2, Bytes: 1100},
		},
	}
}

// judge returns the findings, one per line: rule, severity, place, message.
func (s *healthyModel) judge() (found, unjudged []string) {
	s.trace()
	a := New(s.Config)
	j := a.Model(s.Snapshot)
	server := a.Server()
	for _, f := range append(j.Findings, server.Findings...) {
		found = append(found, fmt.Sprintf("%s %s: %s", f.Severity, f.Rule, f.Message))
	}
	for _, u := range append(j.Unjudged, server.Unjudged...) {
		unjudged = append(unjudged, fmt.Sprintf("%s: %s: %s", u.Rule, u.Where, u.Why))
	}
	return found, unjudged
}

func TestRules_HealthyModel(t *testing.T) {
	for _, scope := range []string{audit.ScopeAll, audit.ScopeLive} {
		s := newSound()
		s.Scope = scope
		if scope == audit.ScopeLive {
			s.EarlierVersions = map[int]registry.Known[registry.Version]{1: registry.Is(*s.version(1))}
			s.Versions = s.Versions[1:]
		}
		if found, unjudged := s.judge(); len(found)+len(unjudged) > 0 {
			t.Errorf("%s: %s", scope, strings.Join(append(found, unjudged...), "\n"))
		}
	}
}

// If only versions and aliases are known, rules that need more than that do not pass.
func TestRules_NothingGathered(t *testing.T) {
	s := newSound()
	s.Runs, s.Experiments, s.MLmodels, s.Files, s.Ledger, s.Newest = nil, nil, nil, nil, registry.Known[ledger.Chain]{},
		registry.Known[registry.Version]{}
	s.Server, s.Config.Plans = "", []ApprovedPlan{{Digest: "p", Plan: plan.Plan{Model: "churn"}}}
	found, unjudged := s.judge()
	silent := map[string]bool{}
	for _, r := range rules {
		if r.needs != (audit.Needs{}) || r.server != nil {
			silent[r.ID] = true
		}
	}
	for _, id := range []string{"stage-not-exclusive", "stage-alias-disagree", "champion-stale", "challenger-endless",
		"source-unsafe", "key-expiring"} {
		// These rules can check the model without the other facts, or a different rule reports the same problem.
		delete(silent, id)
	}
	for _, line := range unjudged {
		rule, _, _ := strings.Cut(line, ":")
		delete(silent, rule)
	}
	if len(found) > 0 || len(silent) > 0 {
		t.Errorf("found %v\nnot a word of %v", found, maps.Keys(silent))
		for id := range silent {
			t.Log(id)
		}
	}
	s.Unreadable = "500"
	if j := New(s.Config).Model(s.Snapshot); len(j.Findings) > 0 || len(j.Unjudged) != 1 || j.Unjudged[0].Rule != "" {
		t.Errorf("a model that could not be read: %+v", j)
	}
}
