package github

import (
	"context"
	"errors"

	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Config says which GitHub, in whose name, about which repository.
type Config struct {
	API        string // GITHUB_API_URL: https://api.github.com, https://HOST/api/v3, https://api.SUB.ghe.com
	Token      string
	Repository string // owner/name
}

// Client acts on one repository. It is safe for concurrent use; writes are sent one at a time.
type Client struct{}

// New checks the configuration without any traffic.
func New(c Config, wire rest.Config) (*Client, error) {
	return nil, errors.New("not yet")
}

// RunCompleted reports whether a workflow run of this repository has ended.
func (c *Client) RunCompleted(ctx context.Context, runID int64) (bool, error) {
	return false, errors.New("not yet")
}
