package plan

import (
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Names returns an error for a new registered model or alias whose name is almost the same as an existing one. Such a
// name is usually a typo: the model would have no history, and the alias would have no incumbent. With `override:
// new-alias`, the name is accepted, unless the database treats both names as the same.
func Names(f fact.Facts, in Intent) error {
	if err := newModel(f, in); err != nil {
		return err
	}
	known := slices.Concat(f.AliasNames(), in.KnownAliases)
	for _, alias := range assigned(in) {
		if err := newAlias(f, in, alias, known); err != nil {
			return err
		}
		known = append(known, alias)
	}
	for _, a := range in.Query.Aliases {
		if twin := f.Similar.Aliases[a.Alias]; twin != "" && a.Removes() {
			return errTwin("remove", a.Alias, in.Query.Model, twin)
		}
	}
	return nil
}

// errTwin returns the error for an alias that the database cannot distinguish from another one.
func errTwin(verb, alias, model, twin string) error {
	return &registry.Error{
		Reason: registry.NearName,
		Msg: fmt.Sprintf(
			"%s alias %s of %s: the database cannot distinguish it from the alias %s", verb, alias, model, twin,
		),
		Hint: fmt.Sprintf("did you mean %s? The database treats both names as equal", twin),
	}
}

// assigned returns the aliases that the command sets.
func assigned(in Intent) []string {
	var out []string
	if t := in.Query.Target; t.Alias != "" {
		out = append(out, t.Alias)
	}
	for _, a := range in.Query.Aliases {
		if !a.Removes() {
			out = append(out, a.Alias)
		}
	}
	return out
}

func newAlias(f fact.Facts, in Intent, alias string, known []string) error {
	if twin := f.Similar.Aliases[alias]; twin != "" {
		return errTwin("set", alias, in.Query.Model, twin)
	}
	near := spelling.NearTo(alias, known)
	if slices.Contains(known, alias) || near == "" || slices.Contains(in.Override, verdict.OverrideNewAlias) {
		return nil
	}
	return &registry.Error{
		Reason: registry.NearName,
		Msg: fmt.Sprintf(
			"set alias %s of %s: the alias is new, and its name is almost the same as %s", alias, in.Query.Model, near,
		),
		Hint: fmt.Sprintf("did you mean %s? If you do mean %s, use `override: new-alias`, or list the alias in "+
			"the policy",
			near, alias),
	}
}

func newModel(f fact.Facts, in Intent) error {
	name := in.Query.Model
	if !f.Model.IsAbsent() {
		return nil
	}
	if twin := f.Similar.ModelTwin; twin != "" {
		return &registry.Error{
			Reason: registry.NearName, Msg: fmt.Sprintf(
				"create registered model %q: the database cannot distinguish the name from %q", name, twin,
			),
			Hint: fmt.Sprintf("did you mean %s? The database treats both names as equal", twin),
		}
	}
	if len(f.Similar.Models) > 0 && !slices.Contains(in.Override, verdict.OverrideNewAlias) {
		near := f.Similar.Models[0]
		return &registry.Error{
			Reason: registry.NearName, Msg: fmt.Sprintf(
				"create registered model %q: its name is almost the same as that of %q", name, near,
			),
			Hint: fmt.Sprintf("did you mean %s? If you want a new model, use `override: new-alias`", near),
		}
	}
	if err := registry.CheckModelName(name); err != nil {
		return &registry.Error{
			Reason: registry.BadInput, Msg: "create registered model: " + err.Error(),
			Hint: "choose another name for the new registered model",
		}
	}
	return nil
}
