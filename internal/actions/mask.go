package actions

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// shortest is the minimum length of a masked text. A shorter mask would hide ordinary words, and the runner drops every
// output that contains a masked text.
const shortest = 4

// Mask hides secrets, in all their forms, from the job's log and from every output of this package. Call it before
// anything is printed or sent. Empty and very short values are ignored.
func (r *Runner) Mask(all ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, secret := range all {
		for _, form := range forms(secret) {
			if !r.secrets.add(form) || !r.InActions() {
				continue
			}
			_ = r.commandLocked(func(a *githubactions.Action) { a.AddMask(form) })
		}
	}
}

// Hide returns the text with all secrets hidden. Use it for text that leaves the process in any other way.
func (r *Runner) Hide(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.secrets.hide(text)
}

// secrets contains every form of every secret.
type secrets struct {
	forms   []string
	longest int
}

func (s *secrets) add(form string) bool {
	if len(form) < shortest || slices.Contains(s.forms, form) {
		return false
	}
	s.forms = append(s.forms, form)
	s.longest = max(s.longest, len(form))
	return true
}

// hide replaces every secret with ***. It replaces overlapping secrets together, because replacing only one of them
// would leave part of the other visible.
func (s *secrets) hide(text string) string {
	spans := s.find(text)
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	shown := 0
	for i := 0; i < len(spans); {
		from, to := spans[i][0], spans[i][1]
		for i++; i < len(spans) && spans[i][0] <= to; i++ {
			to = max(to, spans[i][1])
		}
		b.WriteString(text[shown:from] + "***")
		shown = to
	}
	return b.String() + text[shown:]
}

// find returns the range [from, to) of each occurrence of a secret, in order.
func (s *secrets) find(text string) [][2]int {
	var spans [][2]int
	for _, form := range s.forms {
		for from := 0; ; {
			i := strings.Index(text[from:], form)
			if i < 0 {
				break
			}
			from += i
			spans = append(spans, [2]int{from, from + len(form)})
			from++
		}
	}
	for end := strings.Index(text, ellipsis); end >= 0; {
		if n := s.startAt(text[:end]); n >= shortest {
			spans = append(spans, [2]int{end - n, end})
		}
		next := strings.Index(text[end+len(ellipsis):], ellipsis)
		if next < 0 {
			break
		}
		end += len(ellipsis) + next
	}
	slices.SortFunc(spans, func(a, b [2]int) int { return a[0] - b[0] })
	return spans
}

// ellipsis marks the end of a text that was too long. The text may have been cut in the middle of a secret.
const ellipsis = "…"

// startAt returns how many bytes at the end of the text may be the beginning of a secret.
func (s *secrets) startAt(text string) int {
	longest := 0
	for _, form := range s.forms {
		for n := min(len(form)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, form[:n]) {
				longest = n
				break
			}
		}
	}
	return longest
}

// forms returns the forms that a secret can take: unchanged, line by line, in a URL, in JSON, or in a Go string that is
// quoted once or twice. It also returns the base64 forms of a secret that follows other text, as in user:password.
func forms(secret string) []string {
	secret = strings.TrimSpace(secret)
	if len(secret) < shortest {
		return nil
	}
	all := []string{}
	for line := range strings.Lines(secret) {
		// the first and last lines of a PEM file are not secret
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
			all = append(all, line)
		}
	}
	inJSON, _ := json.Marshal(secret)
	quoted := inner(strconv.Quote(secret))
	quotedInJSON, _ := json.Marshal(quoted)
	all = append(all, url.QueryEscape(secret), url.PathEscape(secret), inner(string(inJSON)), quoted,
		inner(string(quotedInJSON)), inner(strconv.Quote(quoted)))
	for before := range 3 {
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			all = append(all, base64Within(secret, before, encoding))
		}
	}
	return all
}

func inner(quoted string) string { return quoted[1 : len(quoted)-1] }

// base64Within returns the part of the encoded text that depends only on the secret. before is the number of bytes
// before the secret, modulo three.
func base64Within(secret string, before int, e *base64.Encoding) string {
	encoded := e.EncodeToString([]byte(strings.Repeat("x", before) + secret))
	from := (before*8 + 5) / 6
	to := (before + len(secret)) * 8 / 6
	return encoded[from:to]
}
