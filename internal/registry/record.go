package registry

import "time"

// Record is the last decision about a version in short, kept on the version itself under promote.record.
type Record struct {
	Version  int      `json:"record_version"`
	At       string   `json:"at"` // RFC 3339, UTC
	Model    string   `json:"model"`
	From     int      `json:"from,omitempty"` // the incumbent it replaced
	To       int      `json:"to"`
	Target   Target   `json:"target"`
	Gates    []string `json:"gates,omitempty"` // each with its outcome and what was observed
	Mode     Mode     `json:"mode,omitempty"`  // see LedgerRecord
	Waivers  []string `json:"waivers,omitempty"`
	Override []string `json:"override,omitempty"`
	Plan     string   `json:"plan"` // digest
	Run      string   `json:"run,omitempty"`
	Actor    string   `json:"actor,omitempty"`

	Ledger string `json:"ledger,omitempty"`    // first page of the ledger that holds the whole record
	Epoch  int    `json:"epoch,omitempty"`     // of its entry
	Sha256 string `json:"sha256,omitempty"`    // of the whole record
	Weak   string `json:"no_ledger,omitempty"` // why there is no entry
}

// Place says where the whole record of a decision is, for its short form.
type Place struct {
	Ledger string
	Epoch  int
	Sha256 string
	Weak   string
}

// NewRecord writes the record of a plan that moved a version, as canonical JSON that fits a tag on every server: the
// list of gates is shortened where it must be, and says so.
func NewRecord(p Plan, digest string, in Intent, number int, at time.Time, place Place) string {
	r := Record{
		Version: 1, At: at.UTC().Format(time.RFC3339), Model: p.Model, From: p.Incumbent, To: number, Target: p.targetOf(number),
		Override: p.Override, Plan: digest, Run: in.WorkflowRun, Actor: in.Actor,
		Ledger: place.Ledger, Epoch: place.Epoch, Sha256: place.Sha256, Weak: place.Weak,
	}
	if p.Verdict != nil {
		r.Mode, r.Waivers = p.Verdict.Mode, p.Verdict.Waivers
		for _, f := range p.Verdict.Findings {
			r.Gates = append(r.Gates, f.Gate+": "+f.said())
		}
	}
	if p.Incumbent == 0 {
		r.From = p.before(number)
	}
	for {
		text, err := CanonicalJSON(r)
		if err == nil && len(text) <= MaxTagValue {
			return string(text)
		}
		if len(r.Gates) < 2 {
			r.Gates, r.Override, r.Waivers = []string{"left out: too long for a tag"}, nil, nil
			text, _ = CanonicalJSON(r)
			return Truncate(string(text), MaxTagValue)
		}
		r.Gates = append(r.Gates[:(len(r.Gates)-1)/2], "the rest is left out: too long for a tag")
	}
}
