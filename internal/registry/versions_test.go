package registry

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestVersions(t *testing.T) {
	v := VersionsOf(7, 3, 7)
	for name, c := range map[string]struct{ got, want any }{
		"in order, each once":        {v, Versions{3, 7}},
		"with another":               {v.With(5), Versions{3, 5, 7}},
		"with one that is there":     {v.With(3), Versions{3, 7}},
		"with the one to be created": {v.With(NextVersion).String(), "3,7,{new}"},
		"without one":                {v.Without(3), Versions{7}},
		"without all":                {v.Without(3, 7), Versions(nil)},
		"has":                        {v.Has(7), true},
		"has not":                    {v.Has(5), false},
		"only one of two":            {v.Only(), 0},
		"only one of one":            {VersionsOf(7).Only(), 7},
		"the highest":                {v.Highest(), 7},
		"the highest of none":        {VersionsOf().Highest(), 0},
		"only one, to be created":    {VersionsOf(NextVersion).Only(), 0},
		"the highest is not created": {VersionsOf(3, NextVersion).Highest(), 0},
		"in words":                   {v.Join(" and "), "3 and 7"},
		"unchanged by all of these":  {v, Versions{3, 7}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Versions can be parsed from the text that they produce, and any other text is rejected.
func TestVersions_Text(t *testing.T) {
	for text, want := range map[string]Versions{
		"": nil, "7": {7}, "3,7": {3, 7}, "{new}": {NextVersion}, "3,{new}": {3, NextVersion},
	} {
		var got Versions
		if err := got.UnmarshalText([]byte(text)); err != nil || !got.Equal(want) || got.String() != text {
			t.Errorf("%q: %v (%v), and back %q", text, got, err, got)
		}
	}
	for _, text := range []string{
		"7,3", "3,3", "03", "+3", "-3", " 3", "3,", ",", "3, 7", "x", "{new},3", "9223372036854775807", `{"champion":10}`,
	} {
		var got Versions
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestRef_Text(t *testing.T) {
	for text, want := range map[string]Ref{
		"": {}, "@champion": AliasRef("champion"), "@": AliasRef(""), "Production": StageRef("Production"),
		"tag promote.traffic": TagRef(
			"promote.traffic",
		), "7": VersionRef(7), "@7": AliasRef("7"), "tag": StageRef("tag"),
	} {
		if got := ParseRef(text); got != want || got.String() != text {
			t.Errorf("%q: %+v, and back %q", text, got, got)
		}
	}
}

// Any stored text can be parsed and stored again byte for byte.
func TestTexts_Lossless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`@?[a-z0-9,{} ]{0,9}`), rapid.SampledFrom([]string{
			"3,7", "7,3", "{new}", "3,{new}", "tag x", "Production", "03",
		}))
		ref, state := text.Draw(t, "ref"), text.Draw(t, "state")
		if got := ParseRef(ref).String(); got != ref {
			t.Fatalf("ref %q is written as %q", ref, got)
		}
		if got := ParseRef(ref).ParseState(state).String(); got != state {
			t.Fatalf("state %q of %q is written as %q", state, ref, got)
		}
	})
}

func TestState_JSON(t *testing.T) {
	type move struct {
		Was  State `json:"was,omitzero"`
		Want State `json:"want"`
	}
	for want, m := range map[string]move{
		`{"want":""}`:                     {},
		`{"was":"3,7","want":"7"}`:        {PointsTo(7, 3), PointsTo(7)},
		`{"was":"a tag","want":"{time}"}`: {Text("a tag"), Text("{time}")},
	} {
		if got, err := json.Marshal(m); err != nil || string(got) != want {
			t.Errorf("%s (%v), want %s", got, err, want)
		}
	}
	var m move
	if err := json.Unmarshal([]byte(`{"want":"7"}`), &m); err == nil {
		t.Errorf("a state was read without its target: %+v", m)
	}
}
