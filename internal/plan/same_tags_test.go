package plan

import (
	"strings"
	"testing"
)

func TestSameTagNotes(t *testing.T) {
	of := func(keys ...string) map[string]string {
		out := map[string]string{}
		for _, k := range keys {
			out[k] = "x"
		}
		return out
	}
	for name, c := range map[string]struct {
		set, have map[string]string
		want      string // parts of the only note, separated by |; "" if there is no note
	}{
		"the same key":       {of("owner"), of("owner"), ""},
		"other keys":         {of("owner", "team"), of("owners"), ""},
		"another separator":  {of("owner_name"), of("owner-name"), ""},
		"another case":       {of("Owner"), of("owner"), "owner and Owner differ|owner loses its value"},
		"a space at the end": {of("owner "), of("owner"), "owner loses its value"},
		"both asked for":     {of("owner", "OWNER"), nil, "OWNER and owner differ|one of them loses"},
	} {
		got := sameTagNotes("version 1: ", c.set, c.have)
		if c.want == "" && len(got) > 0 || c.want != "" && len(got) != 1 {
			t.Errorf("%s: %q", name, got)
			continue
		}
		for _, part := range strings.Split(c.want, "|") {
			if part != "" && !strings.Contains(got[0], part) {
				t.Errorf("%s: %q does not say %q", name, got[0], part)
			}
		}
	}
}
