package rules

import (
	"cmp"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Registers returns the snapshot with its rows of the inventory and of the register of exceptions.
func (a *Auditor) Registers(m audit.Snapshot, findings []audit.Finding) audit.Snapshot {
	s := newRuleInput(m, a.config)
	r := register{ruleInput: s}
	r.chain = s.Ledger.OrZero()
	m.Inventory = r.inventory()
	r.waivers()
	r.recorded()
	r.unsigned()
	r.reportMode()
	r.accepted(findings)
	m.Exceptions = r.exceptions
	return m
}

// register collects the exceptions of a model.
type register struct {
	ruleInput
	chain      ledger.Chain
	exceptions []audit.Exception
}

// ownerTags lists the tags that name an owner, in order of precedence. Tags on the version take precedence over tags on
// the model.
var ownerTags = []string{"owner", "team"}

func (r *register) inventory() []audit.LiveVersion {
	var out []audit.LiveVersion
	for _, t := range r.targets {
		row := audit.LiveVersion{Model: r.Model.Name, Version: t.version.Number, Ref: t.ref, Verdict: r.verdict(t)}
		for _, tags := range []map[string]string{t.version.Tags, r.Model.Tags} {
			for _, key := range ownerTags {
				row.Owner = cmp.Or(row.Owner, tags[key])
			}
		}
		if e, found := r.current(t); found {
			row.By, row.Approvers, row.Unknown = person(e.Record), e.Record.Approvers, e.Record.Unknown
			row.Since, row.Entry, row.Signed = r.since(t, e), e.ID(), e.Signed
		}
		out = append(out, row)
	}
	return out
}

// current returns the entry that made the target's version live. ok is false if the target has been moved outside this
// tool.
func (r *register) current(t target) (ledger.Entry, bool) {
	if r.movedOutside(t) {
		return ledger.Entry{}, false
	}
	for _, e := range slices.Backward(r.chain.Entries) {
		move, moves := e.Record.Move(t.ref)
		if moves && effective(e) {
			return e, move.Want.Versions.Has(t.version.Number)
		}
	}
	return ledger.Entry{}, false
}

func (r *register) movedOutside(t target) bool {
	_, drifted := r.chain.Drifted(t.ref, r.versionsAt(t.ref))
	return drifted
}

// since returns when the target began to point to its version, or when this was first recorded.
func (r *register) since(t target, last ledger.Entry) (at time.Time) {
	at = last.Ended
	for _, e := range slices.Backward(r.chain.Entries) {
		move, moves := e.Record.Move(t.ref)
		if !moves || !effective(e) {
			continue
		}
		if !move.Want.Versions.Has(t.version.Number) {
			return at
		}
		if at = e.Ended; !move.Was.Versions.Has(t.version.Number) {
			return at
		}
	}
	return at
}

// verdict sums up in one word what is on record about the target's version.
func (r *register) verdict(t target) string {
	switch {
	case t.version.Blocked():
		return audit.VerdictBlocked
	case r.onHold(t.version) != "":
		return audit.VerdictOnHold
	case r.movedOutside(t):
		return audit.VerdictMovedOutside
	}
	e, found := r.current(t)
	if !found {
		if promotedWithoutLedger(t.version) && registry.Validation(t.version.Tags[registry.TagValidation]) {
			return t.version.Tags[registry.TagValidation]
		}
		return audit.VerdictNotRecorded
	}
	if e.Record.Change != ledger.Imported && e.Record.Command != "promote" { // judged by an earlier promotion
		if e, found = lastPromotion(r.chain, t); !found {
			if isImported(r.chain, t) {
				return audit.VerdictImported
			}
			return audit.VerdictNotJudged
		}
	}
	switch rec := e.Record; {
	case rec.Change == ledger.Imported:
		return audit.VerdictImported
	case slices.Contains(rec.Override, verdict.OverrideUngated), rec.Mode == verdict.Ungated:
		return audit.VerdictUngated
	case rec.Mode == verdict.ReportMode:
		return audit.VerdictNotEnforced
	case rec.Further(t.ref) || !rec.Passed():
		return audit.VerdictNotJudged
	}
	return audit.VerdictPassed
}

// person returns who ran the command in a record, or "" if that is not known.
func person(r ledger.Record) string { return cmp.Or(r.Actor, r.OSUser, r.Login) }

func (r *register) add(x audit.Exception) {
	x.Model = r.Model.Name
	r.exceptions = append(r.exceptions, x)
}

// waivers adds the waivers in the policy file, with the first entry that used each one.
func (r *register) waivers() {
	if r.Policy == nil {
		return
	}
	for _, w := range r.Policy.Waivers {
		if w.Model != r.Model.Name {
			continue
		}
		x := audit.Exception{
			Kind: audit.ExceptionWaiver, What: w.Gate, Version: w.Version, By: w.By, Why: w.Why, Until: w.Until,
			State: audit.ExceptionOpen, Ref: refOf(w.Target),
		}
		if policy.DayIsOver(w.Until, r.Now) {
			x.State = audit.ExceptionExpired
		}
		for _, e := range r.chain.Entries {
			uses := func(f verdict.Finding) bool { return f.Waived() && listed(w, e, f) }
			if effective(e) && slices.ContainsFunc(e.Record.Gates, uses) {
				x.Since, x.Entry, x.Signed = e.Ended, e.ID(), e.Signed
				if x.Ref == (registry.Ref{}) {
					x.Ref = e.Record.Target.Main()
				}
				break
			}
		}
		r.add(x)
	}
}

// listed reports whether a waived gate of an entry used the waiver.
func listed(w policy.Waiver, e ledger.Entry, f verdict.Finding) bool {
	return w.Gate == f.Gate && w.Version == e.Record.To && (w.Target == "" || f.Target == "" || w.Target == f.Target)
}

// refOf parses the name of an alias or stage in a policy file. It returns the zero value for "".
func refOf(name string) registry.Ref {
	switch {
	case name == "":
		return registry.Ref{}
	case registry.LiveStage(name):
		return registry.StageRef(name)
	}
	return registry.AliasRef(name)
}

// recorded adds the exceptions in the ledger's entries: waivers that the policy file no longer lists, overrides, report
// mode, imports, and justifications that do not match the pattern.
func (r *register) recorded() {
	for _, e := range r.chain.Entries {
		if !effective(e) {
			continue
		}
		rec := e.Record
		row := audit.Exception{
			Version: rec.To, By: person(rec), Why: rec.Justification, Since: e.Ended, State: r.state(e),
			Ref: rec.Target.Main(), Entry: e.ID(), Signed: e.Signed,
		}
		for _, f := range rec.Gates {
			if f.Waived() && !r.inPolicy(e, f) {
				x := row
				x.Kind, x.What, x.Until, x.Why = audit.ExceptionWaiver, f.Gate, f.Until, f.Exception()
				x.By = cmp.Or(f.WaivedBy, x.By)
				if x.State == audit.ExceptionOpen && f.Until != "" && policy.DayIsOver(f.Until, r.Now) {
					x.State = audit.ExceptionExpired
				}
				r.add(x)
			}
		}
		for _, name := range rec.Override {
			x := row
			x.Kind, x.What = audit.ExceptionOverride, name
			r.add(x)
		}
		if rec.Mode == verdict.ReportMode {
			x := row
			x.Kind, x.What = audit.ExceptionReportMode, "promotion"
			r.add(x)
		}
		r.unmatched(rec, row)
		if rec.Change == ledger.Imported {
			r.imported(e, row)
		}
	}
}

// imported adds a row for each version that an entry imported.
func (r *register) imported(e ledger.Entry, row audit.Exception) {
	for _, move := range e.Record.Moves {
		for _, n := range move.Want.Versions {
			x := row
			x.Kind, x.What, x.Ref, x.Version = audit.ExceptionImport, "not judged", move.Ref, n
			x.State = audit.ExceptionPast
			if r.restsOn(e, move.Ref, n) {
				x.State = audit.ExceptionOpen
			}
			r.add(x)
		}
	}
}

// restsOn reports whether the target points to the version because of the entry. Either the entry moved it there, or
// the entry is the last to judge or import the version, and something that judges nothing moved it back, such as a
// rollback.
func (r *register) restsOn(e ledger.Entry, ref registry.Ref, version int) bool {
	i := slices.IndexFunc(r.targets, func(t target) bool { return t.ref == ref && t.version.Number == version })
	if i < 0 {
		return false
	}
	now, found := r.current(r.targets[i])
	if !found || now.Epoch == e.Epoch || now.Record.Change == ledger.Imported || now.Record.Command == "promote" {
		return found && now.Epoch == e.Epoch
	}
	basis, judged := lastPromotion(r.chain, r.targets[i])
	if !judged {
		basis, judged = lastImport(r.chain, r.targets[i])
	}
	return judged && basis.Epoch == e.Epoch
}

// state returns whether one of the entry's targets still points to its version because of this entry.
func (r *register) state(e ledger.Entry) audit.ExceptionState {
	for _, ref := range e.Record.Target.Refs() {
		if r.restsOn(e, ref, e.Record.To) {
			return audit.ExceptionOpen
		}
	}
	return audit.ExceptionPast
}

// inPolicy reports whether the policy file still lists the waiver that a gate in an entry used.
func (r *register) inPolicy(e ledger.Entry, f verdict.Finding) bool {
	return r.Policy != nil && slices.ContainsFunc(r.Policy.Waivers, func(w policy.Waiver) bool {
		return w.Model == r.Model.Name && listed(w, e, f)
	})
}

// unsigned adds the entries that were written with `override: unsigned`. Nothing in them is believed.
func (r *register) unsigned() {
	skipped := r.chain.Skipped()
	for _, f := range r.chain.Foreign {
		rec := f.Entry.Record
		if !slices.Contains(rec.Override, verdict.OverrideUnsigned) {
			continue
		}
		state := audit.ExceptionOpen
		if skipped[f.Number] {
			state = audit.ExceptionPast
		}
		at, _ := time.Parse(time.RFC3339, rec.At)
		row := audit.Exception{
			Kind: audit.ExceptionOverride, Version: rec.To, Ref: rec.Target.Main(), By: person(rec),
			Why: rec.Justification, Since: at, State: state, Entry: f.Entry.ID(),
		}
		for _, name := range rec.Override {
			row.What = name
			r.add(row)
		}
		r.unmatched(rec, row)
	}
}

// unmatched adds a row if the justification of an urgent rollback did not match the pattern in the policy.
func (r *register) unmatched(rec ledger.Record, row audit.Exception) {
	if rec.Unmatched != "" {
		row.Kind, row.What = audit.ExceptionJustification, "does not match "+rec.Unmatched
		r.add(row)
	}
}

// reportMode adds the live targets whose gates the policy file does not enforce.
func (r *register) reportMode() {
	for _, t := range r.targets {
		if asked, described := r.targetRule(t); described && asked.Mode == verdict.ReportMode {
			r.add(audit.Exception{
				Kind: audit.ExceptionReportMode, What: "policy", Version: t.version.Number, Ref: t.ref,
				State: audit.ExceptionOpen,
			})
		}
	}
}

// accepted adds the findings that the policy file accepts, including those whose acceptance has expired.
func (r *register) accepted(findings []audit.Finding) {
	if r.Policy == nil {
		return
	}
	for _, f := range findings {
		for _, x := range r.Policy.Audit.Accepted {
			if f.Trend == audit.TrendFixed || !x.Covers(f) || f.Accepted != "" && x.Ended(r.Now) {
				continue
			}
			state := audit.ExceptionOpen
			if x.Ended(r.Now) {
				state = audit.ExceptionExpired
			}
			r.add(audit.Exception{
				Kind: audit.ExceptionAccepted, What: f.Rule, Version: f.Version,
				Ref: registry.Target{Alias: f.Alias, Stage: f.Stage}.Main(),
				By:  x.By, Why: x.Why, Until: x.Until, State: state,
			})
			break
		}
	}
}
