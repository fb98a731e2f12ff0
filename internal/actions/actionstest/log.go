package actionstest

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// What the page of a job shows of one step.
const (
	annotationsPerLevel = 10
	annotationUnits     = 4096 // of UTF-16
)

// Log is what the runner makes of the streams of a step.
type Log struct {
	Commands []Command
	Lines    []string // what a person sees, masked; annotations without their place
	Masks    []string
	stop     string // ends the silence that stop-commands began
}

// ReadLog reads streams one after the other. Either stream can hold commands.
func ReadLog(streams ...string) *Log {
	l := &Log{}
	for _, s := range streams {
		for _, line := range splitLines(s) {
			l.read(line)
		}
	}
	for i, line := range l.Lines { // a mask is for what comes after it, but a test wants to see every leak
		l.Lines[i] = Masked(line, l.Masks)
	}
	return l
}

// splitLines does as .NET does, for which a lone carriage return ends a line too.
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

// Masked hides every mask in a text, as the runner does wherever it shows one.
func Masked(text string, masks []string) string {
	byLength := slices.SortedFunc(slices.Values(masks), func(a, b string) int { return len(b) - len(a) })
	for _, m := range byLength {
		if m != "" {
			text = strings.ReplaceAll(text, m, "***")
		}
	}
	return text
}

// Others returns the commands whose names are not among the given: what a step did not mean to say.
func (l *Log) Others(names ...string) []Command {
	return slices.DeleteFunc(slices.Clone(l.Commands), func(c Command) bool {
		return slices.Contains(names, strings.ToLower(c.Name))
	})
}

// Annotations returns those of a level that the page shows, cut as it cuts them.
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
