package verdict

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Outcome is the result of one gate.
type Outcome string

const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"
	Inconclusive  Outcome = "inconclusive"   // cannot be evaluated; blocks, except as described at Finding.Absent
	NotApplicable Outcome = "not-applicable" // compares with an incumbent that is confirmed not to exist
	// judged when the plan is applied, because the result depends on the clock or on people
	Pending Outcome = "pending"
)

// Effect is what a failed gate does.
type Effect string

const (
	OnFailBlock  Effect = "block"
	OnFailRetain Effect = "retain" // the incumbent stays, and there is no error
	OnFailWarn   Effect = "warn"
)

// Mode says whether and how a verdict is enforced.
type Mode string

const (
	Enforced   Mode = ""        // a failed gate has the effect set by its `on-fail`
	ReportMode Mode = "report"  // a failed gate is only reported
	Ungated    Mode = "ungated" // no gates were judged because of `override: ungated`
)

// Finding is the judgement on one gate. It can be shown without the facts.
type Finding struct {
	Target    string  `json:"target,omitempty"` // the target that the gate belongs to; "" for a threshold
	Gate      string  `json:"gate"`             // the gate's name, or the threshold's text
	Wanted    string  `json:"wanted,omitempty"`
	Candidate string  `json:"candidate,omitempty"` // the observed value, as text
	Incumbent string  `json:"incumbent,omitempty"` // the limit that the value was compared with
	Outcome   Outcome `json:"outcome"`
	Mode      Mode    `json:"mode,omitempty"` // the mode of the gate's target
	// whether the gate is inconclusive because what it checks is confirmed to be absent
	Absent   bool   `json:"absent,omitempty"`
	Why      string `json:"why,omitempty"` // one sentence; "" if the gate simply passed
	Fix      string `json:"fix,omitempty"` // the shortest way to satisfy the gate
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"` // in the input or policy file
	OnFail   Effect `json:"on_fail,omitempty"`
	Late     bool   `json:"late,omitempty"`   // judged again at apply, so not part of the plan's digest
	Waiver   string `json:"waiver,omitempty"` // who waived the gate, why, and until when
	WaivedBy string `json:"waived_by,omitempty"`
	Until    string `json:"waived_until,omitempty"` // the last day of the waiver, for example 2026-12-31
	Values   []Used `json:"values,omitempty"`       // the metric values that the gate used
}

// Used is a metric value that a gate used.
type Used struct {
	Of      string `json:"of"` // "candidate", or the gate's name for the other version
	Metric  string `json:"metric"`
	Value   string `json:"value"` // as sent by the server
	Step    int64  `json:"step,omitempty"`
	RunID   string `json:"run_id,omitempty"`
	Kind    string `json:"kind"` // SourceRun or EvaluationRun; RunValue if the gate asked for the run's value
	Dataset string `json:"dataset,omitempty"`
	Digest  string `json:"dataset_digest,omitempty"`
}

// Measures reports whether two values are for the same metric, run and dataset, so that they must be equal.
func (u Used) Measures(other Used) bool {
	return u.Metric == other.Metric && u.RunID == other.RunID &&
		u.Dataset == other.Dataset && u.Digest == other.Digest &&
		(u.Kind == RunValue) == (other.Kind == RunValue)
}

// RunValue is the kind of a value for which the gate explicitly requested the run's value.
const RunValue = "run"

// Values of an evaluation run. ScoreValue is the kind of a score, and RowsValue is the kind of what else a plan binds
// of the rows: their number, those without a verdict, and RowsSum, a digest of all of them.
const (
	ScoreValue = "scores"
	RowsValue  = "rows"
	RowsSum    = "rows/digest"
)

// Waived reports whether a waiver lets the candidate pass. Records before record/3 contain only the waiver's text.
func (f Finding) Waived() bool { return f.WaivedBy != "" || f.Waiver != "" }

// Exception describes the waiver, or returns "" if none exists. Since record/3, records store only who waived the
// gate and until when.
func (f Finding) Exception() string {
	if f.Waiver == "" && f.WaivedBy != "" {
		return "waived by " + f.WaivedBy + " until " + f.Until
	}
	return f.Waiver
}

// Seen returns the value observed for the candidate: the text that was shown, or the values in a record.
func (f Finding) Seen() string {
	if f.Candidate != "" {
		return f.Candidate
	}
	var values []string
	for _, v := range f.Values {
		if v.Of == "candidate" && v.Kind != RowsValue {
			values = append(values, v.Value)
		}
	}
	return format.First(values, 5)
}

// Facts returns the finding without its sentences. The ids, values and outcome remain.
func (f Finding) Facts() Finding {
	f.Wanted, f.Candidate, f.Incumbent, f.Why, f.Fix, f.Waiver = "", "", "", "", "", ""
	f.File, f.Line = "", 0
	return f
}

// Blocks reports whether the gate prevents the promotion if it is enforced. A gate that cannot be evaluated blocks,
// even if a failure would not. The exception is a gate with `on-fail: warn` whose fact is confirmed to be absent.
func (f Finding) Blocks() bool {
	switch {
	case f.Waived():
		return false
	case f.Outcome == Fail:
		return f.OnFail != OnFailRetain && f.OnFail != OnFailWarn
	case f.Outcome == Inconclusive:
		return !f.Absent || f.OnFail != OnFailWarn
	}
	return false
}

// Warns reports whether the gate did not pass, but lets the promotion go ahead because of `on-fail: warn`.
func (f Finding) Warns() bool {
	return !f.Waived() && (f.Outcome == Fail || f.Outcome == Inconclusive) && f.OnFail == OnFailWarn && !f.Blocks()
}

// Retains reports whether the gate keeps the incumbent in place if it is enforced.
func (f Finding) Retains() bool {
	return !f.Waived() && f.Outcome == Fail && f.OnFail == OnFailRetain
}

// Decision is the verdict as a single word.
type Decision string

const (
	Promote Decision = "promote"
	Retain  Decision = "retain" // the incumbent stays; nothing is written
	Block   Decision = "block"
)

// Verdict is the judgement on all gates. Every gate is judged, even if an earlier one has failed.
type Verdict struct {
	Decision Decision  `json:"decision"`       // the decision of all gates; Effect returns the one that is carried out
	Mode     Mode      `json:"mode,omitempty"` // report if any judged gate is in report mode
	Findings []Finding `json:"findings"`
	Waivers  []string  `json:"waivers,omitempty"` // every waiver that was used or has expired, for the top of a report
}

// Sum returns the verdict with its decision. Block takes precedence over retain, and retain over promote. If there are
// no findings, the decision is block, because nothing may be promoted to a target without gates.
func (v Verdict) Sum() Verdict {
	v.Decision = Promote
	for _, f := range v.Findings {
		if f.Mode == ReportMode {
			v.Mode = ReportMode
		}
		if f.Retains() && v.Decision == Promote {
			v.Decision = Retain
		}
		if f.Blocks() {
			v.Decision = Block
		}
	}
	if len(v.Findings) == 0 {
		v.Decision = Block
	}
	return v
}

// Effect returns the decision of the enforced gates, which is the one that is carried out. If every gate is in report
// mode, this is Promote.
func (v Verdict) Effect() Decision {
	if v.Mode != ReportMode {
		return v.Decision
	}
	reported := func(f Finding) bool { return f.Mode == ReportMode }
	enforced := slices.DeleteFunc(slices.Clone(v.Findings), reported)
	if len(enforced) == 0 {
		return Promote
	}
	return Verdict{Findings: enforced}.Sum().Decision
}

// NotEnforced reports whether the candidate is promoted although the gates decided otherwise.
func (v Verdict) NotEnforced() bool { return v.Effect() == Promote && v.Decision != Promote }

// Bound returns the part of the verdict that belongs to a plan. Findings that are judged again when the plan is applied
// become pending, so that nothing in the plan depends on the clock.
func (v Verdict) Bound() Verdict {
	if !slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Late }) {
		return v
	}
	out := v
	out.Findings = make([]Finding, len(v.Findings))
	for i, f := range v.Findings {
		if f.Late {
			f = Finding{
				Gate: f.Gate, Wanted: f.Wanted, Outcome: Pending, Mode: f.Mode,
				File: f.File, Line: f.Line, OnFail: f.OnFail, Late: true,
			}
		}
		out.Findings[i] = f
	}
	return out.Sum()
}

// Waived returns the number of gates that the candidate passes only because of a waiver.
func (v Verdict) Waived() int {
	n := 0
	for _, f := range v.Findings {
		if f.Waived() {
			n++
		}
	}
	return n
}

// Failed lists the gates that block or retain, in order.
func (v Verdict) Failed() []Finding {
	var out []Finding
	for _, f := range v.Findings {
		if f.Blocks() || f.Retains() {
			out = append(out, f)
		}
	}
	return out
}

// Brief summarises a gate's outcome and the values that the gate used.
func (f Finding) Brief() string {
	out := string(f.Outcome)
	var values []string
	for _, v := range f.Values {
		if v.Kind == RowsValue {
			continue
		}
		text := v.Value
		if v.Of != "candidate" {
			text = v.Of + " " + text
		}
		if v.Dataset != "" {
			text += " on " + v.Dataset
		}
		values = append(values, text)
	}
	if len(values) > 0 {
		out += " (" + strings.Join(values, ", ") + ")"
	}
	if f.Waived() {
		out += ", waived by " + f.WaivedBy
	}
	return out
}
