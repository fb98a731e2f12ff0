package registry

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/access"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/search"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

var modelFilter = search.Rules{
	Registry:   true,
	Attributes: []string{"name"},
	Entities:   search.AttributesAndTags,
	Listed:     func(d *dialect.Dialect) []string { return namesIn(d) },
}

var versionFilter = search.Rules{
	Registry:   true,
	Attributes: []string{"name", "version_number", "run_id", "source_path"},
	Numeric:    []string{"version_number"},
	Entities:   search.AttributesAndTags,
	Listed:     func(d *dialect.Dialect) []string { return append(namesIn(d), "run_id") },
}

// versionRules returns the filter rules for a search for versions.
func versionRules(d *dialect.Dialect) search.Rules {
	rules := versionFilter
	if !d.VersionSearchPaged {
		rules.Attributes = []string{"name", "run_id", "source_path"}
	}
	return rules
}

func namesIn(d *dialect.Dialect) []string {
	if d.NameIn {
		return []string{"name"}
	}
	return nil
}

func asksForPrompts(clauses []search.Clause) bool {
	for _, cl := range clauses {
		if cl.On == "tag" && cl.Key == state.PromptTag {
			return cl.Op == "=" && strings.EqualFold(cl.Value, "true") ||
				cl.Op == "!=" && strings.EqualFold(cl.Value, "false")
		}
	}
	return false
}

// withoutPromptTag removes the clauses on the prompt tag, which only choose between prompts and models.
func withoutPromptTag(clauses []search.Clause) []search.Clause {
	return slices.DeleteFunc(
		slices.Clone(clauses),
		func(cl search.Clause) bool { return cl.On == "tag" && cl.Key == state.PromptTag },
	)
}

func modelMatches(d *dialect.Dialect, m *state.Model, clauses []search.Clause) bool {
	if d.PromptsHidden && !asksForPrompts(clauses) {
		if v, _ := m.Tags.Get(state.PromptTag); v == "true" {
			return false
		}
		clauses = withoutPromptTag(clauses)
	}
	return search.All(clauses, func(cl search.Clause) bool {
		return (cl.On != "tag" || search.TagMatches(d, m.Tags, cl)) &&
			(cl.On != "attribute" || search.TextMatches(d, &m.Name, cl))
	})
}

func versionMatches(d *dialect.Dialect, v *state.Version, clauses []search.Clause) bool {
	if d.PromptsHidden && !asksForPrompts(clauses) {
		clauses = withoutPromptTag(clauses)
	}
	return search.All(clauses, func(cl search.Clause) bool { return versionMeets(d, v, cl) })
}

func versionMeets(d *dialect.Dialect, v *state.Version, cl search.Clause) bool {
	if cl.On == "tag" {
		return search.TagMatches(d, v.Tags, cl)
	}
	switch cl.Key {
	case "name":
		return search.TextMatches(d, &v.Name, cl)
	case "run_id":
		return search.TextMatches(d, v.RunID, cl)
	case "source_path":
		return search.TextMatches(d, &v.Source, cl)
	case "version_number":
		return search.NumberMatches(float64(v.Number), cl)
	}
	return false
}

const mostModels = 1000

func searchModels(c *call.Call) (any, error) {
	most := c.In.IntOr("max_results", 100)
	if most > mostModels {
		return nil, wire.Invalid(
			"Invalid value for request parameter max_results. It must be at most %d, but got value %d",
			mostModels,
			most,
		)
	}
	clauses, err := search.Parse(c.Dialect, modelFilter, c.In.Str("filter"))
	if err != nil {
		return nil, err
	}
	order, err := modelOrder(c.Dialect, c.In.List("order_by"))
	if err != nil {
		return nil, err
	}
	offset, err := search.ParseToken(c.In.Str("page_token"))
	if err != nil {
		return nil, err
	}
	var found []*state.Model
	for _, m := range c.Space.Models {
		if access.MayRead(c, state.ResourceModel, m.Name) && modelMatches(c.Dialect, m, clauses) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, order)
	shown, next := search.Page(found, offset, most)
	var out struct {
		Models []modelJSON `json:"registered_models,omitempty"`
		Next   string      `json:"next_page_token,omitempty"`
	}
	out.Next = next
	for _, m := range shown {
		out.Models = append(out.Models, modelToJSON(c, m))
	}
	return out, nil
}

var modelOrderKeys = search.Rules{
	Attributes: []string{"name", "timestamp", "last_updated_timestamp"},
	Entities:   map[string]string{},
	Advised:    []string{"name", "timestamp"},
}

// modelOrder orders models as requested, then by name.
func modelOrder(d *dialect.Dialect, clauses []string) (func(a, b *state.Model) int, error) {
	order, err := search.ParseOrder(d, modelOrderKeys, clauses)
	if err != nil {
		return nil, err
	}
	same := map[string]string{"timestamp": "last_updated_timestamp"}
	if err := search.NoDuplicates(order, clauses, same); err != nil {
		return nil, err
	}
	return func(a, b *state.Model) int {
		for _, o := range order {
			n := cmp.Compare(a.Updated, b.Updated)
			if o.Key == "name" {
				n = d.CompareText(a.Name, b.Name)
			}
			if n != 0 {
				return search.Directed(n, o.Down)
			}
		}
		return d.CompareText(a.Name, b.Name)
	}, nil
}

var versionOrderKeys = search.Rules{
	Attributes: []string{"name", "version_number", "creation_timestamp", "last_updated_timestamp"},
	Entities:   search.AttributesAndTags,
}

// versionOrder orders versions as requested, and versions that are then equal by name and with the newest first. By
// default, it orders them by the time of their last change. Servers that ignore order_by keep the order of the table.
func versionOrder(d *dialect.Dialect, clauses []string) (func(a, b *state.Version) int, error) {
	if len(clauses) == 0 || !d.VersionSearchPaged {
		clauses = []string{"last_updated_timestamp DESC"}
	}
	order, err := search.ParseOrder(d, versionOrderKeys, clauses)
	if err != nil {
		return nil, err
	}
	if err := search.NoDuplicates(order, clauses, nil); err != nil {
		return nil, err
	}
	return func(a, b *state.Version) int {
		for _, o := range order {
			if n := compareVersions(d, a, b, o.Key); n != 0 {
				return search.Directed(n, o.Down)
			}
		}
		if !d.VersionSearchPaged {
			return cmp.Or(d.CompareText(a.Name, b.Name), cmp.Compare(a.Number, b.Number))
		}
		return cmp.Or(d.CompareText(a.Name, b.Name), -cmp.Compare(a.Number, b.Number))
	}, nil
}

func compareVersions(d *dialect.Dialect, a, b *state.Version, key string) int {
	switch key {
	case "name":
		return d.CompareText(a.Name, b.Name)
	case "version_number":
		return cmp.Compare(a.Number, b.Number)
	case "creation_timestamp":
		return cmp.Compare(a.Created, b.Created)
	}
	return cmp.Compare(a.Updated, b.Updated)
}

func searchVersions(c *call.Call) (any, error) {
	most, err := versionPage(c)
	if err != nil {
		return nil, err
	}
	clauses, err := search.Parse(c.Dialect, versionRules(c.Dialect), c.In.Str("filter"))
	if err != nil {
		return nil, err
	}
	order, err := versionOrder(c.Dialect, c.In.List("order_by"))
	if err != nil {
		return nil, err
	}
	found := matchVersions(c, clauses)
	slices.SortFunc(found, order)
	shown, next := found, ""
	if c.Dialect.VersionSearchPaged {
		offset, err := search.ParseToken(c.In.Str("page_token"))
		if err != nil {
			return nil, err
		}
		shown, next = search.Page(found, offset, most)
	}
	var out struct {
		Versions []versionJSON `json:"model_versions,omitempty"`
		Next     string        `json:"next_page_token,omitempty"`
	}
	out.Next = next
	for _, v := range shown {
		out.Versions = append(out.Versions, versionToJSON(c, v, c.Dialect.Store == "file"))
	}
	return out, nil
}

const mostVersions = 200_000

func versionPage(c *call.Call) (int64, error) {
	most := c.In.IntOr("max_results", mostVersions)
	if !c.Dialect.VersionSearchPaged {
		return most, nil
	}
	if most > mostVersions {
		return 0, wire.Invalid(
			"Invalid value for request parameter max_results. It must be at most %d, but got value %d",
			mostVersions,
			most,
		)
	}
	if most < 1 {
		return 0, wire.Invalid("Invalid value for max_results. It must be a positive integer, but got %d", most)
	}
	return most, nil
}

func matchVersions(c *call.Call, clauses []search.Clause) []*state.Version {
	var found []*state.Version
	for _, m := range c.Space.Models {
		if hidesVersions(c, m, clauses) || c.Dialect.SearchFiltered && !access.MayRead(c, state.ResourceModel, m.Name) {
			continue
		}
		for _, v := range m.Versions {
			if !v.Deleted && versionMatches(c.Dialect, v, clauses) {
				found = append(found, v)
			}
		}
	}
	return found
}

// hidesVersions reports whether a search leaves out a model's versions. If one version is tagged as a prompt, all of
// them are left out unless the search asks for prompts.
func hidesVersions(c *call.Call, m *state.Model, clauses []search.Clause) bool {
	if !c.Dialect.PromptsHidden || asksForPrompts(clauses) {
		return false
	}
	return slices.ContainsFunc(m.Versions, func(v *state.Version) bool {
		value, _ := v.Tags.Get(state.PromptTag)
		return value == "true"
	})
}
