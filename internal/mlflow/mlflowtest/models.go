package mlflowtest

import (
	"cmp"
	"slices"
	"strings"
)

// model is a registered model.
type model struct {
	name        string
	created     int64
	updated     int64
	description string
	tags        tags
	aliases     aliases
	versions    []*version // including deleted ones, because their numbers are never used again
}

// tags keep the order in which they were written.
type tags []tag

type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (t *tags) put(key, value string) {
	for i := range *t {
		if (*t)[i].Key == key {
			(*t)[i].Value = value
			return
		}
	}
	*t = append(*t, tag{key, value})
}

func (t tags) get(key string) (string, bool) {
	for _, e := range t {
		if e.Key == key {
			return e.Value, true
		}
	}
	return "", false
}

const promptTag = "mlflow.prompt.is_prompt"

func (t tags) prompt() bool {
	v, _ := t.get(promptTag)
	return strings.EqualFold(v, "true")
}

type modelJSON struct {
	Name        string        `json:"name"`
	Created     int64         `json:"creation_timestamp"`
	Updated     int64         `json:"last_updated_timestamp,omitempty"`
	Description string        `json:"description,omitempty"`
	Latest      []versionJSON `json:"latest_versions,omitempty"`
	Tags        tags          `json:"tags,omitempty"`
	Aliases     []aliasJSON   `json:"aliases,omitempty"`
}

type aliasJSON struct {
	Alias   string `json:"alias"`
	Version string `json:"version"`
}

// modelToJSON encodes the model like the server. On a database, its versions never list their aliases.
func modelToJSON(c *call, m *model) modelJSON {
	out := modelJSON{Name: m.name, Created: m.created, Updated: m.updated, Description: m.description, Tags: m.tags}
	for _, v := range m.latest() {
		out.Latest = append(out.Latest, versionToJSON(c, v, c.cfg.store == "file"))
	}
	for _, a := range m.aliases {
		out.Aliases = append(out.Aliases, aliasJSON{a.name, digits(a.version)})
	}
	return out
}

// latest returns the newest version of each stage.
func (m *model) latest() []*version {
	newest := map[string]*version{}
	for _, v := range m.versions {
		if !v.deleted {
			newest[v.stage] = v
		}
	}
	var out []*version
	for _, v := range newest {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b *version) int { return cmp.Compare(a.number, b.number) })
	return out
}

func findModel(c *call, name string) (*model, error) {
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	if m, ok := modelNamed(c, name); ok {
		return m, nil
	}
	return nil, missing("Registered Model with name=%s not found", name)
}

func createModel(c *call) (any, error) {
	name, t := c.in.str("name"), c.in.tags("tags")
	if err := checkModelName(c, name); err != nil {
		return nil, err
	}
	for _, e := range t {
		if err := checkModelTag(c, e.Key, e.Value); err != nil {
			return nil, err
		}
	}
	if old, ok := modelNamed(c, name); ok {
		return nil, errModelExists(c, old, t)
	}
	if err := columns(c, column{"name", name, 256}, column{"description", c.in.str("description"), 5000}); err != nil {
		return nil, err
	}
	now := c.millis()
	m := &model{name: name, created: now, updated: now, description: c.in.str("description"), tags: t}
	c.space.models[name] = m
	makeOwner(c, resourceModel, name)
	return map[string]any{"registered_model": modelToJSON(c, m)}, nil
}

func errModelExists(c *call, old *model, t tags) error {
	kinds := map[bool]string{true: "Prompt", false: "Registered Model"}
	was, is := kinds[old.tags.prompt()], kinds[t.prompt()]
	if c.sw.promptsHidden && was != is {
		return exists(
			"Tried to create a %s with name '%s', but the name is already taken by a %s. MLflow does not allow "+
				"creating a model and a prompt with the same name.",
			strings.ToLower(is),
			old.name,
			strings.ToLower(was),
		)
	}
	return exists("%s (name=%s) already exists.", is, old.name)
}

func getModel(c *call) (any, error) {
	m, err := findModel(c, c.in.str("name"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"registered_model": modelToJSON(c, m)}, nil
}

// updateModel sets the description. A request without one clears it.
func updateModel(c *call) (any, error) {
	m, err := findModel(c, c.in.str("name"))
	if err != nil {
		return nil, err
	}
	if err := columns(c, column{"description", c.in.str("description"), 5000}); err != nil {
		return nil, err
	}
	m.description, m.updated = c.in.str("description"), c.millis()
	return map[string]any{"registered_model": modelToJSON(c, m)}, nil
}

func renameModel(c *call) (any, error) {
	to := c.in.str("new_name")
	if err := checkNewModelName(c, to); err != nil {
		return nil, err
	}
	m, err := findModel(c, c.in.str("name"))
	if err != nil {
		return nil, err
	}
	if other, taken := modelNamed(c, to); taken && other != m {
		return nil, exists("Registered Model (name=%s) already exists. Error: %s", to, uniqueViolation)
	}
	delete(c.space.models, m.name)
	m.name, m.updated = to, c.millis()
	c.space.models[to] = m
	for _, v := range m.versions {
		v.name, v.updated = to, m.updated
	}
	return map[string]any{"registered_model": modelToJSON(c, m)}, nil
}

// deleteModel deletes the model with everything in it, and its numbers start again.
func deleteModel(c *call) (any, error) {
	m, err := findModel(c, c.in.str("name"))
	if err != nil {
		return nil, err
	}
	delete(c.space.models, m.name)
	return struct{}{}, nil
}

func setModelTag(c *call) (any, error) {
	key, value := c.in.str("key"), c.in.str("value")
	if err := checkModelName(c, c.in.str("name")); err != nil {
		return nil, err
	}
	if err := checkModelTag(c, key, value); err != nil {
		return nil, err
	}
	m, err := findModel(c, c.in.str("name"))
	if err != nil {
		return nil, err
	}
	if err := columns(c, column{"value", value, 5000}); err != nil {
		return nil, err
	}
	putTag(c, &m.tags, key, value)
	return struct{}{}, nil
}

func deleteModelTag(c *call) (any, error) {
	if err := checkModelName(c, c.in.str("name")); err != nil {
		return nil, err
	}
	if err := checkTagKey(c, c.in.str("key"), "key"); err != nil {
		return nil, err
	}
	m, err := findModel(c, c.in.str("name"))
	if err != nil {
		return nil, err
	}
	removeTag(c, &m.tags, c.in.str("key"))
	return struct{}{}, nil
}

// latestVersions returns the newest version of each requested stage, or of all stages.
func latestVersions(c *call) (any, error) {
	m, err := findModel(c, c.in.str("name"))
	if err != nil {
		return nil, err
	}
	wanted, err := canonicalStages(c.in.list("stages"))
	if err != nil {
		return nil, err
	}
	var out []versionJSON
	for _, v := range m.latest() {
		if slices.Contains(wanted, v.stage) {
			out = append(out, versionToJSON(c, v, c.sw.latestAliases))
		}
	}
	return struct {
		Versions []versionJSON `json:"model_versions,omitempty"`
	}{out}, nil
}

const mostModels = 1000

func searchModels(c *call) (any, error) {
	most := c.in.intOr("max_results", 100)
	if most > mostModels {
		return nil, invalid(
			"Invalid value for request parameter max_results. It must be at most %d, but got value %d",
			mostModels,
			most,
		)
	}
	clauses, err := parseFilter(c, modelFilter, c.in.str("filter"))
	if err != nil {
		return nil, err
	}
	order, err := modelOrder(c, c.in.list("order_by"))
	if err != nil {
		return nil, err
	}
	offset, err := parseToken(c.in.str("page_token"))
	if err != nil {
		return nil, err
	}
	var found []*model
	for _, m := range c.space.models {
		if mayRead(c, resourceModel, m.name) && modelMatches(c, m, clauses) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, order)
	shown, next := onePage(found, offset, most)
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

// onePage cuts one page out of a result. An empty page still says that more follows: a caller with max_results 0 never
// reaches the end, as on a real server.
func onePage[T any](all []T, offset, most int64) ([]T, string) {
	rest := all[min(int64(len(all)), max(offset, 0)):]
	if most < 0 {
		return nil, pageToken(offset + most)
	}
	if int64(len(rest)) <= most {
		return rest, ""
	}
	return rest[:most], pageToken(offset + most)
}
