//go:build real

package attacks

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/realtest"
)

// door is a way to specify a candidate.
type door string

const (
	byRun       door = "a run"
	byModel     door = "a logged model"
	byVersion   door = "a version"
	byAlias     door = "an alias"
	byCopy      door = "a version of another model"
	byCopyAlias door = "an alias of another model"
	byCopyOf    door = "a copy of a copy"
	byBest      door = "best"
	byCommit    door = "commit"
)

var (
	everyDoor = []door{byRun, byModel, byVersion, byAlias, byCopy, byCopyAlias, byCopyOf, byBest, byCommit}

	// versionDoors specify a version, whose source and run were chosen by the user who registered it.
	versionDoors = []door{byVersion, byAlias, byCopy, byCopyAlias, byCopyOf}

	// aliasDoors specify an alias, which can be moved between the dry run and the apply.
	aliasDoors = []door{byAlias, byCopyAlias}

	// runDoors specify a run in which the program finds the model.
	runDoors = []door{byRun, byBest, byCommit}
)

// open reports whether the given person can use the door on the server.
func (d door) open(p place, by who) bool {
	switch d {
	case byModel:
		return v3(p) // logged models exist since MLflow 3
	case byVersion, byAlias:
		return by != outsider // registering a version requires EDIT on the model
	}
	return true
}

// entry is a model that is offered as the candidate. Its version may claim a run or a model that it does not belong to.
type entry struct {
	made
	by      realtest.Client // who registers the version
	version version         // the fields that differ from an honest registration
}

// through makes the entry's model the candidate, and returns the inputs that specify it.
func (s *trial) through(d door, e entry) inputs {
	s.Helper()
	switch d {
	case byRun:
		return inputs{"candidate": "runs:/" + e.run + "/" + e.name}
	case byModel:
		return inputs{"candidate": "models:/" + e.id}
	case byBest:
		return inputs{"candidate": "best/" + e.name, "experiment": s.homeName, "metric": s.metric, "goal": "maximize"}
	case byCommit:
		return inputs{"candidate": "commit/" + e.name, "experiment": s.homeName}
	case byVersion, byAlias:
		s.register()
		number := s.create(e.by, s.versionOf(s.model, e))
		if d == byVersion {
			return inputs{"candidate": fmt.Sprintf("models:/%s/%s", s.model, number)}
		}
		s.point(e.by, s.model, "challenger", number)
		return inputs{"candidate": "models:/" + s.model + "@challenger"}
	}
	return s.copied(d, e)
}

// copied registers the model under a different name, which requires no permissions. For byCopyOf, it copies that
// version once more.
func (s *trial) copied(d door, e entry) inputs {
	s.Helper()
	other := fmt.Sprintf("other-%s-%d", s.model, s.chance.IntN(1e6))
	s.post(e.by, "registered-models/create", object{"name": other}, nil)
	number := s.create(e.by, s.versionOf(other, e))
	if d == byCopyOf {
		second := other + "-again"
		s.post(e.by, "registered-models/create", object{"name": second}, nil)
		copied := version{
			of:     second,
			source: fmt.Sprintf("models:/%s/%s", other, number),
			run:    s.versionOf(other, e).run,
		}
		number, other = s.create(e.by, copied), second
	}
	if d == byCopyAlias {
		s.point(e.by, other, "prod", number)
		return inputs{"candidate": "models:/" + other + "@prod"}
	}
	return inputs{"candidate": fmt.Sprintf("models:/%s/%s", other, number)}
}

// versionOf returns the version to create for the entry.
func (s *trial) versionOf(model string, e entry) version {
	v := e.version
	v.of = model
	if v.source == "" {
		v.source, v.model = e.source(), e.id
	}
	if v.run == "" {
		v.run = e.run
	}
	return v
}

// gates returns inputs with a gate that only the good value passes. The form of the gate is drawn at random. If
// champion is true, the gate may also compare the candidate with the champion.
func (s *trial) gates(champion bool) inputs {
	s.Helper()
	const limit = 0.9
	if champion && s.chance.IntN(2) == 0 {
		return s.relative()
	}
	switch s.chance.IntN(4) {
	case 0:
		return inputs{"thresholds": fmt.Sprintf("%s >= %v", s.metric, limit)}
	case 1:
		return s.policy(fmt.Sprintf("- metric: %s\n  min: %v", s.metric, limit))
	case 2:
		return s.policy(fmt.Sprintf("- slices: %s*\n  at-least: 1\n  min: %v", s.metric[:3], limit))
	}
	return s.policy(fmt.Sprintf("- metric: %s\n  min: 0\n- expression: candidate.metrics[%s] >= %v",
		s.metric, quoted(s.metric), limit))
}

// relative returns a gate that compares the candidate with the champion but tolerates a small loss.
func (s *trial) relative() inputs {
	if s.chance.IntN(2) == 0 {
		return inputs{"thresholds": fmt.Sprintf("%s >= 0.05\n%s >= %s - 0.1", s.metric, s.metric, s.alias)}
	}
	gates := "- metric: %s\n  min: 0\n- regression: %s\n  better: higher\n  margin: 0.1"
	return s.policy(fmt.Sprintf(gates, s.metric, s.metric))
}

// policy returns a policy file that has these gates for the trial's alias.
func (s *trial) policy(gates string) inputs {
	return s.policyFor(s.alias, gates, "")
}

// policyFor returns a policy file that has these gates for an alias, and additional keys for the model.
func (s *trial) policyFor(alias, gates, sections string) inputs {
	targets := "aliases"
	if alias == production {
		targets = "stages"
	}
	text := "version: 1\nmodels:\n  \"*\":\n"
	text += "    " + targets + ":\n      " + alias + ":\n        gates:\n" + indent(gates, 10) + indent(sections, 0)
	return inputs{"policy": text}
}

// indent indents each line by the given number of spaces.
func indent(text string, by int) string {
	if text == "" {
		return ""
	}
	pad := strings.Repeat(" ", by)
	return pad + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+pad) + "\n"
}
