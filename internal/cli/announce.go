package cli

import (
	"context"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/claim"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/notify"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// announced ends the run's deployment and sends its notifications in parallel, and returns the run with the results.
// The outcome of the move has already been stored, so neither of them changes it.
func announced(ctx context.Context, e *env, l *claim.Session, m *move, r report.Run) report.Run {
	var end deploymentEnd
	var wg sync.WaitGroup
	wg.Go(func() { end = m.endDeployment(r) })
	notified := notifyAll(ctx, e, l, m, r.Receipt)
	wg.Wait()
	r.Notified, r.Deployment = notified, end.deployment
	r.Plan.Notes = append(r.Plan.Notes, end.notes...)
	r.Receipt.Results = append(r.Receipt.Results, end.tags...)
	return r
}

// notifyAll sends the notification about this run's move, and those about the same model that earlier runs could not
// send.
func notifyAll(
	ctx context.Context, e *env, l *claim.Session, m *move, receipt plan.Receipt,
) []report.NotificationResult {
	if len(e.set.Notify.Names()) == 0 || e.start.Dry {
		return nil
	}
	v := l.View
	var own *notify.Notification
	if m != nil && receipt.Err == nil {
		own = m.notification(receipt.Version)
		if _, recorded := m.entry.Entry(); recorded {
			v = m.entry.View
		}
	}
	if l.Off != "" {
		return e.notifier.Send(ctx, nil, v, own)
	}
	return e.notifier.Send(ctx, l.Ledger, v, own)
}

// notifyEarlier sends the notifications about any model that earlier runs could not send. It runs after an audit,
// because a model might never be promoted again, and nothing else would send them in that case.
func notifyEarlier(ctx context.Context, e *env) (out []report.NotificationResult) {
	if len(e.set.Notify.Names()) == 0 {
		return nil
	}
	names := []string{e.set.Intent.Query.Model}
	if names[0] == "" {
		var err error
		if names, err = runstore.Promoted(ctx, e.client); err != nil {
			e.console.Warn("find models with unsent notifications: " + err.Error())
			return nil
		}
	}
	for _, name := range names {
		r := ledgerReader(e, name)
		l := &ledger.Ledger{Store: r.Store, Model: name, Ring: r.Ring, Now: r.Now, Pause: e.client.Pause}
		model, err := e.client.Models.Get(ctx, name)
		var v ledger.View
		if err == nil {
			v, err = l.Look(ctx)
			v, err = l.Confirm(ctx, v, err, model.OrZero().Tags)
		}
		if err != nil {
			e.console.Warn("read the unsent notifications of " + name + ": " + err.Error())
			continue
		}
		out = append(out, e.notifier.Send(ctx, l, v, nil)...)
	}
	return out
}
