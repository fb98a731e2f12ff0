package plan

import (
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// ErrIncumbent is the error if the target does not point to the expected version; 0 means none. input writes an
// input with its value.
func (p Plan) ErrIncumbent(expected int, input func(name, value string) string) error {
	found := "none" // as the expected-previous input accepts it
	if p.Incumbent != 0 {
		found = fmt.Sprint(p.Incumbent)
	}
	return &registry.Error{
		Reason: registry.PlanChanged,
		Msg: fmt.Sprintf("check %s of %s: it points to %s, but expected-previous is %s", p.Target, p.Model,
			versionOrNone(p.Incumbent), versionOrNone(expected)),
		Hint: "run history to see who moved it, then run again with " + input("expected-previous", found),
	}
}

func versionOrNone(n int) string {
	if n == 0 {
		return "no version"
	}
	return fmt.Sprintf("version %d", n)
}
