package report

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// short returns a value that is short enough for a table cell.
func short(text string) string { return format.Shorten(text, 80) }

// shortID returns the beginning of a digest or an id, which is enough to compare by eye.
func shortID(text string) string {
	if r := []rune(text); len(r) > 12 {
		return string(r[:12])
	}
	return text
}

// orDash shows data, or a dash if the data is empty.
func orDash(data string) any {
	if data == "" {
		return "–"
	}
	return doc.C(data)
}

func orNone(list string) string {
	if list == "" {
		return "none"
	}
	return list
}

// numberText returns a version number as a string, as MLflow does, or "" if there is no version.
func numberText(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// joinWords joins the non-empty words with spaces.
func joinWords(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// list shows data on one line, separated by commas.
func list(data []string) doc.Line {
	var l doc.Line
	for i, d := range data {
		if i > 0 {
			l = append(l, doc.T(", "))
		}
		l = append(l, doc.C(d))
	}
	return l
}

// dataList returns a list of strings, formatted as data. It returns nil if there are none.
func dataList(texts []string) doc.Page {
	if len(texts) == 0 {
		return nil
	}
	var items []doc.Line
	for _, text := range texts {
		items = append(items, doc.L(doc.C(text)))
	}
	return doc.Page{doc.List{Items: items}}
}
