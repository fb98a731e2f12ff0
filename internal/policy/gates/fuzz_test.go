package gates

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/policytest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// No report makes the parser panic, and no report passes unless it says what it is about.
func FuzzEvidence(f *testing.F) {
	for _, text := range slices.Concat(policytest.DirtyReports,
		[]string{policytest.SARIF(`"results":[]`), policytest.ModelScan, policytest.Bandit, policytest.Semgrep,
			policytest.Trivy, policytest.ModelAudit}) {
		f.Add(text)
	}
	gate := mustParse(f, "evidence: e, require: {p: '<= 1'}")
	f.Fuzz(func(t *testing.T, text string) {
		facts := fact.Facts{Evidence: map[string]registry.Known[string]{"e": registry.Is(text)}}
		facts.Candidate.Run = registry.Is(registry.Run{ID: "the-run"})
		got := gate.Check(facts)
		if got.Outcome == verdict.Pass && !strings.Contains(text, "the-run") && !strings.Contains(text, `\u`) {
			t.Fatalf("%s passes, but is about something else", text)
		}
	})
}

var jsonKey = regexp.MustCompile(`"([^"\\]*)":`)

// A duplicate key never makes a failing report pass. The duplicate may differ in case or escapes, may come before
// or after the original key, and may have any value.
func FuzzEvidenceTwin(f *testing.F) {
	for i, report := range policytest.DirtyReports {
		for k := range jsonKey.FindAllString(report, -1) {
			for j, value := range []string{"null", "true", "0", `"note"`, "[]", "{}",
				`[{"kind":"inSource","status":"accepted"}]`} {
				f.Add(uint(i), uint(k), uint64(j)*0x9e3779b97f4a7c15, j%2 == 0, value)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which, where uint, how uint64, after bool, twinValue string) {
		if !json.Valid([]byte(twinValue)) {
			return // the text adds more than one member
		}
		report := policytest.DirtyReports[which%uint(len(policytest.DirtyReports))]
		keys := jsonKey.FindAllStringSubmatchIndex(report, -1)
		at := keys[where%uint(len(keys))]
		member := `"` + twin(report[at[2]:at[3]], how) + `":` + twinValue
		start, end := at[0], at[1]+valueLength(t, report[at[1]:])
		text := report[:start] + member + "," + report[start:]
		if after {
			text = report[:end] + "," + member + report[end:]
		}
		if got := judged(t, gateOfReport(report), text); got.Outcome == verdict.Pass {
			t.Fatalf("%s passes", text)
		}
	})
}

// twin spells a key with different case or escapes. how contains two bits for each letter.
func twin(key string, how uint64) string {
	var b strings.Builder
	for i, r := range key {
		switch how >> (2 * i % 64) & 3 {
		case 1:
			b.WriteString(strings.ToUpper(string(r)))
		case 2:
			fmt.Fprintf(&b, `\u%04x`, r)
		case 3:
			b.WriteRune(unicode.SimpleFold(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func valueLength(t testing.TB, text string) int {
	dec := json.NewDecoder(strings.NewReader(text))
	var value json.RawMessage
	if err := dec.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return int(dec.InputOffset())
}

// gateOfReport returns the most lenient gate that the report still fails.
func gateOfReport(report string) string {
	gate := "evidence: e.json, suppressed: accept"
	if strings.Contains(report, `"results":{"p"`) {
		gate += ", require: {p: '<= 1'}"
	}
	return gate
}
