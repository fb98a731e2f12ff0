package format

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
)

// Thousands writes a number of bytes as people read it: 1,048,576.
func Thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// userInfo is "user:password@" in an address, wherever in a text.
var userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"'<>]*@`)

// WithoutUserInfo drops it: addresses of repositories and data often carry a token.
func WithoutUserInfo(text string) string { return userInfo.ReplaceAllString(text, "$1") }

// Truncate cuts text to at most limit characters and bytes, and says at its end that it did, with a digest of the
// whole, so that a cut is never mistaken for the original.
func Truncate(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	note := fmt.Sprintf("… [cut from %d bytes, sha256 %s]", len(text), canonical.Digest(text)[:16])
	cut := text[:limit-len(note)]
	for !utf8.ValidString(cut) {
		cut = cut[:len(cut)-1]
	}
	return cut + note
}

// First joins the first names of a list with commas, and says how many more there are.
func First(list []string, most int) string {
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// Number writes a number with as many digits as it needs to be read back.
func Number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
