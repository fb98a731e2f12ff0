//go:build real

package realtest

import (
	"net/http"
	"strings"
	"testing"
)

// On servers with logins, a login that may edit the ledger but not the model is refused before it writes an entry, and
// so is one that may edit the model but not the ledger. A login that may not write to the home experiment begins new
// ledgers in its own experiment. The `doctor` command reports how ledgers are protected and which permissions a second
// team's login needs, and the requests that it prints must grant these permissions.
func TestRights_BeforeClaim(t *testing.T) {
	binary := program(t)
	for _, version := range []string{Newest, "2.22.5"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s, err := MLflow(t.Context(), Options{Version: version, Workers: 1, Login: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Stop()
			call := func(path string, body object) {
				t.Helper()
				if err := s.Call(t.Context(), http.MethodPost, path, body, nil); err != nil {
					t.Fatal(err)
				}
			}
			const password = "throw-away-password"
			as := func(user string) []string {
				return []string{"MLFLOW_TRACKING_USERNAME=" + user, "MLFLOW_TRACKING_PASSWORD=" + password}
			}
			for _, user := range []string{"first", "second", "third"} {
				call("users/create", object{"username": user, "password": password})
			}
			logged, err := s.Run(t.Context(), Spec{Name: "churn", Metrics: map[string]string{"acc": "0.9"}})
			if err != nil {
				t.Fatal(err)
			}
			cli := tool{t: t, binary: binary, url: s.URL}
			promote := func(user, model, candidate string) said {
				return cli.run(
					as(user), "promote", "--model", model, "--candidate", candidate, "--stage", "Production",
					"--thresholds", "acc >= 0.5", "--override", "downgrade",
				)
			}
			call("registered-models/create", object{"name": "churn"})
			source, err := s.Folder(t.Context(), logged.ArtifactURI, "model")
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				call("model-versions/create", object{"name": "churn", "source": source, "run_id": logged.RunID})
			}
			grant := func(requests []string, user, only string) {
				t.Helper()
				done := 0
				for _, r := range requests {
					newer := strings.HasPrefix(r, "newer servers:")
					_, r, _ = strings.Cut(r, "POST "+s.URL)
					path, body, _ := strings.Cut(r, " ")
					if newer != (version == Newest) || !strings.Contains(body, only) {
						continue
					}
					done++
					body = strings.ReplaceAll(body, "USER", user)
					if err := s.Send(t.Context(), http.MethodPost, path, body); err != nil {
						t.Fatal(err)
					}
				}
				if done != 1 {
					t.Fatalf("%d requests about %s in %v", done, only, requests)
				}
			}
			// the first team's login may edit the model, and creates the ledger
			none := cli.run(
				[]string{"MLFLOW_TRACKING_USERNAME=admin", "MLFLOW_TRACKING_PASSWORD=" + s.Password}, "doctor",
				"--model", "churn",
			)
			if !strings.HasPrefix(none.Server.Ledger, "none yet") {
				t.Errorf("before the first promotion: %+v", none.Server)
			}
			call(map[bool]string{
				true:  "/api/3.0/mlflow/users/permissions/grant",
				false: "registered-models/permissions/create",
			}[version == Newest],
				object{
					"username":      "first",
					"permission":    "EDIT",
					"resource_type": "registered_model",
					"resource_id":   "churn",
					"name":          "churn",
				})
			if got := promote("first", "churn", "models:/churn/1"); got.Reason != "ok" || got.RecordID == "" {
				t.Fatalf("%s: %s %s", got.Reason, got.Error, got.NoLedger)
			}
			told := cli.run(as("second"), "doctor", "--model", "churn").Server
			guarded := strings.HasPrefix(told.Guard, "tamper-resistant: ")
			if !guarded || !strings.HasPrefix(told.Ledger, "starts with run") {
				t.Errorf("doctor says %+v", told)
			}
			// the second team's login has no permissions at first, then may edit the ledger, and finally the model as
			// well
			grant(told.Grants, "second", "experiment")
			if got := promote("second", "churn", "models:/churn/2"); got.status != 3 || got.Reason != "forbidden" ||
				!strings.Contains(got.Error, "lacks the permission EDIT on registered model churn") {
				t.Errorf("may write the ledger alone: status %d, %s: %s", got.status, got.Reason, got.Error)
			}
			if got := cli.run(as("second"), "history", "--model", "churn"); len(got.History.Entries) != 1 {
				t.Errorf("a promotion that was refused left an entry: %d", len(got.History.Entries))
			}
			grant(told.Grants, "second", "churn")
			if got := promote("second", "churn", "models:/churn/2"); got.Reason != "ok" || got.RecordID == "" {
				t.Errorf("after both grants: %s: %s %s", got.Reason, got.Error, got.NoLedger)
			}
			// the third team's login may edit only the model
			grant(told.Grants, "third", "churn")
			got := promote("third", "churn", "models:/churn/1")
			if got.status != 3 || got.Reason != "forbidden" ||
				!strings.Contains(got.Error, "lacks the permission EDIT on the experiment") {
				t.Errorf("may write the model alone: status %d, %s: %s", got.status, got.Reason, got.Error)
			}
			ownExperiment(t, s, cli, version, as)
			t.Logf(
				"| %s with logins | ledger alone: refused, no entry | model alone: refused | both, as doctor prints: "+
					"promoted, recorded | no ledger yet: begun in an experiment of its own, outsiders stop nothing |",
				version,
			)
		})
	}
}

// ownExperiment promotes new models with a login that may not write to the home experiment. For two of these models, an
// outsider has taken the name of the ledger.
func ownExperiment(t *testing.T, s *Server, cli tool, version string, as func(string) []string) {
	t.Helper()
	call := func(user, path string, body object, out any) {
		t.Helper()
		caller := s.Client
		if user != "" {
			caller.User, caller.Password = user, "throw-away-password"
		}
		if err := caller.Call(t.Context(), http.MethodPost, path, body, out); err != nil {
			t.Fatal(err)
		}
	}
	for _, user := range []string{"ann", "eve"} {
		call("", "users/create", object{"username": user, "password": "throw-away-password"}, nil)
	}
	logged, err := s.Run(t.Context(), Spec{Name: "rum", Metrics: map[string]string{"acc": "0.9"}})
	if err != nil {
		t.Fatal(err)
	}
	source, err := s.Folder(t.Context(), logged.ArtifactURI, "model")
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"rum", "gin", "ale"} {
		call("", "registered-models/create", object{"name": model}, nil)
		for range 2 {
			call("", "model-versions/create", object{"name": model, "source": source, "run_id": logged.RunID}, nil)
		}
		call("", map[bool]string{
			true:  "/api/3.0/mlflow/users/permissions/grant",
			false: "registered-models/permissions/create",
		}[version == Newest], object{
			"username": "ann", "permission": "EDIT", "resource_type": "registered_model", "resource_id": model,
			"name": model,
		}, nil)
	}
	promote := func(user, model, number string, more ...string) said {
		return cli.run(as(user), append([]string{
			"promote", "--model", model, "--candidate", "models:/" + model + "/" + number, "--stage", "Production",
			"--thresholds", "acc >= 0.5", "--override", "downgrade",
		}, more...)...)
	}
	for _, number := range []string{"1", "2"} {
		if got := promote("ann", "rum", number); got.Reason != "ok" || got.RecordID == "" {
			t.Errorf("rum %s: %s: %s", number, got.Reason, got.Error)
		}
	}
	doctor := cli.run(as("ann"), "doctor", "--model", "rum").Server
	if !strings.Contains(doctor.Ledger, "in the experiment mlflow-promotions-ann, to which this login may write") ||
		!strings.Contains(doctor.Home, "mlflow-promotions: this login is not allowed to write to it") {
		t.Errorf("doctor says %q and %q", doctor.Ledger, doctor.Home)
	}
	if h := cli.run(as("eve"), "history", "--model", "rum").History; len(h.Entries) != 2 {
		t.Errorf("another login reads %d entries", len(h.Entries))
	}
	if got := promote("second", "rum", "1"); got.Reason != "forbidden" {
		t.Errorf("a login without rights on the model: %s", got.Reason)
	}
	// an outsider takes the names of two ledgers and puts a forged page into one of them
	var theirs struct {
		ID string `json:"experiment_id"`
	}
	call("eve", "experiments/create", object{"name": "mlflow-promotions/gin"}, nil)
	if got := promote("ann", "gin", "1"); got.Reason != "ok" || got.RecordID == "" {
		t.Errorf("gin: %s: %s %s", got.Reason, got.Error, got.NoLedger)
	}
	call("eve", "experiments/create", object{"name": "theirs-" + version}, &theirs)
	var run struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	call("eve", "runs/create", object{"experiment_id": theirs.ID, "run_name": "ale"}, &run)
	forged := []object{{"key": "format", "value": "1"}, {"key": "model", "value": "ale"}, {"key": "base", "value": "0"},
		{"key": "prev", "value": "-"}, {"key": "prior", "value": "-"}, {"key": "reset", "value": "-"},
		{"key": "state", "value": "{}"}}
	call("eve", "runs/log-batch", object{
		"run_id": run.Run.Info.ID, "params": forged, "metrics": []object{}, "tags": []object{},
	}, nil)
	call("eve", "experiments/create", object{
		"name": "mlflow-promotions/ale", "tags": []object{{"key": "ledger", "value": run.Run.Info.ID}},
	}, nil)
	got := promote("ann", "ale", "1")
	if got.Reason != "ok" || got.RecordID == "" {
		t.Errorf("ale: %s: %s %s", got.Reason, got.Error, got.NoLedger)
	}
	for _, number := range []string{"2", "1"} {
		if got = promote("ann", "ale", number); got.Reason != "ok" || got.RecordID == "" {
			t.Errorf("ale again: %s: %s", got.Reason, got.Error)
		}
	}
	if doctor = cli.run(as("eve"), "doctor", "--model", "ale").Server; !strings.Contains(
		doctor.Ledger, "in the experiment mlflow-promotions-ann-",
	) || !strings.Contains(doctor.Ledger, "entry 3") {
		t.Errorf("doctor says %q", doctor.Ledger)
	}
}
