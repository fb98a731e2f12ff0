package doc

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// Flow is a Mermaid flowchart, which GitHub draws in summaries and comments. A table next to it has the same content,
// for terminals and screen readers.
type Flow struct {
	nodes, edges []string
	known        map[string]string // name of the node for each thing
}

// Node adds a box for a thing, unless it has one, and returns its name in the chart.
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

// Edge connects two boxes. A broken edge is dotted: one end is unknown or lost.
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

// maxLabel is the length of the longest label. The table has the whole text.
const maxLabel = 40

// mermaidLabel makes text safe between the quotes of a label. It keeps letters, digits and a few marks without a
// meaning in Mermaid, Markdown and HTML, and replaces everything else by spaces. So no text can end the label or begin
// a directive.
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
