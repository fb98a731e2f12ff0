package doc

import (
	"strings"
	"testing"
)

// No cell is a formula, whatever its text begins with.
func TestCSVCell(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "",
		"plain":            "plain",
		"a=b":              "a=b",
		"=1+1":             "'=1+1",
		"+1":               "'+1",
		"-1":               "'-1",
		"@SUM(A1)":         "'@SUM(A1)",
		"  =1":             "'  =1",
		"\t=1":             "' =1",
		"\r=1":             "' =1",
		"\n=1":             "' =1",
		"\ttab":            " tab",
		"\u00a0=1":         "'\u00a0=1",
		"\u3000=1":         "'\u3000=1",
		"\u200b=1":         "'\u200b=1",
		"\u00ad@x":         "'\u00ad@x",
		"\uff1d1":          "'\uff1d1",
		"\uff0b1":          "'\uff0b1",
		"\uff0d1":          "'\uff0d1",
		"\uff20x":          "'\uff20x",
		"\u22121":          "'\u22121",
		"\x00=1":           "'\ufffd=1",
		"\ufeff=1":         "'\ufffd=1",
		"|calc":            "'|calc",
		"%0A=1":            "%0A=1",
		"'=1":              "'=1",
		"churn version 3.": "churn version 3.",
	} {
		if got := CSVCell(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if got := CSVCell(text); strings.ContainsAny(got, "\t\r\n") {
			t.Errorf("%q: %q is not one line", text, got)
		}
	}
}
