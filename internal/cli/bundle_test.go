package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/report"
)

// export runs the command on the development server.
func (b *between) export(t *testing.T, args ...string) (report.Result, int) {
	t.Helper()
	b.registry = "dev.example"
	defer func() { b.registry = "" }()
	return b.run(t, "export", args...)
}

// exported writes a bundle of a model on the development server, which cannot be reached afterwards.
func (b *between) exported(t *testing.T, candidate string, more ...string) {
	t.Helper()
	got, status := b.export(t, append([]string{
		"--candidate", candidate, "--bundle-dir", "bundle",
	}, more...)...)
	if status != 0 || got.Reason != registry.OK {
		t.Fatalf("export: %d %s: %s", status, got.Reason, got.Error)
	}
	if len(b.dev.Writes()) > 0 {
		t.Errorf("wrote to the source: %v", b.dev.Writes())
	}
	b.offline = true
}

var fromBundle = []string{"--candidate", "bundle:bundle", "--alias", "live", "--thresholds", "acc >= 0.85"}

// A model that is carried in a bundle has the same effect on the registry as one that is copied from server to server.
func TestBundle(t *testing.T) {
	for _, dev := range dialect.Versions() {
		for _, prod := range dialect.Versions() {
			t.Run(dev+" to "+prod, func(t *testing.T) {
				direct, b := newBetween(t, dev, prod), newBetween(t, dev, prod)
				if got, status := direct.run(t, "promote", fromDev("models:/churn/2", fromBundle[2:]...)...); status != 0 {
					t.Fatalf("without a bundle: %d %s: %s", status, got.Reason, got.Error)
				}
				b.exported(t, "2")
				dry, _ := b.run(t, "promote", append(fromBundle, "--dry-run")...)
				if writes := len(b.prod.Writes()); dry.Reason != registry.OK || writes > 0 {
					t.Fatalf("dry run: %s (%s), %d writes", dry.Reason, dry.Error, writes)
				}
				got, status := b.run(t, "promote", fromBundle...)
				if status != 0 || got.Reason != registry.OK {
					t.Fatalf("promote: %d %s: %s", status, got.Reason, got.Error)
				}
				if diff := cmp.Diff(plainState(direct.prod.Dump()), plainState(b.prod.Dump())); diff != "" {
					t.Errorf("the bundle has a different effect: %s", diff)
				}
				again, status := b.run(t, "promote", fromBundle...)
				if status != 0 || again.Reason != registry.Unchanged {
					t.Errorf("again: %d %s: %s", status, again.Reason, again.Error)
				}
				if m := models(t, b.prod.Dump())[0]; len(m.Versions) != 2 {
					t.Errorf("%d versions", len(m.Versions))
				}
			})
		}
	}
}

var (
	generated = regexp.MustCompile(`\b[0-9a-f]{64}\b|m-[0-9a-f]{32}|\b[0-9a-f]{32}\b`)
	// the inputs of the run, and what depends on the whole record of them
	recorded = regexp.MustCompile(`(?m)^ *"(r\d+\.\d+|[de]\d+|promote\.(record|ledger\S*|decision\S*))": .*\n`)
)

// plainState replaces generated ids by their order, and removes the record of the promotion.
func plainState(text []byte) string {
	seen := map[string]string{}
	return generated.ReplaceAllStringFunc(recorded.ReplaceAllString(string(text), ""), func(id string) string {
		switch {
		case len(id) == 64:
			return id
		case seen[id] == "":
			seen[id] = fmt.Sprintf("id-%d", len(seen))
		}
		return seen[id]
	})
}

// A run dies at any of its requests. The next one finishes the promotion, and sends no file twice.
func TestBundle_Killed(t *testing.T) {
	for _, pair := range [][2]string{{"3.17.2", "3.17.2"}, {"2.22.5", "1.30.1"}} {
		t.Run(pair[0]+" to "+pair[1], func(t *testing.T) {
			killed := 0
			for _, late := range []bool{false, true} {
				for dies, done := 1, false; !done; dies++ {
					bubble(t, func(t *testing.T) {
						b := newBetween(t, pair[0], pair[1])
						b.exported(t, "models:/churn/2")
						done = b.killed(t, dies, late, fromBundle)
					})
					killed++
				}
			}
			t.Logf("killed and run again at %d points", killed-2)
		})
	}
}

// An export that dies at any of its requests is finished by the next one. Before that, nothing takes its folder for a
// bundle.
func TestExport_Killed(t *testing.T) {
	for dies, done := 1, false; !done; dies++ {
		bubble(t, func(t *testing.T) {
			b := newBetween(t, "3.17.2", "3.17.2")
			args := []string{"--candidate", "2", "--bundle-dir", "bundle"}
			b.dies = dies
			_, status := b.export(t, args...)
			if done = b.sent < dies; done != (status == 0) {
				t.Fatalf("request %d: status %d", dies, status)
			}
			b.dies = 0
			if got, status := b.run(t, "promote", fromBundle...); (status == 0) != done || !done && len(b.prod.Writes()) > 0 {
				t.Errorf("request %d: %d %s, %d writes", dies, status, got.Reason, len(b.prod.Writes()))
			}
			if !done {
				b.exported(t, "2")
				if got, status := b.run(t, "promote", fromBundle...); status != 0 {
					t.Errorf("request %d: %d %s: %s", dies, status, got.Reason, got.Error)
				}
			}
		})
	}
}

// The same export again changes nothing. A different model, or a folder with something else, is refused.
func TestExport_Again(t *testing.T) {
	b := newBetween(t, "3.17.2", "3.17.2")
	args := func(candidate, folder string) []string {
		return []string{"--candidate", candidate, "--bundle-dir", folder}
	}
	b.exported(t, "2")
	b.offline = false
	manifest := filepath.Join(b.dir, "bundle", "manifest.json")
	was, _ := os.ReadFile(manifest)
	if got, status := b.export(t, args("2", "bundle")...); status != 0 || got.Reason != registry.Unchanged {
		t.Errorf("again: %d %s: %s", status, got.Reason, got.Error)
	}
	if got, status := b.export(t, args("1", "bundle")...); status != registry.ExitBadInput {
		t.Errorf("another model: %d %s: %s", status, got.Reason, got.Error)
	}
	if now, _ := os.ReadFile(manifest); string(now) != string(was) || len(was) == 0 {
		t.Errorf("the manifest changed")
	}
	if err := os.Mkdir(filepath.Join(b.dir, "mine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "mine", "run.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	sent := len(b.dev.Requests())
	got, status := b.export(t, args("2", "mine")...)
	if status != registry.ExitBadInput || len(b.dev.Requests()) > sent {
		t.Errorf("another folder: %d %s: %s", status, got.Reason, got.Error)
	}
}

// If the policy lists keys, a bundle without a signature is refused by all commands that take one, unless an override
// accepts it.
func TestBundle_Unsigned(t *testing.T) {
	policy, err := filepath.Abs("testdata/keys-acc.yml")
	must(t, err)
	for name, c := range map[string]struct {
		key  string // for the export
		args []string
		want registry.Reason
	}{
		"promote":          {"", []string{"promote", "--alias", "champion", "--ledger-key", testKey}, registry.BadBundle},
		"promote, signed":  {testKey, []string{"promote", "--alias", "champion", "--ledger-key", testKey}, registry.OK},
		"validate":         {"", []string{"validate", "--alias", "champion"}, registry.BadBundle},
		"validate, signed": {testKey, []string{"validate", "--alias", "champion"}, registry.OK},
		"register":         {"", []string{"register"}, registry.BadBundle},
		"register, signed": {testKey, []string{"register"}, registry.OK},
		"compare":          {"", []string{"compare", "--against", "live"}, registry.BadBundle},
		"compare, signed":  {testKey, []string{"compare", "--against", "live"}, registry.OK},
		"promote, accepted": {"", []string{
			"promote", "--alias", "champion", "--ledger-key", testKey, "--override", "unsigned", "--justification", "T-1",
		}, registry.OK},
		"register, accepted": {"", []string{
			"register", "--override", "unsigned",
		}, registry.OK},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBetween(t, "3.17.2", "3.17.2")
			if c.key == "" {
				b.exported(t, "2")
			} else {
				b.exported(t, "2", "--ledger-key", c.key)
			}
			args := append(c.args[1:], "--candidate", "bundle:bundle", "--policy-file", policy)
			got, _ := b.run(t, c.args[0], args...)
			if got.Reason != c.want {
				t.Errorf("%s: %s", got.Reason, got.Error)
			}
			if c.want == registry.BadBundle && len(b.prod.Requests()) > 0 {
				t.Errorf("sent %d requests", len(b.prod.Requests()))
			}
		})
	}
}

// The inputs for the candidate's server do not work together with a bundle.
func TestBundle_WithSource(t *testing.T) {
	b := newBetween(t, "3.17.2", "3.17.2")
	b.exported(t, "2")
	for _, args := range [][]string{
		{"--source-tracking-uri", "https://dev.example"}, {"--source-token", "secret"}, {"--source-workspace", "a"},
	} {
		got, status := b.run(t, "promote", append(args, fromBundle...)...)
		if status != registry.ExitBadInput || got.Reason != registry.BadInput {
			t.Errorf("%v: %d %s", args, status, got.Reason)
		}
	}
	for _, candidate := range []string{"bundle:", "bundle:nothing", "bundle:.", "bundle:../bundle"} {
		if got, status := b.run(t, "promote", append([]string{"--candidate", candidate}, fromBundle[2:]...)...); status == 0 {
			t.Errorf("%s: %s", candidate, got.Reason)
		}
	}
}

// Every form of a candidate can be exported, and promotes the same model as without a bundle.
func TestExport_Candidates(t *testing.T) {
	for _, candidate := range [][]string{
		{"runs:/good"}, {"runs:/good/model"}, {"models:/churn@champion"}, {"@champion"},
		{"best", "--experiment", "Default", "--metric", "acc", "--goal", "max"},
	} {
		b := newBetween(t, "3.17.2", "3.17.2")
		b.exported(t, candidate[0], candidate[1:]...)
		if got, status := b.run(t, "promote", fromBundle...); status != 0 {
			t.Errorf("%v: %d %s: %s", candidate, status, got.Reason, got.Error)
		}
		b.offline = false
		again, status := b.run(t, "promote", fromDev(candidate[0], append(candidate[1:], fromBundle[2:]...)...)...)
		if versions := len(models(t, b.prod.Dump())[0].Versions); status != 0 || versions != 2 {
			t.Errorf("%v without a bundle: %d %s: %s, %d versions", candidate, status, again.Reason, again.Error, versions)
		}
	}
}
