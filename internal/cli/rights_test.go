package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
)

// Asking for the right to move costs a login one request beside others, and nobody else anything.
func TestAskingForRightsCostsNoRound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seed, err := os.ReadFile("testdata/seed/churn.json")
		if err != nil {
			t.Fatal(err)
		}
		users := `{"users": [{"name": "ci", "password": "canary-pw", "admin": true}],` + strings.TrimPrefix(string(seed), "{")
		f := flow{
			double:  mlflowtest.New("3.17.2", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Latency(10*time.Millisecond), mlflowtest.BasicAuth()),
			attempt: new(int),
		}
		if err := f.double.Seed(strings.NewReader(users)); err != nil {
			t.Fatal(err)
		}
		promote := func(candidate string) (requests, rounds int) {
			f.args = []string{"promote", "--model", "churn", "--candidate", candidate, "--alias", "champion", "--thresholds", "test_f1 >= 0", "--username", "ci", "--password", "canary-pw"}
			result, status := f.run(t)
			if status != 0 {
				t.Fatalf("status %d: %s", status, result.Error)
			}
			return result.Requests, result.Rounds
		}
		promote("models:/churn/1")
		promote("runs:/worse/model") // begins the ledger
		if requests, rounds := promote("runs:/better/model"); requests > 18 || rounds > 7 {
			t.Errorf("%d requests in %d rounds, without a login they are 17 in 7", requests, rounds)
		}
	})
}
