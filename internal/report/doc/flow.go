package doc

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Flow is a Mermaid flowchart, which GitHub draws in summaries and comments. For terminals and screen readers, a table
// next to it shows the same content.
type Flow struct {
	nodes, edges []string
	known        map[string]string // the name of the node for each thing
}

// Node adds a box for a thing unless there already is one, and returns the name of its box in the chart.
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

// Edge connects two boxes. A broken edge is dotted, and means that one of its ends is unknown or lost.
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

// maxLabel is the maximum length of a label. A table shows the full text.
const maxLabel = 40

// mermaidLabel makes text safe between the quotes of a label. It keeps letters, digits and a few characters that have
// no meaning in Mermaid, Markdown or HTML. Everything else becomes a space, so the text cannot end the label or begin a
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
