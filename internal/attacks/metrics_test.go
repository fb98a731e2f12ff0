//go:build real

package attacks

import (
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// otherModels checks that no gate uses a value that belongs to a different model or was logged by an attacker.
var otherModels = kind{
	name: "another model's metric",
	// CandidateGone: the candidate "best" finds no run
	reasons: []registry.Reason{registry.Blocked, registry.PlanChanged, registry.CandidateGone},
	most:    22, few: 12,
	fields: []field{
		{"the last of two checkpoints", []who{nobody}, everyDoor, []when{before, after}, v3, checkpoints(false)},
		{"the first of two checkpoints", []who{nobody}, everyDoor, []when{before, after}, v3, checkpoints(true)},
		{"two folders in a run that lists none", []who{nobody}, folderDoors, []when{before, after}, nil, twoFolders},
		{"a sweep that logs without model_id", []who{nobody}, modelDoors, []when{before, after}, v3, guessed},
		{"a newer evaluation is worse", []who{nobody}, modelDoors, []when{before, after}, v3, worseLater},
		{"metric of the model by a run elsewhere", attackers, modelDoors, []when{before, between}, v3, injected},
		{
			"the same on the dataset that the gate names",
			attackers, modelDoors, []when{before, between}, v3, injectedOnDataset,
		},
		{
			"the same where only evaluations count",
			attackers, modelDoors, []when{before, between}, v3, injectedEvaluation,
		},
	},
}

// checkpoints logs a bad and a good model in a single run, each with its own value. The bad model is the candidate.
func checkpoints(badFirst bool) func(*trial, attempt) ended {
	return func(s *trial, a attempt) ended {
		s.champion(a)
		bad, good := s.badModel(), s.goodModel()
		bad.name, good.name, bad.commit = "checkpoint-0", "checkpoint-1", s.commit
		m := s.begin(bad)
		first, second := bad, good
		if !badFirst {
			first, second = good, bad
		}
		one, two := m, m
		s.addModel(&one, first)
		s.addModel(&two, second)
		if !badFirst { // the run's last value is still the good model's
			s.log(good.by, row{run: m.run, model: one.id, value: s.good, step: 1})
		}
		s.finish(m, bad)
		if !badFirst {
			one, two = two, one
		}
		return s.run("promote", s.through(a.door, entry{made: one, by: s.honest}), s.gates(a.when == after))
	}
}

// folderDoors specify a folder in a run.
var folderDoors = append(runDoors, versionDoors...)

// twoFolders saves both models and then logs them as plain artifacts, so only their files show that there are two. The
// metric belongs to the good model.
func twoFolders(s *trial, a attempt) ended {
	s.champion(a)
	bad, good := s.badModel(), s.goodModel()
	bad.commit = s.commit
	one := s.begin(bad)
	// the name differs from the champion's, because "best" would otherwise find the champion
	one.name = pick(s.chance, "saved", "models/a", "out/deep/model")
	one.files = one.root + "/" + one.name
	s.upload(bad.by, one.files, bad)
	s.upload(good.by, one.root+"/"+pick(s.chance, "model_copy", "models/b", "other/place/model"), good)
	s.log(good.by, row{run: one.run, value: s.good})
	s.finish(one, bad)
	return s.run("promote", s.through(a.door, entry{made: one, by: s.honest}), s.gates(a.when == after))
}

// champion first promotes a good model if the attack happens after a promotion.
func (s *trial) champion(a attempt) {
	s.Helper()
	if a.when != after {
		return
	}
	m := s.train(s.goodModel())
	s.promotes(s.through(byRun, entry{made: m}), s.gates(false))
	s.exists()
}

// guessed logs a sweep without model_id. It logs the value for both models in the run, as MLflow's Python client does
// in this case.
func guessed(s *trial, a attempt) ended {
	s.champion(a)
	bad, good := s.badModel(), s.goodModel()
	bad.name, good.name = "a", "b"
	m := s.begin(bad)
	one, two := m, m
	s.addModel(&one, bad)
	s.addModel(&two, good)
	same := row{run: m.run, value: s.good, step: 5, at: time.Now()}
	for _, model := range []string{one.id, two.id} {
		same.model = model
		s.log(s.honest, same)
	}
	s.finish(m, bad)
	return s.run("promote", s.through(a.door, entry{made: one, by: s.honest}), s.gates(a.when == after))
}

// worseLater logs a good value in training, and a bad one in a later evaluation in the same experiment. The gate does
// not specify which of them to use.
func worseLater(s *trial, a attempt) ended {
	s.champion(a)
	o := s.goodModel()
	o.mark = "bad"
	m := s.train(o)
	s.evaluate(m, row{value: s.bad})
	return s.run("promote", s.through(a.door, entry{made: m, by: s.honest}), s.gates(false))
}

// evaluate logs a value for the model in an evaluation run, in the training experiment.
func (s *trial) evaluate(m made, r row) made {
	s.Helper()
	o := trained{by: s.honest, experiment: s.home}
	e := s.begin(o)
	r.run, r.model = e.run, m.id
	s.log(s.honest, r)
	s.finish(e, o)
	return e
}

// inject logs the good value for a model in an unrelated run. Up to 3.16.1, the server allows this without checking
// permissions on the model.
func (s *trial) inject(m made, r row) {
	s.Helper()
	theirs := s.begin(trained{by: s.other, experiment: s.foreign()})
	r.run, r.model, r.value = theirs.run, m.id, s.good
	s.attack("runs/log-metric", s.body(r), nil)
}

func injected(s *trial, a attempt) ended {
	later := time.Now().Add(time.Duration(s.chance.IntN(9)) * time.Hour)
	return s.injection(a, s.gates(false), row{step: s.chance.IntN(9), at: later}, row{})
}

func injectedOnDataset(s *trial, a attempt) ended {
	r := row{dataset: "validation", digest: "d1g3st"}
	gates := inputs{"thresholds": fmt.Sprintf("%s[%s] >= 0.9", s.metric, pick(s.chance, r.dataset, r.digest))}
	return s.injection(a, gates, r, r)
}

func injectedEvaluation(s *trial, a attempt) ended {
	gates := s.policy(fmt.Sprintf("- metric: %s\n  run: evaluation\n  min: 0.9", s.metric))
	return s.injection(a, gates, row{}, row{})
}

// injection tries to promote a bad model that has a value of its own and an honest evaluation, after the attacker has
// logged a good value for it.
func (s *trial) injection(a attempt, gates inputs, lie, honest row) ended {
	s.Helper()
	m := s.train(s.badModel())
	honest.value, honest.at = s.bad, time.Now().Add(-time.Hour)
	s.evaluate(m, honest)
	candidate := s.through(a.door, entry{made: m, by: s.honest})
	more := s.planned(a, candidate, gates)
	s.inject(m, lie)
	return s.run("promote", candidate, gates, more)
}
