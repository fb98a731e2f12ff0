package github

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
)

// A marker is the first line of everything of ours that is found again: a comment, or the body of an issue. Anybody may
// write one, so its author is looked at as well.
const (
	markerStart = "<!-- mlflow-promote:"
	markerEnd   = " -->"
	markerCut   = "<!-- cut: this text is not whole -->" // the second line of what had to be cut
)

// marker makes the line for a key, which may hold anything: a model's name and a target. What could end the comment is
// written as %XX, so two keys never share a marker.
func marker(key string) string {
	var b strings.Builder
	b.WriteString(markerStart)
	for i := range len(key) {
		c := key[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("@._/", c) >= 0 ||
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

// marked puts the marker in front of a text that GitHub will take.
func marked(key, text, full string) string {
	head := marker(key) + "\n"
	if units(head)+units(text) <= bodyLimit {
		return head + text
	}
	head += markerCut + "\n"
	return head + cut(text, bodyLimit-units(head), full)
}

// unmarked is the inverse: the text behind the marker of this key. whole is false where it was cut.
func unmarked(key, body string) (text string, ours, whole bool) {
	body = strings.ReplaceAll(body, "\r\n", "\n") // an edit in the browser writes these
	text, ours = strings.CutPrefix(body, marker(key)+"\n")
	if !ours {
		return "", false, false
	}
	rest, wasCut := strings.CutPrefix(text, markerCut+"\n")
	return rest, true, !wasCut
}

// bodyLimit leaves a thousand of GitHub's 65,536 characters unused, whose counting is nowhere described.
const bodyLimit = 65536 - 1000

// units counts as UTF-16, the largest of the ways in which a character may be counted.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// cut shortens Markdown to a limit at the end of a line and closes what is open there, then says so, with a link to the
// whole where there is one.
func cut(text string, limit int, full string) string {
	note := "\n\n*Cut here: it is longer than GitHub allows.*\n"
	if full != "" {
		note = "\n\n*Cut here: it is longer than GitHub allows. [The whole text](" + full + ")*\n"
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

// block is what Markdown stands inside of at the end of a line.
type block struct {
	fence   string // of the code block; "" outside
	details int    // depth
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

// maxDepth bounds the closing lines: a text with more open <details> than that is none of ours.
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
