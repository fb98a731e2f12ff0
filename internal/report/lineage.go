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

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/lineage"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// LineageTitle is the headline of a version's lineage.
func LineageTitle(l lineage.Lineage) Line {
	return line("Lineage of ", C(l.Model), " version ", l.Version)
}

// Lineage is the page of one version's lineage. tracking is the address of MLflow, for links.
func Lineage(l lineage.Lineage, tracking string, w Workflow) Doc {
	p := lineagePage{l, strings.TrimSuffix(tracking, "/"), w}
	var d Doc
	if p.RunProblem != "" {
		d = append(d, Para{line("Not its own run: ", p.RunProblem)})
	}
	d = append(d, p.lost()...)
	d = append(d, Diagram{lineageFlow(l).String()}, p.table())
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

// lost comes first: what is missing is what somebody has to act on.
func (p lineagePage) lost() Doc {
	if len(p.Lost) == 0 {
		return Doc{Para{line("Complete: every link from the data to the version is known.")}}
	}
	var items []Line
	for _, l := range p.Lost {
		items = append(items, line(l.What+": ", l.Why))
	}
	return Doc{Para{line("Not known:")}, List{items}}
}

func (p lineagePage) table() Table {
	t := Table{Head: []string{"", "what", "details"}}
	row := func(step string, what, details Line) { t.Rows = append(t.Rows, []Line{line(step), what, details}) }
	for _, d := range p.Datasets {
		row("data", line(C(cmp.Or(d.Name, d.URI, d.Digest))), datasetLine(d))
	}
	if c := p.Code; c != nil {
		row("code", line(orDash(c.Commit)), codeLine(*c))
	}
	if p.RunID != "" {
		row("run", line(Span{Text: p.RunID, Code: true, URL: p.runURL()}), p.trainingLine())
	}
	if m := p.Logged; m != nil {
		row("logged model", line(C(m.ID)), joined(line(C(m.Name)), plain(strings.TrimPrefix(m.Status, "LOGGED_MODEL_")), plain(since(m.Created))))
	}
	if a := p.Files; a != nil {
		row("files", line(orDash(p.Source)), artifactLine(*a))
	} else {
		row("files", line(orDash(p.Source)), line("not readable"))
	}
	for _, c := range p.Copies {
		what := line(C("models:/" + c.Model + "/" + c.Version))
		if c.Problem != "" {
			row("copied from", what, line("the chain ends here"))
		} else {
			row("copied from", what, joined(line("source ", C(c.Source)), named("run ", c.RunID)))
		}
	}
	row("version", line(Span{Text: p.Model + " " + p.Version, Code: true, URL: p.versionURL()}), joined(plain(p.Status), plain(since(p.Created)), named("", p.Description)))
	row("aliases", aliasLine(p.Aliases), nil)
	row("stage", line(p.Stage), nil)
	if d := p.Deployment; d != nil {
		row("deployment", line(orDash(d.To)), named("at ", d.At))
	} else {
		row("deployment", line("not recorded"), line("the tags ", C(registry.TagDeployedTo), " and ", C(registry.TagDeployedAt), " say it"))
	}
	return t
}

// joined puts the parts that say something into one line.
func joined(parts ...Line) Line {
	var out Line
	for _, p := range parts {
		if len(p) == 0 || len(p) == 1 && p[0].Text == "" {
			continue
		}
		if len(out) > 0 {
			out = append(out, T(", "))
		}
		out = append(out, p...)
	}
	return out
}

func plain(text string) Line { return line(text) }

// named is a label and data, nothing where there is none.
func named(label, data string) Line {
	if data == "" {
		return nil
	}
	return line(label, C(short(data)))
}

func since(at string) string {
	if at == "" {
		return ""
	}
	return "created " + clock(at) + " UTC"
}

// clock writes a time of the lineage for reading; what is none stays as it is.
func clock(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	return t.UTC().Format(time.DateTime)
}

func datasetLine(d lineage.Dataset) Line {
	from := keptIn(d.From)
	address := cmp.Or(d.URI, d.Source)
	if d.Name == "" {
		address = "" // it stands in the place of the name
	}
	return joined(named("for ", d.Context), named("digest ", d.Digest), named("from ", address), from)
}

// keptIn says where something is known from that its run does not tell.
func keptIn(from string) Line {
	switch from {
	case "tags":
		return line("from the version's tags")
	case "ledger":
		return line("from the promotion ledger")
	}
	return nil
}

func codeLine(c lineage.Code) Line {
	from := keptIn(c.From)
	return joined(named("branch ", c.Branch), named("of ", c.Repository), named("script ", c.Script), from)
}

func (p lineagePage) trainingLine() Line {
	t := p.Training
	switch {
	case p.RunProblem != "":
		return line("not its own, so left out")
	case t == nil:
		return line("not readable")
	}
	state := t.Status
	if t.Deleted {
		state += ", deleted"
	}
	ended := Line(nil)
	if t.Ended != "" {
		ended = line("ended " + clock(t.Ended) + " UTC")
	}
	return joined(named("", t.RunName), line(state), named("by ", t.User), named("experiment ", cmp.Or(t.ExperimentName, t.ExperimentID)), ended)
}

func artifactLine(a lineage.ModelFiles) Line {
	bytes := Line(nil)
	if a.SizeBytes > 0 {
		bytes = line(size(a.SizeBytes))
	}
	digest := Line(nil)
	if a.SHA256 != "" {
		digest = line("sha256 ", C(a.SHA256), " as of promotion ", C(a.SHA256At))
	}
	return joined(bytes, named("", a.Framework), named("Python ", a.Python), named("MLflow ", a.MLflow),
		named("the MLmodel file claims run ", a.RunID), named("the MLmodel file claims logged model ", a.ModelID), digest)
}

func aliasLine(aliases []string) Line {
	if len(aliases) == 0 {
		return line("none")
	}
	var parts []Line
	for _, a := range aliases {
		parts = append(parts, line(C("@"+a)))
	}
	return joined(parts...)
}

// promotions is what the ledger, or without one the version's own tags, tell of it.
func (p lineagePage) promotions() Doc {
	if len(p.Promotions) == 0 {
		return Doc{Para{line("No promotion of this version is recorded.")}}
	}
	t := Table{Head: []string{"entry", "when (UTC)", "what", "from", "to", "by", "evidence", "outcome"}}
	for i := len(p.Promotions) - 1; i >= 0; i-- {
		t.Rows = append(t.Rows, promotionRow(p.Promotions[i], p.workflow))
	}
	from := "Promotions, the newest first:"
	if p.Promotions[0].From == "tags" {
		from = "Promotions as the version's tags tell them, not the ledger:"
	}
	return Doc{Para{line(from)}, t}
}

func promotionRow(p lineage.Promotion, w Workflow) []Line {
	entry := line(orDash(p.ID))
	var from, to []string
	for _, s := range p.Moves {
		from, to = append(from, s.Ref+" "+orNone(s.Was)), append(to, s.Ref+" "+orNone(s.Want))
	}
	outcome := p.Outcome
	if p.Reason != "" && p.Reason != registry.OK {
		outcome += ": " + string(p.Reason)
	}
	return []Line{entry, line(clock(p.At)), line(orDash(p.Command)), line(C(strings.Join(from, "; "))), line(C(strings.Join(to, "; "))), w.by(p.Actor, p.Workflow), gatesLine(p), line(outcome)}
}

func gatesLine(p lineage.Promotion) Line {
	var parts []Line
	for i, g := range p.Gates {
		if i == 3 {
			parts = append(parts, line(fmt.Sprintf("%d more", len(p.Gates)-3)))
			break
		}
		text := g.Gate
		if g.Outcome != "" {
			text += ": " + g.Outcome
			if g.Candidate != "" {
				text += " (" + observed(verdict.Finding{Wanted: g.Wanted, Candidate: g.Candidate}) + ")"
			}
		}
		parts = append(parts, line(C(short(text))))
	}
	if p.Mode == verdict.ReportMode {
		parts = append(parts, line("not enforced (report mode)"))
	}
	if len(p.Override) > 0 {
		parts = append(parts, line("override ", C(strings.Join(p.Override, ", "))))
	}
	if len(parts) == 0 {
		return line("–")
	}
	return joined(parts...)
}

func (p lineagePage) signature() Doc {
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
	return Doc{Details{"Signature", Doc{Code{"json", strings.Join(text, "\n")}}}}
}

// maxRows bounds a table of details: the report file has all of it.
const maxRows = 100

// logged is what the run logged.
func (p lineagePage) logged() Doc {
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

// unclearMetrics folds a list of metrics whose values may be another model's, each with the reason.
func unclearMetrics(why map[string]string) Doc {
	if len(why) == 0 {
		return nil
	}
	var items []Line
	for _, key := range slices.Sorted(maps.Keys(why)) {
		if len(items) == maxRows {
			items = append(items, line(fmt.Sprintf("%d more in the report file", len(why)-maxRows)))
			break
		}
		items = append(items, line(C(short(key)), ": ", why[key]))
	}
	return Doc{Details{fmt.Sprintf("Metrics that may not be the model's (%d)", len(why)), Doc{List{items}}}}
}

// tagDetails folds a table of keys and values, sorted.
func tagDetails(title string, values map[string]string) Doc {
	if len(values) == 0 {
		return nil
	}
	t := Table{Head: []string{"name", "value"}}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if len(t.Rows) == maxRows {
			t.Rows = append(t.Rows, []Line{line(fmt.Sprintf("%d more", len(values)-maxRows)), line("in the report file")})
			break
		}
		t.Rows = append(t.Rows, []Line{line(C(short(key))), line(C(short(values[key])))})
	}
	return Doc{Details{fmt.Sprintf("%s (%d)", title, len(values)), Doc{t}}}
}

func (p lineagePage) runURL() string {
	if p.tracking == "" || p.Training == nil {
		return ""
	}
	return p.tracking + "/#/experiments/" + url.PathEscape(p.Training.ExperimentID) + "/runs/" + url.PathEscape(p.RunID)
}

func (p lineagePage) versionURL() string {
	if p.tracking == "" {
		return ""
	}
	return p.tracking + "/#/models/" + url.PathEscape(p.Model) + "/versions/" + url.PathEscape(p.Version)
}

// maxBoxes keeps the chart on one screen: so many data sets, aliases.
const maxBoxes = 4

// lineageFlow draws data, code, run, files, copies, version, aliases, stage and deployment from left to right.
func lineageFlow(l lineage.Lineage) *flow {
	f := &flow{}
	lost := func(what string) bool {
		return slices.ContainsFunc(l.Lost, func(x lineage.Lost) bool { return x.What == what })
	}
	run := runBox(f, l)
	for i, d := range l.Datasets {
		if i == maxBoxes {
			f.edge(f.node("more data", fmt.Sprintf("%d more data sets", len(l.Datasets)-maxBoxes)), run, false)
			break
		}
		f.edge(f.node(fmt.Sprint("data", i), joinWords("data", cmp.Or(d.Name, d.URI), d.Context, shortID(d.Digest))), run, d.From != "run")
	}
	if len(l.Datasets) == 0 {
		f.edge(f.node("data", "data not known"), run, true)
	}
	if l.Code != nil && l.Code.Commit != "" {
		f.edge(f.node("code", joinWords("commit", shortID(l.Code.Commit))), run, l.Code.From != "run")
	}
	at, broken := run, l.Training == nil
	step := func(thing, label string) {
		next := f.node(thing, label)
		f.edge(at, next, broken)
		at, broken = next, false
	}
	if l.Logged != nil {
		step("logged", joinWords("logged model", shortID(l.Logged.ID)))
	}
	for _, c := range slices.Backward(l.Copies) {
		ref := joinWords(c.Model, "version", c.Version)
		if c.Problem != "" {
			ref += " not followed"
			broken = true
		}
		step("copy "+c.Model+"/"+c.Version, ref)
		broken = c.Problem != ""
	}
	broken = broken || lost("artifact") && l.Files == nil
	step("version", joinWords(l.Model, "version", l.Version))
	version := at
	for i, a := range l.Aliases {
		if i == maxBoxes {
			f.edge(version, f.node("more aliases", fmt.Sprintf("%d more aliases", len(l.Aliases)-maxBoxes)), false)
			break
		}
		f.edge(version, f.node("@"+a, "@"+a), false)
	}
	if l.Stage != "None" {
		f.edge(version, f.node("stage", "stage "+l.Stage), false)
	}
	if l.Deployment != nil {
		f.edge(version, f.node("deployment", joinWords("deployed to", cmp.Or(l.Deployment.To, "somewhere"))), false)
	}
	return f
}

func runBox(f *flow, l lineage.Lineage) string {
	switch {
	case l.RunID == "":
		return f.node("run", "no run")
	case l.RunProblem != "":
		return f.node("run", joinWords("run", shortID(l.RunID), "not its own"))
	case l.Training == nil:
		return f.node("run", joinWords("run", shortID(l.RunID), "not readable"))
	case l.Training.Deleted:
		return f.node("run", joinWords("run", cmp.Or(l.Training.RunName, shortID(l.RunID)), "deleted"))
	}
	return f.node("run", joinWords("run", cmp.Or(l.Training.RunName, shortID(l.RunID))))
}
