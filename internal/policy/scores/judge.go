package scores

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Base returns the version to compare with, or the finding that ends the comparison.
type Base func(f fact.Facts, out verdict.Finding) (fact.Subject, *verdict.Finding)

// Judge checks the candidate's newest evaluation run. name is the name of the version that base returns.
func (s Settings) Judge(f fact.Facts, name string, base Base) verdict.Finding {
	out := verdict.Finding{Candidate: "?"}
	known := f.Candidate.Scored[s.experiment]
	run, ok := known.Get()
	if !ok {
		return lacking(out, "", f.Candidate, known, s.experiment)
	}
	t := s.tally(run)
	out.Candidate = t.shown()
	out.Values = t.values("candidate")
	parts := []verdict.Finding{s.trust(t, out), s.age(f, run, out), s.enough(t, out)}
	if len(t.verdicts) > 0 {
		parts = append(parts, s.limits(t, out), s.everyRow(t, out))
	}
	parts = append(parts, s.usage(run, out)...)
	parts = append(parts, s.data(run, out), s.definition(run, out))
	if !s.Compares() {
		return verdict.MostSevere(parts...)
	}
	seen, compared := s.compareWith(f, t, out, name, base)
	end := verdict.MostSevere(append(compared, parts...)...)
	end.Values, end.Incumbent = seen.Values, seen.Incumbent // whatever the outcome
	return end
}

// lacking ends a check because a version has no evaluation run that can be read.
func lacking(out verdict.Finding, lead string, s fact.Subject, known registryKnown, experiment string) verdict.Finding {
	const fix = "evaluate it in experiment %s with mlflow.genai.evaluate(..., model_id=...)"
	why := known.Why()
	switch {
	case !known.Gathered():
		why = "the evaluation runs of " + s.Ref + " were not read"
	case known.IsAbsent():
		return out.Missing(lead+why, fmt.Sprintf(fix, experiment))
	}
	return out.Unclear(lead+why, "")
}

// registryKnown is the part of a fact that says why it is not known.
type registryKnown interface {
	Gathered() bool
	IsAbsent() bool
	Why() string
}

// shown describes the run in a few words.
func (t tally) shown() string {
	out := fmt.Sprintf("%d rows", len(t.run.Rows))
	if v := t.value(); !math.IsNaN(v) && t.kind != fact.ScoreText {
		out = short(v) + ", " + out
	}
	if len(t.without) > 0 {
		out += fmt.Sprintf(", %d without a verdict", len(t.without))
	}
	for _, d := range t.run.Datasets[:min(2, len(t.run.Datasets))] {
		out += ", " + inert(d.Name) + " " + format.Shorten(d.Digest, 16)
	}
	if d := t.run.Inputs(); d != "" {
		out += ", inputs " + format.Shorten(strings.TrimPrefix(d, "sha256:"), 13)
	}
	if d := t.run.Scorers.Digest; d != "" {
		out += ", scorers " + format.Shorten(strings.TrimPrefix(d, "sha256:"), 13)
	}
	out += ", run " + t.run.RunID
	for _, n := range t.run.Newer[:min(2, len(t.run.Newer))] {
		out += fmt.Sprintf("; newer run %s is %s", n.RunID, n.Status)
	}
	return out
}

// values returns what a plan binds of the rows.
func (t tally) values(of string) []verdict.Used {
	value := "none"
	if v := t.value(); !math.IsNaN(v) && t.kind != fact.ScoreText {
		value = format.Number(v)
	}
	return []verdict.Used{
		used(of, t.run, t.scorer+"/"+t.aggregation, value, verdict.ScoreValue),
		used(of, t.run, "rows", fmt.Sprint(len(t.run.Rows)), verdict.RowsValue),
		used(of, t.run, "rows/without", fmt.Sprint(len(t.without)), verdict.RowsValue),
		used(of, t.run, "rows/inputs", cmp.Or(t.run.Inputs(), "none"), verdict.RowsValue),
		used(of, t.run, verdict.RowsSum, t.sum(), verdict.RowsValue),
	}
}

// sum returns a digest of the rows and of the run's scorers.
func (t tally) sum() string {
	sum := t.run.Sum()
	if d := t.run.Scorers; d.Digest != "" {
		sum += fmt.Sprintf(" %s %d/%d", d.Digest, d.Hashed, d.Total)
	}
	return sum
}

// trust checks whether the run can be believed.
func (s Settings) trust(t tally, out verdict.Finding) verdict.Finding {
	const again = "evaluate the candidate again"
	if why := t.distrust(); why != "" {
		return out.Unclear(why, again)
	}
	for _, n := range t.run.Newer {
		if n.Status == "deleted" || n.Valued { // evaluate logs the values just before the run finishes
			const what = "a newer evaluation run of the candidate, %s, is %s"
			return out.Unclear(fmt.Sprintf(what, n.RunID, n.Status), again)
		}
	}
	return out.Passed()
}

// distrust returns the reason why a run is no evidence, or "".
func (t tally) distrust() string {
	run := t.run
	switch {
	case run.Subjects != 1:
		return fmt.Sprintf("run %s names %d models, so it is not known which one its rows are about", run.RunID,
			run.Subjects)
	case len(run.Rows) == 0:
		return fmt.Sprintf("run %s has no rows: no traces in the experiment belong to it", run.RunID)
	}
	for _, row := range run.Rows {
		if row.Model != "" && row.Model != run.Model {
			return fmt.Sprintf("row %s of run %s was made with the model %s", row.TraceID, run.RunID, inert(row.Model))
		}
	}
	if len(run.Datasets) == 1 && run.Datasets[0].Rows > 0 && run.Datasets[0].Rows != len(run.Rows) {
		return fmt.Sprintf("the dataset has %d rows, but run %s has %d", run.Datasets[0].Rows, run.RunID, len(run.Rows))
	}
	if t.late > 0 {
		return fmt.Sprintf("%d verdicts of %s were written or edited after run %s ended", t.late, t.scorer, run.RunID)
	}
	if len(t.digests) > 1 {
		return fmt.Sprintf("the verdicts of %s come from %d definitions of the scorer", t.scorer, len(t.digests))
	}
	return t.contradiction()
}

// skewAllowed is how far the clock of an evaluation may be ahead of the server's.
const skewAllowed = 10 * time.Minute

func (s Settings) age(f fact.Facts, run fact.Scored, out verdict.Finding) verdict.Finding {
	switch age := f.Now.Sub(run.End); {
	case s.maxAge == 0:
	case f.Now.IsZero() || run.End.IsZero():
		return out.Unclear(fmt.Sprintf("the age of run %s is not known", run.RunID), "")
	case age < -skewAllowed:
		return out.Unclear(fmt.Sprintf("run %s ended in the future according to the server's clock", run.RunID),
			"correct the clock of the machine that evaluates")
	case age > s.maxAge:
		return out.Failing(fmt.Sprintf("run %s ended %d hours ago; the maximum is %s", run.RunID, int(age.Hours()),
			s.maxAgeText), "evaluate the candidate again")
	}
	return out.Passed()
}

// enough checks that the scorer gave enough verdicts.
func (s Settings) enough(t tally, out verdict.Finding) verdict.Finding {
	switch {
	case !t.known && len(t.run.Rows) > 0:
		return out.Missing(fmt.Sprintf("no row of run %s has a verdict of %s; it has %s", t.run.RunID, t.scorer,
			scorersOf(t.run)), "correct the name in the gate, or evaluate with this scorer")
	case len(t.without) > s.errors:
		return out.Unclear(fmt.Sprintf("%s failed or gave no verdict on %d of %d rows; at most %d are allowed: %s",
			t.scorer, len(t.without), len(t.run.Rows), s.errors, t.rowsWithout()),
			"correct the scorer and evaluate again, or allow a number of errors in the gate")
	case len(t.verdicts) < s.rows:
		return out.Failing(fmt.Sprintf("only %d rows have a verdict of %s; the minimum is %d", len(t.verdicts),
			t.scorer, s.rows), "evaluate on more rows")
	case len(t.verdicts) == 0:
		return out.Unclear(fmt.Sprintf("no row of run %s has a verdict of %s", t.run.RunID, t.scorer), "")
	}
	return out.Passed()
}

// scorersOf lists the names of the scorers of a run.
func scorersOf(run fact.Scored) string {
	var names []string
	for _, row := range run.Rows {
		for _, sc := range row.Scores {
			if !slices.Contains(names, sc.Scorer) && len(names) < 100 {
				names = append(names, sc.Scorer)
			}
		}
	}
	if len(names) == 0 {
		return "no verdicts at all"
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = inert(name)
	}
	return format.First(names, 8)
}

func (s Settings) limits(t tally, out verdict.Finding) verdict.Finding {
	if s.min == nil && s.max == nil {
		return out.Passed()
	}
	v := t.value()
	switch {
	case t.kind == fact.ScoreText:
		return out.Unclear(fmt.Sprintf("%s returns texts, which have no %s", t.scorer, t.aggregation),
			"use `worst` in the gate")
	case math.IsNaN(v):
		return out.Unclear(fmt.Sprintf("%s has no value", t.scorer), "")
	case s.min != nil && v < *s.min:
		return out.Failing(fmt.Sprintf("%s is %s; wanted >= %s%s", s.name, short(v), format.Number(*s.min),
			listed("; worst rows: ", t.worstRows(s))), "improve the candidate on these rows")
	case s.max != nil && v > *s.max:
		return out.Failing(fmt.Sprintf("%s is %s; wanted <= %s", s.name, short(v), format.Number(*s.max)),
			"improve the candidate")
	}
	return out.Passed()
}

func listed(lead, list string) string {
	if list == "" {
		return ""
	}
	return lead + list
}

func (s Settings) everyRow(t tally, out verdict.Finding) verdict.Finding {
	if s.worst == nil {
		return out.Passed()
	}
	if text := s.worst.kind == fact.ScoreText; text != (t.kind == fact.ScoreText) {
		return out.Unclear(fmt.Sprintf("%s returns %s, which cannot be compared with %s", t.scorer, kindWords[t.kind],
			s.worst.text), "correct `worst` in the gate")
	}
	bad := 0
	for _, v := range t.verdicts {
		bad += 1 - s.meets(v, t.kind)
	}
	if bad > 0 {
		return out.Failing(fmt.Sprintf("%d of %d rows miss %s: %s", bad, len(t.verdicts), s.worst.words(s.lower),
			t.worstRows(s)), "improve the candidate on these rows")
	}
	return out.Passed()
}

var kindWords = map[fact.ScoreKind]string{
	fact.ScoreNone: "nothing", fact.ScoreText: "texts", fact.ScoreYesNo: "yes or no", fact.ScoreNumber: "numbers",
}

// since says since which version MLflow records what the rows use.
var since = map[string]string{"latency": "3.0", "tokens": "3.2", "cost": "3.10"}

// usage checks what the rows use.
func (s Settings) usage(run fact.Scored, out verdict.Finding) (parts []verdict.Finding) {
	for _, u := range s.use {
		var all []float64
		lacking := 0
		for _, row := range run.Rows {
			v := map[string]float64{
				"latency": float64(row.Latency) / float64(time.Millisecond), "tokens": row.Tokens, "cost": row.Cost,
			}[u.what]
			if math.IsNaN(v) || v < 0 {
				lacking++
				continue
			}
			all = append(all, v)
		}
		slices.Sort(all)
		if lacking > 0 || len(all) == 0 {
			parts = append(parts, out.Missing(fmt.Sprintf("%d of %d rows state no %s, which MLflow records since %s",
				lacking, len(run.Rows), u.what, since[u.what]),
				"trace the calls of the language model, and evaluate with that version or a later one"))
			continue
		}
		v := quantile(all, map[string]float64{"p50": 0.5, "p95": 0.95}[u.quantile])
		if v > u.most {
			parts = append(parts, out.Failing(fmt.Sprintf("the %s of %s is %s; wanted <= %s", u.quantile, u.what,
				short(v), format.Number(u.most)), "make the candidate use less"))
		}
	}
	return append(parts, out.Passed())
}

// data checks the dataset, unless it must be the incumbent's.
func (s Settings) data(run fact.Scored, out verdict.Finding) verdict.Finding {
	if s.dataset == "" || s.dataset == Incumbent {
		return out.Passed()
	}
	switch {
	case run.Inputs() == s.dataset:
	case len(run.Datasets) == 0:
		return out.Missing(fmt.Sprintf("run %s has no dataset", run.RunID), "")
	case len(run.Datasets) > 1:
		return out.Unclear(fmt.Sprintf("run %s has %d datasets", run.RunID, len(run.Datasets)), "")
	case !run.Datasets[0].Is(s.dataset):
		return out.Failing(fmt.Sprintf("run %s was evaluated on dataset %s, not on %s", run.RunID,
			dataWords(run), s.dataset), "evaluate the candidate on that dataset")
	}
	return out.Passed()
}

func dataWords(run fact.Scored) string {
	if len(run.Datasets) == 0 {
		return "none"
	}
	return fmt.Sprintf("%s %s with inputs %s", inert(run.Datasets[0].Name), format.Shorten(run.Datasets[0].Digest, 80),
		cmp.Or(run.Inputs(), "unknown"))
}

// definition checks the digest of the scorers, unless it must be the incumbent's.
func (s Settings) definition(run fact.Scored, out verdict.Finding) verdict.Finding {
	if s.scorers == "" {
		return out.Passed()
	}
	if why := unhashed(run); why != "" {
		return out.Missing(why, "evaluate with MLflow 3.17 or later")
	}
	if d := run.Scorers; d.Hashed != d.Total {
		return out.Unclear(fmt.Sprintf("the digest covers only %d of %d scorers of run %s", d.Hashed, d.Total,
			run.RunID), "define the scorers in a file, so that MLflow can read their source")
	}
	if d := run.Scorers.Digest; s.scorers != Incumbent && d != s.scorers {
		return out.Failing(fmt.Sprintf("the scorers of run %s have the digest %s", run.RunID, format.Shorten(d, 80)),
			"use the scorers that the gate names, or put their new digest into the gate")
	}
	return out.Passed()
}

func unhashed(run fact.Scored) string {
	if run.Scorers.Digest != "" {
		return ""
	}
	return fmt.Sprintf("run %s has no digest of its scorers, which MLflow records since 3.17", run.RunID)
}
