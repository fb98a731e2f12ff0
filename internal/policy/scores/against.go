package scores

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/compare"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// compareWith checks the conditions about another version. seen is the finding with the values of both versions.
func (s Settings) compareWith(
	f fact.Facts, t tally, out verdict.Finding, name string, base Base,
) (seen verdict.Finding, parts []verdict.Finding) {
	subject, end := base(f, out)
	if end != nil {
		if end.Outcome == verdict.NotApplicable { // the other conditions have already been checked
			end.Outcome, end.Why = verdict.Pass, "there is no incumbent to compare with: "+end.Why
		}
		return *end, []verdict.Finding{*end}
	}
	number := subject.Version.OrZero().Number
	if number != 0 && f.Number() == number {
		return out, []verdict.Finding{out.Passed()}
	}
	known := subject.Scored[s.experiment]
	run, ok := known.Get()
	const unproven = "the incumbent has no valid evidence: "
	if !ok {
		out.Incumbent = "?"
		return out, []verdict.Finding{lacking(out, unproven, subject, known, s.experiment)}
	}
	theirs := s.tally(run)
	out.Incumbent = theirs.shown()
	out.Values = append(slices.Clone(out.Values), theirs.values(name)...)
	if why := theirs.distrust(); why != "" {
		return out, []verdict.Finding{out.Unclear(unproven+why, "evaluate the incumbent again")}
	}
	if u, ok := f.RecordedRows(number, run.RunID); ok && u.Value != theirs.sum() {
		return out, []verdict.Finding{out.Unclear(fmt.Sprintf(
			"the rows of run %s differ from those that the ledger recorded when the incumbent was promoted", run.RunID),
			"find out who changed them, and evaluate the incumbent again")}
	}
	parts = []verdict.Finding{s.sameData(t, theirs, out), s.sameScorers(t, theirs, out)}
	if parts[0].Outcome == verdict.Pass {
		parts = append(parts, s.regress(t, theirs, out))
	}
	return out, parts
}

// sameData checks that both runs have one dataset, and that it is the same.
func (s Settings) sameData(mine, theirs tally, out verdict.Finding) verdict.Finding {
	if s.dataset != Incumbent && s.paired == nil {
		return out.Passed()
	}
	const fix = "evaluate both versions on one dataset"
	for _, t := range []tally{mine, theirs} {
		switch d := t.run.Datasets; {
		case len(d) != 1:
			return out.Unclear(fmt.Sprintf("run %s has %d datasets", t.run.RunID, len(d)), fix)
		case d[0].Digest == "":
			return out.Unclear(fmt.Sprintf("the dataset of run %s has no digest", t.run.RunID), "")
		}
	}
	a, b := mine.run, theirs.run
	if a.Inputs() == "" || b.Inputs() == "" {
		return out.Unclear("the server does not show the inputs of every row", fix)
	}
	// The digest of the dataset alone proves little; see Scored.Inputs.
	if a.Datasets[0].DataRef != b.Datasets[0].DataRef || a.Inputs() != b.Inputs() {
		why := fmt.Sprintf("the candidate was evaluated on dataset %s, but the incumbent on %s", dataWords(mine.run),
			dataWords(theirs.run))
		if s.dataset != Incumbent {
			return out.Unclear(why, fix)
		}
		return out.Failing(why, fix)
	}
	return out.Passed()
}

// sameScorers checks that the definitions of the scorers did not change.
func (s Settings) sameScorers(mine, theirs tally, out verdict.Finding) verdict.Finding {
	if s.scorers != Incumbent {
		return out.Passed()
	}
	const fix = "evaluate the incumbent again with the scorers of today"
	if why := unhashed(theirs.run); why != "" {
		return out.Missing(why, fix)
	}
	a, b := mine.run.Scorers, theirs.run.Scorers
	switch {
	case b.Hashed != b.Total:
		return out.Unclear(fmt.Sprintf("the digest covers only %d of %d scorers of run %s", b.Hashed, b.Total,
			theirs.run.RunID), fix)
	case a.Digest != b.Digest || a.Total != b.Total:
		return out.Failing(fmt.Sprintf("the scorers have the digest %s, but those of the incumbent's run have %s",
			format.Shorten(a.Digest, 80), format.Shorten(b.Digest, 80)), fix)
	case !slices.Equal(mine.digests, theirs.digests):
		why := fmt.Sprintf("the verdicts of %s come from another definition than the incumbent's", mine.scorer)
		return out.Failing(why, fix)
	}
	return out.Passed()
}

// regress compares the verdicts row by row.
func (s Settings) regress(mine, theirs tally, out verdict.Finding) verdict.Finding {
	r := s.paired
	if r == nil || len(mine.verdicts) == 0 {
		return out.Passed()
	}
	switch {
	case mine.kind != theirs.kind:
		return out.Unclear(fmt.Sprintf("%s returns %s for the candidate and %s for the incumbent", mine.scorer,
			kindWords[mine.kind], kindWords[theirs.kind]), "evaluate both versions with the same scorers")
	case mine.kind == fact.ScoreText:
		return out.Unclear(fmt.Sprintf("%s returns texts, which are neither better nor worse", mine.scorer),
			"use a scorer that returns numbers, or yes and no")
	case len(theirs.without) > s.errors:
		return out.Unclear(fmt.Sprintf("the incumbent has no valid evidence: %s gave no verdict on %d of %d rows",
			mine.scorer, len(theirs.without), len(theirs.run.Rows)), "evaluate the incumbent again")
	}
	pairs, why := s.pairs(mine, theirs)
	switch {
	case why != "":
		return out.Unclear(why, "evaluate both versions on the same rows")
	case len(pairs) < r.least:
		return out.Unclear(fmt.Sprintf("too few pairs: %d; the minimum is %d", len(pairs), r.least),
			"evaluate both versions on more rows")
	case mine.kind == fact.ScoreYesNo:
		return r.yesNo(mine.scorer, pairs, out)
	}
	return r.numbers(mine.scorer, pairs, out)
}

// pairs returns the difference of each row that both runs have. A positive difference means that the candidate is
// better.
func (s Settings) pairs(mine, theirs tally) (gains []float64, why string) {
	a, why := s.byInput(mine)
	if why != "" {
		return nil, why
	}
	b, why := s.byInput(theirs)
	if why != "" {
		return nil, why
	}
	without := map[string]bool{}
	for _, row := range slices.Concat(mine.without, theirs.without) {
		without[row.Input] = true
	}
	for _, key := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[key]; !ok && !without[key] {
			return nil, "the incumbent was evaluated on rows that the candidate's run does not have"
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a)) {
		other, ok := b[key]
		switch {
		case without[key]:
			continue
		case !ok:
			return nil, "the candidate was evaluated on rows that the incumbent's run does not have"
		}
		gains = append(gains, float64(s.sign())*(a[key]-other))
	}
	return gains, ""
}

func (s Settings) sign() int {
	if s.lower {
		return -1
	}
	return 1
}

// byInput returns the verdict on each input. If an input occurs several times, it is their mean or, for yes and no, the
// worst of them.
func (s Settings) byInput(t tally) (values map[string]float64, why string) {
	all := map[string][]float64{}
	for _, v := range t.verdicts {
		if v.row.Input == "" {
			return nil, fmt.Sprintf("the server does not show the inputs of row %s", v.row.TraceID)
		}
		if v.row.Cut && len(all[v.row.Input]) > 0 {
			const what = "several rows of run %s begin with the same text, and the server shows only that"
			return nil, fmt.Sprintf(what, t.run.RunID)
		}
		all[v.row.Input] = append(all[v.row.Input], v.value)
	}
	values = map[string]float64{}
	for key, list := range all {
		values[key] = aggregate("mean", list)
		if t.kind == fact.ScoreYesNo {
			values[key] = slices.MinFunc(list, s.compare)
		}
	}
	return values, ""
}

// yesNo judges rows that are good or bad.
func (r paired) yesNo(scorer string, gains []float64, out verdict.Finding) verdict.Finding {
	lost, gained := 0, 0
	for _, g := range gains {
		switch {
		case g < 0:
			lost++
		case g > 0:
			gained++
		}
	}
	seen := fmt.Sprintf("%d rows lost, %d gained, n = %d", lost, gained, len(gains))
	if r.margin == 0 {
		p := compare.LostMore(lost, gained)
		if p <= r.level {
			return out.Failing(fmt.Sprintf("%s is worse than the incumbent's: %s, p = %.3g <= %s", scorer, seen, p,
				format.Number(r.level)), "improve the candidate on the rows that it lost")
		}
		return out.Passed()
	}
	if p := compare.NonInferiorPairs(lost, gained, len(gains), r.margin); p > r.level {
		return out.Failing(fmt.Sprintf("non-inferiority of %s not shown: %s, p = %.3g > %s (margin %s)", scorer,
			seen, p, format.Number(r.level), format.Number(r.margin)),
			"improve the candidate, or evaluate on more rows")
	}
	return out.Passed()
}

// numbers judges rows with numbers.
func (r paired) numbers(scorer string, gains []float64, out verdict.Finding) verdict.Finding {
	if r.margin == 0 {
		return out.Unclear(fmt.Sprintf("%s returns numbers, and `paired` has no margin", scorer),
			"add a margin to `paired`, the smallest loss that matters")
	}
	mean, p := compare.NonInferior(gains, r.margin)
	if math.IsNaN(p) { // all differences are the same
		if mean > -r.margin {
			return out.Passed()
		}
		p = 1
	}
	if p > r.level {
		return out.Failing(fmt.Sprintf("non-inferiority of %s not shown: mean difference %.4g, n = %d, p = %.3g > %s "+
			"(margin %s)", scorer, mean, len(gains), p, format.Number(r.level), format.Number(r.margin)),
			"improve the candidate, or evaluate on more rows")
	}
	return out.Passed()
}
