package cli

import (
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/faults"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Even if a response is cut off, is garbled or comes from a proxy, a server that supports aliases is never mistaken for
// one that does not. The fallback tags would have no effect on clients that load models by alias.
func TestAliasTags_OnlyWithoutAliases(t *testing.T) {
	for name, c := range map[string]struct {
		fault  faults.Fault
		reason registry.Reason
	}{
		"the answer is cut off": {faults.Fault{Kind: faults.Truncate, Nth: 1}, registry.OK},
		"the answer is garbled": {faults.Fault{Kind: faults.Garble, Nth: 1}, registry.NotMLflow},
		"a proxy's own 404": {
			faults.Fault{Kind: faults.Status, Status: 404, Body: "default backend - 404", Nth: 1},
			registry.NotMLflow,
		},
		"a proxy's own 405": {
			faults.Fault{Kind: faults.Status, Status: 405, Body: "<html><title>405</title></html>"},
			registry.NotMLflow,
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := story{"3.17.2", "alias", firstVersion}
				sc := s.begin(t)
				c.fault.Method, c.fault.Path = "GET", "registered-models/alias"
				sc.double.Fault(c.fault)
				r, _ := sc.run(t, s.args()...)
				if r.Reason != c.reason || c.reason != registry.OK && len(sc.double.Writes()) > 0 {
					t.Errorf("%s: %s, %d writes", r.Reason, r.Error, len(sc.double.Writes()))
				}
				if end := sc.state(t); c.reason == registry.OK && end.aliases["champion"] == 0 {
					t.Error("the alias was not set")
				}
			})
		})
	}
}
