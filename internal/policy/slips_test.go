package policy

import (
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/policy/tree"
)

const small = `version: 1
models:
  churn:
    aliases:
      champion:
        gates:
          - metric: acc
            min: 0.85
`

// A mistake in a policy file is explained in words, with its line.
func TestParse_Slips(t *testing.T) {
	for name, c := range map[string]struct{ old, now, want string }{
		"a tab":                           {"            min", "\t\t\tmin", "8:1: tabs cannot indent YAML; use spaces"},
		"a tab after spaces":              {"    aliases", "  \taliases", "4:3: tabs cannot indent YAML; use spaces"},
		"min is one column too far left":  {"            min", "           min", "8:12: indentation: min begins in column 12; it belongs under metric, in column 13"},
		"min is below the dash":           {"            min", "          min", "8:11: indentation: min begins in column 11; it belongs under metric, in column 13"},
		"min is one column too far right": {"            min", "             min", "8:14: indentation: min begins in column 14; it belongs under metric, in column 13"},
		"min is below gates":              {"            min", "        min", `8:9: target champion has no key "min"; it belongs under metric, in column 13`},
		"the dash is left of gates":       {"          - metric", "       - metric", "7:8: indentation: the list item in column 8 belongs under gates, in column 9 or further right"},
		"a second alias is shifted": {"min: 0.85\n", "min: 0.85\n     shadow:\n        gates: []\n",
			"9:6: indentation: shadow begins in column 6; it belongs under champion, in column 7"},
		"gates are not indented":   {"        gates", "      gates", "5:16: target champion is nothing; want a mapping; indent the lines below that belong to it"},
		"aliases are not indented": {"    aliases", "  aliases", "3:9: model churn is nothing; want a mapping; indent the lines below"},
		"no dash":                  {"- metric", "  metric", "gates of target champion is a mapping; want a list with at least one item; write a dash in front of each item"},
		"no space after the dash":  {"- metric", "-metric", "7:12: a space is missing after the dash; write - metric:"},
		"no space after the colon": {"min: 0.85", "min:0.85", "8:13: a space is missing after min:"},
		"no colon":                 {"min: 0.85", "min 0.85", "8:13: a colon is missing after min"},
		"a comparison":             {"min: 0.85", "min: >= 0.85", "8:13: the value of min must be only the number"},
		"a star without quotes":    {"churn", "*-eu", `3:3: a name with * at the beginning needs quotes; write "*-eu":`},
		"an alias with its sign":   {"champion:", "@champion:", "5:8: the @ is not part of an alias; write champion:"},
		"a colon in a text":        {"min: 0.85", "name: see: it", "8:13: the value of name contains a colon; put it in quotes"},
		"a merge conflict":         {"            min: 0.85\n", "<<<<<<< HEAD\n            min: 0.85\n=======\n            min: 0.9\n>>>>>>> x\n", "8:1: the file has an unresolved merge conflict"},
		"no version":               {"version: 1\n", "", "1:1: the policy needs the key version; add the line version: 1"},
		"an invisible space":       {"            min", "\u00a0           min", "8:1: the line begins with the invisible character U+00A0; use plain spaces"},
		"another encoding":         {"churn", "mod\xe8le", "3:1: the line is not valid UTF-8; save the file as UTF-8"},
		"minimum":                  {"min:", "minimum:", `8:13: gate metric has no key "minimum"; did you mean min?`},
		"at_least":                 {"min:", "at_least:", "did you mean min?"},
		"maximum":                  {"min:", "Maximum:", "did you mean max?"},
		"range":                    {"min: 0.85", "range: [0, 1]", "did you mean between?"},
		"onFailure":                {"min: 0.85", "min: 0.85\n            onFailure: warn", "did you mean on-fail?"},
		"a warning":                {"min: 0.85", "min: 0.85\n            on-fail: warning", "did you mean warn?"},
		"checks":                   {"gates:", "checks:", "did you mean gates?"},
		"a target":                 {"aliases:", "targets:", "did you mean aliases?"},
		"registered-models":        {"models:", "registered-models:", "did you mean models?"},
		"apiVersion":               {"version:", "apiVersion:", "did you mean version?"},
		"another kind of gate":     {"- metric: acc\n            min: 0.85", "- regression: acc\n            direction: higher", "did you mean better?"},
		"a direction":              {"- metric: acc\n            min: 0.85", "- regression: acc\n            better: maximize", "did you mean higher?"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(small, c.old, c.now, 1)
			_, err := Parse("p.yml", []byte(text))
			var got []string
			for _, p := range tree.Problems(err) {
				got = append(got, p.Error())
			}
			if !strings.Contains(strings.Join(got, "\n"), c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A byte order mark and Windows line endings make no difference. UTF-16 is refused, because GitHub cannot show it.
func TestParse_Encodings(t *testing.T) {
	wide := func(order func(low, high byte) string) string {
		out := ""
		for _, b := range []byte(small) {
			out += order(b, 0)
		}
		return out
	}
	little := wide(func(low, high byte) string { return string([]byte{low, high}) })
	big := wide(func(low, high byte) string { return string([]byte{high, low}) })
	for name, c := range map[string]struct{ text, want string }{
		"a byte order mark":         {"\ufeff" + small, ""},
		"line endings of Windows":   {strings.ReplaceAll(small, "\n", "\r\n"), ""},
		"both":                      {"\ufeff" + strings.ReplaceAll(small, "\n", "\r\n"), ""},
		"UTF-16":                    {"\xff\xfe" + little, "1:1: the file is saved as UTF-16; save it as UTF-8"},
		"UTF-16, big end first":     {"\xfe\xff" + big, "1:1: the file is saved as UTF-16; save it as UTF-8"},
		"UTF-16 without a mark":     {little, "1:1: the file is saved as UTF-16; save it as UTF-8"},
		"a byte order mark further": {strings.Replace(small, "  churn", "\ufeff  churn", 1), "U+FEFF"},
		"a slip with both": {"\ufeff" + strings.ReplaceAll(strings.Replace(small, "            min", "           min", 1),
			"\n", "\r\n"), "min begins in column 12; it belongs under metric, in column 13"},
	} {
		p, err := Parse("p.yml", []byte(c.text))
		if c.want == "" && (err != nil || len(p.Rules) != 1) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
