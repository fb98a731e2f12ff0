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
	for _, c := range strings.ReplaceAll(r.secrets.hide(json), "##[", `\u0023\u0023[`) {
		switch {
		case c >= ' ' && c <= '~':
			b.WriteRune(c)
		case c > 0xffff:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	_, err := io.WriteString(r.out.to, b.String()+"\n")
	return err
}
