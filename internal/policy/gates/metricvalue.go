package gates

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// MetricReader chooses the value of a metric for a gate.
type MetricReader struct {
	key       string
	selector  fact.Selector
	recorded  bool   // whether to use the incumbent's value from the ledger
	condition string // the rest of a threshold's line, after the metric; "" for a gate in a policy file
}

// metricFields are the keys of every gate that reads metrics.
var metricFields = []tree.Field{
	tree.Optional("of", tree.OneOf("run: the run's last value, no matter which model of the run it belongs to", "run")),
	tree.Optional("run",
		tree.OneOf("runs whose values count: source (the run that logged the model) or evaluation (any other run)",
			fact.SourceRun, fact.EvaluationRun)),
	tree.Optional("dataset", tree.Text("name or digest of the dataset that the value was measured on")),
	tree.Optional("evaluated-in", tree.Shape{
		Kind: tree.KindList, About: "experiments to search for evaluation runs, instead of the model's own experiment",
		Item: &tree.Shape{Kind: tree.KindText, About: "name or id of an experiment"},
		Or:   &tree.Shape{Kind: tree.KindText},
	}),
}

// comparisonFields contains metricFields and the key for gates that compare with an incumbent.
var comparisonFields = append(slices.Clone(metricFields),
	tree.Optional("incumbent",
		tree.OneOf("recorded: the value in the ledger, even if other values were logged later", "recorded")))

// readMetricKeys reads the keys of metricFields and comparisonFields.
func readMetricKeys(n *tree.Node, key string) (MetricReader, error) {
	r := MetricReader{key: key, selector: fact.Selector{
		OfRun: n.Str("of") != "", Run: n.Str("run"), Dataset: n.Str("dataset"), EvaluatedIn: n.Texts("evaluated-in"),
	}, recorded: n.Str("incumbent") != ""}
	if v := n.Get("evaluated-in"); v != nil && v.Kind == tree.KindText {
		r.selector.EvaluatedIn = []string{v.Text}
	}
	if r.selector.OfRun && (r.selector.Run != "" || r.selector.Dataset != "" || len(r.selector.EvaluatedIn) > 0) {
		return r, n.Problem("of", "of: run uses the run's last value; remove run, dataset and evaluated-in")
	}
	if r.selector.Run == fact.SourceRun && len(r.selector.EvaluatedIn) > 0 {
		return r, n.Problem("evaluated-in", "run: source uses no values of evaluations; remove evaluated-in")
	}
	return r, nil
}

// needs returns the facts that are needed to find the value.
func (r MetricReader) needs() fact.Needs { return fact.Needs{EvaluatedIn: r.selector.EvaluatedIn} }

// metricValue is a value that a gate has read, or the reason why there is no value.
type metricValue struct {
	fact.Choice
	gap     // why there is no finite value
	subject fact.Subject
	shown   string // the value as text
	fix     string // hint about how to close the gap
}

// candidate returns the value of the candidate.
func (r MetricReader) candidate(f fact.Facts) metricValue {
	t := r.value(f.Candidate, f.Candidate.Choose(r.key, r.selector))
	if t.Choice.Absent && len(t.Others) > 0 {
		t.fix = cmp.Or(r.pick(f.Candidate, t.Others), t.fix)
	}
	return t
}

// incumbent returns the incumbent's value that can be compared with the candidate's.
func (r MetricReader) incumbent(f fact.Facts, base fact.Subject, mine metricValue) metricValue {
	choice := base.Choose(r.key, r.selector)
	if mine.why == "" {
		choice = base.ChooseLike(r.key, r.selector, mine.Value)
	}
	return r.checkRecorded(f, base, mine, r.value(base, choice))
}

// value returns the chosen value. If the value cannot be used, the result says why.
func (r MetricReader) value(s fact.Subject, c fact.Choice) metricValue {
	t := metricValue{Choice: c, gap: gap{why: c.Why, absent: c.Absent}, subject: s, shown: c.Value.Point.String()}
	switch {
	case c.Absent:
		t.shown = "absent"
		t.fix = fmt.Sprintf("log a finite %s, or correct the name in the gate", r.key)
		if len(c.Others) == 0 { // otherwise the reason already lists them
			near := ""
			t.why, near = suggestMetrics(t.why, r.key, s)
			if near != "" {
				t.fix = "write " + near + " in the gate"
			}
		}
	case c.Why != "":
		t.shown, t.fix = "?", r.hint(s, c)
	case !c.Value.Finite():
		t.why = fmt.Sprintf("metric %q of run %s is %s at step %d, which is not a finite number", r.key, c.Value.RunID,
			c.Value.Raw, c.Value.Step)
		t.fix = fmt.Sprintf("log a finite %s", r.key)
	}
	return t
}

// used returns the value in the form used in plans and records.
func (t metricValue) used(of string) []verdict.Used {
	if t.why != "" {
		return nil
	}
	return []verdict.Used{t.Value.Used(of)}
}

// checkRecorded compares the incumbent's value with the one that was written to the ledger when the version was
// promoted. If the run and the dataset are the same but the value differs, the value has been changed since then. A
// value from a later run is a new measurement.
func (r MetricReader) checkRecorded(f fact.Facts, base fact.Subject, mine, t metricValue) metricValue {
	records := r.withRunValue(f.Recorded(base.Version.OrZero().Number, r.key))
	if r.recorded {
		return r.useRecorded(r.comparable(records, mine, t), base, t)
	}
	if t.why != "" {
		return t
	}
	now := t.Value.Used("")
	for _, u := range records {
		switch {
		case !u.Measures(now):
		case u.Value == now.Value && u.Step == now.Step:
			return t
		default:
			t.why = fmt.Sprintf("%s of run %s is now %s at step %d, but the ledger recorded %s at step %d", r.key,
				now.RunID, now.Value, now.Step, u.Value, u.Step)
			t.shown = fmt.Sprintf("%s (recorded %s)", t.shown, u.Value)
			t.fix = "find out who logged it, or use `incumbent: recorded` in the gate to compare with that " +
				"value"
			return t
		}
	}
	if len(records) > 0 {
		t.shown = fmt.Sprintf("%s (recorded %s)", t.shown, records[0].Value)
	}
	return t
}

// withRunValue adds the run's own value to the records for a gate with `of: run`. If a run has only one model, the
// ledger records only the model's values. If exactly one of those came from the source run, that value is taken as the
// run's last value.
func (r MetricReader) withRunValue(records []verdict.Used) []verdict.Used {
	whole := only(records, func(u verdict.Used) bool { return u.Kind == verdict.RunValue })
	source := only(records, func(u verdict.Used) bool { return u.Kind == fact.SourceRun })
	if !r.selector.OfRun || len(whole) > 0 || len(source) != 1 {
		return records
	}
	run := source[0]
	run.Kind, run.Dataset, run.Digest = verdict.RunValue, "", ""
	return append(records, run)
}

// comparable returns the recorded values that the gate can use and that are comparable with the candidate's value. If
// there are several, it prefers values on the same data and, among those, values from the run that the server's current
// value comes from.
func (r MetricReader) comparable(records []verdict.Used, mine, now metricValue) []verdict.Used {
	current := now.Value.Used("")
	fit := only(records, func(u verdict.Used) bool { return r.accepts(u, mine) })
	for _, closer := range []func(verdict.Used) bool{
		func(u verdict.Used) bool { return u.Digest == mine.Value.Dataset.Digest },
		func(u verdict.Used) bool { return u.Measures(current) },
	} {
		if some := only(fit, closer); len(fit) > 1 && len(some) > 0 {
			fit = some
		}
	}
	return fit
}

// accepts reports whether a recorded value is of the kind that the gate needs.
func (r MetricReader) accepts(u verdict.Used, mine metricValue) bool {
	data := registry.DataRef{Name: u.Dataset, Digest: u.Digest}
	switch {
	case r.selector.OfRun:
		return u.Kind == verdict.RunValue
	case u.Kind == verdict.RunValue, r.selector.Run != "" && u.Kind != r.selector.Run,
		r.selector.Dataset != "" && !data.Is(r.selector.Dataset):
		return false
	}
	return mine.why != "" || u.Kind == mine.Value.Kind && u.Dataset == mine.Value.Dataset.Name
}

// only returns the values for which keep returns true.
func only(list []verdict.Used, keep func(verdict.Used) bool) []verdict.Used {
	return slices.DeleteFunc(slices.Clone(list), func(u verdict.Used) bool { return !keep(u) })
}

// useRecorded replaces the current value with the recorded one.
func (r MetricReader) useRecorded(records []verdict.Used, base fact.Subject, t metricValue) metricValue {
	t.shown, t.fix = "?", "remove the `incumbent` key, or promote the incumbent again to record its values"
	switch len(records) {
	case 0:
		t.why = fmt.Sprintf("the ledger contains no %s for %s that can be compared with the candidate's", r.key,
			base.Ref)
		return t
	case 1:
	default:
		t.why = fmt.Sprintf("the ledger contains %d values of %s for %s", len(records), r.key, base.Ref)
		t.fix = "choose a value in the gate, with `run: source`, `run: evaluation` or `dataset: NAME`"
		of := func(v verdict.Used) bool { return v.Dataset == records[0].Dataset }
		if u := records[0]; u.Dataset != "" && len(only(records, of)) == 1 {
			t.fix = "to use the first of them, write this in the gate: " + keysOf(fact.Selector{Dataset: u.Dataset})
		}
		return t
	}
	u := records[0]
	v, err := strconv.ParseFloat(u.Value, 64)
	point := registry.Point{Value: v, Raw: u.Value, Step: u.Step}
	if err != nil || !point.Finite() {
		t.why = fmt.Sprintf("in the ledger, %s of %s is %s, which is not a finite number", r.key, base.Ref, u.Value)
		return t
	}
	t.Value = fact.Value{
		Metric: u.Metric, Point: point, RunID: u.RunID, Kind: u.Kind, OfRun: u.Kind == verdict.RunValue,
		Dataset: registry.DataRef{Name: u.Dataset, Digest: u.Digest},
	}
	t.why, t.shown = "", u.Value+" (recorded)"
	return t
}

// suggestMetrics adds similar names, or all names, to the reason why a metric is missing. near is the most similar
// name, or "" if no name is similar.
func suggestMetrics(why, key string, s fact.Subject) (text, near string) {
	names := slices.DeleteFunc(s.MetricNames(), func(name string) bool { return name == key })
	if found := spelling.Nearest(key, names); len(found) > 0 {
		return why + "; did you mean " + strings.Join(found, " or ") + "?", found[0]
	}
	if len(names) == 0 {
		return why + "; it has no metrics", ""
	}
	return why + "; it has the metrics " + format.First(names, 8), ""
}
