package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ruleInput is a registered model as the rules see it.
type ruleInput struct {
	audit.Snapshot
	values // the rule's settings
	Config
	refs    map[int][]registry.Ref // aliases and stages of live versions
	targets []target               // sorted, aliases first
}

// newRuleInput collects the live versions and their targets once, because many rules use them and a model may have
// many versions.
func newRuleInput(m audit.Snapshot, c Config) ruleInput {
	s := ruleInput{Snapshot: m, Config: c, refs: map[int][]registry.Ref{}}
	named := map[int]bool{}
	for _, n := range m.Model.Aliases {
		named[n] = true
	}
	for _, v := range m.Versions {
		if !named[v.Number] && v.Stage != "Production" && v.Stage != "Staging" {
			continue
		}
		s.refs[v.Number] = m.Refs(v)
		for _, ref := range s.refs[v.Number] {
			s.targets = append(s.targets, targetOf(ref, v))
		}
	}
	slices.SortStableFunc(s.targets, func(a, b target) int { return order(a.ref, b.ref) })
	return s
}

// label returns the version with its aliases and stage, for messages.
func (s ruleInput) label(v registry.Version) string {
	refs := s.refs[v.Number]
	if len(refs) == 0 {
		return fmt.Sprintf("version %d", v.Number)
	}
	return fmt.Sprintf("version %d (%s)", v.Number, strings.Join(registry.RefTexts(refs), ", "))
}

// target is an alias or stage, together with the version that it points to.
type target struct {
	ref          registry.Ref
	alias, stage string // the name in ref
	version      registry.Version
}

// finds returns a finding about the target.
func (t target) finds(format string, args ...any) result {
	return result{version: t.version.Number, alias: t.alias, stage: t.stage, message: fmt.Sprintf(format, args...)}
}

// unjudged returns a result that says why the rule could not check the target.
func (t target) unjudged(format string, args ...any) result {
	r := t.finds(format, args...)
	r.unjudged = true
	return r
}

func targetOf(ref registry.Ref, v registry.Version) target {
	t := ref.Target()
	return target{ref: ref, alias: t.Alias, stage: t.Stage, version: v}
}

// order sorts aliases before stages, then by name.
func order(a, b registry.Ref) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// about returns a finding about a version.
func about(v registry.Version, format string, args ...any) result {
	return result{version: v.Number, message: fmt.Sprintf(format, args...)}
}

// unjudged returns a result that says why the rule could not check the version.
func unjudged(v registry.Version, format string, args ...any) result {
	r := about(v, format, args...)
	r.unjudged = true
	return r
}

// versionsAt returns the versions that an alias or stage points to.
func (s ruleInput) versionsAt(ref registry.Ref) registry.State {
	return ledger.PointsTo(s.Model, s.Versions, ref)
}

// ledger returns the model's ledger. If the ledger cannot be trusted, ok is false and why is the reason. If the model
// has no ledger, ok is false and why is empty.
func (s ruleInput) ledger() (l ledger.Chain, ok bool, why string) {
	l, ok = s.Ledger.Get()
	switch {
	case s.Broken != "":
		return l, false, "the promotion ledger is damaged: " + s.Broken
	case !ok && !s.Ledger.IsAbsent():
		return l, false, "the promotion ledger is unknown: " + s.Ledger.Why()
	}
	return l, ok, ""
}

// byLedger turns a check of a ledger into a check of a model. Models that this tool has never moved are not reported.
// If the ledger cannot be trusted, or if promotions were made without one, the model counts as not checked.
func byLedger(judge func(ruleInput, ledger.Chain) []result) func(ruleInput) []result {
	return func(s ruleInput) []result {
		l, ok, why := s.ledger()
		switch {
		case ok:
			return judge(s, l)
		case why != "":
			return []result{{unjudged: true, message: why}}
		case s.Ledger.IsAbsent():
			return s.withoutLedger()
		}
		return nil
	}
}

// withoutLedger returns a result that says that the model could not be checked, because it was promoted without a
// ledger.
func (s ruleInput) withoutLedger() []result {
	v, why, found := s.MovedWithoutLedger()
	if !found {
		return nil
	}
	if why != "" {
		why = " (" + short(why) + ")"
	}
	return []result{unjudged(v, "it was promoted without a ledger%s, so there is no record to compare with", why)}
}

// promotionRunning reports whether a promotion of the target is currently running, in which case the target may be only
// partly moved.
func (s ruleInput) promotionRunning(l ledger.Chain, ref registry.Ref) bool {
	e, open := l.Open()
	_, moves := e.Record.Move(ref)
	return open && moves && !s.Now.After(e.Lease)
}

// effective reports whether the entry moved anything.
func effective(e ledger.Entry) bool {
	return e.Outcome == ledger.EntryDone || e.Outcome != "" && e.Moved > 0
}

// lastPromotion returns the most recent promotion of the version to the target.
func lastPromotion(l ledger.Chain, t target) (ledger.Entry, bool) {
	for _, e := range slices.Backward(l.Entries) {
		if e.Record.Command == "promote" && e.Record.To == t.version.Number && effective(e) &&
			(e.Record.Target.Alias == t.alias && t.alias != "" || e.Record.Target.Stage == t.stage && t.stage != "") {
			return e, true
		}
	}
	return ledger.Entry{}, false
}

// movedAt returns the time at which the target was moved to its version, according to the ledger or to the tag that a
// promotion writes.
func (s ruleInput) movedAt(t target) (time.Time, bool) {
	if l, ok, _ := s.ledger(); ok {
		for _, e := range slices.Backward(l.Entries) {
			move, moved := e.Record.Move(t.ref)
			if moved && effective(e) && move.Want.Versions.Has(t.version.Number) {
				return e.Ended, true
			}
		}
	}
	key := registry.StageTimeTag(t.stage)
	if t.alias != "" {
		key = registry.AliasTimeTag(t.alias)
	}
	at, err := time.Parse(time.RFC3339, t.version.Tags[key])
	return at, err == nil
}

// targetRule returns the policy file's rule for the target, if there is one.
func (s ruleInput) targetRule(t target) (policy.TargetRule, bool) {
	if s.Policy == nil {
		return policy.TargetRule{}, false
	}
	a, err := s.Policy.For(s.Model.Name, registry.Target{Alias: t.alias, Stage: t.stage})
	if err != nil || len(a.Targets) == 0 {
		return policy.TargetRule{}, false
	}
	return a.Targets[0], true
}

// date formats the day of a time for messages.
func date(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// days formats a duration in whole days.
func days(d time.Duration) string {
	n := int(d / day)
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// versionsText formats versions for messages.
func versionsText(s registry.State) string {
	switch {
	case s.IsZero():
		return "no version"
	case len(s.Versions) > 1:
		return "versions " + s.Versions.Join(", ")
	}
	return "version " + s.String()
}

// versionsAre formats versions as the subject of a sentence, followed by its verb.
func versionsAre(s registry.State) string {
	if len(s.Versions) > 1 {
		return versionsText(s) + " are"
	}
	return versionsText(s) + " is"
}

// short truncates strings from the registry for messages.
func short(text string) string { return format.Truncate(text, 160) }
