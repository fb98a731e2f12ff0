// Package notify sends notifications about moves to GitHub, webhooks and Slack, and records in the ledger which of them
// were sent.
//
// A notification must never change the outcome of the run that it is about.
package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/console"
	"github.com/mlflow-promote/mlflow-promote/internal/github"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
	"github.com/mlflow-promote/mlflow-promote/internal/workflow"
)

// channel is one receiver of notifications.
type channel struct {
	name string // contains no secrets; the ledger stores it until the notification is sent
	send func(context.Context, views.Event) error
}

// Notifier sends notifications about moves.
type Notifier struct {
	Settings inputs.Notify
	GitHub   *workflow.Session
	Config   func() rest.Config // connection settings
	Console  *console.Console
	LateCtx  context.Context // for writes that must still happen after the command has been cancelled
}

// channels returns the channels that the inputs configure, in the order of Notify.Names.
func (n *Notifier) channels() []channel {
	settings := n.Settings
	var senders []func(context.Context, views.Event) error
	for _, d := range settings.Dispatches {
		senders = append(senders, func(ctx context.Context, e views.Event) error { return n.dispatch(ctx, d, e) })
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

// dispatch sends the event to GitHub. A workflow must declare each of its inputs, so the whole event is a single input.
func (n *Notifier) dispatch(ctx context.Context, d inputs.Dispatch, e views.Event) error {
	client, err := n.GitHub.Connect()
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

func (n *Notifier) postWebhook(ctx context.Context, e views.Event) error {
	to := n.Settings.Webhook
	client, err := n.dialOut(to)
	if err != nil {
		return err
	}
	text, err := canonical.Compact(e)
	if err != nil {
		return err
	}
	return github.PostWebhook(ctx, client.HTTPClient(), to, n.Settings.Secret, e.RecordID, text)
}

func (n *Notifier) postSlack(ctx context.Context, e views.Event) error {
	client, err := n.dialOut(n.Settings.Slack)
	if err != nil {
		return err
	}
	return github.PostSlack(ctx, client.HTTPClient(), n.Settings.Slack, slackMessage(e))
}

// dialOut returns a client for the address. Everything after the host is secret, so the client receives only the
// origin.
func (n *Notifier) dialOut(address string) (*rest.Client, error) {
	config := n.Config()
	config.Base = inputs.OriginOf(address)
	return rest.New(config)
}

func slackMessage(e views.Event) github.SlackMessage {
	m := github.SlackMessage{
		Model: e.Model,
		From:  e.Previous,
		To:    e.Version,
		Who: views.Who(ledger.Origin{
			Actor: e.Record.Actor, Initiator: e.Record.Initiator, OSUser: e.Record.OSUser,
		}),
		Why:    e.Record.Justification,
		RunURL: e.Record.WorkflowRun,
		Target: e.Refs(),
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

// Notification is an event together with the channels that have not received it yet.
type Notification struct {
	Event views.Event
	Entry ledger.Entry   // the zero Entry if the event is not in a ledger
	To    map[int]string // channel names, by their index in the entry's list
}

// pending returns this run's notification, followed by those that earlier runs could not send, oldest first. Later runs
// send their own. If a later run has moved the same target again, the notification says so.
func pending(own *Notification, entries []ledger.Entry) []Notification {
	var out []Notification
	add := func(n Notification) {
		if later, again := n.Entry.SupersededBy(entries); again {
			n.Event.Record.SupersededBy = later.ID()
		}
		out = append(out, n)
	}
	mine := 0
	if own != nil {
		mine = own.Entry.Epoch
		add(*own)
		entries = slices.Insert(slices.Clone(entries), 0, own.Entry) // in case the ledger cannot be read again
	}
	for _, e := range entries {
		if unsent := e.PendingNotifications(); len(unsent) > 0 && (mine == 0 || e.Epoch < mine) {
			add(Notification{Event: views.NewEvent(e.ID(), e.Record), Entry: e, To: unsent})
		}
	}
	return out
}

// sendingTime limits how long a run sends notifications.
const sendingTime = 30 * time.Second

// delivery is the result of sending one notification to one channel.
type delivery struct {
	notification Notification
	index        int
	channel      string
	err          error
}

var errCancelled = errors.New("no time was left to send it")

// broadcast sends the notifications to all channels in parallel. After a failure, it sends nothing more to the same
// channel, because the remaining notifications would most likely fail too. The next run tries again.
func (n *Notifier) broadcast(ctx context.Context, all []Notification) []delivery {
	ctx, cancel := context.WithTimeout(ctx, sendingTime)
	defer cancel()
	channels := n.channels()
	results := make([][]delivery, len(channels))
	var wg sync.WaitGroup
	for i, c := range channels {
		wg.Go(func() {
			for _, note := range all {
				for index, name := range note.To {
					if name != c.name {
						continue
					}
					result := delivery{notification: note, index: index, channel: c.name, err: errCancelled}
					if ctx.Err() == nil {
						result.err = c.send(ctx, note.Event)
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

// outbox reads the notifications that may not have been sent. If it can read only some of them, it prints a warning and
// returns those.
func (n *Notifier) outbox(ctx context.Context, l *ledger.Ledger, v ledger.View) ledger.Outbox {
	outbox, err := l.Outbox(ctx, v)
	if err != nil {
		n.Console.Warn("read the unsent notifications for " + l.Model + ": " + err.Error())
	}
	return outbox
}

// deliver sends the notifications, records in the ledger which of them were sent, and returns the results.
func (n *Notifier) deliver(
	ctx context.Context, l *ledger.Ledger, outbox ledger.Outbox, all []Notification,
) (out []report.NotificationResult) {
	marks := map[int][]int{}
	entries := map[int]ledger.Entry{}
	for _, r := range n.broadcast(ctx, all) {
		e := r.notification.Event
		result := report.NotificationResult{Channel: r.channel, Model: e.Model, RecordID: e.RecordID}
		if r.err != nil {
			result.Why = r.err.Error()
		} else if e := r.notification.Entry; e.Epoch != 0 {
			marks[e.Epoch], entries[e.Epoch] = append(marks[e.Epoch], r.index), e
		}
		out = append(out, result)
	}
	for epoch, indexes := range marks {
		if err := l.MarkNotified(n.LateCtx, outbox, entries[epoch], indexes); err != nil {
			n.Console.Warn(fmt.Sprintf(
				"mark ledger entry %d as notified (the notification will be sent again): %v", epoch, err,
			))
		}
	}
	return out
}

// Send sends this run's notification and those that earlier runs for the model could not send. own is nil if this run
// moved nothing, and l is nil if there is no ledger.
func (n *Notifier) Send(
	ctx context.Context, l *ledger.Ledger, v ledger.View, own *Notification,
) []report.NotificationResult {
	var outbox ledger.Outbox
	if l != nil && v.Exists() {
		outbox = n.outbox(ctx, l, v)
	}
	return n.deliver(ctx, l, outbox, pending(own, outbox.Entries))
}
