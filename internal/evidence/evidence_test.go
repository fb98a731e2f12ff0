package evidence

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// want is the expected result of reading a report.
type want struct {
	outcome string   // clean, dirty, or gap if the tool could not check everything
	text    string   // a string that must occur in the findings or in the first gap
	least   Severity // the lowest severity that counts; if it is Informational, the format's default applies
}

// fixtures maps each report to the expected result. The reports are exactly as the tools wrote them; testdata/README.md
// describes how they were made.
var fixtures = map[string]want{
	"modelscan-clean.json": {outcome: "clean"},
	"modelscan-dirty.json": {
		outcome: "dirty",
		text:    "CRITICAL Use of unsafe operator 'system' from module 'posix' in ",
	},
	"modelscan-broken.json":      {outcome: "gap", text: "PICKLE_GENOPS model.pkl"},
	"modelscan-empty.json":       {outcome: "gap", text: "scanned no file"},
	"modelaudit-clean.json":      {outcome: "clean"},
	"modelaudit-dirty.json":      {outcome: "dirty", text: "posix.system in dirty/model.pkl"},
	"modelaudit-suppressed.json": {outcome: "dirty", text: "malicious pickle suppressed/model.pkl"},
	"modelaudit-broken.json":     {outcome: "dirty", text: "Pickle parsing failed before full scan completion"},
	"modelaudit-empty.json":      {outcome: "gap", text: "scanned no file"},
	"modelaudit-clean.sarif":     {outcome: "clean"},
	"modelaudit-dirty.sarif":     {outcome: "dirty", text: "error S201 in dirty/model.pkl"},
	"modelaudit-broken.sarif":    {outcome: "dirty", text: "ModelAudit reports that its execution was not successful"},
	"modelaudit-empty.sarif":     {outcome: "dirty", text: "ModelAudit reports that its execution was not successful"},
	"bandit-clean.json":          {outcome: "clean"},
	"bandit-dirty.json":          {outcome: "dirty", text: "HIGH B605 start_process_with_a_shell in dirty/train.py"},
	"bandit-suppressed.json":     {outcome: "dirty", text: "1 accepted with # nosec"},
	"bandit-broken.json":         {outcome: "gap", text: "broken/train.py: syntax error"},
	"bandit-empty.json":          {outcome: "gap", text: "no lines of code"},
	"bandit-clean.sarif":         {outcome: "clean"},
	"bandit-dirty.sarif":         {outcome: "dirty", text: "error B605 in dirty/train.py"},
	"semgrep-clean.json":         {outcome: "clean"},
	"semgrep-dirty.json":         {outcome: "dirty", text: "ERROR eval-use in dirty/train.py"},
	"semgrep-broken.json":        {outcome: "gap", text: "Syntax error at line broken/train.py:1"},
	"semgrep-empty.json":         {outcome: "gap", text: "scanned no file"},
	"semgrep-clean.sarif":        {outcome: "clean"},
	"semgrep-dirty.sarif":        {outcome: "dirty", text: "error eval-use in dirty/train.py"},
	"semgrep-suppressed.sarif":   {outcome: "dirty", text: "error eval-use in suppressed/train.py (suppressed)"},
	"semgrep-broken.sarif":       {outcome: "gap", text: "Syntax error at line broken/train.py:1"},
	"gitleaks-clean.json":        {outcome: "clean"},
	"gitleaks-dirty.json":        {outcome: "dirty", text: "aws-access-token in dirty/train.py"},
	"gitleaks-clean.sarif":       {outcome: "clean"},
	"gitleaks-dirty.sarif":       {outcome: "dirty", text: "error aws-access-token in dirty/train.py"},
	"trivy-clean.json":           {outcome: "clean"},
	"trivy-dirty.json":           {outcome: "dirty", text: "CRITICAL aws-access-key-id in "},
	"trivy-vulnerable.json":      {outcome: "dirty", text: "CVE-2019-1549"},
	"trivy-vulnerable.sarif":     {outcome: "dirty", text: "warning CVE-2019-1549", least: Medium},
}

// checkFixture reads a report and compares it with its entry in fixtures.
func checkFixture(t *testing.T, name, report string) {
	t.Helper()
	format := Format("")
	if strings.HasPrefix(name, "gitleaks") && strings.HasSuffix(name, ".json") {
		format = Gitleaks
	}
	r, err := Read(report, format)
	if err != nil {
		t.Fatal(err)
	}
	if tool, _, _ := strings.Cut(name, "-"); strings.HasSuffix(name, ".json") && string(r.Format) != tool {
		t.Errorf("read as format %s", r.Format)
	}
	w := fixtures[name]
	least := cmp.Or(w.least, r.Default)
	var found []string
	for _, f := range r.Findings {
		if f.Severity >= least {
			found = append(found, f.What+map[bool]string{true: " (suppressed)"}[f.Suppressed])
		}
	}
	found = append(found, r.Failures...)
	outcome, text := "clean", ""
	switch {
	case len(found) > 0:
		outcome, text = "dirty", strings.Join(found, "\n")
	case len(r.Gaps) > 0:
		outcome, text = "gap", strings.Join(r.Gaps, "\n")
	}
	if outcome != w.outcome || !strings.Contains(text, w.text) {
		t.Errorf("%s: got %s, want %s with %q", outcome, text, w.outcome, w.text)
	}
}

func TestRead_Fixtures(t *testing.T) {
	for name := range fixtures {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			checkFixture(t, name, string(text))
		})
	}
}
