package doc

import "strings"

// Markdown renders the page as GitHub-flavoured Markdown.
func Markdown(d Page) string {
	var b strings.Builder
	for i, block := range d {
		if i > 0 {
			b.WriteString("\n")
		}
		markdownBlock(&b, block)
	}
	return b.String()
}

func markdownBlock(b *strings.Builder, block Block) {
	switch block := block.(type) {
	case Heading:
		b.WriteString("### " + markdownLine(block.Line, false) + "\n")
	case Para:
		b.WriteString(markdownLine(block.Line, false) + "\n")
	case List:
		for _, item := range block.Items {
			b.WriteString("- " + markdownLine(item, false) + "\n")
		}
	case Table:
		markdownTable(b, block)
	case Code:
		fence := strings.Repeat("`", max(3, longestRun(block.Text)+1))
		b.WriteString(fence + block.Lang + "\n" + cleanLines(block.Text) + "\n" + fence + "\n")
	case Diagram:
		b.WriteString("```mermaid\n" + cleanLines(block.Mermaid) + "\n```\n")
	case Details:
		title := plainText(block.Title, htmlText)
		b.WriteString("<details><summary>" + title + "</summary>\n\n" + Markdown(block.Body) + "\n</details>\n")
	}
}

func markdownTable(b *strings.Builder, t Table) {
	row := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	cells := func(lines []Line) []string {
		out := make([]string, len(lines))
		for i, l := range lines {
			out[i] = markdownLine(l, true)
		}
		return out
	}
	head := t.Head
	if strings.Join(head, "") == "" && len(t.Rows) > 0 { // Markdown requires a head, but an empty one would be visible
		head, t.Rows = cells(t.Rows[0]), t.Rows[1:]
	}
	row(head)
	rule := make([]string, len(t.Head))
	for i := range rule {
		rule[i] = "---"
	}
	row(rule)
	for _, r := range t.Rows {
		row(cells(r))
	}
}

func markdownLine(l Line, cell bool) string {
	var b strings.Builder
	for _, s := range l {
		text := plainText(s.Text, markdownText)
		if s.Code {
			text = markdownSpan(s.Text, cell)
		}
		if strings.HasPrefix(s.URL, "https://") || strings.HasPrefix(s.URL, "http://") {
			text = "[" + text + "](<" + linkTarget(s.URL) + ">)"
		}
		b.WriteString(text)
	}
	return b.String()
}

var linkEscapes = strings.NewReplacer(
	"<", "%3C", ">", "%3E", "\n", "", "\r", "", " ", "%20", "|", "%7C", "`", "%60", `\`, "%5C",
)

func linkTarget(url string) string { return linkEscapes.Replace(url) }

// cleanLines applies Clean to each line of the text.
func cleanLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		lines[i] = Clean(l)
	}
	return strings.Join(lines, "\n")
}
