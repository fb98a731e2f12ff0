package cli

import (
	"testing"
	"testing/synctest"
)

// However many notifications there are, they add one read and one write of the ledger. A deployment adds two tag
// writes. Even without either, GitHub receives one request, which asks who approved the run.
func TestNotifications_Cost(t *testing.T) {
	cost := func(env map[string]string) (mlflow, gitHub int) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, told...)
			for _, name := range []string{"DEPLOYMENT-ENVIRONMENT", "DISPATCH", "SLACK-WEBHOOK", "WEBHOOK-URL"} {
				w.env["INPUT_"+name] = env[name]
			}
			w.begin(t)
			result, status := w.run(t, t.Context())
			if status != 0 || len(result.Warnings) > 0 {
				t.Fatalf("status %d, %s, %v", status, result.Error, result.Warnings)
			}
			mlflow, gitHub = result.Requests, len(w.hub.Requests())
			synctest.Wait()
		})
		return mlflow, gitHub
	}
	base, asked := cost(nil)
	if asked != 1 {
		t.Errorf("GitHub was asked %d times by a promotion that names nobody, want 1", asked)
	}
	if n, asked := cost(map[string]string{
		"DISPATCH":      "model-promoted\nacme/churn:other",
		"SLACK-WEBHOOK": "https://" + slackHost + "/x",
		"WEBHOOK-URL":   "https://" + hookHost + "/x",
	}); n != base+2 || asked != 3 {
		t.Errorf("telling four costs %d requests more, and %d of GitHub", n-base, asked)
	}
	if n, asked := cost(map[string]string{"DEPLOYMENT-ENVIRONMENT": "production"}); n != base+2 || asked > 7 {
		t.Errorf("a deployment costs %d requests more, and %d of GitHub", n-base, asked)
	}
}
