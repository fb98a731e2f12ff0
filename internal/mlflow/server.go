package mlflow

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// InWorkspace fails if a workspace is requested and the server does not support workspaces. An older server would
// ignore the header and change models that belong to other teams.
func (c *Client) InWorkspace(ctx context.Context) error {
	if c.Workspace == "" {
		return nil
	}
	if err := c.Dialect.Workspaces.Err("workspace " + c.Workspace); err != nil {
		return err
	}
	var info struct {
		Workspaces bool `json:"workspaces_enabled"`
	}
	err := Get(ctx, c.Registry, "api/3.0/mlflow/server-info", nil, "", &info)
	switch {
	case err != nil && !NoRoute(err) && !IsStatus(err, 500, "FEATURE_DISABLED"):
		return Explain("read the server's features", err)
	case err != nil || !info.Workspaces:
		return &registry.Error{
			Reason: registry.Unsupported, Msg: fmt.Sprintf("workspace %s: this server runs without "+
				"workspaces", c.Workspace), Detail: ServerText(err), Cause: err,
			Hint: "leave the workspace input empty, or start the server with --enable-workspaces (MLflow 3.10 and " +
				"later)",
		}
	}
	return nil
}

// ServerVersion returns MLflow's version, or "" if the server does not report it (before 2.1, behind a proxy, or if it
// is hosted).
func (c *Client) ServerVersion(ctx context.Context) string {
	if c.Dialect.Hosted {
		return ""
	}
	body, header, err := c.Registry.Bytes(
		ctx, rest.Request{Method: "GET", Path: "version", Class: rest.Read, Limit: 100},
	)
	if err != nil || strings.HasPrefix(header.Get("Content-Type"), "text/html") && strings.Contains(string(body), "<") {
		return ""
	}
	return strings.TrimSpace(string(body))
}

// ChecksSources reports whether the registry refuses versions whose files are in the store of a different MLflow
// server. MLflow has done so since 3.17, the first release to report the feature that ChecksSources asks about.
func (c *Client) ChecksSources(ctx context.Context) bool {
	var info struct {
		Since317 bool `json:"presigned_upload_model_id_supported"`
	}
	return !c.Dialect.Hosted && Get(ctx, c.Registry, "api/3.0/mlflow/server-info", nil, "", &info) == nil &&
		info.Since317
}

// ErrElsewhere returns the error for files that a registry on a different server refuses.
func (c *Client) ErrElsewhere(location string) error {
	return &registry.Error{
		Reason: registry.Unsupported,
		Msg: fmt.Sprintf(
			"the registry at %s does not accept %s, because these files are in the store of the tracking server %s",
			c.Address, location, c.Tracking.Host(),
		),
		Hint: "MLflow 3.17 and later registers only files of its own runs, or files in a store such as s3://. Start " +
			"the tracking server with --no-serve-artifacts --default-artifact-root s3://BUCKET and train again, or " +
			"leave registry-uri empty to register on the tracking server",
	}
}
