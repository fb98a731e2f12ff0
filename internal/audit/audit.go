package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/summary"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Severity says how serious a finding is. The levels are those of code scanning.
type Severity string

const (
	High   Severity = "high"   // consumers may load the wrong model, or the model's origin is unknown
	Medium Severity = "medium" // the registry is untidy
	Low    Severity = "low"    // worth checking
)

// Severities lists every severity, highest first.
var Severities = []Severity{High, Medium, Low}

// AtLeast reports whether s is as severe as other, or more so.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(Severities, s) <= slices.Index(Severities, other)
}

// The scopes of an audit.
const (
	ScopeLive = "live" // versions with an alias, or in Staging or Production
	ScopeAll  = "all"
)

// Query selects what an audit reads from a registry.
type Query struct {
	Scope    string
	Model    string // only this registered model; "" = every model
	Again    bool   // whether Model is being read a second time; a failure is then a finding, not an error
	Needs    Needs
	Progress func(Progress)   // called every few seconds, but never concurrently; may be nil
	Now      func() time.Time // the clock for reporting progress and detecting a slow server; nil disables both
}

// Progress says how much of the registry has been read.
type Progress struct {
	Models, OfModels     int // OfModels is 0 until the total is known
	Versions, OfVersions int
	Requests             int
	Took                 time.Duration
	Left                 time.Duration // estimate; 0 = not known yet
}

// Needs says which facts the rules need. Each of them costs additional requests. Models, versions, aliases and tags are
// always read.
type Needs struct {
	Runs        bool // status, lifecycle stage and outputs of each version's run
	Origins     bool // for live versions: the version that each one was copied from, and its logged model
	Datasets    bool // dataset inputs of the runs
	Experiments bool // lifecycle stage of the runs' experiments
	MLmodels    bool // MLmodel files
	Files       bool // names and sizes of the model files
	Ledger      bool // promotion ledgers, which the crawler's caller reads afterwards
}

// Snapshot contains everything that the audit reads about one registered model. Rules receive one model at a time, so
// the largest model determines the memory use. Facts that no rule needs stay "not gathered". Prompts are left out. If
// the server does not support aliases, Model.Aliases contains the aliases stored as tags.
type Snapshot struct {
	Model       registry.Model
	Newest      registry.Known[registry.Version] // the highest-numbered version; absent if the model has none
	Versions    []registry.Version               // ascending; only live versions if the scope is ScopeLive
	Runs        map[string]registry.Known[registry.Run]
	Origins     map[int]Origin // by version number, for live versions with a run
	Experiments map[string]registry.Known[registry.Experiment]
	// By version number. Values are "not gathered" if the server does not serve files.
	MLmodels   map[int]registry.Known[registry.MLmodel]
	Files      map[int]registry.Known[[]registry.File] // absent if there are no files
	Unreadable string                                  // why the model could not be read completely, or ""

	// The crawler's caller sets these fields if a rule needs the ledger.
	Ledger          registry.Known[ledger.Chain]             // absent = the model has no ledger
	Broken          string                                   // why the ledger cannot be trusted, or ""
	EarlierVersions map[int]registry.Known[registry.Version] // see VersionsToRead

	// The registers. The crawler's caller adds them after the rules have run.
	Inventory  []LiveVersion
	Exceptions []Exception
}

// Origin says where a version's files come from.
type Origin struct {
	// The version itself or, for a copy, the original. It is absent if the original no longer exists.
	Version registry.Known[registry.Version]
	Logged  registry.Known[registry.LoggedModel] // absent = the version has no logged model
}

// Live reports whether consumers may load the version: an alias points to it, or it is in Staging or Production.
func (a Snapshot) Live(v registry.Version) bool { return len(a.Refs(v)) > 0 }

// Refs returns the version's aliases in sorted order, followed by its stage if it is Staging or Production.
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

// NamesLedger reports whether a tag on the model or on one of its versions refers to a promotion ledger.
func (a Snapshot) NamesLedger() bool {
	if a.Model.Tags[registry.TagAnchor] != "" {
		return true
	}
	return slices.ContainsFunc(a.Versions, func(v registry.Version) bool {
		last, ok := summary.Of(v)
		return ok && last.Ledger != ""
	})
}

// MovedWithoutLedger returns a version that this tool promoted without a ledger, according to the version's tag. why
// says why there was no ledger.
func (a Snapshot) MovedWithoutLedger() (v registry.Version, why string, found bool) {
	for _, v := range a.Versions {
		if last, ok := summary.Of(v); ok && last.Ledger == "" && last.To == v.Number {
			return v, last.Weak, true
		}
	}
	return registry.Version{}, "", false
}

// MaxEarlierVersions limits how many earlier versions of a target are checked. A rollback needs only one good version.
const MaxEarlierVersions = 8

// VersionsToRead returns the versions that targets pointed to earlier, according to the ledger, and that have not been
// read yet. For each target, the newest comes first.
func (a Snapshot) VersionsToRead() []int {
	l := a.Ledger.OrZero()
	var out []int
	for _, ref := range l.Refs() {
		earlier := views.EarlierVersions(l, ref, 0)
		for _, n := range earlier[:min(len(earlier), MaxEarlierVersions)] {
			if _, read := a.Version(n); !read && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// Version returns the version with that number, if it has been read.
func (a Snapshot) Version(number int) (registry.Version, bool) {
	i, found := slices.BinarySearchFunc(a.Versions, number, func(v registry.Version, n int) int { return v.Number - n })
	if !found {
		return registry.Version{}, false
	}
	return a.Versions[i], true
}

// Finding is one finding of an audit. It can be shown without access to the registry.
type Finding struct {
	Rule        string   `json:"rule"`
	Severity    Severity `json:"severity"`
	Model       string   `json:"model"` // "" if the finding is about the server or the registry
	Version     int      `json:"version,omitempty"`
	Alias       string   `json:"alias,omitempty"`
	Stage       string   `json:"stage,omitempty"`
	Message     string   `json:"message"` // one sentence that does not name the model
	Fix         string   `json:"fix,omitempty"`
	File        string   `json:"file,omitempty"` // the policy file that configures the rule, or ""
	Line        int      `json:"line,omitempty"`
	Fingerprint string   `json:"fingerprint"` // identifies the same finding in different audits
	// Who accepted the finding, why, and until when. Accepted findings do not count.
	Accepted string `json:"accepted,omitempty"`
	Trend    Trend  `json:"trend,omitempty"` // compared with the baseline; "" if there is no baseline
}

// Counts reports whether the finding still exists and has not been accepted. Other findings do not count.
func (f Finding) Counts() bool { return f.Accepted == "" && f.Trend != TrendFixed }

// Trend says how a finding compares with the baseline.
type Trend string

const (
	TrendNew       Trend = "new"
	TrendUnchanged Trend = "unchanged"
	TrendFixed     Trend = "fixed" // in the baseline but no longer found
)

// Rule describes a rule to users.
type Rule struct {
	ID       string   `json:"id"` // kebab-case, never renamed
	Title    string   `json:"title"`
	Severity Severity `json:"severity"` // after applying the policy file's settings
	Why      string   `json:"why"`      // why the finding matters, in full sentences
	Fix      string   `json:"fix"`      // what to do: an imperative without a full stop

	Settings []Setting `json:"-"` // the rule's settings in the policy file, in addition to `severity` and `off`
}

// Setting is one of a rule's settings in the policy file.
type Setting struct {
	Name    string
	About   string
	Kind    SettingKind
	Default any // its type depends on Kind
}

// SettingKind is the type of a setting's value.
type SettingKind int

const (
	Span     SettingKind = iota // a time.Duration, written as 90m, 12h, 30d or 4w
	Count                       // an int of 1 or more
	Switch                      // a bool
	Names                       // a []string
	Pairs                       // a map[string]string
	Patterns                    // a map[string]*regexp.Regexp; each expression must match the whole value
)

// Unjudged counts the cases that a rule could not check. They never count as passed.
type Unjudged struct {
	Rule  string `json:"rule"`
	Count int    `json:"count"` // the number of versions, targets or models
	Why   string `json:"why"`   // the first reason
	Where string `json:"where"` // where it first happened: the model and its version or target
}

// Summary returns one line about what the rule could not check.
func (u Unjudged) Summary() string {
	return fmt.Sprintf("%s: could not check %d, such as %s: %s", cmp.Or(u.Rule, "all rules"), u.Count, u.Where, u.Why)
}

// Totals sums up an audit.
type Totals struct {
	Server    string           `json:"server"`
	Version   string           `json:"server_version,omitempty"` // "" = unknown
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
	Baseline  bool             `json:"baseline"` // whether the audit was compared with a baseline
	ByRule    map[string]int   `json:"by_rule"`
	Unjudged  []Unjudged       `json:"not_judged,omitempty"`
	Requests  int              `json:"requests"`

	Inventory  map[string]int        `json:"inventory"`       // the number of aliases and stages by verdict
	Exceptions map[ExceptionKind]int `json:"open_exceptions"` // the number of open exceptions by kind
}

// Total returns the number of findings that count.
func (t Totals) Total() int {
	n := 0
	for _, of := range t.Findings {
		n += of
	}
	return n
}

// Sink receives an audit while it is running: first the rules, then each model with its findings, and finally the
// totals. If a finding is about the server, or about a model that has been deleted since the baseline, the snapshot
// contains at most the model's name.
type Sink interface {
	Rules([]Rule) error
	Model(Snapshot, []Finding) error
	Totals(Totals) error
}
