package report

import (
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
	"github.com/mlflow-promote/mlflow-promote/internal/report/doc"
)

// short shortens a value to fit into a table cell.
func short(text string) string { return format.Shorten(text, 80) }

// orDash returns data, or a dash if data is empty.
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

// list joins data with commas.
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

// dataList returns a list of strings, each formatted as data, or nil if there are none.
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
