package doc

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Flow is a Mermaid flowchart, which GitHub draws in summaries and comments. A table next to it shows the same content
// for terminals and screen readers.
type Flow struct {
	nodes, edges []string
	known        map[string]string // names of the nodes by thing
}

// Node adds a box for a thing unless there is already one, and returns the name of the box in the chart.
func (f *Flow) Node(thing, label string) string {
	if name, ok := f.known[thing]; ok {
		return name
	}
	if f.known == nil {
		f.known = map[string]string{}
	}
	name := fmt.Sprintf("n%d", len(f.nodes)+1)
	f.known[thing] = name
	f.nodes = append(f.nodes, fmt.Sprintf("  %s[\"%s\"]", name, mermaidLabel(label)))
	return name
}

// Edge connects two boxes. A broken edge, which is dotted, means that one end is unknown or lost.
func (f *Flow) Edge(from, to string, broken bool) {
	arrow := "-->"
	if broken {
		arrow = "-.->"
	}
	f.edges = append(f.edges, fmt.Sprintf("  %s %s %s", from, arrow, to))
}

// String returns the chart as Mermaid source.
func (f *Flow) String() string {
	return "flowchart LR\n" + strings.Join(append(f.nodes, f.edges...), "\n")
}

// maxLabel is the maximum length of a label. The table shows the full text.
const maxLabel = 40

// mermaidLabel makes text safe between the quotes of a label. It keeps letters, digits and a few marks that mean
// nothing in Mermaid, Markdown or HTML. Everything else becomes spaces, so no text can end the label or begin a
// directive.
func mermaidLabel(text string) string {
	var b strings.Builder
	space := false
	for _, r := range text {
		if !unicode.In(r, unicode.L, unicode.Nd, unicode.Mn) && !strings.ContainsRune("-_./(),+=@'", r) {
			space = true
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	if b.Len() == 0 {
		return "?"
	}
	return format.Shorten(b.String(), maxLabel)
}
