package pastledger

import (
	"slices"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/history"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Drift is reported only if both readings show it. If only the second one does, the history says neither that there is
// drift nor that there is none.
func TestConfirmed(t *testing.T) {
	a, b := registry.ParseShift("@champion", "1", "2"), registry.ParseShift("Production", "1", "2")
	seen := func(drift ...registry.Shift) history.History { return history.History{Compared: true, Outside: drift} }
	for name, c := range map[string]struct {
		first, second history.History
		want          []registry.Shift
		compared      bool
	}{
		"both show it":                       {seen(a, b), seen(a, b), []registry.Shift{a, b}, true},
		"the first was torn":                 {seen(a, b), seen(b), []registry.Shift{b}, true},
		"the second is torn":                 {seen(a), seen(a, b), []registry.Shift{a}, false},
		"the first did not hold together":    {history.History{Broken: "torn"}, seen(a), nil, false},
		"the first did not, and all is well": {history.History{Broken: "torn"}, seen(), nil, true},
		"neither holds together": {
			history.History{Broken: "torn"}, history.History{Broken: "torn"}, nil, false,
		},
	} {
		got := confirmed(c.first, c.second)
		if !slices.EqualFunc(got.Outside, c.want, registry.Shift.Equal) || got.Compared != c.compared {
			t.Errorf("%s: %v, compared %v; want %v, %v", name, got.Outside, got.Compared, c.want, c.compared)
		}
	}
}
