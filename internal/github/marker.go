package github

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
)

// The marker is the first line of every comment and issue that this program needs to find again. Anyone can write
// such a line, so the author is checked as well.
const (
	markerStart = "<!-- mlflow-promote:"
	markerEnd   = " -->"
	markerCut   = "<!-- cut: this text is not whole -->" // the second line if the text was cut
)

// marker returns the marker line for a key. The key may contain any text: characters that could end the HTML comment
// are written as %XX, so different keys always have different markers.
func marker(key string) string {
	var b strings.Builder
	b.WriteString(markerStart)
	for i := range len(key) {
		c := key[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			strings.IndexByte("@._/", c) >= 0 ||
			c == '-' && i > 0 && key[i-1] != '-'
		if plain {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	b.WriteString(markerEnd)
	return b.String()
}

// marked prepends the marker to the text, and cuts the text if the result exceeds GitHub's limit.
func marked(key, text, full string) string {
	head := marker(key) + "\n"
	if units(head)+units(text) <= bodyLimit {
		return head + text
	}
	head += markerCut + "\n"
	return head + cutMarkdown(text, bodyLimit-units(head), full)
}

// unmarked is the inverse of marked: it returns the text that follows the marker for this key. whole is false if the
// text was cut.
func unmarked(key, body string) (text string, ours, whole bool) {
	body = strings.ReplaceAll(body, "\r\n", "\n") // edits in a browser use CRLF
	text, ours = strings.CutPrefix(body, marker(key)+"\n")
	if !ours {
		return "", false, false
	}
	rest, wasCut := strings.CutPrefix(text, markerCut+"\n")
	return rest, true, !wasCut
}

// bodyLimit is 1,000 characters below GitHub's limit of 65,536, because GitHub does not document how it counts
// characters.
const bodyLimit = 65536 - 1000

// units returns the length of s in UTF-16 code units. No other way of counting characters gives a higher number.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// cutMarkdown cuts Markdown at the end of a line so that it fits the limit, and closes the blocks that are still open.
// It adds a note that the text was cut, with a link to the full text unless full is "".
func cutMarkdown(text string, limit int, full string) string {
	note := "\n\n*This text was cut because it is longer than GitHub allows.*\n"
	if full != "" {
		note = "\n\n*This text was cut because it is longer than GitHub allows. [Full text](" + full + ")*\n"
	}
	const closers = 200 // room for the lines that close a fence and nested <details>
	var b strings.Builder
	var open block
	left := limit - units(note) - closers
	for line := range strings.Lines(text) {
		if left -= units(line); left < 0 {
			break
		}
		b.WriteString(line)
		open.pass(line)
	}
	return strings.TrimRight(b.String(), "\n") + open.closing() + note
}

// block describes the Markdown blocks that are open at the end of a line.
type block struct {
	fence   string // the fence of the open code block, or ""
	details int    // nesting depth of <details>
}

var (
	fenceLine = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})([^`\n]*)\n?$")
	details   = regexp.MustCompile(`(?i)<(/?)details\b`)
)

func (o *block) pass(line string) {
	m := fenceLine.FindStringSubmatch(line)
	switch {
	case o.fence == "" && m != nil:
		o.fence = m[1]
	case o.fence == "":
		for _, tag := range details.FindAllStringSubmatch(line, -1) {
			if tag[1] == "" {
				o.details++
			} else {
				o.details = max(o.details-1, 0)
			}
		}
	case m != nil && strings.HasPrefix(m[1], o.fence) && strings.TrimSpace(m[2]) == "":
		o.fence = ""
	}
}

// maxDepth limits how many closing lines are needed. None of our comments nests <details> more deeply.
const maxDepth = 8

func (o block) closing() string {
	out := ""
	if o.fence != "" {
		out += "\n" + o.fence
	}
	for range min(o.details, maxDepth) {
		out += "\n\n</details>"
	}
	return out
}
