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

// AuditJSON writes the report file of an audit, one model at a time. The file is a single JSON object with one finding
// per line. Its schema is docs/audit.schema.json.
type AuditJSON struct {
	w             *bufio.Writer
	began, closed bool // whether the list of findings has been started and closed
	n             int  // number of findings written so far
}

// NewAuditJSON returns a writer for one audit.
func NewAuditJSON(w io.Writer) *AuditJSON { return &AuditJSON{w: bufio.NewWriterSize(w, 32<<10)} }

// AuditSchema is the version of the report file. It increases if the meaning of a field changes, but not if fields are
// added.
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

// Totals ends the list of findings and writes the counts. Call End next.
func (a *AuditJSON) Totals(t audit.Totals) error {
	a.closed = true
	return a.put("\n],\"totals\":", t, "")
}

// End writes how the audit ended and closes the object. If the audit failed, the file contains the error.
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
	a.w.WriteString(before) // bufio returns an error again on the next write
	a.w.Write(text)
	_, err = a.w.WriteString(after)
	return err
}

// SavedAudit is the part of a report file that a later audit needs: what was found, and what could not be checked.
type SavedAudit struct {
	Findings []audit.Finding
	Totals   audit.Totals
}

// ReadAudit reads the report file of an audit. It fails if that audit did not finish.
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
