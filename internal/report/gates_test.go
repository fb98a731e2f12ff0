package report

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

func TestBrief(t *testing.T) {
	for _, c := range []struct{ text, wanted, incumbent, want string }{
		{"0.9590643274853801", ">= 0.9", "0.9185863394982603", "0.959064"},
		{"0.8499999999999", ">= 0.85", "", "0.8499999999999"},
		{"0.9590643274853801", ">= champion", "0.95906432748538", "0.9590643274853801"},
		{"0.85", ">= 0.85", "", "0.85"},
		{"absent", ">= 0.85", "", "absent"},
		{"12345678901", "<= 1", "", "1.23457e+10"},
	} {
		f := verdict.Finding{Wanted: c.wanted, Candidate: c.text, Incumbent: c.incumbent}
		if got := brief(c.text, f); got != c.want {
			t.Errorf("%s against %s and %s: %s", c.text, c.wanted, c.incumbent, got)
		}
	}
}
