package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
)

// Looking up permissions and the login's name takes two requests. They run in parallel with others, so they do not add
// a round trip.
func TestRights_CostNoRound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seed, err := os.ReadFile("testdata/seed/churn.json")
		if err != nil {
			t.Fatal(err)
		}
		users := `{"users": [{"name": "ci", "password": "canary-pw", "admin": true}],` +
			strings.TrimPrefix(string(seed), "{")
		f := flow{
			double: mlflowtest.New(
				"3.17.2", mlflowtest.AllowedHosts("mlflow.example"), mlflowtest.Latency(10*time.Millisecond),
				mlflowtest.BasicAuth(),
			),
			attempt: new(int),
		}
		if err := f.double.Seed(strings.NewReader(users)); err != nil {
			t.Fatal(err)
		}
		promote := func(candidate string) (requests, rounds int) {
			f.args = []string{
				"promote", "--model", "churn", "--candidate", candidate, "--alias", "champion", "--thresholds",
				"test_f1 >= 0", "--username", "ci", "--password", "canary-pw",
			}
			result, status := f.run(t)
			if status != 0 {
				t.Fatalf("status %d: %s", status, result.Error)
			}
			return result.Requests, result.Rounds
		}
		promote("models:/churn/1")
		promote("runs:/worse/model") // creates the ledger
		if requests, rounds := promote("runs:/better/model"); requests > 22 || rounds > 7 {
			t.Errorf("%d requests in %d rounds, without a login they are 20 in 7", requests, rounds)
		}
	})
}

// The `doctor` command reports whether the ledger is protected or merely checked, which depends on what the server
// allows this login to do.
func TestDoctor_LedgerProtection(t *testing.T) {
	for name, c := range map[string]struct {
		options []mlflowtest.Option
		user    string
		want    string
	}{
		"no logins": {nil, "", "tamper-evident only: this server has no logins"},
		"everybody may read": {
			[]mlflowtest.Option{mlflowtest.BasicAuth()}, "ci", "tamper-resistant: ",
		},
		"everybody may edit": {
			[]mlflowtest.Option{mlflowtest.BasicAuth(), mlflowtest.DefaultPermission("EDIT")}, "ci",
			"tamper-evident only: every login may edit runs",
		},
		"an administrator sees no limits": {
			[]mlflowtest.Option{mlflowtest.BasicAuth()}, "boss",
			"tamper-resistant if the server's default_permission is READ or less",
		},
		"a right of its own hides the default": {
			[]mlflowtest.Option{mlflowtest.BasicAuth()}, "special", "unknown: this login has its own permission",
		},
	} {
		for _, version := range []string{"3.17.2", "2.22.5"} {
			t.Run(name+" on "+version, func(t *testing.T) {
				double := mlflowtest.New(version, append(c.options, mlflowtest.AllowedHosts("mlflow.example"))...)
				if err := double.Seed(strings.NewReader(`{"users": [{"name": "ci", "password": "canary-pw"},
					{"name": "boss", "password": "canary-pw", "admin": true},
					{"name": "special", "password": "canary-pw", "grants": {"experiment:0": "EDIT"}}],
					"models": [{"name": "churn", "versions": [{"source": "s3://b/1"}]}]}`)); err != nil {
					t.Fatal(err)
				}
				f := flow{double: double, attempt: new(int), args: []string{"doctor", "--model", "churn"}}
				if c.user != "" {
					f.args = append(f.args, "--username", c.user, "--password", "canary-pw")
				}
				if r, status := f.run(t); status != 0 || !strings.HasPrefix(r.Server.Guard, c.want) {
					t.Errorf("status %d: %s", status, r.Server.Guard)
				}
			})
		}
	}
}
