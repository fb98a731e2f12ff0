package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Waiver is an exception: one version passes one gate until the end of a given day.
type Waiver struct {
	Gate, Model string
	Target      string // alias or stage; may be "" if only one target has the gate
	Version     int
	By, Why     string
	Until       string // a day in UTC, for example 2026-12-31
	Line        int
}

// covers reports whether the waiver is for the candidate.
func (w Waiver) covers(f fact.Facts) bool {
	v, ok := f.Candidate.Version.Get()
	return ok && v.Model == w.Model && v.Number == w.Version
}

// Concerns reports whether the waiver is for the model and one of the gates.
func (w Waiver) Concerns(model string, list []gates.Gate) bool {
	return w.Model == model && slices.ContainsFunc(list, func(g gates.Gate) bool {
		return g.ID == w.Gate && (w.Target == "" || w.Target == g.Target)
	})
}

func (w Waiver) expired(now time.Time) bool { return DayIsOver(w.Until, now) }

// DayIsOver reports whether a day in UTC, for example 2026-12-31, is over. It returns true if the day or the current
// time is unknown. In case of doubt, an exception therefore counts as expired.
func DayIsOver(until string, now time.Time) bool {
	day, err := time.Parse(time.DateOnly, until)
	return err != nil || now.IsZero() || !now.Before(day.AddDate(0, 0, 1))
}

// waive applies the waivers for this version. If a waiver has expired and its gate still fails, the gate blocks,
// whatever its `on-fail` setting, because the waiver's author meant to fix the problem by that day.
func waive(v verdict.Verdict, waivers []Waiver, facts fact.Facts) verdict.Verdict {
	for _, w := range waivers {
		if !w.covers(facts) {
			continue
		}
		for i, f := range v.Findings {
			if f.Gate != w.Gate || w.Target != "" && f.Target != w.Target || f.Outcome != verdict.Fail &&
				f.Outcome != verdict.Inconclusive {
				continue
			}
			said := fmt.Sprintf("%s for version %d, by %s until %s: %s", w.Gate, w.Version, w.By, w.Until, w.Why)
			if w.expired(facts.Now) {
				v.Waivers = append(v.Waivers, "expired: "+said)
				v.Findings[i].OnFail = verdict.OnFailBlock
				v.Findings[i].Why += fmt.Sprintf("; its waiver by %s expired on %s", w.By, w.Until)
				continue
			}
			v.Waivers = append(v.Waivers, said)
			v.Findings[i].Until, v.Findings[i].WaivedBy = w.Until, w.By
			v.Findings[i].Waiver = fmt.Sprintf("waived by %s until %s: %s", w.By, w.Until, w.Why)
		}
	}
	return v
}
