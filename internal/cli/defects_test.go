package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// The scripts that this program replaces had defects. Each of them has a test here.

// Registering a run twice created two versions and wrote the tags twice.
func TestDefect_RegisterTwice(t *testing.T) {
	for _, version := range dialect.Versions() {
		s := double(t, version, oneRun)
		words := []string{"register", "--model", "churn", "--candidate", "runs:/r1/model", "--tags", "team=growth"}
		run(t, s, words...)
		s.Forget()
		if _, again := run(t, s, words...); again.Version != "3" || again.Changed || len(s.Writes()) != 0 {
			t.Errorf("%s: the second time it is version %s, with the writes %v", version, again.Version, s.Writes())
		}
	}
}

// goodRun is the beginning of a seed that contains one run.
const goodRun = `{"runs": [{"id": "r1", "metrics": {"acc": 0.9},
	"artifacts": {"model/MLmodel": "flavors: {sklearn: {}}"}}], `

// A version that was already in the stage was archived and then moved back.
func TestDefect_ArchivedInOwnStage(t *testing.T) {
	s := double(t, "3.17.2", goodRun+`"models": [{"name": "churn", "versions": [{"run": "r1", "stage": "Staging"}]}]}`)
	_, r := run(
		t, s, "promote", "--model", "churn", "--candidate", "models:/churn/1", "--stage", "Staging", "--thresholds",
		"acc>=0.5",
	)
	if r.Reason != registry.Unchanged || len(s.Writes()) != 0 {
		t.Errorf("%s, with the writes %v", r.Reason, s.Writes())
	}
}

// The code for loading a model by its alias used mlflow.sklearn without importing it. Now, the page shows a complete
// program.
func TestDefect_LoadingCode(t *testing.T) {
	for _, version := range dialect.Versions() {
		s := double(t, version, oneRun)
		_, page, _ := launch(
			t, s, "promote", "--model", "churn", "--candidate", "runs:/r1/model", "--alias", "champion", "--thresholds",
			"acc>=0.5",
		)
		_, code, found := strings.Cut(page, "Load it with:")
		if !found || !strings.Contains(code, "import mlflow\n") || !strings.Contains(
			code, "mlflow.pyfunc.load_model(",
		) {
			t.Errorf("%s: the page says how to load it like this:\n%s", version, code)
		}
	}
}

// The client's version determined whether the server was thought to support aliases. The tag for an alias remained on
// every version that had ever had the alias.
func TestDefect_AliasTagStays(t *testing.T) {
	s := double(t, "2.2.2", goodRun+`"models": [{"name": "churn", "versions": [
		{"run": "r1", "tags": {"alias_champion": "true"}},
		{"run": "r1", "tags": {"alias_champion": "true"}}, {"run": "r1"}]}]}`)
	for _, number := range []string{"3", "1", "2"} {
		status, r := run(t, s, "promote", "--model", "churn", "--candidate", "models:/churn/"+number,
			"--alias", "champion", "--thresholds", "acc>=0.5", "--override", "downgrade")
		if status != 0 {
			t.Fatal(r.Error)
		}
		carry := map[string]string{}
		for _, w := range s.Writes() {
			var tag struct{ Key, Version, Value string }
			if json.Unmarshal([]byte(w.Body), &tag) == nil && tag.Key == "alias_champion" {
				carry[tag.Version] = tag.Value
			}
		}
		if _, r := run(
			t, s, "validate", "--model", "churn", "--candidate", "models:/churn@champion", "--thresholds", "acc>=0.5",
		); r.Version != number {
			t.Errorf("version %s was promoted, and the alias is on %s", number, r.Version)
		}
		for version, value := range carry {
			if (value == "true") != (version == number) {
				t.Errorf("version %s was promoted, and the tag of version %s is %s", number, version, value)
			}
		}
	}
}

// Aliases were assumed to exist since MLflow 2.0, but they were added in 2.3. A version can have several, and their
// names can contain "-" and letters from any alphabet.
func TestDefect_AliasRules(t *testing.T) {
	s := double(t, "2.9.2", oneRun)
	if _, r := run(
		t, s, "alias", "--model", "churn", "--assign", "latest-approved=1", "--assign", "prüfling_2=1",
	); r.Reason != registry.OK {
		t.Errorf("two aliases of one version: %s %s", r.Reason, r.Error)
	}
	s = double(t, "2.2.2", oneRun)
	_, r := run(t, s, "alias", "--model", "churn", "--assign", "latest-approved=1")
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "which need MLflow 2.3 or later") {
		t.Errorf("on a server without aliases it says %q", r.Notes)
	}
}

// Versions were read with a deprecated call, and only the first page of search results was read.
func TestDefect_OnlyFirstPage(t *testing.T) {
	var versions []string
	for i := range 10_005 {
		stage := "None"
		if i == 10_002 {
			stage = "Production"
		}
		versions = append(versions, fmt.Sprintf(`{"run": "r1", "stage": "%s"}`, stage))
	}
	s := double(
		t, "3.17.2",
		goodRun+`"models": [{"name": "churn", "versions": [`+strings.Join(versions, ",")+`]}]}`,
	)
	_, r := run(
		t, s, "promote", "--model", "churn", "--candidate", "models:/churn/10005", "--stage", "Production",
		"--thresholds", "acc>=0.5",
	)
	if r.Previous != "10003" || r.Reason != registry.OK {
		t.Errorf("Production was held by 10003, and %q was found: %s", r.Previous, r.Error)
	}
	for _, q := range s.Requests() {
		if strings.Contains(q.Path, "get-latest-versions") {
			t.Errorf("asked %s", q.Path)
		}
	}
}
