// Package actionstest is a test double for the GitHub Actions runner. It parses a step's output and files as the runner
// does, in both syntaxes for workflow commands.
//
// Tests use it to detect injected commands. Where it is unclear how the runner parses something, the double must assume
// the more dangerous interpretation. It must not share code with the package that it checks.
package actionstest

import (
	"strings"
	"unicode"
)

// Command is a workflow command as the runner parses it.
type Command struct {
	Name       string
	Properties map[string]string
	Data       string
	Line       string // as printed
}

// registered contains the runner's commands. Their names are case-insensitive.
var registered = map[string]bool{
	"add-mask": true, "add-matcher": true, "add-path": true, "debug": true, "echo": true, "endgroup": true,
	"error": true, "group": true, "notice": true, "remove-matcher": true, "save-state": true, "set-env": true,
	"set-output": true, "stop-commands": true, "warning": true,
}

// ParseLine parses one line. The runner's comparison ignores some characters, so ParseLine tries the line with and
// without them.
func ParseLine(line string) (Command, bool) {
	return parseLine(line, func(name string) bool { return registered[strings.ToLower(name)] })
}

func parseLine(line string, known func(string) bool) (Command, bool) {
	for _, reading := range []string{line, strings.Map(withoutIgnorable, line)} {
		for _, parse := range []func(string) (Command, bool){parseNew, parseOld} {
			if c, ok := parse(reading); ok && known(c.Name) {
				c.Line = line
				return c, true
			}
		}
	}
	return Command{}, false
}

func withoutIgnorable(r rune) rune {
	ignorable := unicode.IsControl(r) && !unicode.IsSpace(r) ||
		unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
	if ignorable {
		return -1
	}
	return r
}

// parseNew parses ::name key=value,key=value::data, optionally preceded by white space.
func parseNew(line string) (Command, bool) {
	rest, found := strings.CutPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::")
	info, data, closed := strings.Cut(rest, "::")
	if !found || !closed {
		return Command{}, false
	}
	name, properties, _ := strings.Cut(info, " ")
	return Command{
		Name:       name,
		Properties: parseProperties(strings.TrimSpace(properties), ",", newProperty),
		Data:       newData.Replace(data),
	}, true
}

// parseOld parses the first ##[name key=value;key=value]data, which may be anywhere in the line.
func parseOld(line string) (Command, bool) {
	_, rest, found := strings.Cut(line, "##[")
	info, data, closed := strings.Cut(rest, "]")
	if !found || !closed {
		return Command{}, false
	}
	name, properties, _ := strings.Cut(info, " ")
	return Command{Name: name, Properties: parseProperties(properties, ";", oldText), Data: oldText.Replace(data)}, true
}

func parseProperties(list, separator string, unescape *strings.Replacer) map[string]string {
	all := map[string]string{}
	for pair := range strings.SplitSeq(list, separator) {
		key, value, ok := strings.Cut(pair, "=")
		if ok && key != "" && value != "" {
			all[strings.ToLower(key)] = unescape.Replace(value)
		}
	}
	return all
}

// The runner replaces the escapes one after the other, with %25 last, so %250A becomes %0A rather than a newline. A
// single pass has the same result.
var (
	newData     = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
	newProperty = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	oldText     = strings.NewReplacer("%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]", "%25", "%")
)
