package format

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
)

// Thousands formats a number with commas, such as 1,048,576.
func Thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// userInfo matches a scheme and the "user:password@" that follows it.
var userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"'<>]*@`)

// WithoutUserInfo removes user names and passwords from the URLs in text. The URLs of repositories and datasets often
// contain tokens.
func WithoutUserInfo(text string) string { return userInfo.ReplaceAllString(text, "$1") }

// truncation is the note at the end of a truncated text. It must not be reworded, because it is stored in records and
// covered by digests.
const truncation = "… [cut from %d bytes, sha256 %s]"

var truncated = regexp.MustCompile(`… \[cut from [0-9]+ bytes, sha256 ([0-9a-f]{16})\]$`)

// TruncatedFrom returns the original text's digest if Truncate has shortened the text, and "" otherwise.
func TruncatedFrom(text string) string {
	if m := truncated.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// Truncate shortens text to at most limit bytes. A note at the end gives the original's size and digest, so the result
// cannot be mistaken for the original.
func Truncate(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	note := fmt.Sprintf(truncation, len(text), canonical.Digest(text)[:16])
	cut := text[:limit-len(note)]
	for !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1]
	}
	return cut + note
}

// Bytes returns a size with a unit, for example "1.5 KiB".
func Bytes(n int64) string {
	switch {
	case n < 1<<10:
		return Plural(int(n), "byte")
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// Plural returns a number with its noun, such as "1 alias", "2 aliases" or "3 versions".
func Plural(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		return fmt.Sprintf("%d %ses", n, noun)
	case strings.HasSuffix(noun, "try"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// First joins the first entries of list, up to the given number, with commas. It says how many more entries there are.
func First(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// Number formats a number with as few digits as are needed to parse the same number again.
func Number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Shorten cuts text to at most the given number of characters. A shortened text ends with "…".
func Shorten(text string, most int) string {
	n, end := 0, 0
	for i := range text {
		switch n {
		case most - 1:
			end = i
		case most:
			return text[:end] + "…"
		}
		n++
	}
	return text
}

// Lines returns the non-empty lines of text, without surrounding whitespace.
func Lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// Timestamp returns a time in UTC as RFC 3339, or "" for the zero time.
func Timestamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

// ShortID returns the beginning of a digest or id, which is enough for comparing by eye.
func ShortID(text string) string {
	if r := []rune(text); len(r) > 12 {
		return string(r[:12])
	}
	return text
}

// Words joins the non-empty words with spaces.
func Words(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}
