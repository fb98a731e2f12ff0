package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ofLedger reports whether a write is one to the ledger: to its runs, its experiment or the anchor tag.
func ofLedger(w mlflowtest.Write) bool {
	path := strings.TrimPrefix(w.Path, "/api/2.0/mlflow/")
	return strings.HasPrefix(path, "runs/") || strings.HasPrefix(path, "experiments/") ||
		path == "registered-models/set-tag" && strings.Contains(w.Body, "promote.ledger")
}

// begin creates the ledger for the seeded model, with one entry for a different alias.
func (f flow) begin(t *testing.T) {
	t.Helper()
	first := flow{
		double:  f.double,
		attempt: f.attempt,
		signed:  f.signed,
		args: []string{
			"promote", "--model", "churn", "--candidate", "models:/churn/1", "--alias", "first", "--thresholds",
			"test_f1 >= 0",
		},
	}
	if result, status := first.run(t); status != 0 || result.RecordID == "" {
		t.Fatalf("status %d, %+v", status, result)
	}
	f.double.Forget()
}

// A lost ledger is noticed, and is never replaced automatically. A user can replace it, but must give a reason.
func TestLostLedger_ReplacedOnRequest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFlow(
			t, "promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion",
			"--thresholds", "test_f1 >= champion",
		)
		if r, status := f.run(t); status != 0 || r.RecordID == "" {
			t.Fatalf("status %d: %+v", status, r)
		}
		reset := f
		reset.args = []string{"doctor", "--model", "churn", "--reset-ledger", "the old one was purged"}
		if r, _ := reset.run(t); r.Reason != registry.BadInput {
			t.Errorf("a ledger that can be read was replaced: %s %s", r.Reason, r.Error)
		}
		ask(t, f, "POST", "runs/delete", map[string]any{"run_id": firstPage(t, f)})
		back := f
		back.args = []string{
			"promote", "--model", "churn", "--candidate", "models:/churn/1", "--alias", "champion", "--thresholds",
			"test_f1 >= 0.5", "--override", "downgrade",
		}
		if r, _ := back.run(t); r.Reason != registry.LedgerLost || r.Changed ||
			!strings.Contains(r.Hint, "restore_run") {
			t.Errorf("reason %s, changed %v: %s", r.Reason, r.Changed, r.Hint)
		}
		look := f
		look.args = []string{"doctor", "--model", "churn"}
		if r, status := look.run(t); status != 0 || !strings.HasPrefix(r.Server.Ledger, "lost: ") || !strings.Contains(
			strings.Join(r.Server.Warnings, " "), "promotions of churn are refused",
		) {
			t.Errorf("doctor: status %d: %+v", status, r.Server)
		}
		r, status := reset.run(t)
		if status != 0 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "the old one was purged") {
			t.Errorf("status %d: %+v", status, r)
		}
		state := r.Server.Ledger
		fresh := strings.HasPrefix(state, "starts with run ") && strings.Contains(state, "no entries yet")
		if !fresh || len(r.Server.Warnings) != 0 {
			t.Errorf("the new ledger: %+v", r.Server)
		}
		told := f
		told.args = []string{"history", "--model", "churn"}
		if r, status := told.run(t); status != 0 || r.History.Reset != "the old one was purged" {
			t.Errorf("history after the reset: status %d, %+v", status, r.History)
		}
		if r, status := back.run(t); status != 0 || r.RecordID == "" {
			t.Errorf("after the reset: status %d, %s", status, r.Error)
		}
	})
}

// If the experiment that contains all ledgers is deleted, as described in docs/uninstall.md, the command in the error
// message restores the ledgers. A promotion alone never restores or creates anything.
func TestDeletedExperiment_RestoredOnRequest(t *testing.T) {
	for name, c := range map[string]struct {
		gone []string // the deleted experiments
		tag  bool     // whether the anchor tag is deleted too
		want string   // part of the expected note
	}{
		"all was deleted": {
			[]string{"mlflow-promotions", "mlflow-promotions/churn"}, true, "the team uninstalled it",
		},
		"only the home was deleted": {[]string{"mlflow-promotions"}, false, "restored the promotion ledger"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := newFlow(
					t, "promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion",
					"--thresholds", "test_f1 >= champion",
				)
				if r, status := f.run(t); status != 0 || r.RecordID == "" {
					t.Fatalf("status %d: %+v", status, r)
				}
				for _, experiment := range c.gone {
					ask(t, f, "POST", "experiments/delete", map[string]any{
						"experiment_id": experimentID(t, f, experiment),
					})
				}
				if c.tag {
					ask(t, f, "DELETE", "registered-models/delete-tag", map[string]any{
						"name": "churn",
						"key":  registry.TagAnchor,
					})
				}
				back, reset := f, f
				back.args = []string{
					"promote", "--model", "churn", "--candidate", "models:/churn/1", "--alias", "champion",
					"--thresholds", "test_f1 >= 0.5", "--override", "downgrade",
				}
				reset.args = []string{"doctor", "--model", "churn", "--reset-ledger", "the team uninstalled it"}
				if r, _ := back.run(t); r.Reason != registry.LedgerLost || r.Changed {
					t.Errorf("reason %s, changed %v: %s", r.Reason, r.Changed, r.Error)
				}
				if r, status := reset.run(t); status != 0 || len(r.Notes) != 1 ||
					!strings.Contains(r.Notes[0], c.want) {
					t.Errorf("status %d: %+v", status, r)
				}
				if r, status := back.run(t); status != 0 || r.RecordID == "" {
					t.Errorf("after the reset: status %d, %s", status, r.Error)
				}
			})
		})
	}
}

// If the experiment that contains all ledgers has been deleted, the command in the hint restores the ledger.
func TestDeletedExperiment_HintWorks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := newFlow(
			t, "promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion",
			"--thresholds", "test_f1 >= champion",
		)
		if r, status := f.run(t); status != 0 || r.RecordID == "" {
			t.Fatalf("status %d: %+v", status, r)
		}
		home := map[string]any{"experiment_id": experimentID(t, f, "mlflow-promotions")}
		ask(t, f, "POST", "experiments/delete", home)
		look, doctor := f, f
		look.args, doctor.args = []string{"history", "--model", "churn"}, []string{"doctor", "--model", "churn"}
		const hint = "restore the experiment mlflow-promotions if it was deleted " +
			"(MlflowClient().restore_experiment), otherwise the run"
		if r, _ := look.run(t); r.Reason != registry.LedgerLost || !strings.Contains(r.Hint, hint) {
			t.Errorf("history: %s: %s", r.Reason, r.Hint)
		}
		if r, _ := doctor.run(t); !strings.Contains(
			strings.Join(r.Server.Warnings, " "), "To see what is left of the ledger, run history",
		) {
			t.Errorf("doctor: %+v", r.Server.Warnings)
		}
		ask(t, f, "POST", "experiments/restore", home)
		if r, status := look.run(t); status != 0 || len(r.History.Entries) != 1 {
			t.Errorf("after the restoration: status %d, %s", status, r.Error)
		}
	})
}

// ask sends a request to the double as a different client.
func ask(t *testing.T, f flow, method, path string, body any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, address+"/api/2.0/mlflow/"+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := f.double.Transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %d, %v", path, resp.StatusCode, out)
	}
	return out
}

// firstPage returns the id of the first run in churn's ledger.
func firstPage(t *testing.T, f flow) any {
	t.Helper()
	out := ask(t, f, "GET", "experiments/get-by-name?experiment_name=mlflow-promotions/churn", nil)
	return out["experiment"].(map[string]any)["tags"].([]any)[0].(map[string]any)["value"]
}

func experimentID(t *testing.T, f flow, name string) any {
	t.Helper()
	out := ask(t, f, "GET", "experiments/get-by-name?experiment_name="+url.QueryEscape(name), nil)
	return out["experiment"].(map[string]any)["experiment_id"]
}
