package scores

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// tally is what the rows of a run say about one scorer.
type tally struct {
	run         fact.Scored
	scorer      string // name of the scorer
	aggregation string
	kind        fact.ScoreKind // what the scorer returns; ScoreNone if it gave no verdict at all
	verdicts    []rowVerdict   // of the rows with a verdict
	without     []fact.Row     // rows without a verdict
	known       bool           // some row has an assessment of the scorer, no matter which judge made it
	late        int            // verdicts that were written or edited after the run ended
	digests     []string       // of the scorer's definition, as the verdicts state them; sorted
	originals   []float64      // what the run's own aggregations were computed from
}

// rowVerdict is the verdict on one row. If a row has several, it is the worst of them.
type rowVerdict struct {
	row   fact.Row
	value float64
	text  string // as shown
}

// aggregations are the names that MLflow gives to the aggregations of a scorer.
var aggregations = []string{"mean", "min", "max", "median", "variance", "p90"}

// split separates the name of a scorer from the name of an aggregation, as in correctness/p90. The name of a scorer may
// contain slashes too, so a scorer with the whole name comes first.
func split(run fact.Scored, name string) (scorer, aggregation string) {
	for _, row := range run.Rows {
		for _, sc := range row.Scores {
			if sc.Scorer == name {
				return name, "mean"
			}
		}
	}
	if at := strings.LastIndex(name, "/"); at > 0 && slices.Contains(aggregations, name[at+1:]) {
		return name[:at], name[at+1:]
	}
	return name, "mean"
}

// tally counts the verdicts of the gate's scorer.
func (s Settings) tally(run fact.Scored) tally {
	t := tally{run: run}
	t.scorer, t.aggregation = split(run, s.name)
	t.kind = s.kindOf(run, t.scorer)
	for _, row := range run.Rows {
		t.add(s, row)
	}
	slices.Sort(t.digests)
	t.digests = slices.Compact(t.digests)
	slices.SortFunc(t.verdicts, func(a, b rowVerdict) int { return cmp.Compare(a.row.TraceID, b.row.TraceID) })
	return t
}

// kindOf returns what the scorer returns. If it returns numbers on some rows, yes and no are numbers as well. Other
// texts then are no verdict, because MLflow leaves them out of the mean.
func (s Settings) kindOf(run fact.Scored, scorer string) (kind fact.ScoreKind) {
	rank := []fact.ScoreKind{fact.ScoreNone, fact.ScoreText, fact.ScoreYesNo, fact.ScoreNumber}
	for _, row := range run.Rows {
		for _, sc := range row.Scores {
			if sc.Scorer == scorer && !sc.Replaced && s.counts(sc) &&
				slices.Index(rank, sc.Kind) > slices.Index(rank, kind) {
				kind = sc.Kind
			}
		}
	}
	return kind
}

// add counts one row.
func (t *tally) add(s Settings, row fact.Row) {
	var valid []rowVerdict
	broken := row.Failed
	for _, sc := range row.Scores {
		if sc.Scorer != t.scorer {
			continue
		}
		t.known = true
		byScorer := sc.Source != "HUMAN"
		if byScorer && (sc.Kind == fact.ScoreYesNo || sc.Kind == fact.ScoreNumber) {
			t.originals = append(t.originals, sc.Value)
		}
		if byScorer && sc.Late {
			t.late++
		}
		if sc.Replaced || !s.counts(sc) {
			continue
		}
		if byScorer {
			t.digests = append(t.digests, sc.Digest)
		}
		switch {
		case sc.Kind == fact.ScoreNone, sc.Kind == fact.ScoreText && t.kind != fact.ScoreText:
			broken = true
		default:
			valid = append(valid, rowVerdict{row, sc.Value, shownScore(sc)})
		}
	}
	if broken || len(valid) == 0 {
		t.without = append(t.without, row)
		return
	}
	slices.SortFunc(valid, func(a, b rowVerdict) int {
		return cmp.Or(s.compare(a.value, b.value), cmp.Compare(s.meets(a, t.kind), s.meets(b, t.kind)),
			cmp.Compare(a.text, b.text))
	})
	t.verdicts = append(t.verdicts, valid[0])
}

// compare orders values from worse to better.
func (s Settings) compare(a, b float64) int {
	if s.lower {
		a, b = b, a
	}
	return cmp.Compare(a, b)
}

// meets returns 1 if the verdict reaches the value that every row must reach, and 0 if it does not.
func (s Settings) meets(v rowVerdict, kind fact.ScoreKind) int {
	ok := true
	switch {
	case s.worst == nil:
	case kind == fact.ScoreText:
		ok = v.text == s.worst.text
	default:
		ok = s.compare(v.value, s.worst.value) >= 0
	}
	if ok {
		return 1
	}
	return 0
}

func shownScore(sc fact.Score) string {
	switch {
	case sc.Kind == fact.ScoreText:
		return sc.Text
	case sc.Kind == fact.ScoreYesNo && sc.Value == 1:
		return "yes"
	case sc.Kind == fact.ScoreYesNo:
		return "no"
	}
	return format.Number(sc.Value)
}

// value returns the aggregation of the verdicts. MLflow computes it in the same way.
func (t tally) value() float64 {
	var all []float64
	for _, v := range t.verdicts {
		all = append(all, v.value)
	}
	return aggregate(t.aggregation, all)
}

// aggregate returns an aggregation of values, or NaN if there are none.
func aggregate(name string, values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	all := slices.Sorted(slices.Values(values))
	n := float64(len(all))
	mean := 0.0
	for _, v := range all {
		mean += v // divided only once, so that the mean of equal values is that value
	}
	mean /= n
	switch name {
	case "min":
		return all[0]
	case "max":
		return all[len(all)-1]
	case "median":
		return quantile(all, 0.5)
	case "p90":
		return quantile(all, 0.9)
	case "variance":
		sum := 0.0
		for _, v := range all {
			sum += (v - mean) * (v - mean) / n
		}
		return sum
	}
	return mean
}

// quantile returns a quantile of sorted values, between the two nearest ones in proportion, as NumPy does.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(at-float64(low))
}

// contradiction compares the run's own aggregations with the rows. why says what does not fit.
func (t tally) contradiction() (why string) {
	if len(t.originals) == 0 {
		return ""
	}
	stated := 0
	for _, name := range aggregations {
		p, ok := t.run.Metrics[t.scorer+"/"+name]
		if !ok {
			continue
		}
		stated++
		if has := aggregate(name, t.originals); !p.Finite() || math.Abs(has-p.Value) > 1e-9*max(1, math.Abs(has)) {
			return fmt.Sprintf("the run states %s for %s/%s, but its rows give %s: verdicts or rows have changed since",
				p.Raw, t.scorer, name, short(has))
		}
	}
	if stated == 0 {
		return fmt.Sprintf("the run states no aggregation of %s that could be compared with its rows", t.scorer)
	}
	return ""
}

// short returns a number with six significant digits.
func short(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// The most rows, and the most characters of a row, that a message shows.
const (
	shownRows = 3
	shownText = 60
)

// worstRows describes the rows with the worst verdicts, up to the value at which a row is good.
func (t tally) worstRows(s Settings) string {
	bad := slices.Clone(t.verdicts)
	if t.kind == fact.ScoreYesNo && s.worst == nil {
		good := 1.0
		if s.lower {
			good = 0
		}
		bad = slices.DeleteFunc(bad, func(v rowVerdict) bool { return v.value == good })
	}
	if s.worst != nil {
		bad = slices.DeleteFunc(bad, func(v rowVerdict) bool { return s.meets(v, t.kind) == 1 })
	}
	slices.SortStableFunc(bad, func(a, b rowVerdict) int { return s.compare(a.value, b.value) })
	var parts []string
	for _, v := range bad[:min(shownRows, len(bad))] {
		parts = append(parts, fmt.Sprintf("%s for %s (%s)", inert(v.text), inert(v.row.Shown), v.row.TraceID))
	}
	return more(parts, len(bad))
}

// rowsWithout describes the rows without a verdict.
func (t tally) rowsWithout() string {
	var parts []string
	byID := func(a, b fact.Row) int { return cmp.Compare(a.TraceID, b.TraceID) }
	rows := slices.SortedFunc(slices.Values(t.without), byID)
	for _, row := range rows[:min(shownRows, len(rows))] {
		parts = append(parts, fmt.Sprintf("%s (%s)", inert(row.Shown), row.TraceID))
	}
	return more(parts, len(rows))
}

func more(parts []string, all int) string {
	out := strings.Join(parts, ", ")
	if rest := all - len(parts); rest > 0 {
		out += fmt.Sprintf(" and %d more", rest)
	}
	return out
}

// inert cuts a text of other people, and escapes every character in it that is not printed as itself. Double quotes
// become single ones, so that the text cannot end the quotes around it.
func inert(text string) string {
	quoted := strconv.Quote(strings.ReplaceAll(format.Shorten(text, shownText), `"`, "'"))
	return strings.ReplaceAll(quoted, `\\`, `\`)
}
