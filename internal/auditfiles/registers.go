package auditfiles

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// register is a sink that writes a register as CSV (RFC 4180), one model at a time. The order of the columns never
// changes, and new columns are added at the end.
type register struct {
	w       *csv.Writer
	columns []string
	rows    func(audit.Snapshot) [][]string
}

func newInventory(w io.Writer) *register {
	return newRegister(w, []string{
		"model", "target_kind", "target", "version", "owner", "verdict", "moved_by", "approvers", "approvers_unknown",
		"since", "entry", "signed_by",
	}, func(m audit.Snapshot) (out [][]string) {
		for _, v := range m.Inventory {
			out = append(out, []string{
				v.Model, v.Ref.KindText(), v.Ref.Name, strconv.Itoa(v.Version), v.Owner, v.Verdict, v.By,
				strings.Join(v.Approvers, " "), v.Unknown, format.Timestamp(v.Since), v.Entry, v.Signed,
			})
		}
		return out
	})
}

func newExceptions(w io.Writer) *register {
	return newRegister(w, []string{
		"kind", "what", "model", "version", "target_kind", "target", "by", "why", "since", "until", "state", "entry",
		"signed_by",
	}, func(m audit.Snapshot) (out [][]string) {
		for _, x := range m.Exceptions {
			version := ""
			if x.Version > 0 {
				version = strconv.Itoa(x.Version)
			}
			out = append(out, []string{
				string(x.Kind), x.What, x.Model, version, x.Ref.KindText(), x.Ref.Name, x.By, x.Why,
				format.Timestamp(x.Since), x.Until, string(x.State), x.Entry, x.Signed,
			})
		}
		return out
	})
}

func newRegister(w io.Writer, columns []string, rows func(audit.Snapshot) [][]string) *register {
	r := &register{w: csv.NewWriter(w), columns: columns, rows: rows}
	r.w.UseCRLF = true
	return r
}

// Rules writes the names of the columns.
func (r *register) Rules([]audit.Rule) error { return r.w.Write(r.columns) }

// Model writes the rows of a model.
func (r *register) Model(m audit.Snapshot, _ []audit.Finding) error {
	for _, row := range r.rows(m) {
		for i := range row {
			row[i] = doc.CSVCell(row[i])
		}
		if err := r.w.Write(row); err != nil {
			return err
		}
	}
	return nil
}

// Totals flushes the buffer.
func (r *register) Totals(audit.Totals) error {
	r.w.Flush()
	return r.w.Error()
}
