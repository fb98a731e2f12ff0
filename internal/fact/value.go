package fact

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// The kinds of runs that log values on a model. Gates use the same words.
const (
	SourceRun     = "source"     // the run in which the model was logged
	EvaluationRun = "evaluation" // any other run
)

// Evaluation is a run, other than the model's source run, that logged values on the model. Whether the values count
// depends on the run's experiment.
type Evaluation struct {
	RunID  string
	Status string
	Start  time.Time
	Own    bool     // whether the run is in the model's experiment
	Named  []string // the run's experiments that are listed in gates, as the gates spell them

	Metrics map[string]registry.Point // the run's last value for each metric
}

// Selector specifies which value of a metric a gate uses if the model has several. The zero value expects exactly one.
type Selector struct {
	OfRun       bool     // use the run's last value, whichever model it belongs to
	Run         string   // SourceRun or EvaluationRun; "" for either
	Dataset     string   // name or digest; "" for any dataset
	EvaluatedIn []string // experiments whose runs count as evaluations, instead of the model's own experiment
}

func (w Selector) String() string {
	var parts []string
	if w.OfRun {
		parts = append(parts, "of: run")
	}
	if w.Run != "" {
		parts = append(parts, "run: "+w.Run)
	}
	if w.Dataset != "" {
		parts = append(parts, "dataset: "+w.Dataset)
	}
	return strings.Join(parts, ", ")
}

// Value is one value of a metric, and where it comes from.
type Value struct {
	Metric string
	registry.Point
	RunID   string
	Kind    string // SourceRun or EvaluationRun
	Dataset registry.DataRef
	OfRun   bool // whether the gate uses `of: run`
}

// Used returns the value in the form that plans and records store.
func (v Value) Used(of string) verdict.Used {
	kind := v.Kind
	if v.OfRun {
		kind = verdict.RunValue
	}
	return verdict.Used{
		Of: of, Metric: v.Metric, Value: v.Raw, Step: v.Step, RunID: v.RunID, Kind: kind,
		Dataset: v.Dataset.Name, Digest: v.Dataset.Digest,
	}
}

// Origin describes in a few words where the value comes from.
func (v Value) Origin() string {
	out := "run " + v.RunID
	if v.Kind == EvaluationRun {
		out = "evaluation " + out
	}
	if v.Dataset != (registry.DataRef{}) {
		out += ", " + v.Dataset.String()
	}
	return out
}

func (v Value) String() string { return fmt.Sprintf("%s (%s)", v.Point, v.Origin()) }

// Choice is the value of a metric that a gate uses, or the reason why there is none.
type Choice struct {
	Value  Value
	Why    string   // why no value can be used; "" if one can
	Absent bool     // whether it is certain that there is no value with that name
	Fit    []Value  // several matching values, if none of them could be chosen
	Others []Value  // the model's other values that count
	Unused []string // values that do not count, with the reason for each

	whole  bool             // whether the value is the last one in the run's own history
	points []registry.Point // if whole is false, every point of that kind, sorted by step and then by time
}

// Choose returns the value of a metric that counts for the subject's model. A value on the run counts only if the run
// has exactly one model, because MLflow's 3.x client guesses the model if a metric is logged without one. Before MLflow
// 3.17, any login can log metrics on any model.
func (s Subject) Choose(key string, want Selector) Choice {
	c, why := s.count(key, want)
	if why != "" {
		return Choice{Why: why}
	}
	var fit, rest []counted
	for _, v := range c.values {
		if want.OfRun || (want.Run == "" || v.Kind == want.Run) && (want.Dataset == "" || v.Dataset.Is(want.Dataset)) {
			fit = append(fit, v)
		} else {
			rest = append(rest, v)
		}
	}
	if want.Dataset != "" {
		fit, rest = newestOfName(fit, rest)
	}
	return c.take(fit, rest)
}

// ChooseLike returns the subject's value that can be compared with a given value of a different model. Both values come
// from the same kind of run and from the same dataset. The digests of the datasets may differ for training data, and
// for a dataset that the gate names.
func (s Subject) ChooseLike(key string, want Selector, with Value) Choice {
	c, why := s.count(key, want)
	if why != "" {
		return Choice{Why: why}
	}
	var same, named, rest []counted
	for _, v := range c.values {
		switch {
		case want.OfRun, v.Kind == with.Kind && v.Dataset == with.Dataset:
			same = append(same, v)
		case v.Kind == with.Kind && v.Dataset.Name == with.Dataset.Name &&
			(want.Dataset != "" || with.Kind == SourceRun):
			named = append(named, v)
		default:
			rest = append(rest, v)
		}
	}
	if len(same) > 0 {
		return c.take(same, slices.Concat(named, rest))
	}
	fit, rest := newestOfName(named, rest)
	out := c.take(fit, rest)
	if len(fit) == 0 && len(rest) > 0 {
		out.Why = fmt.Sprintf(
			"%s has no %q from the %s run on %s; it has %s", s.Ref, key, with.Kind, with.Dataset, listValues(rest),
		)
	}
	return out
}

// Points returns all points that the value was chosen from, sorted by step and then by time.
func (s Subject) Points(c Choice) registry.Known[[]registry.Point] {
	if c.whole {
		return s.History[c.Value.Metric]
	}
	return registry.Is(c.points)
}

// OwnRows returns the values of a metric that the source run logged on the model and that count for the model. It
// returns all steps, and leaves out values that may belong to a different model of the run.
func (s Subject) OwnRows(key string) []registry.ModelMetric {
	c, why := s.count(key, Selector{})
	if why != "" {
		return nil
	}
	var rows []registry.ModelMetric
	for _, v := range c.values {
		if v.Kind != SourceRun || v.whole {
			continue
		}
		for _, p := range v.points {
			rows = append(rows, registry.ModelMetric{Key: key, Point: p, RunID: v.RunID, Dataset: v.Dataset})
		}
	}
	return rows
}

// MetricNames returns the names of all metrics that Choose may find, in sorted order.
func (s Subject) MetricNames() []string {
	names := map[string]bool{}
	for key := range s.Run.OrZero().Metrics {
		names[key] = true
	}
	for _, m := range s.Logged.OrZero().Metrics {
		names[m.Key] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// maxValues is the maximum number of a model's values that are recorded.
const maxValues = 200

// Values returns every value that counts for the model, to be recorded. The values are sorted by metric and limited to
// maxValues. If the run has several models, the run's own values are included.
func (s Subject) Values() []verdict.Used {
	var out []verdict.Used
	wants := []Selector{{}}
	if one, _ := s.OneModel(); !one {
		wants = append(wants, Selector{OfRun: true})
	}
	for _, key := range s.MetricNames() {
		for _, want := range wants {
			c, why := s.count(key, want)
			if why != "" {
				continue
			}
			for _, v := range c.values {
				out = append(out, v.Used("candidate"))
			}
		}
		if len(out) > maxValues {
			return out[:maxValues]
		}
	}
	return out
}

// Counts reports whether the metric has a value that counts for the model. It also returns true if only the source run
// has a value, because that value may count.
func (s Subject) Counts(key string, want Selector) bool {
	if _, logged := s.Run.OrZero().Metrics[key]; logged {
		return true
	}
	c, why := s.count(key, want)
	return why == "" && (len(c.values) > 0 || c.unknown != "")
}

// count collects the values that count. If none of them can be used, why is the reason.
func (s Subject) count(key string, want Selector) (c counting, why string) {
	run, readable := s.Run.Get()
	switch {
	case !readable && (want.OfRun || !s.Run.IsAbsent()):
		return c, "the run of " + s.Ref + " is not readable: " + s.Run.Why()
	case want.OfRun:
		c = counting{subject: s, run: run, key: key, want: want}
		if p, ok := run.Metrics[key]; ok {
			c.values = []counted{
				{Value: Value{Metric: key, Point: p, RunID: run.ID, Kind: SourceRun, OfRun: true}, whole: true},
			}
		}
		return c, ""
	}
	c = counting{subject: s, run: run, key: key, want: want}
	c.ofSource()
	c.ofEvaluations()
	return c, ""
}

// OneModel reports whether the subject's model is the only one in its run. If not, why lists the other models or says
// that they are not known. Only outputs in the run's experiment count, because anyone can list a model of their own as
// an output of the run.
func (s Subject) OneModel() (one bool, why string) {
	run := s.Run.OrZero()
	var others []string
	if logged, ok := s.Logged.Get(); ok && slices.Equal(run.Models(), []string{logged.ID}) {
		return true, ""
	}
	if len(run.Models()) > 0 {
		siblings, ok := s.Siblings.Get()
		if !ok {
			return false, fmt.Sprintf("the models of run %s are not known: %s", run.ID, s.Siblings.Why())
		}
		for _, m := range siblings {
			others = append(others, m.Name+" ("+m.ID+")")
		}
	}
	if s.Logged.IsAbsent() {
		for _, path := range run.LoggedPaths() {
			if path != s.Path {
				others = append(others, path)
			}
		}
	}
	if s.Unlisted() {
		paths, ok := s.OtherPaths.Get()
		if !ok && len(others) == 0 {
			return false, fmt.Sprintf(
				"other models in the artifacts of run %s are not known: %s", run.ID, s.OtherPaths.Why(),
			)
		}
		for _, path := range paths {
			others = append(others, cmp.Or(path, "in the root of its artifacts"))
		}
	}
	if len(others) == 0 {
		return true, ""
	}
	if len(others) == 1 {
		return false, fmt.Sprintf("run %s also has the model %s", run.ID, others[0])
	}
	return false, fmt.Sprintf("run %s has %d other models: %s", run.ID, len(others), format.First(others, 5))
}

// Unlisted reports whether the model was saved without log_model, so that the run does not list it. In that case, only
// the run's artifacts show whether the run has other models. Unlisted reads only Run, Logged and Path, so other fields
// may be written concurrently.
func (s *Subject) Unlisted() bool {
	run, ok := s.Run.Get()
	return ok && s.Logged.IsAbsent() && s.Path != "" && len(run.LoggedPaths()) == 0
}

// counting collects the values of one metric that count for one model.
type counting struct {
	subject Subject
	run     registry.Run
	key     string
	want    Selector

	values  []counted
	unused  []string
	unknown string // why values from evaluation runs may be missing
}

// counted is a value together with the points before it.
type counted struct {
	Value
	whole  bool // whether the points are the run's own history
	points []registry.Point
}

// ofSource adds the values from the source run.
func (c *counting) ofSource() {
	if c.run.ID == "" {
		return
	}
	rows := c.rows(func(m registry.ModelMetric) bool { return m.RunID == c.run.ID })
	one, why := c.subject.OneModel()
	if one {
		c.ofOnlyModel(rows)
		return
	}
	if _, logged := c.subject.Logged.Get(); !logged || c.subject.Siblings.Why() != "" {
		if p, ok := c.run.Metrics[c.key]; ok {
			c.refuse(p, why)
		}
		return
	}
	var own []registry.ModelMetric
	for _, row := range rows {
		if why := c.guessed(row, rows); why != "" {
			c.refuse(row.Point, why)
			continue
		}
		own = append(own, row)
	}
	if p, ok := c.run.Metrics[c.key]; ok && len(rows) == 0 {
		c.refuse(p, "it was not logged on this model, and "+why)
	}
	c.add(SourceRun, own)
}

// ofOnlyModel adds the run's value, as MLflow shows it, and the values that were logged on the model for a dataset.
func (c *counting) ofOnlyModel(rows []registry.ModelMetric) {
	last, there := c.run.Metrics[c.key]
	own := slices.ContainsFunc(rows, func(row registry.ModelMetric) bool { return row.Point.Same(last) })
	var named []registry.ModelMetric
	for _, row := range rows {
		if row.Dataset != (registry.DataRef{}) {
			named = append(named, row)
		}
		if row.Dataset == (registry.DataRef{}) && !own && row.Step == last.Step {
			named = append(named, row) // MLflow's client would also have logged the run's last value on the model
			there = false
		}
		if row.Dataset != (registry.DataRef{}) && row.Point.Same(last) {
			there = false // the run's last value was measured on that dataset
		}
	}
	c.add(SourceRun, named)
	if there {
		c.values = append(
			c.values, counted{Value: Value{Metric: c.key, Point: last, RunID: c.run.ID, Kind: SourceRun}, whole: true},
		)
	}
}

// ofEvaluations adds the values that evaluation runs logged on the model, if the runs' experiments count.
func (c *counting) ofEvaluations() {
	rows := c.rows(func(m registry.ModelMetric) bool { return m.RunID != c.run.ID })
	if len(rows) == 0 {
		return
	}
	runs, ok := c.subject.Evaluations.Get()
	if !ok {
		c.unknown = fmt.Sprintf(
			"%d values come from other runs that could not be read: %s", len(rows), c.subject.Evaluations.Why(),
		)
		return
	}
	byData := map[registry.DataRef][]registry.ModelMetric{}
	for _, row := range rows {
		if why := c.refused(runs[row.RunID]); why != "" {
			c.refuse(row.Point, "run "+row.RunID+" "+why)
			continue
		}
		byData[row.Dataset] = append(byData[row.Dataset], row)
	}
	for _, data := range slices.SortedFunc(maps.Keys(byData), compareData) {
		c.add(EvaluationRun, newestRun(byData[data], runs))
	}
}

func compareData(a, b registry.DataRef) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Digest, b.Digest))
}

// refused returns the reason why a run's values do not count, or "" if they do.
func (c *counting) refused(e Evaluation) string {
	allowed := e.Own
	where := "the model's experiment"
	if len(c.want.EvaluatedIn) > 0 {
		allowed = slices.ContainsFunc(
			e.Named, func(name string) bool { return slices.Contains(c.want.EvaluatedIn, name) },
		)
		where = "experiment " + strings.Join(c.want.EvaluatedIn, " or ")
	}
	switch {
	case !allowed:
		return "is not in " + where + ", or has been deleted"
	case e.Status == "FAILED" || e.Status == "KILLED":
		return "is " + e.Status
	}
	return ""
}

// newestRun keeps only the rows from the run that logged last.
func newestRun(rows []registry.ModelMetric, runs map[string]Evaluation) []registry.ModelMetric {
	newest := slices.MaxFunc(rows, func(a, b registry.ModelMetric) int {
		return cmp.Or(
			a.Time.Compare(b.Time), runs[a.RunID].Start.Compare(runs[b.RunID].Start), cmp.Compare(a.RunID, b.RunID),
		)
	})
	return slices.DeleteFunc(slices.Clone(rows), func(m registry.ModelMetric) bool { return m.RunID != newest.RunID })
}

// rows returns the metric's values that were logged on the model.
func (c *counting) rows(keep func(registry.ModelMetric) bool) []registry.ModelMetric {
	var out []registry.ModelMetric
	for _, m := range c.subject.Logged.OrZero().Metrics {
		if m.Key == c.key && keep(m) {
			m.Point = c.measured(m)
			out = append(out, m)
		}
	}
	return out
}

// measured returns the data point that a model's value came from (see [Measured]).
func (c *counting) measured(m registry.ModelMetric) registry.Point {
	if m.RunID != c.run.ID {
		return Measured(m, c.subject.Evaluations.OrZero()[m.RunID].Metrics)
	}
	return Measured(m, c.run.Metrics)
}

// Measured returns the data point that a model's value came from. points contains the latest points of the run that
// logged the value. SQL stores turn NaN into 0 in the model's copy but keep NaN in the run's (seen with MLflow 3.17.2),
// so a 0 counts only if the run's last value is also 0.
func Measured(m registry.ModelMetric, points map[string]registry.Point) registry.Point {
	if m.Value != 0 {
		return m.Point
	}
	last, ok := points[m.Key]
	switch {
	case !ok || last.Step != m.Step || !last.Time.Equal(m.Time):
	case math.IsNaN(last.Value):
		return last
	case last.Value == 0:
		return m.Point
	}
	return registry.Point{Value: math.NaN(), Raw: "0 or NaN", Step: m.Step, Time: m.Time}
}

// add adds the last value for each dataset. As in MLflow, this is the one with the highest step.
func (c *counting) add(kind string, rows []registry.ModelMetric) {
	byData := map[registry.DataRef][]registry.ModelMetric{}
	for _, row := range rows {
		byData[row.Dataset] = append(byData[row.Dataset], row)
	}
	for _, data := range slices.SortedFunc(maps.Keys(byData), compareData) {
		rows := byData[data]
		slices.SortFunc(rows, func(a, b registry.ModelMetric) int { return comparePoints(a.Point, b.Point) })
		last := rows[len(rows)-1]
		v := counted{Value: Value{Metric: c.key, Point: last.Point, RunID: last.RunID, Kind: kind, Dataset: data}}
		for _, row := range rows {
			v.points = append(v.points, row.Point)
		}
		c.values = append(c.values, v)
	}
}

// comparePoints orders the points of a metric as MLflow does: by step, then by time, then by value.
func comparePoints(a, b registry.Point) int {
	return cmp.Or(cmp.Compare(a.Step, b.Step), a.Time.Compare(b.Time), cmp.Compare(a.Value, b.Value))
}

// guessed returns the reason why a value from the source run may belong to a different model, or "" if it belongs to
// this one. If a metric is logged without a model, MLflow's 3.x client logs it on the first output at that step. The
// client also copies existing metrics to every model that is logged later. Depending on the client's version, the first
// output is either the one that was logged first or the one that the server lists first.
func (c *counting) guessed(row registry.ModelMetric, rows []registry.ModelMetric) string {
	self, siblings := c.subject.Logged.OrZero(), c.subject.Siblings.OrZero()
	step, there := c.run.OutputStep(self.ID)
	for _, other := range rows {
		if other.Step == row.Step && !other.Point.Same(row.Point) {
			return "the model has other values at that step"
		}
	}
	for _, m := range siblings {
		of := 0
		for _, r := range m.Metrics {
			if r.Key != c.key || r.RunID != c.run.ID || r.Step != row.Step {
				continue
			}
			of++
			if c.measured(r).Same(row.Point) {
				return fmt.Sprintf("the model %s has the same value", m.Name)
			}
		}
		atStep, listed := c.run.OutputStep(m.ID)
		if of == 0 && there && listed && step == row.Step && atStep == row.Step && c.mayBeFirst(self, m) {
			return fmt.Sprintf("the model %s has no value at that step, so this value may be the run's", m.Name)
		}
	}
	return ""
}

// mayBeFirst reports whether any version of the client would treat self, rather than other, as the first output.
func (c *counting) mayBeFirst(self, other registry.LoggedModel) bool {
	place := func(id string) int {
		return slices.IndexFunc(c.run.Outputs, func(o registry.ModelOutput) bool { return o.ModelID == id })
	}
	return !self.Created.After(other.Created) || place(self.ID) < place(other.ID)
}

// take chooses one of the matching values. rest contains the other values that count.
func (c *counting) take(fit, rest []counted) Choice {
	out := Choice{Unused: c.unused}
	for _, v := range rest {
		out.Others = append(out.Others, v.Value)
	}
	switch {
	case c.unknown != "" && c.want.Run != SourceRun:
		out.Why = c.unknown
	case len(fit) == 1:
		out.Value, out.whole, out.points = fit[0].Value, fit[0].whole, fit[0].points
	case len(fit) > 1:
		out.Why = fmt.Sprintf("metric %q has values of %d kinds: %s", c.key, len(fit), listValues(fit))
		for _, v := range fit {
			out.Fit = append(out.Fit, v.Value)
		}
	default:
		out.Absent = len(c.unused) == 0
		out.Why = c.none(rest)
	}
	return out
}

// newestOfName keeps only the newest value for each kind of run and dataset name, if several datasets share a name.
func newestOfName(fit, rest []counted) (kept, left []counted) {
	type kind struct{ run, data string }
	newest := map[kind]int{}
	for i, v := range fit {
		key := kind{v.Kind, v.Dataset.Name}
		if have, there := newest[key]; !there || v.Time.After(fit[have].Time) {
			newest[key] = i
		}
	}
	left = slices.Clone(rest)
	for i, v := range fit {
		if newest[kind{v.Kind, v.Dataset.Name}] == i {
			kept = append(kept, v)
		} else {
			left = append(left, v)
		}
	}
	return kept, left
}

func listValues(values []counted) string {
	text := make([]string, len(values))
	for i, v := range values {
		text[i] = v.String()
	}
	return format.First(text, 5)
}

// refuse records that a value does not count.
func (c *counting) refuse(p registry.Point, why string) {
	c.unused = append(c.unused, fmt.Sprintf("%s at step %d (%s)", p, p.Step, why))
}

// none explains why there is no value, and lists the values that do not count.
func (c *counting) none(rest []counted) string {
	asked := c.want.String()
	if asked != "" {
		asked = " (" + asked + ")"
	}
	why := fmt.Sprintf("%s has no metric %q%s", c.subject.owner(), c.key, asked)
	if len(c.unused) > 0 {
		why = fmt.Sprintf("no value of %q%s counts for the model: %s", c.key, asked, format.First(c.unused, 3))
	}
	if len(rest) > 0 {
		why += "; it has " + listValues(rest)
	}
	return why
}

// owner describes the model or run that a metric was logged on.
func (s Subject) owner() string {
	if m, ok := s.Logged.Get(); ok && s.Run.OrZero().ID == "" {
		return "logged model " + m.ID
	}
	return "run " + s.Run.OrZero().ID
}
