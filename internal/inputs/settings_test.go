package inputs

import "testing"

// A problem is one sentence: a predicate follows its subject without a colon, and a value is not shown twice.
func TestProblem_String(t *testing.T) {
	for want, p := range map[string]Problem{
		`model is missing; set it`:                     {"model", "", "is missing; set it"},
		`stage: "live" is not a stage`:                 {"stage", "live", "is not a stage"},
		`alias: "latest" is reserved by MLflow`:        {"alias", "latest", `"latest" is reserved by MLflow`},
		`candidate: "s3://b": a location has no run`:   {"candidate", "s3://b", "a location has no run"},
		`thresholds: line 1, "a": no comparison`:       {"thresholds", "", `line 1, "a": no comparison`},
		`candidate: "7": latest may change before it`:  {"candidate", "7", "latest may change before it"},
		`dispatch: "a b": "a" is not a workflow file`:  {"dispatch", "a b", `"a" is not a workflow file`},
		`headers: issued by a proxy`:                   {"headers", "", "issued by a proxy"},
		`username, password or token contains a break`: {"username, password or token", "", "contains a break"},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
