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
)

// checkAssignable refuses aliases that the ledger protects. It looks into the ledger even if the input ledger is off, and into
// earlier pages if the newest does not tell.
func checkAssignable(ctx context.Context, s *session, l ledger.Chain) (err error) {
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

// refuseGuarded refuses aliases that gates of the policy guard, for the command alias. A target with allow-assign may be
// moved.
func refuseGuarded(p policy.Policy, rules []policy.TargetRule, in plan.Intent) error {
	for _, a := range in.Query.Aliases {
		// without case: some databases keep no two aliases that differ in case alone
		i := slices.IndexFunc(rules, func(t policy.TargetRule) bool { return t.Alias != "" && strings.EqualFold(t.Alias, a.Alias) })
		if i < 0 || slices.Contains(in.Assignable, a.Alias) {
			continue
		}
		return plan.Guarded(in, a, fmt.Sprintf("%s:%d has gates for it", p.File, rules[i].Line))
	}
	return nil
}

// runAlias sets or removes aliases that no gate guards.
func runAlias(ctx context.Context, s *session) {
	defer closeLedger(ctx, s)
	for again := true; again; {
		facts, err := s.ledger.read(ctx, func() (fact.Facts, error) { return gather.Aliases(ctx, s.client, s.set.Intent.Query) })
		if !s.gathered(ctx, facts, err) {
			return
		}
		if err := cmp.Or(checkAssignable(ctx, s, facts.Ledger), plan.Names(facts, s.set.Intent)); err != nil {
			s.fail(err)
			return
		}
		if p, digest, ok := plan.ResumeAliases(facts, s.set.Intent, s.ledger.holder); ok {
			again = s.carryOutWithDigest(ctx, p, digest, nil)
			continue
		}
		p, err := plan.Aliases(facts, s.set.Intent)
		again = s.carryOut(ctx, p, err)
	}
}
