// Package evidence reads reports about a model: those of its own format, SARIF, and the reports of scanners as the
// tools write them. What it does not understand makes it fail: whoever trains the model writes the report.
package evidence

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Report is what a report says, no matter which tool wrote it.
type Report struct {
	Format Format // of the innermost report

	// What the report is about, each "" if it does not say so.
	RunID, ModelID, ArtifactDigest, DatasetDigest string

	Created  time.Time // the oldest time in it; zero if it has none
	Verdict  bool      // it says by itself whether it passed
	Failures []string  // each says in words that it did not pass
	Findings []Finding // what a tool found
	Gaps     []string  // what a tool could not look at
	Default  Severity  // findings from here on fail, if nobody says otherwise

	results place
}

// Finding is one problem that a tool found.
type Finding struct {
	Severity   Severity
	Suppressed bool   // somebody marked it in the report or in the source as accepted
	What       string // the tool's severity, its rule and the place, cut to a readable length
}

// Severity orders findings of all tools.
type Severity int

// The severities. The highest one of a tool is Critical, whatever the tool calls it. So is one that the tool does not
// know.
const (
	Informational Severity = iota
	Low
	Medium
	High
	Critical
)

// Severities are the words for the severities that can fail a report.
var Severities = []string{"low", "medium", "high", "critical"}

// ParseSeverity reads one of Severities, and says whether it is one.
func ParseSeverity(word string) (Severity, bool) {
	i := slices.Index(Severities, word)
	return Low + Severity(i), i >= 0
}

func (s Severity) String() string {
	if s == Informational {
		return "info"
	}
	return Severities[s-Low]
}

// Result is one of the named results: a number, or true and false as 1 and 0. ok is false if there is none of that
// name.
func (r Report) Result(name string) (v float64, ok bool, err error) {
	i := slices.Index(r.results.keys, name)
	if i < 0 {
		return 0, false, nil
	}
	at := r.results.items[i]
	if at.kind == isBool {
		if at.text == "true" {
			v = 1
		}
		return v, true, nil
	}
	v, err = strconv.ParseFloat(at.text, 64)
	if at.kind != isNumber || err != nil || math.Abs(v) >= math.MaxFloat64 {
		return 0, true, fmt.Errorf("its result %s is %s, want a finite number", quoted(name), place{value: at}.shown())
	}
	return v, true, nil
}

func (r *Report) found(s Severity, suppressed bool, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{s, suppressed, line(fmt.Sprintf(format, args...))})
}

func (r *Report) gap(format string, args ...any) {
	r.Gaps = append(r.Gaps, line(fmt.Sprintf(format, args...)))
}

func (r *Report) failure(format string, args ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
}

// dated keeps the oldest time: a report is not newer than anything in it.
func (r *Report) dated(at time.Time) {
	if !at.IsZero() && (r.Created.IsZero() || at.Before(r.Created)) {
		r.Created = at
	}
}

// Format is who writes a report in which way.
type Format string

// The formats, by the names that a policy uses.
const (
	Plain      Format = "report"
	SARIF      Format = "sarif"
	ModelScan  Format = "modelscan"
	ModelAudit Format = "modelaudit"
	Bandit     Format = "bandit"
	Semgrep    Format = "semgrep"
	Gitleaks   Format = "gitleaks"
	Trivy      Format = "trivy"
)

// tool is a format that is recognised by the keys at the top of its reports.
type tool struct {
	format Format
	keys   []string
	read   func(place, *Report)
}

func (t tool) wrote(p place) bool {
	return !slices.ContainsFunc(t.keys, func(key string) bool { return !p.has(key) })
}

// tools is the table of formats, without our own and without gitleaks, whose reports are lists.
var tools = []tool{
	{SARIF, []string{"runs"}, readSARIF},
	{ModelScan, []string{"summary", "issues", "errors"}, readModelScan},
	{ModelAudit, []string{"issues", "checks", "files_scanned", "has_errors", "success"}, readModelAudit},
	{Bandit, []string{"results", "errors", "metrics", "generated_at"}, readBandit},
	{Semgrep, []string{"results", "errors", "paths", "version"}, readSemgrep},
	{Trivy, []string{"SchemaVersion", "ArtifactName", "ArtifactType"}, readTrivy},
}

// Formats are the names of all formats.
func Formats() []string {
	out := []string{string(Plain)}
	for _, t := range tools {
		out = append(out, string(t.format))
	}
	return append(out, string(Gitleaks))
}

// Read reads a report. want is the format that it must have, "" for any. The error says what was not understood. Such a
// report counts as failed.
func Read(text string, want Format) (Report, error) {
	root, err := parse(text)
	if err != nil {
		return Report{}, err
	}
	r := &reader{}
	out := Report{Default: Low}
	read(place{root, "", r}, want, &out)
	if r.err == nil && want != "" && out.Format != want {
		r.fail("its format is %s, want %s", out.Format, want)
	}
	if r.err != nil {
		return Report{}, r.err
	}
	return out, nil
}

func read(p place, want Format, out *Report) {
	switch {
	case p.kind == isList:
		readList(p, want, out)
	case p.is(isObject):
		readObject(p, want, out)
	}
}

// readObject recognises the tool by the keys at the top. An object with the keys of two formats is neither: each reader
// would overlook what the other one reads.
func readObject(p place, want Format, out *Report) {
	own := slices.ContainsFunc(p.keys, func(key string) bool { return plainKeys[key] && key != "results" })
	var matched []tool
	var names []string
	for _, t := range tools {
		if t.wrote(p) {
			matched, names = append(matched, t), append(names, string(t.format))
		}
	}
	switch {
	case len(matched) > 1:
		p.fail("has the keys of several formats: %s", strings.Join(names, ", "))
	case len(matched) == 1 && own:
		p.fail("has keys of a %s report next to keys of our own format; put the tool's report below \"report\"", names[0])
	case len(matched) == 1:
		out.Format, out.Verdict = matched[0].format, true
		matched[0].read(p, out)
	default:
		readPlain(p, want, out)
	}
}

// readList reads what only gitleaks writes. Its report of a clean scan is an empty list, which could be anybody's, so it
// counts only if the format is asked for.
func readList(p place, want Format, out *Report) {
	if len(p.items) == 0 && want != Gitleaks {
		p.fail("is an empty list, which does not say who wrote it; if gitleaks did, add \"format: gitleaks\" to the gate")
		return
	}
	out.Format, out.Verdict = Gitleaks, true
	readGitleaks(p, out)
}

// plainKeys are the keys of our own format. What is below info is for people and not read.
var plainKeys = map[string]bool{
	"run_id": true, "model_id": true, "artifact_digest": true, "dataset_digest": true, "created": true, "passed": true,
	"exit_status": true, "results": true, "report": true, "sarif": true, "info": true,
}

func readPlain(p place, want Format, out *Report) {
	if !slices.ContainsFunc(p.keys, func(key string) bool { return plainKeys[strings.ToLower(key)] }) {
		p.fail("has the shape of no known report; its keys are %s", someKeys(p.keys))
		return
	}
	for _, key := range p.keys {
		if !plainKeys[key] {
			p.fail("has the key %s, which is not known; put other data below \"info\"", quoted(key))
		}
	}
	out.Format = Plain
	readSubject(p, out)
	readVerdict(p, out)
	if p.has("results") && p.at("results").is(isObject) {
		out.results = p.at("results")
	}
	inner := p.at("report")
	switch {
	case p.has("report") && p.has("sarif"):
		p.fail("has both the keys report and sarif, want one of them")
	case p.has("sarif"):
		inner, want = p.at("sarif"), SARIF
		if !inner.has("runs") {
			inner.fail("has no runs, so it is not SARIF")
		}
	case !p.has("report"):
		return
	}
	readInner(inner, want, out)
}

// readInner reads the report of a tool inside a report of our own, which may not contain one of our own again.
func readInner(p place, want Format, out *Report) {
	read(p, want, out)
	if out.Format == Plain {
		p.fail("is the report of no known tool")
	}
}

// readSubject reads what the report is about. Two statements that contradict each other are not understood.
func readSubject(p place, out *Report) {
	for _, x := range []struct {
		key string
		to  *string
	}{
		{"run_id", &out.RunID},
		{"model_id", &out.ModelID},
		{"artifact_digest", &out.ArtifactDigest},
		{"dataset_digest", &out.DatasetDigest},
	} {
		at := p.at(x.key)
		if at.kind == absent {
			continue
		}
		said := at.str()
		if *x.to != "" && *x.to != said {
			at.fail("is %s, and elsewhere in the report it is %s", quoted(said), quoted(*x.to))
		}
		*x.to = cmp.Or(*x.to, said)
	}
	if at := p.at("created"); at.kind != absent {
		out.dated(at.time(time.RFC3339))
	}
}

func readVerdict(p place, out *Report) {
	if at := p.at("passed"); at.kind != absent {
		out.Verdict = true
		if !at.yes() {
			out.failure("it says that it did not pass")
		}
	}
	if at := p.at("exit_status"); at.kind != absent {
		out.Verdict = true
		out.exit(at.whole())
	}
}

func (r *Report) exit(status int) {
	if status != 0 {
		r.failure("its tool ended with exit status %d", status)
	}
}

func someKeys(keys []string) string {
	var out []string
	for _, key := range keys[:min(len(keys), 8)] {
		out = append(out, quoted(key))
	}
	if len(keys) > 8 {
		out = append(out, fmt.Sprintf("and %d more", len(keys)-8))
	}
	return cmp.Or(strings.Join(out, ", "), "none")
}
