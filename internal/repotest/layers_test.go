package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mlflow-promote/mlflow-promote/"

// layers maps each package to the packages in this module that it may import. The test fails for packages that are not
// listed.
var layers = map[string][]string{
	"main": {"internal/cli"},

	"internal/canonical": {},
	"internal/format":    {"internal/canonical"},
	"internal/glob":      {},
	"internal/parallel":  {},
	"internal/spelling":  {},
	"internal/registry":  {"internal/canonical", "internal/format", "internal/spelling"},
	"internal/retry":     {"internal/registry"},
	"internal/signing":   {},
	"internal/verdict":   {"internal/format"},
	"internal/ledger": {
		"internal/canonical", "internal/format", "internal/ledger/chunk", "internal/ledger/summary", "internal/registry",
		"internal/retry", "internal/signing", "internal/verdict",
	},
	"internal/ledger/chunk":     {},
	"internal/ledger/summary":   {"internal/format", "internal/registry", "internal/verdict"},
	"internal/ledger/views":     {"internal/ledger", "internal/registry", "internal/verdict"},
	"internal/fact":             {"internal/format", "internal/ledger", "internal/registry", "internal/verdict"},
	"internal/evidence":         {"internal/format"},
	"internal/audit":            {"internal/ledger", "internal/ledger/summary", "internal/ledger/views", "internal/registry"},
	"internal/policy/tree":      {"internal/format", "internal/registry", "internal/spelling"},
	"internal/policy/approvals": {"internal/fact", "internal/format", "internal/registry"},
	"internal/policy/compare":   {},
	"internal/policy/declared": {
		"internal/fact", "internal/format", "internal/glob", "internal/policy/tree", "internal/verdict",
	},
	"internal/policy/scores": {
		"internal/fact", "internal/format", "internal/policy/compare", "internal/policy/tree", "internal/verdict",
	},
	"internal/policy/gates": {
		"internal/evidence", "internal/fact", "internal/format", "internal/glob", "internal/ledger",
		"internal/ledger/views", "internal/policy/approvals", "internal/policy/compare", "internal/policy/declared", "internal/policy/expression", "internal/policy/scores", "internal/policy/tree", "internal/registry",
		"internal/signature", "internal/spelling", "internal/verdict",
	},
	"internal/policy/expression": {"internal/format"},
	"internal/signature":         {"internal/canonical", "internal/format", "internal/registry"},
	"internal/policy": {
		"internal/audit", "internal/canonical", "internal/fact", "internal/format", "internal/glob",
		"internal/policy/compare", "internal/policy/gates", "internal/policy/tree", "internal/registry",
		"internal/signature", "internal/signing", "internal/verdict",
	},
	"internal/policy/casefacts": {"internal/fact", "internal/ledger", "internal/policy/tree", "internal/registry"},
	"internal/policy/cases": {
		"internal/fact", "internal/policy", "internal/policy/casefacts", "internal/policy/tree", "internal/registry",
		"internal/verdict",
	},
	"internal/plan": {
		"internal/canonical", "internal/fact", "internal/format", "internal/ledger", "internal/ledger/summary", "internal/registry",
		"internal/spelling", "internal/verdict",
	},
	"internal/lineage": {
		"internal/fact", "internal/format", "internal/ledger", "internal/ledger/summary", "internal/registry", "internal/verdict",
	},
	"internal/lineage/chart": {"internal/format", "internal/lineage", "internal/registry", "internal/report/doc"},
	"internal/audit/rules": {
		"internal/audit", "internal/canonical", "internal/fact", "internal/format", "internal/ledger", "internal/ledger/summary",
		"internal/ledger/views", "internal/plan", "internal/policy", "internal/registry", "internal/verdict",
	},
	"internal/history": {
		"internal/canonical", "internal/fact", "internal/format", "internal/ledger", "internal/ledger/summary",
		"internal/ledger/views",
		"internal/registry", "internal/report/doc",
	},
	"internal/report": {
		"internal/audit", "internal/canonical", "internal/fact", "internal/format", "internal/history",
		"internal/ledger", "internal/ledger/views", "internal/lineage", "internal/lineage/chart", "internal/plan", "internal/registry",
		"internal/report/doc", "internal/signing", "internal/verdict",
	},
	"internal/report/doc": {"internal/format"},
	"internal/sarif":      {"internal/audit", "internal/format", "internal/report/doc"},
	"internal/auditpage": {
		"internal/audit", "internal/fact", "internal/format", "internal/ledger", "internal/ledger/views",
		"internal/registry", "internal/report",
		"internal/report/doc",
	},
	"internal/apply":   {"internal/ledger", "internal/plan", "internal/registry", "internal/retry"},
	"internal/rest":    {"internal/format"},
	"internal/actions": {"internal/format"},
	"internal/mlflow": {
		"internal/canonical", "internal/format", "internal/mlflow/dialect", "internal/mlflow/modelparts",
		"internal/parallel", "internal/registry", "internal/rest", "internal/retry", "internal/spelling",
	},
	"internal/mlflow/dialect":    {"internal/registry"},
	"internal/mlflow/modelparts": {"internal/registry"},
	"internal/mlflow/crawl": {
		"internal/audit", "internal/mlflow", "internal/mlflow/folders", "internal/parallel", "internal/registry",
		"internal/rest",
	},
	"internal/mlflow/folders": {"internal/mlflow", "internal/registry", "internal/rest"},
	"internal/mlflow/diagnose": {
		"internal/format", "internal/mlflow", "internal/mlflow/runstore", "internal/parallel", "internal/registry",
		"internal/rest",
	},
	"internal/mlflow/evaluations": {
		"internal/fact", "internal/format", "internal/mlflow", "internal/registry", "internal/rest",
	},
	"internal/mlflow/filecopy": {
		"internal/format", "internal/mlflow", "internal/registry", "internal/rest",
	},
	"internal/mlflow/gather": {
		"internal/canonical", "internal/fact", "internal/format", "internal/ledger", "internal/lineage", "internal/mlflow",
		"internal/mlflow/evaluations",
		"internal/parallel", "internal/registry", "internal/spelling",
	},
	"internal/mlflow/modelcopy": {
		"internal/canonical", "internal/fact", "internal/format", "internal/mlflow", "internal/mlflow/filecopy",
		"internal/mlflow/gather", "internal/parallel", "internal/registry", "internal/rest",
	},
	"internal/mlflow/runstore": {
		"internal/canonical", "internal/format", "internal/mlflow", "internal/parallel", "internal/registry",
		"internal/rest", "internal/retry",
	},
	"internal/mlflow/write": {
		"internal/fact", "internal/format", "internal/ledger", "internal/mlflow", "internal/mlflow/dialect",
		"internal/mlflow/filecopy", "internal/mlflow/modelcopy", "internal/plan", "internal/registry", "internal/rest",
		"internal/retry",
	},
	"internal/github":  {"internal/fact", "internal/format", "internal/ledger", "internal/registry", "internal/rest"},
	"internal/trigger": {"internal/actions", "internal/format", "internal/registry"},
	"internal/inputs": {
		"internal/audit", "internal/fact", "internal/format", "internal/history", "internal/ledger/views",
		"internal/login", "internal/mlflow/dialect", "internal/plan", "internal/policy", "internal/policy/gates", "internal/registry", "internal/report",
		"internal/signing", "internal/spelling",
		"internal/trigger", "internal/verdict",
	},
	"internal/outputs":    {"internal/canonical", "internal/lineage", "internal/report"},
	"internal/hiddenplan": {"internal/canonical", "internal/plan"},
	"internal/proxyenv":   {},
	"internal/usage":      {"internal/format", "internal/inputs", "internal/registry"},
	"internal/rescue":     {"internal/format", "internal/plan", "internal/registry", "internal/verdict"},
	"internal/console": {
		"internal/actions", "internal/format", "internal/mlflow", "internal/mlflow/filecopy", "internal/rest",
	},
	"internal/workflow": {
		"internal/actions", "internal/console", "internal/fact", "internal/github", "internal/ledger",
		"internal/registry", "internal/rest", "internal/trigger",
	},
	"internal/incumbents": {
		"internal/fact", "internal/mlflow", "internal/mlflow/gather", "internal/policy", "internal/registry",
	},
	"internal/notify": {
		"internal/canonical", "internal/console", "internal/github", "internal/inputs", "internal/ledger",
		"internal/ledger/views", "internal/report", "internal/rest", "internal/verdict", "internal/workflow",
	},
	"internal/pastledger": {
		"internal/history", "internal/ledger", "internal/mlflow", "internal/mlflow/diagnose", "internal/mlflow/gather",
		"internal/mlflow/runstore", "internal/registry",
	},
	"internal/claim": {
		"internal/console", "internal/fact", "internal/ledger", "internal/ledger/views", "internal/mlflow",
		"internal/mlflow/runstore", "internal/mlflow/write", "internal/plan", "internal/registry", "internal/report", "internal/signing",
		"internal/verdict", "internal/workflow",
	},
	"internal/policyfile": {
		"internal/audit", "internal/inputs", "internal/policy", "internal/policy/tree", "internal/registry",
		"internal/spelling",
	},
	"internal/auditfiles": {
		"internal/actions", "internal/audit", "internal/audit/rules", "internal/auditpage", "internal/format",
		"internal/inputs", "internal/registry", "internal/report", "internal/report/doc", "internal/sarif",
	},
	"internal/auditrun": {
		"internal/audit", "internal/audit/rules", "internal/ledger", "internal/mlflow", "internal/mlflow/crawl",
		"internal/mlflow/runstore", "internal/parallel", "internal/registry", "internal/report",
	},
	"internal/connect": {
		"internal/bundle", "internal/console", "internal/inputs", "internal/login", "internal/mlflow", "internal/mlflow/dialect",
		"internal/registry", "internal/rest", "internal/s3",
	},
	"internal/bundle": {
		"internal/canonical", "internal/fact", "internal/format", "internal/mlflow", "internal/mlflow/filecopy",
		"internal/mlflow/gather", "internal/mlflow/modelcopy", "internal/parallel", "internal/registry",
		"internal/report/doc", "internal/signing",
	},
	"internal/s3":              {"internal/login", "internal/rest"},
	"internal/login":           {"internal/registry", "internal/rest"},
	"internal/login/logintest": {},
	"internal/cli": {
		"internal/actions", "internal/apply", "internal/audit", "internal/audit/rules", "internal/auditpage",
		"internal/auditfiles", "internal/auditrun", "internal/bundle", "internal/canonical", "internal/claim", "internal/connect", "internal/console",
		"internal/fact",
		"internal/format", "internal/github", "internal/glob", "internal/hiddenplan", "internal/history",
		"internal/incumbents", "internal/inputs", "internal/ledger", "internal/ledger/views", "internal/lineage", "internal/mlflow",
		"internal/mlflow/diagnose", "internal/mlflow/gather",
		"internal/mlflow/runstore", "internal/mlflow/write", "internal/notify", "internal/outputs",
		"internal/pastledger", "internal/plan", "internal/policy", "internal/policy/cases", "internal/policy/gates",
		"internal/policy/tree", "internal/policyfile", "internal/registry", "internal/report",
		"internal/proxyenv", "internal/report/doc", "internal/rescue", "internal/rest", "internal/sarif", "internal/signing",
		"internal/trigger", "internal/usage", "internal/verdict", "internal/workflow",
	},

	"internal/mlflow/mlflowtest":              double("access", "artifacts", "call", "dialect", "faults", "registry", "seed", "state", "traces", "tracking", "wire"),
	"internal/mlflow/mlflowtest/access":       double("call", "dialect", "state", "wire"),
	"internal/mlflow/mlflowtest/artifacts":    double("call", "dialect", "location", "state", "wire"),
	"internal/mlflow/mlflowtest/call":         double("dialect", "state", "wire"),
	"internal/mlflow/mlflowtest/conformance":  {},
	"internal/mlflow/mlflowtest/dialect":      {},
	"internal/mlflow/mlflowtest/faults":       double("wire"),
	"internal/mlflow/mlflowtest/large":        double("search", "wire"),
	"internal/mlflow/mlflowtest/location":     {},
	"internal/mlflow/mlflowtest/pagetest":     {},
	"internal/mlflow/mlflowtest/registry":     double("access", "artifacts", "call", "dialect", "location", "search", "state", "wire"),
	"internal/mlflow/mlflowtest/search":       double("dialect", "state", "wire"),
	"internal/mlflow/mlflowtest/seed":         double("state", "wire"),
	"internal/mlflow/mlflowtest/state":        double("location", "wire"),
	"internal/mlflow/mlflowtest/unitycatalog": {},
	"internal/mlflow/mlflowtest/traces":       double("call", "dialect", "search", "state", "wire"),
	"internal/mlflow/mlflowtest/tracking":     double("access", "artifacts", "call", "dialect", "search", "state", "wire"),
	"internal/mlflow/mlflowtest/wire":         double("dialect"),

	"internal/attacks":             {},
	"internal/matrix":              {},
	"internal/ledger/ledgertest":   {"internal/canonical", "internal/ledger/chunk", "internal/registry", "internal/signing"},
	"internal/github/githubtest":   {},
	"internal/github/openapitest":  {"internal/github/githubtest"},
	"internal/actions/actionstest": {},
	"internal/racetest":            {},
	"internal/realtest":            {},
	"internal/browsertest":         {},
	"internal/repotest":            {},
	"internal/pintest":             {},
	"internal/policy/policytest":   {"internal/fact", "internal/ledger", "internal/registry"},
	"tools/bench": {
		"internal/audit/rules", "internal/mlflow", "internal/mlflow/filecopy", "internal/mlflow/mlflowtest/large",
		"internal/realtest", "internal/registry", "internal/rest",
	},
	"tools/mutants":       {},
	"tools/notices":       {},
	"tools/notices/print": {"tools/notices"},
	"tools/release":       {"tools/notices"},
	"tools/reliability":   {},
	"tools/reword":        {},
	"tools/demo":          {"internal/realtest"},
	"tools/openapi":       {},
	"tools/prose":         {},
	"tools/gen":           {"tools/gen/files"},
	"tools/gen/markdown":  {},
	"tools/gen/files": {
		"internal/audit/rules", "internal/format", "internal/inputs", "internal/outputs", "internal/policy",
		"internal/policy/gates", "internal/policy/tree", "internal/registry", "tools/gen/markdown",
	},
}

// double returns the import paths of the named packages in the MLflow double.
func double(names ...string) []string {
	var out []string
	for _, name := range names {
		out = append(out, "internal/mlflow/mlflowtest/"+name)
	}
	return out
}

// pure lists packages that only decide and render. They do not use the system, the network, the clock or randomness.
var pure = []string{
	"internal/audit", "internal/audit/rules", "internal/auditpage", "internal/canonical", "internal/evidence", "internal/fact", "internal/format",
	"internal/glob", "internal/hiddenplan", "internal/ledger/chunk", "internal/ledger/views", "internal/lineage", "internal/outputs", "internal/plan", "internal/policy", "internal/policy/approvals", "internal/proxyenv",
	"internal/policy/casefacts", "internal/policy/cases", "internal/policy/compare", "internal/policy/declared", "internal/policy/expression", "internal/policy/gates", "internal/policy/scores", "internal/policy/tree", "internal/registry",
	"internal/report", "internal/report/doc", "internal/rescue", "internal/sarif", "internal/signature", "internal/signing", "internal/spelling", "internal/verdict",
}

var impure = []string{"os", "net", "net/http", "log", "log/slog", "math/rand", "math/rand/v2", "os/exec", "io/ioutil", "syscall"}

func TestLayers(t *testing.T) {
	seen := map[string]bool{}
	for path, imports := range sources(t) {
		pkg := filepath.ToSlash(filepath.Dir(path))
		if pkg == "." {
			pkg = "main"
		}
		allowed, listed := layers[pkg]
		if !listed {
			t.Errorf("%s: package %s is not in the table of layers", path, pkg)
			continue
		}
		seen[pkg] = true
		for _, imp := range imports {
			own, ours := strings.CutPrefix(imp, module)
			if ours && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s: of this module, %s may import only %v", path, own, pkg, allowed)
			}
			if slices.Contains(pure, pkg) && slices.Contains(impure, imp) {
				t.Errorf("%s imports %s: %s must stay pure", path, imp, pkg)
			}
			if strings.HasPrefix(imp, "github.com/google/go-github/") && pkg != "internal/github" {
				t.Errorf("%s imports %s: only internal/github sends requests to GitHub", path, imp)
			}
			if (pkg == "internal/apply" || pkg == "internal/ledger") && imp == "net/http" {
				t.Errorf("%s imports net/http: it must not send requests itself", path)
			}
		}
	}
	for pkg := range layers {
		if !seen[pkg] {
			t.Errorf("the table of layers lists %s, which does not exist", pkg)
		}
	}
}

// Only main uses the clock, the environment, the standard streams and the exit function of the process.
func TestProcessGlobals(t *testing.T) {
	banned := []string{"os.Getenv", "os.LookupEnv", "os.Setenv", "os.Exit", "os.Stdout", "os.Stderr", "time.Now", "log.Fatal", "rand.Float64", "rand.Int64N", "rand.N"}
	allowed := map[string][]string{
		"internal/rest": {"time.Now", "rand.Float64"}, // for waits between retries and the server's clock offset
	}
	for path := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(path))
		if !strings.HasPrefix(dir, "internal/") || isDouble(dir) {
			continue
		}
		for _, word := range selectors(t, path) {
			if slices.Contains(banned, word) && !slices.Contains(allowed[dir], word) {
				t.Errorf("%s uses %s: main passes in clock, randomness, environment, streams and exit", path, word)
			}
		}
	}
}

// selectors lists what a file uses from other packages, in the form package.Name.
func selectors(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), root+path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				out = append(out, x.Name+"."+s.Sel.Name)
			}
		}
		return true
	})
	return out
}

// sources returns the files that are not tests, with their imports.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && path != root {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		out[rel] = []string{}
		for _, imp := range file.Imports {
			out[rel] = append(out[rel], strings.Trim(imp.Path.Value, `"`))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("found only %d source files: the walk is broken", len(out))
	}
	return out
}
