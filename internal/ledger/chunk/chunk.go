// Package chunk splits long strings into short values, so that ledgers can store them in MLflow parameters.
//
// It must stay pure.
package chunk

import (
	"fmt"
	"strings"
)

// Size is the maximum length of a value in bytes. Servers before 2.9 allow 500 characters, but some databases count
// bytes.
const Size = 250

// Cut truncates a string so that it fits into one value.
func Cut(text string) string {
	if len(text) <= Size {
		return text
	}
	for n := Size - len("…"); ; n-- {
		if n == 0 || text[n]&0xC0 != 0x80 {
			return text[:n] + "…"
		}
	}
}

// Split splits a string into numbered values, never in the middle of a character. Some databases strip spaces from both
// ends of a value, so no value begins or ends with a space.
func Split(key, text string) map[string]string {
	out := map[string]string{}
	for i := 0; text != ""; i++ {
		n := min(Size, len(text))
		for n < len(text) && n > 1 && (text[n]&0xC0 == 0x80 || text[n] == ' ' || text[n-1] == ' ') {
			n--
		}
		out[fmt.Sprintf("%s.%02d", key, i)], text = text[:n], text[n:]
	}
	return out
}

// Join is the inverse of Split. It stops at the first missing value.
func Join(kv map[string]string, key string) string {
	var b strings.Builder
	for i := 0; ; i++ {
		v, ok := kv[fmt.Sprintf("%s.%02d", key, i)]
		if !ok {
			return b.String()
		}
		b.WriteString(v)
	}
}
