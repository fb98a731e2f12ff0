package policy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/fact"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/verdict"
)

// meaning is what a policy says, without where it says it.
func meaning(p Policy) string {
	var b strings.Builder
	for _, r := range p.Rules {
		for _, t := range r.Targets {
			for _, g := range t.gates("") {
				fmt.Fprintf(&b, "%q %q %q %q %s %v %v\n", r.Glob, t.Name(), g.ID, g.Wanted, g.OnFail, g.Deferred, g.Needs)
			}
		}
	}
	for _, w := range p.Waivers {
		w.Line = 0
		fmt.Fprintf(&b, "%q\n", fmt.Sprint(w))
	}
	return b.String() + fmt.Sprint(p.Identities)
}

// flow writes a value in another style: one line, everything quoted.
func flow(n *tree.Node) string {
	text, err := json.Marshal(plain(n))
	if err != nil {
		return ""
	}
	return string(text)
}

// Law: every text is accepted or refused with a place in it, and an accepted one means the same in another formatting
// and promotes nothing without facts.
func FuzzPolicy(f *testing.F) {
	for _, file := range []string{"accepted.txt", "refused.txt", "beyond.txt"} {
		for _, text := range corpus(f, file) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse("p.yml", []byte(text))
		if err != nil {
			if len(tree.Problems(err)) == 0 {
				t.Fatalf("%v has no place", err)
			}
			return
		}
		for _, r := range p.Rules {
			for _, target := range r.Targets {
				if v := Judge(target.gates("p.yml"), fact.Facts{}); v.Decision == verdict.Promote {
					t.Fatalf("%s promotes without any fact", target.Name())
				}
			}
		}
		root, err := tree.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("p.yml", []byte(flow(root)))
		if err != nil && strings.Contains(errText(err), "nests more than") {
			return
		}
		if err != nil || sorted(meaning(again)) != sorted(meaning(p)) {
			t.Fatalf("in another formatting: %v\n%s\n%s\n%s", err, flow(root), meaning(again), meaning(p))
		}
	})
}

// sorted makes the comparison independent of the order of keys, which means nothing.
func sorted(text string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(text, "\n")), "\n")
}

// Law: no text makes the reader of reports panic, and none passes that does not say what it is about.
func FuzzEvidence(f *testing.F) {
	for _, text := range slices.Concat(dirtyReports, []string{sarif(`"results":[]`), modelScan, bandit, semgrep, trivy, audited}) {
		f.Add(text)
	}
	gate := mustParse(f, "evidence: e, require: {p: '<= 1'}")
	f.Fuzz(func(t *testing.T, text string) {
		facts := fact.Facts{Evidence: map[string]registry.Known[string]{"e": registry.Is(text)}}
		facts.Candidate.Run = registry.Is(registry.Run{ID: "the-run"})
		got := gate.Check(facts)
		if got.Outcome == verdict.Pass && !strings.Contains(text, "the-run") && !strings.Contains(text, `\u`) {
			t.Fatalf("%s passes and is about something else", text)
		}
	})
}

// dirtyReports fail, each for one reason.
var dirtyReports = []string{
	`{"run_id":"rcandidate","passed":false}`,
	`{"run_id":"rcandidate","passed":true,"exit_status":1}`,
	`{"run_id":"rcandidate","passed":true,"results":{"p":2}}`,
	driver + `{"id":"x","defaultConfiguration":{"level":"error"}}]}},"invocations":[{"executionSuccessful":true,"exitCode":0}],"results":[{"ruleId":"x","kind":"fail","level":"error","suppressions":[{"kind":"external","status":"rejected"}]}]}]}`,
	sarif(`"invocations":[{"executionSuccessful":false}],"results":[]`),
	`{"run_id":"rcandidate","report":{"summary":{"total_issues_by_severity":{"LOW":0,"MEDIUM":0,"HIGH":0,"CRITICAL":1},"total_issues":1,"timestamp":"2026-05-03T09:00:00.1","scanned":{"total_scanned":1}},"issues":[{"severity":"CRITICAL"}],"errors":[]}}`,
	instead(audited, `"issues":[]`, `"issues":[{"severity":"critical","message":"m","location":"l"}]`),
	instead(instead(bandit, `"SEVERITY.LOW":0`, `"SEVERITY.LOW":1`), `"results":[]`, `"results":[{"issue_severity":"LOW"}]`),
	instead(semgrep, `"results":[]`, `"results":[{"check_id":"c","extra":{"severity":"INFO","is_ignored":false}}]`),
	`{"run_id":"rcandidate","report":[{"RuleID":"aws","File":"a"}]}`,
	instead(trivy, `"SchemaVersion"`, `"Results":[{"Target":"a","Misconfigurations":[{"ID":"c","Status":"FAIL","Severity":"LOW"}],"MisconfSummary":{"Failures":1}}],"SchemaVersion"`),
}

var jsonKey = regexp.MustCompile(`"([^"\\]*)":`)

// Law: no twin of a key turns a report that fails into one that passes: the same key again or one that is equal but for
// case or escapes, before or after it, with any value.
func FuzzEvidenceTwin(f *testing.F) {
	for i, report := range dirtyReports {
		for k := range jsonKey.FindAllString(report, -1) {
			for j, value := range []string{"null", "true", "0", `"note"`, "[]", "{}", `[{"kind":"inSource","status":"accepted"}]`} {
				f.Add(uint(i), uint(k), uint64(j)*0x9e3779b97f4a7c15, j%2 == 0, value)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which, where uint, how uint64, after bool, twinValue string) {
		if !json.Valid([]byte(twinValue)) {
			return // it would be more than one member
		}
		report := dirtyReports[which%uint(len(dirtyReports))]
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

// twin spells a key in another way: two bits for each letter.
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

// gateOfReport is the most lenient gate that the report fails.
func gateOfReport(report string) string {
	gate := "evidence: e.json, suppressed: accept"
	if strings.Contains(report, `"results":{"p"`) {
		gate += ", require: {p: '<= 1'}"
	}
	return gate
}

func TestEvidence_DirtyReportsFail(t *testing.T) {
	for _, report := range dirtyReports {
		if got := judged(t, gateOfReport(report), report); got.Outcome != verdict.Fail {
			t.Errorf("%s: %s: %s", report, got.Outcome, got.Why)
		}
	}
}

// Law: no expression makes the compiler or the evaluation panic, and none that names a fact is true without it.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{"candidate.metrics.a > 1", `not (candidate.metrics["a"] / incumbent.metrics.b > 1)`, "candidate.tags.x in ['a', \"b\"] ? true : 1 < 2", "max(1, candidate.metrics.a) ** 2 == 1", "all(1..9, # > 0)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		text, err := json.Marshal(source)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse("p.yml", []byte("version: 1\nmodels: {churn: {aliases: {champion: {gates: [{expression: "+string(text)+"}]}}}}\n"))
		if err != nil {
			return
		}
		gate := p.Rules[0].Targets[0].Gates[0]
		if got := gate.Check(fact.Facts{}); got.Outcome == verdict.Pass {
			t.Fatalf("%q is true of nothing", source)
		}
		gate.Check(rich())
	})
}

// nesting and indent are the deepest that a file may have.
const nesting, indent = 32, 80

// What is bounded before parsing takes little memory.
func TestNastyFilesTakeLittleMemory(t *testing.T) {
	for name, text := range map[string]string{
		"open brackets":   strings.Repeat("[", tree.MaxFile),
		"open braces":     strings.Repeat("{", tree.MaxFile),
		"brackets nested": strings.Repeat(strings.Repeat("[", nesting)+strings.Repeat("]", nesting)+"\n", tree.MaxFile/(2*nesting+1)),
		"many keys":       many(func(i int) string { return fmt.Sprintf("k%d: 1\n", i) }),
		"many items":      strings.Repeat("- a\n", tree.MaxFile/4),
		"dashes":          strings.Repeat("- ", tree.MaxFile/2),
		"one flow map":    "{" + many(func(i int) string { return fmt.Sprintf("k%d: 1, ", i) }) + "}",
		"one flow list":   "[" + strings.Repeat("1,", tree.MaxFile/2-2) + "]",
		"aliases":         "a: &a [x]\n" + many(func(i int) string { return fmt.Sprintf("k%d: *a\n", i) }),
		"alias bomb":      "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
		"quotes":          strings.Repeat("'", tree.MaxFile),
		"comments":        strings.Repeat("# x\n", tree.MaxFile/4),
		"documents":       strings.Repeat("---\n", tree.MaxFile/4),
		"a block":         "a: |\n" + strings.Repeat(" x\n", tree.MaxFile/3-3),
		"question marks":  strings.Repeat("? ", tree.MaxFile/2),
		"colons":          strings.Repeat("a: ", tree.MaxFile/3),
		"tags":            strings.Repeat("!!x ", tree.MaxFile/4),
		"steps":           stairs(),
		"models":          "version: 1\nmodels:\n" + many(func(i int) string { return fmt.Sprintf("  a%d*: {}\n", i) }),
		"too long":        strings.Repeat("x", tree.MaxFile+1),
		"percents":        strings.Repeat("%", tree.MaxFile),
	} {
		if len(text) > tree.MaxFile && name != "too long" {
			text = text[:tree.MaxFile]
		}
		if peak := memory(func() { _, _ = Parse("p.yml", []byte(text)) }); peak > 50<<20 {
			t.Errorf("%s: %d MiB", name, peak>>20)
		}
	}
}

func many(line func(int) string) string {
	var b strings.Builder
	for i := 0; b.Len() < tree.MaxFile-64; i++ {
		b.WriteString(line(i))
	}
	return b.String()
}

// stairs indent each line by one more, as far as that is allowed.
func stairs() string {
	var b strings.Builder
	for i := 0; b.Len() < tree.MaxFile-200; i++ {
		b.WriteString(strings.Repeat(" ", i%indent) + fmt.Sprintf("k%d:\n", i))
	}
	return b.String()
}

// memory is the most that is in use at a time while f runs, as far as sampling at every collection tells: it collects
// often.
func memory(f func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, m.HeapAlloc
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	for {
		select {
		case <-done:
			return peak - before
		default:
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
}
