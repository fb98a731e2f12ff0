package doc

import (
	"cmp"
	"strings"
	"unicode/utf8"
)

// Text renders the page for a terminal.
func Text(d Page) string {
	var b strings.Builder
	for _, block := range d {
		if _, drawn := block.(Diagram); drawn {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		textBlock(&b, block)
	}
	return b.String()
}

func textBlock(b *strings.Builder, block Block) {
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
		textTable(b, block)
	case Code:
		for _, l := range strings.Split(cleanLines(block.Text), "\n") {
			b.WriteString("    " + l + "\n")
		}
	case Details:
		b.WriteString(Clean(block.Title) + "\n\n" + Text(block.Body))
	}
}

func textTable(b *strings.Builder, t Table) {
	var rows [][]string
	if strings.Join(t.Head, "") != "" {
		rows = append(rows, t.Head)
	}
	for _, r := range t.Rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = textLine(c)
		}
		rows = append(rows, cells)
	}
	width := make([]int, len(t.Head))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	for _, r := range rows {
		var line strings.Builder
		for i, c := range r {
			line.WriteString("  " + c + strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func textLine(l Line) string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(Clean(cmp.Or(s.Long, s.Text)))
	}
	return b.String()
}
