//go:build real

package realtest

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/cli"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/unitycatalog"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// stockCalls makes the calls that the program relies on, with MLflow's own client and Databricks' SDK.
const stockCalls = `
import sys
import mlflow
from mlflow.store.artifact.databricks_sdk_models_artifact_repo import DatabricksSDKModelsArtifactRepository
from mlflow.utils._unity_catalog_utils import is_databricks_sdk_models_artifact_repository_enabled as offers_files
from mlflow.utils.databricks_utils import get_databricks_host_creds

name, run = sys.argv[1:]
client = mlflow.MlflowClient(registry_uri="databricks-uc")
model = client.get_registered_model(name)
print("aliases", model.aliases)
assert model.aliases["champion"] == "2", model.aliases
version = client.get_model_version_by_alias(name, "champion")
assert (version.version, version.status) == ("2", "READY"), version
assert version.tags["validation_status"] == "passed" and "promote_record" in version.tags, version.tags
assert "champion" in client.get_model_version(name, "2").aliases
numbers, token = [], None
while token != "":
    page = client.search_model_versions(f"name = '{name}'", page_token=token)
    numbers += [v.version for v in page]
    token = page.token or ""
assert sorted(numbers) == ["1", "2", "3"], numbers
names, token = [], None
while token != "":
    page = client.search_registered_models(page_token=token)
    names += [m.name for m in page]
    token = page.token or ""
assert names == [name], names
client.get_model_version_download_uri(name, "2")
client.set_model_version_tag(name, "2", "validation_status", "passed")
client.set_registered_model_tag(name, "promote_traffic", "{}")
client.update_model_version(name, "2", "the best so far")
client.set_registered_model_alias(name, "eu-west", "3")
client.delete_registered_model_alias(name, "eu-west")
client.get_run(run)
assert offers_files(get_databricks_host_creds("databricks-uc"))
files = DatabricksSDKModelsArtifactRepository(name, "2", registry_uri="databricks-uc")
files._download_from_cloud("MLmodel", "MLmodel")
print(open("MLmodel").read())
for refused in (
    lambda: client.set_model_version_tag(name, "2", "promote.record", "x"),
    lambda: client.set_model_version_tag(name, "2", "long", "x" * 1001),
    lambda: client.search_model_versions(f"name = '{name}' and run_id = 'x'"),
    lambda: client.get_registered_model("churn"),
    lambda: client.get_model_version_by_alias(name, "absent"),
):
    try:
        refused()
    except Exception as e:
        print("refused:", e)
    else:
        raise SystemExit("not refused")
print("all calls passed")
`

// The cases that pass on the double also pass on a real server behind a façade of Unity Catalog. MLflow's own client
// and Databricks' SDK work with the same façade and send the same requests.
func TestUnityCatalog(t *testing.T) {
	s, err := MLflow(t.Context(), Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	logged, err := s.Train(
		t.Context(), Spec{Model: "model", Estimator: "centroid"}, Spec{Model: "model", Estimator: "bayes"},
		Spec{Model: "model"}, Spec{Model: "model"},
	)
	if err != nil {
		t.Fatal(err)
	}
	f := &unitycatalog.Facade{Server: s.URL, Token: "dapi-0123456789abcdef"}
	served := httptest.NewServer(f)
	t.Cleanup(served.Close)
	f.Address = served.URL
	for _, l := range logged[:3] {
		if err := f.Register(t.Context(), unitycatalog.Model, l.RunID, l.ModelURI); err != nil {
			t.Fatal(err)
		}
	}
	clock := time.Now()
	for _, c := range unitycatalog.Story(logged[3].RunID) {
		clock = clock.Add(time.Minute)
		c.Check(t, f, func(env map[string]string, args []string) (string, string) {
			var stdout, stderr bytes.Buffer
			cli.Run(t.Context(), cli.Process{
				Args: args, Env: func(name string) string { return env[name] }, Stdout: &stdout, Stderr: &stderr,
				Dir: t.TempDir(), Now: func() time.Time { return clock }, Jitter: rand.Float64, Version: "test",
			})
			var r report.Result
			if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
				t.Errorf("%s: %v\n%s%s", c.Name, err, stdout.Bytes(), stderr.Bytes())
			}
			return string(r.Reason), stdout.String() + stderr.String()
		})
	}
	ours := sentShapes(t, f.Requests())

	python, err := Python(t.Context(), "logins")
	if err != nil {
		t.Fatal(err)
	}
	sent := len(f.Requests())
	cmd := exec.Command(python, "-c", stockCalls, unitycatalog.Model, logged[1].RunID)
	cmd.Dir = t.TempDir()
	cmd.Env = Environment("MLFLOW_TRACKING_URI=databricks", "DATABRICKS_HOST="+f.Address, "DATABRICKS_TOKEN="+f.Token)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all calls passed") {
		t.Fatalf("MLflow's client: %v\n%s", err, out)
	}
	stock := sentShapes(t, f.Requests()[sent:])
	for _, shape := range slices.Sorted(maps.Keys(ours)) {
		if !stock[shape] {
			t.Errorf("MLflow's client does not send %s", shape)
		}
	}
	if t.Failed() {
		t.Logf("MLflow's client sends\n%s", strings.Join(slices.Sorted(maps.Keys(stock)), "\n"))
	}
}

// sentShapes returns the successful requests to the registry, each with the names and types of its fields. It leaves
// out what a client may choose freely: page sizes, and the paths of files in a version.
func sentShapes(t *testing.T, requests []unitycatalog.Request) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, r := range requests {
		path := r.Path
		if at := strings.Index(path, "/fs/files/"); at >= 0 {
			path = path[:at+len("/fs/files/")]
		}
		if r.Status != 200 || !strings.Contains(path, "/unity-catalog/") && !strings.Contains(path, "/fs/") {
			continue
		}
		fields := []string{}
		for name := range r.Query {
			fields = append(fields, name)
		}
		if r.Body != "" {
			var body map[string]any
			if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
				t.Errorf("%s %s: %v", r.Method, r.Path, err)
			}
			for name, value := range body {
				if _, text := value.(string); !text {
					name += " (not a string)"
				}
				fields = append(fields, name)
			}
		}
		fields = slices.DeleteFunc(fields, func(name string) bool { return name == "max_results" })
		slices.Sort(fields)
		out[r.Method+" "+path+" "+strings.Join(fields, ",")] = true
	}
	return out
}
