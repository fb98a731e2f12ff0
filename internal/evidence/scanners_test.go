//go:build scanners

package evidence

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "write the scanners' reports into testdata")

// fakeKey looks like an AWS access key. It is assembled from two parts so that scanners do not report it in this
// repository.
const fakeKey = "AKIA" + "Z7QX5NWTR4KLMPV2"

// inputs contains the files to scan, by case and name.
var inputs = map[string]map[string]string{
	"clean": {
		"model.pkl": "(dp0\nVweights\np1\nF0.5\ns.",
		"MLmodel":   "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n",
		"train.py":  "def add(a, b):\n    return a + b\n",
	},
	"dirty": {
		"model.pkl": "cposix\nsystem\n(S'echo hello'\ntR.",
		"MLmodel":   "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n",
		"train.py": "import os\npassword = 'hunter2hunter2'\nkey = '" + fakeKey + "'\n" +
			"print(eval(input()))\nos.system('ls ' + input())\n",
	},
	"suppressed": {
		"model.pkl": "cposix\nsystem\n(S'echo hello'\ntR.",
		"train.py":  "print(eval(input()))  # nosec nosemgrep\n",
	},
	"broken": {
		"model.pkl": "\x80\x04\x95\x1f\x00\xff\xfe",
		"train.py":  "def add(a, b:\n    return eval(a)\n",
	},
	"empty": {},
}

const semgrepRules = `rules:
  - {id: eval-use, languages: [python], severity: ERROR, message: eval runs text as code, pattern: eval(...)}
  - {id: os-system, languages: [python], severity: HIGH, message: a shell command, pattern: os.system(...)}
`

const gitleaksRules = `[[rules]]
id = "aws-access-token"
description = "an access key of AWS"
regex = '''AKIA[0-9A-Z]{16}'''
`

const (
	offline = " --metrics off --disable-version-check --no-git-ignore "
	secrets = " --scanners secret --offline-scan --skip-version-check "
)

// scanners lists the commands, which run in the parent folder of all inputs. IN is replaced by the case's folder, and
// OUT by the path of the report.
var scanners = []struct {
	name, args, ending string
	cases              []string
}{
	{"modelscan", "-p IN -r json -o OUT --show-skipped", "json",
		[]string{"clean", "dirty", "broken", "empty"}},
	{"modelaudit", "scan IN --no-cache --format json --output OUT", "json",
		[]string{"clean", "dirty", "broken", "empty"}},
	{"modelaudit", "scan IN --no-cache --format json --output OUT --suppress S201", "json",
		[]string{"suppressed"}},
	{"modelaudit", "scan IN --no-cache --format sarif --output OUT", "sarif",
		[]string{"clean", "dirty", "broken", "empty"}},
	{"bandit", "-q -r IN -f json -o OUT", "json",
		[]string{"clean", "dirty", "suppressed", "broken", "empty"}},
	{"bandit", "-q -r IN -f sarif -o OUT", "sarif",
		[]string{"clean", "dirty"}},
	{"semgrep", "scan --config rules.yml" + offline + "--json --output OUT IN", "json",
		[]string{"clean", "dirty", "broken", "empty"}},
	{"semgrep", "scan --config rules.yml" + offline + "--sarif --output OUT IN", "sarif",
		[]string{"clean", "dirty", "suppressed", "broken"}},
	{"gitleaks", "dir IN -c gitleaks.toml --redact -f json -r OUT", "json",
		[]string{"clean", "dirty"}},
	{"gitleaks", "dir IN -c gitleaks.toml --redact -f sarif -r OUT", "sarif",
		[]string{"clean", "dirty"}},
	{"trivy", "fs IN" + secrets + "--format json --output OUT", "json",
		[]string{"clean", "dirty"}},
}

// TestScanners runs each scanner and reads its reports. All scanners must be on PATH. To run a single one, use -run
// TestScanners/bandit. With -write, the reports replace the fixtures for TestRead_Fixtures, which always runs.
func TestScanners(t *testing.T) {
	root := t.TempDir()
	files := map[string]string{"rules.yml": semgrepRules, "gitleaks.toml": gitleaksRules}
	for name, contents := range inputs {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range contents {
			files[name+"/"+file] = text
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range scanners {
		for _, name := range s.cases {
			t.Run(s.name+" "+s.ending+" "+name, func(t *testing.T) {
				if _, err := exec.LookPath(s.name); err != nil {
					t.Fatal(err)
				}
				report := scan(t, root, s.name, s.args, name)
				checkFixture(t, s.name+"-"+name+"."+s.ending, report)
				if *write {
					save(t, s.name+"-"+name+"."+s.ending, report)
				}
			})
		}
	}
}

// scan runs a scanner and returns its report without this machine's paths. It ignores the exit code, because most
// scanners exit with 1 if they find something.
func scan(t *testing.T, root, name, args, input string) string {
	out := filepath.Join(root, "report")
	_ = os.Remove(out)
	fields := strings.Fields(strings.NewReplacer("IN", input, "OUT", out).Replace(args))
	cmd := exec.CommandContext(t.Context(), name, fields...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "PROMPTFOO_DISABLE_TELEMETRY=1", "SEMGREP_SEND_METRICS=off")
	log, _ := cmd.CombinedOutput()
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	return strings.NewReplacer(root+"/", "", fakeKey, "AKIAREDACTED").Replace(string(text))
}

func save(t *testing.T, name, report string) {
	if err := os.WriteFile(filepath.Join("testdata", name), []byte(report), 0o644); err != nil {
		t.Fatal(err)
	}
}
