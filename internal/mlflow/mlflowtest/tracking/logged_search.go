package tracking

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/access"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/search"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

var loggedModelFilter = search.Rules{
	Attributes: []string{
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
	Numeric:  []string{"creation_timestamp", "creation_time", "last_updated_timestamp"},
	Entities: map[string]string{"attributes": "attribute", "tags": "tag", "params": "parameter", "metrics": "metric"},
	Lax:      true,
}

// modelToken is the page token for one particular search for logged models.
type modelToken struct {
	Offset      int64    `json:"offset"`
	Experiments []string `json:"experiment_ids"`
	Filter      string   `json:"filter_string"`
	Order       string   `json:"order_by"`
}

func searchLoggedModels(c *call.Call) (any, error) {
	ids, filter := c.In.List("experiment_ids"), c.In.Str("filter")
	order, err := loggedOrder(c)
	if err != nil {
		return nil, err
	}
	token := modelToken{Experiments: ids, Filter: filter, Order: fmt.Sprint(order)}
	offset, err := token.follow(c.In.Str("page_token"))
	if err != nil {
		return nil, err
	}
	clauses, err := search.Parse(c.Dialect, loggedModelFilter, filter)
	if err != nil {
		return nil, err
	}
	var found []*state.LoggedModel
	for _, m := range c.Space.Logged {
		if !m.Deleted && slices.Contains(ids, m.Experiment) &&
			access.MayRead(c, state.ResourceExperiment, m.Experiment) && loggedModelMatches(c.Dialect, m, clauses) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b *state.LoggedModel) int { return compareLogged(a, b, order) })
	most := cmp.Or(c.In.Int("max_results"), 100)
	shown, next := search.Page(found, offset, most)
	var out struct {
		Models []loggedModelJSON `json:"models,omitempty"`
		Next   string            `json:"next_page_token,omitempty"`
	}
	if next != "" {
		token.Offset = offset + most
		b, _ := json.Marshal(token) // cannot fail, because strings and numbers can always be encoded
		out.Next = base64.StdEncoding.EncodeToString(b)
	}
	for _, m := range shown {
		out.Models = append(out.Models, loggedModelToJSON(m))
	}
	return out, nil
}

// follow parses the token from an earlier page of the same search, and returns the offset.
func (t modelToken) follow(raw string) (int64, error) {
	if raw == "" {
		return 0, nil
	}
	b, err := base64.StdEncoding.DecodeString(raw)
	var earlier modelToken
	if err != nil || json.Unmarshal(b, &earlier) != nil {
		return 0, wire.ErrCrash
	}
	switch {
	case !slices.Equal(earlier.Experiments, t.Experiments):
		return 0, wire.Invalid("Experiment IDs in the page token do not match the requested experiment IDs.")
	case earlier.Filter != t.Filter:
		return 0, wire.Invalid("Filter string in the page token does not match the requested filter string.")
	case earlier.Order != t.Order:
		return 0, wire.Invalid("Order by in the page token does not match the requested order by.")
	}
	return earlier.Offset, nil
}

func loggedOrder(c *call.Call) ([]search.Ordering, error) {
	var out []search.Ordering
	for _, m := range c.In.Each("order_by") {
		down := m.Has("ascending") && !m.Bool("ascending")
		o := search.Ordering{On: "attribute", Key: m.Str("field_name"), Down: down}
		if !slices.Contains(loggedModelFilter.Attributes, o.Key) {
			return nil, &wire.APIError{
				Code:    "INVALID_PARAMETER_VALUE",
				Message: "Invalid order by field name: " + o.Key,
				Class:   "ATTRIBUTE_NOT_FOUND",
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// compareLogged orders logged models as requested, and otherwise with the newest first.
func compareLogged(a, b *state.LoggedModel, order []search.Ordering) int {
	for _, o := range order {
		n := 0
		switch o.Key {
		case "creation_timestamp", "creation_time":
			n = cmp.Compare(a.Created, b.Created)
		case "last_updated_timestamp":
			n = cmp.Compare(a.Updated, b.Updated)
		default:
			n = strings.Compare(loggedAttribute(a, o.Key), loggedAttribute(b, o.Key))
		}
		if n != 0 {
			return search.Directed(n, o.Down)
		}
	}
	return cmp.Or(-cmp.Compare(a.Created, b.Created), strings.Compare(a.ID, b.ID))
}

func loggedModelMatches(d *dialect.Dialect, m *state.LoggedModel, clauses []search.Clause) bool {
	return search.All(clauses, func(cl search.Clause) bool { return loggedModelMeets(d, m, cl) })
}

func loggedModelMeets(d *dialect.Dialect, m *state.LoggedModel, cl search.Clause) bool {
	switch cl.On {
	case "tag":
		return search.TagMatches(d, m.Tags, cl)
	case "parameter":
		return search.TagMatches(d, m.Params, cl)
	case "metric":
		return false // no conformance case orders logged models by a metric
	}
	switch cl.Key {
	case "creation_timestamp", "creation_time":
		return search.NumberMatches(float64(m.Created), cl)
	case "last_updated_timestamp":
		return search.NumberMatches(float64(m.Updated), cl)
	}
	have := loggedAttribute(m, cl.Key)
	return search.TextMatches(d, &have, cl)
}

func loggedAttribute(m *state.LoggedModel, key string) string {
	switch key {
	case "model_id":
		return m.ID
	case "model_type":
		return m.ModelType
	case "status":
		return strings.TrimPrefix(m.Status, "LOGGED_MODEL_")
	case "source_run_id":
		return m.SourceRun
	case "experiment_id":
		return m.Experiment
	case "artifact_location":
		return m.ArtifactURI
	}
	return m.Name
}
