package inputs

import (
	"slices"
	"strings"
	"testing"
)

// The command line accepts each command's example.
func TestExamples(t *testing.T) {
	for _, c := range Commands() {
		a, err := Arguments(append(strings.Fields(c.Name), c.Words...))
		unread := Unread(c, a.Given)
		if err != nil || a.Command != c.Name || len(unread) > 0 || len(c.Words) == 0 && slices.ContainsFunc(All, c.Takes) {
			t.Errorf("%s: %v: %v %v", c.Name, c.Words, err, unread)
		}
	}
}

func TestCommands_InputsExist(t *testing.T) {
	for _, c := range Commands() {
		for _, name := range c.inputs {
			if in := Get(name); slices.Contains(in.For, c.Name) {
				t.Errorf("%s lists the input %s, and the input also lists the command", c.Name, name)
			}
		}
	}
}
