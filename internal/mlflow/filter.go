package mlflow

import "strings"

// Quoted puts a value in quotes for a search filter. The filter syntax has no escapes, so if a value contains both
// kinds of quotes, ok is false and the caller must filter the results.
func Quoted(value string) (text string, ok bool) {
	switch {
	case !strings.Contains(value, "'"):
		return "'" + value + "'", true
	case !strings.Contains(value, `"`):
		return `"` + value + `"`, true
	}
	return "", false
}

// ByName returns the search term for the versions of a model. A name that contains both kinds of quotes becomes a
// pattern, which may match other names too.
func ByName(name string) string {
	if text, ok := Quoted(name); ok {
		return "name = " + text
	}
	pattern := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`'"\\`, r) {
			return '_'
		}
		return r
	}, name)
	return "name LIKE '" + pattern + "'"
}

// ByTag returns a term for a search for versions or runs.
func ByTag(key, value string) string {
	text, _ := Quoted(value)
	return "tags.`" + key + "` = " + text
}

func JoinAnd(terms []string) string {
	out := ""
	for i, t := range terms {
		if i > 0 {
			out += " AND "
		}
		out += t
	}
	return out
}
