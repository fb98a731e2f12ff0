// Package evidence reads reports about a model, written in our own format, in SARIF, or in a scanner's format. It
// rejects a report that contains anything it does not understand, because the report may come from the person who
// trained the model.
package evidence

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Report is what a report says, whichever tool wrote it.
type Report struct {
	Format Format // format of the innermost report

	// What the report is about. Each field is "" if the report does not say.
	RunID, ModelID, ArtifactDigest, DatasetDigest string

	Created  time.Time // the oldest time in the report; zero if it contains none
	Verdict  bool      // whether the report states a result, passed or failed
	Failures []string  // what failed, one sentence each
	Findings []Finding // problems that a tool found
	Gaps     []string  // what a tool could not check
	Default  Severity  // the lowest severity that fails the report by default

	results node
}

// Finding is one problem that a tool found.
type Finding struct {
	Severity   Severity
	Suppressed bool   // accepted, according to the report or the scanned code
	What       string // the tool's severity, rule and location, shortened
}

// Severity says how serious a finding is, on a scale that is the same for all tools.
type Severity int

// The severities. A tool's highest severity is Critical, even if the tool calls it high, and so is an unknown severity.
const (
	Informational Severity = iota
	Low
	Medium
	High
	Critical
)

// Severities lists the severities that can fail a report.
var Severities = []string{"low", "medium", "high", "critical"}

// ParseSeverity parses one of the words in Severities. ok is false for any other word.
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

// Result returns a named result: a number, or 1 for true and 0 for false. ok is false if there is no such result.
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
		return 0, true, fmt.Errorf("the result %s is %s, want a finite number", quoted(name), node{value: at}.shown())
	}
	return v, true, nil
}

func (r *Report) addFinding(s Severity, suppressed bool, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{s, suppressed, line(fmt.Sprintf(format, args...))})
}

func (r *Report) addGap(format string, args ...any) {
	r.Gaps = append(r.Gaps, line(fmt.Sprintf(format, args...)))
}

func (r *Report) addFailure(format string, args ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
}

// addTime keeps the oldest time. A report is only as recent as its oldest part.
func (r *Report) addTime(at time.Time) {
	if !at.IsZero() && (r.Created.IsZero() || at.Before(r.Created)) {
		r.Created = at
	}
}

// Format is the format of a report.
type Format string

// The formats, with their names in a policy.
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

// tool is a format that can be recognised by the top-level keys of its reports.
type tool struct {
	format Format
	keys   []string
	read   func(node, *Report)
}

func (t tool) matches(p node) bool {
	return !slices.ContainsFunc(t.keys, func(key string) bool { return !p.has(key) })
}

// tools lists all formats except our own and gitleaks, whose reports are lists rather than objects.
var tools = []tool{
	{SARIF, []string{"runs"}, readSARIF},
	{ModelScan, []string{"summary", "issues", "errors"}, readModelScan},
	{ModelAudit, []string{"issues", "checks", "files_scanned", "has_errors", "success"}, readModelAudit},
	{Bandit, []string{"results", "errors", "metrics", "generated_at"}, readBandit},
	{Semgrep, []string{"results", "errors", "paths", "version"}, readSemgrep},
	{Trivy, []string{"SchemaVersion", "ArtifactName", "ArtifactType"}, readTrivy},
}

// Formats returns the names of all formats.
func Formats() []string {
	out := []string{string(Plain)}
	for _, t := range tools {
		out = append(out, string(t.format))
	}
	return append(out, string(Gitleaks))
}

// Read reads a report. want is the required format, or "" for any. The error says what Read did not understand. A
// report that cannot be read counts as failed.
func Read(text string, want Format) (Report, error) {
	root, err := parse(text)
	if err != nil {
		return Report{}, err
	}
	r := &reader{}
	out := Report{Default: Low}
	read(node{root, "", r}, want, &out)
	if r.err == nil && want != "" && out.Format != want {
		r.fail("the format is %s, want %s", out.Format, want)
	}
	if r.err != nil {
		return Report{}, r.err
	}
	return out, nil
}

func read(p node, want Format, out *Report) {
	switch {
	case p.kind == isList:
		readList(p, want, out)
	case p.is(isObject):
		readObject(p, want, out)
	}
}

// readObject recognises the tool by the top-level keys. It rejects an object that has keys from two formats, because
// each format's reader would ignore the other format's keys.
func readObject(p node, want Format, out *Report) {
	own := slices.ContainsFunc(p.keys, func(key string) bool { return plainKeys[key] && key != "results" })
	var matched []tool
	var names []string
	for _, t := range tools {
		if t.matches(p) {
			matched, names = append(matched, t), append(names, string(t.format))
		}
	}
	switch {
	case len(matched) > 1:
		p.fail("contains keys from several formats: %s", strings.Join(names, ", "))
	case len(matched) == 1 && own:
		p.fail("contains keys from a %s report next to keys from our own format; move the tool's report under the key "+
			"\"report\"", names[0])
	case len(matched) == 1:
		out.Format, out.Verdict = matched[0].format, true
		matched[0].read(p, out)
	default:
		readPlain(p, want, out)
	}
}

// readList reads gitleaks' format, the only format that is a list. A clean scan is an empty list, which does not show
// which tool wrote it, so the gate must specify the format.
func readList(p node, want Format, out *Report) {
	if len(p.items) == 0 && want != Gitleaks {
		p.fail("is an empty list, which does not show which tool wrote it; if it was gitleaks, add " +
			"\"format: gitleaks\" to the gate")
		return
	}
	out.Format, out.Verdict = Gitleaks, true
	readGitleaks(p, out)
}

// plainKeys contains the keys in our own format. Everything under the info key is meant for people and is not read.
var plainKeys = map[string]bool{
	"run_id": true, "model_id": true, "artifact_digest": true, "dataset_digest": true, "created": true, "passed": true,
	"exit_status": true, "results": true, "report": true, "sarif": true, "info": true,
}

func readPlain(p node, want Format, out *Report) {
	if !slices.ContainsFunc(p.keys, func(key string) bool { return plainKeys[strings.ToLower(key)] }) {
		p.fail("is not in a known format; its keys are %s", someKeys(p.keys))
		return
	}
	for _, key := range p.keys {
		if !plainKeys[key] {
			p.fail("contains the unknown key %s; move other data under the \"info\" key", quoted(key))
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
		p.fail("contains both report and sarif, want only one of them")
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

// readInner reads a tool's report that is wrapped in a report in our own format. Reports in our own format must not be
// nested.
func readInner(p node, want Format, out *Report) {
	read(p, want, out)
	if out.Format == Plain {
		p.fail("is not from a known tool")
	}
}

// readSubject reads what the report is about. It rejects contradictory statements.
func readSubject(p node, out *Report) {
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
		text := at.str()
		if *x.to != "" && *x.to != text {
			at.fail("is %s, but elsewhere in the report it is %s", quoted(text), quoted(*x.to))
		}
		*x.to = cmp.Or(*x.to, text)
	}
	if at := p.at("created"); at.kind != absent {
		out.addTime(at.time(time.RFC3339))
	}
}

func readVerdict(p node, out *Report) {
	if at := p.at("passed"); at.kind != absent {
		out.Verdict = true
		if !at.boolean() {
			out.addFailure("the report says that it did not pass")
		}
	}
	if at := p.at("exit_status"); at.kind != absent {
		out.Verdict = true
		out.addExitCode(at.integer())
	}
}

func (r *Report) addExitCode(status int) {
	if status != 0 {
		r.addFailure("the tool ended with exit code %d", status)
	}
}

func someKeys(keys []string) string {
	var out []string
	for _, key := range keys {
		out = append(out, quoted(key))
	}
	return cmp.Or(format.First(out, 8), "none")
}
