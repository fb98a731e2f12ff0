package cli

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var told = []string{
	"promote", "--model", "churn", "--candidate", "runs:/better/model", "--alias", "champion", "--thresholds",
	"test_f1 >= champion",
}

// A cancelled run does not wait for its notifications. The promotion is still made and recorded, and the next run sends
// the remaining notifications.
func TestCancelled_DoesNotWaitForSlack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, told...)
		ctx, cancel := context.WithCancel(t.Context())
		var cancelled time.Time
		w.hold = func(r *http.Request) {
			if r.URL.Host != slackHost {
				return
			}
			time.AfterFunc(2*time.Second, func() { cancelled = time.Now(); cancel() })
			<-r.Context().Done()
		}
		result, status := w.run(t, ctx)
		if took := time.Since(cancelled); took > 5*time.Second {
			t.Errorf("it went on for %s", took)
		}
		if status != 0 || result.Reason != registry.OK || result.Deployment.State != "success" {
			t.Errorf("status %d, %s, deployment %+v", status, result.Reason, result.Deployment)
		}
		if text := strings.Join(result.Warnings, "\n"); !strings.Contains(text, "slack was not notified") {
			t.Errorf("warnings: %s", text)
		}
		w.hold = nil
		next, status := w.run(t, t.Context())
		if status != 0 || next.Reason != registry.Unchanged || len(next.Told) != 1 ||
			next.Told[0].RecordID != result.RecordID || next.Told[0].Channel != "slack" {
			t.Errorf("the next run: status %d, %s, %+v", status, next.Reason, next.Told)
		}
		synctest.Wait()
	})
}

// If the run is cancelled while the alias is being moved, the move is confirmed and the deployment gets its final
// state. The next run sends the remaining notifications.
func TestCancelled_DuringMove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, told...)
		ctx, cancel := context.WithCancel(t.Context())
		var cancelled time.Time
		moving := &onRequest{w, func(r *http.Request) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "registered-models/alias") {
				cancelled = time.Now()
				cancel()
			}
		}}
		result, status := w.through(t, ctx, moving)
		if took := time.Since(cancelled); took > 5*time.Second {
			t.Errorf("it went on for %s", took)
		}
		if status != 0 || result.Deployment.State != "success" || len(w.hub.Events()) != 0 {
			t.Errorf(
				"status %d %s, deployment %+v, %d events", status, result.Error, result.Deployment, len(w.hub.Events()),
			)
		}
		next, status := w.run(t, t.Context())
		if status != 0 || len(next.Told) != 3 || len(w.hub.Events()) != 1 {
			t.Errorf("the next run: status %d, %+v", status, next.Told)
		}
		synctest.Wait()
	})
}

// If the move fails with a server error while GitHub hangs, the deployment stays as it is and the run ends in time.
func TestGitHub_Hangs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, told...)
		hang := &onRequest{w, func(r *http.Request) {
			if r.URL.Host == gitHubHost {
				<-r.Context().Done()
			}
		}}
		began := time.Now()
		result, status := w.through(t, t.Context(), hang)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s", took)
		}
		if status != 0 || result.Reason != registry.OK || len(result.Warnings) < 2 {
			t.Errorf("status %d, %s, %v", status, result.Reason, result.Warnings)
		}
		synctest.Wait()
	})
}

// If a run was killed before or after it sent its notifications, the next run sends them.
func TestNotifications_AtLeastOnce(t *testing.T) {
	for name, at := range map[string]func(jobSetup, *http.Request) bool{
		"before it was sent": func(_ jobSetup, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/dispatches")
		},
		"after it was sent, before it was marked": func(w jobSetup, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "runs/log-batch") && len(w.hub.Events()) > 0
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, told...)
				for _, input := range []string{"SLACK-WEBHOOK", "WEBHOOK-URL", "DEPLOYMENT-ENVIRONMENT"} {
					w.env["INPUT_"+input] = ""
				}
				w.through(t, t.Context(), &killedTransport{next: w, at: func(r *http.Request) bool { return at(w, r) }})
				first := len(w.hub.Events())
				next, status := w.run(t, t.Context())
				if status != 0 || len(next.Told) != 1 || next.Told[0].Why != "" || len(w.hub.Events()) != 1+first {
					t.Errorf(
						"the next run: status %d, told %+v, %d events after %d", status, next.Told, len(w.hub.Events()),
						first,
					)
				}
				if again, _ := w.run(t, t.Context()); len(again.Told) != 0 {
					t.Errorf("told once more: %+v", again.Told)
				}
				ids := map[string]bool{}
				for _, e := range w.hub.Events() {
					ids[recordID(t, e)] = true
				}
				if len(ids) != 1 {
					t.Errorf("one promotion was told under %d ids", len(ids))
				}
				synctest.Wait()
			})
		})
	}
}

func recordID(t *testing.T, e githubtest.Event) string {
	t.Helper()
	_, after, ok := strings.Cut(string(e.Payload), `"record_id":"`)
	id, _, _ := strings.Cut(after, `"`)
	if !ok || id == "" {
		t.Fatalf("an event without a record: %s", e.Payload)
	}
	return id
}
