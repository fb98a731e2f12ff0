//go:build container

package realtest

import (
	"strings"
	"testing"
)

// The example for two servers runs under act. The model is trained on one MLflow server, and promoted on another.
func TestExampleWorkflows_Between(t *testing.T) {
	u := newAdopter(t, Options{Workers: 1})
	dev, err := MLflow(t.Context(), Options{Version: "2.22.5", Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dev.Stop)
	logged, err := dev.Train(t.Context(), Spec{Experiment: "churn", Model: "model"})
	if err != nil {
		t.Fatal(err)
	}
	u.more = []string{"--var", "PROD_MLFLOW_URI=" + u.mlflow.URL, "--var", "DEV_MLFLOW_URI=" + dev.URL}
	for run := range 2 { // the second run finds the copy
		out := u.mustAct(run+1, "promote-to-prod.yml", "workflow_dispatch", object{"inputs": object{
			"model": "churn", "candidate": "runs:/" + logged[0].RunID + "/model",
		}})
		if run == 0 && !strings.Contains(out, "### Promoted `churn` version 1 to `@champion`") {
			t.Errorf("nothing was promoted:\n%s", out)
		}
		u.champion("1")
	}
}
