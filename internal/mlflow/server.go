package mlflow

import (
	"context"
	"strings"

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
