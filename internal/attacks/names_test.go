//go:build real

package attacks

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// guessedNames checks that a gate still compares with the champion in spite of a typo or an ambiguous word.
var guessedNames = kind{
	name:    "a slip in a name",
	reasons: []registry.Reason{registry.BadInput, registry.Blocked, "near-name"},
	most:    8, few: 5,
	fields: []field{
		{"two letters of the alias swapped", []who{nobody}, nameDoors, []when{after}, nil, slip("champoin")},
		{"a letter of the alias doubled", []who{nobody}, nameDoors, []when{after}, nil, slip("champpion")},
		{"a letter of the alias lost", []who{nobody}, nameDoors, []when{after}, nil, slip("champin")},
		{"the alias in another case", []who{nobody}, nameDoors, []when{after}, nil, slip("Champion")},
		{"a sign at the end of the alias", []who{nobody}, nameDoors, []when{after}, nil, slip("champion_")},
		{"an alias that is called like a stage", []who{nobody}, nameDoors, []when{after}, nil, likeStage},
		{"an alias that is not there", []who{nobody}, nameDoors, []when{after}, nil, absentAlias},
	},
}

var nameDoors = []door{byRun, byModel, byVersion}

// slip promotes a worse model to an alias that has almost the same name as the champion's.
func slip(alias string) func(*trial, attempt) ended {
	return func(s *trial, a attempt) ended {
		s.champion(a)
		s.alias = alias
		return s.worse(a, fmt.Sprintf("%s >= 0.05\n%s >= incumbent", s.metric, s.metric))
	}
}

// worse tries to promote a bad model with these thresholds.
func (s *trial) worse(a attempt, thresholds string) ended {
	s.Helper()
	m := s.train(s.badModel())
	candidate := s.through(a.door, entry{made: m, by: s.honest})
	return s.run("promote", candidate, inputs{"thresholds": thresholds})
}

// likeStage compares the candidate with an alias called production while the stage Production is empty.
func likeStage(s *trial, a attempt) ended {
	s.alias = "production"
	s.champion(a)
	s.alias = "staging"
	return s.worse(a, fmt.Sprintf("%s >= 0.05\n%s >= production", s.metric, s.metric))
}

// absentAlias compares the candidate with an alias that the model does not have.
func absentAlias(s *trial, a attempt) ended {
	s.alias = "prod"
	s.champion(a)
	s.alias = "canary"
	return s.worse(a, fmt.Sprintf("%s >= 0.05\n%s >= @baseline", s.metric, s.metric))
}
