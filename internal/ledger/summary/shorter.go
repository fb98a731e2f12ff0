package summary

import (
	"slices"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

const (
	allGatesOmitted  = "left out: too long for a tag"
	someGatesOmitted = "the rest is left out: too long for a tag"
	shortText        = 100 // bytes of a truncated text
)

// Shorter returns the summary without its least important part. If that part is a whole field, Shorter adds the field's
// name to Omitted. ok is false if nothing can be left out.
func (s Summary) Shorter() (shorter Summary, ok bool) {
	omit := func(name string) { s.Omitted = append(slices.Clone(s.Omitted), name) }
	drop := func(name string, field *string) { *field = ""; omit(name) }
	switch aliases := strings.Split(s.Target.Alias, betweenAliases); {
	case len(s.Gates) > 1:
		s.Gates = append(slices.Clone(s.Gates[:(len(s.Gates)-1)/2]), someGatesOmitted)
	case len(s.Gates) == 1 && s.Gates[0] != allGatesOmitted:
		s.Gates = []string{allGatesOmitted}
	case len(s.Waivers) > 0:
		s.Waivers = nil
		omit("waivers")
	case len(s.Weak) > shortText:
		s.Weak = format.Truncate(s.Weak, shortText)
	case len(s.Justification) > shortText:
		s.Justification = format.Truncate(s.Justification, shortText)
	case len(s.Override) > 0:
		s.Override = nil
		omit("override")
	case s.Weak != "":
		drop("no_ledger", &s.Weak)
	case s.Justification != "":
		drop("justification", &s.Justification)
	case s.Initiator != "":
		drop("initiator", &s.Initiator)
	case s.Run != "":
		drop("run", &s.Run)
	case s.Actor != "":
		drop("actor", &s.Actor)
	case s.Ledger != "":
		drop("ledger", &s.Ledger)
	case len(aliases) > 1:
		s.Target.Alias = strings.Join(aliases[:len(aliases)-1], betweenAliases)
		if !slices.Contains(s.Omitted, "target") {
			omit("target")
		}
	case s.Model != "":
		drop("model", &s.Model)
	default:
		return s, false
	}
	return s, true
}
