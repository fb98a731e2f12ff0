package inputs

import (
	"testing"

	"pgregory.net/rapid"
)

// A value that someone enters in a workflow's form must never assign a second alias.
func TestReadAssignments_OneValue(t *testing.T) {
	field := rapid.OneOf(
		rapid.StringMatching(`[0-9]{0,3}([,; \t=|&\r]|none|champion|=)*[0-9]{0,3}`),
		rapid.StringMatching(`[^\n]{0,20}`),
		rapid.SampledFrom([]string{
			"2, champion=1", "2,champion=1", "2 champion=1", "2\rchampion=1", "none, champion=1", "2\u2028champion=1",
			"+2", "02", "2.0", "٢",
		}),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := field.Draw(t, "field")
		r := &reader{value: func(name string) string {
			if name == "alias" {
				return "challenger=" + text
			}
			return ""
		}}
		got := readAssignments(r, nil)
		if len(r.problems) > 0 {
			return // refused
		}
		if len(got) != 1 || got[0].Alias != "challenger" {
			t.Fatalf("the field %q assigns %v", text, got)
		}
	})
}
