//go:build real

package attacks

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// freeLinks exploits the fact that the run of a model or version is free text. The wrong model claims a good run that
// it does not come from.
var freeLinks = kind{
	name:    "a link to a run is free text",
	reasons: []registry.Reason{registry.Blocked, registry.PlanChanged},
	most:    24, few: 14,
	fields: []field{
		{"source_run_id of a logged model", attackers, modelDoors, anyTime, v3, claim(sourceRun)},
		{"source_run_id and the run's outputs", attackers, modelDoors, anyTime, v3, claim(sourceRunAndOutputs)},
		{"source_run_id, in the training experiment", []who{editor}, modelDoors, anyTime, v3, claim(unlisted)},
		{"run_id of a version with a model_id", attackers, versionDoors, anyTime, v3, claim(runOfVersion)},
		{"run_id of a version with a source elsewhere", attackers, versionDoors, anyTime, nil, claim(elsewhere)},
		{"run_id of a version in a folder of another run", attackers, versionDoors, anyTime, v2, claim(otherFolder)},
		{
			"run_id of a version in a folder with nearly the run's id",
			[]who{editor}, versionDoors, anyTime, v2, claim(nearFolder),
		},
	},
}

// addedOutputs uses the honest run as the candidate. The attacker adds a model with the same name and a later step to
// the run's outputs.
var addedOutputs = kind{
	name:    "a model added to a run's outputs",
	reasons: []registry.Reason{registry.Blocked, registry.PlanChanged, registry.CandidateGone},
	honest:  true,
	most:    8, few: 4,
	fields: []field{
		{"the same name, a later step", attackers, runDoors, anyTime, v3, addModel},
	},
}

func addModel(s *trial, a attempt) ended {
	o := s.goodModel()
	o.commit = s.commit
	honest := s.train(o)
	candidate, gates, more := s.through(a.door, entry{made: honest}), s.gates(false), inputs{}
	switch a.when {
	case after:
		s.promotes(candidate, gates)
	case between:
		more["plan-digest"] = s.promotes(candidate, gates, inputs{"dry-run": "true"}).outputs["plan-digest"]
	}
	s.addOutput(honest, sourceRun(s, honest).id, 1+s.chance.IntN(9))
	e := s.run("promote", candidate, gates, more)
	if e.reason == registry.Unchanged { // the honest model had already been promoted
		e.reason = registry.OK
	}
	return e
}

var (
	attackers  = []who{outsider, editor}
	modelDoors = append([]door{byModel}, versionDoors...)
)

func v3(p place) bool { return p.start.Version == "" || strings.HasPrefix(p.start.Version, "3.") }

func v2(p place) bool { return strings.HasPrefix(p.start.Version, "2.") }

// claim returns an attack in which a wrong model claims a good model's run.
func claim(lie func(s *trial, honest made) entry) func(*trial, attempt) ended {
	return func(s *trial, a attempt) ended {
		honest := s.train(s.goodModel())
		switch {
		case a.when == after:
			s.promotes(s.through(byRun, entry{made: honest}), s.gates(false))
			s.exists()
		case a.when == between:
			return s.swap(a, honest, lie)
		}
		return s.run("promote", s.through(a.door, lie(s, honest)), s.gates(a.when == after))
	}
}

// swap makes a dry run with the good model. The attacker then moves the candidate's alias to the wrong model, and the
// plan is applied. If the candidate is not an alias, it is the wrong model from the start.
func (s *trial) swap(a attempt, honest made, lie func(*trial, made) entry) ended {
	s.Helper()
	gates := s.gates(false)
	if !slices.Contains(aliasDoors, a.door) {
		candidate := s.through(a.door, lie(s, honest))
		return s.run("promote", candidate, gates, s.planned(a, candidate, gates))
	}
	candidate := s.through(a.door, entry{made: honest, by: s.other})
	dry := s.promotes(candidate, gates, inputs{"dry-run": "true"})
	wrong := lie(s, honest)
	model, alias, _ := strings.Cut(strings.TrimPrefix(candidate["candidate"], "models:/"), "@")
	s.point(wrong.by, model, alias, s.create(wrong.by, s.versionOf(model, wrong)))
	return s.run("promote", candidate, gates, inputs{"plan-digest": dry.outputs["plan-digest"]})
}

// wrongModel describes a model in the attacker's own experiment.
func (s *trial) wrongModel() trained {
	s.Helper()
	return trained{by: s.other, experiment: s.foreign(), value: s.bad, mark: "wrong"}
}

// uploadWrong puts the attacker's files into the folder. In half of all cases, their MLmodel file also claims the
// honest ids.
func (s *trial) uploadWrong(folder string, honest made) {
	s.Helper()
	o := trained{mark: "wrong"}
	if s.chance.IntN(2) == 0 {
		o.flavor = "  python_function:\n    loader_module: mlflow.sklearn\n" +
			"run_id: " + honest.run + "\nmodel_id: " + honest.id + "\n"
	}
	s.upload(s.other, folder, o)
}

// forged creates a logged model that has the wrong files, but claims the honest run as its source.
func (s *trial) forged(experiment string, honest made) entry {
	s.Helper()
	m := made{name: honest.name, run: honest.run, experiment: experiment}
	m = s.loggedModel(m, s.other, experiment, honest.run)
	s.uploadWrong(m.files, honest)
	s.ready(m, s.other)
	return entry{made: m, by: s.other}
}

func sourceRun(s *trial, honest made) entry { return s.forged(s.foreign(), honest) }

func sourceRunAndOutputs(s *trial, honest made) entry {
	e := sourceRun(s, honest)
	s.addOutput(honest, e.id, s.chance.IntN(9))
	return e
}

// addOutput adds a model to the honest run's outputs. Before 3.15, the server allows this without checking permissions
// on the run.
func (s *trial) addOutput(honest made, id string, step int) {
	s.Helper()
	s.attack("runs/outputs", object{"run_id": honest.run, "models": []object{{"model_id": id, "step": step}}}, nil)
}

func unlisted(s *trial, honest made) entry { return s.forged(s.home, honest) }

func runOfVersion(s *trial, honest made) entry {
	wrong := s.train(s.wrongModel())
	return entry{made: wrong, by: s.other, version: version{run: honest.run}}
}

func elsewhere(s *trial, honest made) entry {
	source := pick(s.chance, "s3://bucket/model", "gs://bucket/"+honest.run+"/artifacts/model", "dbfs:/models/"+s.model)
	return entry{made: honest, by: s.other, version: version{source: source, model: ""}}
}

func otherFolder(s *trial, honest made) entry {
	wrong := s.train(s.wrongModel())
	return entry{made: wrong, by: s.other, version: version{run: honest.run}}
}

func nearFolder(s *trial, honest made) entry {
	near := pick(s.chance,
		strings.Replace(honest.root, honest.run, honest.run+"0", 1),
		strings.Replace(honest.root, honest.run, strings.ToUpper(honest.run), 1),
		strings.Replace(honest.root, "/artifacts", "/artifacts2", 1),
		strings.Replace(honest.root, honest.run, "x/"+honest.run, 1))
	s.uploadWrong(near+"/model", honest)
	return entry{made: honest, by: s.other, version: version{source: near + "/model"}}
}
