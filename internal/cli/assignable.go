package cli

import (
	"context"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
)

// assignable refuses aliases that the ledger protects. It looks into the ledger even if the input ledger is off, and into
// earlier pages if the newest does not tell.
func assignable(ctx context.Context, s *session, l ledger.Chain) (err error) {
	book, view := s.ledger.ledger, s.ledger.view
	if s.set.Ledger == "off" {
		book = &ledger.Ledger{Store: runstore.New(s.client), Model: s.set.Intent.Query.Model}
		if view, err = book.Look(ctx); err != nil {
			s.console.warn(fmt.Sprintf("the ledger may protect these aliases, and cannot be read: %v", err))
			return nil
		}
		l = view.Facts()
	}
	for _, a := range s.set.Intent.Query.Aliases {
		if e, protected := l.Protects("@" + a.Alias); protected && e.Epoch == 0 {
			if l, err = book.Past(ctx, view, rollbackPages); err != nil {
				return err
			}
			break
		}
	}
	return plan.Assignable(l, s.set.Intent)
}
