package cli

import (
	"strings"
	"testing"
)

// The example of each command is one that the command line takes.
func TestExamples(t *testing.T) {
	for _, c := range commands() {
		a, err := arguments(append(strings.Fields(c.name), c.example...))
		if err != nil || a.command != c.name || len(foreign(c, a)) > 0 || len(c.example) == 0 {
			t.Errorf("%s: %v: %v %v", c.name, c.example, err, foreign(c, a))
		}
	}
}
