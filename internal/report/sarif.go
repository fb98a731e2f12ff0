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
)

// sarifResults is how many results code scanning shows of one run; more are left out there, without regard to how bad
// they are.
const sarifResults = 5000

// defaultPolicyFile is where findings point that no policy file has to do with: code scanning shows none without a place
// in the repository.
const defaultPolicyFile = ".github/mlflow-policy.yml"

// Sarif writes an audit as SARIF 2.1.0 for code scanning: the worst findings, those that somebody accepted as suppressed
// and last. It keeps no more than it may write. Findings that are fixed are left out: code scanning does not know the
// baseline state "absent", and would show them as open.
type Sarif struct {
	to      io.Writer
	version string
	rules   []audit.Rule
	found   []audit.Finding
	count   int // of all that may be written
}

// NewSarif returns a writer for one audit, made by this version of the program.
func NewSarif(to io.Writer, version string) *Sarif { return &Sarif{to: to, version: version} }

// Rules takes the rules that were judged by.
func (s *Sarif) Rules(rules []audit.Rule) error {
	s.rules = rules
	return nil
}

// Model takes what was found about one model.
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

// keepWorst sorts by what a reader looks at first, and drops what is too much.
func (s *Sarif) keepWorst() {
	slices.SortFunc(s.found, func(a, b audit.Finding) int {
		return cmp.Or(
			cmp.Compare(min(len(a.Accepted), 1), min(len(b.Accepted), 1)),
			cmp.Compare(slices.Index(audit.Severities, a.Severity), slices.Index(audit.Severities, b.Severity)),
			cmp.Compare(a.Model, b.Model), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint),
		)
	})
	s.found = s.found[:min(len(s.found), sarifResults)]
}

// Totals writes the file, result by result.
func (s *Sarif) Totals(t audit.Totals) error {
	s.keepWorst()
	log := sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{{
			Tool:       sarifTool{sarifDriver{"mlflow-promote", s.version, "https://github.com/mlflow-promote/mlflow-promote", s.sarifRules()}},
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
	fmt.Fprintf(to, `%s,"results":[`, strings.TrimSuffix(string(head), end)) // bufio keeps the error for Flush
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

// The shapes of SARIF, as far as they are used.

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
	// results follow, see Totals
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

// sarifLevels and sarifScores are a severity in the words of SARIF, and as the number that code scanning sorts by: from
// 7.0 it says high, from 4.0 medium.
var (
	sarifLevels = map[audit.Severity]string{audit.High: "error", audit.Medium: "warning", audit.Low: "note"}
	sarifScores = map[audit.Severity]string{audit.High: "8.0", audit.Medium: "5.0", audit.Low: "2.0"}
)

func (s *Sarif) sarifRules() []sarifRule {
	rules := []sarifRule{}
	for _, r := range s.rules {
		rules = append(rules, sarifRule{
			ID: r.ID, Short: sarifPlain(r.Title), Full: sarifPlain(r.Why), Help: sarifPlain(r.Why + " To mend it: " + r.Fix + "."),
			Default: sarifDefault{sarifLevels[r.Severity]}, Properties: sarifRuleExtra{sarifScores[r.Severity], []string{"security", "mlflow", "model-registry"}},
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
		text += ". To mend it: " + f.Fix
	}
	r := sarifResult{
		Rule: f.Rule, Level: cmp.Or(sarifLevels[f.Severity], "warning"), Message: sarifPlain(text),
		Locations: []sarifLocation{{Physical: sarifPhysical{
			sarifArtifact{sarifPath(cmp.Or(f.File, defaultPolicyFile)), "%SRCROOT%"}, sarifRegion{max(f.Line, 1)},
		}}},
		// The first is what code scanning tells alerts apart by. Without it, all that point at one line would be one.
		Fingerprints: map[string]string{"primaryLocationLineHash": f.Fingerprint, "mlflowPromoteAudit/v1": f.Fingerprint},
		Properties:   sarifResultExtra{f.Severity, Clean(f.Model), f.Version, Clean(f.Alias), Clean(f.Stage)},
	}
	if i := slices.IndexFunc(s.rules, func(rule audit.Rule) bool { return rule.ID == f.Rule }); i >= 0 {
		r.Index = &i
	}
	if f.Model != "" {
		r.Locations[0].Logical = []sarifLogical{{Clean(f.Model), sarifURI(f), "resource"}}
	}
	if f.Trend != "" {
		r.Baseline = string(f.Trend) // new and unchanged are SARIF's own words
	}
	if f.Accepted != "" {
		r.Suppressions = []sarifSuppression{{"external", "accepted", sarifPlain(f.Accepted).Text}}
	}
	return r
}

// sarifURI names what a finding is about, as clients load it.
func sarifURI(f audit.Finding) string {
	uri := "models:/" + Clean(f.Model)
	switch {
	case f.Alias != "":
		return uri + "@" + Clean(f.Alias)
	case f.Stage != "":
		return uri + "/" + Clean(f.Stage)
	case f.Version != 0:
		return fmt.Sprintf("%s/%d", uri, f.Version)
	}
	return uri
}

// sarifPath is a path of the repository as a reference.
func sarifPath(path string) string {
	return (&url.URL{Path: strings.TrimPrefix(path, "./")}).EscapedPath()
}

// sarifPlain is a text of SARIF that shows as it is: there, brackets before parentheses are a link.
func sarifPlain(text string) sarifText {
	return sarifText{strings.ReplaceAll(Clean(text), "](", "]\u200b(")}
}

// notes tell what the results do not.
func (s *Sarif) notes(t audit.Totals) []sarifNote {
	var notes []sarifNote
	if left := s.count - len(s.found); left > 0 {
		notes = append(notes, sarifNote{"warning", sarifPlain(fmt.Sprintf("%d findings are left out here: code scanning shows %d, and these are the worst.", left, sarifResults))})
	}
	for _, u := range t.Unjudged {
		notes = append(notes, sarifNote{"note", sarifPlain(fmt.Sprintf("%s could not judge %d, the first of them %s: %s", cmp.Or(u.Rule, "the audit"), u.Count, u.Where, u.Why))})
	}
	return notes
}

func sarifTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
