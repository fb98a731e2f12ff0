package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// Compare returns a page that shows two versions side by side. Ages are computed from now, the server's time.
func Compare(c fact.Comparison, now time.Time) doc.Page {
	t := doc.Table{Head: []string{"", "candidate", "compared with"}}
	row := func(name string, a, b any) { t.Rows = append(t.Rows, doc.Row(name, a, b)) }
	row("version", versionText(c.Candidate), versionText(c.Against))
	row("run", orDash(c.Candidate.RunID), orDash(c.Against.RunID))
	row("age", age(c.Candidate.Ended, now), age(c.Against.Ended, now))
	row("size", size(c.Candidate.SizeBytes), size(c.Against.SizeBytes))
	row("framework", orDash(c.Candidate.Framework), orDash(c.Against.Framework))
	d := doc.Page{t}
	for _, s := range []fact.CompareSide{c.Candidate, c.Against} {
		if s.Problem != "" {
			d = append(d, doc.P("The run of ", doc.C(s.Ref), " is not compared: ", s.Problem))
		}
	}
	d = append(d, metricTable(c.Metrics)...)
	d = append(d, pairTable("parameter", c.Params, "No parameter differs.")...)
	d = append(d, pairTable("dataset for", c.Datasets, "Neither run has a dataset.")...)
	d = append(d, doc.P("Signature: ", c.Signature))
	return append(d, dataList(c.Changes)...)
}

func metricTable(pairs []fact.MetricPair) doc.Page {
	if len(pairs) == 0 {
		return doc.Page{doc.P("Neither run has a metric.")}
	}
	t := doc.Table{Head: []string{"metric", "candidate", "compared with", "change", ""}}
	chart := []string{}
	for _, p := range pairs {
		t.Rows = append(t.Rows, doc.Row(
			doc.C(p.Name), doc.C(p.Shown[0]), doc.C(p.Shown[1]), change(p), p.Verdict,
		))
		if p.Candidate != nil && p.Against != nil && len(chart) < 3*maxCharted {
			most := max(math.Abs(*p.Candidate), math.Abs(*p.Against))
			chart = append(chart,
				p.Name+" ("+p.Better+" is better)",
				"  "+bar(*p.Candidate, most)+" candidate",
				"  "+bar(*p.Against, most)+" compared with",
			)
		}
	}
	d := doc.Page{t}
	if items := unclear(pairs); len(items) > 0 {
		d = append(d, doc.P("Values marked ? are not compared:"), doc.List{Items: items})
	}
	if len(chart) > 0 {
		d = append(d, doc.Code{Lang: "text", Text: strings.Join(chart, "\n")})
	}
	return d
}

// unclear explains why some values are shown as question marks.
func unclear(pairs []fact.MetricPair) (items []doc.Line) {
	for _, p := range pairs {
		for _, u := range p.Unclear {
			if len(items) == maxRows {
				return append(items, doc.L("more in the report file"))
			}
			items = append(items, doc.L(doc.C(p.Name), " of ", doc.C(u.Ref), ": ", u.Why))
		}
	}
	return items
}

// maxCharted is the maximum number of metrics in a chart. A chart with more would not fit on a screen.
const maxCharted = 8

// bar draws a value as a bar of at most 24 characters, in steps of an eighth of a character.
func bar(v, most float64) string {
	if most == 0 {
		return strings.Repeat(" ", 24)
	}
	eighths := int(math.Round(math.Abs(v) / most * 24 * 8))
	text := strings.Repeat("█", eighths/8)
	if eighths%8 > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[eighths%8-1])
	}
	return text + strings.Repeat(" ", 24-len([]rune(text)))
}

// change describes the difference between the two values, or returns "–" if one of them is missing.
func change(p fact.MetricPair) string {
	if p.Candidate == nil || p.Against == nil {
		return "–"
	}
	diff := *p.Candidate - *p.Against
	text := fmt.Sprintf("%+.4g", diff)
	if *p.Against != 0 && diff != 0 {
		text += fmt.Sprintf(" (%+.1f%%)", 100*diff/math.Abs(*p.Against))
	}
	return text
}

func pairTable(what string, pairs []fact.TextPair, none string) doc.Page {
	if len(pairs) == 0 {
		return doc.Page{doc.P(none)}
	}
	t := doc.Table{Head: []string{what, "candidate", "compared with", ""}}
	for _, p := range pairs {
		differs := ""
		if p.Candidate != p.Against {
			differs = "differs"
		}
		t.Rows = append(t.Rows, doc.Row(
			doc.C(p.Name), orDash(p.Candidate), orDash(p.Against), differs,
		))
	}
	return doc.Page{t}
}

func versionText(s fact.CompareSide) string {
	if s.Version == 0 {
		return "not registered"
	}
	return strconv.Itoa(s.Version)
}

func age(ended, now time.Time) string {
	if ended.IsZero() || now.IsZero() {
		return "–"
	}
	d := now.Sub(ended)
	if d < 48*time.Hour {
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

func size(bytes int64) string {
	if bytes == 0 {
		return "–"
	}
	return format.Bytes(bytes)
}
