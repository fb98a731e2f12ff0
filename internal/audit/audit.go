package audit

import (
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Severity of an audit's finding, in the words of code scanning.
type Severity string

const (
	High   Severity = "high"   // what consumers load may be wrong, or nobody can say what it is
	Medium Severity = "medium" // a rule of the registry is broken
	Low    Severity = "low"    // worth a look
)

// Severities from the worst to the least.
var Severities = []Severity{High, Medium, Low}

// AtLeast reports whether s is as bad as the other or worse.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(Severities, s) <= slices.Index(Severities, other)
}

// Scopes of an audit.
const (
	ScopeLive = "live" // versions that an alias or a stage names
	ScopeAll  = "all"
)

// Query is what an audit reads of a registry.
type Query struct {
	Scope    string
	Model    string // only this registered model; "" = all of them
	Again    bool   // a second look at that model: that it cannot be read is told as of any other, and no failure
	Needs    Needs
	Progress func(Progress)   // called every few seconds, never at the same time; nil = nobody looks
	Now      func() time.Time // for progress, and for noticing that a server gets slow; nil = neither
}

// Progress is how far the reading has come.
type Progress struct {
	Models, OfModels     int // OfModels 0 = not known yet
	Versions, OfVersions int
	Requests             int
	Took                 time.Duration
	Left                 time.Duration // an estimate; 0 = none yet
}

// Needs is the union of what the rules of an audit want to know beyond models, versions, aliases and tags, which
// are read in any case. Each costs requests.
type Needs struct {
	Runs        bool // status, lifecycle and outputs of the runs that the versions name
	Origins     bool // of live versions: the version that a copy leads to, and its logged model
	Datasets    bool // and their inputs
	Experiments bool // lifecycle of the experiments of those runs
	MLmodels    bool // the model descriptors
	Files       bool // the names and sizes of the model's files
	Ledger      bool // the promotion ledgers, which are not read by the stream but after it, by who knows their format
}

// Snapshot is one registered model as an audit reads it, in one piece: a rule sees one model at a time, so that memory
// is bounded by the largest of them. What was not asked for is "not gathered". Prompts are left out. On a server
// without aliases Model.Aliases holds what their tags say.
type Snapshot struct {
	Model       registry.Model
	Newest      registry.Known[registry.Version] // the one with the highest number, also in the scope live; absent = the model has none
	Versions    []registry.Version               // ascending by number; in the scope live only those that an alias or a stage names, each of them
	Runs        map[string]registry.Known[registry.Run]
	Origins     map[int]Origin // by version, of live ones that name a run
	Experiments map[string]registry.Known[registry.Experiment]
	MLmodels    map[int]registry.Known[registry.MLmodel] // by version; "not gathered" where the server hands out no files at all
	Files       map[int]registry.Known[[]registry.File]  // the same; absent where nothing is there
	Unreadable  string                                   // why the model could not be read whole; "" where it was

	// Read after the above, where a rule needs it.
	Ledger registry.Known[ledger.Chain]             // absent = the model has none
	Broken string                                   // where the ledger does not hold together, and why; "" where it does
	Former map[int]registry.Known[registry.Version] // earlier holders that the ledger names and Versions does not have
}

// Origin is where the files of a version come from.
type Origin struct {
	Version registry.Known[registry.Version]     // itself, or what a copy leads to; absent = it is known that the copies lead nowhere
	Logged  registry.Known[registry.LoggedModel] // absent = it is no logged model
}

// Live reports whether a consumer may be loading the version: an alias or a stage other than None and Archived names it.
func (a Snapshot) Live(v registry.Version) bool { return len(a.Refs(v)) > 0 }

// Refs lists what names the version: its aliases, sorted, then its stage where that is Staging or
// Production.
func (a Snapshot) Refs(v registry.Version) []registry.Ref {
	var refs []registry.Ref
	for alias, n := range a.Model.Aliases {
		if n == v.Number {
			refs = append(refs, registry.AliasRef(alias))
		}
	}
	slices.SortFunc(refs, registry.Ref.Compare)
	if v.Stage == "Production" || v.Stage == "Staging" {
		refs = append(refs, registry.StageRef(v.Stage))
	}
	return refs
}

// Promoted reports whether anything says that the model has a promotion ledger: its anchor, or a mark on a version.
func (a Snapshot) Promoted() bool {
	if a.Model.Tags[registry.TagAnchor] != "" {
		return true
	}
	return slices.ContainsFunc(a.Versions, func(v registry.Version) bool {
		last, ok := ledger.SummaryOf(v)
		return ok && last.Ledger != ""
	})
}

// Unrecorded finds a version whose mark says that this tool moved it without a ledger, and why there was none.
func (a Snapshot) Unrecorded() (v registry.Version, why string, found bool) {
	for _, v := range a.Versions {
		if last, ok := ledger.SummaryOf(v); ok && last.Ledger == "" && last.To == v.Number {
			return v, last.Weak, true
		}
	}
	return registry.Version{}, "", false
}

// FormersWanted is how many earlier holders of a target are looked for: one that can be gone back to is enough.
const FormersWanted = 8

// Unread lists the earlier holders that the ledger names and that were not read, the last first for each target.
func (a Snapshot) Unread() []int {
	l := a.Ledger.OrZero()
	var out []int
	for _, ref := range l.Refs() {
		formers := l.EarlierVersions(ref, 0)
		for _, n := range formers[:min(len(formers), FormersWanted)] {
			if _, read := a.Version(n); !read && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// Version finds a version among those that were read.
func (a Snapshot) Version(number int) (registry.Version, bool) {
	i, found := slices.BinarySearchFunc(a.Versions, number, func(v registry.Version, n int) int { return v.Number - n })
	if !found {
		return registry.Version{}, false
	}
	return a.Versions[i], true
}

// Finding is one thing an audit found, complete enough to be shown without the registry.
type Finding struct {
	Rule        string   `json:"rule"`
	Severity    Severity `json:"severity"`
	Model       string   `json:"model"` // "" = about the server or the whole registry
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

// Counts reports whether the finding counts: it is there, and nobody accepted it.
func (f Finding) Counts() bool { return f.Accepted == "" && f.Trend != TrendFixed }

// Trend says how a finding relates to those of the baseline.
type Trend string

const (
	TrendNew       Trend = "new"
	TrendUnchanged Trend = "unchanged"
	TrendFixed     Trend = "fixed" // in the baseline, and found no more
)

// Rule is what people are told about a rule.
type Rule struct {
	ID       string   `json:"id"` // kebab-case, never renamed
	Title    string   `json:"title"`
	Severity Severity `json:"severity"` // as set for this audit
	Why      string   `json:"why"`      // why it matters, in whole sentences
	Fix      string   `json:"fix"`      // what to do, as imperatives without a full stop

	Settings []Setting `json:"-"` // what the policy file may set of it, beside severity and off
}

// Setting is one thing that the policy file may set of a rule.
type Setting struct {
	Name    string
	About   string
	Kind    SettingKind
	Default any // by its kind
}

// SettingKind says what a setting takes.
type SettingKind int

const (
	Span     SettingKind = iota // a time.Duration, written 90m, 12h, 30d or 4w
	Count                       // an int from 1
	Switch                      // a bool
	Names                       // a []string
	Pairs                       // a map[string]string
	Patterns                    // a map[string]*regexp.Regexp, each for the whole text
)

// Unjudged says of a rule what it could not judge: nothing of it counts as fine.
type Unjudged struct {
	Rule  string `json:"rule"`
	Count int    `json:"count"` // versions, targets or models
	Why   string `json:"why"`   // of the first
	Where string `json:"where"` // the first: the model, with version or target
}

// Totals is what an audit counted.
type Totals struct {
	Server    string           `json:"server"`
	Version   string           `json:"server_version,omitempty"` // "" where the server does not tell
	Scope     string           `json:"scope"`
	Began     time.Time        `json:"began"`
	Ended     time.Time        `json:"ended"`
	Models    int              `json:"models"`
	Versions  int              `json:"versions"`
	Live      int              `json:"live_versions"`
	Aliases   int              `json:"aliases"`
	Findings  map[Severity]int `json:"findings"` // that count: not accepted, not fixed
	Accepted  int              `json:"accepted"`
	New       int              `json:"new"`
	Unchanged int              `json:"unchanged"`
	Fixed     int              `json:"fixed"`
	Baseline  bool             `json:"baseline"` // there is one to compare with
	ByRule    map[string]int   `json:"by_rule"`
	Unjudged  []Unjudged       `json:"not_judged,omitempty"`
	Requests  int              `json:"requests"`
}

// Total is the number of findings that count.
func (t Totals) Total() int {
	n := 0
	for _, of := range t.Findings {
		n += of
	}
	return n
}

// Sink takes an audit as it is made: the rules, then model by model what was read and found, then the totals.
// What was found about no model of the registry, or about one that is gone since the baseline, comes with an Snapshot
// that holds no more than the model's name, or nothing.
type Sink interface {
	Rules([]Rule) error
	Model(Snapshot, []Finding) error
	Totals(Totals) error
}
