package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Severity of a finding, in the words of code scanning.
type Severity string

const (
	High   Severity = "high"   // consumers may load a wrong model, or the origin of the model is unknown
	Medium Severity = "medium" // the registry is not in order
	Low    Severity = "low"    // worth checking
)

// Severities lists all severities, highest first.
var Severities = []Severity{High, Medium, Low}

// AtLeast reports whether s is the other severity or higher.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(Severities, s) <= slices.Index(Severities, other)
}

// The scopes of an audit.
const (
	ScopeLive = "live" // versions with an alias, or in Staging or Production
	ScopeAll  = "all"
)

// Query says what an audit reads from a registry.
type Query struct {
	Scope    string
	Model    string // only this registered model; "" = all of them
	Again    bool   // read Model for the second time; if it cannot be read, that is a finding and not an error
	Needs    Needs
	Progress func(Progress)   // called every few seconds, never concurrently; may be nil
	Now      func() time.Time // clock for the progress and for detecting a slow server; nil turns off both
}

// Progress says how much of the registry was read.
type Progress struct {
	Models, OfModels     int // OfModels 0 = not known yet
	Versions, OfVersions int
	Requests             int
	Took                 time.Duration
	Left                 time.Duration // estimate; 0 = not known yet
}

// Needs says which facts the rules need. Models, versions, aliases and tags are always read. Each need costs requests.
type Needs struct {
	Runs        bool // status, lifecycle and outputs of the versions' runs
	Origins     bool // for live versions: the version that they were copied from, and its logged model
	Datasets    bool // the inputs of these runs
	Experiments bool // lifecycle of the runs' experiments
	MLmodels    bool // the MLmodel files
	Files       bool // the names and sizes of the model's files
	Ledger      bool // the promotion ledgers; the caller of the crawler reads them afterwards
}

// Snapshot is one registered model as an audit reads it. A rule gets one model at a time, so that memory is limited by
// the largest model. Facts that no rule needs are "not gathered". Prompts are left out. On a server without aliases,
// Model.Aliases has the aliases from the tags.
type Snapshot struct {
	Model       registry.Model
	Newest      registry.Known[registry.Version] // the highest number, in any scope; absent = the model has no versions
	Versions    []registry.Version               // ascending; in the scope live only live versions
	Runs        map[string]registry.Known[registry.Run]
	Origins     map[int]Origin // by version, for live versions with a run
	Experiments map[string]registry.Known[registry.Experiment]
	// by version; "not gathered" if the server does not serve files
	MLmodels   map[int]registry.Known[registry.MLmodel]
	Files      map[int]registry.Known[[]registry.File] // by version; absent if there are no files
	Unreadable string                                  // why the model could not be read completely, or ""

	// The caller of the crawler sets these if a rule needs the ledger.
	Ledger          registry.Known[ledger.Chain]             // absent = the model has no ledger
	Broken          string                                   // why the ledger is damaged, or ""
	EarlierVersions map[int]registry.Known[registry.Version] // see VersionsToRead
}

// Origin says where the files of a version come from.
type Origin struct {
	// the version itself, or the original of a copy; absent = the original does not exist
	Version registry.Known[registry.Version]
	Logged  registry.Known[registry.LoggedModel] // absent = the version has no logged model
}

// Live reports whether consumers may load the version: an alias points to it, or it is in Staging or Production.
func (a Snapshot) Live(v registry.Version) bool { return len(a.Refs(v)) > 0 }

// Refs returns the sorted aliases of the version, then its stage if that is Staging or Production.
func (a Snapshot) Refs(v registry.Version) []registry.Ref {
	var refs []registry.Ref
	for alias, n := range a.Model.Aliases {
		if n == v.Number {
			refs = append(refs, registry.AliasRef(alias))
		}
	}
	slices.SortFunc(refs, registry.Ref.Compare)
	if registry.LiveStage(v.Stage) {
		refs = append(refs, registry.StageRef(v.Stage))
	}
	return refs
}

// NamesLedger reports whether the model has a promotion ledger, according to its own tag or the tag of a version.
func (a Snapshot) NamesLedger() bool {
	if a.Model.Tags[registry.TagAnchor] != "" {
		return true
	}
	return slices.ContainsFunc(a.Versions, func(v registry.Version) bool {
		last, ok := ledger.SummaryOf(v)
		return ok && last.Ledger != ""
	})
}

// MovedWithoutLedger returns a version that this tool moved without a ledger, according to its tag. why is the reason
// why there was no ledger.
func (a Snapshot) MovedWithoutLedger() (v registry.Version, why string, found bool) {
	for _, v := range a.Versions {
		if last, ok := ledger.SummaryOf(v); ok && last.Ledger == "" && last.To == v.Number {
			return v, last.Weak, true
		}
	}
	return registry.Version{}, "", false
}

// MaxEarlierVersions is how many earlier versions of a target are checked. One version that is good for a rollback is
// enough.
const MaxEarlierVersions = 8

// VersionsToRead returns the earlier versions of each target that the ledger names and that were not read yet, newest
// first.
func (a Snapshot) VersionsToRead() []int {
	l := a.Ledger.OrZero()
	var out []int
	for _, ref := range l.Refs() {
		earlier := l.EarlierVersions(ref, 0)
		for _, n := range earlier[:min(len(earlier), MaxEarlierVersions)] {
			if _, read := a.Version(n); !read && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// Version returns a version that was read.
func (a Snapshot) Version(number int) (registry.Version, bool) {
	i, found := slices.BinarySearchFunc(a.Versions, number, func(v registry.Version, n int) int { return v.Number - n })
	if !found {
		return registry.Version{}, false
	}
	return a.Versions[i], true
}

// Finding is one finding of an audit, complete enough to be shown without the registry.
type Finding struct {
	Rule        string   `json:"rule"`
	Severity    Severity `json:"severity"`
	Model       string   `json:"model"` // "" = about the server or the registry
	Version     int      `json:"version,omitempty"`
	Alias       string   `json:"alias,omitempty"`
	Stage       string   `json:"stage,omitempty"`
	Message     string   `json:"message"` // one sentence, without the model's name
	Fix         string   `json:"fix,omitempty"`
	File        string   `json:"file,omitempty"` // policy file with the rule's settings, or ""
	Line        int      `json:"line,omitempty"`
	Fingerprint string   `json:"fingerprint"` // the same finding has the same fingerprint in every audit
	// who accepted it, why and until when; an accepted finding does not count
	Accepted string `json:"accepted,omitempty"`
	Trend    Trend  `json:"trend,omitempty"` // compared with the baseline; "" without one
}

// Counts reports whether the finding counts: it still exists and was not accepted.
func (f Finding) Counts() bool { return f.Accepted == "" && f.Trend != TrendFixed }

// Trend compares a finding with the baseline.
type Trend string

const (
	TrendNew       Trend = "new"
	TrendUnchanged Trend = "unchanged"
	TrendFixed     Trend = "fixed" // in the baseline, but no longer found
)

// Rule describes a rule for people.
type Rule struct {
	ID       string   `json:"id"` // kebab-case, never renamed
	Title    string   `json:"title"`
	Severity Severity `json:"severity"` // after the policy file's settings
	Why      string   `json:"why"`      // why it matters, as sentences
	Fix      string   `json:"fix"`      // what to do, as an imperative without a full stop

	Settings []Setting `json:"-"` // settings in the policy file, in addition to severity and off
}

// Setting is one setting of a rule in the policy file.
type Setting struct {
	Name    string
	About   string
	Kind    SettingKind
	Default any // its type depends on Kind
}

// SettingKind is the type of a setting's value.
type SettingKind int

const (
	Span     SettingKind = iota // a time.Duration, written 90m, 12h, 30d or 4w
	Count                       // an int of 1 or more
	Switch                      // a bool
	Names                       // a []string
	Pairs                       // a map[string]string
	Patterns                    // a map[string]*regexp.Regexp; each matches a whole text
)

// Unjudged says what a rule could not check. It never counts as passed.
type Unjudged struct {
	Rule  string `json:"rule"`
	Count int    `json:"count"` // versions, targets or models
	Why   string `json:"why"`   // the first reason
	Where string `json:"where"` // the first place: the model, with version or target
}

// Summary says in one line what the rule could not check.
func (u Unjudged) Summary() string {
	return fmt.Sprintf("%s: could not check %d, such as %s: %s", cmp.Or(u.Rule, "all rules"), u.Count, u.Where, u.Why)
}

// Totals has the totals of an audit.
type Totals struct {
	Server    string           `json:"server"`
	Version   string           `json:"server_version,omitempty"` // "" = not known
	Scope     string           `json:"scope"`
	Began     time.Time        `json:"began"`
	Ended     time.Time        `json:"ended"`
	Models    int              `json:"models"`
	Versions  int              `json:"versions"`
	Live      int              `json:"live_versions"`
	Aliases   int              `json:"aliases"`
	Findings  map[Severity]int `json:"findings"` // only findings that count
	Accepted  int              `json:"accepted"`
	New       int              `json:"new"`
	Unchanged int              `json:"unchanged"`
	Fixed     int              `json:"fixed"`
	Baseline  bool             `json:"baseline"` // whether there is a baseline
	ByRule    map[string]int   `json:"by_rule"`
	Unjudged  []Unjudged       `json:"not_judged,omitempty"`
	Requests  int              `json:"requests"`
}

// Total returns the number of findings that count.
func (t Totals) Total() int {
	n := 0
	for _, of := range t.Findings {
		n += of
	}
	return n
}

// Sink receives an audit while it runs: first the rules, then the models with their findings, then the totals. Some
// findings are about the server, or about a model that was deleted since the baseline. They come with a snapshot that
// has at most the model's name.
type Sink interface {
	Rules([]Rule) error
	Model(Snapshot, []Finding) error
	Totals(Totals) error
}
