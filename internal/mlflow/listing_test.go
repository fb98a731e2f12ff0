package mlflow

import (
	"net/http"
	"strings"
	"testing"
)

func TestList_Fallback(t *testing.T) {
	const kind = "application/json"
	var (
		inRun  = status(200, kind, `{"files":[{"path":"model/MLmodel","file_size":7}]}`)
		direct = status(200, kind, `{"files":[{"path":"MLmodel","file_size":7}]}`)
		denied = status(403, kind, `{"error_code":"PERMISSION_DENIED","message":"no"}`)
		own    = run("mlflow-artifacts:/1/r1/artifacts")
		logged = status(200, kind, `{"model":{"info":{"model_id":"m-1","artifact_uri":"mlflow-artifacts:/1/models/m-1"}}}`)
	)
	const (
		byRun, runAjax     = "/api/2.0/mlflow/artifacts/list", "/ajax-api/2.0/mlflow/artifacts/list"
		byModel, modelAjax = "/api/2.0/mlflow/logged-models/m-1/artifacts/directories",
			"/ajax-api/2.0/mlflow/logged-models/m-1/artifacts/directories"
		proxy = "/api/2.0/mlflow-artifacts/artifacts"
		model = "/api/2.0/mlflow/logged-models/m-1"
	)
	ofRun, ofModel := Location{Run: "r1", Path: "model"}, Location{Model: "m-1"}
	for name, c := range map[string]struct {
		where  Location
		answer map[string]http.HandlerFunc
		want   string         // the files, or the error
		sent   map[string]int // the expected requests for three lists
	}{
		"the first way": {
			ofRun, map[string]http.HandlerFunc{byRun: inRun}, "MLmodel", map[string]int{byRun: 3},
		},
		"only the way of browsers": {
			ofRun, map[string]http.HandlerFunc{byRun: blocking, runAjax: inRun},
			"MLmodel", map[string]int{byRun: 1, runAjax: 3},
		},
		"only the proxy": {
			ofRun, map[string]http.HandlerFunc{byRun: noRoute, runAjax: loginPage, "/api/2.0/mlflow/runs/get": own, proxy: direct},
			"MLmodel", map[string]int{byRun: 1, runAjax: 1, proxy: 3},
		},
		"a logged model for browsers": {
			ofModel, map[string]http.HandlerFunc{byModel: noRoute, modelAjax: direct},
			"MLmodel", map[string]int{byModel: 1, modelAjax: 3},
		},
		"a logged model in the proxy": {
			ofModel, map[string]http.HandlerFunc{model: logged, proxy: direct},
			"MLmodel", map[string]int{byModel: 1, modelAjax: 1, proxy: 3},
		},
		"the store is not the server's": {
			ofRun, map[string]http.HandlerFunc{
				byRun: blocking, "/api/2.0/mlflow/runs/get": run("s3://bucket/1/r1/artifacts"), proxy: direct,
			},
			"Blocked by the firewall", map[string]int{byRun: 1, runAjax: 1, proxy: 0},
		},
		"the proxy is switched off": {
			ofRun, map[string]http.HandlerFunc{byRun: blocking, "/api/2.0/mlflow/runs/get": own, proxy: switched},
			"Blocked by the firewall", map[string]int{byRun: 1, runAjax: 1, proxy: 1},
		},
		"a refusal by MLflow is final": {
			ofRun, map[string]http.HandlerFunc{byRun: denied, runAjax: inRun, proxy: direct},
			"the login lacks the permission", map[string]int{byRun: 3, runAjax: 0, proxy: 0},
		},
		"a failing store is final": {
			ofRun, map[string]http.HandlerFunc{byRun: broken, runAjax: inRun, proxy: direct},
			"500", map[string]int{runAjax: 0, proxy: 0},
		},
		"a path out of the folder": {
			ofRun, map[string]http.HandlerFunc{
				"/api/2.0/mlflow/runs/get": own, proxy: status(200, kind, `{"files":[{"path":"../../other/MLmodel"}]}`),
			},
			"which is outside the folder", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := serveRoutes(t, map[string]http.HandlerFunc{"": func(w http.ResponseWriter, r *http.Request) {
				if do := c.answer[r.URL.Path]; do != nil {
					do(w, r)
					return
				}
				noRoute(w, r)
			}})
			for range 3 {
				files, err := client.Artifacts.Tree(t.Context(), c.where)
				got := strings.Join(paths(files), " ")
				if err != nil {
					got = err.Error() + " " + Short(err)
				}
				if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
			}
			for path, n := range c.sent {
				if got := s.seen[strings.TrimPrefix(path, "/")]; got != n {
					t.Errorf("%s: %d requests, want %d", path, got, n)
				}
			}
		})
	}
}

// The paths of a run's files begin at the run's root, whichever way listed them.
func TestRunFiles_Fallback(t *testing.T) {
	_, client := serveRoutes(t, map[string]http.HandlerFunc{
		"runs/get": run("mlflow-artifacts:/1/r1/artifacts"),
		"api/2.0/mlflow-artifacts/artifacts": func(w http.ResponseWriter, r *http.Request) {
			if got := r.URL.Query().Get("path"); got != "1/r1/artifacts/model" {
				t.Errorf("path %q", got)
			}
			status(200, "application/json", `{"files":[{"path":"MLmodel","file_size":7}]}`)(w, r)
		},
	})
	files, err := client.Artifacts.RunFiles(t.Context(), "r1", "model")
	if err != nil || !HasMLmodel(files, "model") {
		t.Error(files, err)
	}
}
