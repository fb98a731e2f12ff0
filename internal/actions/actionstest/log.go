package actionstest

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// The limits for one step's annotations on the job's page.
const (
	annotationsPerLevel = 10
	annotationUnits     = 4096 // in UTF-16 units
)

// Log contains what the runner shows, and what it collects while it parses a step's streams.
type Log struct {
	Commands []Command
	Lines    []string // as shown in the log: masked, and without an annotation's file and line
	Masks    []string
	stop     string // the token that ends stop-commands
}

// ReadLog parses the streams one after the other. Each of them may contain commands.
func ReadLog(streams ...string) *Log {
	l := &Log{}
	for _, s := range streams {
		for _, line := range splitLines(s) {
			l.read(line)
		}
	}
	for i, line := range l.Lines { // the runner masks only later lines, but a test must find every leak
		l.Lines[i] = Masked(line, l.Masks)
	}
	return l
}

// splitLines splits text into lines as .NET does: a lone carriage return also ends a line.
func splitLines(s string) []string {
	return strings.Split(strings.TrimSuffix(lineEnds.Replace(s), "\n"), "\n")
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func (l *Log) read(line string) {
	command, ok := parseLine(line, func(name string) bool {
		return registered[strings.ToLower(name)] || l.stop != "" && strings.EqualFold(name, l.stop)
	})
	switch {
	case !ok:
		l.Lines = append(l.Lines, line)
		return
	case l.stop != "" && !strings.EqualFold(command.Name, l.stop):
		l.Lines = append(l.Lines, line)
		return
	case l.stop != "":
		l.stop = ""
		return
	}
	l.Commands = append(l.Commands, command)
	l.obey(command)
}

func (l *Log) obey(c Command) {
	switch strings.ToLower(c.Name) {
	case "stop-commands":
		l.stop = c.Data
	case "add-mask":
		for value := range strings.FieldsFuncSeq(c.Data, func(r rune) bool { return r == '\n' || r == '\r' }) {
			l.Masks = append(l.Masks, strings.TrimSpace(value))
		}
	case "error", "warning", "notice", "group", "debug":
		l.Lines = append(l.Lines, splitLines("##["+strings.ToLower(c.Name)+"]"+c.Data)...)
	}
}

// Masked replaces every mask in the text, as the runner does in everything that it shows.
func Masked(text string, masks []string) string {
	byLength := slices.SortedFunc(slices.Values(masks), func(a, b string) int { return len(b) - len(a) })
	for _, m := range byLength {
		if m != "" {
			text = strings.ReplaceAll(text, m, "***")
		}
	}
	return text
}

// Others returns all commands except those with the given names. Tests use it to find unwanted commands.
func (l *Log) Others(names ...string) []Command {
	return slices.DeleteFunc(slices.Clone(l.Commands), func(c Command) bool {
		return slices.Contains(names, strings.ToLower(c.Name))
	})
}

// Annotations returns the annotations of a level that GitHub shows, with their messages truncated to the length that
// the page shows.
func (l *Log) Annotations(level string) []Command {
	var shown []Command
	for _, c := range l.Commands {
		if strings.EqualFold(c.Name, level) && len(shown) < annotationsPerLevel {
			if units := utf16.Encode([]rune(c.Data)); len(units) > annotationUnits {
				c.Data = string(utf16.Decode(units[:annotationUnits]))
			}
			shown = append(shown, c)
		}
	}
	return shown
}
