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

// scene is one registered model as a rule sees it.
type scene struct {
	audit.Snapshot
	values // of the rule
	Config
	refs    map[int][]registry.Ref // what names a version, of those that anything names
	targets []target               // aliases first, sorted
}

// newScene looks once at what names which version: rules ask often, and some models have very many versions.
func newScene(m audit.Snapshot, c Config) scene {
	s := scene{Snapshot: m, Config: c, refs: map[int][]registry.Ref{}}
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

// at names the version to people, with what names it.
func (s scene) at(v registry.Version) string {
	refs := s.refs[v.Number]
	if len(refs) == 0 {
		return fmt.Sprintf("version %d", v.Number)
	}
	return fmt.Sprintf("version %d (%s)", v.Number, strings.Join(registry.RefTexts(refs), ", "))
}

// target is one alias or stage and the version that it names.
type target struct {
	ref          registry.Ref
	alias, stage string // the name of ref
	version      registry.Version
}

func (t target) finds(format string, args ...any) result {
	return result{version: t.version.Number, alias: t.alias, stage: t.stage, message: fmt.Sprintf(format, args...)}
}

func (t target) unjudged(format string, args ...any) result {
	r := t.finds(format, args...)
	r.unjudged = true
	return r
}

func targetOf(ref registry.Ref, v registry.Version) target {
	t := ref.Target()
	return target{ref: ref, alias: t.Alias, stage: t.Stage, version: v}
}

// order puts aliases before stages.
func order(a, b registry.Ref) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

func about(v registry.Version, format string, args ...any) result {
	return result{version: v.Number, message: fmt.Sprintf(format, args...)}
}

func unjudged(v registry.Version, format string, args ...any) result {
	r := about(v, format, args...)
	r.unjudged = true
	return r
}

// holders are the versions that an alias or a stage points to now.
func (s scene) holders(ref registry.Ref) registry.State {
	return ledger.PointsTo(s.Model, s.Versions, ref)
}

// ledger is the model's ledger where it can be relied on. why says in words why not; it is "" where there is none.
func (s scene) ledger() (l ledger.Chain, ok bool, why string) {
	l, ok = s.Ledger.Get()
	switch {
	case s.Broken != "":
		return l, false, "its promotion ledger does not hold together: " + s.Broken
	case !ok && !s.Ledger.IsAbsent():
		return l, false, "its promotion ledger is not known: " + s.Ledger.Why()
	}
	return l, ok, ""
}

// byLedger is a rule that judges a model by its ledger. One that is there and cannot be relied on leaves the model
// unjudged, and so do promotions that were made without one; a model that this tool never moved is none of its business.
func byLedger(judge func(scene, ledger.Chain) []result) func(scene) []result {
	return func(s scene) []result {
		l, ok, why := s.ledger()
		switch {
		case ok:
			return judge(s, l)
		case why != "":
			return []result{{unjudged: true, message: why}}
		case s.Ledger.IsAbsent():
			return s.unrecorded()
		}
		return nil
	}
}

// unrecorded leaves a model unjudged that was promoted without a ledger.
func (s scene) unrecorded() []result {
	v, why, found := s.Unrecorded()
	if !found {
		return nil
	}
	if why != "" {
		why = " (" + short(why) + ")"
	}
	return []result{unjudged(v, "it was promoted without a ledger%s, so what this rule compares with is not on record", why)}
}

// under reports whether a promotion of the target is under way: what it names now may be half of a move.
func (s scene) under(l ledger.Chain, ref registry.Ref) bool {
	e, open := l.Open()
	return open && !s.Now.After(e.Lease) && moves(e, ref)
}

func moves(e ledger.Entry, ref registry.Ref) bool {
	return slices.ContainsFunc(e.Record.Moves, func(m ledger.Shift) bool { return m.Ref == ref })
}

// effective reports whether the entry moved anything for good.
func effective(e ledger.Entry) bool {
	return e.Outcome == ledger.EntryDone || e.Outcome != "" && e.Moved > 0
}

// evidence is the newest promotion of the version to the target, whose gates let it there.
func evidence(l ledger.Chain, t target) (ledger.Entry, bool) {
	for _, e := range slices.Backward(l.Entries) {
		if e.Record.Command == "promote" && e.Record.To == t.version.Number && effective(e) && (e.Record.Target.Alias == t.alias && t.alias != "" || e.Record.Target.Stage == t.stage && t.stage != "") {
			return e, true
		}
	}
	return ledger.Entry{}, false
}

// since is when the target last received its version: by the ledger, else by the mark that promoting leaves.
func (s scene) since(t target) (time.Time, bool) {
	if l, ok, _ := s.ledger(); ok {
		for _, e := range slices.Backward(l.Entries) {
			if moves(e, t.ref) && effective(e) && slices.ContainsFunc(e.Record.Moves, func(m ledger.Shift) bool {
				return m.Ref == t.ref && m.Want.Versions.Has(t.version.Number)
			}) {
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

// asked is what the policy file asks of the target; ok is false where it says nothing.
func (s scene) asked(t target) (policy.TargetRule, bool) {
	if s.Policy == nil {
		return policy.TargetRule{}, false
	}
	a, err := s.Policy.For(s.Model.Name, registry.Target{Alias: t.alias, Stage: t.stage})
	if err != nil || len(a.Targets) == 0 {
		return policy.TargetRule{}, false
	}
	return a.Targets[0], true
}

// date is a time as a day for messages.
func date(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// days is a duration in whole days.
func days(d time.Duration) string {
	n := int(d / day)
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// names writes holders for messages.
func names(s registry.State) string {
	switch {
	case s.IsZero():
		return "no version"
	case len(s.Versions) > 1:
		return "versions " + s.Versions.Join(", ")
	}
	return "version " + s.String()
}

// are writes holders as the subject of a sentence.
func are(s registry.State) string {
	if len(s.Versions) > 1 {
		return names(s) + " are"
	}
	return names(s) + " is"
}

// short keeps what came from elsewhere readable.
func short(text string) string { return format.Truncate(text, 160) }
