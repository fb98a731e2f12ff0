package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/claim"
	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/gather"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// checkAssignable returns an error if the ledger protects one of the aliases. It reads the ledger even if the `ledger`
// input is `off`, and reads earlier pages if the newest one is not enough. tags contains the model's tags.
func checkAssignable(
	ctx context.Context, e *env, session *claim.Session, l ledger.Chain, tags map[string]string,
) (err error) {
	chain, view := session.Ledger, session.View
	if e.set.Ledger == "off" {
		r := ledgerReader(e, e.set.Intent.Query.Model)
		chain = &ledger.Ledger{Store: r.Store, Model: r.Model, Ring: r.Ring, Now: r.Now}
		view, err = chain.Look(ctx)
		if view, err = chain.Confirm(ctx, view, err, tags); err != nil {
			e.console.Warn(fmt.Sprintf("check whether the ledger protects these aliases: %v", err))
			return nil
		}
		l = view.Facts()
	}
	for _, a := range e.set.Intent.Query.Aliases {
		if entry, protected := l.Protects(registry.AliasRef(a.Alias)); protected && entry.Epoch == 0 {
			if l, err = chain.Past(ctx, view, rollbackPages); err != nil {
				return err
			}
			break
		}
	}
	return plan.Assignable(l, e.set.Intent)
}

// refuseGuarded returns an error if the policy has gates for one of the aliases. Targets with `allow-assign` may be
// moved.
func refuseGuarded(p policy.Policy, rules []policy.TargetRule, in plan.Intent) error {
	for _, a := range in.Query.Aliases {
		// Case is ignored, because some databases ignore it too.
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
func runAlias(ctx context.Context, e *env) report.Outcome {
	l := openLedger(e)
	r, m := assign(ctx, e, l)
	return report.AliasOutcome(concluded(ctx, e, l, m, r))
}

func assign(ctx context.Context, e *env, l *claim.Session) (r report.Run, m *move) {
	r = e.start
	for again := true; again; {
		facts, err := l.Read(ctx, func() (fact.Facts, error) {
			return gather.Aliases(ctx, e.client, e.set.Intent.Query)
		})
		if facts, err = gathered(ctx, e, facts, err); err != nil {
			return failed(r, err), m
		}
		r.Facts = facts
		err = checkAssignable(ctx, e, l, facts.Ledger, facts.Model.OrZero().Tags)
		if err = cmp.Or(err, plan.Names(facts, e.set.Intent)); err != nil {
			return failed(r, err), m
		}
		next := proposal{facts: facts}
		var resumes bool
		if next.plan, next.digest, resumes = plan.ResumeAliases(facts, e.set.Intent, l.Holder); !resumes {
			next.plan, next.err = plan.Aliases(facts, e.set.Intent)
		}
		r, m, again = carryOut(ctx, e, l, r, next)
	}
	return r, m
}
