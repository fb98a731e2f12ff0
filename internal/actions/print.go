package actions

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lineLimit is the maximum length of a printed line, in bytes.
const lineLimit = 16 << 10

// Out returns the only writer for standard output. It prints line by line, and hides secrets and workflow commands.
func (r *Runner) Out() io.Writer { return r.out }

// Err returns the only writer for standard error. It protects lines in the same way as Out, because the runner looks
// for commands there too.
func (r *Runner) Err() io.Writer { return r.err }

// printer buffers a line until it is complete, so that two writes cannot combine into a secret or a command.
type printer struct {
	runner  *Runner
	to      io.Writer
	line    []byte
	dropped int   // the number of bytes that were dropped because the line was too long
	failed  error // the first write error
}

func (p *printer) Write(text []byte) (int, error) {
	p.runner.mu.Lock()
	defer p.runner.mu.Unlock()
	n := 0
	for n < len(text) {
		piece, rest, complete := bytes.Cut(text[n:], []byte{'\n'})
		p.buffer(piece)
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

// buffer adds a piece to the line. For a very long line, it keeps just enough to find a secret that crosses lineLimit.
func (p *printer) buffer(piece []byte) {
	room := max(0, lineLimit+p.runner.secrets.longest-len(p.line))
	if len(piece) > room {
		p.dropped += len(piece) - room
		piece = piece[:room]
	}
	p.line = append(p.line, piece...)
}

// endLine prints the buffered line if there is one.
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
	p.failed = cmp.Or(p.failed, err)
	return err
}

// cut truncates a line to at most limit bytes, at the end of a character, and appends the number of missing bytes.
func cut(line string, limit, dropped int) string {
	if len(line) <= limit && dropped == 0 {
		return line
	}
	end := min(limit, len(line))
	for end > 0 && end < len(line) && !utf8.RuneStart(line[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d more bytes)", line[:end], len(line)-end+dropped)
}

// These expressions match the beginning of a command: anywhere in a line in the old syntax, and before any visible
// character in the new syntax. Combining marks may come in between, because the runner's comparison ignores some of
// them.
var (
	oldCommand = regexp.MustCompile(`(#\p{M}*#\p{M}*)\[`)
	newCommand = regexp.MustCompile(`^([\s\p{Z}\p{M}\x{FFFD}]*:\p{M}*):`)
)

// inert changes a line so that the runner cannot mistake it for a workflow command. Invisible characters are replaced
// rather than removed, because removing them could join two parts into a secret or a command.
func inert(line string) string {
	line = strings.Map(visible, strings.ToValidUTF8(line, "\uFFFD"))
	line = oldCommand.ReplaceAllString(line, "$1 [")
	return newCommand.ReplaceAllString(line, "$1 :")
}

// inertText applies inert to each line of a command's argument.
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
	case unicode.IsControl(r),
		unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point):
		return '\uFFFD'
	}
	return r
}
