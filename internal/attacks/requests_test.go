//go:build real

package attacks

import (
	"net/http"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// requestTags registers a version before the promotion, with the request tag that our own registration would write. The
// honest model may still be promoted, as a different version.
var requestTags = kind{
	name:    "a version made beforehand with our tag",
	reasons: []registry.Reason{registry.Blocked, registry.PlanChanged, registry.Conflict},
	honest:  true,
	most:    10, few: 6,
	fields: []field{
		{"source elsewhere", []who{editor}, newDoors, anyTime, nil, premade(false, elsewhere)},
		{"another logged model", []who{editor}, newDoors, anyTime, v3, premade(false, runOfVersion)},
		{"another run's folder", []who{editor}, newDoors, anyTime, v2, premade(false, otherFolder)},
		{"another run too", []who{editor}, newDoors, anyTime, nil, premade(true, runOfVersion)},
	},
}

// newDoors take a model that has not been registered as a version yet.
var newDoors = []door{byRun, byModel, byBest, byCommit, byCopy}

// premade registers the attacker's version. Its tag contains the digest that the program computes for the honest
// registration.
func premade(ownRun bool, lie func(*trial, made) entry) func(*trial, attempt) ended {
	return func(s *trial, a attempt) ended {
		s.champion(a)
		o := s.goodModel()
		o.commit = s.commit
		honest := s.train(o)
		candidate := s.through(a.door, entry{made: honest, by: s.honest})
		wrong := lie(s, honest)
		if ownRun {
			wrong.version.run = wrong.run
		}
		s.register()
		wrong.version.tags = map[string]string{registry.TagRequest: s.requestOf(a.door, honest, candidate["candidate"])}
		gates, more := s.gates(false), inputs{}
		if a.when == between {
			more["plan-digest"] = s.promotes(candidate, gates, inputs{"dry-run": "true"}).outputs["plan-digest"]
		}
		s.create(s.other, s.versionOf(s.model, wrong))
		return s.run("promote", candidate, gates, more)
	}
}

// requestOf computes the digest of a registration as the program does.
func (s *trial) requestOf(d door, m made, candidate string) string {
	what := m.id
	switch {
	case d == byCopy:
		what = candidate
	case what == "":
		what = m.name
	}
	return canonical.Digest("register/1", s.model, m.run, what)
}

// replacedOrigins uses a version of a different model as the candidate. After this version has been evaluated and
// before it is copied, the attacker replaces it with a different version that has the same number and run.
var replacedOrigins = kind{
	name:    "a copied version that is replaced",
	reasons: []registry.Reason{registry.Conflict},
	most:    6, few: 3,
	fields: []field{
		{"another model of that name", attackers, []door{byCopy, byCopyAlias, byCopyOf}, []when{during}, nil, replaceOrigin},
	},
}

// replaceOrigin deletes the registered model and creates it again, so that its version numbers start at 1.
func replaceOrigin(s *trial, a attempt) ended {
	honest := s.train(s.goodModel())
	candidate := s.through(a.door, entry{made: honest, by: s.other})
	wrong := s.train(s.wrongModel())
	model, _, _ := strings.Cut(strings.TrimPrefix(candidate["candidate"], "models:/"), "/")
	model, _, _ = strings.Cut(model, "@")
	version := object{"name": model, "source": wrong.source(), "run_id": honest.run}
	if wrong.id != "" {
		version["model_id"] = wrong.id
	}
	s.meddle = func() error {
		for _, r := range []struct {
			method, path string
			in           object
		}{
			{http.MethodDelete, "registered-models/delete", object{"name": model}},
			{http.MethodPost, "registered-models/create", object{"name": model}},
			{http.MethodPost, "model-versions/create", version},
		} {
			if err := s.other.Call(s.Context(), r.method, r.path, r.in, nil); err != nil {
				return err
			}
		}
		return nil
	}
	return s.run("promote", candidate, s.gates(false))
}
