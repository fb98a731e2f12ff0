package actions

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// Data prints one JSON document of any length for another program to parse. Secrets are hidden. Everything except
// printable ASCII is escaped, and so is #, which can begin a workflow command. The data therefore cannot trigger
// anything in a terminal or in the runner.
func (r *Runner) Data(json string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, c := range r.secrets.hide(json) {
		escapeJSON(&b, c)
	}
	_, err := io.WriteString(r.out.to, b.String()+"\n")
	return err
}

// Table prints comma-separated values, whose cells must not contain line breaks. Secrets are hidden, and no line
// becomes a workflow command. Lines end in CRLF, as RFC 4180 requires.
func (r *Runner) Table(csv string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for line := range strings.Lines(csv) {
		b.WriteString(inert(r.secrets.hide(strings.TrimRight(line, "\r\n"))) + "\r\n")
	}
	_, err := io.WriteString(r.out.to, b.String())
	return err
}

// escapeJSON writes one character of JSON in printable ASCII. It escapes every #, because "##[" begins a workflow
// command and its three characters may arrive in separate pieces.
func escapeJSON(b *strings.Builder, c rune) {
	switch {
	case c >= ' ' && c <= '~' && c != '#':
		b.WriteRune(c)
	case c > 0xffff:
		high, low := utf16.EncodeRune(c)
		fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
	default:
		fmt.Fprintf(b, `\u%04x`, c)
	}
}
