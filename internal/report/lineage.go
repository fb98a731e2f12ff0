package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger/views"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage/chart"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// LineageTitle returns the headline of the lineage page.
func LineageTitle(l lineage.Lineage) doc.Line {
	return doc.L("Lineage of ", doc.C(l.Model), " version ", l.Version)
}

// Lineage returns the page for one version's lineage. tracking is MLflow's address, for links.
func Lineage(l lineage.Lineage, tracking string, w Workflow) doc.Page {
	p := lineagePage{l, strings.TrimSuffix(tracking, "/"), w}
	var d doc.Page
	if p.RunProblem != "" {
		d = append(d, doc.P("The run is not shown: ", p.RunProblem))
	}
	d = append(d, p.lost()...)
	d = append(d, doc.Diagram{Mermaid: chart.Draw(l).String()}, p.table())
	d = append(d, p.promotions()...)
	d = append(d, p.signature()...)
	d = append(d, p.logged()...)
	return append(d, tagDetails("Tags of the version", l.Tags)...)
}

type lineagePage struct {
	lineage.Lineage
	tracking string
	workflow Workflow
}

// lost lists the missing links in the lineage. It comes first on the page, because readers may have to act on it.
func (p lineagePage) lost() doc.Page {
	if len(p.Lost) == 0 {
		return doc.Page{doc.P("Complete: every step from the data to the version is known.")}
	}
	var items []doc.Line
	for _, l := range p.Lost {
		items = append(items, doc.L(l.What+": ", l.Why))
	}
	return doc.Page{doc.P("Missing:"), doc.List{Items: items}}
}

func (p lineagePage) table() doc.Table {
	t := doc.Table{Head: []string{"", "what", "details"}}
	row := func(step string, what, details doc.Line) {
		t.Rows = append(t.Rows, doc.Row(step, what, details))
	}
	for _, s := range p.Servers {
		row("other server", doc.L(doc.C(s.Ref), " on ", doc.C(s.Server)), serverLine(s))
	}
	for _, d := range p.Datasets {
		row("data", doc.L(doc.C(cmp.Or(d.Name, d.URI, d.Digest))), datasetLine(d))
	}
	if c := p.Code; c != nil {
		row("code", doc.L(orDash(c.Commit)), codeLine(*c))
	}
	if p.RunID != "" {
		row("run", doc.L(doc.Span{Text: p.RunID, Code: true, URL: p.runURL()}), p.trainingLine())
	}
	if m := p.Logged; m != nil {
		status := strings.TrimPrefix(m.Status, "LOGGED_MODEL_")
		row("logged model", doc.L(doc.C(m.ID)), joined(doc.L(doc.C(m.Name)), doc.L(status), doc.L(created(m.Created))))
	}
	if a := p.Files; a != nil {
		row("files", doc.L(orDash(p.Source)), artifactLine(*a))
	} else {
		row("files", doc.L(orDash(p.Source)), doc.L("not readable"))
	}
	for _, c := range p.Copies {
		what := doc.L(doc.C("models:/" + c.Model + "/" + c.Version))
		if c.Problem != "" {
			row("copied from", what, doc.L("not followed further"))
		} else {
			row("copied from", what, joined(doc.L("source ", doc.C(c.Source)), labelled("run ", c.RunID)))
		}
	}
	row("version", doc.L(doc.Span{Text: p.Model + " " + p.Version, Code: true, URL: p.versionURL()}),
		joined(doc.L(p.Status), doc.L(created(p.Created)), labelled("", p.Description)))
	row("aliases", aliasLine(p.Aliases), nil)
	row("stage", doc.L(p.Stage), nil)
	if d := p.Deployment; d != nil {
		row("deployment", doc.L(orDash(d.To)), labelled("at ", d.At))
	} else {
		to, at := doc.C(registry.TagDeployedTo), doc.C(registry.TagDeployedAt)
		row("deployment", doc.L("not recorded"), doc.L("set the tags ", to, " and ", at, " to record it"))
	}
	return t
}

// serverLine says when the model was copied from another server, and where that is recorded.
func serverLine(s lineage.OtherServer) doc.Line {
	from := doc.L("according to a tag, not to the promotion ledger")
	switch {
	case s.Entry != "" && s.Claimed:
		from = doc.L("according to a tag on the next server, when ", doc.C(s.Entry), " was recorded")
	case s.Entry != "":
		from = doc.L("recorded in ", doc.C(s.Entry))
	}
	return joined(labelled("run ", s.RunID), labelled("copied ", s.At), labelled("sha256 ", s.Digest), from)
}

// joined joins the non-empty parts, separated by commas.
func joined(parts ...doc.Line) doc.Line {
	var out doc.Line
	for _, p := range parts {
		if len(p) == 0 || len(p) == 1 && p[0].Text == "" {
			continue
		}
		if len(out) > 0 {
			out = append(out, doc.T(", "))
		}
		out = append(out, p...)
	}
	return out
}

// labelled returns a label followed by data, or nil if there is no data.
func labelled(label, data string) doc.Line {
	if data == "" {
		return nil
	}
	return doc.L(label, doc.C(short(data)))
}

// created says when something was created, or returns "" if the time is not known.
func created(at string) string {
	if at == "" {
		return ""
	}
	return "created " + clock(at) + " UTC"
}

// clock formats a time for readers. Text that is not a time is returned unchanged.
func clock(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	return t.UTC().Format(time.DateTime)
}

func datasetLine(d lineage.Dataset) doc.Line {
	from := keptIn(d.From)
	address := cmp.Or(d.URI, d.Source)
	if d.Name == "" {
		address = "" // already shown as the name
	}
	return joined(labelled("for ", d.Context), labelled("digest ", d.Digest), labelled("from ", address), from)
}

// keptIn says where data comes from if not from the run.
func keptIn(from string) doc.Line {
	switch from {
	case "tags":
		return doc.L("from the version's tags")
	case "ledger":
		return doc.L("from the promotion ledger")
	}
	return nil
}

func codeLine(c lineage.Code) doc.Line {
	from := keptIn(c.From)
	return joined(labelled("branch ", c.Branch), labelled("of ", c.Repository), labelled("script ", c.Script), from)
}

func (p lineagePage) trainingLine() doc.Line {
	t := p.Training
	switch {
	case p.RunProblem != "":
		return doc.L("not this version's run, so not shown")
	case t == nil:
		return doc.L("not readable")
	}
	state := t.Status
	if t.Deleted {
		state += ", deleted"
	}
	ended := doc.Line(nil)
	if t.Ended != "" {
		ended = doc.L("ended " + clock(t.Ended) + " UTC")
	}
	experiment := labelled("experiment ", cmp.Or(t.ExperimentName, t.ExperimentID))
	return joined(labelled("", t.RunName), doc.L(state), labelled("by ", t.User), experiment, ended)
}

func artifactLine(a lineage.ModelFiles) doc.Line {
	bytes := doc.Line(nil)
	if a.SizeBytes > 0 {
		bytes = doc.L(size(a.SizeBytes))
	}
	digest := doc.Line(nil)
	if a.SHA256 != "" {
		digest = doc.L("sha256 ", doc.C(a.SHA256), " at promotion ", doc.C(a.SHA256At))
	}
	return joined(
		bytes, labelled("", a.Framework), labelled("Python ", a.Python), labelled("MLflow ", a.MLflow),
		labelled("run in the MLmodel file ", a.RunID), labelled("logged model in the MLmodel file ", a.ModelID), digest)
}

func aliasLine(aliases []string) doc.Line {
	if len(aliases) == 0 {
		return doc.L("none")
	}
	var parts []doc.Line
	for _, a := range aliases {
		parts = append(parts, doc.L(doc.C(registry.AliasRef(a).String())))
	}
	return joined(parts...)
}

// promotions shows the promotions recorded in the ledger or, without a ledger, in the version's tags.
func (p lineagePage) promotions() doc.Page {
	if len(p.Promotions) == 0 {
		return doc.Page{doc.P("No promotion of this version is recorded.")}
	}
	t := doc.Table{Head: []string{"entry", "when (UTC)", "what", "from", "to", "by", "evidence", "outcome"}}
	for i := len(p.Promotions) - 1; i >= 0; i-- {
		t.Rows = append(t.Rows, promotionRow(p.Promotions[i], p.workflow))
	}
	title := "Promotions, newest first:"
	if p.Promotions[0].From == "tags" {
		title = "Promotions according to the version's tags, not the ledger:"
	}
	return doc.Page{doc.P(title), t}
}

func promotionRow(p lineage.Promotion, w Workflow) []doc.Line {
	entry := doc.L(orDash(p.ID))
	var from, to []string
	for _, s := range p.Moves {
		from, to = append(from, s.Ref+" "+orNone(s.Was.String())), append(to, s.Ref+" "+orNone(s.Want.String()))
	}
	outcome := p.Outcome
	if p.Reason != "" && p.Reason != registry.OK {
		outcome += ": " + string(p.Reason)
	}
	return doc.Row(
		entry, clock(p.At), orDash(p.Command),
		doc.C(strings.Join(from, "; ")), doc.C(strings.Join(to, "; ")),
		w.by(views.Who(ledger.Origin{
			Actor: p.Actor, Initiator: p.Initiator, OSUser: p.OSUser, Login: p.Login,
		}), p.Workflow), gatesLine(p), outcome,
	)
}

func gatesLine(p lineage.Promotion) doc.Line {
	var parts []doc.Line
	for i, g := range p.Gates {
		if i == 3 {
			parts = append(parts, doc.L(fmt.Sprintf("%d more", len(p.Gates)-3)))
			break
		}
		text := g.Gate
		if g.Outcome != "" {
			text += ": " + g.Outcome
			if g.Candidate != "" {
				text += " (" + observed(verdict.Finding{Wanted: g.Wanted, Candidate: g.Candidate}) + ")"
			}
		}
		parts = append(parts, doc.L(doc.C(short(text))))
	}
	if p.Mode == verdict.ReportMode {
		parts = append(parts, doc.L("not enforced (report mode)"))
	}
	if len(p.Override) > 0 {
		parts = append(parts, doc.L("override ", doc.C(strings.Join(p.Override, ", "))))
	}
	if p.Justification != "" {
		parts = append(parts, doc.L("justification: ", doc.C(short(p.Justification))))
	}
	parts = append(parts, doc.L(doc.C(fact.ApprovedBy(p.Approvers, p.ApproversUnknown))))
	if out := joined(parts...); len(out) > 0 {
		return out
	}
	return doc.L("–")
}

func (p lineagePage) signature() doc.Page {
	a := p.Files
	if a == nil || a.Inputs == nil && a.Outputs == nil && a.Params == nil {
		return nil
	}
	var text []string
	for _, part := range []struct {
		name string
		json []byte
	}{{"inputs", a.Inputs}, {"outputs", a.Outputs}, {"params", a.Params}} {
		if part.json != nil {
			text = append(text, part.name+": "+format.Truncate(string(part.json), 4000))
		}
	}
	code := doc.Code{Lang: "json", Text: strings.Join(text, "\n")}
	return doc.Page{doc.Details{Title: "Signature", Body: doc.Page{code}}}
}

// maxRows is the maximum number of rows in a table of details. The report file contains all rows.
const maxRows = 100

// logged shows the metrics, parameters and tags of the run.
func (p lineagePage) logged() doc.Page {
	t := p.Training
	if t == nil {
		return nil
	}
	metrics := map[string]string{}
	for key, v := range t.Metrics {
		metrics[key] = strconv.FormatFloat(float64(v), 'g', -1, 64)
		if math.Abs(float64(v)) == math.MaxFloat64 {
			metrics[key] = "infinite"
		}
	}
	d := tagDetails("Metrics of the model", metrics)
	d = append(d, unclearMetrics(t.Unclear)...)
	d = append(d, tagDetails("Parameters of the run", t.Parameters)...)
	return append(d, tagDetails("Tags of the run", t.Tags)...)
}

// unclearMetrics returns a folded list of the metrics that may belong to a different model, with the reason for each.
func unclearMetrics(why map[string]string) doc.Page {
	if len(why) == 0 {
		return nil
	}
	var items []doc.Line
	for _, key := range slices.Sorted(maps.Keys(why)) {
		if len(items) == maxRows {
			items = append(items, doc.L(fmt.Sprintf("%d more in the report file", len(why)-maxRows)))
			break
		}
		items = append(items, doc.L(doc.C(short(key)), ": ", why[key]))
	}
	title := fmt.Sprintf("Metrics that may belong to another model (%d)", len(why))
	return doc.Page{doc.Details{Title: title, Body: doc.Page{doc.List{Items: items}}}}
}

// tagDetails returns a folded table of keys and values, sorted by key.
func tagDetails(title string, values map[string]string) doc.Page {
	if len(values) == 0 {
		return nil
	}
	t := doc.Table{Head: []string{"name", "value"}}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if len(t.Rows) == maxRows {
			more := doc.L(fmt.Sprintf("%d more", len(values)-maxRows))
			t.Rows = append(t.Rows, doc.Row(more, "in the report file"))
			break
		}
		t.Rows = append(t.Rows, doc.Row(doc.C(short(key)), doc.C(short(values[key]))))
	}
	return doc.Page{doc.Details{Title: fmt.Sprintf("%s (%d)", title, len(values)), Body: doc.Page{t}}}
}

func (p lineagePage) runURL() string {
	if p.tracking == "" || p.Training == nil {
		return ""
	}
	experiment, run := url.PathEscape(p.Training.ExperimentID), url.PathEscape(p.RunID)
	return p.tracking + "/#/experiments/" + experiment + "/runs/" + run
}

func (p lineagePage) versionURL() string {
	if p.tracking == "" {
		return ""
	}
	return p.tracking + "/#/models/" + url.PathEscape(p.Model) + "/versions/" + url.PathEscape(p.Version)
}
