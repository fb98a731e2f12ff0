package usage

import (
	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/inputs"
)

// Input returns an input and its value in the form that the user writes: as a line in the workflow if the program runs
// as an action, and otherwise as a flag.
func Input(asAction bool, input, value string) string {
	switch {
	case asAction:
		return input + ": " + value
	case inputs.Get(input).Kind == inputs.Bool && value == "true":
		return "--" + input
	}
	return "--" + input + " " + format.ShellWord(value)
}
