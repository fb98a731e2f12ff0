//go:build real

package attacks

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// freeLinks: the run that a model or a version names is free text. The wrong
// model claims a good run of somebody else.
var freeLinks = kind{
	name: "a link to a run is free text",
	ends: []registry.Reason{registry.Blocked, registry.PlanChanged},
	most: 24, few: 14,
	fields: []field{
		{"source_run_id of a logged model", attackers, modelDoors, anyTime, v3, claim(sourceRun)},
		{"source_run_id and the run's outputs", attackers, modelDoors, anyTime, v3, claim(sourceRunAndOutputs)},
		{"source_run_id, in the training experiment", []who{editor}, modelDoors, anyTime, v3, claim(unlisted)},
		{"run_id of a version with a model_id", attackers, versionDoors, anyTime, v3, claim(runOfVersion)},
		{"run_id of a version with a source elsewhere", attackers, versionDoors, anyTime, nil, claim(elsewhere)},
		{"run_id of a version in a folder of another run", attackers, versionDoors, anyTime, v2, claim(otherFolder)},
		{"run_id of a version in a folder with nearly the run's id", []who{editor}, versionDoors, anyTime, v2, claim(nearFolder)},
	},
}

var (
	attackers  = []who{outsider, editor}
	modelDoors = append([]door{byModel}, versionDoors...)
)

func v3(p place) bool { return p.start.Version == "" || strings.HasPrefix(p.start.Version, "3.") }

func v2(p place) bool { return strings.HasPrefix(p.start.Version, "2.") }

// claim plays an attack in which a wrong model claims the run of a good one.
func claim(lie func(s *scene, honest made) entry) func(*scene, attempt) ended {
	return func(s *scene, a attempt) ended {
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

// swap judges the good model in a dry run. Then the candidate's name comes to
// mean the wrong one, and the plan is applied.
func (s *scene) swap(a attempt, honest made, lie func(*scene, made) entry) ended {
	s.Helper()
	candidate, gates := s.through(a.door, entry{made: honest, by: s.other}), s.gates(false)
	dry := s.promotes(candidate, gates, inputs{"dry-run": "true"})
	wrong := lie(s, honest)
	name := strings.TrimPrefix(candidate["candidate"], "models:/")
	switch a.door {
	case byAlias, byCopyAlias:
		model, alias, _ := strings.Cut(name, "@")
		s.point(wrong.by, model, alias, s.create(wrong.by, s.versionOf(model, wrong)))
	default: // what it names cannot be moved: the wrong model is another candidate under the approved plan
		candidate = s.through(a.door, wrong)
	}
	return s.run("promote", candidate, gates, inputs{"plan-digest": dry.outputs["plan-digest"]})
}

// wrong is a model of the attacker in an experiment of their own.
func (s *scene) wrongModel() trained {
	s.Helper()
	return trained{by: s.other, experiment: s.foreign(), value: s.bad, mark: "wrong"}
}

// uploadWrong puts the wrong model's files into the folder.
func (s *scene) uploadWrong(by realtest.Client, folder string) {
	s.Helper()
	s.upload(by, folder, trained{mark: "wrong"})
}

// forged is a logged model with the wrong files that names the run as its
// source.
func (s *scene) forged(experiment, run string) made {
	s.Helper()
	m := s.loggedModel(made{name: "model", run: run, experiment: experiment}, s.other, experiment, run)
	s.uploadWrong(s.other, m.files)
	s.ready(m, s.other)
	return m
}

func sourceRun(s *scene, honest made) entry {
	return entry{made: s.forged(s.foreign(), honest.run), by: s.other}
}

func sourceRunAndOutputs(s *scene, honest made) entry {
	e := sourceRun(s, honest)
	s.attack("runs/outputs", object{"run_id": honest.run, "models": []object{{"model_id": e.id, "step": 0}}}, nil)
	return e
}

func unlisted(s *scene, honest made) entry {
	return entry{made: s.forged(s.home, honest.run), by: s.other}
}

func runOfVersion(s *scene, honest made) entry {
	wrong := s.train(s.wrongModel())
	return entry{made: wrong, by: s.other, version: version{run: honest.run}}
}

func elsewhere(s *scene, honest made) entry {
	source := pick(s.chance, "s3://bucket/model", "gs://bucket/"+honest.run+"/artifacts/model", "dbfs:/models/"+s.model)
	return entry{made: honest, by: s.other, version: version{source: source, model: ""}}
}

func otherFolder(s *scene, honest made) entry {
	wrong := s.train(s.wrongModel())
	return entry{made: wrong, by: s.other, version: version{run: honest.run}}
}

func nearFolder(s *scene, honest made) entry {
	near := pick(s.chance,
		strings.Replace(honest.root, honest.run, honest.run+"0", 1),
		strings.Replace(honest.root, honest.run, strings.ToUpper(honest.run), 1),
		strings.Replace(honest.root, "/artifacts", "/artifacts2", 1),
		strings.Replace(honest.root, honest.run, "x/"+honest.run, 1))
	s.uploadWrong(s.other, near+"/model")
	return entry{made: honest, by: s.other, version: version{source: near + "/model"}}
}
