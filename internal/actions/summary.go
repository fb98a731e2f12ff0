package actions

import (
	"fmt"
	"os"
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// summaryLimit is the maximum size of a step's summary, in bytes. If a summary is larger, GitHub discards all of it.
const summaryLimit = 1 << 20

const summaryCut = "\n_This summary was cut because a step's summary is limited to 1 MiB. The log and the report " +
	"are complete._\n"

// Summary appends Markdown to the job summary. If the summary becomes too long, the Markdown is cut at the end of a
// line. Summary removes only secrets and control characters, so the caller must escape untrusted text. Outside Actions,
// Summary does nothing.
func (r *Runner) Summary(markdown string) error {
	if !r.InActions() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := appendSummary(r, r.secrets.hide(oneKindOfLineEnd(markdown))); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	return nil
}

func appendSummary(r *Runner, markdown string) error {
	file, err := commandFile(r, "GITHUB_STEP_SUMMARY")
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	text := fit(strings.Map(printable, markdown), summaryLimit-1-int(info.Size())) // the library adds a newline
	if text == "" {
		return fmt.Errorf("this step's summary is full (%d bytes)", info.Size())
	}
	return withLibrary(r, func(a *githubactions.Action) { a.AddStepSummary(text) })
}

// printable replaces control characters and characters that hide or reverse text.
func printable(r rune) rune {
	switch {
	case r == '\n', r == '\t':
		return r
	case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029',
		r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f', r == '\u061c':
		return '\uFFFD'
	}
	return r
}

// fit cuts Markdown to at most limit bytes, at the end of a line. It closes open fences and <details>.
func fit(markdown string, limit int) string {
	if len(markdown) <= limit {
		return markdown
	}
	for keep := limit - len(summaryCut); keep > 0; {
		head := markdown[:keep]
		head = head[:strings.LastIndexByte(head, '\n')+1]
		closing := closings(head) + summaryCut
		if over := len(head) + len(closing) - limit; over > 0 {
			keep = len(head) - over
			continue
		}
		return head + closing
	}
	return ""
}

// closings returns the text that closes the fence and the <details> elements that are still open after head.
func closings(head string) string {
	fence, details := "", 0
	for line := range strings.Lines(head) {
		line = strings.TrimSpace(line)
		mark := fenceOf(line)
		switch {
		case fence == "" && mark != "":
			fence = mark
		case fence != "" && strings.HasPrefix(mark, fence) && mark == line:
			fence = ""
		case fence == "":
			details += strings.Count(line, "<details") - strings.Count(line, "</details>")
		}
	}
	if fence != "" {
		fence += "\n"
	}
	return fence + strings.Repeat("\n</details>\n", max(details, 0))
}

// fenceOf returns the backquotes or tildes at the beginning of a line if there are at least three, and "" otherwise.
func fenceOf(line string) string {
	for _, c := range []string{"`", "~"} {
		if n := len(line) - len(strings.TrimLeft(line, c)); n >= 3 {
			return line[:n]
		}
	}
	return ""
}
