//go:build real

package attacks

import (
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// editedIncumbents lowers the champion's values after its promotion, so that a candidate that is worse than the
// champion really was could pass.
var editedIncumbents = kind{
	name:    "the champion's numbers edited",
	reasons: []registry.Reason{registry.Blocked, registry.PlanChanged},
	most:    16, few: 7,
	fields: []field{
		{"the same step, later", []who{editor}, everyDoor, []when{between, after}, nil, worsen(row{step: 0})},
		{"a later step", []who{editor}, everyDoor, []when{between, after}, nil, worsen(row{step: 7})},
		{"an earlier step", []who{editor}, everyDoor, []when{between, after}, nil, worsen(row{step: -1})},
		{
			"a later step, on a dataset",
			[]who{editor}, everyDoor, []when{between, after}, v3, worsen(row{
				step:    7,
				dataset: "validation",
				digest:  "d1g3st",
			}),
		},
		{
			"a later step, for the run alone",
			[]who{editor}, everyDoor, []when{between, after}, v3, worsen(row{step: 7, model: "none"}),
		},
		{"by a run elsewhere", attackers, everyDoor, []when{between, after}, v3, worsenElsewhere},
		{
			"by an evaluation in the training experiment",
			[]who{editor}, everyDoor, []when{between, after}, v3, worsenByEvaluation,
		},
	},
}

// weaker promotes the champion, makes the edit, and tries to promote a candidate that passes the fixed limits but is
// worse than the champion was.
func weaker(edit func(s *trial, champion made)) func(*trial, attempt) ended {
	return func(s *trial, a attempt) ended {
		o := s.goodModel()
		o.value = 0.99
		champion := s.train(o)
		s.promotes(s.through(byRun, entry{made: champion}), inputs{"thresholds": s.metric + " >= 0.9"})
		s.exists()
		home := s.homeName
		if a.door == byBest { // train in an experiment in which the champion is not the best
			s.homeName += "-weaker"
			o.experiment = s.experiment(s.honest, s.homeName)
		}
		o.value, o.mark, o.commit = 0.93, "weaker", s.commit
		candidate := s.through(a.door, entry{made: s.train(o), by: s.honest})
		s.homeName = home
		gates := s.better()
		more := s.planned(a, candidate, gates)
		edit(s, champion)
		return s.run("promote", candidate, gates, more)
	}
}

// better returns gates that compare the candidate with the champion, in a form that is drawn at random.
func (s *trial) better() inputs {
	s.Helper()
	least := fmt.Sprintf("- metric: %s\n  min: 0.9\n", s.metric)
	switch s.chance.IntN(4) {
	case 0:
		return inputs{"thresholds": fmt.Sprintf("%s >= 0.9\n%s >= champion", s.metric, s.metric)}
	case 1:
		return s.policy(least + fmt.Sprintf("- regression: %s\n  better: higher", s.metric))
	case 2:
		gate := "- regression: %s\n  better: higher\n  margin-percent: 1\n  against: champion"
		return s.policy(least + fmt.Sprintf(gate, s.metric))
	}
	key := quoted(s.metric)
	return s.policy(least + fmt.Sprintf("- expression: candidate.metrics[%s] >= incumbent.metrics[%s]", key, key))
}

// worsen logs a bad value to the champion's own run.
func worsen(r row) func(*trial, attempt) ended {
	return weaker(func(s *trial, champion made) {
		r := r
		r.run, r.value, r.at = champion.run, s.bad, time.Now().Add(time.Duration(s.chance.IntN(60))*time.Second)
		if r.model == "none" {
			r.model = ""
		} else {
			r.model = champion.id
		}
		s.attack("runs/log-metric", s.body(r), nil)
	})
}

// worsenElsewhere logs the bad value for the champion's model, but in one of the attacker's runs.
var worsenElsewhere = weaker(func(s *trial, champion made) {
	theirs := s.begin(trained{by: s.other, experiment: s.foreign()})
	s.attack("runs/log-metric", s.body(row{run: theirs.run, model: champion.id, value: s.bad, step: 7}), nil)
})

// worsenByEvaluation logs the bad value in an evaluation run. The candidate's only value comes from its
// training.
var worsenByEvaluation = weaker(func(s *trial, champion made) {
	theirs := s.begin(trained{by: s.other, experiment: s.home})
	s.attack("runs/log-metric", s.body(row{run: theirs.run, model: champion.id, value: s.bad, step: 7}), nil)
})
