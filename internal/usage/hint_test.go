package usage

import "testing"

func TestSpoken(t *testing.T) {
	for text, want := range map[string]struct{ job, laptop string }{
		`promote another version, or set override to "hold"`: {
			"promote another version, or set override: hold", "promote another version, or set --override hold",
		},
		"set candidate to runs:/r/a b; or go": {"set candidate: runs:/r/a b; or go", "set --candidate runs:/r/a b; or go"},
		"set the input ledger to off.":        {"set ledger: off.", "set --ledger off."},
		"set allow-insecure-http to true if":  {"set allow-insecure-http: true if", "set --allow-insecure-http if"},
		"set the ledger input to off":         {"set ledger: off", "set --ledger off"},
		"set the alias champion first":        {"set the alias champion first", "set the alias champion first"},
		"check the candidate input":           {"check the candidate input", "check --candidate"},
		"use `override: hold`":                {"use `override: hold`", "use `--override hold`"},
		"write `dry-run: true`":               {"write `dry-run: true`", "write `--dry-run`"},
		"write `on-fail: warn`":               {"write `on-fail: warn`", "write `on-fail: warn`"},
		"set the input experiment":            {"set the input experiment", "set --experiment"},
		"set experiment to the one in which":  {"set experiment to the one in which", "set --experiment to the one in which"},
		"check the id in the input candidate": {"check the id in the input candidate", "check the id in --candidate"},
		"set min to 0.9 and set a tag":        {"set min to 0.9 and set a tag", "set min to 0.9 and set a tag"},
		"set --override hold":                 {"set --override hold", "set --override hold"},
	} {
		if got := Spoken(text, true); got != want.job {
			t.Errorf("in a job: %q", got)
		}
		if got := Spoken(text, false); got != want.laptop {
			t.Errorf("on a laptop: %q", got)
		}
	}
}
