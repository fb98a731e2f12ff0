package inputs

import (
	"strings"
	"testing"
)

// The example of each command is one that the command line takes.
func TestExamples(t *testing.T) {
	for _, c := range Commands() {
		a, err := Arguments(append(strings.Fields(c.Name), c.example...))
		if err != nil || a.Command != c.Name || len(Unread(c, a)) > 0 || len(c.example) == 0 {
			t.Errorf("%s: %v: %v %v", c.Name, c.example, err, Unread(c, a))
		}
	}
}
