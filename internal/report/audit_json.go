package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// AuditJSON writes the report file of an audit piece by piece: one JSON object, a finding on each line, described by
// docs/audit.schema.json.
type AuditJSON struct {
	w             *bufio.Writer
	began, closed bool // the list of findings
	n             int
}

// NewAuditJSON begins a report.
func NewAuditJSON(w io.Writer) *AuditJSON { return &AuditJSON{w: bufio.NewWriterSize(w, 32<<10)} }

// AuditSchema is the version of the report file. It grows when a field changes its meaning; new fields do not count.
const AuditSchema = 1

// Rules writes the head.
func (a *AuditJSON) Rules(rules []audit.Rule) error {
	a.began = true
	return a.put(fmt.Sprintf(`{"schema":%d,"command":"audit","rules":`, AuditSchema), rules, `,"findings":[`)
}

// Model writes what was found about a model.
func (a *AuditJSON) Model(_ audit.Snapshot, findings []audit.Finding) error {
	for _, f := range findings {
		before := "\n"
		if a.n++; a.n > 1 {
			before = ",\n"
		}
		if err := a.put(before, f, ""); err != nil {
			return err
		}
	}
	return nil
}

// Totals writes what was counted. End must follow.
func (a *AuditJSON) Totals(t audit.Totals) error {
	a.closed = true
	return a.put("\n],\"totals\":", t, "")
}

// End closes the object with how the audit ended. What was cut short has no totals, and the error in their place.
func (a *AuditJSON) End(reason registry.Reason, failed error) error {
	var err error
	if failed != nil {
		if !a.began {
			err = a.Rules([]audit.Rule{})
		}
		end := "\n]"
		if a.closed {
			end = ""
		}
		err = errors.Join(err, a.put(end+`,"error":`, failed.Error(), ""))
	}
	return errors.Join(err, a.put(`,"reason":`, reason, "}\n"), a.w.Flush())
}

func (a *AuditJSON) put(before string, v any, after string) error {
	text, err := canonical.Compact(v)
	if err != nil {
		return err
	}
	a.w.WriteString(before) // an error stays with the writer
	a.w.Write(text)
	_, err = a.w.WriteString(after)
	return err
}

// SavedAudit is what a later audit needs from a report file: what was found, and what could not be checked.
type SavedAudit struct {
	Findings []audit.Finding
	Totals   audit.Totals
}

// ReadAudit reads the report file of an audit. It fails if the audit did not finish.
func ReadAudit(text []byte) (SavedAudit, error) {
	var file struct {
		Schema   int             `json:"schema"`
		Command  string          `json:"command"`
		Findings []audit.Finding `json:"findings"`
		Totals   *audit.Totals   `json:"totals"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return SavedAudit{}, err
	}
	switch {
	case file.Command != "audit" || file.Schema != AuditSchema:
		return SavedAudit{}, errors.New("is not the report file of an audit")
	case file.Totals == nil:
		return SavedAudit{}, errors.New("is from an audit that did not finish; use one that did")
	}
	return SavedAudit{file.Findings, *file.Totals}, nil
}
