package report

import (
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// observed is what a gate saw, for reading: a measured number without the step where there was only one, shortened, and
// of a digest or an id its beginning, which is enough to compare by eye.
func observed(f verdict.Finding) string {
	number, step, logged := strings.Cut(f.Candidate, " at step ")
	if !logged {
		return digests.ReplaceAllString(brief(f.Candidate, f), "$1…")
	}
	if step, _, _ = strings.Cut(step, ","); step == "0" {
		return brief(number, f)
	}
	return brief(number, f) + " at step " + step
}

// digests are SHA-256 and ids of runs in hex, with what to keep of each.
var digests = regexp.MustCompile(`\b([0-9a-f]{12})(?:[0-9a-f]{20}|[0-9a-f]{52})\b`)
