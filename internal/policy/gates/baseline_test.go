package gates

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBaselineKeys(t *testing.T) {
	for word, want := range map[string][]string{
		"champion": {"@champion"}, "@champion": {"@champion"}, "production": {"@production", "Production"},
		"Staging": {"@Staging", "Staging"}, "@staging": {"@staging"}, "none": nil, "v7": nil, "@": nil, "@@x": nil,
		"a b": nil,
	} {
		got, err := BaselineKeys(word)
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (want != nil) {
			t.Errorf("%q: %v %s", word, err, diff)
		}
	}
}
