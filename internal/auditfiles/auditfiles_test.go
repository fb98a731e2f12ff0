package auditfiles

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/actions"
	"github.com/mlflow-promote/mlflow-promote/internal/audit"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// hostile contains strings that a spreadsheet could take for a formula, or that could break a row.
var hostile = []string{
	"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1",
	"\u00a0=1", "\uff1d1", "a\",=1", "a\r\n=1,b",
}

// Every cell of both registers is harmless, and no string changes the number of rows or columns.
func TestRegisters_NoFormulas(t *testing.T) {
	for _, text := range hostile {
		m := audit.Snapshot{
			Inventory: []audit.LiveVersion{{
				Model: text, Ref: registry.AliasRef(text), Version: 1, Owner: text, Verdict: text, By: text,
				Approvers: []string{text, text}, Unknown: text, Entry: text, Signed: text,
			}},
			Exceptions: []audit.Exception{{
				Kind: audit.ExceptionKind(text), What: text, Model: text, Ref: registry.AliasRef(text), By: text, Why: text,
				Until: text, State: audit.ExceptionState(text), Entry: text, Signed: text,
				Since: time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC),
			}},
		}
		for name, begin := range map[string]func(io.Writer) *register{
			"inventory": newInventory, "exceptions": newExceptions,
		} {
			var b bytes.Buffer
			r := begin(&b)
			for _, err := range []error{r.Rules(nil), r.Model(m, nil), r.Totals(audit.Totals{})} {
				if err != nil {
					t.Fatal(err)
				}
			}
			rows, err := csv.NewReader(&b).ReadAll() // fails if the rows have different lengths
			if err != nil || len(rows) != 2 {
				t.Fatalf("%s of %q: %d rows, %v", name, text, len(rows), err)
			}
			for i, cell := range rows[1] {
				if begins := strings.TrimSpace(cell); begins != "" && strings.ContainsAny(begins[:1], "=+-@") ||
					strings.ContainsAny(cell, "\t\r\n") || strings.HasPrefix(begins, "\uff1d") {
					t.Errorf("%s of %q: the cell %s is %q", name, text, rows[0][i], cell)
				}
			}
		}
	}
}

// The order of the columns never changes.
func TestRegisters_Columns(t *testing.T) {
	for want, begin := range map[string]func(io.Writer) *register{
		"model,target_kind,target,version,owner,verdict,moved_by,approvers,approvers_unknown,since,entry," +
			"signed_by": newInventory,
		"kind,what,model,version,target_kind,target,by,why,since,until,state,entry,signed_by": newExceptions,
	} {
		var b bytes.Buffer
		r := begin(&b)
		if err := r.Rules(nil); err != nil {
			t.Fatal(err)
		}
		r.w.Flush()
		if got := strings.TrimSpace(b.String()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// laptop returns a runner outside CI, and its folder with the given files.
func laptop(t *testing.T, files map[string]string) (*actions.Runner, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return actions.New(func(string) string { return "" }, io.Discard, io.Discard, dir), dir
}

func TestBaseline(t *testing.T) {
	const totals = `{"schema":1,"command":"audit","totals":{"scope":"live","server":"https://m"},"findings":[]}`
	r, _ := laptop(t, map[string]string{"audit.json": totals, "text": "no JSON", "empty.json": "{}",
		"cut.json": `{"schema":1,"command":"audit"}`})
	for name, c := range map[string]struct{ file, scope, server, want string }{
		"none":           {"", "live", "https://m", ""},
		"missing":        {"other.json", "live", "https://m", `baseline-file: "other.json"`},
		"not JSON":       {"text", "live", "https://m", `baseline-file: "text"`},
		"interrupted":    {"cut.json", "live", "https://m", "comes from an interrupted audit"},
		"not an audit":   {"empty.json", "live", "https://m", `baseline-file: "empty.json"`},
		"other scope":    {"audit.json", "all", "https://m", "is for scope"},
		"other registry": {"audit.json", "live", "https://other", "is for the registry"},
	} {
		b, err := Baseline(r, c.file, c.scope, c.server)
		switch {
		case c.want == "" && (err != nil || b != nil):
			t.Errorf("%s: %v, %v", name, b, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		case c.want != "" && registry.ReasonOf(err) != registry.BadInput:
			t.Errorf("%s: reason %s", name, registry.ReasonOf(err))
		}
	}
}

func TestPlans(t *testing.T) {
	r, _ := laptop(t, map[string]string{"plans/a.json": "{}", "plans/b.txt": "x"})
	for name, c := range map[string]struct{ pattern, want string }{
		"no plan in it":     {"plans/a.json", `approved-plans: "plans/a.json"`},
		"not JSON":          {"plans/b.*", `approved-plans: "plans/b.txt"`},
		"missing":           {"plans/c.json", `approved-plans: "plans/c.json"`},
		"missing folder":    {"none/*.json", `approved-plans: "none/*.json"`},
		"bad pattern":       {"plans/[*", `approved-plans: "plans/[*"`},
		"matches no file":   {"plans/*.yml", `approved-plans: no file matches "plans/*.yml"`},
		"wrong case":        {"plans/A*.json", `approved-plans: no file matches "plans/A*.json"`},
		"no folder":         {"a*.json", `approved-plans: no file matches "a*.json"`},
		"wildcard in front": {"*/a.json", `approved-plans: "*/a.json"`},
	} {
		_, err := Plans(r, []string{c.pattern})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// If one file cannot be created, none is kept. If the audit fails, only the report is kept.
func TestCreate_LeavesNothing(t *testing.T) {
	r, dir := laptop(t, map[string]string{"taken/file": "x"})
	_, err := Create(Options{Runner: r, Inventory: "inventory.csv", Exceptions: "taken/file/below.csv"})
	if err == nil || !strings.Contains(err.Error(), "create the audit's register of exceptions: ") {
		t.Errorf("%v", err)
	}
	files, err := Create(Options{Runner: r, Inventory: "inventory.csv", Exceptions: "exceptions.csv"})
	if err != nil {
		t.Fatal(err)
	}
	files.Close(registry.ServerError, &registry.Error{Reason: registry.ServerError, Msg: "broken"})
	left, _ := filepath.Glob(filepath.Join(dir, "*.csv"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	files, err = Create(Options{Runner: r, Inventory: "inventory.csv", Exceptions: "exceptions.csv"})
	if err != nil {
		t.Fatal(err)
	}
	if problems := files.Close(registry.OK, nil); len(problems) > 0 || len(files.Others) != 2 {
		t.Errorf("%v, %v", problems, files.Others)
	}
}
