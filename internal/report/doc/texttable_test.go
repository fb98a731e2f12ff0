package doc

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestTerminal_WrapsTables(t *testing.T) {
	page := Page{Table{
		Head: []string{"who", "why"},
		Rows: [][]Line{Row("ann", "the new model is better in each region"), Row("ben", "–")},
	}}
	for columns, want := range map[int]string{
		0:  "  who  why\n  ann  the new model is better in each region\n  ben  –\n",
		30: "  who  why\n  ann  the new model is better\n       in each region\n  ben  –\n",
		12: "  who  ann\n  why  the new model is\n       better in each\n       region\n\n  who  ben\n  why  –\n",
	} {
		if diff := cmp.Diff(want, Terminal(page, columns)); diff != "" {
			t.Errorf("%d columns: %s", columns, diff)
		}
	}
}

// No line of a table is wider than the terminal, and no character is lost, whatever the text.
func TestTerminal_Fits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cell := rapid.StringMatching(`[a-zé ]{0,60}`)
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 3, 3), 1, 5).Draw(t, "rows")
		columns := rapid.IntRange(30, 120).Draw(t, "columns")
		table := Table{Head: []string{"a", "b", "c"}}
		want := 0
		for _, r := range rows {
			table.Rows = append(table.Rows, Row(r[0], r[1], r[2]))
			want += letters(strings.Join(r, ""))
		}
		out := Terminal(Page{table}, columns)
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns {
				t.Fatalf("%d columns: %q has %d", columns, line, n)
			}
		}
		if got := letters(out) - letters("abc"); got != want && got-want != (len(rows)-1)*3 {
			t.Fatalf("%d letters, want %d:\n%s", got, want, out)
		}
	})
}

// letters returns the number of characters other than spaces.
func letters(text string) int { return len([]rune(strings.Join(strings.Fields(text), ""))) }
