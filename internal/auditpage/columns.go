package auditpage

import (
	"encoding/json"
	"fmt"
	"slices"
)

// words assigns numbers to strings, so that each string is written only once. 0 is the empty string.
type words struct {
	list  []string
	index map[string]int
}

func newWords() *words { return &words{[]string{""}, map[string]int{"": 0}} }

func (w *words) at(text string) int {
	n, ok := w.index[text]
	if !ok {
		n = len(w.list)
		w.list, w.index[text] = append(w.list, text), n
	}
	return n
}

func (w *words) MarshalJSON() ([]byte, error) { return json.Marshal(w.list) }

// lists assigns numbers to lists of strings in the same way. 0 is the empty list.
type lists struct {
	words *words
	list  [][]int
	index map[string]int
}

func newLists(w *words) *lists { return &lists{w, [][]int{{}}, map[string]int{"[]": 0}} }

func (l *lists) at(texts []string) int {
	list := make([]int, len(texts))
	for i, t := range texts {
		list[i] = l.words.at(t)
	}
	key := fmt.Sprint(list)
	n, ok := l.index[key]
	if !ok {
		n = len(l.list)
		l.list, l.index[key] = append(l.list, list), n
	}
	return n
}

func (l *lists) MarshalJSON() ([]byte, error) { return json.Marshal(l.list) }

// columns is a table of numbers stored by column. If all numbers in a column are equal, the number is written only
// once. Columns of zeros are left out.
type columns struct {
	rows   int
	values map[string][]int
}

// cell is one number in a row.
type cell struct {
	column string
	value  int
}

// add appends a row. All rows must have the same columns.
func (c *columns) add(row ...cell) {
	if c.values == nil {
		c.values = map[string][]int{}
	}
	for _, x := range row {
		c.values[x.column] = append(c.values[x.column], x.value)
	}
	c.rows++
}

func (c columns) MarshalJSON() ([]byte, error) {
	out := map[string]any{"rows": c.rows}
	for name, values := range c.values {
		switch {
		case slices.ContainsFunc(values, func(v int) bool { return v != values[0] }):
			out[name] = values
		case values[0] != 0:
			out[name] = values[0]
		}
	}
	return json.Marshal(out)
}
