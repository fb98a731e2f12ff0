package registry

import "time"

// Severity of an audit's finding, in the words of code scanning.
type Severity string

const (
	High   Severity = "high"   // what consumers load may be wrong, or nobody can say what it is
	Medium Severity = "medium" // a rule of the registry is broken
	Low    Severity = "low"    // worth a look
)

// Severities from the worst to the least.
var Severities = []Severity{High, Medium, Low}

// Scopes of an audit.
const (
	ScopeLive = "live" // versions that an alias or a stage names
	ScopeAll  = "all"
)

// AuditNeeds is the union of what the rules of an audit want to know beyond models, versions, aliases and tags, which
// are read in any case. Each costs requests.
type AuditNeeds struct {
	Runs        bool // status and lifecycle of the runs that versions name
	Datasets    bool // and their inputs
	Experiments bool // lifecycle of the experiments of those runs
	Files       bool // whether the model's files are there, with sizes
	Ledger      bool // the newest page of each model's promotion ledger
}

// Audited is one registered model as an audit reads it, in one piece: a rule sees one model at a time, so that memory
// is bounded by the largest of them. What was not asked for is "not gathered".
type Audited struct {
	Model       Model
	Versions    []Version // ascending by number; in the scope live only those that an alias or a stage names
	Runs        map[string]Known[Run]
	Experiments map[string]Known[Experiment]
	Files       map[int]Known[[]File] // by version
	Ledger      Known[Ledger]
	Unreadable  string // why the model could not be read whole; "" where it was
}

// Experiment is what an audit wants to know of one.
type Experiment struct {
	ID, Name string
	Deleted  bool
}

// Live reports whether a consumer may be loading the version: an alias or a stage other than None and Archived names it.
func (a Audited) Live(v Version) bool {
	if v.Stage == "Production" || v.Stage == "Staging" {
		return true
	}
	for _, n := range a.Model.Aliases {
		if n == v.Number {
			return true
		}
	}
	return false
}

// AuditFinding is one thing an audit found, complete enough to be shown without the registry.
type AuditFinding struct {
	Rule        string   `json:"rule"`
	Severity    Severity `json:"severity"`
	Model       string   `json:"model"`
	Version     int      `json:"version,omitempty"`
	Alias       string   `json:"alias,omitempty"`
	Stage       string   `json:"stage,omitempty"`
	Message     string   `json:"message"` // what was found, one sentence, without the model's name
	Fix         string   `json:"fix,omitempty"`
	File        string   `json:"file,omitempty"` // policy file that sets the rule; "" where none does
	Line        int      `json:"line,omitempty"`
	Fingerprint string   `json:"fingerprint"`        // the same in every audit that finds the same
	Accepted    string   `json:"accepted,omitempty"` // who accepted it, why and until when; it counts nowhere then
	Trend       Trend    `json:"trend,omitempty"`    // against the baseline; "" without one
}

// Trend says how a finding relates to those of the baseline.
type Trend string

const (
	TrendNew       Trend = "new"
	TrendUnchanged Trend = "unchanged"
	TrendFixed     Trend = "fixed" // in the baseline, and found no more
)

// AuditRule is what people are told about a rule.
type AuditRule struct {
	ID       string   `json:"id"` // kebab-case, never renamed
	Title    string   `json:"title"`
	Severity Severity `json:"severity"` // as set for this audit
	Why      string   `json:"why"`      // why it matters, one or two sentences
	Fix      string   `json:"fix"`      // how to get rid of it
}

// AuditTotals is what an audit counted.
type AuditTotals struct {
	Server   string           `json:"server"`
	Scope    string           `json:"scope"`
	Began    time.Time        `json:"began"`
	Ended    time.Time        `json:"ended"`
	Models   int              `json:"models"`
	Versions int              `json:"versions"`
	Live     int              `json:"live_versions"`
	Aliases  int              `json:"aliases"`
	Findings map[Severity]int `json:"findings"` // that count: not accepted, not fixed
	Accepted int              `json:"accepted"`
	New      int              `json:"new"`
	Fixed    int              `json:"fixed"`
	Baseline bool             `json:"baseline"` // there is one to compare with
	ByRule   map[string]int   `json:"by_rule"`
	Requests int              `json:"requests"`
}
