package write

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Accepts fails if the registry cannot carry out the plan: if it does not register versions, or if a version or the
// model would have too many tags. It does not check versions whose tags are not known.
func (c Writer) Accepts(p plan.Plan, f fact.Facts) error {
	if p.Registers() {
		return c.Dialect.Registration.Err("register the candidate")
	}
	keys := map[int][]string{} // by version; 0 for the model itself
	for _, s := range p.Steps {
		switch s.Do {
		case plan.SetTag:
			keys[s.Version] = append(keys[s.Version], s.Name)
		case plan.SetModelTag:
			keys[0] = append(keys[0], s.Name)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(keys)) {
		object := fmt.Sprintf("version %d of %s", number, p.Model)
		what, tags := "version", tagsOf(f, number)
		if number == 0 {
			object, what, tags = "model "+p.Model, "model", f.Model.OrZero().Tags
		}
		if why := c.Dialect.Tags.TooMany(tags, keys[number]); why != "" {
			return &registry.Error{
				Reason: registry.Unsupported,
				Msg:    fmt.Sprintf("set tags of %s: it %s", object, why),
				Hint:   fmt.Sprintf("nothing was moved; delete tags of the %s that are no longer needed", what),
			}
		}
	}
	return nil
}

// tagsOf returns the tags of a version, or nil if they are not known.
func tagsOf(f fact.Facts, number int) map[string]string {
	if v := f.Candidate.Version.OrZero(); v.Number == number && v.Model == f.Model.OrZero().Name {
		return v.Tags
	}
	return f.Version(number).OrZero().Tags
}
