package actions

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// Data prints one JSON text for a program to read: whole, however long, and still JSON. Secrets are hidden; whatever is
// not printable ASCII is written as JSON's own escapes, and so is the beginning of a workflow command, so that neither
// a terminal nor the runner finds anything in it.
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

// escapeJSON writes a character of a JSON text in printable ASCII. A # with another and a bracket would begin a workflow
// command; where the next characters come in another piece that cannot be seen, so none is left.
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
