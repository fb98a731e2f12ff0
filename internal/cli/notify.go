package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/runstore"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// channel is one receiver of notifications.
type channel struct {
	name string // without secrets; the ledger stores it until the notification is sent
	send func(context.Context, ledger.Event) error
}

// notifier sends notifications about moves.
type notifier struct {
	settings inputs.Notify
	gitHub   *gitHubSession
	config   func() rest.Config // settings of connections
	console  *console
	lateCtx  context.Context // for writes after a cancellation
}

// channels returns the channels of the inputs, in the order of Notify.Names.
func (n *notifier) channels() []channel {
	settings := n.settings
	var senders []func(context.Context, ledger.Event) error
	for _, d := range settings.Dispatches {
		senders = append(senders, func(ctx context.Context, e ledger.Event) error { return n.dispatch(ctx, d, e) })
	}
	if settings.Webhook != "" {
		senders = append(senders, n.postWebhook)
	}
	if settings.Slack != "" {
		senders = append(senders, n.postSlack)
	}
	var out []channel
	for i, name := range settings.Names() {
		out = append(out, channel{name, senders[i]})
	}
	return out
}

// dispatch sends the event to GitHub. A workflow must declare each of its inputs, so the whole event is one input.
func (n *notifier) dispatch(ctx context.Context, d inputs.Dispatch, e ledger.Event) error {
	client, err := n.gitHub.connect()
	if err != nil {
		return err
	}
	if d.Workflow == "" {
		return client.Dispatch(ctx, d.Repository, d.Event, e)
	}
	text, err := canonical.Compact(e)
	if err != nil {
		return err
	}
	return client.DispatchWorkflow(ctx, d.Repository, d.Workflow, d.Ref, map[string]string{"promotion": string(text)})
}

func (n *notifier) postWebhook(ctx context.Context, e ledger.Event) error {
	to := n.settings.Webhook
	client, err := n.dialOut(to)
	if err != nil {
		return err
	}
	text, err := canonical.Compact(e)
	if err != nil {
		return err
	}
	return github.PostWebhook(ctx, client.HTTPClient(), to, n.settings.Secret, e.RecordID, text)
}

func (n *notifier) postSlack(ctx context.Context, e ledger.Event) error {
	client, err := n.dialOut(n.settings.Slack)
	if err != nil {
		return err
	}
	return github.PostSlack(ctx, client.HTTPClient(), n.settings.Slack, slackMessage(e))
}

// dialOut returns a client for the address. Everything after its host is secret, so the client gets only the origin.
func (n *notifier) dialOut(address string) (*rest.Client, error) {
	config := n.config()
	config.Base = inputs.OriginOf(address)
	return rest.New(config)
}

func slackMessage(e ledger.Event) github.SlackMessage {
	m := github.SlackMessage{
		Model:  e.Model,
		From:   e.Previous,
		To:     e.Version,
		Who:    e.Record.Actor,
		RunURL: e.Record.WorkflowRun,
		Target: refsOf(e),
	}
	switch e.Event {
	case "rolled-back":
		m.Verdict = fmt.Sprintf("%s rolled back to version %s: %s", e.Model, e.Version, m.Target)
	case "promoted":
		m.Verdict = fmt.Sprintf("%s version %s promoted to %s", e.Model, e.Version, m.Target)
	default:
		m.Verdict = fmt.Sprintf("%s: %s moved", e.Model, m.Target)
	}
	if e.Record.Mode == verdict.ReportMode && e.Record.Decision != verdict.Promote {
		m.Verdict += " (would have been blocked, but the policy is in report mode)"
	}
	if e.Record.SupersededBy != "" {
		m.Verdict += " (sent late: the target has moved again since)"
	}
	return m
}

// notification is an event with the channels that have not received it yet.
type notification struct {
	event ledger.Event
	entry ledger.Entry   // the zero Entry if the event is in no ledger
	to    map[int]string // channel names by their index in the entry's list
}

// pendingNotifications returns the notification of this run, then those that earlier runs could not send, oldest first.
// It leaves out later runs, which send their own. A notification says so if a later run moved the same target again.
func pendingNotifications(own *notification, entries []ledger.Entry) []notification {
	var out []notification
	add := func(n notification) {
		if later, again := n.entry.SupersededBy(entries); again {
			n.event.Record.SupersededBy = later.ID()
		}
		out = append(out, n)
	}
	mine := 0
	if own != nil {
		mine = own.entry.Epoch
		add(*own)
		entries = slices.Insert(slices.Clone(entries), 0, own.entry) // in case the ledger could not be read again
	}
	for _, e := range entries {
		if unsent := e.PendingNotifications(); len(unsent) > 0 && (mine == 0 || e.Epoch < mine) {
			add(notification{event: ledger.NewEvent(e.ID(), e.Record), entry: e, to: unsent})
		}
	}
	return out
}

// sendingTime bounds how long a run sends notifications.
const sendingTime = 30 * time.Second

// delivery is the result of sending one notification to one channel.
type delivery struct {
	notification notification
	index        int
	channel      string
	err          error
}

var errCancelled = errors.New("no time was left to send it")

// send sends the notifications, to all channels in parallel. After a failure it sends nothing more to that channel, as
// the rest would most likely fail too. The next run tries again.
func (n *notifier) send(ctx context.Context, all []notification) []delivery {
	ctx, cancel := context.WithTimeout(ctx, sendingTime)
	defer cancel()
	channels := n.channels()
	results := make([][]delivery, len(channels))
	var wg sync.WaitGroup
	for i, c := range channels {
		wg.Go(func() {
			for _, note := range all {
				for index, name := range note.to {
					if name != c.name {
						continue
					}
					result := delivery{notification: note, index: index, channel: c.name, err: errCancelled}
					if ctx.Err() == nil {
						result.err = c.send(ctx, note.event)
					}
					if results[i] = append(results[i], result); result.err != nil {
						return
					}
				}
			}
		})
	}
	wg.Wait()
	return slices.Concat(results...)
}

// outbox reads the notifications that may be unsent. If it can read only a part of them, it warns and returns that
// part.
func (n *notifier) outbox(ctx context.Context, l *ledger.Ledger, v ledger.View) ledger.Outbox {
	outbox, err := l.Outbox(ctx, v)
	if err != nil {
		n.console.warn("read the unsent notifications of " + l.Model + ": " + err.Error())
	}
	return outbox
}

// deliver sends the notifications, marks the successful ones in the ledger, and returns the results.
func (n *notifier) deliver(
	ctx context.Context, l *ledger.Ledger, outbox ledger.Outbox, all []notification,
) (out []report.Told) {
	marks := map[int][]int{}
	entries := map[int]ledger.Entry{}
	for _, r := range n.send(ctx, all) {
		e := r.notification.event
		result := report.Told{Channel: r.channel, Model: e.Model, RecordID: e.RecordID}
		if r.err != nil {
			result.Why = r.err.Error()
		} else if e := r.notification.entry; e.Epoch != 0 {
			marks[e.Epoch], entries[e.Epoch] = append(marks[e.Epoch], r.index), e
		}
		out = append(out, result)
	}
	for epoch, indexes := range marks {
		if err := l.MarkNotified(n.lateCtx, outbox, entries[epoch], indexes); err != nil {
			n.console.warn(fmt.Sprintf("mark ledger entry %d as notified (it will be sent again): %v", epoch, err))
		}
	}
	return out
}

// announced returns the run after the end of its deployment and after its notifications, which it does in parallel. The
// outcome is stored before, and neither of them changes it.
func announced(ctx context.Context, e *env, l *ledgerSession, m *move, r report.Run) report.Run {
	var end deploymentEnd
	var wg sync.WaitGroup
	wg.Go(func() { end = m.endDeployment(r) })
	r.Told = notifyAll(ctx, e, l, m, r.Receipt)
	wg.Wait()
	r.Deployment = end.deployment
	r.Plan.Notes = append(r.Plan.Notes, end.notes...)
	r.Receipt.Results = append(r.Receipt.Results, end.tags...)
	return r
}

// notifyAll sends the notification about this run's move, and those that earlier runs of the model could not send.
func notifyAll(ctx context.Context, e *env, l *ledgerSession, m *move, receipt plan.Receipt) []report.Told {
	if len(e.set.Notify.Names()) == 0 || e.start.Dry {
		return nil
	}
	v := l.view
	var own *notification
	if m != nil && receipt.Err == nil {
		own = m.notification(receipt.Version)
		if _, recorded := m.ledgerEntry(); recorded {
			v = m.entry.View
		}
	}
	var outbox ledger.Outbox
	if l.ledger != nil && l.off == "" && v.Exists() {
		outbox = e.notifier.outbox(ctx, l.ledger, v)
	}
	return e.notifier.deliver(ctx, l.ledger, outbox, pendingNotifications(own, outbox.Entries))
}

// notifyEarlier sends the notifications that earlier promotions of a model could not send. It is for commands that move
// nothing themselves.
func notifyEarlier(ctx context.Context, e *env, l *ledger.Ledger) []report.Told {
	v, err := l.Look(ctx)
	switch {
	case err != nil:
		e.console.warn("read the unsent notifications of " + l.Model + ": " + err.Error())
		return nil
	case !v.Exists():
		return nil
	}
	outbox := e.notifier.outbox(ctx, l, v)
	return e.notifier.deliver(ctx, l, outbox, pendingNotifications(nil, outbox.Entries))
}

// notifyEarlierOfAll sends the unsent notifications of all models. It runs after an audit, because a model may get no
// further promotion that could send them.
func notifyEarlierOfAll(ctx context.Context, e *env) (out []report.Told) {
	if len(e.set.Notify.Names()) == 0 {
		return nil
	}
	names := []string{e.set.Intent.Query.Model}
	if names[0] == "" {
		var err error
		if names, err = runstore.Promoted(ctx, e.client); err != nil {
			e.console.warn("find models with unsent notifications: " + err.Error())
			return nil
		}
	}
	for _, name := range names {
		l := &ledger.Ledger{Store: runstore.New(e.client), Model: name, Now: e.process.Now, Pause: e.client.Pause}
		out = append(out, notifyEarlier(ctx, e, l)...)
	}
	return out
}
