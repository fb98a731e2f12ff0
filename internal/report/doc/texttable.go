package doc

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// gap separates the columns of a table, and is also its left margin.
const gap = "  "

// narrowest is the minimum width to which a column may be narrowed, even if it contains a longer word.
const narrowest = 16

// textTable writes a table. If it is wider than the terminal, the text in its cells is wrapped. If even that is not
// enough, each row becomes a block with one line for each cell.
func textTable(b *strings.Builder, t Table, columns int) {
	var rows [][]string
	headed := strings.Join(t.Head, "") != ""
	if headed {
		rows = append(rows, t.Head)
	}
	for _, r := range t.Rows {
		cells := make([]string, len(r))
		for i, c := range r {
			cells[i] = textLine(c)
		}
		rows = append(rows, cells)
	}
	width, fits := columnWidths(rows, len(t.Head), columns)
	if headed && !fits {
		textBlocks(b, rows, columns)
		return
	}
	for _, r := range rows {
		textRow(b, r, width)
	}
}

// columnWidths returns the width of each column. If the table is too wide, columnWidths narrows the columns that need
// the fewest additional lines. fits is false if the columns cannot be made narrow enough.
func columnWidths(rows [][]string, n, columns int) (width []int, fits bool) {
	width, least := make([]int, n), make([]int, n)
	total := n * len(gap)
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], utf8.RuneCountInString(c))
			for word := range strings.SplitSeq(c, " ") {
				least[i] = max(least[i], min(utf8.RuneCountInString(word), narrowest))
			}
		}
	}
	for _, w := range width {
		total += w
	}
	sample := rows[:min(len(rows), sampled)]
	for columns > 0 && total > columns {
		best, lines := -1, 0
		for i, w := range width {
			if w <= least[i] {
				continue
			}
			width[i]--
			n := linesOf(sample, width)
			width[i]++
			if best < 0 || n < lines || n == lines && w > width[best] {
				best, lines = i, n
			}
		}
		if best < 0 {
			return width, false
		}
		width[best]--
		total--
	}
	return width, true
}

// sampled is the number of rows that are considered when the widths of the columns are determined.
const sampled = 30

// linesOf returns the number of lines that the rows take up with these column widths.
func linesOf(rows [][]string, width []int) (lines int) {
	for _, r := range rows {
		height := 1
		for i, c := range r {
			if utf8.RuneCountInString(c) > width[i] {
				height = max(height, len(wrap(c, width[i])))
			}
		}
		lines += height
	}
	return lines
}

// textRow writes one row of a table. The row has several lines if a cell is wider than its column.
func textRow(b *strings.Builder, cells []string, width []int) {
	wrapped, height := make([][]string, len(cells)), 1
	for i, c := range cells {
		wrapped[i] = wrap(c, width[i])
		height = max(height, len(wrapped[i]))
	}
	for n := range height {
		var line strings.Builder
		for i, lines := range wrapped {
			text := ""
			if n < len(lines) {
				text = lines[n]
			}
			line.WriteString(gap + text + strings.Repeat(" ", width[i]-utf8.RuneCountInString(text)))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// textBlocks writes each row as a block of lines, for a terminal that is too narrow for a table.
func textBlocks(b *strings.Builder, rows [][]string, columns int) {
	head, label := rows[0], 0
	for _, h := range head {
		label = max(label, utf8.RuneCountInString(h))
	}
	value := max(narrowest, columns-label-2*len(gap))
	for i, r := range rows[1:] {
		if i > 0 {
			b.WriteString("\n")
		}
		for j, c := range r {
			textRow(b, []string{head[j], c}, []int{label, value})
		}
	}
}

// wrap splits a text at spaces into lines of at most the given width. A word is split only if it is wider than a line.
func wrap(text string, width int) []string {
	var out []string
	line := []rune{}
	for i, word := range strings.Split(text, " ") {
		next := []rune(word)
		if i > 0 {
			next = slices.Concat(line, []rune{' '}, next)
		}
		if len(next) > width && len(line) > 0 {
			out, next = append(out, string(line)), []rune(word)
		}
		for len(next) > width && width > 0 {
			out, next = append(out, string(next[:width])), next[width:]
		}
		line = next
	}
	return append(out, string(line))
}
