package gates

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/spelling"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// Operator compares an observed value with a limit.
type Operator string

// Operators in the order the parser tries them: the longer spelling first.
var Operators = []Operator{">=", "<=", "==", "!=", ">", "<"}

func (op Operator) Holds(value, limit float64) bool {
	switch op {
	case ">=":
		return value >= limit
	case "<=":
		return value <= limit
	case "==":
		return value == limit
	case "!=":
		return value != limit
	case ">":
		return value > limit
	case "<":
		return value < limit
	}
	return false
}

// gap says why there is no value to judge; the zero value says that there is one.
type gap struct {
	why    string
	absent bool // the value is confirmed absent, see the function absent
}

// notKnown is a gap where a value may be; none is one where no value is.
func notKnown(format string, args ...any) gap        { return gap{why: fmt.Sprintf(format, args...)} }
func confirmedAbsent(format string, args ...any) gap { return gap{fmt.Sprintf(format, args...), true} }

// ends returns the finding of a gate that has this gap. lead comes before the reason.
func (g gap) ends(out verdict.Finding, lead, fix string) verdict.Finding {
	if g.absent {
		return absent(out, lead+g.why, fix)
	}
	return inconclusive(out, lead+g.why, fix)
}

// unproven leads in the reason if the gap is the incumbent's.
const unproven = "the incumbent has no valid evidence: "

// Baseline is who a gate compares with: the key among the facts, and the name as written. A word that may be a stage too
// has the key of the alias, and the stage.
type Baseline struct{ key, stage, Name string }

var Incumbent = Baseline{key: fact.Incumbent, Name: "incumbent"}

func (h Baseline) needs() fact.Needs {
	if h.key == fact.Incumbent {
		return fact.Needs{}
	}
	if h.stage != "" {
		return fact.Needs{Holders: []string{h.key, h.stage}}
	}
	return fact.Needs{Holders: []string{h.key}}
}

// subject returns who is compared with, or the finding that ends the comparison.
func (h Baseline) subject(f fact.Facts, out verdict.Finding) (fact.Subject, *verdict.Finding) {
	h, why, fix := h.resolve(f)
	if why != "" {
		out.Incumbent = "?"
		end := inconclusive(out, why, fix)
		return fact.Subject{}, &end
	}
	known, gathered := f.Holders[h.key]
	base, ok := known.Get()
	if ok {
		return base, nil
	}
	var end verdict.Finding
	switch {
	case !gathered:
		out.Incumbent = "?"
		end = inconclusive(out, fmt.Sprintf("there is no target to take %s from", h.Name), "give the input alias or stage, or name an alias to compare with")
	case known.IsAbsent() && h.isOtherAlias(f):
		alias := strings.TrimPrefix(h.key, "@")
		out.Incumbent = "none"
		end = inconclusive(out, h.missingAlias(f, alias), fmt.Sprintf("correct the name in the gate; if %s is right, set that alias first", alias))
	case known.IsAbsent():
		out.Incumbent = "none"
		end = notApplicable(out, known.Why())
	default:
		out.Incumbent = "?"
		end = inconclusive(out, known.Why(), h.hint(f))
	}
	return fact.Subject{}, &end
}

// hint says how a holder that cannot be told becomes one. The incumbent may be that of the target's alias or stage.
func (h Baseline) hint(f fact.Facts) string {
	why := f.Holders[h.key].Why()
	for stage, numbers := range f.Shared {
		if h.key == stage || h.key == fact.Incumbent && why == f.Holders[stage].Why() {
			return fmt.Sprintf("archive all but one of the versions %s in %s", strings.ReplaceAll(ledger.Numbers(numbers), ",", ", "), stage)
		}
	}
	return "make the incumbent readable, or repair the alias"
}

// isOtherAlias reports whether the holder is an alias that the promotion does not move. Were a comparison with one that is not
// there taken for one that does not apply, a slip of the pen would drop the gate. The target's own alias is new at the first
// promotion.
func (h Baseline) isOtherAlias(f fact.Facts) bool {
	alias, isAlias := strings.CutPrefix(h.key, "@")
	return isAlias && alias != f.Target.Alias
}

// missingAlias says that there is no such alias, and which may be meant.
func (h Baseline) missingAlias(f fact.Facts, alias string) string {
	names := f.AliasNames()
	switch near := spelling.Nearest(alias, names); {
	case f.Taken[alias] != "":
		return fmt.Sprintf("there is no alias %s; did you mean %s? The database takes both names for one", alias, f.Taken[alias])
	case len(near) > 0:
		return fmt.Sprintf("there is no alias %s; did you mean %s?", alias, strings.Join(near, " or "))
	case len(names) == 0:
		return fmt.Sprintf("there is no alias %s; the model has no aliases", alias)
	}
	return fmt.Sprintf("there is no alias %s; the model has %s", alias, format.First(names, 8))
}

// isBaseline reports whether the candidate is the holder itself: comparing a version with itself says nothing, and a strict
// condition would block every re-run.
func isBaseline(f fact.Facts, base fact.Subject) bool {
	return f.Number() != 0 && f.Number() == base.Version.OrZero().Number
}

// ParseNumber parses a plain decimal number. What Go's parser also takes (hex, underscores, inf, nan) is more likely a
// mistake than a limit.
func ParseNumber(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || strings.ContainsAny(text, "_xXpP") {
		return 0, fmt.Errorf("%q is not a finite decimal number", text)
	}
	return v, nil
}
