package files

import (
	"fmt"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/gates"
	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
	"github.com/mlflow-promote/mlflow-promote/tools/gen/markdown"
)

func gateTable() string {
	rows := [][]string{{"gate", "passes if", "notes"}}
	for _, k := range gates.Kinds {
		rows = append(rows, []string{fmt.Sprintf("[`%s`](#%s)", k.Name, k.Name), k.Passes, k.Notes})
	}
	return markdown.Table(rows)
}

// gateSections returns a section for each kind of gate, with its keys, an example, and facts for which the example
// passes.
func gateSections() string {
	var sections []string
	for _, k := range gates.Kinds {
		rows := [][]string{{"key", "", "value", "description"}}
		for _, f := range k.Keys() {
			required := ""
			if f.Required {
				required = "required"
			}
			rows = append(rows, []string{code(f.Name), required, values(f.Shape), f.About})
		}
		example := strings.ReplaceAll(k.Example, "\n", "\n    ")
		sections = append(sections, fmt.Sprintf("### %s\n\nPasses if %s. %s\n\n%s\n```yaml\ngates:\n  - %s\n```\n\n"+
			"In a [test](#test-a-policy), it passes on these facts:\n\n```yaml\n%s\n```\n",
			k.Name, k.Passes, k.Notes, markdown.Table(rows), example, k.Facts))
	}
	return strings.Join(sections, "\n")
}

// values describes a key's values in a few words, short enough for a table cell.
func values(s tree.Shape) string {
	out := string(s.Kind)
	switch {
	case len(s.Values) > 0:
		out = "`" + strings.Join(s.Values, "`, `") + "`"
	case s.Pattern == tree.DurationText:
		out = "time such as 30d"
	case s.Whole:
		out = "whole number from " + format.Number(s.Min)
	case s.Kind == tree.KindNumber:
		out = "number"
	case s.Kind == tree.KindBool:
		out = "`true` or `false`"
	case s.Size > 0:
		out = fmt.Sprintf("list of %d", s.Size)
	case s.Kind == tree.KindList:
		out = "list"
	case s.Kind == tree.KindMap:
		out = "mapping"
	}
	if s.Or != nil {
		out += " or " + values(*s.Or)
	}
	return out
}
