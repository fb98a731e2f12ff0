package registry

// Outcome is what a gate found.
type Outcome string

const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"
	Inconclusive  Outcome = "inconclusive"   // cannot be judged; blocks
	NotApplicable Outcome = "not-applicable" // a comparison with an incumbent that is confirmed absent
)

// Finding is one gate's judgement, complete enough to be shown without the facts.
type Finding struct {
	Gate      string  `json:"gate"` // what people call it: the threshold's text
	Wanted    string  `json:"wanted"`
	Candidate string  `json:"candidate"`           // what was observed, as text
	Incumbent string  `json:"incumbent,omitempty"` // what it was compared with
	Outcome   Outcome `json:"outcome"`
	Why       string  `json:"why,omitempty"` // one sentence, where the outcome is not a plain pass
	Fix       string  `json:"fix,omitempty"` // the shortest way to satisfy the gate
	File      string  `json:"file,omitempty"`
	Line      int     `json:"line,omitempty"` // of the input or policy file
}

// Blocks reports whether the finding alone forbids promotion.
func (f Finding) Blocks() bool { return f.Outcome == Fail || f.Outcome == Inconclusive }

// Decision is the verdict in one word.
type Decision string

const (
	Promote Decision = "promote"
	Block   Decision = "block"
)

// Verdict is the judgement of all gates. Every gate is judged, whatever the ones before it said.
type Verdict struct {
	Decision Decision  `json:"decision"`
	Findings []Finding `json:"findings"`
}

// Failed lists the gates that block, in their order.
func (v Verdict) Failed() []Finding {
	var out []Finding
	for _, f := range v.Findings {
		if f.Blocks() {
			out = append(out, f)
		}
	}
	return out
}
