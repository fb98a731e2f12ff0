package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// checkAssignable returns an error if the ledger protects one of the aliases. It reads the ledger even if the input
// ledger is off, and it reads earlier pages if the newest one is not enough.
func checkAssignable(ctx context.Context, s *session, l ledger.Chain) (err error) {
	chain, view := s.ledger.ledger, s.ledger.view
	if s.set.Ledger == "off" {
		chain = &ledger.Ledger{Store: runstore.New(s.client), Model: s.set.Intent.Query.Model}
		if view, err = chain.Look(ctx); err != nil {
			s.console.warn(fmt.Sprintf("check whether the ledger protects these aliases: %v", err))
			return nil
		}
		l = view.Facts()
	}
	for _, a := range s.set.Intent.Query.Aliases {
		if e, protected := l.Protects(registry.AliasRef(a.Alias)); protected && e.Epoch == 0 {
			if l, err = chain.Past(ctx, view, rollbackPages); err != nil {
				return err
			}
			break
		}
	}
	return plan.Assignable(l, s.set.Intent)
}

// refuseGuarded returns an error if the policy has gates for one of the aliases. A target with allow-assign may be
// moved.
func refuseGuarded(p policy.Policy, rules []policy.TargetRule, in plan.Intent) error {
	for _, a := range in.Query.Aliases {
		// Upper and lower case are treated as equal, because some databases do the same.
		i := slices.IndexFunc(rules, func(t policy.TargetRule) bool {
			return t.Alias != "" && strings.EqualFold(t.Alias, a.Alias)
		})
		if i < 0 || slices.Contains(in.Assignable, a.Alias) {
			continue
		}
		return plan.Guarded(in, a, fmt.Sprintf("%s:%d has gates for it", p.File, rules[i].Line))
	}
	return nil
}

// runAlias sets or removes aliases that no gate protects.
func runAlias(ctx context.Context, s *session) {
	defer closeLedger(ctx, s)
	for again := true; again; {
		facts, err := s.ledger.read(ctx, func() (fact.Facts, error) {
			return gather.Aliases(ctx, s.client, s.set.Intent.Query)
		})
		if !s.gathered(ctx, facts, err) {
			return
		}
		if err := cmp.Or(checkAssignable(ctx, s, facts.Ledger), plan.Names(facts, s.set.Intent)); err != nil {
			s.fail(err)
			return
		}
		if p, digest, ok := plan.ResumeAliases(facts, s.set.Intent, s.ledger.holder); ok {
			again = s.carryOut(ctx, p, digest, nil)
			continue
		}
		p, err := plan.Aliases(facts, s.set.Intent)
		again = s.carryOut(ctx, p, "", err)
	}
}
