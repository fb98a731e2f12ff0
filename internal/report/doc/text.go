package doc

import (
	"cmp"
	"strings"
)

// Terminal renders the page for a terminal with the given number of columns. If a table is wider, the text in its cells
// is wrapped. 0 means that the width is not known, so nothing is wrapped.
func Terminal(d Page, columns int) string {
	var b strings.Builder
	for _, block := range d {
		if _, drawn := block.(Diagram); drawn {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		textBlock(&b, block, columns)
	}
	return b.String()
}

func textBlock(b *strings.Builder, block Block, columns int) {
	switch block := block.(type) {
	case Heading:
		b.WriteString(textLine(block.Line) + "\n")
	case Para:
		b.WriteString(textLine(block.Line) + "\n")
	case List:
		for _, item := range block.Items {
			b.WriteString("  - " + textLine(item) + "\n")
		}
	case Table:
		textTable(b, block, columns)
	case Code:
		for _, l := range strings.Split(cleanLines(block.Text), "\n") {
			b.WriteString("    " + l + "\n")
		}
	case Details:
		b.WriteString(Clean(block.Title) + "\n\n" + Terminal(block.Body, columns))
	}
}

func textLine(l Line) string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(Clean(cmp.Or(s.Long, s.Text)))
	}
	return b.String()
}
