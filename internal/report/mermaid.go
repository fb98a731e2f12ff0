package report

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

// flow is a small flowchart for Mermaid, which GitHub draws in summaries and comments. It never stands alone: what it
// shows is in a table beside it too, for the terminal, for screen readers, and for the day GitHub stops drawing.
type flow struct {
	nodes, edges []string
	known        map[string]string // node by what it stands for
}

// node adds a box once for each thing and returns its name in the chart.
func (f *flow) node(thing, label string) string {
	if name, there := f.known[thing]; there {
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

// edge joins two boxes; one that is broken leads to or from something that is lost.
func (f *flow) edge(from, to string, broken bool) {
	arrow := "-->"
	if broken {
		arrow = "-.->"
	}
	f.edges = append(f.edges, fmt.Sprintf("  %s %s %s", from, arrow, to))
}

// String is the chart in Mermaid's words, from left to right.
func (f *flow) String() string {
	return "flowchart LR\n" + strings.Join(append(f.nodes, f.edges...), "\n")
}

// maxLabel keeps a box narrow; the table has the whole text.
const maxLabel = 40

// mermaidLabel makes any text fit between the quotes of a label. Only letters, digits and the few marks that mean
// nothing to Mermaid, Markdown and HTML stay; any other run of characters becomes a space. So nothing can end the
// label, open a directive, a link, a formula or an icon.
func mermaidLabel(text string) string {
	var b strings.Builder
	space := false
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && !strings.ContainsRune("-_./(),+=@'", r) {
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
