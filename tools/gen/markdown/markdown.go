// Package markdown builds tables and inserts them between the markers in a page.
package markdown

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var marked = regexp.MustCompile(`(?s)<!-- begin (\w+) -->\n.*?<!-- end (\w+) -->`)

// Insert returns the page with each table between its markers. It fails if a table has no markers, or if a begin marker
// or end marker lacks its counterpart. It leaves markers for other generators as they are.
func Insert(page string, tables map[string]string) (string, error) {
	found := map[string]bool{}
	page = marked.ReplaceAllStringFunc(page, func(part string) string {
		name := marked.FindStringSubmatch(part)[1]
		table, ok := tables[name]
		if !ok {
			return part
		}
		found[name] = true
		return "<!-- begin " + name + " -->\n\n" + table + "\n<!-- end " + name + " -->"
	})
	for name := range tables {
		if !found[name] {
			return "", fmt.Errorf("the page has no markers for the table %q", name)
		}
	}
	if strings.Count(page, "<!-- begin ") != strings.Count(page, "<!-- end ") {
		return "", errors.New("the page has a begin marker without an end marker, or the reverse")
	}
	return page, nil
}

// Table returns rows as a Markdown table. The first row becomes the header.
func Table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		for _, cell := range row {
			b.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return b.String()
}
