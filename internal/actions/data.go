package actions

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// Data prints one JSON document of any length, for a program to read. Secrets are hidden. Everything except printable
// ASCII is escaped, and so is # as it may start a workflow command. So neither a terminal nor the runner acts on the
// data.
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

// escapeJSON writes a character of JSON in printable ASCII. It escapes every #, because "##[" starts a workflow command
// and the next characters may be in a later piece.
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
