package plan

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Deployed plans the tags that state where and when a version was deployed. Tags that this program did not write are
// kept.
func Deployed(f fact.Facts, in Intent, number int, environment string) (steps []Step, notes []string) {
	v := f.Candidate.Version.OrZero()
	if v.Number != number {
		v = f.Versions[number].OrZero()
	}
	ours := v.Number == 0 || writtenByUs(v.Tags)
	for _, tag := range []struct{ key, want string }{
		{registry.TagDeployedTo, environment}, {registry.TagDeployedAt, AtTime},
	} {
		had, there := v.Tags[tag.key]
		switch {
		case there && !ours:
			notes = append(
				notes, fmt.Sprintf("version %d keeps its tag %s: it was not written by this tool", number, tag.key),
			)
		case had != tag.want:
			steps = append(
				steps,
				Step{
					Do: SetTag, Model: in.Query.Model, Version: number, Name: tag.key, Was: registry.Text(had),
					Want: registry.Text(tag.want),
				},
			)
		}
	}
	return steps, notes
}
