package mlflowtest

import (
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"strings"
	"testing"
)

// seedExample returns the example in the comment on seed.Document, so that a test can check it.
func seedExample(t *testing.T) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "seed/document.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Comments {
		if text := c.Text(); strings.HasPrefix(text, "Document is") {
			return text[strings.Index(text, "\t{\n") : strings.Index(text, "\n\t}\n")+4]
		}
	}
	t.Fatal("no example in the comment of seed.Document")
	return ""
}

func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	r, err := (&http.Client{Transport: s.Transport()}).Get("http://localhost" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestSeed_Example(t *testing.T) {
	s := New("3.17.2")
	if err := s.Seed(strings.NewReader(seedExample(t))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path   string
		status int
		holds  string
	}{
		{"/api/2.0/mlflow/runs/get?run_id=r1", 200, `"value": "NaN"`},
		{"/api/2.0/mlflow/runs/get?run_id=r1", 200, `"model_id": "m-1"`},
		{"/api/2.0/mlflow/model-versions/get?name=churn&version=1", 200, `"source": "mlflow-artifacts:/1/r0/artifacts/model"`},
		{"/api/2.0/mlflow/model-versions/get?name=churn&version=2", 200, `"creation_timestamp": 1777802400000`},
		{"/model-versions/get-artifact?name=churn&version=2&path=MLmodel", 200, "  sklearn: {}\n"},
		{"/model-versions/get-artifact?name=churn&version=3&path=MLmodel", 200, `{"flavors": {}}`},
		{"/api/2.0/mlflow/model-versions/get?name=churn&version=4", 404, "RESOURCE_DOES_NOT_EXIST"},
		{"/api/2.0/mlflow/registered-models/alias?name=churn&alias=ghost", 404, "version=9"},
		{"/api/2.0/mlflow/logged-models/m-1", 200, `[{\"name\": \"churn\", \"version\": 2}]`},
	} {
		if status, body := get(t, s, c.path); status != c.status || !strings.Contains(body, c.holds) {
			t.Errorf("%s: %d\n%s\nwant %d with %s", c.path, status, body, c.status, c.holds)
		}
	}
	if w := s.Writes(); len(w) != 0 {
		t.Errorf("seeding counts as a write: %v", w)
	}
}

func TestSeed_Refuses(t *testing.T) {
	for _, doc := range []string{
		`{"model": []}`,
		`{"models": [{"name": "churn", "versions": [{"run": "none"}]}]}`,
		`{"models": [{"name": "churn", "versions": [{"source": "s3://b/k", "stage": "live"}]}]}`,
		`{"runs": [{"id": "r1", "metrics": {"accuracy": "high"}}]}`,
		`{"runs": [{"id": "r1"}, {"id": "r1"}]}`,
	} {
		if err := New("3.17.2").Seed(strings.NewReader(doc)); err == nil {
			t.Errorf("seeded %s without an error", doc)
		}
	}
}
