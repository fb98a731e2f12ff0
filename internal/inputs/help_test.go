package inputs

import (
	"strings"
	"testing"
)

// The command line accepts the example of each command.
func TestExamples(t *testing.T) {
	for _, c := range Commands() {
		a, err := Arguments(append(strings.Fields(c.Name), c.example...))
		if err != nil || a.Command != c.Name || len(UnreadFlags(c, a)) > 0 || len(c.example) == 0 {
			t.Errorf("%s: %v: %v %v", c.Name, c.example, err, UnreadFlags(c, a))
		}
	}
}
