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

// AuditJSON writes an audit's report file, one model at a time. The file is a single JSON object, with one finding per
// line. Its schema is in docs/audit.schema.json.
type AuditJSON struct {
	w             *bufio.Writer
	began, closed bool // whether the list of findings has been opened and closed
	n             int  // the number of findings written so far
}

// NewAuditJSON returns an AuditJSON for one audit.
func NewAuditJSON(w io.Writer) *AuditJSON { return &AuditJSON{w: bufio.NewWriterSize(w, 32<<10)} }

// AuditSchema is the version of the report file. It increases when a field changes its meaning, not when one is added.
const AuditSchema = 1

// Rules writes the start of the file, up to the list of findings.
func (a *AuditJSON) Rules(rules []audit.Rule) error {
	a.began = true
	return a.put(fmt.Sprintf(`{"schema":%d,"command":"audit","rules":`, AuditSchema), rules, `,"findings":[`)
}

// Model writes the findings for one model.
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

// Totals closes the list of findings and writes the counts. The next call must be End.
func (a *AuditJSON) Totals(t audit.Totals) error {
	a.closed = true
	return a.put("\n],\"totals\":", t, "")
}

// End writes how the audit ended, with the error if it failed, and closes the object.
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
	a.w.WriteString(before) // if this fails, the next write returns the error again
	a.w.Write(text)
	_, err = a.w.WriteString(after)
	return err
}

// SavedAudit is the part of a report file that a later audit needs: what was found, and what could not be checked.
type SavedAudit struct {
	Findings []audit.Finding
	Totals   audit.Totals
}

// ReadAudit parses an audit's report file. It fails if the audit did not finish.
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
		return SavedAudit{}, errors.New("comes from an interrupted audit; use the report file of a complete one")
	}
	return SavedAudit{file.Findings, *file.Totals}, nil
}
