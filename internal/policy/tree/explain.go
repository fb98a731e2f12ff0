package tree

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// slips lists common mistakes in a line, with advice. The first group of the pattern is inserted into the advice. The
// parser may report the line after the mistake.
var slips = []struct {
	pattern *regexp.Regexp
	advice  string
}{
	{regexp.MustCompile(`^(<{7}|={7}|>{7})( |$)`), "the file has an unresolved merge conflict (%s)"},
	{regexp.MustCompile(`^\s*(\*[^\s:]*)\s*:`), `a name with * at the beginning needs quotes; write "%s":`},
	{regexp.MustCompile(`^\s*@([^\s:]+)\s*:`), "the @ is not part of an alias; write %s:"},
	{
		regexp.MustCompile("^\\s*(?:- +)?[\\w-]+:\\s*([@`]\\S*)"),
		"a value that starts with this character needs quotes: %s",
	},
	{regexp.MustCompile(`^\s*-([A-Za-z"'][^\s:]*)\s*:`), "a space is missing after the dash; write - %s:"},
	{regexp.MustCompile(`^\s*(?:- +)?([\w-]+):[^\s:/]`), "a space is missing after %s:"},
	{regexp.MustCompile(`^\s*(?:- +)?([\w-]+):\s*[<>]=?\s*-?[0-9]`), "the value of %s must be only the number"},
	{
		regexp.MustCompile(`^\s*(?:- +)?([\w-]+):\s+[^"'#|>\[{\s][^"#]*:\s`),
		"the value of %s contains a colon; put it in quotes",
	},
	{regexp.MustCompile(`^\s*(?:- +)?([\w-]+)\s+-?[\w."'][^:]*$`), "a colon is missing after %s"},
}

// explain describes the parser's problem in plain words, at the position of the actual mistake. It recognises tabs,
// wrong indentation and the mistakes in slips.
func explain(text string, p Problem) Problem {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		if indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; i < p.Line && strings.Contains(indent, "\t") {
			return Problem{i + 1, strings.Index(line, "\t") + 1, "tabs cannot indent YAML; use spaces"}
		}
		if slips[0].pattern.MatchString(line) {
			return Problem{i + 1, 1, fmt.Sprintf(slips[0].advice, line)}
		}
	}
	for _, at := range []int{p.Line, p.Line - 1} {
		if at < 1 || at > len(lines) {
			continue
		}
		for _, s := range slips {
			if m := s.pattern.FindStringSubmatchIndex(lines[at-1]); m != nil {
				return Problem{at, m[2] + 1, fmt.Sprintf(s.advice, lines[at-1][m[2]:m[3]])}
			}
		}
	}
	if found, ok := misplaced(lines); ok {
		return found
	}
	if strings.Contains(p.Msg, "not allowed in this context") {
		p.Msg += "; check the indentation of this line and of the line above it"
	}
	return p
}

// level is the column in which a mapping's keys or a list's dashes begin.
type level struct {
	col  int
	list bool
	key  string // the last key in the mapping
}

// outline tracks the indentation of a file, line by line.
type outline struct {
	levels []level
	opened bool // whether the last line ends with a colon, so that the next line may be indented further
}

// dashes matches a list dash at the beginning of a line, and entry matches a line that begins with a key.
var (
	dashes = regexp.MustCompile(`^(\s*)(-)(\s+|$)`)
	entry  = regexp.MustCompile(`^(\s*)("[^"]*"|'[^']*'|[^\s"'#\[{|>-][^:#]*?)\s*:(?:\s+(.*))?$`)
)

// misplaced returns the first line whose indentation does not match any other line, and the key under which it
// belongs.
func misplaced(lines []string) (Problem, bool) {
	o := outline{}
	block := -1 // column of the key whose block of text is being skipped; -1 outside a block
	for i, line := range lines {
		col := len(line) - len(strings.TrimLeft(line, " "))
		switch rest := strings.TrimSpace(line); {
		case rest == "" || rest[0] == '#' || rest == "---", block >= 0 && col > block:
			continue
		}
		block = -1
		for m := dashes.FindStringSubmatch(line); m != nil; m = dashes.FindStringSubmatch(line) {
			if msg := o.place(len(m[1]), true, line); msg != "" {
				return Problem{i + 1, len(m[1]) + 1, msg}, true
			}
			line = m[1] + " " + m[3] + line[len(m[0]):]
			o.opened = true
		}
		m := entry.FindStringSubmatch(line)
		if m == nil {
			o.opened = false
			continue
		}
		if msg := o.place(len(m[1]), false, m[2]); msg != "" {
			return Problem{i + 1, len(m[1]) + 1, msg}, true
		}
		value, _, _ := strings.Cut(m[3], "#")
		value = strings.TrimSpace(value)
		o.opened = value == ""
		if value != "" && (value[0] == '|' || value[0] == '>') {
			block = len(m[1])
		}
	}
	return Problem{}, false
}

// place adds a key or a dash in a column. If the column does not fit the lines above, place says what is wrong.
func (o *outline) place(col int, list bool, name string) string {
	if len(o.levels) == 0 {
		o.levels = []level{{col, list, name}}
		return ""
	}
	top := &o.levels[len(o.levels)-1]
	if col > top.col {
		if !o.opened {
			return wrongColumn(shown(name, list), col, *top)
		}
		o.levels = append(o.levels, level{col, list, name})
		return ""
	}
	under := *top
	for len(o.levels) > 0 && o.levels[len(o.levels)-1].col > col {
		under = o.levels[len(o.levels)-1]
		o.levels = o.levels[:len(o.levels)-1]
	}
	for n := len(o.levels); n > 0 && o.levels[n-1].col == col; n = len(o.levels) {
		switch at := &o.levels[n-1]; {
		case at.list == list:
			at.key = name
			return ""
		case list: // a list may begin in the same column as its key
			o.levels = append(o.levels, level{col, true, name})
			return ""
		}
		o.levels = o.levels[:n-1]
	}
	if list && !under.list {
		return fmt.Sprintf("indentation: the list item in column %d belongs under %s, in column %d or further right",
			col+1, under.key, under.col+1)
	}
	return wrongColumn(shown(name, list), col, under)
}

func wrongColumn(name string, col int, under level) string {
	return fmt.Sprintf("indentation: %s begins in column %d; it belongs under %s, in column %d", name, col+1, under.key,
		under.col+1)
}

func shown(name string, list bool) string {
	if list {
		return "the list item"
	}
	return name
}

// checkText refuses a file that is not plain UTF-8 text. GitHub shows UTF-16 as a binary file, which cannot be
// reviewed.
func checkText(text string) error {
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") || strings.Count(text, "\x00") > 1 &&
		strings.Count(text, "\x00") >= len(text)/3 {
		return Problem{1, 1, "the file is saved as UTF-16; save it as UTF-8"}
	}
	for i, line := range strings.Split(text, "\n") {
		if !strings.Contains(line, "\ufffd") && strings.ToValidUTF8(line, "") != line {
			return Problem{i + 1, 1, "the line is not valid UTF-8; save the file as UTF-8"}
		}
		rest := strings.TrimLeft(line, " \t")
		if first := []rune(rest + " ")[0]; first > 127 && (unicode.IsSpace(first) || unicode.Is(unicode.Cf, first)) {
			msg := fmt.Sprintf("the line begins with the invisible character U+%04X; use plain spaces", first)
			return Problem{i + 1, len(line) - len(rest) + 1, msg}
		}
	}
	return nil
}
