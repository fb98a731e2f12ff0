package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// go test passes even if -run matches no test, so renaming a test would silently disable its campaign.
func TestCampaigns_TestsExist(t *testing.T) {
	t.Chdir("../..")
	for _, c := range campaigns {
		run := regexp.MustCompile(c.test[slices.Index(c.test, "-run")+1])
		for _, arg := range c.test {
			if strings.HasPrefix(arg, "./") && !slices.ContainsFunc(testsIn(t, arg), run.MatchString) {
				t.Errorf("%s: no test in %s matches %s", c.name, arg, run)
			}
		}
	}
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

func testsIn(t *testing.T, folder string) (names []string) {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(code), -1) {
			names = append(names, m[1])
		}
	}
	return names
}
