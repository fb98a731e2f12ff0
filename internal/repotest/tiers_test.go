package repotest

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	buildTag  = regexp.MustCompile(`(?m)^//go:build (real|container|browser)$`)
	testFunc  = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	tierLists = regexp.MustCompile(`(?m)^((?:whole|mixed)_\w+) := (.*)$`)
)

// The Makefile lists the packages that have tests with a build tag. In a mixed package, which also has many tests
// without a tag, the tier runs only tests whose names end with the tag.
func TestTiers(t *testing.T) {
	lists := map[string][]string{}
	makefile, err := os.ReadFile(root + "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tierLists.FindAllStringSubmatch(string(makefile), -1) {
		lists[m[1]] = strings.Fields(m[2])
	}
	tagged := map[string]map[string]bool{} // by tag
	for _, f := range goFiles(t) {
		tag := buildTag.FindStringSubmatch(f.text)
		tests := testFunc.FindAllStringSubmatch(f.text, -1)
		if tag == nil || len(tests) == 0 {
			continue
		}
		pkg := "./" + f.pkg
		if tagged[tag[1]] == nil {
			tagged[tag[1]] = map[string]bool{}
		}
		tagged[tag[1]][pkg] = true
		if slices.Contains(lists["mixed_"+tag[1]], pkg) {
			for _, m := range tests {
				if !strings.HasSuffix(strings.ToLower(m[1]), "_"+tag[1]) {
					t.Errorf("%s: %s does not end with _%s, so no tier runs it", f.path, m[1], tag[1])
				}
			}
		}
	}
	for tag, pkgs := range tagged {
		got := slices.Sorted(slices.Values(slices.Concat(lists["whole_"+tag], lists["mixed_"+tag])))
		if want := slices.Sorted(maps.Keys(pkgs)); !slices.Equal(got, want) {
			t.Errorf("the Makefile lists %v for the tests with the tag %s, want %v", got, tag, want)
		}
	}
	if len(tagged) != 3 {
		t.Errorf("tests with %d tags were found", len(tagged))
	}
}
