package rest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// keyScan is the result of scanning the keys of valid JSON.
type keyScan struct {
	twice string // a key that occurs twice in one object, by the rules of encoding/json; "" if none exists
	found bool   // the outermost object contains a wanted key, whose value is not null
	empty bool   // the outermost object has no keys
}

// scanKeys scans the bytes without decoding values, because it checks every response, even pages with thousands of
// versions.
func scanKeys(valid []byte, want ...string) keyScan {
	var (
		s     = keyScan{empty: true}
		open  []level
		depth = -1
	)
	for i := 0; i < len(valid); i++ {
		switch valid[i] {
		case '{', '[':
			if depth++; depth == len(open) {
				open = append(open, level{})
			}
			open[depth].begin(valid[i] == '{')
		case '}', ']':
			depth--
		case ',':
			open[depth].atKey = open[depth].object
		case '"':
			end := stringEnd(valid, i)
			if depth >= 0 && open[depth].atKey {
				key := unquote(valid[i : end+1])
				if !open[depth].add(key) && s.twice == "" {
					s.twice = key
				}
				if depth == 0 {
					s.empty = false
					s.found = s.found || slices.Contains(want, key) && !isNull(valid[end+1:])
				}
			}
			i = end
		}
	}
	return s
}

// level is an open object or array. Its set of keys is reused for the next object at the same depth.
type level struct {
	object, atKey bool
	keys          map[string]struct{}
}

func (l *level) begin(object bool) {
	l.object, l.atKey = object, object
	clear(l.keys)
}

func (l *level) add(key string) bool {
	l.atKey = false
	if l.keys == nil {
		l.keys = map[string]struct{}{}
	}
	key = fold(key)
	_, had := l.keys[key]
	l.keys[key] = struct{}{}
	return !had
}

// stringEnd returns the index of the closing quote of the string that starts at i.
func stringEnd(valid []byte, i int) int {
	for i++; valid[i] != '"'; i++ {
		if valid[i] == '\\' {
			i++
		}
	}
	return i
}

func unquote(literal []byte) string {
	if bytes.IndexByte(literal, '\\') < 0 {
		return string(literal[1 : len(literal)-1])
	}
	var s string
	_ = json.Unmarshal(literal, &s) // cannot fail, because the string is part of valid JSON
	return s
}

// isNull reports whether the value after a key is null. rest starts at the colon.
func isNull(rest []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(rest, ": \t\r\n"), []byte("null"))
}

// fold returns the same text for all keys that encoding/json treats as the same field.
func fold(key string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, key)
}
