package connect

import (
	"context"
	"os"

	"github.com/mlflow-promote/mlflow-promote/internal/bundle"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Bundle verifies the bundle in a folder, and prints what it contains. It returns the candidate, and a client that
// answers all requests from the folder. In messages and records, the client's address is that of the server that wrote
// the bundle.
func (s *Servers) Bundle(
	ctx context.Context, folder *os.Root, c bundle.Check,
) (*mlflow.Client, registry.Candidate, error) {
	b, err := bundle.Open(ctx, folder, c)
	if err != nil {
		return nil, registry.Candidate{}, err
	}
	for _, line := range b.Describe() {
		s.Console.Println(line)
	}
	if b.Unsigned != "" {
		s.Console.Warn("the bundle is used although " + b.Unsigned + " (override: unsigned)")
	}
	wire := s.Config()
	wire.Base, wire.Transport, wire.Attempts = bundle.Address, b.Transport(s.Clock), 1
	client, err := rest.New(wire)
	if err != nil {
		return nil, registry.Candidate{}, err
	}
	return mlflow.New(client, client, mlflow.About{Address: b.Origin().Server}, s.Jitter), b.Candidate, nil
}
