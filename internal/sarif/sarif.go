// Package sarif writes an audit as SARIF 2.1.0, for code scanning.
//
// It is pure. It must not read SARIF: package evidence reads the reports from other tools.
package sarif

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// maxResults is how many results code scanning shows for one run. It drops the rest, whatever their severity.
const maxResults = 5000

// defaultPolicyFile is the location of findings that have none. Code scanning requires each finding to be in a file.
const defaultPolicyFile = ".github/mlflow-policy.yml"

// Writer writes an audit, worst findings first. Accepted findings come last and are suppressed. Fixed findings are left
// out, because code scanning would show a result with the baseline state "absent" as open.
type Writer struct {
	to      io.Writer
	version string
	rules   []audit.Rule
	found   []audit.Finding
	count   int // number of findings, including those dropped
}

// New returns a writer for one audit. version is this program's version.
func New(to io.Writer, version string) *Writer { return &Writer{to: to, version: version} }

// Rules sets the audit's rules.
func (s *Writer) Rules(rules []audit.Rule) error {
	s.rules = rules
	return nil
}

// Model adds the findings about one model.
func (s *Writer) Model(_ audit.Snapshot, findings []audit.Finding) error {
	for _, f := range findings {
		if f.Trend == audit.TrendFixed {
			continue
		}
		s.count++
		if s.found = append(s.found, f); len(s.found) >= 2*maxResults {
			s.keepWorst()
		}
	}
	return nil
}

// keepWorst sorts the findings, worst first, and drops those above the limit.
func (s *Writer) keepWorst() {
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
	s.found = s.found[:min(len(s.found), maxResults)]
}

// Totals writes the file.
func (s *Writer) Totals(t audit.Totals) error {
	s.keepWorst()
	const program = "https://github.com/mlflow-promote/mlflow-promote"
	log := log{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []run{{
			Tool:       tool{driver{"mlflow-promote", s.version, program, s.describedRules()}},
			Automation: automation{"mlflow-promote/audit/"},
			Calls:      []invocation{{true, format.Timestamp(t.Began), format.Timestamp(t.Ended), s.notes(t)}},
			Columns:    "unicodeCodePoints",
		}},
	}
	head, err := json.Marshal(log)
	if err != nil {
		return err
	}
	const end = "}]}"
	to := bufio.NewWriter(s.to)
	fmt.Fprintf(to, `%s,"results":[`, strings.TrimSuffix(string(head), end)) // any error is returned by Flush
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

// The subset of SARIF that Writer uses.

type log struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []run  `json:"runs"`
}

type run struct {
	Tool       tool         `json:"tool"`
	Automation automation   `json:"automationDetails"`
	Calls      []invocation `json:"invocations"`
	Columns    string       `json:"columnKind"`
	// Totals writes the results after these fields.
}

type tool struct {
	Driver driver `json:"driver"`
}

type driver struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	About   string `json:"informationUri"`
	Rules   []rule `json:"rules"`
}

type automation struct {
	ID string `json:"id"`
}

type invocation struct {
	Successful bool   `json:"executionSuccessful"`
	Began      string `json:"startTimeUtc,omitempty"`
	Ended      string `json:"endTimeUtc,omitempty"`
	Notes      []note `json:"toolExecutionNotifications,omitempty"`
}

type note struct {
	Level   string  `json:"level"`
	Message message `json:"message"`
}

type message struct {
	Text string `json:"text"`
}

type rule struct {
	ID         string         `json:"id"`
	Short      message        `json:"shortDescription"`
	Full       message        `json:"fullDescription"`
	Help       message        `json:"help"`
	Default    configuration  `json:"defaultConfiguration"`
	Properties ruleProperties `json:"properties"`
}

type configuration struct {
	Level string `json:"level"`
}

type ruleProperties struct {
	Severity string   `json:"security-severity"`
	Tags     []string `json:"tags"`
}

type result struct {
	Rule         string            `json:"ruleId"`
	Index        *int              `json:"ruleIndex,omitempty"`
	Level        string            `json:"level"`
	Message      message           `json:"message"`
	Locations    []location        `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Baseline     string            `json:"baselineState,omitempty"`
	Suppressions []suppression     `json:"suppressions,omitempty"`
	Properties   resultProperties  `json:"properties"`
}

type location struct {
	Physical physicalLocation  `json:"physicalLocation"`
	Logical  []logicalLocation `json:"logicalLocations,omitempty"`
}

type physicalLocation struct {
	Artifact artifact `json:"artifactLocation"`
	Region   region   `json:"region"`
}

type artifact struct {
	URI  string `json:"uri"`
	Base string `json:"uriBaseId"`
}

type region struct {
	Line int `json:"startLine"`
}

type logicalLocation struct {
	Name string `json:"name"`
	Full string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

type suppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

type resultProperties struct {
	Severity audit.Severity `json:"severity"`
	Model    string         `json:"model,omitempty"`
	Version  int            `json:"version,omitempty"`
	Alias    string         `json:"alias,omitempty"`
	Stage    string         `json:"stage,omitempty"`
}

// levels and scores map a severity to a SARIF level, and to the number by which code scanning ranks findings: high is
// 7.0 and above, medium 4.0 and above.
var (
	levels = map[audit.Severity]string{audit.High: "error", audit.Medium: "warning", audit.Low: "note"}
	scores = map[audit.Severity]string{audit.High: "8.0", audit.Medium: "5.0", audit.Low: "2.0"}
)

func (s *Writer) describedRules() []rule {
	rules := []rule{}
	for _, r := range s.rules {
		rules = append(rules, rule{
			ID: r.ID, Short: plain(r.Title), Full: plain(r.Why),
			Help:       plain(r.Why + " To fix it: " + r.Fix + "."),
			Default:    configuration{levels[r.Severity]},
			Properties: ruleProperties{scores[r.Severity], []string{"security", "mlflow", "model-registry"}},
		})
	}
	return rules
}

func (s *Writer) result(f audit.Finding) result {
	text := f.Message
	if f.Model != "" {
		text = f.Model + ": " + text
	}
	if f.Fix != "" {
		text += ". To fix it: " + f.Fix
	}
	r := result{
		Rule: f.Rule, Level: cmp.Or(levels[f.Severity], "warning"), Message: plain(text),
		Locations: []location{{Physical: physicalLocation{
			artifact{pathURI(cmp.Or(f.File, defaultPolicyFile)), "%SRCROOT%"}, region{max(f.Line, 1)},
		}}},
		// Code scanning identifies an alert by the first fingerprint. Without it, alerts on the same line would be
		// merged.
		Fingerprints: map[string]string{
			"primaryLocationLineHash": f.Fingerprint,
			"mlflowPromoteAudit/v1":   f.Fingerprint,
		},
		Properties: resultProperties{f.Severity, doc.Clean(f.Model), f.Version, doc.Clean(f.Alias), doc.Clean(f.Stage)},
	}
	if i := slices.IndexFunc(s.rules, func(rule audit.Rule) bool { return rule.ID == f.Rule }); i >= 0 {
		r.Index = &i
	}
	if f.Model != "" {
		r.Locations[0].Logical = []logicalLocation{{doc.Clean(f.Model), locationURI(f), "resource"}}
	}
	if f.Trend != "" {
		r.Baseline = string(f.Trend) // SARIF uses the same two values, new and unchanged
	}
	if f.Accepted != "" {
		r.Suppressions = []suppression{{"external", "accepted", plain(f.Accepted).Text}}
	}
	return r
}

// locationURI returns the URI from which clients load the subject of a finding.
func locationURI(f audit.Finding) string {
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

// pathURI converts a path in the repository into a URI.
func pathURI(path string) string {
	return (&url.URL{Path: strings.TrimPrefix(path, "./")}).EscapedPath()
}

// plain prevents accidental links. In SARIF text, brackets followed by parentheses form a link.
func plain(text string) message {
	return message{strings.ReplaceAll(doc.Clean(text), "](", "]\u200b(")}
}

// notes returns notes about dropped findings and about rules that could not check everything.
func (s *Writer) notes(t audit.Totals) []note {
	var notes []note
	if dropped := s.count - len(s.found); dropped > 0 {
		text := fmt.Sprintf("%d findings are left out: code scanning shows only %d, so this file contains the worst.",
			dropped, maxResults)
		notes = append(notes, note{"warning", plain(text)})
	}
	for _, u := range t.Unjudged {
		notes = append(notes, note{"note", plain(u.Summary())})
	}
	return notes
}
