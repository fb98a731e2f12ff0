package mlflowtest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// loggedModel is a logged model of MLflow 3. It has its own location for artifacts.
type loggedModel struct {
	id          string
	experiment  string
	name        string
	artifactURI string
	created     int64
	updated     int64
	modelType   string
	sourceRun   string
	status      string
	deleted     bool
	tags        tags
	params      tags
	metrics     []loggedMetric
}

// loggedMetric is a value that a run logged on a model.
type loggedMetric struct {
	point
	Dataset string `json:"dataset_name,omitempty"`
	Digest  string `json:"dataset_digest,omitempty"`
	Model   string `json:"model_id"`
	Run     string `json:"run_id"`
}

type loggedModelJSON struct {
	Info struct {
		ID          string `json:"model_id"`
		Experiment  string `json:"experiment_id"`
		Name        string `json:"name"`
		Created     int64  `json:"creation_timestamp_ms"`
		Updated     int64  `json:"last_updated_timestamp_ms"`
		ArtifactURI string `json:"artifact_uri"`
		Status      string `json:"status"`
		ModelType   string `json:"model_type"`
		SourceRun   string `json:"source_run_id"`
		Tags        tags   `json:"tags,omitempty"`
	} `json:"info"`
	Data struct {
		Params  tags           `json:"params,omitempty"`
		Metrics []loggedMetric `json:"metrics,omitempty"`
	} `json:"data"`
}

func (m *loggedModel) shown() loggedModelJSON {
	var out loggedModelJSON
	i := &out.Info
	i.ID, i.Experiment, i.Name, i.Created, i.Updated = m.id, m.experiment, m.name, m.created, m.updated
	i.ArtifactURI, i.Status, i.ModelType = m.artifactURI, m.status, m.modelType
	i.SourceRun, i.Tags = m.sourceRun, m.tags
	out.Data.Params, out.Data.Metrics = m.params, m.metrics
	return out
}

func (sp *space) loggedModel(id string) *loggedModel {
	for _, m := range sp.logged {
		if m.id == id && !m.deleted {
			return m
		}
	}
	return nil
}

func findLoggedModel(c *call, id string) (*loggedModel, error) {
	if m := c.space.loggedModel(id); m != nil {
		return m, nil
	}
	return nil, missing("Logged model with ID '%s' not found.", id)
}

const (
	modelPending = "LOGGED_MODEL_PENDING"
	modelReady   = "LOGGED_MODEL_READY"
)

var modelStatuses = []string{modelPending, modelReady, "LOGGED_MODEL_UPLOAD_FAILED"}

func createLoggedModel(c *call) (any, error) {
	name := c.in.str("name")
	if strings.ContainsAny(name, `/:.%"'`) {
		return nil, invalid(
			"Invalid model name ('%s') provided. Model name must be a non-empty string and cannot contain the "+
				"following characters: ('/', ':', '.', '%%', '\"', \"'\")",
			name,
		)
	}
	e, err := findExperiment(c, c.in.str("experiment_id"))
	if err != nil {
		return nil, err
	}
	if err := e.mustBeActive(); err != nil {
		return nil, err
	}
	m := addLoggedModel(c.Server, c.space, e, name, c.in.str("source_run_id"))
	m.modelType, m.tags, m.params = c.in.str("model_type"), c.in.tags("tags"), c.in.tags("params")
	return map[string]any{"model": m.shown()}, nil
}

func addLoggedModel(s *Server, sp *space, e *experiment, name, run string) *loggedModel {
	id := "m-" + newID(s, "model")
	if name == "" {
		name = runName(id)
	}
	now := s.millis()
	m := &loggedModel{
		id: id, experiment: e.id, name: name, artifactURI: e.root + "/models/" + id + "/artifacts",
		created: now, updated: now, sourceRun: run, status: modelPending,
	}
	sp.logged = append(sp.logged, m)
	return m
}

// logOnModel stores a value on the model in the request, if the model exists. Like a server before 3.17, it checks no
// right on the model. The database has no column that marks NaN on a model: it is stored as 0.
func logOnModel(c *call, r *run, p point, in *message) {
	m := c.space.loggedModel(in.str("model_id"))
	if m == nil {
		return
	}
	if math.IsNaN(float64(p.Value)) {
		p.Value = 0
	}
	v := loggedMetric{
		point:   asStored(p),
		Dataset: in.str("dataset_name"),
		Digest:  in.str("dataset_digest"),
		Model:   m.id,
		Run:     r.id,
	}
	if !slices.Contains(m.metrics, v) {
		m.metrics = append(m.metrics, v)
	}
}

func getLoggedModel(c *call) (any, error) {
	m, err := findLoggedModel(c, c.path["model_id"])
	if err != nil {
		return nil, err
	}
	return map[string]any{"model": m.shown()}, nil
}

func finalizeLoggedModel(c *call) (any, error) {
	m, err := findLoggedModel(c, c.path["model_id"])
	if err != nil {
		return nil, err
	}
	m.status, m.updated = cmp.Or(c.in.str("status"), m.status), c.millis()
	return map[string]any{"model": m.shown()}, nil
}

func deleteLoggedModel(c *call) (any, error) {
	m, err := findLoggedModel(c, c.path["model_id"])
	if err != nil {
		return nil, err
	}
	m.deleted, m.updated = true, c.millis()
	return struct{}{}, nil
}

func setLoggedModelTags(c *call) (any, error) {
	m, err := findLoggedModel(c, c.path["model_id"])
	if err != nil {
		return nil, err
	}
	for _, t := range c.in.tags("tags") {
		m.tags.put(t.Key, t.Value)
	}
	return struct{}{}, nil
}

const versionsTag = "mlflow.modelVersions"

// noteVersion is the second half of creating a version: it tells the logged model about it. If the model does not
// exist, the request fails, although the version was created.
func noteVersion(c *call, modelID string, v *version) error {
	m, err := findLoggedModel(c, modelID)
	if err != nil {
		return err
	}
	m.tags.noteVersion(v)
	return nil
}

// Servers keep the list of versions in one tag, as Python writes JSON.
func (t *tags) noteVersion(v *version) {
	entry := fmt.Sprintf(`{"name": %s, "version": %d}`, compact(v.name), v.number)
	if old, ok := t.get(versionsTag); ok {
		entry = strings.TrimSuffix(strings.TrimPrefix(old, "["), "]") + ", " + entry
	}
	t.put(versionsTag, "["+entry+"]")
}

var loggedModelFilter = filterRules{
	attributes: []string{
		"name",
		"model_id",
		"model_type",
		"status",
		"source_run_id",
		"experiment_id",
		"creation_timestamp",
		"creation_time",
		"last_updated_timestamp",
		"artifact_location",
	},
	numeric:  []string{"creation_timestamp", "creation_time", "last_updated_timestamp"},
	entities: map[string]string{"attributes": "attribute", "tags": "tag", "params": "parameter", "metrics": "metric"},
	lax:      true,
}

// modelToken continues one search of logged models and no other.
type modelToken struct {
	Offset      int64    `json:"offset"`
	Experiments []string `json:"experiment_ids"`
	Filter      string   `json:"filter_string"`
	Order       string   `json:"order_by"`
}

func searchLoggedModels(c *call) (any, error) {
	ids, filter := c.in.list("experiment_ids"), c.in.str("filter")
	order, err := loggedOrder(c)
	if err != nil {
		return nil, err
	}
	token := modelToken{Experiments: ids, Filter: filter, Order: fmt.Sprint(order)}
	offset, err := token.follow(c.in.str("page_token"))
	if err != nil {
		return nil, err
	}
	clauses, err := parseFilter(c, loggedModelFilter, filter)
	if err != nil {
		return nil, err
	}
	var found []*loggedModel
	for _, m := range c.space.logged {
		if !m.deleted && slices.Contains(ids, m.experiment) && mayRead(c, resourceExperiment, m.experiment) &&
			loggedModelMatches(c, m, clauses) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b *loggedModel) int { return compareLogged(a, b, order) })
	most := cmp.Or(c.in.int("max_results"), 100)
	shown, next := onePage(found, offset, most)
	var out struct {
		Models []loggedModelJSON `json:"models,omitempty"`
		Next   string            `json:"next_page_token,omitempty"`
	}
	if next != "" {
		token.Offset = offset + most
		b, _ := json.Marshal(token) // strings and a number can always be encoded
		out.Next = base64.StdEncoding.EncodeToString(b)
	}
	for _, m := range shown {
		out.Models = append(out.Models, m.shown())
	}
	return out, nil
}

// follow reads the token of an earlier page of the same search.
func (t modelToken) follow(raw string) (int64, error) {
	if raw == "" {
		return 0, nil
	}
	b, err := base64.StdEncoding.DecodeString(raw)
	var earlier modelToken
	if err != nil || json.Unmarshal(b, &earlier) != nil {
		return 0, errCrash
	}
	switch {
	case !slices.Equal(earlier.Experiments, t.Experiments):
		return 0, invalid("Experiment IDs in the page token do not match the requested experiment IDs.")
	case earlier.Filter != t.Filter:
		return 0, invalid("Filter string in the page token does not match the requested filter string.")
	case earlier.Order != t.Order:
		return 0, invalid("Order by in the page token does not match the requested order by.")
	}
	return earlier.Offset, nil
}

func loggedOrder(c *call) ([]ordering, error) {
	var out []ordering
	for _, m := range c.in.each("order_by") {
		o := ordering{on: "attribute", key: m.str("field_name"), down: m.has("ascending") && !m.bool("ascending")}
		if !slices.Contains(loggedModelFilter.attributes, o.key) {
			return nil, &apiError{
				"INVALID_PARAMETER_VALUE",
				"Invalid order by field name: " + o.key,
				"ATTRIBUTE_NOT_FOUND",
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// compareLogged orders logged models as requested, then the newest first.
func compareLogged(a, b *loggedModel, order []ordering) int {
	for _, o := range order {
		n := 0
		switch o.key {
		case "creation_timestamp", "creation_time":
			n = cmp.Compare(a.created, b.created)
		case "last_updated_timestamp":
			n = cmp.Compare(a.updated, b.updated)
		default:
			n = strings.Compare(a.attribute(o.key), b.attribute(o.key))
		}
		if n != 0 {
			return directed(n, o.down)
		}
	}
	return cmp.Or(-cmp.Compare(a.created, b.created), strings.Compare(a.id, b.id))
}

func loggedModelMatches(c *call, m *loggedModel, clauses []clause) bool {
	for _, cl := range clauses {
		if !loggedModelMeets(c, m, cl) {
			return false
		}
	}
	return true
}

func loggedModelMeets(c *call, m *loggedModel, cl clause) bool {
	switch cl.on {
	case "tag":
		return tagMatches(c, m.tags, cl)
	case "parameter":
		return tagMatches(c, m.params, cl)
	case "metric":
		return false // no case orders logged models by a metric
	}
	switch cl.key {
	case "creation_timestamp", "creation_time":
		return compareNumber(float64(m.created), cl)
	case "last_updated_timestamp":
		return compareNumber(float64(m.updated), cl)
	}
	have := m.attribute(cl.key)
	return textMatches(c, &have, cl)
}

func (m *loggedModel) attribute(key string) string {
	switch key {
	case "model_id":
		return m.id
	case "model_type":
		return m.modelType
	case "status":
		return strings.TrimPrefix(m.status, "LOGGED_MODEL_")
	case "source_run_id":
		return m.sourceRun
	case "experiment_id":
		return m.experiment
	case "artifact_location":
		return m.artifactURI
	}
	return m.name
}
