package main

import (
	"os"
	"strings"
	"testing"
)

// A row whose text is no longer in the code tests nothing.
func TestMutants_Apply(t *testing.T) {
	for _, m := range mutants {
		code, err := os.ReadFile("../../internal/" + m.file)
		if err != nil {
			t.Errorf("%s: %v", m.what, err)
		} else if n := strings.Count(string(code), m.from); n != 1 || m.from == m.to {
			t.Errorf("%s: %q occurs %[4]d times in %[3]s, want once", m.what, m.from, m.file, n)
		}
	}
}

func TestMutants_TestsExist(t *testing.T) {
	t.Chdir("../..")
	for _, m := range mutants {
		if _, err := m.testPackage(); err != nil {
			t.Errorf("%s: %v", m.what, err)
		}
	}
}
