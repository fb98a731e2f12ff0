package tree

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// Error returns an error with the reason bad-policy that lists the problems in a file, sorted by position.
func Error(file string, problems []Problem) error {
	slices.SortStableFunc(problems, func(a, b Problem) int { return (a.Line-b.Line)*1000 + a.Col - b.Col })
	problems = slices.Compact(problems)
	var list []error
	for _, p := range problems {
		list = append(list, p)
	}
	msg := fmt.Sprintf("%s: %d problems", file, len(problems))
	if len(problems) == 1 {
		msg = fmt.Sprintf("%s:%s", file, problems[0].Error())
	}
	return &registry.Error{Reason: registry.BadPolicy, Msg: msg, Cause: errors.Join(list...)}
}

// Problems returns the problems in an error from the function Error, or nil for any other error.
func Problems(err error) []Problem {
	var e *registry.Error
	if !errors.As(err, &e) {
		return nil
	}
	var out []Problem
	if joined, ok := e.Cause.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			var p Problem
			if errors.As(err, &p) {
				out = append(out, p)
			}
		}
	}
	return out
}
