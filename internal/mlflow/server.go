package mlflow

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// serverVersion reads MLflow's version; "" where the server does not tell (before 2.1, or behind a proxy).
func (c *Client) serverVersion(ctx context.Context) string {
	body, header, err := c.registry.Bytes(ctx, rest.Request{Method: "GET", Path: "version", Class: rest.Read, Limit: 100})
	if err != nil || strings.HasPrefix(header.Get("Content-Type"), "text/html") && strings.Contains(string(body), "<") {
		return ""
	}
	return strings.TrimSpace(string(body))
}

// Probe asks the server what it is and can do. It never fails: what could not be found out is in the report.
func (c *Client) Probe(ctx context.Context) registry.Server {
	s := registry.Server{Address: c.address}
	var info struct {
		Store      string `json:"store_type"`
		Workspaces bool   `json:"workspaces_enabled"`
	}
	var models struct {
		Models []modelJSON `json:"registered_models"`
		Next   string      `json:"next_page_token"`
	}
	var registryErr, infoErr, aliasErr, loggedErr error
	_ = parallel(
		func() error { s.Version = c.serverVersion(ctx); return nil },
		func() error {
			infoErr = c.registry.JSON(ctx, rest.Request{Method: "GET", Path: "api/3.0/mlflow/server-info", Class: rest.Read}, &info)
			return nil
		},
		func() error {
			query := url.Values{"max_results": {fmt.Sprint(namesPage)}}
			r := rest.Request{Method: "GET", Path: api + "registered-models/search", Query: query, Class: rest.Read, Limit: 32 << 20}
			registryErr = c.registry.JSON(ctx, r, &models)
			return nil
		},
		func() error {
			query := url.Values{"name": {"mlflow-promote-probe"}, "alias": {anyAlias}}
			aliasErr = get(ctx, c.registry, api+"registered-models/alias", query, "model_version", nil)
			return nil
		},
		func() error {
			body := map[string]any{"experiment_ids": []string{"0"}, "max_results": 1}
			loggedErr = c.tracking.JSON(ctx, rest.Request{Method: "POST", Path: api + "logged-models/search", Body: body, Class: rest.Read}, nil)
			return nil
		},
	)
	if registryErr != nil {
		s.Registry = Explain("list registered models", registryErr)
		return s
	}
	s.Aliases = aliasErr == nil || !noRoute(aliasErr)
	s.LoggedModels = loggedErr == nil || !noRoute(loggedErr)
	if infoErr == nil {
		s.Store, s.Workspaces = info.Store, info.Workspaces
	}
	s.Models, s.MoreModels = len(models.Models), models.Next != ""
	return s
}
