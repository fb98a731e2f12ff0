package gates

import (
	"fmt"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

var ageKind = Kind{
	Name: "age",
	Passes: "the run is not too old, and the version has been in the stage, or the alias has pointed to it, for long " +
		"enough",
	Notes: "The server's clock decides, and the report shows how far the runner's clock differs. In a plan the " +
		"gate is deferred and judged at apply. The promotion ledger says how long the version has been there. A " +
		"tag that contradicts the ledger makes the gate inconclusive. Without a ledger, the time in a stage counts " +
		"from the last change to the version in MLflow. For an alias, the gate is then inconclusive.",
	deferred: true,
	key:      tree.Pattern("a maximum run age such as 30d, or any", `^(any|[1-9][0-9]{0,4}[mhdw])$`),
	more: []tree.Field{
		tree.Optional("soak", tree.Duration("minimum time in the stage or with the alias pointing to the version")),
		tree.Optional("in", tree.Text("stage or alias that the version must soak in, such as Staging or challenger")),
	},
	Example: "age: 30d\nsoak: 24h\nin: challenger",
	Facts: `now: "2026-05-20T06:00:00Z"
candidate:
  version: 2
  ended: "2026-05-09T20:00:00Z"
  aliases: [challenger]
  since: {challenger: "2026-05-10T00:00:00Z"}`,
	build: buildAge,
}

// skewShown is how far the clocks may differ before findings mention it.
const skewShown = time.Minute

func buildAge(n *tree.Node) (Gate, error) {
	a := ageGate{text: n.Str("age"), soakText: n.Str("soak"), in: n.Str("in")}
	a.most, a.soak = tree.ParseDuration(a.text), tree.ParseDuration(a.soakText)
	switch {
	case (a.soakText == "") != (a.in == ""):
		return Gate{}, n.Problem("age", "soak and in must be used together; use a duration and a stage or alias")
	case a.most == 0 && a.soak == 0:
		return Gate{}, n.Problem("age", "`age: any` always passes without soak; use a limit such as 30d, or add "+
			"soak and in")
	}
	wanted := "run at most " + a.text + " old"
	if a.most == 0 {
		wanted = ""
	}
	if a.soak > 0 {
		key, err := TargetKey(a.in)
		if err != nil {
			return Gate{}, n.Problem("in", "%v", err)
		}
		a.key = key
		if wanted != "" {
			wanted += ", "
		}
		wanted += a.soakText + " in " + a.in
	}
	g := Gate{Wanted: wanted, Check: a.check}
	if a.key != (registry.Ref{}) {
		g.Needs.Since = []registry.Ref{a.key}
	}
	return g, nil
}

type ageGate struct {
	text, soakText, in string
	key                registry.Ref // key of the alias or stage given by `in`
	most, soak         time.Duration
}

func (a ageGate) check(f fact.Facts) verdict.Finding {
	out := verdict.Finding{Candidate: "?"}
	if f.Now.IsZero() {
		return inconclusive(out, "the server's time is not known", "")
	}
	if a.most == 0 {
		return a.soaked(f, out)
	}
	aged := a.aged(f, out)
	switch {
	case a.soak == 0:
		return aged
	case aged.Outcome == verdict.Pass:
		return a.soaked(f, aged)
	}
	return mostSevere(aged, a.soaked(f, out))
}

// aged checks the age of the run.
func (a ageGate) aged(f fact.Facts, out verdict.Finding) verdict.Finding {
	run, ok := f.Candidate.Run.Get()
	end := run.End
	switch {
	case !ok:
		return inconclusive(out, "the run is not readable: "+f.Candidate.Run.Why(), "")
	case end.IsZero():
		return absent(out, fmt.Sprintf("run %s has no end time", run.ID), "")
	case end.After(f.Now.Add(skewShown)):
		out.Candidate = "ended " + end.UTC().Format(time.RFC3339)
		return inconclusive(out, "the run ended in the future according to the server's clock",
			"correct the clock of the training machine or the server")
	}
	out.Candidate = "run " + roughly(f.Now.Sub(end)) + " old" + skew(f)
	if f.Now.Sub(end) > a.most {
		return failed(out, fmt.Sprintf("the run ended %s ago; the maximum is %s", roughly(f.Now.Sub(end)), a.text),
			"train a new candidate")
	}
	return passed(out)
}

// soaked checks how long the version has been in the stage, or how long the alias has pointed to it. The time comes
// from the ledger, because tags can be edited.
func (a ageGate) soaked(f fact.Facts, out verdict.Finding) verdict.Finding {
	v, ok := f.Candidate.Version.Get()
	if !ok {
		out.Candidate = "not registered"
		return failed(out, "the candidate is not registered yet, so it has not been in "+a.in,
			"promote it to "+a.in+" first")
	}
	here, why := a.here(f, v)
	switch {
	case why != "":
		return inconclusive(out, why, "")
	case !here:
		return failed(out, fmt.Sprintf("version %d is not in %s", v.Number, a.in), "promote it to "+a.in+" first")
	}
	came := a.arrival(f, v)
	switch {
	case came.why != "":
		return inconclusive(out, came.why, came.hint)
	case came.at.After(f.Now.Add(skewShown)):
		return inconclusive(out, came.source+" is in the future according to the server's clock",
			"correct the clock of the runner or the server")
	}
	has := f.Now.Sub(came.at)
	out.Candidate = roughly(has) + " in " + a.in + skew(f)
	if has < a.soak {
		const what = "version %d has been in %s for %s (%s); the minimum is %s"
		why := fmt.Sprintf(what, v.Number, a.in, roughly(has), came.source, a.soakText)
		return failed(out, why, "wait another "+roughly(a.soak-has+time.Minute-1)) // rounded up
	}
	return passed(out)
}

// here reports whether the version is now in the stage, or the alias now points to it. If that is not known, why
// says so.
func (a ageGate) here(f fact.Facts, v registry.Version) (here bool, why string) {
	if a.key.Kind == registry.RefStage {
		return v.Stage == a.in, ""
	}
	m, ok := f.Model.Get()
	if !ok {
		return false, "the model's aliases are not readable: " + f.Model.Why()
	}
	if f.Fallback != nil {
		numbers := f.Fallback.Holders[a.in]
		return len(numbers) > 0 && numbers.Highest() == v.Number, ""
	}
	return m.Aliases[a.in] == v.Number, ""
}

// arrival is the time when a version entered a stage, or when an alias began to point to it.
type arrival struct {
	at        time.Time
	source    string // origin of the time
	why, hint string // set if the time is not known
}

// arrival returns the time recorded in the ledger. Without a ledger, if the target is a stage, it returns the time of
// MLflow's last change to the version. Users cannot set that time, and a later change can only make the version appear
// younger. MLflow keeps no such time for an alias.
func (a ageGate) arrival(f fact.Facts, v registry.Version) arrival {
	switch {
	case f.Ledger.Off == "":
		return a.byLedger(f.Ledger, v)
	case a.key.Kind == registry.RefStage && !v.Updated.IsZero():
		return arrival{at: v.Updated, source: "MLflow's time of the last change"}
	}
	const what = "without the promotion ledger, it is not known how long version %d has been in %s: %s"
	return arrival{
		why:  fmt.Sprintf(what, v.Number, a.in, f.Ledger.Off),
		hint: fmt.Sprintf("promote it to %s with the ledger, which records the time; tags do not count", a.in),
	}
}

// byLedger returns the time recorded in the ledger. If the version's own tag contradicts the ledger entry, the time
// counts as unknown.
func (a ageGate) byLedger(l ledger.Chain, v registry.Version) arrival {
	stay := views.Since(l.Decisive(), a.key, v.Number)
	began, ended := times(stay.Entry)
	if !stay.Known || ended.IsZero() {
		const what = "no finished ledger entry says when version %d was moved to %s"
		return arrival{
			why:  fmt.Sprintf(what, v.Number, a.in),
			hint: fmt.Sprintf("remove it from %s and promote it there with this tool, which records the time", a.in),
		}
	}
	tag := registry.StageTimeTag(a.in)
	if a.key.Kind == registry.RefAlias {
		tag = registry.AliasTimeTag(a.in)
	}
	text, there := v.Tags[tag]
	if there && stay.Moved && !fits(text, began, ended, stay.Entry.Record.Skew) {
		const what = "tag %s of version %d says %q, but ledger entry %d says %s"
		recorded := ended.UTC().Format(time.RFC3339)
		return arrival{
			why:  fmt.Sprintf(what, tag, v.Number, format.Truncate(text, 100), stay.Entry.Epoch, recorded),
			hint: "find out who changed the tag, then set it to " + recorded,
		}
	}
	return arrival{at: ended, source: fmt.Sprintf("ledger entry %d", stay.Entry.Epoch)}
}

// skewAllowed is how far the time in a tag may differ from the times in the ledger entry. The tag contains the
// runner's time, which is between the start and the end of the entry.
const skewAllowed = 5 * time.Minute

// times returns when an entry was started and finished. If the end is before the start, times returns the start for
// both.
func times(e ledger.Entry) (began, ended time.Time) {
	began, err := time.Parse(time.RFC3339, e.Record.At)
	if err != nil {
		began = e.Ended
	}
	if began.After(e.Ended) {
		return began, began
	}
	return began, e.Ended
}

// fits reports whether the time in a tag agrees with the start and end of an entry. off is the error of the runner's
// clock in seconds.
func fits(tag string, began, ended time.Time, off int64) bool {
	at, err := time.Parse(time.RFC3339, tag)
	allowed := skewAllowed + time.Duration(min(max(off, -off), 24*60*60))*time.Second
	return err == nil && !at.Before(began.Add(-allowed)) && !at.After(ended.Add(allowed))
}

// skew returns a note if the server's and the runner's clocks differ.
func skew(f fact.Facts) string {
	if f.Skew > skewShown || f.Skew < -skewShown {
		return fmt.Sprintf(" (the server's and the runner's clocks differ by %s)", f.Skew.Round(time.Second))
	}
	return ""
}

// roughly returns a duration in days, hours or minutes.
func roughly(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d minutes", int(d.Minutes()))
}
