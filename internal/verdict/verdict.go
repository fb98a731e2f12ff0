package verdict

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Outcome is what a gate found.
type Outcome string

const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"
	Inconclusive  Outcome = "inconclusive"   // cannot be evaluated; blocks, but see Finding.Absent
	NotApplicable Outcome = "not-applicable" // a comparison with an incumbent that is confirmed absent
	Pending       Outcome = "pending"        // judged when the plan is applied: depends on the clock or on people
)

// Effect is what a failed gate does.
type Effect string

const (
	OnFailBlock  Effect = "block"
	OnFailRetain Effect = "retain" // the incumbent stays, which is no error
	OnFailWarn   Effect = "warn"
)

// Mode says whether a verdict is enforced.
type Mode string

const (
	Enforced   Mode = ""        // a failed gate does what its on-fail says
	ReportMode Mode = "report"  // a failed gate is shown and decides nothing
	Ungated    Mode = "ungated" // no gate of a policy was judged: override: ungated
)

// Finding is one gate's judgement, complete enough to be shown without the facts.
type Finding struct {
	Target    string  `json:"target,omitempty"` // whose gate it is; "" of a threshold
	Gate      string  `json:"gate"`             // what people call it: the threshold's text
	Wanted    string  `json:"wanted,omitempty"`
	Candidate string  `json:"candidate,omitempty"` // what was observed, as text
	Incumbent string  `json:"incumbent,omitempty"` // what it was compared with
	Outcome   Outcome `json:"outcome"`
	Mode      Mode    `json:"mode,omitempty"`   // of the gate's target: enforced or report
	Absent    bool    `json:"absent,omitempty"` // inconclusive because what the gate looks at is confirmed absent
	Why       string  `json:"why,omitempty"`    // one sentence, where the outcome is not a plain pass
	Fix       string  `json:"fix,omitempty"`    // the shortest way to satisfy the gate
	File      string  `json:"file,omitempty"`
	Line      int     `json:"line,omitempty"` // of the input or policy file
	OnFail    Effect  `json:"on_fail,omitempty"`
	Late      bool    `json:"late,omitempty"`   // judged anew when applied, so outside the plan's digest
	Waiver    string  `json:"waiver,omitempty"` // who let it pass nevertheless, why and until when
	WaivedBy  string  `json:"waived_by,omitempty"`
	Until     string  `json:"waived_until,omitempty"` // last day of the waiver, 2026-12-31
	Values    []Used  `json:"values,omitempty"`       // what it was judged on, of metrics
}

// Used is a value that a gate took.
type Used struct {
	Of      string `json:"of"` // candidate, or what the gate calls the version that it compares with
	Metric  string `json:"metric"`
	Value   string `json:"value"` // as the server sent it
	Step    int64  `json:"step,omitempty"`
	RunID   string `json:"run_id,omitempty"`
	Kind    string `json:"kind"` // SourceRun or EvaluationRun; "run" if the gate asked for the run's value
	Dataset string `json:"dataset,omitempty"`
	Digest  string `json:"dataset_digest,omitempty"`
}

// Measures reports whether two values are of the same run and the same data, so that they must be equal.
func (u Used) Measures(other Used) bool {
	return u.Metric == other.Metric && u.RunID == other.RunID && u.Dataset == other.Dataset && u.Digest == other.Digest &&
		(u.Kind == RunValue) == (other.Kind == RunValue)
}

// RunValue is the kind of a value that a gate took as the run's, on purpose.
const RunValue = "run"

// Waived reports whether an exception let the candidate pass nevertheless. Records before record/3 have its text alone.
func (f Finding) Waived() bool { return f.WaivedBy != "" || f.Waiver != "" }

// Exception is the waiver in words; "" if there is none. Records since record/3 keep who waived and until when alone.
func (f Finding) Exception() string {
	if f.Waiver == "" && f.WaivedBy != "" {
		return "waived by " + f.WaivedBy + " until " + f.Until
	}
	return f.Waiver
}

// Seen is what the gate observed of the candidate: as it was shown, or of a record the values it took.
func (f Finding) Seen() string {
	if f.Candidate != "" {
		return f.Candidate
	}
	var values []string
	for _, v := range f.Values {
		if v.Of == "candidate" {
			values = append(values, v.Value)
		}
	}
	return format.First(values, 5)
}

// Facts is the finding without its sentences: ids, values and the outcome.
func (f Finding) Facts() Finding {
	f.Wanted, f.Candidate, f.Incumbent, f.Why, f.Fix, f.Waiver = "", "", "", "", "", ""
	f.File, f.Line = "", 0
	return f
}

// Blocks reports whether the gate, if it is enforced, forbids promotion. A gate that could not be evaluated blocks
// whatever a failure would have done. One exception: on-fail: warn also covers a thing that is confirmed absent.
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

// Warns reports whether the gate did not pass, and on-fail: warn lets the promotion go on.
func (f Finding) Warns() bool {
	return !f.Waived() && (f.Outcome == Fail || f.Outcome == Inconclusive) && f.OnFail == OnFailWarn && !f.Blocks()
}

// Retains reports whether the gate, if it is enforced, keeps the incumbent.
func (f Finding) Retains() bool {
	return !f.Waived() && f.Outcome == Fail && f.OnFail == OnFailRetain
}

// Decision is the verdict in one word.
type Decision string

const (
	Promote Decision = "promote"
	Retain  Decision = "retain" // the incumbent stays; nothing is written
	Block   Decision = "block"
)

// Verdict is the judgement of all gates. Every gate is judged, whatever the ones before it said.
type Verdict struct {
	Decision Decision  `json:"decision"`       // of all gates; Effect is what is carried out
	Mode     Mode      `json:"mode,omitempty"` // report if a gate in report mode was judged
	Findings []Finding `json:"findings"`
	Waivers  []string  `json:"waivers,omitempty"` // every exception that was used or has run out, for the first lines of a report
}

// Sum sets the decision: block before retain before promote. Nothing judged is a block: a target nobody described is
// not a target anything may reach.
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

// Effect is the decision of the enforced gates alone, which is carried out: to promote if all are in report mode.
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

// Bound returns what a plan binds of the verdict: findings that are judged anew when the plan is applied are pending
// in it, with nothing that depends on the clock.
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

// Failed lists the gates that block or retain, in their order.
func (v Verdict) Failed() []Finding {
	var out []Finding
	for _, f := range v.Findings {
		if f.Blocks() || f.Retains() {
			out = append(out, f)
		}
	}
	return out
}

// Brief is a gate's outcome with the values that it took, in a few words.
func (f Finding) Brief() string {
	out := string(f.Outcome)
	var values []string
	for _, v := range f.Values {
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
