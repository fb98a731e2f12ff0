package mlflowtest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	active  = "active"
	deleted = "deleted"
)

type experiment struct {
	id      string
	name    string
	root    string // location of its runs' artifacts
	stage   string
	created int64
	updated int64
	tags    tags
}

type experimentJSON struct {
	ID        string `json:"experiment_id"`
	Name      string `json:"name"`
	Root      string `json:"artifact_location"`
	Stage     string `json:"lifecycle_stage"`
	Updated   int64  `json:"last_update_time,omitempty"`
	Created   int64  `json:"creation_time,omitempty"`
	Tags      tags   `json:"tags,omitempty"`
	Workspace string `json:"workspace,omitempty"`
}

func experimentToJSON(c *call, e *experiment) experimentJSON {
	out := experimentJSON{
		ID:      e.id,
		Name:    e.name,
		Root:    e.root,
		Stage:   e.stage,
		Updated: e.updated,
		Created: e.created,
		Tags:    e.tags,
	}
	if c.sw.experimentWorkspace {
		out.Workspace = c.space.name
	}
	return out
}

// addDefaultExperiment creates experiment 0, which exists on every server.
func addDefaultExperiment(s *Server) {
	sp := s.spaces[defaultWorkspace]
	now := s.millis()
	sp.experiments = append(sp.experiments, &experiment{
		id: "0", name: "Default", root: newArtifactRoot(s, sp, "0"), stage: active, created: now, updated: now,
	})
	s.nextExp = 1
}

const artifactRoot = "mlflow-artifacts:"

// newArtifactRoot returns the default location for an experiment's artifacts.
func newArtifactRoot(s *Server, sp *space, id string) string {
	return strings.TrimRight(cmp.Or(s.cfg.artifactRoot, artifactRoot), "/") + workspacePath(s, sp) + "/" + id
}

func (sp *space) experiment(id string) *experiment {
	for _, e := range sp.experiments {
		if e.id == id {
			return e
		}
	}
	return nil
}

func (sp *space) experimentNamed(name string) *experiment {
	for _, e := range sp.experiments {
		if e.name == name {
			return e
		}
	}
	return nil
}

// findExperiment finds an experiment by the id in a request. An empty id means experiment 0.
func findExperiment(c *call, id string) (*experiment, error) {
	if id == "" {
		id = "0"
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil && !c.sw.experimentIDs {
		return nil, missing("No Experiment with id=%s exists", id)
	}
	if err != nil {
		return nil, invalid("Invalid experiment ID '%s': experiment IDs must be integers.", id)
	}
	if e := c.space.experiment(digits(n)); e != nil {
		return e, nil
	}
	return nil, missing("No Experiment with id=%d exists", n)
}

func (e *experiment) mustBeActive() error {
	if e.stage == active {
		return nil
	}
	return invalid("The experiment %s must be in the 'active' state. Current state is %s.", e.id, e.stage)
}

// createExperiment succeeds for only one of several requests with the same name, and stores its tags in the same step.
// The name of a deleted experiment stays in use.
func createExperiment(c *call) (any, error) {
	name, root, t := c.in.str("name"), c.in.str("artifact_location"), c.in.tags("tags")
	if err := checkExperiment(c, name, t); err != nil {
		return nil, err
	}
	if experimentNamed(c, name) != nil {
		return nil, exists("Experiment(name=%s) already exists. Error: %s", name, uniqueViolation)
	}
	e := addExperiment(c.Server, c.space, name, root, t)
	makeOwner(c, resourceExperiment, e.id)
	return map[string]any{"experiment_id": e.id}, nil
}

func checkExperiment(c *call, name string, t tags) error {
	if err := checkLength(c, "name", name, 500); err != nil {
		return err
	}
	for _, e := range t {
		if err := checkExperimentTag(c, e.Key, e.Value); err != nil {
			return err
		}
	}
	return nil
}

func checkExperimentTag(c *call, key, value string) error {
	if err := checkTagKey(c, key, "key"); err != nil {
		return err
	}
	if err := checkLength(c, "key", key, 250); err != nil {
		return err
	}
	return checkLength(c, "value", value, experimentTagLimit)
}

const experimentTagLimit = 20_000

func addExperiment(s *Server, sp *space, name, root string, t tags) *experiment {
	id := strconv.Itoa(s.nextExp)
	s.nextExp++
	if root == "" {
		root = newArtifactRoot(s, sp, id)
	}
	now := s.millis()
	e := &experiment{id: id, name: name, root: root, stage: active, created: now, updated: now, tags: t}
	sp.experiments = append(sp.experiments, e)
	return e
}

func getExperiment(c *call) (any, error) {
	e, err := findExperiment(c, c.in.str("experiment_id"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"experiment": experimentToJSON(c, e)}, nil
}

func getExperimentByName(c *call) (any, error) {
	name := c.in.str("experiment_name")
	e := experimentNamed(c, name)
	if e == nil {
		return nil, missing("Could not find experiment with name '%s'", name)
	}
	return map[string]any{"experiment": experimentToJSON(c, e)}, nil
}

// deleteExperiment marks the experiment and its runs as deleted. Nothing is erased.
func deleteExperiment(c *call) (any, error) {
	return setExperimentStage(c, active, deleted)
}

func restoreExperiment(c *call) (any, error) {
	return setExperimentStage(c, deleted, active)
}

func setExperimentStage(c *call, from, to string) (any, error) {
	e, err := findExperiment(c, c.in.str("experiment_id"))
	if err != nil {
		return nil, err
	}
	if e.stage != from {
		return nil, missing("No Experiment with id=%s exists", e.id)
	}
	e.stage, e.updated = to, c.millis()
	for _, r := range c.space.runs {
		if r.experiment == e.id {
			r.lifecycle = to
		}
	}
	return struct{}{}, nil
}

func setExperimentTag(c *call) (any, error) {
	if err := checkExperimentTag(c, c.in.str("key"), c.in.str("value")); err != nil {
		return nil, err
	}
	e, err := findExperiment(c, c.in.str("experiment_id"))
	if err != nil {
		return nil, err
	}
	if err := e.mustBeActive(); err != nil {
		return nil, err
	}
	putTag(c, &e.tags, c.in.str("key"), c.in.str("value"))
	return struct{}{}, nil
}

var viewTypes = []string{"ACTIVE_ONLY", "DELETED_ONLY", "ALL"}

func inView(stage, view string) bool {
	switch view {
	case "ALL":
		return true
	case "DELETED_ONLY":
		return stage == deleted
	}
	return stage == active
}

func searchExperiments(c *call) (any, error) {
	most := c.in.int("max_results")
	if most < 1 {
		return nil, invalid(
			"Invalid value %d for parameter 'max_results' supplied. It must be a positive integer.", most,
		)
	}
	if most > 50_000 {
		return nil, invalid("Invalid value %d for parameter 'max_results' supplied. It must be at most 50000.", most)
	}
	clauses, err := parseFilter(c, experimentFilter, c.in.str("filter"))
	if err != nil {
		return nil, err
	}
	order, err := parseOrder(c, experimentFilter, c.in.list("order_by"))
	if err != nil {
		return nil, err
	}
	offset, err := parseToken(c.in.str("page_token"))
	if err != nil {
		return nil, err
	}
	var found []*experiment
	for _, e := range c.space.experiments {
		if inView(e.stage, c.in.str("view_type")) && mayRead(c, resourceExperiment, e.id) &&
			experimentMatches(c, e, clauses) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *experiment) int { return compareExperiments(c, a, b, order) })
	shown, next := onePage(found, offset, most)
	if c.sw.fullPageToken && int64(len(shown)) == most {
		next = pageToken(offset + most)
	}
	var out struct {
		Experiments []experimentJSON `json:"experiments,omitempty"`
		Next        string           `json:"next_page_token,omitempty"`
	}
	out.Next = next
	for _, e := range shown {
		out.Experiments = append(out.Experiments, experimentToJSON(c, e))
	}
	return out, nil
}

func experimentMatches(c *call, e *experiment, clauses []clause) bool {
	for _, cl := range clauses {
		if !experimentMeets(c, e, cl) {
			return false
		}
	}
	return true
}

func experimentMeets(c *call, e *experiment, cl clause) bool {
	switch {
	case cl.on == "tag":
		return tagMatches(c, e.tags, cl)
	case cl.key == "name":
		return textMatches(c, &e.name, cl)
	case cl.key == "experiment_id":
		return textMatches(c, &e.id, cl)
	case cl.key == "creation_time":
		return compareNumber(float64(e.created), cl)
	}
	return compareNumber(float64(e.updated), cl)
}

// compareExperiments orders experiments as requested, by default the newest first.
func compareExperiments(c *call, a, b *experiment, order []ordering) int {
	if len(order) == 0 {
		order = []ordering{{key: "creation_time", down: true}}
	}
	number := func(e *experiment) int { n, _ := strconv.Atoi(e.id); return n }
	for _, o := range order {
		n := 0
		switch o.key {
		case "name":
			n = compareText(c.Server, a.name, b.name)
		case "experiment_id":
			n = cmp.Compare(number(a), number(b))
		case "creation_time":
			n = cmp.Compare(a.created, b.created)
		default:
			n = cmp.Compare(a.updated, b.updated)
		}
		if n != 0 {
			return directed(n, o.down)
		}
	}
	return cmp.Compare(number(b), number(a))
}
