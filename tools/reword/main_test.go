package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReworded(t *testing.T) {
	for source, want := range map[string]string{
		`fmt.Errorf("the run %s is gone", id)`:                   `fmt.Errorf("the other run %s is gone", id)`,
		`x := "a model, not a run" + y`:                          `x := "a other model, not a run" + y`,
		`f("champion"); f("no alias"); f("` + "`a b`" + `")`:     `f("champion"); f("no alias"); f("` + "`a b`" + `")`,
		`strings.Contains(why, "is not a run")`:                  `strings.Contains(why, "is not a run")`,
		`if why == "is not a run" { say("is not a run") }`:       `if why == "is not a run" { say("is other not a run") }`,
		`const truncation = "cut from a text"`:                   `const truncation = "cut from a text"`,
		`_ = map[string]string{"a b c": "is not a run"}`:         `_ = map[string]string{"a b c": "is other not a run"}`,
		`_ = strings.Join([]string{"is not a run"}, " and so ")`: `_ = strings.Join([]string{"is other not a run"}, " and so ")`,
	} {
		const head, end = "package p\n\nfunc f() { ", " }\n"
		got, _, err := reworded("p.go", []byte(head+source+end))
		if diff := cmp.Diff(head+want+end, string(got)); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
}

func TestUnchecked(t *testing.T) {
	const script = "mlflow 3.17.2\nmlflow-promote doctor\nstdout 'a b'\n! stderr x\nstatus 2\n-- a --\nstdout x\n"
	const want = "mlflow 3.17.2\nmlflow-promote doctor\n\n\nstatus 2\n-- a --\nstdout x\n"
	if diff := cmp.Diff(want, string(unchecked([]byte(script)))); diff != "" {
		t.Error(diff)
	}
}

func TestMissing(t *testing.T) {
	if diff := cmp.Diff([]string{"b", "b"}, missing("a\nb\nb\nb", "b\na")); diff != "" {
		t.Error(diff)
	}
}
