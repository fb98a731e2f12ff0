package dialect

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestTags_Stored(t *testing.T) {
	tags := UnityCatalog.Tags
	for name, stored := range map[string]string{
		registry.TagRecord:                  "promote_record",
		registry.TagFailedGates:             "promote_failed_gates",
		registry.TagGitCommit:               "promote_git_commit",
		registry.TagDatasets + ".12":        "promote_datasets_12",
		registry.TagLedgerPage + "0123abc":  "promote_ledger_0123abc",
		registry.AliasTimeTag("champion"):   "promote_alias_champion_at",
		registry.AliasTimeTag("eu-west"):    "promote_alias_eu_2d_west_at",
		registry.AliasTimeTag("us_east"):    "promote_alias_us_east_at",
		registry.AliasTimeTag("a_2d_b"):     "promote_alias_a_5f_2d_b_at",
		registry.TagValidation:              "validation_status",
		registry.StageTimeTag("Production"): "promoted_to_production_at",
		"team":                              "team",
		"promoter":                          "promoter",
	} {
		if got := tags.Stored(name); got != stored {
			t.Errorf("%s is stored as %s, want %s", name, got, stored)
		}
		if got := tags.Name(stored); got != name {
			t.Errorf("%s is the tag %s, want %s", stored, got, name)
		}
		if why := tags.Wrong(name, "x"); why != "" {
			t.Errorf("%s %s", name, why)
		}
		if got := (Tags{}).Stored(name); got != name {
			t.Errorf("MLflow stores %s as %s", name, got)
		}
	}
	if got := tags.Name("promote_by_hand"); got != "promote_by_hand" {
		t.Errorf("a tag of others becomes %s", got)
	}
}

func TestTags_EveryAlias(t *testing.T) {
	tags, seen := UnityCatalog.Tags, map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		alias := rapid.StringMatching(`[a-f0-9_-]{1,9}`).Draw(t, "alias")
		key := registry.AliasTimeTag(alias)
		stored := tags.Stored(key)
		if got := tags.Name(stored); got != key {
			t.Fatalf("%s is stored as %s, which is read as %s", key, stored, got)
		}
		if why := tags.Wrong(key, ""); why != "" {
			t.Fatalf("%s %s", stored, why)
		}
		if other, had := seen[stored]; had && other != key {
			t.Fatalf("%s and %s are both stored as %s", key, other, stored)
		}
		seen[stored] = key
	})
}

// Each tag with a dot that the program writes must be found again. Their names are the constants of package registry.
func TestTags_Own(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../registry/tags.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || len(spec.Values) != 1 {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		key, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(key, registry.TagPrefix) || key == registry.TagPrefix {
			return true
		}
		seen++
		if key = strings.TrimSuffix(key, "."); !slices.Contains(own, key) {
			t.Errorf("%s (%s) is not in the table", spec.Names[0].Name, key)
		}
		return true
	})
	if seen < len(own) {
		t.Errorf("%d tags were found, but the table has %d", seen, len(own))
	}
}

func TestTags_Wrong(t *testing.T) {
	for name, c := range map[string]struct{ key, value, want string }{
		"dot":         {"team.lead", "ann", "characters"},
		"hyphen":      {"team-lead", "ann", "characters"},
		"slash":       {"a/b", "", "characters"},
		"long key":    {strings.Repeat("k", 256), "", "255"},
		"long value":  {"k", strings.Repeat("é", 1001), "1001 characters"},
		"space":       {"k", " ann", "space"},
		"space key":   {"k ", "ann", "space"},
		"value fits":  {"k", strings.Repeat("é", 1000), ""},
		"own":         {registry.TagHold, "", ""},
		"MLflow's":    {registry.PromptTag, "true", "characters"},
		"inner space": {"my key", "a b", ""},
		"hold":        {"promote_hold", "", "promote.hold of this program"},
		"record":      {"promote_record", "{}", "promote.record of this program"},
		"our prefix":  {"promote_by_hand", "x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := UnityCatalog.Tags.Wrong(c.key, c.value)
			if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got := (Tags{}).Wrong(c.key, c.value); got != "" {
				t.Errorf("MLflow: %s", got)
			}
		})
	}
}

func TestTags_TooMany(t *testing.T) {
	has := map[string]string{}
	for i := range 49 {
		has[strings.Repeat("k", i+1)] = ""
	}
	for name, c := range map[string]struct {
		more []string
		want string
	}{
		"one":          {[]string{"a"}, ""},
		"the same":     {[]string{"a", "a", "k"}, ""},
		"two":          {[]string{"a", "b"}, "would have 51 tags"},
		"all existing": {slices.Collect(maps.Keys(has)), ""},
	} {
		got := UnityCatalog.Tags.TooMany(has, c.more)
		if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestUnityCatalog_Names(t *testing.T) {
	for name, good := range map[string]bool{
		"main.ml.churn": true, "churn": false, "ml.churn": false, "a.b.c.d": false, ".ml.churn": false,
		"main..churn": false, "main.ml.": false, "": false, "main.ml.my churn": true,
	} {
		if why := UnityCatalog.WrongName(name); (why == "") != good {
			t.Errorf("%q: %q", name, why)
		}
		if why := (Dialect{}).WrongName(name); why != "" {
			t.Errorf("MLflow: %q: %s", name, why)
		}
	}
}
