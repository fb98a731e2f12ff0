package report

import (
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Annotation is a message that GitHub shows on the job's page and, if it refers to a file, next to the line in that
// file.
type Annotation struct {
	Level   Level
	File    string // path in the workspace; "" for none
	Line    int    // counted from 1; 0 for the whole file
	Title   string
	Message string
}

// Level is the severity with which GitHub shows an annotation.
type Level string

// The levels that GitHub supports.
const (
	Error   Level = "error"
	Warning Level = "warning"
	Notice  Level = "notice"
)

// Annotations returns one annotation for each gate that did not pass, for the error, and for each warning.
func (o Outcome) Annotations() []Annotation {
	var out []Annotation
	for _, f := range o.Result.Findings {
		if f.Outcome == verdict.Fail || f.Outcome == verdict.Inconclusive {
			out = append(out, gateAnnotation(f))
		}
	}
	if o.Err != nil {
		message := o.Err.Error()
		if hint := hintOf(o.Err); hint != "" {
			message += "\nhint: " + hint
		}
		out = append(out, Annotation{Level: Error, Title: "mlflow-promote: " + string(o.Reason), Message: message})
	}
	for _, w := range o.Warnings {
		out = append(out, Annotation{Level: Warning, Title: "mlflow-promote", Message: w})
	}
	return out
}

// gateAnnotation returns the annotation for a gate that did not pass. If the gate is defined in a file in the
// repository, the annotation points to the line that defines it.
func gateAnnotation(f verdict.Finding) Annotation {
	a := Annotation{Level: Error, Title: "Gate " + string(f.Outcome), Message: f.Gate + ": " + f.Why}
	switch {
	case f.Waived():
		a.Level, a.Title = Notice, "Gate waived"
		a.Message += "; " + f.Exception()
	case f.Mode == verdict.ReportMode:
		a.Level = Warning
		a.Message += "; not enforced (report mode)"
	case f.Retains(), !f.Blocks():
		a.Level = Warning
	}
	if f.Fix != "" {
		a.Message += ". To satisfy it: " + f.Fix
	}
	if f.File != thresholdsInput {
		a.File, a.Line = f.File, f.Line
	}
	return a
}

// Annotations returns annotations for the worst findings and for the rules that could not check everything. A finding
// that counts against `fail-on` becomes an error. Any other finding becomes an annotation only if its severity is high.
func (a Audit) Annotations() []Annotation {
	var out []Annotation
	for _, f := range a.Worst {
		level := Warning
		switch {
		case a.counts(f):
			level = Error
		case f.Severity != audit.High:
			continue
		}
		message := f.Message
		if f.Model != "" {
			message = f.Model + ": " + message
		}
		out = append(out, Annotation{
			Level: level, File: f.File, Line: f.Line,
			Title:   "Audit: " + f.Rule,
			Message: message + ". To fix it: " + f.Fix,
		})
	}
	for _, u := range a.Blind {
		out = append(out, Annotation{Level: Error, Title: "Audit: not checked", Message: u.Summary()})
	}
	return out
}

// counts reports whether a finding counts against `fail-on`.
func (a Audit) counts(f audit.Finding) bool {
	return a.FailOn != "never" && f.Severity.AtLeast(audit.Severity(a.FailOn)) && f.Trend != audit.TrendUnchanged
}
