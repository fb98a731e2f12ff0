package inputs

import (
	"slices"
	"testing"
	"time"
)

// Each command's own action lists at most 12 of the command's inputs first, and marks an input as required only if
// the command refuses to run without that input.
func TestOwnActions(t *testing.T) {
	none := func(string) string { return "" }
	noFile := func(string, int64) ([]byte, error) { return nil, nil }
	for _, c := range Commands() {
		if len(c.First) > 12 {
			t.Errorf("%s lists %d inputs first, more than 12", c.Name, len(c.First))
		}
		for i, name := range c.First {
			if !c.Takes(Get(name)) || slices.Contains(c.First[:i], name) {
				t.Errorf("%s does not read %s, or lists it twice", c.Name, name)
			}
		}
		set := Read(c, func(name string) string { return Get(name).Default }, noFile, none, time.UTC)
		for _, name := range c.Required {
			missing := func(p Problem) bool { return p.Input == name }
			if !slices.Contains(c.First, name) || !slices.ContainsFunc(set.Problems, missing) {
				t.Errorf("%s runs without %s, or does not list it first", c.Name, name)
			}
		}
	}
}

func TestUnread_OwnAction(t *testing.T) {
	a, err := Arguments([]string{"rollback", "--as-action"})
	if err != nil || !a.OwnAction() {
		t.Fatalf("%+v: %v", a, err)
	}
	c, _ := CommandNamed("rollback")
	given := map[string]string{"model": "churn", "thresholds": "acc >= 1", "github-token": "t"}
	problems := Unread(c, func(name string) (string, bool) { v, ok := given[name]; return v, ok })
	if len(problems) != 1 || problems[0].Input != "thresholds" {
		t.Errorf("got %v, want one problem with thresholds", problems)
	}
	if a, _ = Arguments([]string{"rollback", "--as-action", "--model", "churn"}); a.OwnAction() {
		t.Error("a command with flags is taken for an action of its own")
	}
}
