package policy

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// metricGate compares the latest value of one metric with a fixed limit.
func metricGate(key string, op operator, limit float64) Gate {
	return Gate{
		Absolute: true,
		Check: func(f registry.Facts) registry.Finding {
			p, shown, why := metric(f.Candidate, key)
			out := registry.Finding{Wanted: string(op) + " " + number(limit), Candidate: shown, Why: why}
			switch {
			case why != "":
				out.Outcome = registry.Inconclusive
				out.Fix = fmt.Sprintf("log a finite %s on the run, or correct the name in the threshold", key)
			case op.holds(p.Value, limit):
				out.Outcome = registry.Pass
			default:
				out.Outcome = registry.Fail
				out.Why = fmt.Sprintf("%s is %s, wanted %s %s", key, shown, op, number(limit))
				out.Fix = fmt.Sprintf("train a candidate with %s %s %s", key, op, number(limit))
			}
			return out
		},
	}
}
