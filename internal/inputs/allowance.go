package inputs

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/trigger"
)

// readAllowance returns the additional refs and events that are allowed to start a write.
func readAllowance(r *reader) (out trigger.Allowance) {
	for _, l := range format.Lines(r.value("allow-refs")) {
		p, err := trigger.ParseRefPattern(l)
		if err != nil {
			r.problem("allow-refs", l, err.Error())
			continue
		}
		out.Refs = append(out.Refs, p)
	}
	separator := func(c rune) bool { return c == ',' || unicode.IsSpace(c) }
	for _, name := range strings.FieldsFunc(r.value("allow-events"), separator) {
		if !eventName.MatchString(name) {
			r.problem("allow-events", name, "is not an event; write its name as in workflows, such as issue_comment")
			continue
		}
		out.Events = append(out.Events, name)
	}
	return out
}

// eventName matches the name of a GitHub event.
var eventName = regexp.MustCompile(`^[a-z][a-z_]*$`)
