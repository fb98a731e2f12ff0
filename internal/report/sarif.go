package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// sarifResults is how many results code scanning shows for one run. It would drop others whatever their severity.
const sarifResults = 5000

// defaultPolicyFile is the location of findings that have none. Code scanning needs a file in the repository.
const defaultPolicyFile = ".github/mlflow-policy.yml"

// Sarif writes an audit as SARIF 2.1.0 for code scanning, the worst findings first. Accepted findings come last and are
// suppressed. Fixed findings are left out, because code scanning would show their baseline state "absent" as open.
type Sarif struct {
	to      io.Writer
	version string
	rules   []audit.Rule
	found   []audit.Finding
	count   int // findings, also those that were dropped
}

// NewSarif returns a writer for one audit. version is the version of this program.
func NewSarif(to io.Writer, version string) *Sarif { return &Sarif{to: to, version: version} }

// Rules sets the rules of the audit.
func (s *Sarif) Rules(rules []audit.Rule) error {
	s.rules = rules
	return nil
}

// Model adds the findings about one model.
func (s *Sarif) Model(_ audit.Snapshot, findings []audit.Finding) error {
	for _, f := range findings {
		if f.Trend == audit.TrendFixed {
			continue
		}
		s.count++
		if s.found = append(s.found, f); len(s.found) >= 2*sarifResults {
			s.keepWorst()
		}
	}
	return nil
}

// keepWorst sorts the findings, worst first, and drops those that do not fit.
func (s *Sarif) keepWorst() {
	slices.SortFunc(s.found, func(a, b audit.Finding) int {
		return cmp.Or(
			cmp.Compare(min(len(a.Accepted), 1), min(len(b.Accepted), 1)),
			cmp.Compare(slices.Index(audit.Severities, a.Severity), slices.Index(audit.Severities, b.Severity)),
			cmp.Compare(a.Model, b.Model),
			cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Fingerprint, b.Fingerprint),
		)
	})
	s.found = s.found[:min(len(s.found), sarifResults)]
}

// Totals writes the file.
func (s *Sarif) Totals(t audit.Totals) error {
	s.keepWorst()
	const program = "https://github.com/mlflow-promote/mlflow-promote"
	log := sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{{
			Tool:       sarifTool{sarifDriver{"mlflow-promote", s.version, program, s.sarifRules()}},
			Automation: sarifAutomation{"mlflow-promote/audit/"},
			Calls:      []sarifInvocation{{true, sarifTime(t.Began), sarifTime(t.Ended), s.notes(t)}},
			Columns:    "unicodeCodePoints",
		}},
	}
	head, err := json.Marshal(log)
	if err != nil {
		return err
	}
	const end = "}]}"
	to := bufio.NewWriter(s.to)
	fmt.Fprintf(to, `%s,"results":[`, strings.TrimSuffix(string(head), end)) // bufio returns the error from Flush
	for i, f := range s.found {
		text, err := json.Marshal(s.result(f))
		if err != nil {
			return err
		}
		if i > 0 {
			text = append([]byte(",\n"), text...)
		}
		_, _ = to.Write(text)
	}
	_, _ = to.WriteString("]" + end + "\n")
	return to.Flush()
}

// The part of SARIF that this file uses.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool         `json:"tool"`
	Automation sarifAutomation   `json:"automationDetails"`
	Calls      []sarifInvocation `json:"invocations"`
	Columns    string            `json:"columnKind"`
	// Totals writes the results after these fields
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	About   string      `json:"informationUri"`
	Rules   []sarifRule `json:"rules"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifInvocation struct {
	Successful bool        `json:"executionSuccessful"`
	Began      string      `json:"startTimeUtc,omitempty"`
	Ended      string      `json:"endTimeUtc,omitempty"`
	Notes      []sarifNote `json:"toolExecutionNotifications,omitempty"`
}

type sarifNote struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifRule struct {
	ID         string         `json:"id"`
	Short      sarifText      `json:"shortDescription"`
	Full       sarifText      `json:"fullDescription"`
	Help       sarifText      `json:"help"`
	Default    sarifDefault   `json:"defaultConfiguration"`
	Properties sarifRuleExtra `json:"properties"`
}

type sarifDefault struct {
	Level string `json:"level"`
}

type sarifRuleExtra struct {
	Severity string   `json:"security-severity"`
	Tags     []string `json:"tags"`
}

type sarifResult struct {
	Rule         string             `json:"ruleId"`
	Index        *int               `json:"ruleIndex,omitempty"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Baseline     string             `json:"baselineState,omitempty"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	Properties   sarifResultExtra   `json:"properties"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI  string `json:"uri"`
	Base string `json:"uriBaseId"`
}

type sarifRegion struct {
	Line int `json:"startLine"`
}

type sarifLogical struct {
	Name string `json:"name"`
	Full string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

type sarifResultExtra struct {
	Severity audit.Severity `json:"severity"`
	Model    string         `json:"model,omitempty"`
	Version  int            `json:"version,omitempty"`
	Alias    string         `json:"alias,omitempty"`
	Stage    string         `json:"stage,omitempty"`
}

// sarifLevels and sarifScores express a severity as SARIF's level, and as the number that code scanning sorts by: high
// from 7.0, medium from 4.0.
var (
	sarifLevels = map[audit.Severity]string{audit.High: "error", audit.Medium: "warning", audit.Low: "note"}
	sarifScores = map[audit.Severity]string{audit.High: "8.0", audit.Medium: "5.0", audit.Low: "2.0"}
)

func (s *Sarif) sarifRules() []sarifRule {
	rules := []sarifRule{}
	for _, r := range s.rules {
		rules = append(rules, sarifRule{
			ID: r.ID, Short: sarifPlain(r.Title), Full: sarifPlain(r.Why),
			Help:       sarifPlain(r.Why + " To fix it: " + r.Fix + "."),
			Default:    sarifDefault{sarifLevels[r.Severity]},
			Properties: sarifRuleExtra{sarifScores[r.Severity], []string{"security", "mlflow", "model-registry"}},
		})
	}
	return rules
}

func (s *Sarif) result(f audit.Finding) sarifResult {
	text := f.Message
	if f.Model != "" {
		text = f.Model + ": " + text
	}
	if f.Fix != "" {
		text += ". To fix it: " + f.Fix
	}
	r := sarifResult{
		Rule: f.Rule, Level: cmp.Or(sarifLevels[f.Severity], "warning"), Message: sarifPlain(text),
		Locations: []sarifLocation{{Physical: sarifPhysical{
			sarifArtifact{sarifPath(cmp.Or(f.File, defaultPolicyFile)), "%SRCROOT%"}, sarifRegion{max(f.Line, 1)},
		}}},
		// Code scanning identifies an alert by the first fingerprint. Without it, alerts at one line would be merged.
		Fingerprints: map[string]string{
			"primaryLocationLineHash": f.Fingerprint,
			"mlflowPromoteAudit/v1":   f.Fingerprint,
		},
		Properties: sarifResultExtra{f.Severity, doc.Clean(f.Model), f.Version, doc.Clean(f.Alias), doc.Clean(f.Stage)},
	}
	if i := slices.IndexFunc(s.rules, func(rule audit.Rule) bool { return rule.ID == f.Rule }); i >= 0 {
		r.Index = &i
	}
	if f.Model != "" {
		r.Locations[0].Logical = []sarifLogical{{doc.Clean(f.Model), sarifURI(f), "resource"}}
	}
	if f.Trend != "" {
		r.Baseline = string(f.Trend) // SARIF has the same two values, new and unchanged
	}
	if f.Accepted != "" {
		r.Suppressions = []sarifSuppression{{"external", "accepted", sarifPlain(f.Accepted).Text}}
	}
	return r
}

// sarifURI is the address that clients load the subject of a finding from.
func sarifURI(f audit.Finding) string {
	uri := "models:/" + doc.Clean(f.Model)
	switch {
	case f.Alias != "":
		return uri + "@" + doc.Clean(f.Alias)
	case f.Stage != "":
		return uri + "/" + doc.Clean(f.Stage)
	case f.Version != 0:
		return fmt.Sprintf("%s/%d", uri, f.Version)
	}
	return uri
}

// sarifPath writes a path in the repository as a URI.
func sarifPath(path string) string {
	return (&url.URL{Path: strings.TrimPrefix(path, "./")}).EscapedPath()
}

// sarifPlain prevents links: in SARIF texts, brackets before parentheses are one.
func sarifPlain(text string) sarifText {
	return sarifText{strings.ReplaceAll(doc.Clean(text), "](", "]\u200b(")}
}

// notes lists dropped findings, and rules that could not check everything.
func (s *Sarif) notes(t audit.Totals) []sarifNote {
	var notes []sarifNote
	if dropped := s.count - len(s.found); dropped > 0 {
		text := fmt.Sprintf("%d findings are left out: code scanning shows %d, so this file has the worst.",
			dropped, sarifResults)
		notes = append(notes, sarifNote{"warning", sarifPlain(text)})
	}
	for _, u := range t.Unjudged {
		notes = append(notes, sarifNote{"note", sarifPlain(u.Summary())})
	}
	return notes
}

func sarifTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
