package report

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// The headline mentions that a version passes only because of a waiver.
func TestStandingPage_Waived(t *testing.T) {
	waived := verdict.Verdict{Decision: verdict.Promote, Findings: []verdict.Finding{
		{Gate: "metric acc", Outcome: verdict.Fail, WaivedBy: "ann", Until: "2026-05-09"},
	}}
	for want, all := range map[string][]Standing{
		"Passed: 1 live version would pass p.yml": {{Model: "churn", Version: 1}},
		"Passed: 2 live versions would pass p.yml (1 gate waived)": {
			{Model: "churn", Version: 1}, {Model: "wine", Version: 3, Verdict: waived},
		},
	} {
		title, _ := StandingPage("p.yml", all)
		got := ""
		for _, s := range title {
			got += s.Text
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
