//go:build container

package realtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
)

// The action for each command runs under act, and later steps see its outputs. One action builds the image, as on main,
// and the others use the image that was built, as in a release.
func TestWorkflow_OwnActions(t *testing.T) {
	e := shared(t)
	logged, err := e.server.Train(t.Context(),
		Spec{Experiment: "verbs", Model: "model"}, Spec{Experiment: "verbs", Model: "model"})
	if err != nil {
		t.Fatal(err)
	}
	workflow := e.workflow(t, "verbs.yml")
	for _, c := range inputs.Commands() {
		if file := filepath.Join(e.copy, c.Name, "action.yml"); len(c.First) > 0 && c.Name != "doctor" {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			named := strings.Replace(string(text), "image: ../Dockerfile", "image: docker://"+imageName, 1)
			if err := os.WriteFile(file, []byte(named), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	out, err := e.act(t, workflow, object{
		"tracking-uri": e.server.URL,
		"first":        "runs:/" + logged[0].RunID + "/model",
		"second":       "runs:/" + logged[1].RunID + "/model",
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const want = "seen: doctor=ok register=1 validate=promote promote=2 alias=true rollback=1 history=1 compare=ok " +
		"lineage=ok audit=ok"
	if !strings.Contains(out, want) {
		t.Errorf("a later step did not see %q:\n%s", want, out)
	}
}
