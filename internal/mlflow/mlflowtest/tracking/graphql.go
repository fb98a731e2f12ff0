package tracking

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/access"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/artifacts"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// graphRoute is the endpoint behind MLflow's own pages.
var graphRoute = call.Route{Method: "POST", Path: "/graphql", Do: graphQL, Since: hasGraphQL}

// rootFields is the number of fields that newer servers accept in one query.
const rootFields = 10

// rootField matches one field of the only kind of query that this double understands, which lists a folder of a run.
var rootField = regexp.MustCompile(
	`(\w+): mlflowListArtifacts\(input: \$(\w+)\) \{files \{path isDir fileSize\} nextPageToken\}`,
)

// graphQL lists folders of several runs.
func graphQL(c *call.Call) (any, error) {
	var query struct {
		Query     string
		Variables map[string]struct{ RunID, Path string }
	}
	if err := json.Unmarshal(c.Body, &query); err != nil {
		return nil, wire.ErrCrash
	}
	var out struct {
		Data   map[string]any `json:"data"`
		Errors []string       `json:"errors"`
	}
	fields := rootField.FindAllStringSubmatch(query.Query, -1)
	switch {
	case len(fields) == 0:
		out.Errors = []string{"the double does not understand this query"}
	case len(fields) > rootFields && c.Dialect.GraphQLLimited:
		const refusal = "GraphQL queries should have at most %d root fields, got %d root fields. To increase the " +
			"limit, set the MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS environment variable."
		out.Errors = []string{fmt.Sprintf(refusal, rootFields, len(fields))}
	default:
		out.Data = map[string]any{}
		for _, f := range fields {
			input := query.Variables[f[2]]
			list, err := graphList(c, input.RunID, input.Path)
			if err != nil {
				out.Errors = append(out.Errors, graphError(err))
				out.Data[f[1]] = nil
				continue
			}
			out.Data[f[1]] = list
		}
	}
	return wire.JSON(http.StatusOK, out), nil
}

// graphError returns the message of an error, without its code.
func graphError(err error) string {
	var refused *wire.APIError
	if errors.As(err, &refused) {
		return refused.Message
	}
	return err.Error()
}

// graphList lists a folder of a run as GraphQL shows it. A login that may not read the run receives null.
func graphList(c *call.Call, id, dir string) (any, error) {
	r, err := call.FindRun(c, id)
	if err != nil {
		return nil, err
	}
	if c.Dialect.GraphQLRights && !access.MayRead(c, state.ResourceExperiment, r.Experiment) {
		return nil, nil
	}
	files, err := artifacts.List(c, r.ArtifactURI, dir)
	if err != nil {
		return nil, err
	}
	shown := []map[string]any{}
	for _, f := range files {
		shown = append(shown, map[string]any{"path": f.Path, "isDir": f.Dir, "fileSize": strconv.Itoa(f.Size)})
	}
	return map[string]any{"files": shown, "nextPageToken": ""}, nil
}
