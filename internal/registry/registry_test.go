package registry

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

func TestKnown(t *testing.T) {
	var zero Known[int]
	if _, ok := zero.Get(); ok || zero.IsAbsent() || zero.Why() != "not gathered" {
		t.Error("a fact that was not gathered looks known or absent")
	}
	if v, ok := Is(7).Get(); !ok || v != 7 || Is(7).Why() != "" {
		t.Error("a fact that was read is not known")
	}
	if a := Absent[int]("none"); !a.IsAbsent() || a.Why() != "none" {
		t.Error("an absent fact is not absent")
	}
	if u := Unreadable[int]("403"); u.IsAbsent() {
		t.Error("an unreadable fact looks absent")
	}
}

func TestFinite(t *testing.T) {
	for v, want := range map[float64]bool{
		0:                true,
		-1e300:           true,
		math.MaxFloat64:  false,
		-math.MaxFloat64: false,
		math.Inf(1):      false,
		math.Inf(-1):     false,
	} {
		if got := (Point{Value: v}).Finite(); got != want {
			t.Errorf("%v: got %v", v, got)
		}
	}
	if (Point{Value: math.NaN()}).Finite() {
		t.Error("NaN is finite")
	}
}

func TestParseCandidate(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 2)
	for text, want := range map[string]Candidate{
		"runs:/abc/model":                     {RunID: "abc", Path: "model"},
		"runs:/abc/a/b c":                     {RunID: "abc", Path: "a/b c"},
		"runs://" + id + "/model/":            {RunID: id, Path: "model"},
		"runs:/abc":                           {RunID: "abc"},
		id:                                    {RunID: id},
		"models:/churn/7":                     {Model: "churn", Number: 7},
		"models:/a/b/7":                       {Model: "a/b", Number: 7},
		"models:/churn@challenger":            {Model: "churn", Alias: "challenger"},
		"models:/m@il@champion":               {Model: "m@il", Alias: "champion"},
		"models:/churn/staging":               {Model: "churn", Stage: "Staging"},
		"models:/churn/Archived":              {Model: "churn", Stage: "Archived"},
		"models:/churn/Latest":                {Model: "churn", Latest: true},
		"models:/m-" + id:                     {ModelID: "m-" + id},
		"7 = models:/own/7":                   {Model: "own", Number: 7},
		"@new = models:/own@new":              {Model: "own", Alias: "new"},
		"latest = models:/own/latest":         {Model: "own", Latest: true},
		"PRODUCTION = models:/own/Production": {Model: "own", Stage: "Production", Word: "PRODUCTION"},
	} {
		text, full, short := strings.Cut(text, " = ")
		if want.Text = text; short {
			want.Text = full
		}
		got, err := ParseCandidate(text, "own")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: got error %v\n%s", text, err, diff)
		}
	}
	for text, want := range map[string]string{
		"s3://b/k":             "a location without a run",
		"churn":                "write @churn if it is an alias",
		"None":                 "want runs:/RUN_ID/PATH",
		"runs:/a b/model":      "is not a run id",
		"runs:/abc/../x":       "must not contain '..'",
		"runs:/abc/a%2e":       "must not contain",
		"runs:/abc/a//b":       "must not contain",
		"models:/churn/None":   "is neither a version number nor a stage",
		"models:/churn/0":      "is neither a version number nor a stage",
		"models:/churn/+1":     "is neither a version number nor a stage",
		"models:/churn":        "the version is missing; write models:/churn/7",
		"models:/churn@latest": "is reserved",
		"models:/m-xyz":        "want models:/NAME/VERSION",
		"@v7":                  "reserved by MLflow",

		"runs:/":                           "the run id is empty: is the input or step output set?",
		"runs://model":                     "the run id is empty: is the input or step output set?",
		"runs:/ /model":                    "the run id is empty: is the input or step output set?",
		"runs://sklearn/model":             "the run id is empty: is the input or step output set?",
		"runs:/abc/":                       "the artifact path is empty: is the input or step output set?",
		"models:/":                         "the model name is empty: is the input or step output set?",
		"models://7":                       "the model name is empty: is the input or step output set?",
		"models:/@champion":                "the model name is empty: is the input or step output set?",
		"models:/churn/":                   "the version is empty: is the input or step output set?",
		"models:/churn@":                   "the alias is empty: is the input or step output set?",
		"models:/m-":                       "the id of the logged model is empty: is the input or step output set?",
		"@":                                "the alias is empty: is the input or step output set?",
		"best/":                            "the artifact path is empty: is the input or step output set?",
		"commit/ ":                         "the artifact path is empty: is the input or step output set?",
		"runs:/${{ inputs.run-id }}/model": "works only in a workflow file",
	} {
		if _, err := ParseCandidate(text, "own"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", text, err, want)
		}
	}
}

// The source of a version has no short forms.
func TestParseSource(t *testing.T) {
	for text, want := range map[string]bool{
		"runs:/abc/model": true, "models:/churn/7": true, "models:/churn@new": true, "s3://b/k": false, "7": false,
		"models:/m-0123456789abcdef0123456789abcdef": true, "@new": false, "Staging": false, "best": false,
		"models:/churn/Staging": false, "models:/churn/latest": false, "runs:/abc": false,
		"0123456789abcdef0123456789abcdef": false,
	} {
		if c, err := ParseSource(text); (err == nil) != want || err != nil && c.Model+c.RunID != "" {
			t.Errorf("%q: got %+v, %v", text, c, err)
		}
	}
}

func TestCheckAlias(t *testing.T) {
	for _, good := range []string{"champion", "blue_green-2", "ü", "v", "version1", strings.Repeat("a", 255)} {
		if err := CheckAlias(good); err != nil {
			t.Errorf("%q: got error %v", good, err)
		}
	}
	for _, bad := range []string{
		"",
		"latest",
		"LATEST",
		"v7",
		"V12",
		"a b",
		"a@b",
		"a/b",
		strings.Repeat("a", 256),
		"a\n",
	} {
		if CheckAlias(bad) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// The wording of a split value's note may change, but its value must not.
func TestWithoutSplitNotes(t *testing.T) {
	for _, length := range []int{MaxTagValue + 1, 3 * MaxTagValue, 2 * maxParts * MaxTagValue} {
		tags := SplitTag(TagDatasets, strings.Repeat("x", length))
		tags["owner"] = "ann"
		want := WithoutSplitNotes(tags)
		if len(want[TagDatasets]) != 16 || want["owner"] != "ann" || want[TagDatasets+".1"] == "" {
			t.Errorf("%d bytes: %q", length, want[TagDatasets])
		}
		reworded := maps.Clone(tags)
		reworded[TagDatasets] = "in parts: " + want[TagDatasets]
		if diff := cmp.Diff(want, WithoutSplitNotes(reworded)); diff != "" {
			t.Error(diff)
		}
		reworded[TagDatasets+".1"] = "y" + reworded[TagDatasets+".1"][1:]
		if got := WithoutSplitNotes(reworded); length <= maxParts*MaxTagValue/2 && got[TagDatasets] != reworded[TagDatasets] {
			t.Errorf("%d bytes: a digest of other parts counts: %q", length, got[TagDatasets])
		}
	}
	own := SplitTag("own", strings.Repeat("x", MaxTagValue+1))
	if diff := cmp.Diff(own, WithoutSplitNotes(own)); diff != "" {
		t.Errorf("a tag that is not about lineage changes: %s", diff)
	}
}

// The parts of a split value can be joined to form the same value. No part is longer than a tag may be, and none ends
// in the middle of a character.
func TestSplitTag(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.StringN(1, 40, 60).Draw(t, "unit")
		value := strings.Repeat(unit, rapid.IntRange(0, 1200).Draw(t, "times"))
		parts := SplitTag("k", value)
		for key, part := range parts {
			if part == "" || len(part) > MaxTagValue || !utf8.ValidString(part) {
				t.Fatalf("part %s has %d bytes, valid %v", key, len(part), utf8.ValidString(part))
			}
		}
		joined := parts["k"]
		if len(value) > MaxTagValue {
			joined = ""
			for n := 1; parts[fmt.Sprintf("k.%d", n)] != ""; n++ {
				joined += parts[fmt.Sprintf("k.%d", n)]
			}
			if !strings.HasSuffix(parts["k"], " "+canonical.Digest(value)[:16]) {
				t.Fatalf("no digest in %q", parts["k"])
			}
		}
		if whole := maxParts * (MaxTagValue - utf8.UTFMax); joined != value && joined != format.Truncate(value, whole) {
			t.Fatalf("joined %d of %d bytes", len(joined), len(value))
		}
	})
}

func TestReasons_ExitCodes(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons {
		if seen[r.Reason] || r.Meaning == "" {
			t.Errorf("reason %s is listed twice or without a meaning", r.Reason)
		}
		seen[r.Reason] = true
	}
	if Reason("no such reason").Exit() != ExitFailed {
		t.Error("an unknown reason counts as success")
	}
}
