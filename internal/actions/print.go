package actions

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lineLimit bounds a printed line, in bytes.
const lineLimit = 16 << 10

// Out is the only way to standard output. It prints line by line what was written to it, masked and inert.
func (r *Runner) Out() io.Writer { return r.out }

// Err is the only way to standard error, which the runner reads for commands as well.
func (r *Runner) Err() io.Writer { return r.err }

// printer holds a line back until it is complete, so that neither a secret nor a command can be put together from two
// writes.
type printer struct {
	runner  *Runner
	to      io.Writer
	line    []byte
	dropped int // bytes beyond what a line may need
}

func (p *printer) Write(text []byte) (int, error) {
	p.runner.mu.Lock()
	defer p.runner.mu.Unlock()
	n := 0
	for n < len(text) {
		piece, rest, complete := bytes.Cut(text[n:], []byte{'\n'})
		p.hold(piece)
		n = len(text) - len(rest)
		if !complete {
			return len(text), nil
		}
		if err := p.end(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// hold keeps enough of an endless line to find a secret that crosses its limit.
func (p *printer) hold(piece []byte) {
	room := max(0, lineLimit+p.runner.secrets.longest-len(p.line))
	if len(piece) > room {
		p.dropped += len(piece) - room
		piece = piece[:room]
	}
	p.line = append(p.line, piece...)
}

// endLine prints what is held, if anything is.
func (p *printer) endLine() error {
	if len(p.line) == 0 {
		return nil
	}
	return p.end()
}

func (p *printer) end() error {
	text := inert(p.runner.secrets.hide(strings.TrimSuffix(string(p.line), "\r")))
	text = cut(text, lineLimit, p.dropped)
	p.line, p.dropped = p.line[:0], 0
	_, err := io.WriteString(p.to, text+"\n")
	return err
}

// cut shortens a line at a character and says by how much.
func cut(line string, limit, dropped int) string {
	if len(line) <= limit && dropped == 0 {
		return line
	}
	end := min(limit, len(line))
	for end > 0 && end < len(line) && !utf8.RuneStart(line[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes more)", line[:end], len(line)-end+dropped)
}

// The beginnings of a command: in the old syntax anywhere, in the new one before anything visible. Marks are let in
// between, since the runner compares by culture, for which some of them do not exist.
var (
	oldCommand = regexp.MustCompile(`(#\p{M}*#\p{M}*)\[`)
	newCommand = regexp.MustCompile(`^([\s\p{Z}\p{M}\x{FFFD}]*:\p{M}*):`)
)

// inert makes a line that no parser of workflow commands takes for one. Characters that are not visible are replaced and
// not removed, lest what they kept apart become a secret or a command.
func inert(line string) string {
	line = strings.Map(visible, strings.ToValidUTF8(line, "\uFFFD"))
	line = oldCommand.ReplaceAllString(line, "$1 [")
	return newCommand.ReplaceAllString(line, "$1 :")
}

// inertText is inert for each line of a text that a command carries.
func inertText(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = inert(l)
	}
	return strings.Join(lines, "\n")
}

func visible(r rune) rune {
	switch {
	case r == '\t':
		return r
	case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point):
		return '\uFFFD'
	}
	return r
}
