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
	"github.com/mlflow-promote/mlflow-promote/internal/report"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// channel is one place that is told of moves.
type channel struct {
	name string // without secrets: the ledger remembers by it who is still to be told
	send func(context.Context, ledger.Event) error
}

// notifier tells others about moves.
type notifier struct {
	settings inputs.Notify
	gitHub   *gitHubSession
	config   func() rest.Config // of connections
	console  *console
	late     context.Context // of what is still written after a cancellation
	told     []report.Told
}

// channels are those of the inputs, in the order of their names.
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

// dispatch starts a workflow. A workflow has to declare each of its inputs, so it gets the event as one.
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

// dialOut prepares to send to an address that is a secret beyond its host.
func (n *notifier) dialOut(address string) (*rest.Client, error) {
	wire := n.config()
	wire.Base = inputs.OriginOf(address)
	return rest.New(wire)
}

func slackMessage(e ledger.Event) github.SlackMessage {
	m := github.SlackMessage{Model: e.Model, From: e.Previous, To: e.Version, Who: e.Record.Actor, RunURL: e.Record.WorkflowRun}
	m.Target = refsOf(e)
	switch e.Event {
	case "rolled-back":
		m.Verdict = fmt.Sprintf("%s rolled back to version %s: %s", e.Model, e.Version, m.Target)
	case "promoted":
		m.Verdict = fmt.Sprintf("%s version %s promoted to %s", e.Model, e.Version, m.Target)
	default:
		m.Verdict = fmt.Sprintf("%s: %s moved", e.Model, m.Target)
	}
	if e.Record.Mode == verdict.ReportMode && e.Record.Decision != verdict.Promote {
		m.Verdict += " (report mode: it would have been blocked)"
	}
	if e.Record.SupersededBy != "" {
		m.Verdict += " (late: moved again since)"
	}
	return m
}

// letter is an event and who has not had it yet.
type letter struct {
	event ledger.Event
	entry ledger.Entry   // the zero Entry where no ledger holds it
	to    map[int]string // by the place in the entry's list
}

// letters are those to send now: the one of this run first, then what earlier runs could not send, oldest first. Later
// runs tell of their own; that they moved the same again is said.
func letters(own *letter, entries []ledger.Entry) []letter {
	var out []letter
	add := func(l letter) {
		if later, again := l.entry.SupersededBy(entries); again {
			l.event.Record.SupersededBy = later.ID()
		}
		out = append(out, l)
	}
	mine := 0
	if own != nil {
		mine = own.entry.Epoch
		add(*own)
		entries = slices.Insert(slices.Clone(entries), 0, own.entry) // where the ledger could not be read again it is not there
	}
	for _, e := range entries {
		if left := e.Untold(); len(left) > 0 && (mine == 0 || e.Epoch < mine) {
			add(letter{event: ledger.NewEvent(e.ID(), e.Record), entry: e, to: left})
		}
	}
	return out
}

// sendingTime bounds the sending of all events of a run.
const sendingTime = 30 * time.Second

// sent is how the sending of one letter to one channel ended.
type sent struct {
	letter  letter
	place   int
	channel string
	err     error
}

var errCancelled = errors.New("there was no time left for it")

// send delivers letters, all channels beside one another. Behind a failure nothing further is tried there: whoever is
// away now will be away for the next one, and the next run tries again.
func (n *notifier) send(ctx context.Context, all []letter) []sent {
	ctx, cancel := context.WithTimeout(ctx, sendingTime)
	defer cancel()
	channels := n.channels()
	results := make([][]sent, len(channels))
	var wg sync.WaitGroup
	for i, c := range channels {
		wg.Go(func() {
			for _, l := range all {
				for place, name := range l.to {
					if name != c.name {
						continue
					}
					result := sent{letter: l, place: place, channel: c.name, err: errCancelled}
					if ctx.Err() == nil {
						result.err = c.send(ctx, l.event)
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

// outbox reads what may be left to tell. Where only a part of it can be read, that part is told.
func (n *notifier) outbox(ctx context.Context, l *ledger.Ledger, v ledger.View) ledger.Outbox {
	box, err := l.Outbox(ctx, v)
	if err != nil {
		n.console.warn("whether earlier promotions of " + l.Model + " are still to be told of is not known: " + err.Error())
	}
	return box
}

// deliver sends letters, marks in the ledger which arrived, and reports.
func (n *notifier) deliver(ctx context.Context, l *ledger.Ledger, box ledger.Outbox, all []letter) {
	if len(all) == 0 {
		return
	}
	marks := map[int][]int{}
	entries := map[int]ledger.Entry{}
	for _, r := range n.send(ctx, all) {
		note := report.Told{Channel: r.channel, Model: r.letter.event.Model, RecordID: r.letter.event.RecordID}
		if r.err != nil {
			note.Why = r.err.Error()
		} else if e := r.letter.entry; e.Epoch != 0 {
			marks[e.Epoch], entries[e.Epoch] = append(marks[e.Epoch], r.place), e
		}
		n.told = append(n.told, note)
	}
	for epoch, places := range marks {
		if err := l.Tell(n.late, box, entries[epoch], places); err != nil {
			n.console.warn(fmt.Sprintf("entry %d of the ledger could not be marked as told, so it will be told once more: %v", epoch, err))
		}
	}
}

// notifyAll tells whoever the inputs name of this run's move, and of moves that earlier runs of the model could not tell of.
// It comes after the outcome is stored and never changes it.
func notifyAll(ctx context.Context, s *session) {
	if len(s.set.Notify.Names()) == 0 || s.report.Dry {
		return
	}
	v := s.ledger.view
	var own *letter
	if s.move != nil && s.report.Receipt.Err == nil {
		own = s.move.letter(s.report.Receipt.Version)
		if _, held := s.move.held(); held {
			v = s.move.entry.View
		}
	}
	var box ledger.Outbox
	if s.ledger.ledger != nil && s.ledger.off == "" && v.Exists() {
		box = s.notifier.outbox(ctx, s.ledger.ledger, v)
	}
	s.notifier.deliver(ctx, s.ledger.ledger, box, letters(own, box.Entries))
}

// tellEarlier sends what earlier promotions of a model could not tell of; for commands that move nothing themselves.
func tellEarlier(ctx context.Context, s *session, l *ledger.Ledger, v ledger.View) {
	if len(s.set.Notify.Names()) == 0 || !v.Exists() {
		return
	}
	box := s.notifier.outbox(ctx, l, v)
	s.notifier.deliver(ctx, l, box, letters(nil, box.Entries))
}
