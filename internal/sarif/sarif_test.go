package sarif

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
)

var update = flag.Bool("update", false, "write the golden SARIF file")

var _ audit.Sink = (*Writer)(nil)

// schemaOf returns the official SARIF 2.1.0 schema.
func schemaOf(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/sarif-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("sarif.json")
}

var testRules = []audit.Rule{
	{
		ID:       "dangling-alias",
		Title:    "Alias without a version",
		Severity: audit.High,
		Why:      "Consumers that load the alias fail.",
		Fix:      "remove the alias",
	},
	{
		ID:       "description-missing",
		Title:    "No description",
		Severity: audit.Low,
		Why:      "The purpose of the model is unknown.",
		Fix:      "write a description",
	},
}

func writeSarif(t interface{ Fatal(...any) }, found []audit.Finding, totals audit.Totals) []byte {
	var out bytes.Buffer
	s := New(&out, "v1.2.3")
	err := errors.Join(s.Rules(testRules), s.Model(audit.Snapshot{}, found), s.Totals(totals))
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWriter_Golden(t *testing.T) {
	found := []audit.Finding{
		{
			Rule:        "description-missing",
			Severity:    audit.Low,
			Model:       "churn",
			Version:     7,
			Message:     "the version has no description",
			Fix:         "write [one](https://evil.example)",
			Fingerprint: "f3",
			Trend:       audit.TrendUnchanged,
		},
		{
			Rule:        "dangling-alias",
			Severity:    audit.High,
			Model:       "a\u202eb\n::error::",
			Alias:       "champion",
			Version:     9,
			Message:     "@champion points to version 9, which does not exist",
			Fix:         "remove the alias",
			File:        "ml/my policy.yml",
			Line:        12,
			Fingerprint: "f1",
			Trend:       audit.TrendNew,
		},
		{
			Rule:        "dangling-alias",
			Severity:    audit.High,
			Model:       "zoo",
			Stage:       "Production",
			Message:     "m",
			Fingerprint: "f4",
			Accepted:    "by ann until 2027-01-01: known",
		},
		{
			Rule:        "dangling-alias",
			Severity:    audit.High,
			Model:       "gone",
			Message:     "m",
			Fingerprint: "f5",
			Trend:       audit.TrendFixed,
		},
		{
			Rule:        "server-vulnerable",
			Severity:    audit.Medium,
			Message:     "MLflow 2.2 has known vulnerabilities",
			Fingerprint: "f2",
		},
	}
	totals := audit.Totals{
		Began: time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC), Ended: time.Date(2026, 5, 3, 10, 1, 0, 0, time.UTC),
		Unjudged: []audit.Unjudged{{Rule: "run-gone", Count: 3, Why: "no answer", Where: "churn version 1"}},
	}
	text := writeSarif(t, found, totals)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := schemaOf(t).Validate(doc); err != nil {
		t.Errorf("%#v", err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, text, "", " "); err != nil {
		t.Fatal(err)
	}
	golden := "testdata/audit.json"
	if *update {
		if err := os.WriteFile(golden, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(file), pretty.String()); diff != "" {
		t.Error(diff)
	}
}

// For any findings, the file is valid, contains the worst ones up to the limit, and counts the rest. The order of the
// findings does not matter.
func TestWriter_KeepsWorst(t *testing.T) {
	schema := schemaOf(t)
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringN(0, 12, 40)
		n, seed := rapid.IntRange(0, 60).Draw(t, "findings"), rapid.Uint64().Draw(t, "seed")
		keepsWorst(t, schema, n, seed, word.Draw(t, "one"), word.Draw(t, "two"))
	})
	for _, n := range []int{maxResults, maxResults + 1, 2*maxResults + 2345} {
		keepsWorst(t, schema, n, 1, "churn", "credit")
	}
}

func keepsWorst(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}, schema *jsonschema.Schema, n int, seed uint64, words ...string) {
	words = append(words, "ml/policy.yml", "ü \\ \u2028.yml")
	chance := rand.New(rand.NewPCG(seed, 0))
	pick := func() string { return words[chance.IntN(len(words))] }
	var found []audit.Finding
	severe := 0
	for i := range n {
		f := audit.Finding{
			Rule: testRules[chance.IntN(2)].ID, Severity: audit.Severities[chance.IntN(3)], Model: pick(),
			Version: chance.IntN(3),
			Alias:   pick(), Message: pick(), File: words[2+chance.IntN(2)], Line: chance.IntN(3),
			Fingerprint: fmt.Sprintf("%032d", i),
		}
		if chance.IntN(5) == 0 {
			f.Accepted = "by " + pick()
		} else if f.Severity == audit.High {
			severe++
		}
		found = append(found, f)
	}
	text := writeSarif(t, found, audit.Totals{})
	chance.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	if !bytes.Equal(text, writeSarif(t, found, audit.Totals{})) {
		t.Fatal("the file depends on the order of the findings")
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Fatalf("%#v", err)
	}
	var log struct {
		Runs []struct {
			Invocations []struct {
				ToolExecutionNotifications []struct{ Message struct{ Text string } }
			}
			Results []struct {
				Level        string
				Suppressions []any
			}
		}
	}
	if err := json.Unmarshal(text, &log); err != nil {
		t.Fatal(err)
	}
	results, notes := log.Runs[0].Results, log.Runs[0].Invocations[0].ToolExecutionNotifications
	if len(results) != min(n, maxResults) || (n > maxResults) != (len(notes) == 1) {
		t.Fatalf("%d results and %d notes of %d findings", len(results), len(notes), n)
	}
	for i, r := range results {
		if i < min(severe, maxResults) != (r.Level == "error" && r.Suppressions == nil) {
			t.Fatalf("result %d of %d with %d severe ones is %+v", i, len(results), severe, r)
		}
	}
	if len(text) > 10<<20 {
		t.Fatalf("%d bytes", len(text))
	}
}
