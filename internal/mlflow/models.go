package mlflow

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
)

// model reads a registered model.
func (c *Client) model(ctx context.Context, name string) (registry.Known[registry.Model], error) {
	m, _, err := c.modelOrTwin(ctx, name)
	return m, err
}

// modelOrTwin reads a registered model. A server on MySQL compares names without case and accents: a model of another
// name than the one asked for is absent, and its name is the twin.
func (c *Client) modelOrTwin(ctx context.Context, name string) (m registry.Known[registry.Model], twin string, err error) {
	var out struct {
		Model modelJSON `json:"registered_model"`
	}
	err = get(ctx, c.registry, api+"registered-models/get", url.Values{"name": {name}}, "registered_model", &out)
	switch {
	case isMissing(err):
		return registry.Absent[registry.Model](fmt.Sprintf("there is no registered model %q", name)), "", nil
	case err != nil:
		return registry.Known[registry.Model]{}, "", Explain("read registered model "+name, err)
	case out.Model.Name != name:
		why := fmt.Sprintf("there is no registered model %q, only %q", name, out.Model.Name)
		return registry.Absent[registry.Model](why), out.Model.Name, nil
	}
	return registry.Is(out.Model.model()), "", nil
}

// namesPage is the largest page of registered-models/search; more is refused, and 0 sends endless empty pages.
const namesPage = 1000

// modelNames lists the names of all registered models.
func (c *Client) ModelNames(ctx context.Context) ([]string, error) {
	var names []string
	var pages pager
	query := url.Values{"max_results": {fmt.Sprint(namesPage)}}
	for {
		var out struct {
			Models []modelJSON `json:"registered_models"`
			Next   string      `json:"next_page_token"`
		}
		r := rest.Request{Method: "GET", Path: api + "registered-models/search", Query: query, Class: rest.Read, Limit: 32 << 20, Read: &pages.bytes}
		if err := c.registry.JSON(ctx, r, &out); err != nil {
			return nil, Explain("list registered models", err)
		}
		for _, m := range out.Models {
			names = append(names, m.Name)
		}
		if more, err := pages.more(out.Next); err != nil {
			return nil, Explain("list registered models", err)
		} else if !more {
			return names, nil
		}
		query.Set("page_token", out.Next)
	}
}

// nearModels lists the registered models that may be meant by a name that none has: the twin that the database takes
// the name for ("" if it takes it for none), and those whose names are near.
func (c *Client) nearModels(ctx context.Context, name, twin string) ([]string, error) {
	names, err := c.ModelNames(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	if twin != "" {
		out = append(out, twin)
	}
	for _, n := range names {
		if n != twin && spelling.Near(name, n) {
			out = append(out, n)
		}
	}
	return out, nil
}

// createModel makes the registered model. That it exists already is success: somebody was faster.
func (c Writer) createModel(ctx context.Context, s plan.Step) (bool, error) {
	body := map[string]any{"name": s.Model, "tags": pairList(s.Tags)}
	if s.Description != "" {
		body["description"] = s.Description
	}
	r := rest.Request{Method: "POST", Path: api + "registered-models/create", Body: body, Class: rest.Write, Expect: "registered_model"}
	existed := false
	op := "create registered model " + s.Model
	w := settling{c: c.Client, op: op, explain: func(err error) error { return c.explainWrite(op, s, err) }}
	_, err := w.settle(ctx, func(try int) error {
		err := c.registry.JSON(ctx, r, nil)
		existed = try == 0 && alreadyExists(err) && !unclear(err)
		return err
	}, func(ctx context.Context) (there bool, err error) {
		m, err := c.model(ctx, s.Model)
		_, there = m.Get()
		return there, err
	})
	return err == nil && !existed, err
}

// pairList is a map of tags as MLflow wants it, in the order of the keys.
func pairList(tags map[string]string) []pair {
	out := make([]pair, 0, len(tags))
	for _, key := range sortedKeys(tags) {
		out = append(out, pair{key, tags[key]})
	}
	return out
}

// quoted writes a value of a search filter. The grammar has no escapes: a value that holds both kinds of quotes cannot
// be written, and the caller has to filter what comes back. ok is false then.
func quoted(value string) (text string, ok bool) {
	switch {
	case !strings.Contains(value, "'"):
		return "'" + value + "'", true
	case !strings.Contains(value, `"`):
		return `"` + value + `"`, true
	}
	return "", false
}

// byName is the term of a search for the versions of a model. A name that holds both kinds of quotes becomes a pattern
// that other names may fit too.
func byName(name string) string {
	if text, ok := quoted(name); ok {
		return "name = " + text
	}
	pattern := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`'"\\`, r) {
			return '_'
		}
		return r
	}, name)
	return "name LIKE '" + pattern + "'"
}
