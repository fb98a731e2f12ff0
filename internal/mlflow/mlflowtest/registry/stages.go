package registry

import (
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

func canonicalStage(s string) (string, error) {
	if stage := state.StageNamed(s); stage != "" {
		return stage, nil
	}
	return "", wire.Invalid(
		"Invalid Model Version stage: %s. Value must be one of %s.", s, strings.Join(state.Stages, ", "),
	)
}

func canonicalStages(names []string) ([]string, error) {
	if len(names) == 0 {
		return state.Stages, nil
	}
	var out []string
	for _, n := range names {
		stage, err := canonicalStage(n)
		if err != nil {
			return nil, err
		}
		out = append(out, stage)
	}
	return out, nil
}

// transitionStage moves a version and, if requested, archives the other versions in the stage. A database does both or
// neither. The file store archives first, and only then looks for the version to move.
func transitionStage(c *call.Call) (any, error) {
	asked, archive := c.In.Str("stage"), c.In.Bool("archive_existing_versions")
	stage, err := canonicalStage(asked)
	if err != nil {
		return nil, err
	}
	if archive && stage != state.StageStaging && stage != state.StageProduction {
		return nil, wire.Internal(
			"Model version transition cannot archive existing model versions because '%s' is not an Active stage. "+
				"Valid stages are ['Staging', 'Production']",
			asked,
		)
	}
	v, err := requestedVersion(c)
	if archive && (err == nil || c.Dialect.Store == "file") {
		archiveOthers(c, c.In.Str("name"), c.In.Str("version"), stage)
	}
	if err != nil {
		return nil, err
	}
	now := c.Millis()
	v.Stage, v.Updated, v.Model.Updated = stage, now, now
	c.Moved(v.Model.Name)
	return versionAnswer(c, v)
}

func archiveOthers(c *call.Call, name, number, stage string) {
	keep, _ := checkVersion(number) // an invalid number matches no version, so every version in the stage is archived
	m, ok := call.ModelNamed(c, name)
	if !ok {
		return
	}
	for _, v := range m.Versions {
		if !v.Deleted && v.Stage == stage && v.Number != keep && !missedBySnapshot(c, v) {
			v.Stage, v.Updated = state.StageArchived, c.Millis()
			c.Wrote = true
		}
	}
}

// missedBySnapshot reports whether a version entered its stage after this request read the stage.
func missedBySnapshot(c *call.Call, v *state.Version) bool {
	return c.Seen != nil && c.Seen[v] != v.Stage
}
