package rules

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/ledger"
	"github.com/mlflow-promote/mlflow-promote/internal/policy"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
)

func corpus(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, part := range strings.Split(string(data), "#### ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		out[name] = text
	}
	return out
}

// bySchema reports whether the text matches the JSON schema.
func bySchema(t *testing.T, text string) bool {
	t.Helper()
	schema, err := os.ReadFile("../../../docs/policy.schema.json") // make generate writes it
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if yaml.Unmarshal([]byte(text), &value) != nil {
		return false
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	return err == nil && s.Validate(v) == nil
}

func TestSettings_ParserAndSchema(t *testing.T) {
	for name, text := range corpus(t, "accepted.txt") {
		if _, err := policy.Parse("p.yml", []byte(text), Rules()...); err != nil {
			t.Errorf("%s: the parser refuses it: %v", name, tree.Problems(err))
		}
		if !bySchema(t, text) {
			t.Errorf("%s: the schema refuses it", name)
		}
		if _, err := policy.Parse("p.yml", []byte(text)); err == nil {
			t.Errorf("%s: a parser without audit rules accepts the section", name)
		}
	}
	for _, file := range []string{"refused.txt", "beyond.txt"} {
		for name, text := range corpus(t, file) {
			_, err := policy.Parse("p.yml", []byte(text), Rules()...)
			said := ""
			for _, p := range tree.Problems(err) {
				said += p.Error() + "\n"
			}
			want, _, _ := strings.Cut(strings.TrimPrefix(text, "# "), "\n")
			if !strings.Contains(said, want) {
				t.Errorf("%s: the parser says %q, want %q", name, said, want)
			}
			if file == "refused.txt" && bySchema(t, text) {
				t.Errorf("%s: the schema accepts it", name)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	p := policyOf(corpus(t, "accepted.txt")["settings alone"])
	a := New(Config{Policy: p, Now: now})
	on := map[string]audit.Severity{}
	for _, r := range a.Rules() {
		on[r.ID] = r.Severity
	}
	if _, there := on["challenger-endless"]; there || on["no-run"] != audit.Low ||
		on["description-missing"] != audit.Medium || on["run-gone"] != audit.High {
		t.Errorf("%v", on)
	}
	v := values{p.Audit.Rules["champion-stale"].Values, championStale.Settings}
	if v.span("waiting") != 28*day || v.span("max-age") != 180*day ||
		!cmp.Equal(v.names("aliases"), []string{"champion", "live"}) {
		t.Errorf("%v", v.set)
	}
	if v := (values{nil, championStale.Settings}); v.span("waiting") != 90*day {
		t.Errorf("by default: %v", v.span("waiting"))
	}
}

// The audit reads only what the enabled rules need.
func TestNeeds_OnlyEnabledRules(t *testing.T) {
	if got := New(Config{}).Needs(); got != (audit.Needs{Runs: true, Origins: true, Datasets: true, Experiments: true,
		MLmodels: true, Files: true, Ledger: true}) {
		t.Errorf("all rules need %+v", got)
	}
	var off strings.Builder
	off.WriteString("version: 1\naudit:\n  rules:\n")
	for _, r := range rules {
		if r.ID != "dangling-alias" && r.ID != "run-unfinished" {
			off.WriteString("    " + r.ID + ": {off: true}\n")
		}
	}
	if got := New(Config{Policy: policyOf(off.String())}).Needs(); got != (audit.Needs{Runs: true}) {
		t.Errorf("two rules need %+v", got)
	}
}

func TestAccepted(t *testing.T) {
	for _, c := range []struct {
		when, accepted string
		now            time.Time
		want, message  string
	}{
		{
			when: "the model matches", accepted: "{rule: no-run, model: chu*, until: 2026-05-03, by: ann, why: old}",
			want: "by ann until 2026-05-03: old",
		},
		{
			when:     "the version matches",
			accepted: "{rule: no-run, model: churn, version: 2, until: 2026-05-04, by: ann, why: old}",
			want:     "by ann until 2026-05-04: old",
		},
		{
			when:     "another version is meant",
			accepted: "{rule: no-run, model: churn, version: 1, until: 2026-05-04, by: ann, why: old}",
		},
		{
			when:     "another rule is meant",
			accepted: "{rule: run-gone, model: churn, until: 2026-05-04, by: ann, why: old}",
		},
		{when: "the server is meant", accepted: "{rule: no-run, until: 2026-05-04, by: ann, why: old}"},
		{
			when: "the day is over", accepted: "{rule: no-run, model: churn, until: 2026-05-02, by: ann, why: old}",
			message: "accepted by ann, but only until 2026-05-02",
		},
		{
			when:     "the day does not exist",
			accepted: "{rule: no-run, model: churn, until: 2026-06-31, by: ann, why: old}",
			message:  "but only until",
		},
	} {
		s := newSound()
		s.Policy = policyOf(gates + "audit: {accepted: [" + c.accepted + "]}\n")
		s.version(2).RunID = ""
		j := New(s.Config).Model(s.Snapshot)
		if len(j.Findings) != 1 || j.Findings[0].Accepted != c.want || j.Findings[0].Counts() != (c.want == "") ||
			!strings.Contains(j.Findings[0].Message, c.message) {
			t.Errorf("%s: %+v", c.when, j.Findings)
		}
	}
}

// A finding has the related line of the policy file, so that code scanning can show it there.
func TestFindings_PolicyLine(t *testing.T) {
	for _, c := range []struct {
		when, file string
		plant      func(*healthyModel)
		line       int
	}{
		{
			"the rule has settings", gates + "audit:\n  rules:\n    no-run:\n      severity: high\n",
			func(s *healthyModel) { s.version(2).RunID = "" }, 11,
		},
		{"the model has gates", gates, func(s *healthyModel) { s.version(2).RunID = "" }, 3},
		{
			"the target has gates", gates,
			func(s *healthyModel) { s.last(func(e *ledger.Entry) { e.Record.Rules = nil }) }, 5,
		},
		{
			"only an audit is there", "version: 1\naudit:\n  rules: {run-gone: {off: true}}\n",
			func(s *healthyModel) { s.version(2).RunID = "" }, 3,
		},
	} {
		s := newSound()
		s.Policy = policyOf(c.file)
		c.plant(s)
		j := New(s.Config).Model(s.Snapshot)
		if len(j.Findings) != 1 || j.Findings[0].File != "policy.yml" || j.Findings[0].Line != c.line {
			t.Errorf("%s: %+v, want line %d", c.when, j.Findings, c.line)
		}
	}
	s := newSound()
	s.Policy = nil
	s.version(2).RunID = ""
	if j := New(s.Config).Model(s.Snapshot); j.Findings[0].File != "" {
		t.Errorf("without a file: %+v", j.Findings)
	}
}

// A name with a backtick would end the command in a fix, so the placeholder stays.
func TestFillIn_Backticks(t *testing.T) {
	const fix = "run `promote --model MODEL --alias ALIAS --stage STAGE`"
	for _, c := range []struct {
		model string
		at    result
		want  string
	}{
		{
			"churn", result{alias: "champion", stage: "Production"},
			"run `promote --model churn --alias champion --stage Production`",
		},
		{"ch`urn", result{alias: "champion"}, "run `promote --model MODEL --alias champion --stage STAGE`"},
		{"churn", result{alias: "cham`pion", stage: "`"}, "run `promote --model churn --alias ALIAS --stage STAGE`"},
	} {
		if got := fillIn(fix, c.model, c.at); got != c.want {
			t.Errorf("%s %+v: %s", c.model, c.at, got)
		}
	}
}

// A stage replaces the alias. A placeholder inside a longer word is not replaced.
func TestFillIn(t *testing.T) {
	for _, c := range []struct {
		fix  string
		at   result
		want string
	}{
		{
			"`rollback --model MODEL --alias ALIAS`", result{stage: "Production"},
			"`rollback --model churn --stage Production`",
		},
		{"`--candidate models:/MODEL/VERSION`", result{version: 7}, "`--candidate models:/churn/7`"},
		{"`--candidate models:/MODEL/VERSION`", result{}, "`--candidate models:/churn/VERSION`"},
		{
			"`MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX`", result{version: 7},
			"`MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX`",
		},
	} {
		if got := fillIn(c.fix, "churn", c.at); got != c.want {
			t.Errorf("%s %+v: %s", c.fix, c.at, got)
		}
	}
}
